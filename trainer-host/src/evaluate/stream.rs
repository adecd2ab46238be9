//! A part judged as an endless stream: its sequences run one after the other, and no state is reset between them.
//!
//! Sequences of one group (person, machine) are one stream, in the order of the data, which is that of recording for
//! most data. Data without groups is one stream. A decision counts where it counts with a reset: after the last step
//! of each sequence, or after every step where each step has a target. So both figures are of the same decisions, and
//! only the state before each sequence differs.

use ndarray::{Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;
use serde::Serialize;

use super::{Outputs, Score, decide, score};
use crate::data::Dataset;
use crate::loss::{Expected, Target};
use crate::network::Network;
use crate::passes::activation_format::ActivationFormats;
use crate::passes::carried::StreamPart;

/// The sequences of a part as streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streams {
    /// Numbers of the sequences of each stream, in their order.
    streams: Vec<Vec<usize>>,
}

impl Streams {
    /// One stream for each group of `data`, in the order in which groups first appear.
    pub fn of(data: &Dataset) -> Self {
        let all = 0..data.len();
        let Some(groups) = &data.groups else {
            return Self {
                streams: vec![all.collect()],
            };
        };
        let mut names: Vec<&str> = Vec::new();
        let mut streams: Vec<Vec<usize>> = Vec::new();
        for s in all {
            let known = names.iter().position(|name| *name == groups[s]);
            let stream = known.unwrap_or_else(|| {
                names.push(&groups[s]);
                streams.push(Vec::new());
                streams.len() - 1
            });
            streams[stream].push(s);
        }
        Self { streams }
    }

    /// A reset before each of `sequences` sequences: each is a stream of its own.
    pub fn reset_at_each(sequences: usize) -> Self {
        Self {
            streams: (0..sequences).map(|s| vec![s]).collect(),
        }
    }

    /// Numbers of the sequences of each stream, in their order.
    pub fn sequences(&self) -> &[Vec<usize>] {
        &self.streams
    }

    /// Number of streams.
    pub fn count(&self) -> usize {
        self.streams.len()
    }

    /// Sequences of the longest stream.
    pub fn longest(&self) -> usize {
        self.streams.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// For each sequence, in the order of the data: how many of its stream come before it.
    pub fn positions(&self) -> Vec<usize> {
        let mut positions = vec![0; self.streams.iter().map(Vec::len).sum()];
        for stream in &self.streams {
            (stream.iter().enumerate()).for_each(|(position, s)| positions[*s] = position);
        }
        positions
    }

    /// The mean of `values`, one for each sequence, over the sequences at each position of the streams.
    pub fn by_position(&self, values: &[f64]) -> Vec<f64> {
        let mut sums = vec![(0.0, 0usize); self.longest()];
        for (value, position) in values.iter().zip(self.positions()) {
            sums[position].0 += value;
            sums[position].1 += 1;
        }
        let mean = |(sum, count): (f64, usize)| sum / count.max(1) as f64;
        sums.into_iter().map(mean).collect()
    }

    /// What `run` finds for each sequence, in the order of the data; it gets the numbers of one stream. Uses all
    /// threads; the result does not depend on their number.
    pub fn follow<T: Send>(&self, run: impl Fn(&[usize]) -> Vec<T> + Sync) -> Vec<T> {
        let found: Vec<Vec<T>> = self.streams.par_iter().map(|stream| run(stream)).collect();
        let numbers = self.streams.iter().flatten().copied();
        let mut all: Vec<(usize, T)> = numbers.zip(found.into_iter().flatten()).collect();
        all.sort_by_key(|(s, _)| *s);
        all.into_iter().map(|(_, found)| found).collect()
    }

    /// `network` over normalised sequences, each `[T, I]`, with activations rounded to `formats`.
    pub fn run(
        &self,
        network: &Network,
        formats: &ActivationFormats,
        sequences: &[Array2<f32>],
    ) -> Vec<StreamPart> {
        self.follow(|stream| {
            let views: Vec<ArrayView2<'_, f32>> =
                stream.iter().map(|s| sequences[*s].view()).collect();
            network.stream(formats, &views)
        })
    }

    /// The outputs of [`Streams::run`].
    pub fn outputs(
        &self,
        network: &Network,
        formats: &ActivationFormats,
        sequences: &[Array2<f32>],
    ) -> Outputs {
        let parts = self.run(network, formats, sequences);
        parts.into_iter().map(|part| part.outputs).collect()
    }
}

/// A part judged with a reset before each sequence and without, by the same network or the same integers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamScore {
    /// With a reset before each sequence.
    pub reset: Score,
    /// Without a reset within a stream.
    pub stream: Score,
    /// How the cells grow.
    pub cells: CellGrowth,
    /// What the errors by position are.
    pub error_name: &'static str,
    /// Errors with resets of the sequences at each position of the streams.
    pub reset_errors: Vec<f64>,
    /// The same without resets.
    pub stream_errors: Vec<f64>,
}

