//! Roundings that do not take the nearest integers of the largest weight's scale.

use lstm_nostd::artifact::Recurrent;
use lstm_nostd::kernels::Scheme;
use ndarray::{Array2, array};
use proptest::prelude::*;

use super::cases::{Integers, LayerCase, pairs};
use super::plain::Plain;
use super::{SUMS, is_nearest};
use crate::network::{Cell, GateRole, RecurrentLayer};
use crate::quantise::RecurrentIntegers;
use crate::quantise::calibrate::RecurrentRanges;
use crate::quantise::gptq::Curvature;
use crate::quantise::magnitudes::{Clipping, Magnitudes};
use crate::quantise::moments::Moments;
use crate::quantise::row::{Row, RowQuantiser};

/// Rows that see a reset state; rows with a recurrent sum that has a bias of its own.
fn rows_of_candidates(layer: &RecurrentLayer) -> [std::ops::Range<usize>; 2] {
    let candidates = layer.rows_of(GateRole::Candidate).unwrap();
    match layer {
        RecurrentLayer::GruBefore(_) => [candidates, 0..0],
        RecurrentLayer::Gru(_) => [0..0, candidates],
        _ => [0..0, 0..0],
    }
}

/// Of the inputs of row `r` as its weights meet them.
fn moments_of_row(case: &LayerCase, layer: &RecurrentIntegers, r: usize) -> Moments {
    let [reset, _] = rows_of_candidates(&case.layer);
    let moments = &case.moments[usize::from(reset.contains(&r))];
    let (inputs, unit) = (layer.input_gain.len(), Plain::of(case).unit);
    let mut in_units = vec![1.0; inputs];
    in_units.resize(inputs + case.layer.outputs(), 1.0 / unit);
    let mut gain = layer.input_gain.clone();
    gain.resize(in_units.len(), 1.0);
    moments.as_ref().unwrap().scaled(&in_units).scaled(&gain)
}

/// Row `r` as the layer has it exactly: in the units of the gains of its inputs.
fn target(plain: &Plain<'_>, layer: &RecurrentIntegers, r: usize) -> Vec<f64> {
    (plain.w_x.row(r).iter().zip(&layer.input_gain))
        .map(|(w, gain)| w / gain)
        .chain(plain.w_h.row(r).iter().copied())
        .collect()
}

