//! Rows of dense layers, and what they share.
//!
//! With X the range of the inputs, one = 2^(b−1) the integer of a value that is its range, and v what an output is in:
//! R/one with R the range of a hidden layer's outputs, or 2⁻¹⁶,
//!
//! ```text
//! s_r    = max(max |w| X / W, least_r)
//! least  : one (Σ (|w| X / s + 1/2) + 1/2 + 1/2) + one |b| / s = 2³¹, and 2⁻¹⁶ if that is more
//! R      = max(margin · reach, 2.5 · the largest s)
//! mult_r = ⌈s_r 2^(32 − shift) / (one v)⌉, shift the least with every mult below 2³¹
//! ```

use lstm_nostd::artifact::Dense;
use lstm_nostd::kernels::{Scheme, Width};
use ndarray::{Array1, Array2, array};
use proptest::prelude::*;
use proptest::sample::select;

use super::{Noise, one};
use crate::network::DenseLayer;
use crate::quantise::QuantiseError;
use crate::quantise::dense::Job;
use crate::quantise::gptq::Curvature;
use crate::quantise::magnitudes::Clipping;
use crate::quantise::moments::Moments;

const ACCUMULATOR: f64 = 2_147_483_648.0;

/// What the high word of a product with the multiplier of row `r`, shifted to the left, makes of one.
pub(super) fn high_word(layer: &Dense, r: usize) -> f64 {
    f64::from(layer.mult[r]) * 2f64.powi(i32::from(layer.output_shift) - 32)
}

/// What the rows of a layer share, from the equations above.
pub(super) struct Formats {
    /// s_r
    scales: Vec<f64>,
    /// R; one for an output layer.
    pub(super) range: f64,
    /// `2³² / (one v)`
    gain: f64,
    /// None where no shift will do.
    shift: Option<u8>,
}

impl Formats {
    pub(super) fn of(
        layer: &DenseLayer,
        scheme: Scheme,
        input_range: f64,
        relu_reach: Option<f64>,
    ) -> Self {
        let one = one(scheme);
        let scale = |(row, bias): (ndarray::ArrayView1<'_, f32>, &f32)| {
            let magnitudes: Vec<f64> = row.iter().map(|w| f64::from(w.abs())).collect();
            let halves = one * (magnitudes.len() as f64 + 2.0) / 2.0;
            let reach = magnitudes.iter().sum::<f64>() * input_range + f64::from(bias.abs());
            let largest = magnitudes.iter().copied().fold(0.0, f64::max);
            [
                largest * input_range / f64::from(scheme.weight_max()),
                reach * one / (ACCUMULATOR - halves),
                2f64.powi(-16),
            ]
            .into_iter()
            .fold(0.0, f64::max)
        };
        let rows = layer.weight.rows().into_iter().zip(&layer.bias);
        let scales: Vec<f64> = rows.map(scale).collect();
        let most = scales.iter().copied().fold(0.0, f64::max);
        let margin = match scheme.width() {
            Width::Int16 => 2.5,
            Width::Int8 => 128.0 / 127.0,
        };
        let range = relu_reach.map_or(1.0, |reach| f64::max(reach * margin, 2.5 * most));
        let unit = relu_reach.map_or(2f64.powi(-16), |_| range / one);
        let gain = 2f64.powi(32) / (one * unit);
        let fits = |shift: &u8| (most * gain / 2f64.powi((*shift).into())).ceil() < ACCUMULATOR;
        Self {
            scales,
            range,
            gain,
            shift: (0..16).find(fits),
        }
    }

    /// Asserts that `found` has these formats, and that each weight and bias is the nearest integer.
    pub(super) fn assert_nearest(
        &self,
        found: &Dense,
        layer: &DenseLayer,
        scheme: Scheme,
        input_range: f64,
    ) -> Result<(), TestCaseError> {
        let shift = self.shift.unwrap();
        prop_assert_eq!(found.scheme, scheme);
        prop_assert_eq!(found.output_shift, shift);
        prop_assert_eq!(found.weight.len(), self.scales.len());
        prop_assert_eq!(found.bias.len(), self.scales.len());
        for r in 0..self.scales.len() {
            let scale = self.assert_multiplier(found, r)?;
            let (weight, bias) = nearest(layer, r, scale, scheme, input_range);
            prop_assert_eq!(&found.weight[r], &weight);
            prop_assert_eq!(f64::from(found.bias[r]), bias);
        }
        Ok(())
    }

    /// Asserts that the multiplier of row `r` is the scale, rounded up; gives the scale that it stands for.
    fn assert_multiplier(&self, found: &Dense, r: usize) -> Result<f64, TestCaseError> {
        let gain = self.gain / 2f64.powi(found.output_shift.into());
        let exact = self.scales[r] * gain;
        let above = f64::from(found.mult[r]) - exact;
        // Up to the rounding of a product of doubles.
        let slack = exact * 1e-14;
        prop_assert!((-slack..1.0 + slack).contains(&above), "{above}");
        Ok(f64::from(found.mult[r]) / gain)
    }
}

