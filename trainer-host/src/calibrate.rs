//! Calibration: the ranges and mean squares that a network's values take on recorded sequences.
//!
//! Observes only; what the numbers decide is in [`crate::quantise`].

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use crate::network::{Mode, Network};

/// What one LSTM layer saw and did.
#[derive(Clone, Debug, PartialEq)]
pub struct LstmRanges {
    /// Largest magnitude of each input channel, `[I]`.
    pub input_max: Vec<f64>,
    /// Mean square of each input channel, `[I]`.
    pub input_square: Vec<f64>,
    /// Mean square of each hidden unit, `[H]`.
    pub hidden_square: Vec<f64>,
    /// Largest magnitude of any hidden value.
    pub hidden_max: f64,
    /// Largest magnitude of any cell.
    pub cell_max: f64,
}

/// What the whole network saw and did.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// LSTM layers, first to last.
    pub lstm: Vec<LstmRanges>,
    /// Largest value after each hidden dense layer's ReLU, first to last.
    pub dense_max: Vec<f64>,
    /// Largest magnitude of any output before the head.
    pub output_max: f64,
}

impl Calibration {
    /// Runs `network` over normalised sequences, each `[T, I]`, and keeps what it saw.
    ///
    /// The result does not depend on the number of threads: sequences are observed on their own
    /// and merged in their order.
    pub fn observe(network: &Network, sequences: &[ArrayView2<'_, f32>]) -> Self {
        let parts: Vec<Observed> = sequences
            .par_iter()
            .map(|sequence| Observed::of(network, *sequence))
            .collect();
        let mut total = Observed::nothing(network);
        for part in &parts {
            total.merge(part);
        }
        total.finish()
    }
}

/// Maxima, and sums of squares with their number of steps.
#[derive(Clone)]
struct Observed {
    calibration: Calibration,
    steps: f64,
}

impl Observed {
    fn nothing(network: &Network) -> Self {
        let lstm = network
            .lstm
            .iter()
            .map(|layer| LstmRanges {
                input_max: vec![0.0; layer.w_x.ncols()],
                input_square: vec![0.0; layer.w_x.ncols()],
                hidden_square: vec![0.0; layer.w_h.ncols()],
                hidden_max: 0.0,
                cell_max: 0.0,
            })
            .collect();
        Self {
            calibration: Calibration {
                lstm,
                dense_max: vec![0.0; network.dense.len() - 1],
                output_max: 0.0,
            },
            steps: 0.0,
        }
    }

    fn of(network: &Network, sequence: ArrayView2<'_, f32>) -> Self {
        let mut seen = Self::nothing(network);
        seen.steps = sequence.nrows() as f64;
        let trace = network.trace(sequence);
        let mut input = sequence;
        for (ranges, layer) in seen.calibration.lstm.iter_mut().zip(&trace) {
            for (j, column) in input.columns().into_iter().enumerate() {
                for &x in column {
                    ranges.input_max[j] = ranges.input_max[j].max(f64::from(x).abs());
                    ranges.input_square[j] += f64::from(x).powi(2);
                }
            }
            for (j, column) in layer.hidden.columns().into_iter().enumerate() {
                ranges.hidden_square[j] = column.iter().map(|&h| f64::from(h).powi(2)).sum();
            }
            ranges.hidden_max = largest(layer.hidden.view());
            ranges.cell_max = largest(layer.cell.view());
            input = layer.hidden.view();
        }
        let mut values: Array2<f32> = match network.config.mode {
            Mode::SequenceToSequence => input.to_owned(),
            Mode::SequenceToOne => input.slice(ndarray::s![input.nrows() - 1.., ..]).to_owned(),
        };
        let last = network.dense.len() - 1;
        for (l, dense) in network.dense.iter().enumerate() {
            values = values.dot(&dense.weight.t()) + dense.bias.view().insert_axis(Axis(0));
            if l < last {
                values.mapv_inplace(|y| y.max(0.0));
                seen.calibration.dense_max[l] = largest(values.view());
            }
        }
        seen.calibration.output_max = largest(values.view());
        seen
    }

    fn merge(&mut self, other: &Self) {
        self.steps += other.steps;
        let pairs = self
            .calibration
            .lstm
            .iter_mut()
            .zip(&other.calibration.lstm);
        for (mine, theirs) in pairs {
            combine(&mut mine.input_max, &theirs.input_max, f64::max);
            combine(&mut mine.input_square, &theirs.input_square, |a, b| a + b);
            combine(&mut mine.hidden_square, &theirs.hidden_square, |a, b| a + b);
            mine.hidden_max = mine.hidden_max.max(theirs.hidden_max);
            mine.cell_max = mine.cell_max.max(theirs.cell_max);
        }
        combine(
            &mut self.calibration.dense_max,
            &other.calibration.dense_max,
            f64::max,
        );
        self.calibration.output_max = self
            .calibration
            .output_max
            .max(other.calibration.output_max);
    }

    fn finish(mut self) -> Calibration {
        let steps = self.steps.max(1.0);
        for layer in &mut self.calibration.lstm {
            let squares = layer
                .input_square
                .iter_mut()
                .chain(&mut layer.hidden_square);
            squares.for_each(|square| *square /= steps);
        }
        self.calibration
    }
}

fn combine(mine: &mut [f64], theirs: &[f64], with: impl Fn(f64, f64) -> f64) {
    for (a, b) in mine.iter_mut().zip(theirs) {
        *a = with(*a, *b);
    }
}

fn largest(values: ArrayView2<'_, f32>) -> f64 {
    values
        .iter()
        .fold(0.0, |max, &v| max.max(f64::from(v).abs()))
}
