//! Fixed-point formats of the raw inputs, and the integers that normalise them on the device.
//!
//! ```text
//! raw_j = round(value_j · 2^frac_j)                                       what firmware feeds (IF1)
//! x_j   = ((((raw_j − mean_j) << l_j) − fraction_j) · mult_j) >> 32       docs/numerics.md    (IF2)
//! mean_j = round(mean · 2^frac_j),  fraction_j = round((mean · 2^frac_j − mean_j) · 2^l_j)
//! mult_j = round(2^(31 + b − frac_j − l_j) / (dev · S_j))                                     (IF3)
//! ```
//!
//! b is the bits of the first layer's activations, 16 or 8.
//!
//! A channel whose training values are all whole numbers is taken as the sensor's own integers,
//! `frac_j = 0`. Any other one gets the fraction bits that put its largest magnitude near 2²², or more where
//! its deviation would have less than 2¹² steps, as far as 32 bits go: values 16 times as far from the mean as
//! any of the training part still fit. `l_j` puts the largest distance from the mean near 2²⁹. So only the
//! distance from the mean counts, and a constant that is added to a channel changes nothing.
//!
//! Fraction bits are not negative, so that a channel whose values leave 32 bits is refused.

use crate::data::Recording;
use lstm_nostd::InputChannel;
use lstm_nostd::kernels::Width;
use serde::{Deserialize, Serialize};

/// Raw values with fractions reach about this magnitude in the training data.
const RAW_BITS: i32 = 22;
/// A deviation has steps of about this number, as a power of two, as far as 32 bits go.
const DEVIATION_BITS: i32 = 12;
/// Distances from the mean that are so many times as large as any of the training data fit into 32 bits.
const HEAD_ROOM: f64 = 16.0;
/// Shifted distances from the mean reach at most this magnitude in the training data; the rest is head-room.
const SHIFTED_BITS: i32 = 29;
/// The largest raw value.
const MAX_RAW: f64 = 2_147_483_647.0;
/// The largest shift of a 32-bit integer.
pub const MAX_SHIFT: u8 = 31;

/// The raw format of one input channel and its place in the 32-bit input stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputFormat {
    /// Fraction bits of the raw value.
    pub frac_bits: u8,
    /// Left shift of the distance from the mean, `l_j`.
    pub shift: u8,
}

/// A channel whose values are too large for raw integers.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "channel {channel:?} reaches {largest:.3e}, and raw inputs are 32-bit integers that may reach \
     2.14e9; give it less a constant, or in a larger unit, for example divided by 1000"
)]
pub struct RawRangeError {
    /// Name of the channel.
    pub channel: String,
    /// Its largest magnitude.
    pub largest: f64,
}

