//! How far the integers of each layer are from the f32 network, over the same sequences.
//!
//! ```text
//! SQNR = 10 log₁₀ (Σ x² / Σ (x − x̂)²)                                    (SQ1)
//! ```
//!
//! in dB, with x̂ what the integers stand for; infinite where nothing is off.

use lstm_nostd::Model;
use lstm_nostd::activation::{sigmoid, tanh};
use lstm_nostd::layers::UnitStep;
use lstm_nostd::requant::saturate16_symmetric;
use ndarray::{ArrayView1, ArrayView2};
use rayon::prelude::*;
use serde::Serialize;

use crate::data::Recording;
use crate::integers::input_format::InputFormat;
use crate::integers::stream::{Stream, input_formats, raw_sequence};
use crate::network::{Activation, Gate, LayerKind, Network};

/// Distance of one layer's integers from its f32 values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerError {
    /// The layer, as in `lstm.0`.
    #[serde(rename = "name")]
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
    /// (SQ1) of the gates i, f, g and o after their activation.
    pub gates_sqnr_db: f64,
    /// (SQ1) of the cells.
    pub cell_sqnr_db: f64,
    /// (SQ1) of the hidden values.
    pub hidden_sqnr_db: f64,
    /// Cells that stood at the end of their range, over all units and steps.
    pub saturated_cells: usize,
    /// Pre-activations of gates that were clamped to ±8, over all gates, units and steps: σ and tanh are
    /// nearly constant there.
    pub saturated_gates: usize,
}

/// The largest pre-activation, Q3.12.
const GATE_MAX: u32 = 32_767;

/// Sums over values; merged in the order of the sequences, whatever thread computed them.
#[derive(Clone, Copy, Default)]
struct Sums {
    hidden_count: f64,
    cell_count: f64,
    hidden_max: f64,
    hidden_square: f64,
    signal_square: f64,
    cell_max: f64,
    cell_square: f64,
    cell_signal_square: f64,
    gate_square: f64,
    gate_signal_square: f64,
    saturated_cells: usize,
    saturated_gates: usize,
}

/// (SQ1) from its two sums.
pub fn sqnr_db(signal: f64, noise: f64) -> f64 {
    10.0 * (signal / noise).log10()
}

