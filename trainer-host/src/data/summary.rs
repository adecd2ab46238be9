//! What a data set holds, in a few lines.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::{Dataset, Targets, Task};

/// The size, shape and balance of a [`Dataset`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Number of sequences.
    pub sequences: usize,
    /// Steps of all sequences together.
    pub steps: usize,
    /// Steps of a sequence.
    pub length: Lengths,
    /// Name of each input channel.
    pub channels: Vec<String>,
    /// The kind of targets.
    pub task: Task,
    /// Each class with its sequences (or steps, for a class for each step), or each output of a
    /// regression with its values.
    pub outputs: Vec<Output>,
    /// Number of groups, if known.
    pub groups: Option<usize>,
}

/// Steps of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Lengths {
    /// Of the shortest.
    pub min: usize,
    /// Of the middle one; the upper of two.
    pub median: usize,
    /// Of the longest.
    pub max: usize,
}

/// A class or an output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// How often it occurs.
    pub count: usize,
}

impl Dataset {
    /// The size, shape and balance of this set.
    pub fn summary(&self) -> Summary {
        let mut lengths: Vec<usize> = self.sequences.iter().map(|s| s.nrows()).collect();
        lengths.sort_unstable();
        let at = |i: usize| lengths.get(i).copied().unwrap_or_default();
        Summary {
            sequences: self.len(),
            steps: lengths.iter().sum(),
            length: Lengths {
                min: at(0),
                median: at(lengths.len() / 2),
                max: at(lengths.len().saturating_sub(1)),
            },
            channels: self.channels.clone(),
            task: self.targets.task(),
            outputs: (self.outputs.iter().cloned().zip(self.output_counts()))
                .map(|(name, count)| Output { name, count })
                .collect(),
            groups: self
                .groups
                .as_ref()
                .map(|g| g.iter().collect::<BTreeSet<_>>().len()),
        }
    }

    fn output_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.outputs.len()];
        match &self.targets {
            Targets::Class(classes) => classes.iter().for_each(|c| counts[*c] += 1),
            Targets::ClassPerStep(steps) => steps.iter().flatten().for_each(|c| counts[*c] += 1),
            Targets::Value(values) => counts.fill(values.len()),
            Targets::ValuePerStep(steps) => counts.fill(steps.iter().map(|v| v.nrows()).sum()),
        }
        counts
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lengths { min, median, max } = self.length;
        write!(f, "{} sequences of ", self.sequences)?;
        match min == max {
            true => write!(f, "{max} steps")?,
            false => write!(f, "{min} to {max} steps (median {median})")?,
        }
        write!(
            f,
            ", {} channels ({})",
            self.channels.len(),
            brief(&self.channels)
        )?;
        if let Some(groups) = self.groups {
            write!(f, ", {groups} groups")?;
        }
        write!(f, "\n{}: ", self.task.describe())?;
        let outputs: Vec<String> = match self.task.is_class() {
            true => (self.outputs.iter())
                .map(|o| format!("{} × {}", o.count, o.name))
                .collect(),
            false => self.outputs.iter().map(|o| o.name.clone()).collect(),
        };
        write!(f, "{}", outputs.join(", "))
    }
}

/// The first and last of many names.
fn brief(names: &[String]) -> String {
    match names {
        [first, .., last] if names.len() > 4 => format!("{first} … {last}"),
        _ => names.join(", "),
    }
}
