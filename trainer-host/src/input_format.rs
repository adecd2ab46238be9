//! Fixed-point formats of the raw inputs, and the integers that normalise them on the device.
//!
//! ```text
//! raw_j = round(value_j · 2^frac_j)                                       what firmware feeds  (I1)
//! x_j   = (((raw_j << l_j) − mean_j) · mult_j) >> 32                      docs/numerics.md     (I2)
//! mean_j = round(mean · 2^(frac_j + l_j)),  mult_j = round(2^(47 − frac_j − l_j) / (dev · S_j)) (I3)
//! ```
//!
//! A channel whose training values are all whole numbers is taken as the sensor's own integers,
//! `frac_j = 0`. Any other one gets the fraction bits that put its largest magnitude near 2²²,
//! so that values up to 2⁹ times as large still fit into 32 bits.

use lstm_nostd::InputChannel;
use ndarray::ArrayView2;

/// Raw values with fractions reach about this magnitude in the training data.
const RAW_BITS: i32 = 22;
/// Shifted raw values reach at most this magnitude in the training data; the rest is head-room.
const SHIFTED_BITS: i32 = 29;
/// The most fraction bits that are given to a raw input.
const MAX_FRAC_BITS: i32 = 30;

/// The raw format of one input channel and its place in the 32-bit input stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputFormat {
    /// Fraction bits of the raw value.
    pub frac_bits: u8,
    /// Left shift before the mean is subtracted, `l_j`.
    pub shift: u8,
}

/// Chooses a raw format for every channel of `sequences`, each `[T, I]`, in real units.
pub fn choose_formats(channels: usize, sequences: &[ArrayView2<'_, f32>]) -> Vec<InputFormat> {
    (0..channels)
        .map(|j| {
            let values = || {
                sequences
                    .iter()
                    .flat_map(move |s| s.column(j).into_iter().copied())
            };
            let max = values()
                .fold(0.0f64, |max, v| f64::from(v).abs().max(max))
                .max(1e-6);
            let whole = values().all(|v| v.fract() == 0.0) && max < 2f64.powi(RAW_BITS);
            let magnitude = max.log2().ceil() as i32;
            let frac_bits = if whole {
                0
            } else {
                (RAW_BITS - magnitude).clamp(0, MAX_FRAC_BITS)
            };
            let shift = (SHIFTED_BITS - magnitude - frac_bits).clamp(0, 31);
            InputFormat {
                frac_bits: frac_bits as u8,
                shift: shift as u8,
            }
        })
        .collect()
}

impl InputFormat {
    /// Units of the shifted raw value in one.
    fn units(self) -> f64 {
        2f64.powi(i32::from(self.frac_bits) + i32::from(self.shift))
    }

    /// The smallest `S_j` (in deviations) whose multiplier stays below 2³¹.
    pub fn smallest_range(self, deviation: f32) -> f64 {
        2f64.powi(16) * 1.001 / (self.units() * f64::from(deviation))
    }

    /// (I3) for a channel of the given mean and deviation whose input range is `range` deviations.
    pub fn channel(self, mean: f32, deviation: f32, range: f64) -> InputChannel {
        let limit = f64::from(i32::MAX);
        let mult = 2f64.powi(47) / (self.units() * f64::from(deviation) * range);
        InputChannel {
            // A float-to-int cast saturates.
            mean: (f64::from(mean) * self.units())
                .round()
                .clamp(-limit, limit) as i32,
            mult: mult.round().min(limit) as i32,
            shift: self.shift,
            frac_bits: self.frac_bits,
        }
    }

    /// (I1), saturating.
    pub fn raw(self, value: f32) -> i32 {
        (f64::from(value) * 2f64.powi(i32::from(self.frac_bits))).round() as i32
    }
}
