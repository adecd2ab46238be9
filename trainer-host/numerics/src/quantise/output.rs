//! The unit of each output of a linear network, and the offset that its integers are distances from.
//!
//! ```text
//! value_r = (offset_r + raw_r) · 2^(e_r − 16)                 lstm_nostd::layers::output
//! e_r      = ⌈log₂ reach_r⌉ − 7                               the largest distance is 2⁶ to 2⁷ in Q15.16   (QO1)
//! offset_r = round((centre_r + mean_r) · 2^(16 − e_r))                                            (QO2)
//! ```
//!
//! The centre is the middle of what the network gives on the calibration's sequences, and the reach what it is away
//! from there, so that 23 bits of each output are left, whatever its mean and the other outputs are, and room for
//! 256 times as much. An output that moves less than its weights could make it move has a larger exponent where the
//! accumulator, or the multiplier of int8 inputs, asks for it. The mean, of the targets, is no part of the network.

use lstm_nostd::OutputScale;
use lstm_nostd::kernels::Width;

use crate::network::DenseLayer;
use crate::quantise::calibrate::OutputRange;

/// The largest distance is brought to two to this power.
const REACH_BITS: i32 = 7;
/// The largest output that Q15.16 holds, as a power of two.
const LARGEST_BITS: i32 = 15;
/// The largest weight times the range of int8 inputs that a row may have, as a power of two: multipliers hold scales
/// below 32, hence weights below 127 · 32 = 4064.
const LARGEST_INT8_BITS: i32 = 11;
/// Fraction bits of an output.
const FRACTION_BITS: i32 = 16;
/// An offset has at most so many bits.
const OFFSET_BITS: i32 = 61;
/// The largest magnitude of an exponent; its power of two is an f32.
const MAX_EXPONENT: i32 = 126;

/// How one output of a network becomes an integer, and that a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutputFormat {
    /// What is taken off the network's output; 0 for logits.
    pub centre: f64,
    /// As the model file has it: with the mean.
    pub scale: OutputScale,
}

impl OutputFormat {
    /// Of logits.
    pub const LOGIT: Self = Self {
        centre: 0.0,
        scale: OutputScale::LOGIT,
    };

    /// (QO1) and (QO2) for row `r` of the output `layer`, whose inputs have this width and reach `input_range`.
    pub(super) fn of(
        layer: &DenseLayer,
        r: usize,
        (width, input_range): (Width, f64),
        seen: OutputRange,
        mean: f64,
    ) -> Self {
        let centre = seen.centre();
        let weights = layer
            .weight
            .row(r)
            .mapv(|w| f64::from(w.abs()) * input_range);
        let largest = weights.iter().copied().fold(0.0, f64::max);
        let for_multiplier = match width {
            Width::Int16 => -MAX_EXPONENT,
            Width::Int8 => bits(largest) - LARGEST_INT8_BITS,
        };
        // Of what was seen, of what the weights could give at all, of the multiplier, and of the offset.
        let exponent = (bits(seen.reach()) - REACH_BITS)
            .max(bits(weights.sum()) + 1 - LARGEST_BITS)
            .max(for_multiplier)
            .max(bits((centre + mean).abs()) + FRACTION_BITS - OFFSET_BITS)
            .clamp(-MAX_EXPONENT, MAX_EXPONENT);
        let offset = (centre + mean) * 2f64.powi(FRACTION_BITS - exponent);
        Self {
            centre,
            scale: OutputScale {
                offset: offset.round() as i64,
                exponent: (exponent - FRACTION_BITS) as i16,
            },
        }
    }

    /// What one in Q15.16 is worth.
    pub fn unit(self) -> f64 {
        2f64.powi(i32::from(self.scale.exponent) + FRACTION_BITS)
    }
}

