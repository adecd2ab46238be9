//! A labelled set of sequences, wherever it came from.

use std::collections::HashSet;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};
use serde::{Deserialize, Serialize};

use super::error::{DataError, Place, Problem};
use super::front_end::FrontEnd;
use super::offsets::offset_of;
use super::origin::{Moment, Origin};
use super::{Targets, Task};

/// A set of sequences that share channels, with one target (or one per step) each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Name of each input channel, `[I]`.
    pub channels: Vec<String>,
    /// What is to be added to the values of each channel for real units, `[I]`; empty where that is 0 for
    /// all of them, as it is unless f32 would lose what the values differ by.
    pub offsets: Vec<f64>,
    /// One `[T, I]` array a sequence; `T ≥ 1` varies from sequence to sequence.
    pub sequences: Vec<Array2<f32>>,
    /// What training may take in place of each sequence, each as long as it; empty where there is nothing.
    pub variants: Vec<Vec<Array2<f32>>>,
    /// Where the channels of a forecast are changes: the values in the last row of each window, `[C]`, in real units.
    pub levels: Vec<Vec<f64>>,
    /// When the target of each window of a forecast is; empty for other data, and for windows without targets.
    pub moments: Vec<Moment>,
    /// What the network is to say about each sequence.
    pub targets: Targets,
    /// Name of each class, or of each output of a regression, `[O]`.
    pub outputs: Vec<String>,
    /// What the source calls each sequence, by its series or its file; empty where it has no names.
    pub names: Vec<String>,
    /// The group (person, machine) that each sequence came from, if known; splits keep groups whole.
    pub groups: Option<Vec<String>>,
    /// What the outputs of a forecast continue.
    pub origin: Option<Origin>,
    /// The steps of each sequence before which time is missing; empty where no windows will be cut.
    pub gaps: Vec<Vec<usize>>,
    /// What makes the channels of samples, with every setting; where the source has samples and a configuration says how.
    pub front_end: Option<FrontEnd>,
    /// What was read otherwise than it stands in the source, a line each.
    pub notes: Vec<String>,
}

/// What data must share with the data that a model was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Name of each input channel, `[I]`.
    pub channels: Vec<String>,
    /// Name of each class, or of each output of a regression, `[O]`.
    pub outputs: Vec<String>,
    /// The kind of targets.
    pub task: Task,
}

/// Borrows every sequence.
pub fn views(sequences: &[Array2<f32>]) -> Vec<ArrayView2<'_, f32>> {
    sequences.iter().map(|sequence| sequence.view()).collect()
}

impl Dataset {
    /// CRC-32 of the variants; `None` where there are none.
    pub fn checksum_of_variants(&self) -> Option<u32> {
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
        let mut digest = crc.digest();
        let values = self.variants.iter().flatten().flatten();
        values.for_each(|value| digest.update(&value.to_le_bytes()));
        (!self.variants.is_empty()).then(|| digest.finalize())
    }

    /// CRC-32 of what there is without variants: names, sequences and targets.
    pub fn checksum(&self) -> u32 {
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
        let mut digest = crc.digest();
        for name in self.channels.iter().chain(&self.outputs) {
            digest.update(name.as_bytes());
            digest.update(&[0]);
        }
        for offset in self.offsets.iter().chain(self.levels.iter().flatten()) {
            digest.update(&offset.to_le_bytes());
        }
        for sequence in &self.sequences {
            digest.update(&(sequence.nrows() as u64).to_le_bytes());
            for value in sequence {
                digest.update(&value.to_le_bytes());
            }
        }
        match &self.targets {
            // In their logical order; what `Debug` prints of an array leaves out the middle of a long one.
            Targets::ValuePerStep(all) => {
                for values in all {
                    digest.update(&(values.nrows() as u64).to_le_bytes());
                    for value in values {
                        digest.update(&value.to_le_bytes());
                    }
                }
            }
            plain => digest.update(format!("{plain:?}").as_bytes()),
        }
        digest.finalize()
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.sequences.len()
    }

    /// Whether there is no sequence.
    pub fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// What a test part must share with this set.
    pub fn schema(&self) -> Schema {
        Schema {
            channels: self.channels.clone(),
            outputs: self.outputs.clone(),
            task: self.targets.task(),
        }
    }

