//! The transform of N real samples as one of M = N/2 complex points, in place.
//!
//! ```text
//! Z_k = 1/M · Σ_m (z_{2m} + i z_{2m+1}) e^{−2πikm/M}                                    (FT1)
//! X_k = ½ (Z_k + Z*_{M−k}) − ½ i e^{−2πik/N} (Z_k − Z*_{M−k})                           (FT2)
//! ```
//!
//! (FT1) goes by decimation in time. The points lie in bit-reversed order at first. If M is no power of four, a stage of
//! sums and differences of two comes first, else one of four without turns; their halves and quarters are shifts that
//! round down. Stages of four with turns follow, equation (FT3) of [`kernels::fft`](crate::kernels::fft).

use super::Word2;
use crate::bounded::{add, shr, sub};
use crate::kernels::Kernels;
use crate::kernels::fft::{Turn, butterfly};
use crate::requant::{mul_high, round_shift};

/// (FE4) drops as many bits of X.
pub(super) const POWER_SHIFT: u32 = 6;

/// (FT1) for `M` points, a power of two, in bit-reversed order. `turns` holds c₁, s₁, c₂, s₂, c₃, s₃ of φ, 2φ and 3φ for
/// k = 0..q of each stage after the first.
#[inline(always)]
pub(super) fn transform<K: Kernels>(points: &mut [Word2], turns: &[Turn]) {
    let mut quarter = if points.len().trailing_zeros() % 2 == 1 {
        pairs(points);
        2
    } else {
        fours(points);
        4
    };
    let mut turns = turns;
    while let Some((stage, later)) = turns.split_at_checked(quarter)
        && quarter < points.len()
    {
        K::fft_stage(points, stage);
        turns = later;
        quarter = quarter.wrapping_mul(4);
    }
}

/// The first stage, of twos.
#[inline(always)]
fn pairs(points: &mut [Word2]) {
    for [a, b] in points.as_chunks_mut::<2>().0 {
        let (p, q) = (a.map(|v| shr(v, 1)), b.map(|v| shr(v, 1)));
        *a = [add(p[0], q[0]), add(p[1], q[1])];
        *b = [sub(p[0], q[0]), sub(p[1], q[1])];
    }
}

/// The first stage, of fours.
#[inline(always)]
fn fours(points: &mut [Word2]) {
    for [a, b, c, d] in points.as_chunks_mut::<4>().0 {
        let quarter = |point: &Word2| point.map(|v| shr(v, 2));
        let turned = [quarter(b), quarter(c), quarter(d)];
        [*a, *b, *c, *d] = butterfly(a, turned);
    }
}

/// (FT2) and (FE4): from Z in natural order to the power of the bins 0..M, each a u64 in two words, low word first.
/// `halves` holds cosine and sine of 2πk/N for k = 1..M/2.
#[inline(always)]
pub(super) fn power(points: &mut [Word2], halves: &[Word2]) -> Option<()> {
    let (first, others) = points.split_first_mut()?;
    // k = 0: both halves of (FT2) are whole. Bin M has no weight in any band.
    *first = squares([add(first[0], first[1]), 0]);
    let (low, high) = others.split_at_mut_checked(others.len() / 2)?;
    // k = M/2: X_k is the conjugate of Z_k.
    let (middle, high) = high.split_first_mut()?;
    *middle = squares(*middle);
    for ((a, b), [cos, sin]) in low.iter_mut().zip(high.iter_mut().rev()).zip(halves) {
        // A quarter turn by Q1.30 and mul_high; the double is the half that (FT2) asks for.
        let sum = [shr(a[0], 1), shr(a[1], 1)];
        let (re, im) = (add(sum[0], shr(b[0], 1)), sub(sum[1], shr(b[1], 1)));
        let (p, q) = (sub(a[0], b[0]), add(a[1], b[1]));
        let turned_re = twice(sub(mul_high(q, *cos), mul_high(p, *sin)));
        let turned_im = twice(add(mul_high(p, *cos), mul_high(q, *sin)));
        *a = squares([add(re, turned_re), sub(im, turned_im)]);
        *b = squares([sub(re, turned_re), add(im, turned_im)]);
    }
    Some(())
}

#[inline(always)]
const fn twice(value: i32) -> i32 {
    add(value, value)
}

/// (FE4)
#[inline(always)]
fn squares(bin: Word2) -> Word2 {
    let [re, im] = bin.map(|v| i64::from(round_shift(v, POWER_SHIFT)));
    let power = re.wrapping_mul(re).wrapping_add(im.wrapping_mul(im));
    [power as i32, (power >> 32) as i32]
}

/// A bin's power, as [`power`] leaves it.
#[inline(always)]
pub(super) fn power_of(bin: &Word2) -> u64 {
    u64::from(bin[0] as u32) | u64::from(bin[1] as u32) << 32
}

/// Length of [`transform`]'s `turns` for `points`, a power of two: the sum of q over the stages after the first.
pub(crate) fn turn_count(points: usize) -> usize {
    let mut quarter = if points.trailing_zeros() % 2 == 1 {
        2
    } else {
        4
    };
    let mut count = 0usize;
    while quarter < points {
        count = count.wrapping_add(quarter);
        quarter = quarter.wrapping_mul(4);
    }
    count
}