/// The least power of two that is no smaller, far below any f32 for 0.
fn bits(magnitude: f64) -> i32 {
    magnitude.max(f64::MIN_POSITIVE).log2().ceil() as i32
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    proptest! {
        /// The integers of what was seen have 22 bits or more, and the offset leads back.
        #[test]
        fn every_output_keeps_its_bits(
            exponent in -60i32..60, ratio in -6i32..20, share in 0.5f64..1.0, weight in 0.0f32..2.0,
        ) {
            let deviation = 2f64.powi(exponent);
            let mean = share * deviation * 2f64.powi(ratio);
            let seen = OutputRange { least: -deviation, greatest: 3.0 * deviation };
            let layer = DenseLayer {
                weight: array![[weight * deviation as f32, -deviation as f32]],
                bias: Array1::zeros(1),
            };
            let format = OutputFormat::of(&layer, 0, (Width::Int16, 1.0), seen, mean);
            prop_assert_eq!(format.centre, deviation);
            let raw = 2.0 * deviation / format.unit() * 65_536.0;
            prop_assert!((2f64.powi(22)..=2f64.powi(24)).contains(&raw), "{raw}");
            let back = format.scale.offset as f64 * 2f64.powi(format.scale.exponent.into());
            let exact = mean + deviation;
            prop_assert!((back - exact).abs() <= deviation * 2f64.powi(-20), "{back} {exact}");
        }
    }

    proptest! {
        /// The least exponent with room for what was seen, for what the weights could give, and for the offset; that of
        /// an f32 in any case.
        #[test]
        fn the_exponent_is_the_least_that_has_room(
            seen in (-130i32..125, 0.5f32..1.0), offset in (-200i32..200, -1.0f64..1.0),
            // Most often near what was seen.
            (sum, share) in (prop_oneof![-2i32..16, -2i32..16, -200i32..200], 0.5f32..1.0),
            width in select(vec![Width::Int16, Width::Int8]), still in prop_oneof![4 => Just(false), 1 => Just(true)],
            share_of_mean in select(vec![0.0, 0.25, -1.0]),
        ) {
            let of = |(bits, share): (i32, f32)| f64::from(share) * 2f64.powi(bits);
            let reach = if still { 0.0 } else { of(seen) };
            let mean = offset.1 * 2f64.powi(offset.0);
            let middle = mean * share_of_mean;
            // Two weights that are 3/4 and 1/4 of the sum, on inputs of range 8.
            let sum = (seen.0 + sum).clamp(-130, 130);
            let seen = OutputRange { least: middle - reach, greatest: middle + reach };
            let (middle, reach) = (seen.centre(), seen.reach());
            let share = (of((sum, share)) / 32.0) as f32;
            let layer = DenseLayer {
                weight: array![[9.0, 9.0], [3.0 * share, -share]],
                bias: Array1::zeros(2),
            };
            let (sum, largest) = (f64::from(4.0 * share) * 8.0, f64::from(3.0 * share) * 8.0);
            let format = OutputFormat::of(&layer, 1, (width, 8.0), seen, mean);
            prop_assert_eq!(format.centre, middle);
            // Multipliers of int16 inputs hold more than any sum that has room.
            let has_multiplier = |unit: f64| width == Width::Int16 || largest <= 2048.0 * unit;
            let whole = |unit: f64| (middle + mean).abs() / unit * 65_536.0;
            // Q15.16 ends at 2¹⁵, and one bit of it is for the bias.
            let has_room = |unit: f64| {
                let fits = reach <= 128.0 * unit && sum <= 16_384.0 * unit;
                fits && has_multiplier(unit) && whole(unit) <= 2f64.powi(61)
            };
            let unit = format.unit();
            prop_assert_eq!(unit, 2f64.powi(i32::from(format.scale.exponent) + 16));
            let exponent = unit.log2();
            prop_assert!(has_room(unit) || exponent == 126.0, "{exponent}");
            prop_assert!(!has_room(unit / 2.0) || exponent == -126.0, "{exponent}");
            if has_room(unit) {
                let offset = (middle + mean) / unit * 65_536.0;
                prop_assert!((format.scale.offset as f64 - offset).abs() <= 0.5, "{offset}");
            }
        }
    }

    #[test]
    fn a_mean_that_brings_the_centre_to_zero_costs_no_bits() {
        let layer = DenseLayer {
            weight: array![[1e-9]],
            bias: array![0.0],
        };
        for size in [1e9, -1e20, 1e30] {
            let seen = OutputRange {
                least: size,
                greatest: size,
            };
            let of =
                |seen, mean| OutputFormat::of(&layer, 0, (Width::Int16, 1.0), seen, mean).scale;
            let nothing = OutputRange {
                least: 0.0,
                greatest: 0.0,
            };
            assert_eq!(of(seen, -size), of(nothing, 0.0), "{size}");
        }
    }

    #[test]
    fn a_constant_output_of_any_size_has_a_format() {
        for (value, weight) in [
            (0.0, 0.0),
            (1e6, 1e-6),
            (1e30, 0.0),
            (-1e-30, 1e-9),
            (3.4e38, 1.0),
        ] {
            let layer = DenseLayer {
                weight: array![[weight]],
                bias: array![0.0],
            };
            let seen = OutputRange {
                least: 0.0,
                greatest: 0.0,
            };
            let OutputFormat { scale, .. } =
                OutputFormat::of(&layer, 0, (Width::Int16, 1.0), seen, value);
            assert!(scale.offset.unsigned_abs() <= OutputScale::MAX_OFFSET);
            let unit = 2f64.powi(scale.exponent.into());
            let back = scale.offset as f64 * unit;
            assert!(
                (back - value).abs() <= value.abs() * 1e-12 + unit,
                "{value}: {back}"
            );
        }
    }
}