/// Sizes of the cells after each sequence, over all layers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CellGrowth {
    /// RMS with a reset before each sequence.
    pub reset: f64,
    /// RMS without resets, over the last quarter of the longest stream.
    pub stream: f64,
    /// Largest magnitude without resets.
    pub largest: f64,
    /// RMS with resets after the sequences at each position of the streams.
    pub reset_by_position: Vec<f64>,
    /// The same without resets.
    pub stream_by_position: Vec<f64>,
}

impl StreamScore {
    /// Of what ran over `data` with a reset before each sequence, and what ran over `streams`.
    pub fn of(data: &Dataset, streams: &Streams, [reset, stream]: [Vec<StreamPart>; 2]) -> Self {
        let cells = CellGrowth::of(streams, [&reset, &stream]);
        let outputs = |parts: Vec<StreamPart>| -> Outputs {
            parts.into_iter().map(|part| part.outputs).collect()
        };
        let [reset, stream] = [reset, stream].map(outputs);
        Self {
            reset: score(data, &reset),
            stream: score(data, &stream),
            cells,
            error_name: match data.targets.task().is_class() {
                true => "share of wrong decisions",
                false => "squared error",
            },
            reset_errors: streams.by_position(&errors(data, &reset)),
            stream_errors: streams.by_position(&errors(data, &stream)),
        }
    }

    /// In words.
    pub fn to_text(&self) -> String {
        format!(
            "  reset       {}\n  stream      {}\n  cells       RMS {:.3} with resets; at the streams' ends {:.3}, {:.1} times as much; at most {:.1}\n",
            self.reset.describe(),
            self.stream.describe(),
            self.cells.reset,
            self.cells.stream,
            self.cells.growth(),
            self.cells.largest,
        )
    }
}

impl CellGrowth {
    /// Of cells after each sequence with resets, and in `streams`.
    pub fn of(streams: &Streams, [reset, stream]: [&[StreamPart]; 2]) -> Self {
        let by_position = |parts: &[StreamPart]| {
            let squares: Vec<f64> = parts.iter().map(|part| mean_square(&part.cells)).collect();
            streams.by_position(&squares)
        };
        let squares = [by_position(reset), by_position(stream)];
        let longest = streams.longest();
        let root_mean =
            |values: &[f64]| (values.iter().sum::<f64>() / values.len().max(1) as f64).sqrt();
        let cells = stream.iter().flat_map(|part| &part.cells);
        let [reset_by_position, stream_by_position] =
            (squares.clone()).map(|all| all.into_iter().map(f64::sqrt).collect());
        Self {
            reset: root_mean(&squares[0]),
            stream: root_mean(&squares[1][longest - longest.div_ceil(4)..]),
            largest: cells.fold(0.0, |largest, c| f64::from(c.abs()).max(largest)),
            reset_by_position,
            stream_by_position,
        }
    }

    /// The cells at the ends of the streams, in sizes of cells with resets.
    pub fn growth(&self) -> f64 {
        match self.reset > 0.0 {
            true => self.stream / self.reset,
            false => 1.0,
        }
    }
}

