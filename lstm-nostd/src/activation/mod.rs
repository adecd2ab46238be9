//! σ and tanh from Q3.12 to Q0.15 by piecewise quadratic tables.
//!
//! ```text
//! u = |z|,  k = u >> bits,  t = u mod 2^bits,  (base, slope) = table[k],  q = low 16 bits of slope
//! y = (base + ⌊(slope + q·t)·t / 2¹⁶⌋) >> guard                                              (T1)
//! tanh(z) = ±y with the sign of z,   σ(z) = ½ ± y                                            (T2)
//! ```
//!
//! Both functions are odd around their centre, so that one half of each is enough. `slope` carries
//! the slope in its upper 16 bits and the curvature `q` in its lower 16, so that (T1) is one load of
//! 8 bytes, `smlabb`, `smlawb` and a shift on cores with the DSP extension.
//!
//! `tests/activation_tables.rs` computes the tables from the formulas, and proves over all inputs
//! that a result is at most 0.61 LSB of Q0.15 from the exact value.

mod table;
mod tables;

use crate::bounded::{add, sub};
use crate::requant::mul_floor16;

/// Both tables, side by side, so that one pointer reaches them.
#[derive(Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Tables {
    /// σ − ½ over 0..8
    pub sigmoid: Table<64>,
    /// tanh over 0..8
    pub tanh: Table<128>,
}

/// Fraction bits inside a segment of [`Tables::sigmoid`], which has 64 segments over 0..8.
pub const SIGMOID_BITS: u32 = 9;
/// Guard bits of the values of [`Tables::sigmoid`].
pub const SIGMOID_GUARD: u32 = 10;
/// Fraction bits inside a segment of [`Tables::tanh`], which has 128 segments over 0..8.
pub const TANH_BITS: u32 = 8;
/// Guard bits of the values of [`Tables::tanh`].
pub const TANH_GUARD: u32 = 9;

pub use table::{Segment, Table};
pub use tables::TABLES;

/// σ(z) in Q0.15, in 0..=32767, for z in Q3.12 and −32767..=32767.
#[inline(always)]
pub fn sigmoid(z: i16) -> i16 {
    sigmoid_clamped(z.into()) as i16
}

/// tanh(z) in Q0.15, in −32767..=32767, for z in Q3.12 and −32767..=32767.
#[inline(always)]
pub fn tanh(z: i16) -> i16 {
    tanh_clamped(z.into()) as i16
}

/// `sigmoid(sat±32767(z))`
#[inline(always)]
pub fn sigmoid_clamped(z: i32) -> i32 {
    let y = evaluate::<SIGMOID_BITS, SIGMOID_GUARD, 64>(&TABLES.sigmoid, z);
    // (T2): ½ is 16384.
    add(16_384, with_sign_of(z, y))
}

/// `tanh(sat±32767(z))`
#[inline(always)]
pub fn tanh_clamped(z: i32) -> i32 {
    with_sign_of(z, evaluate::<TANH_BITS, TANH_GUARD, 128>(&TABLES.tanh, z))
}

/// `±y`, without a branch.
#[inline(always)]
fn with_sign_of(z: i32, y: i32) -> i32 {
    let sign = z >> 31;
    sub(y ^ sign, sign)
}

/// (T1)
#[inline(always)]
fn evaluate<const BITS: u32, const GUARD: u32, const SEGMENTS: usize>(
    table: &Table<SEGMENTS>,
    z: i32,
) -> i32 {
    let u = z.unsigned_abs().min(0x7fff) as usize;
    let t = (u & ((1 << BITS) - 1)) as i16;
    // There are SEGMENTS · 2^BITS = 2¹⁵ values of u.
    let [base, slope] = table.segment(u >> BITS);
    let tilted = add(slope, i32::from(slope as i16) * i32::from(t));
    add(base, mul_floor16(tilted, t)) >> GUARD
}
