//! σ and tanh from Q3.12 to Q0.15 by piecewise quadratic tables.
//!
//! ```text
//! u = |z|,  k = u >> bits,  t = u mod 2^bits,  (base, slope) = table[k],  q = low 16 bits of slope
//! y = (base + ⌊(slope + q·t)·t / 2¹⁶⌋) >> guard                                              (T1)
//! tanh(z) = ±y with the sign of z,   σ(z) = ½ ± y                                            (T2)
//! ```
//!
//! Both functions are odd around their centre, so that one half of each is enough. `slope` carries
//! the slope in its upper 16 bits and the curvature `q` in its lower 16, so that a segment is one
//! 8-byte load and (T1) is `smlabb`, `smlawb` and a shift on cores with the DSP extension.
//!
//! `tests/activation_tables.rs` computes the tables from the formulas, and proves over all inputs
//! that a result is at most 0.61 LSB of Q0.15 from the exact value.

mod tables;

use crate::requant::mul_floor16;

/// One segment of a table: value at its start with the rounding half, and slope with curvature.
pub type Segment = [i32; 2];

/// Both tables, side by side, so that one pointer reaches them.
#[derive(Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Tables {
    /// σ − ½ over 0..8
    pub sigmoid: [Segment; 64],
    /// tanh over 0..8
    pub tanh: [Segment; 128],
}

/// Fraction bits inside a segment of [`Tables::sigmoid`], which has 64 segments over 0..8.
pub const SIGMOID_BITS: u32 = 9;
/// Guard bits of the values of [`Tables::sigmoid`].
pub const SIGMOID_GUARD: u32 = 10;
/// Fraction bits inside a segment of [`Tables::tanh`], which has 128 segments over 0..8.
pub const TANH_BITS: u32 = 8;
/// Guard bits of the values of [`Tables::tanh`].
pub const TANH_GUARD: u32 = 9;

pub use tables::TABLES;

/// σ(z) in Q0.15, in 0..=32767, for z in Q3.12 and −32767..=32767.
#[inline(always)]
pub fn sigmoid(z: i16) -> i16 {
    let y = evaluate::<SIGMOID_BITS, SIGMOID_GUARD, 64>(&TABLES.sigmoid, z);
    // (T2): ½ is 16384.
    (16_384 + if z < 0 { -y } else { y }) as i16
}

/// tanh(z) in Q0.15, in −32767..=32767, for z in Q3.12 and −32767..=32767.
#[inline(always)]
pub fn tanh(z: i16) -> i16 {
    let y = evaluate::<TANH_BITS, TANH_GUARD, 128>(&TABLES.tanh, z);
    (if z < 0 { -y } else { y }) as i16
}

/// (T1)
#[inline(always)]
fn evaluate<const BITS: u32, const GUARD: u32, const SEGMENTS: usize>(
    table: &[Segment; SEGMENTS],
    z: i16,
) -> i32 {
    // −32768 is outside of the domain; taken as −32767, it needs no branch either.
    let u = usize::from(z.unsigned_abs().min(0x7fff));
    let t = (u & ((1 << BITS) - 1)) as i16;
    // The mask is no restriction (SEGMENTS · 2^BITS = 2¹⁵) and shows that the index is in range.
    let [base, slope] = table[(u >> BITS) & (SEGMENTS - 1)];
    let tilted = slope + i32::from(slope as i16) * i32::from(t);
    (base + mul_floor16(tilted, t)) >> GUARD
}
