//! Windows: a set with one target a sequence, cut from long recordings.
//!
//! ```text
//! window w = rows[w · step .. w · step + length]                       (W1)
//! ```
//!
//! A window of a recording with one target has that target. Of a recording with a label for each step it
//! has the label that all of its steps share, and is left out where they do not; with values for each
//! step, those of its last one. Windows over a gap in time are left out. Recordings are cut after they
//! were divided into parts, so that no two parts share a row.

use std::ops::Range;

use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};

use super::error::{DataError, Place, Problem};
use super::{Dataset, Targets, Task, time_gaps};

/// How recordings are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Rows of a window.
    pub length: usize,
    /// Rows from a window's begin to the next one's; without it, as many as a window has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
}

impl Window {
    /// Windows of `length` rows that follow each other.
    pub fn new(length: usize) -> Self {
        Self { length, step: None }
    }

    /// Refuses numbers that cannot work.
    pub(super) fn validate(&self, place: &Place) -> Result<(), DataError> {
        for (key, value) in [("window", self.length), ("step", self.step.unwrap_or(1))] {
            if value == 0 {
                return Err(place.clone().refuse(Problem::Setting {
                    key,
                    found: "0".into(),
                    needed: "at least 1",
                }));
            }
        }
        Ok(())
    }

    /// A note on the classes that the recordings have and no window.
    fn lost_classes(&self, data: &Dataset, cut: &Dataset) -> Option<String> {
        let (before, after) = data.class_counts().zip(cut.class_counts())?;
        let is_lost = |class: &usize| before[*class] > 0 && after[*class] == 0;
        let lost: Vec<&str> = (0..before.len())
            .filter(is_lost)
            .map(|class| data.outputs[class].as_str())
            .collect();
        (!lost.is_empty()).then(|| {
            format!(
                "no window of {} rows has the class {} (--window)",
                self.length,
                lost.join(", ")
            )
        })
    }

    /// Cuts the sequences of one part.
    pub(super) fn cut(&self, data: &Dataset, place: &Place) -> Result<Dataset, DataError> {
        let step = self.step.unwrap_or(self.length);
        let mut cut = Dataset {
            channels: data.channels.clone(),
            offsets: data.offsets.clone(),
            targets: match data.targets.task() {
                Task::Class | Task::ClassPerStep => Targets::Class(Vec::new()),
                Task::Value | Task::ValuePerStep => Targets::Value(Vec::new()),
            },
            outputs: data.outputs.clone(),
            front_end: data.front_end.clone(),
            groups: data.groups.as_ref().map(|_| Vec::new()),
            notes: data.notes.clone(),
            ..Dataset::default()
        };
        let (mut over_gaps, mut over_labels, mut short) = (0, 0, 0);
        for (i, sequence) in data.sequences.iter().enumerate() {
            short += usize::from(sequence.nrows() < self.length);
            let last = (sequence.nrows() + 1).saturating_sub(self.length);
            for from in (0..last).step_by(step) {
                let rows = from..from + self.length;
                let gaps = data.gaps.get(i);
                if gaps.is_some_and(|gaps| time_gaps::within(gaps, from, rows.end - 1)) {
                    over_gaps += 1;
                } else if !push_target(&mut cut.targets, &data.targets, i, rows.clone()) {
                    over_labels += 1;
                } else {
                    let same =
                        |variant: &Array2<f32>| variant.slice(s![rows.clone(), ..]).to_owned();
                    if let Some(variants) = data.variants.get(i) {
                        cut.variants.push(variants.iter().map(same).collect());
                    }
                    cut.sequences.push(same(sequence));
                    if let Some(name) = data.names.get(i) {
                        cut.names.push(name_of_rows(name, from, self.length));
                    }
                    if let (Some(cut), Some(groups)) = (&mut cut.groups, &data.groups) {
                        cut.push(groups[i].clone());
                    }
                }
            }
        }
        cut.notes.extend(left_out([over_gaps, over_labels, short]));
        cut.notes.extend(self.lost_classes(data, &cut));
        match cut.is_empty() {
            true => Err(place.clone().refuse(Problem::NoWindow {
                length: self.length,
                longest: data
                    .sequences
                    .iter()
                    .map(|s| s.nrows())
                    .max()
                    .unwrap_or_default(),
            })),
            false => Ok(cut),
        }
    }
}

