//! Units over one sequence, in f32 and in integers: the one with the largest error of each LSTM layer,
//! and the one with the median error.

use lstm_nostd::Model;
use ndarray::ArrayView2;
use serde::Serialize;

use crate::data::Recording;
use crate::integers::stream::{Stream, input_formats, raw_sequence};
use crate::network::Network;

/// One unit over time, `[T]` each.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnitTrace {
    /// Of the LSTM layer, from 0.
    pub layer: usize,
    /// In the layer, from 0.
    pub unit: usize,
    /// Why it is shown.
    pub why: &'static str,
    /// RMS error of its hidden value over the sequence.
    pub hidden_rms: f64,
    /// h in f32.
    pub hidden: Vec<f32>,
    /// h in integers.
    pub integer_hidden: Vec<f32>,
    /// c in f32.
    pub cell: Vec<f32>,
    /// c in integers.
    pub integer_cell: Vec<f32>,
}

/// Two units of each layer over one sequence, `[T, I]` in `normalised` and in `real` units, at the steps that the recurrent
/// layers take.
pub fn unit_traces(
    network: &Network,
    model: &Model<'_>,
    normalised: ArrayView2<'_, f32>,
    real: Recording<'_>,
) -> Vec<UnitTrace> {
    let exact = network.trace(normalised);
    let mut hidden: Vec<_> = exact.iter().map(|layer| layer.hidden.clone()).collect();
    let mut cell: Vec<_> = exact.iter().map(|layer| layer.cell.clone()).collect();
    let mut stream = Stream::new(model);
    // The recurrent layers' step, which is fewer than the sequence's above a convolution.
    let mut t = 0;
    for raw in &raw_sequence(&input_formats(model), real) {
        stream.step(model, raw);
        if !stream.has_moved() {
            continue;
        }
        for (l, layer) in model.recurrent_layers().iter().enumerate() {
            let unit_of_cell = 2f64.powi(layer.cell_int_bits() as i32 - 31);
            for u in 0..layer.units() {
                hidden[l][[t, u]] = stream.hidden(model, l, u) as f32;
                cell[l][[t, u]] = (f64::from(stream.cell(model, l, u)) * unit_of_cell) as f32;
            }
        }
        t += 1;
    }
    let mut traces = Vec::new();
    for (l, exact) in exact.iter().enumerate() {
        let rms = |u: usize| {
            let pairs = exact.hidden.column(u).into_iter().zip(hidden[l].column(u));
            let square: f64 = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum();
            (square / exact.hidden.nrows() as f64).sqrt()
        };
        let mut order: Vec<usize> = (0..exact.hidden.ncols()).collect();
        order.sort_by(|a, b| rms(*b).total_cmp(&rms(*a)));
        let chosen = [(0, "largest error"), (order.len() / 2, "median error")];
        // A layer of one unit has but one to show.
        for (place, why) in &chosen[..order.len().min(2)] {
            let unit = order[*place];
            traces.push(UnitTrace {
                layer: l,
                unit,
                why,
                hidden_rms: rms(unit),
                hidden: exact.hidden.column(unit).to_vec(),
                integer_hidden: hidden[l].column(unit).to_vec(),
                cell: exact.cell.column(unit).to_vec(),
                integer_cell: cell[l].column(unit).to_vec(),
            });
        }
    }
    traces
}
