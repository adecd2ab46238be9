//! The natural logarithm of a whole number of 64 bits.
//!
//! ```text
//! v = 2^e · (1 + i/64 + r),  0 ≤ r < 1/64
//! log₂ v = e + T_i + r · (T_{i+1} − T_i) · 64,   T_i = log₂(1 + i/64)     in Q6.25      (FL1)
//! ln v   = log₂ v · ln 2                                                   in Q15.16
//! ```
//!
//! A chord lies at most 4.4 · 10⁻⁵ below log₂, so that ln is at most 4.7 · 10⁻⁵ too small.

use crate::bounded::{add, shl};
use crate::requant::mul_high;

/// Fraction bits of [`natural`].
pub(super) const LOG_BITS: u32 = 16;

/// Segments of a power of two, as a power of two.
const SEGMENT_BITS: u32 = 6;
const SEGMENTS: usize = 1 << SEGMENT_BITS;
/// Fraction bits of log₂.
const LOG2_BITS: u32 = 25;
/// ln 2 · 2^(16 + 32 − 25), rounded: `mul_high` takes Q6.25 to Q15.16.
const LN_2: i32 = 5_814_540;

/// T_i, and four times its distance to the next one, as `mul_high` takes r in Q0.30.
static TABLE: [[i32; 2]; SEGMENTS] = {
    let mut table = [[0; 2]; SEGMENTS];
    let mut i = 0;
    while i < SEGMENTS {
        let base = log2_fraction(i);
        let next = if i + 1 < SEGMENTS {
            log2_fraction(i + 1)
        } else {
            1 << LOG2_BITS
        };
        table[i] = [base, (next - base) << 2];
        i += 1;
    }
    table
};

/// log₂(1 + i/64) in Q6.25, rounded: squaring doubles a logarithm, and each time that the square reaches 2 gives a bit.
const fn log2_fraction(i: usize) -> i32 {
    // 1 + i/64 in Q1.62.
    let mut x = ((SEGMENTS + i) as u128) << (62 - SEGMENT_BITS);
    let mut bits = 0i32;
    let mut bit = 0;
    while bit <= LOG2_BITS {
        x = (x * x) >> 62;
        let reached = (x >> 63) as i32;
        x >>= reached;
        bits = bits << 1 | reached;
        bit += 1;
    }
    (bits + 1) >> 1
}

/// ln of `value` | 1 in Q15.16, so that 0 has a logarithm.
#[cfg(any(feature = "sound", test))]
#[inline(always)]
pub(super) fn natural(value: u64) -> i32 {
    of_positive(value | 1)
}

/// ln `value` in Q15.16, of 1 or more.
#[inline(always)]
pub(super) fn of_positive(value: u64) -> i32 {
    let zeros = value.leading_zeros();
    // The leading bit is 31.
    let mantissa = (value.wrapping_shl(zeros) >> 32) as u32;
    let index = (mantissa >> (31 - SEGMENT_BITS)) as usize % SEGMENTS;
    // r in Q0.30 of a segment.
    let rest = (mantissa << (1 + SEGMENT_BITS)) >> 2;
    let [base, step] = TABLE[index];
    let whole = shl(63u32.wrapping_sub(zeros) as i32, LOG2_BITS);
    mul_high(add(add(whole, base), mul_high(step, rest as i32)), LN_2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The chord and two roundings, in LSB of Q15.16.
    const MAX_ERROR_LSB: f64 = 4.0;

    fn error_lsb(value: u64) -> f64 {
        f64::from(natural(value)) - libm::log(value as f64) * 65_536.0
    }

    proptest! {
        #[test]
        fn it_is_the_logarithm(bits in 0u32..64, value: u64) {
            let value = value >> bits | 1;
            prop_assert!(error_lsb(value).abs() <= MAX_ERROR_LSB, "{value}: {}", error_lsb(value));
        }
    }

    #[test]
    fn it_holds_at_the_ends_of_every_segment() {
        for i in 64..=128u64 {
            for distance in -1..=1i64 {
                let value = (i << 40).wrapping_add_signed(distance);
                assert!(error_lsb(value).abs() <= MAX_ERROR_LSB, "{value}");
            }
        }
        assert_eq!((natural(0), natural(1)), (0, 0));
    }
}
