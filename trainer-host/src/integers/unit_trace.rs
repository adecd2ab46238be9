//! Units over one sequence, in f32 and in integers: the one with the largest error of each LSTM layer,
//! and the one with the median error. With a projection, what a unit shows stands for its hidden value.

use lstm_nostd::kernels::{Width, narrow};
use lstm_nostd::layers::UnitStep;
use lstm_nostd::{Model, RecurrentLayer};
use ndarray::{Array2, ArrayView2};
use serde::Serialize;

use crate::data::Recording;
use crate::integers::stream::{Stream, input_formats, raw_sequence};
use crate::network::Network;
use crate::passes::trace::LayerTrace;

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
    /// h in f32; m of a layer with a projection.
    pub hidden: Vec<f32>,
    /// The same in integers.
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
    let exact_hidden: Vec<_> = exact.iter().map(LayerTrace::of_units).collect();
    let (hidden, cell) = integers(model, real, &exact);
    let mut traces = Vec::new();
    for (l, exact) in exact.iter().enumerate() {
        let of_units = exact_hidden[l];
        let rms = |u: usize| {
            let pairs = of_units.column(u).into_iter().zip(hidden[l].column(u));
            let square: f64 = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum();
            (square / of_units.nrows() as f64).sqrt()
        };
        let mut order: Vec<usize> = (0..of_units.ncols()).collect();
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
                hidden: of_units.column(unit).to_vec(),
                integer_hidden: hidden[l].column(unit).to_vec(),
                cell: exact.cell.column(unit).to_vec(),
                integer_cell: cell[l].column(unit).to_vec(),
            });
        }
    }
    traces
}

/// What `model` makes of the values in `exact`, of each layer: hidden values and cells, `[T, H]`.
fn integers(
    model: &Model<'_>,
    real: Recording<'_>,
    exact: &[LayerTrace],
) -> (Vec<Array2<f32>>, Vec<Array2<f32>>) {
    let units = exact.iter().map(LayerTrace::of_units);
    let mut hidden: Vec<Array2<f32>> = units.map(|h| h.to_owned()).collect();
    let mut cell: Vec<_> = exact.iter().map(|layer| layer.cell.clone()).collect();
    let mut stream = Stream::new(model);
    // The recurrent layers' step, which is fewer than the sequence's above a convolution.
    let mut t = 0;
    for raw in &raw_sequence(&input_formats(model), real) {
        let mut shown: Vec<Vec<f32>> = vec![Vec::new(); exact.len()];
        stream.observed_step(model, raw, &mut |l, _, step| {
            let layer = &model.recurrent_layers()[l];
            shown[l].extend(projected(layer, step));
        });
        if !stream.has_moved() {
            continue;
        }
        for (l, layer) in model.recurrent_layers().iter().enumerate() {
            let unit_of_cell = 2f64.powi(layer.cell_int_bits() as i32 - 31);
            for u in 0..layer.units() {
                hidden[l][[t, u]] = match shown[l].get(u) {
                    Some(shown) => *shown,
                    None => stream.hidden(model, l, u) as f32,
                };
                cell[l][[t, u]] = (f64::from(stream.cell(model, l, u)) * unit_of_cell) as f32;
            }
        }
        t += 1;
    }
    (hidden, cell)
}

/// What a unit of a layer with a projection shows; nothing of other kinds.
fn projected(layer: &RecurrentLayer<'_>, step: &UnitStep) -> Option<f32> {
    let (RecurrentLayer::Projected(layer), UnitStep::Lstm(step)) = (layer, step) else {
        return None;
    };
    let rows = &layer.lstm.rows;
    let shown = match rows.width {
        Width::Int16 => i32::from(step.hidden),
        Width::Int8 => i32::from(narrow(step.hidden, rows.h_shift)) << rows.h_shift,
    };
    Some(shown as f32 / 32_768.0)
}
