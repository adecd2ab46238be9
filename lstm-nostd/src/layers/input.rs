//! Normalisation of raw inputs on the device.
//!
//! ```text
//! x_j = sat(mul_high(sat32((raw_j << shift_j) − mean_j), mult_j))                          (I)
//! ```
//!
//! The result has the width of the first layer: int16, or int8 in −127..=127.
//!
//! One multiplication subtracts the mean, divides by the deviation and applies the input scale.

use crate::kernels::{Activation, Block, Width, lanes_mut};
use crate::requant::{mul_high, saturating_shift_left};

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
    pub fn normalise<A: Activation>(self, raw: i32) -> A {
        // The mask changes nothing in a parsed model and shows that the shift is in range.
        let shifted = saturating_shift_left(raw, u32::from(self.shift & 31));
        A::saturate(mul_high(shifted.saturating_sub(self.mean), self.mult))
    }
}

/// Normalises a step's raw inputs, `[I]`, into `x` in blocks of the first layer's `width`; lanes past `I`
/// stay as they are.
pub fn normalise(channels: &[ChannelWords], raw: &[i32], width: Width, x: &mut [Block]) {
    match width.in_build() {
        Width::Int16 => normalise_lanes::<i16>(channels, raw, lanes_mut(x)),
        Width::Int8 => normalise_lanes::<i8>(channels, raw, lanes_mut(x)),
    }
}

fn normalise_lanes<A: Activation>(channels: &[ChannelWords], raw: &[i32], x: &mut [A]) {
    for ((words, raw), x) in channels.iter().zip(raw).zip(x) {
        *x = InputChannel::from_words(*words).normalise(*raw);
    }
}
