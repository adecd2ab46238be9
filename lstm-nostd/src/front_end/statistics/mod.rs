//! Statistics of short frames of several channels, for motion.
//!
//! ```text
//! x_t = root(Σ_j x_tj²)                         of the axes j of a magnitude; C channels are as they are      (FS1)
//! S = Σ_t x_t,   V = N · Σ_t x_t² − S²          over a frame, t = 0..N                                        (FS2)
//! mean        = mul_high(S << s, r)             r = 2^(38 − s) / N; Q16.6                                     (FS3)
//! deviation   = round_shift(ln(2⁸ V + F) − ln 2⁸N², 5)            ½ ln(σ² + f²), Q19.12                       (FS4)
//! minimum, maximum = min_t x_t, max_t x_t                                                                     (FS5)
//! crossings   = how often [N · x_t ≥ S] is another than at t − 1                                              (FS6)
//! differences = round_shift(ln(2⁸ Σ_{t≥1} (x_t − x_{t−1})² + F') − ln 2⁸(N − 1), 5)   ½ ln(d² + f²), Q19.12       (FS7)
//! ```
//!
//! Samples x are int16. The order of features is: channel by channel, then magnitude by magnitude, each with the
//! statistics that are chosen, in this order. f is the floor: a deviation of f or less says nothing.
//!
//! Deviation and differences are logarithms, because what tells motions from each other is a ratio; an LSB of noise or of
//! a loud motion has the same weight then. Crossings are of the mean and not of zero, because gravity or an offset keeps
//! most sensors away from zero. The root mean square is left out: it follows from mean and deviation.
//!
//! # Formats
//!
//! |x| ≤ 2¹⁵, and a magnitude of three axes is at most 56,756. With N ≤ 2¹¹: |S| ≤ 2²⁷, Σ x² ≤ 2⁴³ and V ≤ 2⁵⁴; a
//! difference is below 2¹⁶, its square below 2³². F and F' are 1 to 2⁶². s = 15 − ⌈log₂ N⌉, so that |S << s| < 2³¹.
//! (FS2), (FS5) and (FS6) are exact. The mean is at most 0.52 LSB of Q16.6 off plus r's rounding, which together is below
//! one. A logarithm is that of [`logarithm`](super::logarithm).

mod record;
mod root;
#[cfg(feature = "write")]
mod settings;

pub use record::{Axes, Statistic, StatisticsRecord};
#[cfg(feature = "write")]
pub use settings::{StatisticsSettings, StatisticsTables};

use super::logarithm::{self, LOG_BITS};
use super::{FEATURE_BITS, Word2};
use crate::bounded::{mul, shl, sub};
use crate::layers::input::to_fixed;
use crate::requant::{mul_high, round_shift, saturate16};
use core::slice::IterMut;
use root::root;

/// The most moments of a frame.
pub const MAX_FRAME: usize = 2048;
/// The most channels, and the most magnitudes.
pub const MAX_CHANNELS: usize = 64;
/// The most samples of a frame, of all channels.
pub const MAX_SAMPLES: usize = 1 << 15;
/// Fraction bits of F and F'.
const FLOOR_BITS: u32 = 8;

/// A front end for motion: a view of its tables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics<'m> {
    pub(crate) record: &'m StatisticsRecord,
    /// `[C]`, see [`Statistics::fraction_bits`].
    pub(crate) fraction_bits: &'m [i8],
    pub(crate) magnitudes: &'m [Axes],
    /// Features of the first frame of [`test_samples`](super::test_samples).
    pub(crate) golden: &'m [i32],
}

/// What a pass over the values of a channel gives.
struct Sums {
    /// S
    sum: i32,
    /// Σ x²
    squares: u64,
    /// Σ (x_t − x_{t−1})²
    differences: u64,
    least: i32,
    greatest: i32,
}