    /// The sequences at `indices`, in that order, with all that belongs to them.
    ///
    /// Panics if an index is not below [`len`](Self::len).
    pub fn select(&self, indices: &[usize]) -> Self {
        fn pick<T: Clone>(from: &[T], indices: &[usize]) -> Vec<T> {
            indices.iter().map(|i| from[*i].clone()).collect()
        }
        Self {
            channels: self.channels.clone(),
            offsets: self.offsets.clone(),
            sequences: pick(&self.sequences, indices),
            variants: match self.variants.is_empty() {
                true => Vec::new(),
                false => pick(&self.variants, indices),
            },
            levels: match self.levels.is_empty() {
                true => Vec::new(),
                false => pick(&self.levels, indices),
            },
            moments: match self.moments.is_empty() {
                true => Vec::new(),
                false => pick(&self.moments, indices),
            },
            targets: match &self.targets {
                Targets::Class(t) => Targets::Class(pick(t, indices)),
                Targets::ClassPerStep(t) => Targets::ClassPerStep(pick(t, indices)),
                Targets::Value(t) => Targets::Value(pick(t, indices)),
                Targets::ValuePerStep(t) => Targets::ValuePerStep(pick(t, indices)),
            },
            outputs: self.outputs.clone(),
            names: match self.names.is_empty() {
                true => Vec::new(),
                false => pick(&self.names, indices),
            },
            groups: self.groups.as_ref().map(|groups| pick(groups, indices)),
            origin: self.origin.clone(),
            front_end: self.front_end.clone(),
            gaps: match self.gaps.is_empty() {
                true => Vec::new(),
                false => pick(&self.gaps, indices),
            },
            notes: Vec::new(),
        }
    }

    /// Takes the sequences at `indices`, which ascend, out of this set.
    pub(super) fn take(&mut self, indices: &[usize]) -> Self {
        fn move_out<T>(from: &mut Vec<T>, indices: &[usize]) -> Vec<T> {
            let mut wanted = indices.iter().copied().peekable();
            let all = std::mem::take(from).into_iter().enumerate();
            let (taken, left): (Vec<_>, Vec<_>) =
                all.partition(|(i, _)| wanted.next_if_eq(i).is_some());
            *from = left.into_iter().map(|(_, own)| own).collect();
            taken.into_iter().map(|(_, own)| own).collect()
        }
        Self {
            channels: self.channels.clone(),
            offsets: self.offsets.clone(),
            sequences: move_out(&mut self.sequences, indices),
            targets: match &mut self.targets {
                Targets::Class(t) => Targets::Class(move_out(t, indices)),
                Targets::ClassPerStep(t) => Targets::ClassPerStep(move_out(t, indices)),
                Targets::Value(t) => Targets::Value(move_out(t, indices)),
                Targets::ValuePerStep(t) => Targets::ValuePerStep(move_out(t, indices)),
            },
            outputs: self.outputs.clone(),
            groups: (self.groups.as_mut()).map(|groups| move_out(groups, indices)),
            origin: self.origin.clone(),
            front_end: self.front_end.clone(),
            // Of every sequence, or of none.
            names: move_out(&mut self.names, indices),
            variants: move_out(&mut self.variants, indices),
            levels: move_out(&mut self.levels, indices),
            moments: move_out(&mut self.moments, indices),
            gaps: move_out(&mut self.gaps, indices),
            notes: Vec::new(),
        }
    }

    /// Rows `rows` of sequence `i`, with what belongs to them.
    pub(super) fn rows(&self, i: usize, rows: Range<usize>) -> Self {
        let mut part = self.select(&[i]);
        part.sequences[0] = self.sequences[i].slice(s![rows.clone(), ..]).to_owned();
        for variant in part.variants.iter_mut().flatten() {
            *variant = variant.slice(s![rows.clone(), ..]).to_owned();
        }
        match &mut part.targets {
            Targets::Class(_) | Targets::Value(_) => {}
            Targets::ClassPerStep(classes) => classes[0] = classes[0][rows.clone()].to_vec(),
            Targets::ValuePerStep(values) => {
                values[0] = values[0].slice(s![rows.clone(), ..]).to_owned();
            }
        }
        if let Some(gaps) = part.gaps.first_mut() {
            gaps.retain(|at| (rows.start + 1..rows.end).contains(at));
            gaps.iter_mut().for_each(|at| *at -= rows.start);
        }
        part
    }