fn nearest(
    layer: &DenseLayer,
    r: usize,
    scale: f64,
    scheme: Scheme,
    input_range: f64,
) -> (Vec<i8>, f64) {
    let most = f64::from(scheme.weight_max());
    let weights = layer.weight.row(r);
    let weights = weights
        .iter()
        .map(|w| f64::from(*w) * input_range / scale)
        .map(|q| q.round().clamp(-most, most) as i8);
    let bias = f64::from(layer.bias[r]) * one(scheme) / scale;
    (weights.collect(), bias.round())
}

fn sum(weights: &[i8]) -> f64 {
    weights.iter().map(|q| f64::from(*q).abs()).sum()
}

/// A layer, and what decides its integers.
#[derive(Clone, Debug)]
struct Case {
    layer: DenseLayer,
    scheme: Scheme,
    input_range: f64,
    relu_reach: Option<f64>,
    moments: Option<Moments>,
}

impl Case {
    fn formats(&self) -> Formats {
        Formats::of(&self.layer, self.scheme, self.input_range, self.relu_reach)
    }

    fn job(&self) -> Job<'_> {
        Job {
            name: "dense.3".into(),
            layer: &self.layer,
            scheme: self.scheme,
            clipping: Clipping::MinMax,
            input_range: self.input_range,
            relu_reach: self.relu_reach,
            moments: self.moments.clone(),
        }
    }
}

/// Layers of small and large rows. Of every second row, the bias decides the scale.
fn cases() -> impl Strategy<Value = Case> {
    let shape = (1usize..5, 1usize..6, select(Scheme::ALL.to_vec()));
    let ranges = (
        prop_oneof![Just(1.0), 0.1f64..10.0],
        proptest::option::of(prop_oneof![Just(0.0), 0.001f64..4.0]),
        prop_oneof![Just(1e-5), Just(0.1)],
    );
    (shape, ranges, any::<u64>()).prop_map(
        |((rows, inputs, scheme), (input_range, relu_reach, smallest), seed)| {
            let mut noise = Noise(seed);
            let mut weight = Array2::zeros((rows, inputs));
            let mut bias = Array1::zeros(rows);
            for (r, mut row) in weight.rows_mut().into_iter().enumerate() {
                let largest = noise.magnitude(smallest);
                row.mapv_inplace(|_: f32| (largest * noise.next()) as f32);
                // Times what an accumulator holds over what a weight makes of its largest input.
                let tight = 4.0 * ACCUMULATOR / (one(scheme) * f64::from(scheme.weight_max()));
                let times = [1.0, tight * input_range][(r + seed as usize) % 2];
                bias[r] = (largest * times * noise.next().signum()) as f32;
            }
            Case {
                layer: DenseLayer { weight, bias },
                scheme,
                input_range,
                relu_reach,
                moments: None,
            }
        },
    )
}

/// Moments of `n` inputs whose means are far from zero.
fn moments(n: usize, seed: u64) -> Moments {
    let mut noise = Noise(seed);
    let factors = Array2::from_shape_fn((n + 2, n), |_| noise.next());
    Moments {
        mean: Array1::from_shape_fn(n, |_| 60.0 * noise.next()),
        covariance: factors.t().dot(&factors),
    }
}