impl Statistics<'_> {
    /// Fraction bits of the samples of each channel, `[C]`: a sample is `round(value · 2^bits)`, saturated, of a value in
    /// the units of the training data.
    pub fn fraction_bits(&self) -> &[i8] {
        self.fraction_bits
    }

    /// Channels whose magnitudes are channels too.
    pub fn magnitudes(&self) -> &[Axes] {
        self.magnitudes
    }

    /// The statistics of a channel, in the order of features.
    pub fn statistics(&self) -> impl Iterator<Item = Statistic> + use<> {
        let record = *self.record;
        Statistic::ALL
            .into_iter()
            .filter(move |statistic| record.has(*statistic))
    }

    /// The sample of channel `channel` for `value`, in the units of the training data; halves away from zero, 0 for NaN.
    pub fn sample(&self, channel: usize, value: f32) -> i16 {
        let bits = self.fraction_bits.get(channel).copied().unwrap_or(0);
        saturate16(to_fixed(value, bits.into()))
    }

    /// The features of `frame`, `[N, C]`.
    // Registers of the other front end do not matter here.
    #[inline(never)]
    pub(super) fn frame_features(
        &self,
        frame: &[i16],
        work: &mut [Word2],
        features: &mut [i32],
    ) -> Option<()> {
        let values: &mut [i32] = bytemuck::try_cast_slice_mut(work).unwrap_or_default();
        let values = values.get_mut(..self.record.frame())?;
        let channels = usize::from(self.record.channels);
        let mut features = features.get_mut(..self.record.features.into())?.iter_mut();
        for channel in 0..channels {
            let moments = frame.chunks_exact(channels.max(1));
            for (value, moment) in values.iter_mut().zip(moments) {
                *value = moment.get(channel).copied().map_or(0, i32::from);
            }
            self.of_values(values, &mut features)?;
        }
        for axes in self.magnitudes {
            let moments = frame.chunks_exact(channels.max(1));
            for (value, moment) in values.iter_mut().zip(moments) {
                *value = magnitude(*axes, moment);
            }
            self.of_values(values, &mut features)?;
        }
        Some(())
    }

    /// The statistics of a channel's values in a frame, `[N]`.
    fn of_values(&self, values: &[i32], features: &mut IterMut<'_, i32>) -> Option<()> {
        let record = self.record;
        let sums = Sums::of(values)?;
        let length = values.len() as i32;
        if record.has(Statistic::Mean) {
            *features.next()? = self.mean(sums.sum);
        }
        if record.has(Statistic::Deviation) {
            *features.next()? = half_log(sums.variance(length), record.floor, record.offset);
        }
        if record.has(Statistic::Minimum) {
            *features.next()? = sums.least;
        }
        if record.has(Statistic::Maximum) {
            *features.next()? = sums.greatest;
        }
        if record.has(Statistic::Crossings) {
            *features.next()? = crossings(values, length, sums.sum);
        }
        if record.has(Statistic::Differences) {
            let (floor, offset) = (record.difference_floor, record.difference_offset);
            *features.next()? = half_log(sums.differences, floor, offset);
        }
        Some(())
    }

    /// (FS3)
    #[inline(always)]
    fn mean(&self, sum: i32) -> i32 {
        // 2^(k − 1) < N ≤ 2^k, and N is at least 2.
        let k = 32u32.wrapping_sub(u32::from(self.record.frame).wrapping_sub(1).leading_zeros());
        mul_high(shl(sum, 15u32.wrapping_sub(k) & 15), self.record.reciprocal)
    }
}

impl Sums {
    #[inline(always)]
    fn of(values: &[i32]) -> Option<Self> {
        let first = *values.first()?;
        let mut sums = Self {
            sum: 0,
            squares: 0,
            differences: 0,
            least: first,
            greatest: first,
        };
        let mut before = first;
        for value in values.iter().copied() {
            let difference = sub(value, before);
            before = value;
            sums.sum = sums.sum.wrapping_add(value);
            sums.squares = sums.squares.wrapping_add(square(value).into());
            sums.differences = sums.differences.wrapping_add(square(difference).into());
            sums.least = sums.least.min(value);
            sums.greatest = sums.greatest.max(value);
        }
        Some(sums)
    }

    /// V of (FS2)
    #[inline(always)]
    fn variance(&self, length: i32) -> u64 {
        let scaled = self.squares.wrapping_mul(length as u64);
        let square = i64::from(self.sum).wrapping_mul(self.sum.into());
        scaled.wrapping_sub(square as u64)
    }
}

/// Of a magnitude below 2¹⁶.
#[inline(always)]
fn square(value: i32) -> u32 {
    (value as u32).wrapping_mul(value as u32)
}

/// (FS1)
#[inline(always)]
fn magnitude(axes: Axes, moment: &[i16]) -> i32 {
    // The number in place of a third channel is beyond all channels.
    let square_of = |channel: u8| {
        let value = moment.get(usize::from(channel)).copied();
        square(value.map_or(0, i32::from))
    };
    let Axes([a, b, c, _]) = axes;
    let sum = square_of(a)
        .wrapping_add(square_of(b))
        .wrapping_add(square_of(c));
    root(sum) as i32
}

/// (FS4) and (FS7)
#[inline(always)]
fn half_log(square: u64, [low, high]: [u32; 2], offset: i32) -> i32 {
    let floor = u64::from(low) | u64::from(high) << 32;
    let logarithm = logarithm::of_positive((square << FLOOR_BITS).wrapping_add(floor));
    round_shift(sub(logarithm, offset), LOG_BITS - FEATURE_BITS + 1)
}

/// (FS6)
#[inline(always)]
fn crossings(values: &[i32], length: i32, sum: i32) -> i32 {
    let mut count = 0i32;
    let mut was_above = values.first().is_some_and(|x| mul(*x, length) >= sum);
    for value in values {
        let is_above = mul(*value, length) >= sum;
        count = count.wrapping_add((is_above != was_above).into());
        was_above = is_above;
    }
    count
}
