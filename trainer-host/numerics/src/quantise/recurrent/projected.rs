//! The integers of one LSTM layer with a recurrent projection, and what they stand for.
//!
//! ```text
//! h_real = h R / 2^(b−1) = h 2^(n−15) ρ      R covers the calibrated reach of h              (QP1)
//! ρ      = R in int16;  R 2^(8−n) in int8    what one of Q0.15 is, of h in an accumulator    (QP2)
//! ```
//!
//! What the units show is an LSTM's h, and n covers its reach. The rows of the units are then those of an LSTM whose
//! recurrent weights are `W_h ρ`, and the rows of the projection are those of a dense layer on values of range one, or of
//! range `2^(n−8)` in int8. A projection has no biases, so no bias makes up for the mean error of a rounding.

use lstm_nostd::artifact::{Dense, Projected};
use lstm_nostd::kernels::{Scheme, Width};
use ndarray::Array1;

use super::{Job, lstm};
use crate::network::lstm::GATES;
use crate::network::{DenseLayer, LayerShape, LstmLayer, ProjectedLayer};
use crate::quantise::calibrate::RecurrentRanges;
use crate::quantise::dequantise::matrix;
use crate::quantise::magnitudes::Clipping;
use crate::quantise::{QuantiseError, WIDTH_SHIFT, dense, narrowing_shift};

/// A layer of this shape whose integers answer nothing, with `peepholes` rows of peepholes.
pub(super) fn empty(shape: &LayerShape, peepholes: usize, scheme: Scheme) -> Projected {
    Projected {
        lstm: lstm::empty(shape, peepholes, scheme),
        projection: Dense {
            scheme,
            weight: vec![vec![0; shape.units]; shape.outputs],
            bias: vec![0; shape.outputs],
            mult: vec![0; shape.outputs],
            ..Dense::default()
        },
        unit: 1.0,
    }
}

/// Range of what the units show with shift n.
pub(super) fn shown_range(width: Width, n: u8) -> f64 {
    match width {
        Width::Int16 => 1.0,
        Width::Int8 => 0.5f64.powi(i32::from(WIDTH_SHIFT - n)),
    }
}

/// The projection as a dense layer.
fn unbiased(layer: &ProjectedLayer) -> DenseLayer {
    DenseLayer {
        weight: layer.w_r.clone(),
        bias: Array1::zeros(layer.w_r.nrows()),
    }
}

/// The rows of a projection, which decide the range of its outputs.
fn rows<'a>(
    layer: &'a DenseLayer,
    ranges: &RecurrentRanges,
    scheme: Scheme,
    clipping: Clipping,
) -> dense::Job<'a> {
    let width = scheme.width();
    let n = match width {
        Width::Int16 => 0,
        Width::Int8 => narrowing_shift(ranges.shown.reach(clipping, Width::Int8)),
    };
    dense::Job {
        name: String::new(),
        layer,
        scheme,
        clipping,
        input_range: shown_range(width, n),
        relu_reach: Some(ranges.hidden.reach(clipping, width)),
        moments: None,
    }
}

/// The range that the outputs of `layer` need.
pub(super) fn least_range(
    layer: &ProjectedLayer,
    ranges: &RecurrentRanges,
    scheme: Scheme,
    clipping: Clipping,
) -> f64 {
    rows(&unbiased(layer), ranges, scheme, clipping).output_range()
}

/// (FQ1); `gain` is `2^κ / S_j`, `[I]`.
pub(super) fn real(layer: &Projected, gain: &[f64]) -> ProjectedLayer {
    let unit = f64::from(layer.unit);
    let mut lstm = lstm::real(&GATES, layer, gain);
    lstm.w_h.mapv_inplace(|w| (f64::from(w) / unit) as f32);
    let rows = &layer.projection;
    // By (QP2), R of shown values in units of their range.
    let scale = unit * 0.5f64.powi(32 - i32::from(rows.output_shift));
    let w_r = matrix(&rows.weight, |r, _| f64::from(rows.mult[r]) * scale);
    ProjectedLayer { lstm, w_r }
}

