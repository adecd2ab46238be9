//! Rounding, saturation and rescaling of integers: one rule each, written once.
//!
//! Every rounding is to the nearest integer with ties towards +∞; every narrowing saturates;
//! nothing wraps.

use crate::bounded::{add, shr};

/// `round(value / 2^shift)` for `shift` in 0..=31; cannot overflow.
#[inline(always)]
pub const fn round_shift(value: i32, shift: u32) -> i32 {
    match shift {
        0 => value,
        // (v + 1) / 2 without the overflow of the sum.
        1 => add(value >> 1, value & 1),
        // floor((⌊v / 2^(s−1)⌋ + 1) / 2) = floor((v + 2^(s−1)) / 2^s)
        _ => add(shr(value, shift.wrapping_sub(1)), 1) >> 1,
    }
}

/// `round(a · b / 2³²)`: the rounded high word of the 64-bit product (`smmulr`, `vrmulh.s32`).
///
/// |result| ≤ 2³⁰.
#[inline(always)]
pub const fn mul_high(a: i32, b: i32) -> i32 {
    if cfg!(lstm_narrow_multiply) {
        by_halves::mul_high(a, b)
    } else {
        ((a as i64 * b as i64 + (1 << 31)) >> 32) as i32
    }
}

/// `floor(a · b / 2¹⁶)` for a product below 2⁴⁷ (`smulwb`).
#[inline(always)]
pub const fn mul_floor16(a: i32, b: i16) -> i32 {
    if cfg!(lstm_narrow_multiply) {
        by_halves::mul_floor16(a, b)
    } else {
        // The upper word of a 64-bit product needs no 64-bit shift.
        ((a as i64 * ((b as i32) << 16) as i64) >> 32) as i32
    }
}

/// The same products from 32-bit ones, for cores without a wider multiplication.
mod by_halves {
    #[inline(always)]
    pub(super) const fn mul_high(a: i32, b: i32) -> i32 {
        let (a_high, a_low) = (a >> 16, a & 0xffff);
        let (b_high, b_low) = (b >> 16, b & 0xffff);
        // A signed half times an unsigned one stays inside of ±2³¹.
        let (cross_a, cross_b) = (a_high * b_low, b_high * a_low);
        let low = (a_low as u32).wrapping_mul(b_low as u32) >> 16;
        // Bits 16 to 31, and the rounding half of 2³².
        let middle = low as i32 + (cross_a & 0xffff) + (cross_b & 0xffff) + 0x8000;
        a_high * b_high + (cross_a >> 16) + (cross_b >> 16) + (middle >> 16)
    }

    #[inline(always)]
    pub(super) const fn mul_floor16(a: i32, b: i16) -> i32 {
        (a >> 16) * b as i32 + (((a & 0xffff) * b as i32) >> 16)
    }
}

/// Saturates to −2¹⁵..2¹⁵−1.
#[inline(always)]
pub const fn saturate16(value: i32) -> i16 {
    if value > i16::MAX as i32 {
        i16::MAX
    } else if value < i16::MIN as i32 {
        i16::MIN
    } else {
        value as i16
    }
}

/// Saturates to −32767..=32767, so that the magnitude is an int16 too.
#[inline(always)]
pub const fn saturate16_symmetric(value: i32) -> i16 {
    if value < -(i16::MAX as i32) {
        -i16::MAX
    } else {
        saturate16(value)
    }
}

/// Saturates to −127..=127.
#[inline(always)]
pub const fn saturate8_symmetric(value: i32) -> i8 {
    if value > 127 {
        127
    } else if value < -127 {
        -127
    } else {
        value as i8
    }
}

/// `value · 2^shift`, saturating, for `shift` in 0..=31.
#[inline(always)]
pub const fn saturating_shift_left(value: i32, shift: u32) -> i32 {
    // What is lost at the top is noticed.
    let shifted = value.wrapping_shl(shift);
    if shr(shifted, shift) == value {
        shifted
    } else if value < 0 {
        i32::MIN
    } else {
        i32::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Values near the edges of i32 and anything else.
    fn any_i32() -> impl Strategy<Value = i32> {
        prop_oneof![
            any::<i32>(),
            (-3i32..=3).prop_map(|d| i32::MAX.wrapping_add(d)),
            -70_000i32..70_000
        ]
    }

    proptest! {
        #[test]
        fn round_shift_is_the_nearest_with_ties_up(value in any_i32(), shift in 0u32..=31) {
            let exact = ((i64::from(value) << 1) + (1i64 << shift)) >> (shift + 1);
            prop_assert_eq!(i64::from(round_shift(value, shift)), exact);
        }

        #[test]
        fn mul_high_is_the_rounded_high_word(a in any_i32(), b in any_i32()) {
            let exact = (i128::from(a) * i128::from(b) + (1 << 31)) >> 32;
            prop_assert_eq!(i128::from(mul_high(a, b)), exact);
            prop_assert_eq!(by_halves::mul_high(a, b), mul_high(a, b));
        }

        #[test]
        fn mul_floor16_is_the_rounded_down_quotient(a in any_i32(), b in any::<i16>()) {
            let exact = (i64::from(a) * i64::from(b)) >> 16;
            if let Ok(exact) = i32::try_from(exact) {
                prop_assert_eq!(mul_floor16(a, b), exact);
                prop_assert_eq!(by_halves::mul_floor16(a, b), exact);
            }
        }

        #[test]
        fn saturating_shift_left_equals_clamped_product(value in any_i32(), shift in 0u32..=31) {
            let exact = (i64::from(value) << shift).clamp(i32::MIN.into(), i32::MAX.into());
            prop_assert_eq!(i64::from(saturating_shift_left(value, shift)), exact);
        }

        #[test]
        fn narrowing_saturates(value in any_i32()) {
            prop_assert_eq!(i32::from(saturate16(value)), value.clamp(-32_768, 32_767));
            prop_assert_eq!(i32::from(saturate16_symmetric(value)), value.clamp(-32_767, 32_767));
            prop_assert_eq!(i32::from(saturate8_symmetric(value)), value.clamp(-127, 127));
        }
    }

    /// Shifts by 0 and 1 have arms of their own, which a random shift seldom meets at the ends of i32.
    #[test]
    fn round_shift_holds_at_the_ends_for_every_shift() {
        for shift in 0u32..=31 {
            for distance in -3..=3 {
                let near = [i32::MIN, 0, i32::MAX].map(|end: i32| end.saturating_add(distance));
                for value in near {
                    let exact = ((i64::from(value) << 1) + (1i64 << shift)) >> (shift + 1);
                    let found = round_shift(value, shift);
                    assert_eq!(i64::from(found), exact, "{value} by {shift}");
                }
            }
        }
    }
}