    /// Adds the sequences of another set of the same schema and offsets.
    pub(super) fn append(&mut self, mut other: Self) {
        self.sequences.append(&mut other.sequences);
        self.variants.append(&mut other.variants);
        self.gaps.append(&mut other.gaps);
        self.names.append(&mut other.names);
        match (&mut self.targets, other.targets) {
            (Targets::Class(own), Targets::Class(mut other)) => own.append(&mut other),
            (Targets::ClassPerStep(own), Targets::ClassPerStep(mut other)) => {
                own.append(&mut other)
            }
            (Targets::Value(own), Targets::Value(mut other)) => own.append(&mut other),
            (Targets::ValuePerStep(own), Targets::ValuePerStep(mut other)) => {
                own.append(&mut other)
            }
            (own, other) => debug_assert_eq!(own.task(), other.task()),
        }
        if let (Some(own), Some(mut other)) = (&mut self.groups, other.groups) {
            own.append(&mut other);
        }
    }

    /// The offset of channel `j`, 0 for most.
    pub fn offset(&self, j: usize) -> f64 {
        offset_of(&self.offsets, j)
    }

    /// Refuses data that a model trained on `schema` cannot be applied to.
    pub(crate) fn require_channels(&self, schema: &Schema, place: &Place) -> Result<(), DataError> {
        let own: HashSet<&String> = self.channels.iter().collect();
        let missing = schema.channels.iter().find(|name| !own.contains(name));
        if let Some(name) = missing
            && schema.channels.iter().any(|name| own.contains(name))
        {
            return Err(place.clone().refuse(Problem::MissingChannel {
                name: name.clone(),
                have: self.channels.clone(),
            }));
        }
        let (expected, found) = (schema.channels.len(), self.channels.len());
        if expected != found {
            return Err(place
                .clone()
                .refuse(Problem::ChannelCount { expected, found }));
        }
        match self.channels == schema.channels {
            true => Ok(()),
            false => Err(place.clone().refuse(Problem::Mismatch {
                what: "channels",
                expected: schema.channels.join(", "),
                found: self.channels.join(", "),
            })),
        }
    }

    /// Refuses data that a model trained on `schema` cannot be applied to or judged by.
    pub(crate) fn require(&self, schema: &Schema, place: &Place) -> Result<(), DataError> {
        let task = self.targets.task();
        let mismatch = |what, expected: String, found: String| {
            Err(place.clone().refuse(Problem::Mismatch {
                what,
                expected,
                found,
            }))
        };
        self.require_channels(schema, place)?;
        if task != schema.task {
            return mismatch(
                "targets",
                schema.task.describe().into(),
                task.describe().into(),
            );
        }
        if self.outputs != schema.outputs {
            return mismatch(
                "outputs",
                schema.outputs.join(", "),
                self.outputs.join(", "),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::ShapeBuilder;
    use proptest::prelude::*;

    use super::*;

    fn of_targets(targets: Array2<f32>) -> Dataset {
        Dataset {
            channels: vec!["x".into()],
            sequences: vec![Array2::zeros((targets.nrows(), 1))],
            targets: Targets::ValuePerStep(vec![targets]),
            outputs: vec!["y".into()],
            ..Dataset::default()
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_out_is_what_would_be_selected(is_taken in prop::collection::vec(any::<bool>(), 1..12)) {
            let n = is_taken.len();
            let data = Dataset {
                sequences: (0..n).map(|i| Array2::from_elem((1, 1), i as f32)).collect(),
                targets: Targets::Class((0..n).collect()),
                groups: Some((0..n).map(|i| i.to_string()).collect()),
                gaps: (0..n).map(|i| vec![i]).collect(),
                ..Dataset::default()
            };
            let (taken, left): (Vec<usize>, Vec<usize>) = (0..n).partition(|i| is_taken[*i]);
            let mut rest = data.clone();
            prop_assert_eq!(rest.take(&taken), data.select(&taken));
            prop_assert_eq!(rest, data.select(&left));
        }
    }

    #[test]
    fn the_checksum_sees_every_target_and_no_memory_layout() {
        let targets = Array2::from_shape_fn((600, 2), |(t, o)| (t * 2 + o) as f32);
        let checksum = of_targets(targets.clone()).checksum();
        let mut changed = targets.clone();
        changed[[300, 1]] += 1.0;
        assert_ne!(of_targets(changed).checksum(), checksum);
        let mut other_layout = Array2::zeros((600, 2).f());
        other_layout.assign(&targets);
        assert_eq!(of_targets(other_layout).checksum(), checksum);
    }
}