/// 0 of nothing.
fn mean_square(values: &[f32]) -> f64 {
    let sum: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
    sum / values.len().max(1) as f64
}

/// The mean error of each sequence: the share of wrong decisions, or the squared error.
fn errors(data: &Dataset, outputs: &Outputs) -> Vec<f64> {
    let error = |expected: Expected<'_>, row: ArrayView1<'_, f32>| match expected {
        Expected::Class(class) => f64::from(u8::from(decide(row) != class)),
        Expected::Values(values) => {
            let squares = values.iter().zip(row);
            let squares = squares.map(|(a, b)| f64::from(a - b).powi(2));
            squares.sum::<f64>() / values.len().max(1) as f64
        }
    };
    let sequence = |(s, outputs): (usize, &Array2<f32>)| {
        let target = Target::of(&data.targets, s);
        let rows = outputs.rows().into_iter().enumerate();
        let errors = rows.map(|(t, row)| error(target.expected(t), row));
        errors.sum::<f64>() / outputs.nrows().max(1) as f64
    };
    outputs.iter().enumerate().map(sequence).collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_data;
    use super::*;
    use crate::data::Targets;

    fn grouped(groups: &[&str]) -> Dataset {
        let mut data = test_data(Targets::Class(vec![0; groups.len()]), &["a", "b"]);
        data.groups = Some(groups.iter().map(|group| (*group).to_owned()).collect());
        data
    }

    #[test]
    fn a_group_is_a_stream_in_the_order_of_the_data() {
        let data = grouped(&["x", "y", "x", "x", "y"]);
        let streams = Streams::of(&data);
        assert_eq!(streams.streams, [vec![0, 2, 3], vec![1, 4]]);
        assert_eq!(streams.positions(), [0, 0, 1, 2, 1]);
        assert_eq!((streams.count(), streams.longest()), (2, 3));
        // Position 2 has the third sequence of x alone.
        assert_eq!(
            streams.by_position(&[1.0, 3.0, 4.0, 7.0, 6.0]),
            [2.0, 5.0, 7.0]
        );
        let found = streams.follow(|stream| stream.iter().map(|s| (*s, stream.len())).collect());
        assert_eq!(found, [(0, 3), (1, 2), (2, 3), (3, 3), (4, 2)]);
        let ungrouped = test_data(Targets::Class(vec![0; 3]), &["a", "b"]);
        assert_eq!(Streams::of(&ungrouped).streams, [vec![0, 1, 2]]);
    }

    /// Cells of 1 with resets; in the stream of four, 1, 2, 3, 4.
    #[test]
    fn growth_is_that_of_the_last_quarter() {
        let data = grouped(&["x"; 4]);
        let part = |cell: f32, class: usize| StreamPart {
            outputs: Array2::from_shape_fn((1, 2), |(_, o)| f32::from(u8::from(o == class))),
            cells: vec![cell, -cell],
        };
        let reset = vec![part(1.0, 0); 4];
        let stream = (0u8..4)
            .map(|s| part(f32::from(s + 1), usize::from(s / 2)))
            .collect();
        let score = StreamScore::of(&data, &Streams::of(&data), [reset, stream]);
        assert_eq!(score.cells.growth(), 4.0);
        assert_eq!(score.cells.largest, 4.0);
        assert_eq!(score.cells.stream_by_position, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(score.stream_errors, [0.0, 0.0, 1.0, 1.0]);
        assert_eq!(score.reset_errors, [0.0; 4]);
        let text = score.to_text();
        assert!(
            text.contains("4.0 times") && text.contains("50.00 %"),
            "{text}"
        );
    }

    #[test]
    fn values_are_judged_by_their_squared_errors() {
        let data = test_data(Targets::Value(vec![vec![1.0], vec![3.0]]), &["y"]);
        let outputs = vec![ndarray::array![[1.5]], ndarray::array![[1.0]]];
        assert_eq!(errors(&data, &outputs), [0.25, 4.0]);
    }
}
