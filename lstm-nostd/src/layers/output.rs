//! Outputs in real units.
//!
//! ```text
//! value_r = (offset_r + raw_r) · 2^exponent_r                                              (V)
//! ```
//!
//! `raw_r` are the bits of an output, in Q15.16. The last dense layer computes each value's distance from
//! `offset_r` in units of its own, so that no mean takes part in an accumulator and no output takes bits from
//! another. A step does not compute (V): the application does, where it needs real units.
//!
//! Cores without a floating-point unit take the sum, an integer: [`OutputScale::whole`] is exact.

use fixed::types::I16F16;

/// One output of a linear model as it lies in a model file: the lower and the upper half of `offset`, and a word
/// whose lower half is `exponent` and whose upper half is zero.
pub type ScaleWords = [u32; 3];

/// How one output becomes real units, (V).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputScale {
    /// In units of the raw output.
    pub offset: i64,
    /// A unit of the raw output is two to this power.
    pub exponent: i16,
}

impl Default for OutputScale {
    fn default() -> Self {
        Self::LOGIT
    }
}

impl OutputScale {
    /// Of logits: Q15.16 as it is.
    pub const LOGIT: Self = Self {
        offset: 0,
        exponent: -16,
    };
    /// The largest magnitude of an offset; the sum with any output fits 64 bits.
    pub const MAX_OFFSET: u64 = 1 << 62;
    /// The largest magnitude of an exponent.
    pub const MAX_EXPONENT: i16 = 250;

    /// As it lies in a model file.
    pub const fn to_words(self) -> ScaleWords {
        let offset = self.offset as u64;
        [
            offset as u32,
            (offset >> 32) as u32,
            self.exponent as u16 as u32,
        ]
    }

    /// From a model file.
    pub const fn from_words([low, high, word]: ScaleWords) -> Self {
        Self {
            offset: (low as u64 | (high as u64) << 32) as i64,
            exponent: word as u16 as i16,
        }
    }

    /// (V) as a whole number of 2^`exponent`. Exact, without floating point: a sensor's tenths, for example,
    /// are `whole · 10 · 2^exponent`.
    #[inline]
    pub const fn whole(self, output: I16F16) -> i64 {
        self.offset.saturating_add(output.to_bits() as i64)
    }

    /// (V) in real units, rounded to the nearest f32.
    #[inline]
    pub const fn value(self, output: I16F16) -> f32 {
        // Two factors, as one power of two could leave f32 where the value does not.
        let half = self.exponent / 2;
        self.whole(output) as f32 * power_of_two(half) * power_of_two(self.exponent - half)
    }
}

/// 2^`exponent`, for −126 to 127; others are clamped.
pub(super) const fn power_of_two(exponent: i16) -> f32 {
    let exponent = if exponent < -126 {
        -126
    } else if exponent > 127 {
        127
    } else {
        exponent
    };
    f32::from_bits(((exponent + 127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_is_the_nearest_f32(offset in -(1i64 << 62)..=1 << 62, exponent in -100i16..60, bits in any::<i32>()) {
            let scale = OutputScale { offset, exponent };
            let exact = scale.whole(I16F16::from_bits(bits)) as f64 * 2f64.powi(exponent.into());
            let found = scale.value(I16F16::from_bits(bits));
            let distance = (f64::from(found) - exact).abs();
            prop_assert!(distance <= exact.abs() * 2f64.powi(-23), "{found} {exact}");
        }

        #[test]
        fn words_lead_back(offset in any::<i64>(), exponent in any::<i16>()) {
            let scale = OutputScale { offset, exponent };
            prop_assert_eq!(OutputScale::from_words(scale.to_words()), scale);
        }
    }

    #[test]
    fn a_logit_is_its_own_value() {
        for value in [0.0, -1.5, 7.25, 32_767.5] {
            assert_eq!(OutputScale::LOGIT.value(I16F16::from_num(value)), value);
        }
    }

    #[test]
    fn powers_of_two_stop_at_the_ends_of_normal_numbers() {
        for exponent in -300..300 {
            let expected = 2f32.powi(exponent.clamp(-126, 127));
            assert_eq!(power_of_two(exponent as i16), expected, "{exponent}");
        }
    }

    #[test]
    fn the_sum_of_the_largest_offset_and_any_output_fits() {
        assert_eq!(OutputScale::MAX_OFFSET, 1u64 << (i64::BITS - 2));
        assert!(i64::MAX - OutputScale::MAX_OFFSET as i64 > i64::from(i32::MAX));
    }

    #[test]
    fn exponents_at_their_ends_give_what_f32_holds() {
        let value = |exponent| {
            let scale = OutputScale {
                offset: 0,
                exponent,
            };
            scale.value(I16F16::from_bits(1))
        };
        assert_eq!(value(127), 2f32.powi(127));
        assert_eq!(value(-149), f32::from_bits(1));
        assert_eq!(value(OutputScale::MAX_EXPONENT), f32::INFINITY);
        assert_eq!(value(-OutputScale::MAX_EXPONENT), 0.0);
    }
}
