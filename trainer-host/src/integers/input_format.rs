//! Fixed-point formats of the raw inputs, and the integers that normalise them on the device.
//!
//! ```text
//! raw_j = round(value_j · 2^frac_j)                                       what firmware feeds (IF1)
//! x_j   = (((raw_j << l_j) − mean_j) · mult_j) >> 32                      docs/numerics.md    (IF2)
//! mean_j = round(mean · 2^(frac_j + l_j)),  mult_j = round(2^(31 + b − frac_j − l_j) / (dev · S_j)) (IF3)
//! ```
//!
//! b is the bits of the first layer's activations, 16 or 8.
//!
//! A channel whose training values are all whole numbers is taken as the sensor's own integers,
//! `frac_j = 0`. Any other one gets the fraction bits that put its largest magnitude near 2²²,
//! so that values up to 2⁹ times as large still fit into 32 bits. Fraction bits are not negative,
//! so that a channel whose values reach 2³⁰ is refused: its differences would leave 32 bits.

use crate::data::Recording;
use lstm_nostd::InputChannel;
use lstm_nostd::kernels::Width;
use serde::{Deserialize, Serialize};

/// Raw values with fractions reach about this magnitude in the training data.
const RAW_BITS: i32 = 22;
/// Shifted raw values reach at most this magnitude in the training data; the rest is head-room.
const SHIFTED_BITS: i32 = 29;
/// The largest magnitude, as a power of two, whose distance from any mean fits into 32 bits.
const MAX_RAW_BITS: i32 = 30;
/// The largest shift of a 32-bit integer.
pub const MAX_SHIFT: u8 = 31;

/// The raw format of one input channel and its place in the 32-bit input stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputFormat {
    /// Fraction bits of the raw value.
    pub frac_bits: u8,
    /// Left shift before the mean is subtracted, `l_j`.
    pub shift: u8,
}

/// A channel whose values are too large for raw integers.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "channel {channel:?} reaches {largest:.3e}, and raw inputs are 32-bit integers that may reach \
     1.07e9; give it in a larger unit, for example divided by 1000"
)]
pub struct RawRangeError {
    /// Name of the channel.
    pub channel: String,
    /// Its largest magnitude.
    pub largest: f64,
}

/// Chooses a raw format for every one of the named `channels` of `sequences`, each `[T, I]`, in
/// real units.
///
/// # Errors
/// [`RawRangeError`] for the first channel that raw integers cannot hold.
pub fn choose_formats(
    channels: &[String],
    sequences: &[Recording<'_>],
) -> Result<Vec<InputFormat>, RawRangeError> {
    (channels.iter().enumerate())
        .map(|(j, channel)| {
            let values = || sequences.iter().flat_map(move |s| s.channel(j));
            let largest = values().fold(0.0f64, |max, v| v.abs().max(max));
            InputFormat::for_range(largest, values().all(|v| v.fract() == 0.0)).ok_or_else(|| {
                RawRangeError {
                    channel: channel.clone(),
                    largest,
                }
            })
        })
        .collect()
}

impl InputFormat {
    /// For values up to `largest` that are all `whole` numbers or not; `None` beyond the raw range.
    fn for_range(largest: f64, whole: bool) -> Option<Self> {
        // The smallest normal f32 has 148 fraction bits, which fit their byte.
        let magnitude = largest.max(f64::from(f32::MIN_POSITIVE)).log2().ceil() as i32;
        if magnitude > MAX_RAW_BITS {
            return None;
        }
        let frac_bits = if whole {
            0
        } else {
            (RAW_BITS - magnitude).max(0)
        };
        let shift = (SHIFTED_BITS - magnitude - frac_bits).clamp(0, 31);
        Some(Self {
            frac_bits: frac_bits as u8,
            shift: shift as u8,
        })
    }

    /// Units of the shifted raw value in one.
    fn units(self) -> f64 {
        2f64.powi(i32::from(self.frac_bits) + i32::from(self.shift))
    }

    /// The smallest `S_j` (in deviations) whose multiplier stays below 2³¹.
    pub fn smallest_range(self, deviation: f32, width: Width) -> f64 {
        2f64.powi(width.bits() as i32) * 1.001 / (self.units() * f64::from(deviation))
    }

    /// (IF3) for a channel of the given mean and deviation whose input range is `range` deviations.
    pub fn channel(self, mean: f64, deviation: f32, range: f64, width: Width) -> InputChannel {
        let limit = f64::from(i32::MAX);
        let mult =
            2f64.powi(31 + width.bits() as i32) / (self.units() * f64::from(deviation) * range);
        InputChannel {
            // A float-to-int cast saturates.
            mean: (mean * self.units()).round().clamp(-limit, limit) as i32,
            mult: mult.round().min(limit) as i32,
            shift: self.shift,
            frac_bits: self.frac_bits,
        }
    }

    /// (IF1), saturating.
    pub fn raw(self, value: impl Into<f64>) -> i32 {
        (value.into() * 2f64.powi(i32::from(self.frac_bits))).round() as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    fn names(channels: usize) -> Vec<String> {
        (0..channels).map(|j| format!("c{j}")).collect()
    }

    proptest! {
        /// x is rounded (½) and its multiplier too (2⁻¹⁸ of x): no more for any unit of measurement.
        #[test]
        fn normalised_values_do_not_depend_on_the_unit(
            exponent in -95i32..29, mean in -1.0f32..1.0, values in prop::collection::vec(-1.0f32..1.0, 1..20),
        ) {
            const RANGE: f64 = 4.0;
            let unit = 2f32.powi(exponent);
            let deviation = 0.5 * unit;
            let sequence = ndarray::Array2::from_shape_fn((values.len() + 1, 1), |(t, _)| {
                // The largest value sets the format.
                unit * values.get(t).copied().unwrap_or(1.0)
            });
            let format = choose_formats(&names(1), &[(&sequence).into()]).unwrap()[0];
            let channel = format.channel(f64::from(mean * unit), deviation, RANGE, Width::Int16);
            for value in &sequence {
                let found = f64::from(channel.normalise::<i16>(format.raw(*value)));
                let exact = (f64::from(value / unit) - f64::from(mean)) / 0.5 / RANGE * 32_768.0;
                prop_assert!((found - exact.clamp(-32_768.0, 32_767.0)).abs() <= 1.0, "{found} {exact}");
            }
        }
    }

    #[test]
    fn whole_numbers_are_taken_as_they_are() {
        let sequence = array![[3.0f32, 0.0, 1e9], [-4096.0, 0.0, 5.0]];
        for format in choose_formats(&names(3), &[(&sequence).into()]).unwrap() {
            assert_eq!((format.frac_bits, format.raw(-4096.0)), (0, -4096));
        }
    }

    #[test]
    fn refuses_raw_range() {
        let sequence = array![[1.0f32, 2.4e9]];
        let error = choose_formats(&names(2), &[(&sequence).into()]).unwrap_err();
        assert_eq!(error.channel, "c1");
        assert!(error.to_string().contains("2.400e9"), "{error}");
    }
}
