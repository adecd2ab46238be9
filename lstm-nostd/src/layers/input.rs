//! Normalisation of raw inputs on the device.
//!
//! ```text
//! d_j = sat32(raw_j − mean_j) << shift_j                      the shift saturates
//! x_j = sat(mul_high(sat32(d_j − fraction_j), mult_j))                                     (I)
//! ```
//!
//! The result has the width of the first layer: int16, or int8 in −127..=127.
//!
//! The mean is taken off before the shift, in the raw value's own units, so that 10⁹ ± 14 keeps as many steps a
//! deviation as 0 ± 14 does. What is left of the mean is taken off after the shift. One multiplication divides by
//! the deviation and applies the input scale. Nothing wraps: a value that is too far from the mean is clamped.

use super::output::power_of_two;
use crate::kernels::{Activation, Block, Width, lanes_mut};
use crate::requant::{mul_high, saturating_shift_left};

/// One channel of the input stage as it lies in a model file: `mean`, `fraction`, `mult`, and a word whose
/// lowest byte is `shift` (0..=31) and whose second byte is the raw value's fraction bits.
pub type ChannelWords = [i32; 4];

/// The integers that normalise one input channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputChannel {
    /// The whole part of the mean, in units of the raw value.
    pub mean: i32,
    /// What is left of the mean, in units of the shifted difference.
    pub fraction: i32,
    /// From the shifted difference's units to the first layer's; not negative.
    pub mult: i32,
    /// Left shift of the difference, 0..=31.
    pub shift: u8,
    /// Fraction bits of the raw value: `real = raw / 2^frac_bits`.
    pub frac_bits: u8,
}

impl InputChannel {
    /// As it lies in a model file.
    pub const fn to_words(self) -> ChannelWords {
        [
            self.mean,
            self.fraction,
            self.mult,
            self.shift as i32 | (self.frac_bits as i32) << 8,
        ]
    }

    /// From a model file, whose upper two bytes of the last word are zero.
    pub const fn from_words([mean, fraction, mult, word]: ChannelWords) -> Self {
        Self {
            mean,
            fraction,
            mult,
            shift: word as u8,
            frac_bits: (word >> 8) as u8,
        }
    }

    /// The raw value of `value`, which is in the units of the training data: `round(value · 2^frac_bits)`, halves away
    /// from zero, saturating; 0 for NaN. A channel that was trained on whole counts has no fraction bits.
    pub const fn raw(self, value: f32) -> i32 {
        to_fixed(value, self.frac_bits as i16)
    }

    /// (I)
    #[inline(always)]
    pub fn normalise<A: Activation>(self, raw: i32) -> A {
        // The mask changes nothing in a parsed model and shows that the shift is in range.
        let shift = u32::from(self.shift & 31);
        let difference = saturating_shift_left(raw.saturating_sub(self.mean), shift);
        A::saturate(mul_high(
            difference.saturating_sub(self.fraction),
            self.mult,
        ))
    }

    /// Whether (I) clamps `raw`: for an input of `width`, it is too far from the mean.
    pub fn clamps(self, raw: i32, width: Width) -> bool {
        // Each step of (I) saturates for itself. 32 bits shifted by at most 31 are 63.
        let exact = (raw.checked_sub(self.mean))
            .and_then(|difference| i32::try_from(i64::from(difference) << (self.shift & 31)).ok())
            .and_then(|shifted| shifted.checked_sub(self.fraction));
        let Some(exact) = exact else {
            return true;
        };
        let x = mul_high(exact, self.mult);
        let end = (1 << (width.bits() - 1)) - 1;
        x > end || x < -end - i32::from(width == Width::Int16)
    }
}

