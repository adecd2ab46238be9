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

    /// How often each class occurs, in sequences or, for a class for each step, in steps; `None` for values.
    pub fn class_counts(&self) -> Option<Vec<usize>> {
        self.targets.task().is_class().then(|| self.output_counts())
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
        write!(f, "{} of ", counted(self.sequences, "sequence"))?;
        match min == max {
            true => write!(f, "{}", counted(max, "step"))?,
            false => write!(f, "{min} to {max} steps (median {median})")?,
        }
        let channels = counted(self.channels.len(), "channel");
        write!(f, ", {channels} ({})", brief(&self.channels))?;
        if let Some(groups) = self.groups {
            write!(f, ", {}", counted(groups, "group"))?;
        }
        write!(f, "\n{}: ", self.task.describe())?;
        let all: usize = self.outputs.iter().map(|o| o.count).sum();
        let outputs: Vec<String> = match self.task.is_class() {
            true => (self.outputs.iter())
                .map(|o| {
                    let share = 100.0 * o.count as f64 / all.max(1) as f64;
                    format!("{} × {} ({share:.1} %)", o.count, o.name)
                })
                .collect(),
            false => self.outputs.iter().map(|o| o.name.clone()).collect(),
        };
        write!(f, "{}", outputs.join(", "))
    }
}

/// `1 step`, `2 steps`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// The first and last of many names.
fn brief(names: &[String]) -> String {
    match names {
        [first, .., last] if names.len() > 4 => format!("{first} … {last}"),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn says_size_shape_and_balance() {
        let data = Dataset {
            channels: (0..9).map(|j| format!("x{j}")).collect(),
            sequences: [2, 9, 4].map(|steps| Array2::zeros((steps, 9))).to_vec(),
            targets: Targets::Class(vec![0, 1, 0]),
            outputs: vec!["rest".into(), "move".into()],
            groups: Some(["ann", "bob", "ann"].map(String::from).to_vec()),
            ..Dataset::default()
        };
        let summary = data.summary();
        assert_eq!(
            summary.to_string(),
            "3 sequences of 2 to 9 steps (median 4), 9 channels (x0 … x8), 2 groups\n\
             one class a sequence: 2 × rest (66.7 %), 1 × move (33.3 %)"
        );
        assert_eq!(summary.steps, 15);
    }
}