/// The integers of `layer`, the input ranges `S_j`, which lie between the narrowest and the widest of `ranges`,
/// and `2^κ / S_j`.
pub(super) fn quantise(
    layer: &ProjectedLayer,
    job: &Job<'_>,
    ranges: (&[f64], &[f64]),
) -> Result<(Projected, Vec<f64>, Vec<f64>), QuantiseError> {
    let dense = unbiased(layer);
    let mut rows = rows(&dense, job.ranges, job.scheme, job.clipping);
    let beside = job.least_range / dense::output_margin(job.scheme.width());
    rows.name = format!("{} projection", job.name);
    rows.relu_reach = rows.relu_reach.map(|reach| reach.max(beside));
    rows.moments = job.shown_moments.as_ref().map(|all| all.uncentred());
    let (projection, range) = rows.quantise()?;
    // As the file has it.
    let stored = (range / rows.input_range) as f32;
    let unit = f64::from(stored);
    let in_units = RecurrentRanges {
        hidden_square: (job.ranges.hidden_square.iter())
            .map(|square| square / (unit * unit))
            .collect(),
        hidden: job.ranges.shown.clone(),
        ..job.ranges.clone()
    };
    let gain: Vec<f64> = (0..in_units.input.len())
        .map(|_| 1.0)
        .chain(in_units.hidden_square.iter().map(|_| 1.0 / unit))
        .collect();
    let job = Job {
        name: job.name.clone(),
        ranges: &in_units,
        moments: job.moments.as_ref().map(|all| all.scaled(&gain)),
        reset_moments: None,
        shown_moments: None,
        ..*job
    };
    let units = LstmLayer {
        w_h: (layer.lstm.w_h).mapv(|w| (f64::from(w) * unit) as f32),
        ..layer.lstm.clone()
    };
    let (lstm, input_range, gain) = lstm::quantise(&units, &job, ranges)?;
    let quantised = Projected {
        lstm,
        projection,
        unit: stored,
    };
    Ok((quantised, input_range, gain))
}

#[cfg(test)]
mod tests {
    use lstm_nostd::Direction;
    use ndarray::{Array2, s};

    use super::*;
    use crate::network::{Cell, Head, Mode, Network, NetworkConfig, RecurrentLayer};
    use crate::quantise::calibrate::Calibration;
    use crate::quantise::{Plan, RecurrentIntegers, Rounding, quantise};

    /// Units that show little need no range beyond that of their weights, which differs between the halves.
    #[test]
    fn halves_side_by_side_hand_on_one_format() {
        let cell = Cell::Projected {
            peepholes: false,
            outputs: 2,
        };
        let config = NetworkConfig {
            inputs: 2,
            conv: None,
            directions: vec![Direction::Forward, Direction::Beside],
            hidden: vec![6, 4],
            cell,
            dense: vec![],
            outputs: 2,
            head: Head::Softmax,
            mode: Mode::SequenceToMean,
        };
        let sequence = Array2::from_shape_fn((9, 2), |(t, j)| ((t * 3 + j) as f32).sin());
        let sequences = [sequence.view()];
        for (scheme, larger) in Scheme::ALL.into_iter().flat_map(|s| [(s, 0), (s, 1)]) {
            let mut network = Network::new(&config, 1).unwrap();
            for (l, layer) in network.recurrent.iter_mut().enumerate() {
                if let RecurrentLayer::Projected(layer) = layer {
                    let outputs = 3 * layer.w_r.ncols()..;
                    layer.lstm.bias.slice_mut(s![outputs]).fill(-6.0);
                    layer.w_r *= if l == larger { 8.0 } else { 1.0 };
                }
            }
            let plan = Plan {
                schemes: &[scheme; 3],
                smallest_input_range: &[0.0; 2],
                output_mean: &[0.0; 2],
                clipping: Clipping::MinMax,
                rounding: Rounding::Nearest,
                equal_shifts: false,
            };
            let calibration = Calibration::observe(&network, &sequences);
            let quantised = quantise(&network, &calibration, &plan, &sequences).unwrap();
            let [a, b] = [0, 1].map(|l| &quantised.recurrent[l]);
            for format in [
                RecurrentIntegers::output_range,
                RecurrentIntegers::hidden_unit,
            ] {
                let ratio = format(a) / format(b);
                assert!((ratio - 1.0).abs() < 1e-6, "{scheme:?}, {larger}: {ratio}");
            }
        }
    }
}
