//! What follows from the sums of an LSTM unit, (B) to (D) of [`crate::kernels::lstm`], for cores whose
//! assembly computes the sums alone. Values saturate only where the next operation needs it.

use crate::activation::{sigmoid_clamped, tanh_clamped};
use crate::bounded::{add, mul, shr};
use crate::kernels::{GateParameters, I32x4};
use crate::requant::mul_high;

/// The shifts of (C) and (D), which depend on the cell's integer bits `m`.
#[repr(C)]
pub(super) struct Shifts {
    half: i32,
    input: u32,
    squash: u32,
}

impl Shifts {
    pub(super) fn new(m: u32) -> Self {
        let m = m.clamp(1, 15);
        Self {
            half: (1 << m) >> 2,
            input: m - 1,
            squash: 18 - m,
        }
    }
}

/// [`advance`](crate::kernels::lstm::advance) on sums of products: advances the cell and returns (D).
#[inline(always)]
pub(super) fn advance(
    shifts: &Shifts,
    [bias, mult]: &GateParameters,
    peephole: [i16; 4],
    acc: &I32x4,
    c: &mut i32,
) -> i16 {
    let z = |r: usize, c16: i32| {
        let peephole = mul(peephole[r].into(), c16);
        mul_high(add(add(acc[r], bias[r]), peephole), mult[r]) // (B)
    };
    let old = upper_half(*c);
    let i = sigmoid_clamped(z(0, old));
    let f = sigmoid_clamped(z(1, old));
    let g = tanh_clamped(mul_high(add(acc[2], bias[2]), mult[2]));
    // (C): the sum is divided by 2^(m−1), as i·g is not doubled.
    let kept = mul(2, mul_high(f << 16, *c));
    *c = kept.saturating_add(shr(add(mul(i, g), shifts.half), shifts.input));
    let o = sigmoid_clamped(z(3, upper_half(*c)));
    // (D): round_shift of 19 − m, which is at least 4.
    let squashed = tanh_clamped(add(shr(*c, shifts.squash), 1) >> 1);
    (add(mul(o, squashed), 0x4000) >> 15) as i16
}

/// The upper half of a cell, rounded: `Qm.(15−m)`.
#[inline(always)]
fn upper_half(c: i32) -> i32 {
    (((c >> 15) + 1) >> 1).min(0x7fff)
}