/// Chooses a raw format for every one of the named `channels` of `sequences`, each `[T, I]`, in
/// real units; `means`, `[I]`, are what the device takes off.
///
/// # Errors
/// [`RawRangeError`] for the first channel that raw integers cannot hold.
pub fn choose_formats(
    channels: &[String],
    sequences: &[Recording<'_>],
    means: &[f64],
) -> Result<Vec<InputFormat>, RawRangeError> {
    (channels.iter().zip(means).enumerate())
        .map(|(j, (channel, mean))| {
            let seen = Seen::of(*mean, || sequences.iter().flat_map(move |s| s.channel(j)));
            InputFormat::for_values(&seen).ok_or_else(|| RawRangeError {
                channel: channel.clone(),
                largest: seen.largest,
            })
        })
        .collect()
}

/// What decides the format of a channel, of its values in the training data.
struct Seen {
    /// The largest magnitude.
    largest: f64,
    mean: f64,
    /// The largest distance from the mean; 0 of a constant channel, as the deviation.
    distance: f64,
    /// From the mean.
    deviation: f64,
    is_whole: bool,
}

impl Seen {
    fn of<I: Iterator<Item = f64>>(mean: f64, values: impl Fn() -> I) -> Self {
        let count = values().count().max(1) as f64;
        let distances = || values().map(|value| value - mean);
        let largest =
            |all: &mut dyn Iterator<Item = f64>| all.fold(0.0, |m: f64, v| m.max(v.abs()));
        let first = values().next();
        let is_constant = values().all(|value| Some(value) == first);
        let varying = |value: f64| if is_constant { 0.0 } else { value };
        Self {
            mean,
            largest: largest(&mut values()),
            distance: varying(largest(&mut distances())),
            deviation: varying((distances().map(|d| d * d).sum::<f64>() / count).sqrt()),
            is_whole: values().all(|value| value.fract() == 0.0),
        }
    }
}

/// The least power of two that is no smaller, far below any f32 for 0.
fn bits(magnitude: f64) -> i32 {
    // The smallest normal f32 has 148 fraction bits, which fit their byte.
    magnitude.max(f64::from(f32::MIN_POSITIVE)).log2().ceil() as i32
}

impl InputFormat {
    /// `None` beyond the raw range.
    fn for_values(seen: &Seen) -> Option<Self> {
        if seen.largest > MAX_RAW {
            return None;
        }
        let frac_bits = match seen.is_whole {
            true => 0,
            false => {
                let reach = seen.mean.abs() + HEAD_ROOM * seen.distance;
                let of_reach = 31 - bits(reach.max(seen.largest) * (1.0 + 1e-9));
                let of_deviation = match seen.deviation > 0.0 {
                    true => (DEVIATION_BITS - bits(seen.deviation)).min(of_reach),
                    false => 0,
                };
                of_deviation.max(RAW_BITS - bits(seen.largest)).max(0)
            }
        };
        // A constant channel's distances are in its own unit, as those of the trainer.
        let distance = match seen.distance > 0.0 {
            true => seen.distance,
            false => 1.0,
        };
        let shift = (SHIFTED_BITS - bits(distance) - frac_bits).clamp(0, 31);
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
        let raw_mean = mean * 2f64.powi(self.frac_bits.into());
        // Float-to-int casts saturate.
        let whole = raw_mean.round() as i32;
        let fraction = (raw_mean - f64::from(whole)) * 2f64.powi(self.shift.into());
        InputChannel {
            mean: whole,
            fraction: fraction.round() as i32,
            mult: mult.round().min(limit) as i32,
            shift: self.shift,
            frac_bits: self.frac_bits,
        }
    }

    /// Whether `value` leaves the 32 bits of a raw value.
    pub fn is_beyond(self, value: f64) -> bool {
        let exact = (value * 2f64.powi(self.frac_bits.into())).round();
        !(f64::from(i32::MIN)..=MAX_RAW).contains(&exact)
    }

    /// (IF1), saturating.
    pub fn raw(self, value: impl Into<f64>) -> i32 {
        (value.into() * 2f64.powi(i32::from(self.frac_bits))).round() as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    fn names(channels: usize) -> Vec<String> {
        (0..channels).map(|j| format!("c{j}")).collect()
    }

    fn formats(sequence: &Array2<f32>, means: &[f64]) -> Result<Vec<InputFormat>, RawRangeError> {
        choose_formats(&names(means.len()), &[sequence.into()], means)
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
            let values = [values, vec![1.0, -1.0]].concat();
            let sequence = Array2::from_shape_fn((values.len(), 1), |(t, _)| unit * values[t]);
            let mean = f64::from(mean * unit);
            let format = formats(&sequence, &[mean]).unwrap()[0];
            let channel = format.channel(mean, deviation, RANGE, Width::Int16);
            for value in &sequence {
                let found = f64::from(channel.normalise::<i16>(format.raw(*value)));
                let exact = (f64::from(*value) - mean) / f64::from(deviation) / RANGE * 32_768.0;
                prop_assert!((found - exact.clamp(-32_768.0, 32_767.0)).abs() <= 1.0, "{found} {exact}");
            }
        }

        /// Sensors' whole numbers become the same inputs wherever their mean lies, and others nearly the same
        /// ones as far as 32 bits hold their deviation.
        #[test]
        fn a_constant_costs_nothing(
            constant in -2_000_000_000i64..2_000_000_000, deviation in 1.0f64..2e6, is_whole in any::<bool>(),
            values in prop::collection::vec(-2.0f64..2.0, 2..20),
        ) {
            const RANGE: f64 = 5.0;
            let real = |constant: f64| -> Vec<f64> {
                let values = values.iter().map(|value| value * deviation);
                let values = values.map(|value| if is_whole { value.round() } else { value });
                values.map(|value| value + constant).collect()
            };
            let inputs = |constant: f64| {
                let real = real(constant);
                let mean = real.iter().sum::<f64>() / real.len() as f64;
                let format = InputFormat::for_values(&Seen::of(mean, || real.iter().copied())).unwrap();
                let channel = format.channel(mean, deviation as f32, RANGE, Width::Int16);
                let raw = real.iter().map(|value| channel.normalise::<i16>(format.raw(*value)));
                (raw.map(f64::from).collect::<Vec<_>>(), format)
            };
            let (near, _) = inputs(0.0);
            let (far, format) = inputs(constant as f64);
            // Half a step of the raw value on either side, and of x.
            let step = match is_whole {
                true => 0.0,
                false => 32_768.0 / RANGE / deviation / 2f64.powi(format.frac_bits.into()),
            };
            for (near, far) in near.iter().zip(&far) {
                prop_assert!((near - far).abs() <= 1.0 + step, "{near} {far} {step}");
            }
        }
    }

    /// Degrees, pascals and counts of which only the last digits move.
    #[test]
    fn a_small_deviation_has_many_steps() {
        for (mean, deviation, steps) in [
            (52.52, 7e-6, 200.0),
            (101_325.25, 0.5, 2000.0),
            (0.2, 1e-7, 400.0),
            (-7.5e7, 10.3, 50.0),
        ] {
            let values = [-1.9, -0.3, 0.4, 1.8].map(|d| mean + d * deviation);
            let format = InputFormat::for_values(&Seen::of(mean, || values.into_iter())).unwrap();
            let found = deviation * 2f64.powi(format.frac_bits.into());
            assert!(
                found >= steps,
                "{mean} ± {deviation}: {found} steps a deviation"
            );
            for value in values.map(|value| mean + 8.0 * (value - mean)) {
                let back = f64::from(format.raw(value)) / 2f64.powi(format.frac_bits.into());
                assert!((back - value).abs() <= deviation / steps, "{value}: {back}");
            }
        }
    }

    #[test]
    fn whole_numbers_are_taken_as_they_are() {
        let sequence = array![[3.0f32, 0.0, 1e9, 2e9], [-4096.0, 0.0, 5.0, -2e9]];
        for format in formats(&sequence, &[-2e3, 0.0, 5e8, 0.0]).unwrap() {
            assert_eq!((format.frac_bits, format.raw(-4096.0)), (0, -4096));
        }
    }

    #[test]
    fn refuses_raw_range() {
        let sequence = array![[1.0f32, 2.4e9]];
        let error = formats(&sequence, &[1.0, 2.4e9]).unwrap_err();
        assert_eq!(error.channel, "c1");
        assert!(error.to_string().contains("2.400e9"), "{error}");
    }
}