/// Runs `network` on `normalised` and `model` on `real`, the same sequences `[T, I]` in normalised
/// and in real units, and compares layer by layer.
pub fn measure(
    network: &Network,
    model: &Model<'_>,
    normalised: &[ArrayView2<'_, f32>],
    real: &[Recording<'_>],
) -> Vec<LayerError> {
    let formats = input_formats(model);
    let parts: Vec<Vec<Sums>> = normalised
        .par_iter()
        .zip(real)
        .map(|(normalised, real)| compare(network, model, &formats, *normalised, *real))
        .collect();
    let layers = network.config.layers();
    let recurrent = (layers.iter()).filter(|layer| matches!(layer.kind, LayerKind::Recurrent(_)));
    (recurrent.enumerate())
        .map(|(l, layer)| {
            let mut sums = Sums::default();
            parts.iter().for_each(|part| sums.merge(&part[l]));
            sums.finish(layer.name())
        })
        .collect()
}

fn compare(
    network: &Network,
    model: &Model<'_>,
    formats: &[InputFormat],
    normalised: ArrayView2<'_, f32>,
    real: Recording<'_>,
) -> Vec<Sums> {
    let trace = network.trace(normalised);
    let mut all = vec![Sums::default(); trace.len()];
    let mut stream = Stream::new(model);
    // The recurrent layers' step, which is fewer than the sequence's above a convolution.
    let mut t = 0;
    for raw in &raw_sequence(formats, real) {
        stream.observed_step(model, raw, &mut |l, unit, step| {
            all[l].count_saturated(step);
            all[l].add_gates(
                step,
                network.recurrent[l].gates(),
                trace[l].gates.row(t),
                unit,
            );
        });
        if !stream.has_moved() {
            continue;
        }
        let layers = model.recurrent_layers();
        for (l, (sums, exact)) in all.iter_mut().zip(&trace).enumerate() {
            let layer = &layers[l];
            let cell_unit = 2f64.powi(layer.cell_int_bits() as i32 - 31);
            for o in 0..layer.rows().outputs {
                sums.add_hidden(stream.hidden(model, l, o), exact.hidden[[t, o]].into());
            }
            for u in 0..layer.units() {
                let cell = f64::from(stream.cell(model, l, u)) * cell_unit;
                sums.add_cell(cell, exact.cell[[t, u]].into());
            }
        }
        t += 1;
    }
    all
}

impl Sums {
    fn add_hidden(&mut self, hidden: f64, exact: f64) {
        let error = (hidden - exact).abs();
        self.hidden_count += 1.0;
        self.hidden_max = self.hidden_max.max(error);
        self.hidden_square += error * error;
        self.signal_square += exact * exact;
    }

    fn add_cell(&mut self, cell: f64, exact: f64) {
        let error = (cell - exact).abs();
        self.cell_count += 1.0;
        self.cell_max = self.cell_max.max(error);
        self.cell_square += error * error;
        self.cell_signal_square += exact * exact;
    }

    /// Gates of `unit` against the f32 ones, `[G H]`.
    fn add_gates(
        &mut self,
        step: &UnitStep,
        gates: &[Gate],
        exact: ArrayView1<'_, f32>,
        unit: usize,
    ) {
        let units = exact.len() / gates.len();
        for (place, (gate, z)) in gates.iter().zip(step.sums()).enumerate() {
            let z = saturate16_symmetric(*z);
            let integer = match gate.activation {
                Activation::Sigmoid => sigmoid(z),
                Activation::Tanh => tanh(z),
            };
            let exact = f64::from(exact[place * units + unit]);
            self.gate_square += (f64::from(integer) / 32_768.0 - exact).powi(2);
            self.gate_signal_square += exact * exact;
        }
    }

    fn count_saturated(&mut self, step: &UnitStep) {
        let cell = step.cell() == i32::MAX || step.cell() == i32::MIN;
        self.saturated_cells += usize::from(cell);
        let gates = step.sums().iter().filter(|z| z.unsigned_abs() > GATE_MAX);
        self.saturated_gates += gates.count();
    }

    fn merge(&mut self, other: &Self) {
        self.hidden_count += other.hidden_count;
        self.cell_count += other.cell_count;
        self.hidden_max = self.hidden_max.max(other.hidden_max);
        self.hidden_square += other.hidden_square;
        self.signal_square += other.signal_square;
        self.cell_max = self.cell_max.max(other.cell_max);
        self.cell_square += other.cell_square;
        self.cell_signal_square += other.cell_signal_square;
        self.gate_square += other.gate_square;
        self.gate_signal_square += other.gate_signal_square;
        self.saturated_cells += other.saturated_cells;
        self.saturated_gates += other.saturated_gates;
    }

    fn finish(self, layer: String) -> LayerError {
        let rms = |square: f64, count: f64| (square / count.max(1.0)).sqrt();
        LayerError {
            layer,
            hidden_max: self.hidden_max,
            hidden_rms: rms(self.hidden_square, self.hidden_count),
            hidden_signal_rms: rms(self.signal_square, self.hidden_count),
            cell_max: self.cell_max,
            cell_rms: rms(self.cell_square, self.cell_count),
            gates_sqnr_db: sqnr_db(self.gate_signal_square, self.gate_square),
            cell_sqnr_db: sqnr_db(self.cell_signal_square, self.cell_square),
            hidden_sqnr_db: sqnr_db(self.signal_square, self.hidden_square),
            saturated_cells: self.saturated_cells,
            saturated_gates: self.saturated_gates,
        }
    }
}