/// What a window of `length` rows from row `from` of a recording is called: `walk_01[0..50]`.
pub(super) fn name_of_rows(recording: &str, from: usize, length: usize) -> String {
    format!("{recording}[{from}..{}]", from + length)
}

/// What was left out because of gaps, of labels and of length.
fn left_out(counts: [usize; 3]) -> impl Iterator<Item = String> {
    let what = [
        "windows over gaps in time were left out",
        "windows in which the label changes were left out",
        "recordings are shorter than a window and were left out",
    ];
    let some = counts.into_iter().zip(what).filter(|(count, _)| *count > 0);
    some.map(|(count, what)| format!("{count} {what}"))
}

/// Adds to `own` the target of these rows of sequence `i`; false if they have none together.
fn push_target(own: &mut Targets, from: &Targets, i: usize, rows: Range<usize>) -> bool {
    match (own, from) {
        (Targets::Class(own), Targets::Class(classes)) => own.push(classes[i]),
        (Targets::Class(own), Targets::ClassPerStep(classes)) => {
            let classes = &classes[i][rows];
            if classes.iter().any(|class| *class != classes[0]) {
                return false;
            }
            own.push(classes[0]);
        }
        (Targets::Value(own), Targets::Value(values)) => own.push(values[i].clone()),
        (Targets::Value(own), Targets::ValuePerStep(values)) => {
            own.push(values[i].row(rows.end - 1).to_vec());
        }
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    fn recording(classes: Vec<usize>, gaps: Vec<usize>) -> Dataset {
        Dataset {
            channels: vec!["x".into()],
            sequences: vec![Array2::from_shape_fn((classes.len(), 1), |(t, _)| t as f32)],
            targets: Targets::ClassPerStep(vec![classes]),
            outputs: vec!["a".into(), "b".into()],
            gaps: vec![gaps],
            ..Dataset::default()
        }
    }

    proptest! {
        #[test]
        fn windows_are_whole_have_one_label_and_no_gap(
            classes in prop::collection::vec(0..2usize, 8..60),
            gap in 0..60usize,
            (length, step) in (1..8usize, 1..8usize),
        ) {
            let data = recording(classes.clone(), vec![gap]);
            let window = Window { length, step: Some(step) };
            let expected: Vec<usize> = (0..=classes.len() - length)
                .step_by(step)
                .filter(|from| classes[*from..from + length].iter().all(|c| *c == classes[*from]))
                .filter(|from| !(*from < gap && gap < from + length))
                .collect();
            match window.cut(&data, &Place::default()) {
                Ok(cut) => {
                    let first: Vec<usize> = cut.sequences.iter().map(|s| s[[0, 0]] as usize).collect();
                    prop_assert_eq!(&first, &expected);
                    let labels = expected.iter().map(|from| classes[*from]).collect();
                    prop_assert_eq!(cut.targets, Targets::Class(labels));
                    prop_assert!(cut.sequences.iter().all(|s| s.nrows() == length));
                }
                Err(_) => prop_assert!(expected.is_empty()),
            }
        }
    }

    #[test]
    fn values_for_each_step_are_those_of_the_last_one() {
        let data = Dataset {
            channels: vec!["x".into()],
            sequences: vec![Array2::zeros((5, 1))],
            targets: Targets::ValuePerStep(vec![Array2::from_shape_fn((5, 1), |(t, _)| t as f32)]),
            outputs: vec!["y".into()],
            ..Dataset::default()
        };
        let cut = Window::new(2).cut(&data, &Place::default()).unwrap();
        assert_eq!(cut.targets, Targets::Value(vec![vec![1.0], vec![3.0]]));
    }
}
