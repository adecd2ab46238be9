//! What layers read above the integers of those below them, against matrices that are put together row by row.

use ndarray::{Array2, ArrayView2, Axis, concatenate};
use proptest::prelude::*;

use super::{Case, cases};
use crate::network::{Cell, Direction, Mode, Network, NetworkConfig};
use crate::passes::activation_format::ActivationFormats;
use crate::quantise::QuantisedNetwork;
use crate::quantise::layer_inputs::LayerInputs;
use crate::quantise::moments::Moments;

/// Rounding of sums, of values up to one.
const TOLERANCE: f64 = 1e-9;

/// The outputs of layer `l` in the order of time.
fn in_time(config: &NetworkConfig, hidden: &[Array2<f32>], l: usize) -> Array2<f32> {
    match config.direction(l) {
        Direction::Forward => hidden[l].clone(),
        Direction::Reverse | Direction::Beside => turned(&hidden[l]),
    }
}

/// The last row first.
fn turned(rows: &Array2<f32>) -> Array2<f32> {
    let last = rows.nrows();
    Array2::from_shape_fn(rows.dim(), |(t, j)| rows[[last - 1 - t, j]])
}

/// What the layer hands on whose last half is `l`.
fn handed_on(config: &NetworkConfig, hidden: &[Array2<f32>], l: usize) -> Array2<f32> {
    let own = in_time(config, hidden, l);
    match config.is_beside(l) {
        true => concatenate![Axis(1), in_time(config, hidden, l - 1), own],
        false => own,
    }
}

/// What recurrent layer `l` reads in the order of its steps, where `bottom` is what the first one does, and `hidden`
/// the outputs of each layer in the order of its own steps.
pub(super) fn reads(
    config: &NetworkConfig,
    bottom: &Array2<f32>,
    hidden: &[Array2<f32>],
    l: usize,
) -> Array2<f32> {
    // The first half of the layer.
    let first = if config.is_beside(l) { l - 1 } else { l };
    let x = match first {
        0 => bottom.clone(),
        _ => handed_on(config, hidden, first - 1),
    };
    match config.direction(l) {
        Direction::Forward => x,
        Direction::Reverse | Direction::Beside => turned(&x),
    }
}

/// What the first dense layer reads.
pub(super) fn head_reads(config: &NetworkConfig, hidden: &[Array2<f32>]) -> Array2<f32> {
    let top = hidden.len() - 1;
    let all = handed_on(config, hidden, top);
    let last = |l: usize| hidden[l].row(hidden[l].nrows() - 1).insert_axis(Axis(0));
    match config.mode {
        Mode::SequenceToSequence => all,
        Mode::SequenceToMean => all.mean_axis(Axis(0)).unwrap().insert_axis(Axis(0)),
        Mode::SequenceToOne if config.is_beside(top) => {
            concatenate![Axis(1), last(top - 1), last(top)]
        }
        Mode::SequenceToOne => last(top).to_owned(),
    }
}

/// A network whose first layers are what their integers mean, and what these hand on is rounded to.
struct Hybrid {
    network: Network,
    formats: ActivationFormats,
}

impl Hybrid {
    /// With the convolution and the first `count` recurrent layers replaced.
    fn of(case: &Case, quantised: &QuantisedNetwork, count: usize) -> Self {
        let fake = quantised.fake(&case.network.config);
        let mut network = case.network.clone();
        network.conv = fake.network.conv;
        network.recurrent[..count].clone_from_slice(&fake.network.recurrent[..count]);
        let formats = ActivationFormats {
            conv: quantised.conv.as_ref().and_then(|conv| conv.format()),
            hidden: fake.formats.hidden[..count].to_vec(),
            shown: fake.formats.shown[..count].to_vec(),
            ..ActivationFormats::default()
        };
        Self { network, formats }
    }

    /// What the first recurrent layer reads.
    fn bottom(&self, sequence: ArrayView2<'_, f32>) -> Array2<f32> {
        let filtered = self.network.filtered(sequence);
        match (filtered, self.formats.conv) {
            (Some(filtered), Some(format)) => filtered.mapv(|y| format.round(y)),
            (Some(filtered), None) => filtered,
            (None, _) => sequence.to_owned(),
        }
    }

    fn hidden(&self, sequence: ArrayView2<'_, f32>) -> Vec<Array2<f32>> {
        let trace = self.network.trace_in(&self.formats, sequence);
        trace.into_iter().map(|layer| layer.hidden).collect()
    }

    /// Rows of `[x_t; h_{t−1}]`, of `[x_t; r_t ⊙ h_{t−1}]`, and what units show, of recurrent layer `l`.
    fn of_recurrent(&self, sequence: ArrayView2<'_, f32>, l: usize) -> [Vec<Vec<f64>>; 3] {
        let trace = self.network.trace_in(&self.formats, sequence);
        let hidden: Vec<_> = trace.iter().map(|layer| layer.hidden.clone()).collect();
        let x = reads(&self.network.config, &self.bottom(sequence), &hidden, l);
        let layer = &trace[l];
        let mut rows = [const { Vec::new() }; 3];
        for t in 0..x.nrows() {
            let beside = |state: &dyn Fn(usize) -> f64, count: usize| -> Vec<f64> {
                let x = x.row(t).into_iter().map(|x| f64::from(*x));
                let state = (0..count).map(|u| if t == 0 { 0.0 } else { state(u) });
                x.chain(state).collect()
            };
            let hidden = |u: usize| f64::from(layer.hidden[[t - 1, u]]);
            // The reset gates are the first ones.
            let reset =
                |u: usize| f64::from(layer.gates[[t, u]]) * f64::from(layer.cell[[t - 1, u]]);
            rows[0].push(beside(&hidden, layer.hidden.ncols()));
            rows[1].push(beside(&reset, layer.cell.ncols()));
            rows[2].push(layer.shown.row(t).iter().map(|m| f64::from(*m)).collect());
        }
        rows
    }

