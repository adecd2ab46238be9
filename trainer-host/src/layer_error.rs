//! How far the integers of each layer are from the f32 network, over the same sequences.

use lstm_nostd::Model;
use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::Serialize;

use crate::input_format::InputFormat;
use crate::integers::{Stream, input_formats, raw_sequence};
use crate::network::Network;

/// Distance of one layer's integers from its f32 values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerError {
    /// The layer, as in `lstm.0`.
    pub layer: String,
    /// Largest distance of a hidden value.
    pub hidden_max: f64,
    /// Root of the mean square distance of hidden values.
    pub hidden_rms: f64,
    /// Root of the mean square of the f32 hidden values, to compare with.
    pub hidden_signal_rms: f64,
    /// Largest distance of a cell.
    pub cell_max: f64,
    /// Root of the mean square distance of cells.
    pub cell_rms: f64,
    /// Cells that stood at the end of their range, over all units and steps.
    pub saturated_cells: usize,
}

/// Sums over values; merged in the order of the sequences, whatever thread computed them.
#[derive(Clone, Copy, Default)]
struct Sums {
    count: f64,
    hidden_max: f64,
    hidden_square: f64,
    signal_square: f64,
    cell_max: f64,
    cell_square: f64,
    saturated: usize,
}

/// Runs `network` on `normalised` and `model` on `real`, the same sequences `[T, I]` in normalised
/// and in real units, and compares layer by layer.
pub fn measure(
    network: &Network,
    model: &Model<'_>,
    normalised: &[ArrayView2<'_, f32>],
    real: &[ArrayView2<'_, f32>],
) -> Vec<LayerError> {
    let formats = input_formats(model);
    let parts: Vec<Vec<Sums>> = normalised
        .par_iter()
        .zip(real)
        .map(|(normalised, real)| compare(network, model, &formats, *normalised, *real))
        .collect();
    (0..network.lstm.len())
        .map(|l| {
            let mut sums = Sums::default();
            parts.iter().for_each(|part| sums.merge(&part[l]));
            sums.finish(format!("lstm.{l}"))
        })
        .collect()
}

fn compare(
    network: &Network,
    model: &Model<'_>,
    formats: &[InputFormat],
    normalised: ArrayView2<'_, f32>,
    real: ArrayView2<'_, f32>,
) -> Vec<Sums> {
    let trace = network.trace(normalised);
    let mut all = vec![Sums::default(); trace.len()];
    let mut stream = Stream::new(model);
    for (t, raw) in raw_sequence(formats, real).iter().enumerate() {
        stream.step(model, raw);
        let mut first_block = 0;
        for ((sums, exact), layer) in all.iter_mut().zip(&trace).zip(model.lstm_layers()) {
            let cell_unit = 2f64.powi(layer.cell_int_bits as i32 - 31);
            for u in 0..layer.hidden {
                let (block, lane) = (first_block + u / 4, u % 4);
                let cell = stream.cell[block][lane];
                sums.saturated += usize::from(cell == i32::MAX || cell == i32::MIN);
                sums.add(
                    f64::from(stream.hidden[block].0[lane]) / 32_768.0,
                    f64::from(exact.hidden[[t, u]]),
                    f64::from(cell) * cell_unit - f64::from(exact.cell[[t, u]]),
                );
            }
            first_block += layer.hidden.div_ceil(4);
        }
    }
    all
}

impl Sums {
    fn add(&mut self, hidden: f64, exact_hidden: f64, cell_error: f64) {
        let error = (hidden - exact_hidden).abs();
        self.count += 1.0;
        self.hidden_max = self.hidden_max.max(error);
        self.hidden_square += error * error;
        self.signal_square += exact_hidden * exact_hidden;
        self.cell_max = self.cell_max.max(cell_error.abs());
        self.cell_square += cell_error * cell_error;
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.hidden_max = self.hidden_max.max(other.hidden_max);
        self.hidden_square += other.hidden_square;
        self.signal_square += other.signal_square;
        self.cell_max = self.cell_max.max(other.cell_max);
        self.cell_square += other.cell_square;
        self.saturated += other.saturated;
    }

    fn finish(self, layer: String) -> LayerError {
        let rms = |square: f64| (square / self.count.max(1.0)).sqrt();
        LayerError {
            layer,
            hidden_max: self.hidden_max,
            hidden_rms: rms(self.hidden_square),
            hidden_signal_rms: rms(self.signal_square),
            cell_max: self.cell_max,
            cell_rms: rms(self.cell_square),
            saturated_cells: self.saturated,
        }
    }
}