proptest! {
    #[test]
    fn rows_are_the_nearest_integers_of_the_least_scales(case in cases()) {
        let (found, range) = case.job().quantise().unwrap();
        let formats = case.formats();
        prop_assert_eq!(range, formats.range);
        prop_assert_eq!(case.job().output_range(), formats.range);
        formats.assert_nearest(&found, &case.layer, case.scheme, case.input_range)?;
        for (weights, bias) in found.weight.iter().zip(&found.bias) {
            let held = one(case.scheme) * sum(weights) + f64::from(*bias).abs();
            prop_assert!(held < ACCUMULATOR, "{held}");
        }
    }

    /// The bias makes up for the mean error, unless the accumulator would not hold that.
    #[test]
    fn rows_have_the_least_output_error_that_fits(mut case in cases(), seed in any::<u64>()) {
        let moments = moments(case.layer.weight.ncols(), seed);
        case.moments = Some(moments.clone());
        let (found, _) = case.job().quantise().unwrap();
        let formats = case.formats();
        prop_assert_eq!(Some(found.output_shift), formats.shift);
        // Of inputs in units of their range.
        let curvature = Curvature::new(&moments.covariance.mapv(|c| c / case.input_range.powi(2)));
        let one = one(case.scheme);
        for r in 0..case.layer.bias.len() {
            let scale = formats.assert_multiplier(&found, r)?;
            let real: Vec<f64> = case.layer.weight.row(r).iter().map(|w| f64::from(*w)).collect();
            let in_scale: Vec<f64> = real.iter().map(|w| w * case.input_range / scale).collect();
            let (weights, _) = curvature.round(&in_scale, case.scheme.weight_max().into());
            let mean_error: f64 = (real.iter().zip(&weights).zip(&moments.mean))
                .map(|((w, q), mean)| (w - f64::from(*q) * scale / case.input_range) * mean)
                .sum();
            let bias = ((f64::from(case.layer.bias[r]) + mean_error) * one / scale).round();
            let (weights, bias) = match one * sum(&weights) + bias.abs() < ACCUMULATOR {
                true => (weights, bias),
                false => nearest(&case.layer, r, scale, case.scheme, case.input_range),
            };
            prop_assert_eq!(&found.weight[r], &weights);
            // A sum in another order may round the other way.
            prop_assert!((f64::from(found.bias[r]) - bias).abs() <= 1.0, "{bias}");
        }
    }

    /// The largest accumulator that a rounding may lead to is 2³¹ − 1.
    #[test]
    fn a_rounding_may_fill_the_accumulator_and_no_more(
        scheme in select(Scheme::ALL.to_vec()), whole in 1i8..6, over in any::<bool>(),
    ) {
        let one = one(scheme);
        let layer = DenseLayer {
            weight: array![[1.0, (f32::from(whole) + 0.3) / f32::from(scheme.weight_max())]],
            bias: array![0.0],
        };
        let mut case = Case {
            layer,
            scheme,
            input_range: 1.0,
            relu_reach: None,
            moments: Some(Moments { mean: Array1::zeros(2), covariance: Array2::eye(2) }),
        };
        let (found, _) = case.job().quantise().unwrap();
        prop_assert_eq!(&found.weight[0], &[scheme.weight_max(), whole]);
        // A mean of the second input that its remainder takes the bias there with.
        let formats = case.formats();
        let scale = formats.assert_multiplier(&found, 0)?;
        let wanted = ACCUMULATOR - one * sum(&found.weight[0]) - f64::from(u8::from(!over));
        let left = f64::from(case.layer.weight[[0, 1]]) - f64::from(whole) * scale;
        case.moments.as_mut().unwrap().mean[1] = wanted * scale / (one * left);
        let (found, _) = case.job().quantise().unwrap();
        prop_assert_eq!(f64::from(found.bias[0]), if over { 0.0 } else { wanted });
    }

    /// Rows may reach 2¹³ with int16 inputs and 2⁵ with int8 ones, in steps of W.
    #[test]
    fn an_output_row_that_no_shift_holds_is_refused(
        case in cases(), factor in prop_oneof![0.9f64..1.1, 0.5f64..2.0],
    ) {
        let mut case = Case { relu_reach: None, ..case };
        let most = |case: &Case| case.formats().scales.into_iter().fold(0.0, f64::max);
        let held = match case.scheme.width() {
            Width::Int16 => 8192.0,
            Width::Int8 => 32.0,
        };
        let factor = (factor * held / most(&case)) as f32;
        case.layer.weight *= factor;
        case.layer.bias *= factor;
        let formats = case.formats();
        let expected = most(&case);
        match case.job().quantise() {
            Ok((found, _)) => {
                prop_assert!(expected < held, "{expected}");
                formats.assert_nearest(&found, &case.layer, case.scheme, case.input_range)?;
            }
            Err(QuantiseError::WeightTooLarge { layer, row, largest, limit }) => {
                prop_assert!(expected > held * (1.0 - 1e-9), "{expected}");
                let weight_max = f64::from(case.scheme.weight_max());
                prop_assert_eq!(layer, "dense.3");
                prop_assert_eq!(formats.scales[row], expected);
                prop_assert!((largest / (expected * weight_max) - 1.0).abs() < 1e-12);
                prop_assert!((limit / (held * weight_max) - 1.0).abs() < 1e-12);
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}

/// `s · 2³³` is the multiplier of s with int16 inputs: from 2³¹ on it has a bit too many.
#[test]
fn a_multiplier_of_32_bits_takes_one_shift_more() {
    for shift in 0..=16 {
        let scale = 2f32.powi(shift - 3);
        let layer = |scale: f32| DenseLayer {
            weight: array![[127.0 * scale]],
            bias: array![0.0],
        };
        let found = |layer: &DenseLayer| {
            let job = Job {
                name: String::new(),
                layer,
                scheme: Scheme::W8a16,
                clipping: Clipping::MinMax,
                input_range: 1.0,
                relu_reach: None,
                moments: None,
            };
            let (found, _) = job.quantise().ok()?;
            Some(i32::from(found.output_shift))
        };
        let expected = (shift <= 15).then_some(shift);
        assert_eq!(found(&layer(scale)), expected);
        let below = scale * (1.0 - 2f32.powi(-20));
        assert_eq!(found(&layer(below)), Some((shift - 1).max(0)));
    }
}