/// Row `r` by (O1), if it fits into the accumulator with its biases and with what they make up for, (R2), else the
/// nearest integers; and its biases in real units.
fn row(
    (case, plain): (&LayerCase, &Plain<'_>),
    layer: &RecurrentIntegers,
    r: usize,
) -> (Row, [f64; 2]) {
    let integers = Integers::of(layer);
    let moments = moments_of_row(case, layer, r);
    let mean = moments.mean.to_vec();
    let target = target(plain, layer, r);
    let inputs = plain.w_x.ncols();
    let [_, biased] = rows_of_candidates(&case.layer);
    let biases = |row: &Row| {
        let mut both = [plain.bias[r], plain.recurrent_bias[r]];
        for (j, (t, q)) in target.iter().zip(&row.weights).enumerate() {
            // Where a gate scales the recurrent sum, it scales its error.
            let scaled = usize::from(biased.contains(&r) && j >= inputs);
            let is_made_up_for = f64::from(u8::from(row.bias != 0.0));
            both[scaled] += is_made_up_for * (t - f64::from(*q) * row.scale) * mean[j];
        }
        both
    };
    let fits = |row: &Row| {
        let products = row.weights.iter().enumerate().map(|(j, q)| {
            let shift = if j < inputs { integers.kappa } else { 0 };
            f64::from(*q).abs() * 2f64.powi(shift) * 32_768.0
        });
        let in_units = |bias: f64| (bias * 32_768.0 / row.scale).round().abs();
        let peephole = (plain.peephole[r] / row.scale).round().abs() * 32_768.0;
        let biases: f64 = biases(row).into_iter().map(in_units).sum();
        products.sum::<f64>() + peephole + biases < 2f64.powi(31) - 1.0
    };
    let curvature = Curvature::new(&moments.covariance);
    let rows = RowQuantiser {
        weight_max: plain.weight_max,
        clipping: Clipping::MinMax,
        square: &[],
        curvature: Some((&curvature, &mean)),
        gain: 2f64.powi(29),
    };
    let row = rows.quantise(&target, integers.scale(r), fits).unwrap();
    let biases = biases(&row);
    (row, biases)
}

proptest! {
    #[test]
    fn rows_have_the_least_output_error_that_fits_and_biases_make_up_for_the_mean(
        cases in pairs(), seed in any::<u64>().no_shrink(),
    ) {
        for case in cases {
            let case = case.plain().with_moments(seed);
            let (layer, range) = case.quantised().unwrap();
            let (found, plain) = (Integers::of(&layer), Plain::of(&case));
            for r in 0..plain.bias.len() {
                let (expected, biases) = row((&case, &plain), &layer, r);
                let weights = [&found.w_x[r][..], &found.w_h[r]].concat();
                prop_assert_eq!(&weights, &expected.weights, "{}", r);
                prop_assert_eq!(found.mult[r], expected.mult);
                let wanted = plain.scale(r, &range, found.kappa);
                prop_assert!((expected.scale - wanted).abs() <= 2f64.powi(-29) + SUMS * wanted);
                let unit = expected.scale / 32_768.0;
                prop_assert!(is_nearest(found.bias[r].into(), biases[0], unit), "{r}");
                prop_assert!(is_nearest(found.recurrent_bias[r].into(), biases[1], unit), "{r}");
                prop_assert!(is_nearest(found.peephole[r].into(), plain.peephole[r], expected.scale));
                prop_assert!(found.fits(r), "{r}");
            }
            if let Recurrent::Projected(layer) = &layer.content {
                // A projection has none.
                prop_assert!(layer.projection.bias.iter().all(|bias| *bias == 0));
            }
        }
    }

    /// A weight's error counts by the mean square of what it meets.
    #[test]
    fn a_clip_of_least_error_has_the_least_error_in_the_outputs(cases in pairs()) {
        for case in cases {
            let case = LayerCase { clipping: Clipping::MeanSquaredError, ..case };
            let (layer, range) = case.quantised().unwrap();
            let (found, plain) = (Integers::of(&layer), Plain::of(&case));
            let squares = plain.squares(&range, found.kappa);
            for r in 0..plain.bias.len() {
                let row = target(&plain, &layer, r);
                let error = |mult: f64| -> f64 {
                    let s = mult / 2f64.powi(29);
                    let rounded = row.iter().map(|t| {
                        (t / s).round().clamp(-plain.weight_max, plain.weight_max) * s
                    });
                    let errors = row.iter().zip(rounded).zip(&squares);
                    errors.map(|((t, q), square)| (t - q).powi(2) * square).sum()
                };
                let largest = row.iter().fold(0.0f64, |max, t| max.max(t.abs()));
                let least = plain.least_scale(r, &range, found.kappa);
                let mult = f64::from(found.mult[r]);
                // The largest weight down to half of it. A least scale whose sum has another order may end at the
                // multiplier beside.
                let tried: Vec<f64> = (10..=20)
                    .map(|share| f64::from(share) / 20.0 * largest / plain.weight_max)
                    .map(|scale| (scale.max(least) * 2f64.powi(29)).ceil())
                    .map(|tried| if (tried - mult).abs() <= 1.0 { mult } else { tried })
                    .collect();
                prop_assert!(tried.contains(&mult), "{r}");
                let best = tried.iter().map(|mult| error(*mult)).fold(f64::INFINITY, f64::min);
                prop_assert!(error(mult) <= best * (1.0 + SUMS), "{r}");
            }
        }
    }
}

/// A GRU of one unit on one input, the mean of which is `mean`. Biases of the candidate fill its accumulator.
pub(super) fn gru(mean: f64) -> LayerCase {
    let mut layer = Cell::Gru.zeros(1, 1);
    let [w_x, w_h] = layer.weights_mut();
    (w_x[[2, 0]], w_h[[2, 0]]) = (0.4321, 0.1234);
    layer.bias_mut()[2] = 900.0;
    LayerCase {
        layer,
        ranges: RecurrentRanges {
            input: vec![Magnitudes::default()],
            input_square: vec![1.0],
            hidden_square: vec![1.0],
            hidden: Magnitudes::default(),
            cell: Magnitudes::default(),
            shown: Magnitudes::default(),
        },
        scheme: Scheme::W8a16,
        clipping: Clipping::MinMax,
        equal_shifts: false,
        least_range: 0.0,
        input_shift: 0,
        narrowest: vec![1.0],
        widest: vec![1.0],
        moments: [
            Some(Moments {
                mean: array![mean, 0.0],
                covariance: Array2::eye(2),
            }),
            None,
            None,
        ],
    }
}

/// What the bias makes up for grows with the mean of the input: up to the last unit of the bound, and not beyond.
#[test]
fn what_a_bias_makes_up_for_may_fill_the_accumulator_and_not_a_unit_more() {
    let (layer, _) = gru(0.0).quantised().unwrap();
    let plain = Integers::of(&layer);
    let scale = plain.scale(2);
    let sum = |weight: i8| f64::from(weight).abs() * 32_768.0;
    let products = 2f64.powi(plain.kappa) * sum(plain.w_x[2][0]) + sum(plain.w_h[2][0]);
    let others = products + f64::from(plain.recurrent_bias[2]).abs();
    // docs/numerics.md: the sum and one are less than 2^31.
    let most = 2f64.powi(31) - 2.0 - others;
    let error = f64::from(0.4321f32) - f64::from(plain.w_x[2][0]) * scale * layer.input_gain[0];
    let with_bias = |wanted: f64| {
        let mean = (wanted * scale / 32_768.0 - 900.0) / error;
        let (layer, _) = gru(mean).quantised().unwrap();
        let found = Integers::of(&layer);
        assert_eq!((&found.w_x, &found.w_h), (&plain.w_x, &plain.w_h));
        f64::from(found.bias[2])
    };
    assert!(most > f64::from(plain.bias[2]) + 1000.0);
    assert_eq!(with_bias(most), most);
    // The nearest integers have no such bias.
    assert_eq!(with_bias(most + 1.0), f64::from(plain.bias[2]));
}