/// `round(value · 2^bits)`, halves away from zero, saturating; 0 for NaN.
pub(crate) const fn to_fixed(value: f32, bits: i16) -> i32 {
    // Two factors, as one power of two could leave f32.
    let half = bits / 2;
    let scaled = value * power_of_two(half) * power_of_two(bits - half);
    // Towards zero; from 2²³ on there is nothing behind the point.
    let whole = scaled as i32;
    let rest = scaled - whole as f32;
    if rest >= 0.5 {
        whole.saturating_add(1)
    } else if rest <= -0.5 {
        whole.saturating_sub(1)
    } else {
        whole
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

pub(super) fn normalise_lanes<A: Activation>(channels: &[ChannelWords], raw: &[i32], x: &mut [A]) {
    for ((words, raw), x) in channels.iter().zip(raw).zip(x) {
        *x = InputChannel::from_words(*words).normalise(*raw);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Mostly near the ends of i32, where sums would wrap.
    fn any_i32() -> impl Strategy<Value = i32> {
        prop_oneof![
            any::<i32>(),
            (-3i32..=3).prop_map(|d| i32::MAX.wrapping_add(d)),
            -70_000i32..70_000
        ]
    }

    fn channels() -> impl Strategy<Value = InputChannel> {
        (any_i32(), any_i32(), 0..=i32::MAX, 0u8..=31).prop_map(|(mean, fraction, mult, shift)| {
            InputChannel {
                mean,
                fraction,
                mult,
                shift,
                frac_bits: 0,
            }
        })
    }

    #[test]
    fn a_difference_that_leaves_32_bits_is_clamped_whatever_the_fraction() {
        let channel = InputChannel {
            mean: i32::MAX,
            fraction: i32::MIN,
            mult: 51_701,
            ..InputChannel::default()
        };
        assert_eq!(channel.normalise::<i16>(-41_538), 0);
        assert!(channel.clamps(-41_538, Width::Int16));
    }

    #[test]
    fn a_shift_into_the_sign_is_clamped() {
        let channel = InputChannel {
            mult: i32::MAX,
            shift: 31,
            ..InputChannel::default()
        };
        assert_eq!(channel.normalise::<i16>(1), i16::MAX);
        assert!(channel.clamps(1, Width::Int16));
        // 32 bits hold −2³¹, so nothing saturates before the width does.
        let small = InputChannel { mult: 1, ..channel };
        assert!(small.clamps(1, Width::Int16) && !small.clamps(-1, Width::Int16));
    }

    /// A quarter of the difference from the mean.
    const QUARTERS: InputChannel = InputChannel {
        mean: 0,
        fraction: 0,
        mult: 1 << 30,
        shift: 0,
        frac_bits: 0,
    };

    #[test]
    fn values_are_clamped_from_the_first_one_beyond_each_end() {
        for (width, ends) in [(Width::Int16, -32_768..=32_767), (Width::Int8, -127..=127)] {
            for x in [*ends.start(), *ends.end()] {
                for x in x - 1..=x + 1 {
                    let is_clamped = QUARTERS.clamps(4 * x, width);
                    assert_eq!(is_clamped, !ends.contains(&x), "{x} {width:?}");
                }
            }
        }
    }

    #[test]
    fn channels_are_normalised_into_lanes_of_the_width() {
        let halves = InputChannel {
            mult: i32::MAX,
            ..QUARTERS
        };
        let channels = [QUARTERS.to_words(), halves.to_words()];
        let mut x = [Block([9; 4])];
        normalise(&channels, &[400, -600], Width::Int16, &mut x);
        assert_eq!(x, [Block([100, -300, 9, 9])]);
        normalise(&channels, &[4, -600], Width::Int8, &mut x);
        let lanes: &[i8] = crate::kernels::lanes(&x);
        assert_eq!(lanes[..2], [1, -127]);
    }

    #[test]
    fn words_lie_as_in_the_format_and_lead_back() {
        let channel = InputChannel {
            mean: -5,
            fraction: 6,
            mult: 7,
            shift: 31,
            frac_bits: 200,
        };
        assert_eq!(channel.to_words(), [-5, 6, 7, 31 + 256 * 200]);
        assert_eq!(InputChannel::from_words(channel.to_words()), channel);
    }

    #[test]
    fn a_small_value_with_many_fraction_bits_keeps_them() {
        let channel = InputChannel {
            frac_bits: 140,
            ..QUARTERS
        };
        assert_eq!(channel.raw(2f32.powi(-120)), 1 << 20);
    }

    proptest! {
        /// (I) clamps where a step of it leaves 32 bits, or its result the width.
        #[test]
        fn clamped_values_are_those_that_no_step_of_it_holds(channel in channels(), raw in any_i32()) {
            let fits = |value: i128| i32::try_from(value).is_ok();
            let difference = i128::from(raw) - i128::from(channel.mean);
            let shifted = difference << channel.shift;
            let exact = shifted - i128::from(channel.fraction);
            let is_held = fits(difference) && fits(shifted) && fits(exact);
            let x = (exact * i128::from(channel.mult) + (1 << 31)) >> 32;
            prop_assert_eq!(!channel.clamps(raw, Width::Int16), is_held && (-32_768..=32_767).contains(&x));
            prop_assert_eq!(!channel.clamps(raw, Width::Int8), is_held && (-127..=127).contains(&x));
        }

        /// (I) in whole numbers of any size: what it clamps stands at an end, what it does not is exact.
        #[test]
        fn clamped_values_are_those_that_stand_at_an_end(channel in channels(), raw in any_i32()) {
            let shifted = (i128::from(raw) - i128::from(channel.mean)) << channel.shift;
            let exact = ((shifted - i128::from(channel.fraction)) * i128::from(channel.mult) + (1 << 31)) >> 32;
            let found = channel.normalise::<i16>(raw);
            if channel.clamps(raw, Width::Int16) {
                let beyond = i128::from(found).abs() <= exact.abs();
                prop_assert!(beyond && found.signum() == exact.signum() as i16 || found == 0, "{found} {exact}");
            } else {
                prop_assert_eq!(i128::from(found), exact);
            }
            let narrow = channel.normalise::<i8>(raw);
            if !channel.clamps(raw, Width::Int8) {
                prop_assert_eq!(i128::from(narrow), exact);
            }
        }

        /// What the host computes in f64.
        #[test]
        fn raw_values_are_rounded_and_saturate(
            value in prop_oneof![any::<f32>(), -70_000f32..70_000.0, -3f32..3.0], frac_bits in 0u8..=140,
        ) {
            let channel = InputChannel { frac_bits, ..InputChannel::default() };
            let exact = libm::round(f64::from(value) * libm::exp2(f64::from(frac_bits)));
            prop_assert_eq!(channel.raw(value), exact as i32);
        }

        /// The same difference from the mean gives the same input, wherever the mean lies.
        #[test]
        fn a_constant_changes_nothing(channel in channels(), distance in -1000i32..1000, mean in -2_000_000_000..2_000_000_000) {
            let near = InputChannel { mean: 0, ..channel };
            let far = InputChannel { mean, ..channel };
            prop_assert_eq!(far.normalise::<i16>(mean + distance), near.normalise::<i16>(distance));
        }
    }
}