    /// What dense layer `l` reads.
    fn of_dense(&self, sequence: ArrayView2<'_, f32>, l: usize) -> Vec<Vec<f64>> {
        let values = head_reads(&self.network.config, &self.hidden(sequence));
        let real = |values: ndarray::ArrayView1<'_, f32>| -> Vec<f64> {
            values.iter().map(|value| f64::from(*value)).collect()
        };
        let mut rows: Vec<Vec<f64>> = values.rows().into_iter().map(real).collect();
        for layer in &self.network.dense[..l] {
            for row in &mut rows {
                let output = |(weights, bias): (ndarray::ArrayView1<'_, f32>, &f32)| {
                    let products = weights.iter().zip(&*row).map(|(w, x)| f64::from(*w) * x);
                    (products.sum::<f64>() + f64::from(*bias)).max(0.0)
                };
                *row = layer
                    .weight
                    .rows()
                    .into_iter()
                    .zip(&layer.bias)
                    .map(output)
                    .collect();
            }
        }
        rows
    }
}

/// Whether these are the moments of these rows.
fn are_moments(found: &Moments, rows: &[Vec<f64>]) -> Result<(), TestCaseError> {
    let n = found.mean.len();
    prop_assert!(rows.iter().all(|row| row.len() == n));
    let mean_of =
        |of: &dyn Fn(&[f64]) -> f64| rows.iter().map(|u| of(u)).sum::<f64>() / rows.len() as f64;
    let largest = rows
        .iter()
        .flatten()
        .fold(1.0f64, |max, u| max.max(u.abs()));
    for j in 0..n {
        let mean = mean_of(&|u| u[j]);
        prop_assert!(
            (found.mean[j] - mean).abs() < TOLERANCE * largest,
            "mean {j}"
        );
        for k in 0..n {
            let covariance = mean_of(&|u| u[j] * u[k]) - mean * mean_of(&|u| u[k]);
            let difference = found.covariance[[j, k]] - covariance;
            prop_assert!(
                difference.abs() < TOLERANCE * largest * largest,
                "{j} with {k}"
            );
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn layers_read_what_the_integers_below_them_give(case in cases()) {
        let case = case.plain();
        let views = case.views();
        let quantised = case.quantised();
        let config = &case.network.config;
        let mut inputs = LayerInputs::new(Some(&case.network), &views);
        if let (Some(conv), Some(integers)) = (&config.conv, &quantised.conv) {
            let windows = |sequence: &ArrayView2<'_, f32>| conv.windows(*sequence).mapv(f64::from);
            let rows: Vec<Vec<f64>> = (views.iter())
                .flat_map(|sequence| windows(sequence).rows().into_iter().map(|row| row.to_vec()).collect::<Vec<_>>())
                .collect();
            are_moments(&inputs.of_convolution(conv).unwrap(), &rows)?;
            inputs.replace_convolution(integers);
        }
        for (l, integers) in quantised.recurrent.iter().enumerate() {
            let hybrid = Hybrid::of(&case, &quantised, l);
            let mut rows = [const { Vec::new() }; 3];
            for sequence in &views {
                for (rows, more) in rows.iter_mut().zip(hybrid.of_recurrent(*sequence, l)) {
                    rows.extend(more);
                }
            }
            let exists = [true, config.cell == Cell::GruBefore, matches!(config.cell, Cell::Projected { .. })];
            for ((found, rows), exists) in inputs.of_recurrent(l).iter().zip(&rows).zip(exists) {
                prop_assert_eq!(found.is_some(), exists);
                found.iter().try_for_each(|found| are_moments(found, rows))?;
            }
            inputs.replace(l, integers);
        }
        let hybrid = Hybrid::of(&case, &quantised, quantised.recurrent.len());
        for l in 0..quantised.dense.len() {
            let rows: Vec<Vec<f64>> = views.iter().flat_map(|sequence| hybrid.of_dense(*sequence, l)).collect();
            are_moments(&inputs.of_dense(l).unwrap(), &rows)?;
        }
    }

    #[test]
    fn where_nothing_asks_there_are_no_moments(case in cases()) {
        let case = case.plain();
        let quantised = case.quantised();
        let mut inputs = LayerInputs::new(None, &case.views());
        if let (Some(conv), Some(integers)) = (&case.network.config.conv, &quantised.conv) {
            prop_assert!(inputs.of_convolution(conv).is_none());
            inputs.replace_convolution(integers);
        }
        for (l, integers) in quantised.recurrent.iter().enumerate() {
            prop_assert!(inputs.of_recurrent(l).iter().all(Option::is_none));
            inputs.replace(l, integers);
        }
        prop_assert!(inputs.of_dense(0).is_none());
    }
}
