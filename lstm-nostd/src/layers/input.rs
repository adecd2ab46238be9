//! Normalisation of raw inputs on the device.
//!
//! ```text
//! x_j = sat16(mul_high(sat32((raw_j << shift_j) − mean_j), mult_j))                        (I)
//! ```
//!
//! One multiplication subtracts the mean, divides by the deviation and applies the input scale.

use crate::kernels::I16x4;
use crate::requant::{mul_high, saturate16, saturating_shift_left};

/// One channel of the input stage as it lies in a model file: `mean`, `mult`, and a word whose
/// lowest byte is `shift` (0..=31) and whose second byte is the raw value's fraction bits.
pub type ChannelWords = [i32; 3];

/// The integers that normalise one input channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputChannel {
    /// In units of the shifted raw value.
    pub mean: i32,
    /// From the shifted raw value's units to the first layer's; not negative.
    pub mult: i32,
    /// Left shift of the raw value, 0..=31.
    pub shift: u8,
    /// Fraction bits of the raw value: `real = raw / 2^frac_bits`.
    pub frac_bits: u8,
}

impl InputChannel {
    /// As it lies in a model file.
    pub const fn to_words(self) -> ChannelWords {
        [
            self.mean,
            self.mult,
            self.shift as i32 | (self.frac_bits as i32) << 8,
        ]
    }

    /// From a model file, whose upper two bytes of the third word are zero.
    pub const fn from_words([mean, mult, word]: ChannelWords) -> Self {
        Self {
            mean,
            mult,
            shift: word as u8,
            frac_bits: (word >> 8) as u8,
        }
    }

    /// (I)
    #[inline(always)]
    pub fn normalise(self, raw: i32) -> i16 {
        // The mask changes nothing in a parsed model and shows that the shift is in range.
        let shifted = saturating_shift_left(raw, u32::from(self.shift & 31));
        saturate16(mul_high(shifted.saturating_sub(self.mean), self.mult))
    }
}

/// Normalises a step's raw inputs, `[I]`, into `x: [⌈I/4⌉]`; lanes past `I` stay as they are.
pub fn normalise(channels: &[ChannelWords], raw: &[i32], x: &mut [I16x4]) {
    let lanes = x.iter_mut().flat_map(|block| block.0.iter_mut());
    for ((words, raw), lane) in channels.iter().zip(raw).zip(lanes) {
        *lane = InputChannel::from_words(*words).normalise(*raw);
    }
}
