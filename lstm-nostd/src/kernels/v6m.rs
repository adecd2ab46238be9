//! M0 and M0+: `ldrsb`, `muls` and `add` for the products of four rows; the rest in plain Rust.
//!
//! Weights lie in [`Order::Generic`]. Accumulators live in the high registers, which `add` reaches; a
//! block of sixteen products takes 63 instructions, see `v6m.s`. Rescaling uses 32-bit products only, see
//! `requant`.
#![allow(unsafe_code)]

use super::{
    DenseParameters, GateParameters, I16x4, I32x4, Kernels, LstmParameters, Order, RowBlock,
    Weights, Width, blocks, replace, scalar::Scalar,
};
use crate::activation::{sigmoid_clamped, tanh_clamped};
use crate::requant::mul_high;

/// The kernels of this file.
#[derive(Clone, Copy, Debug)]
pub struct V6m;

/// The products of a unit that are to be summed.
#[repr(C)]
struct Job {
    row: *const RowBlock,
    /// First and past the last block of the layer input.
    x: [*const I16x4; 2],
    /// First and past the last block of the hidden state.
    h: [*const I16x4; 2],
    /// `k`
    x_shift: u32,
    /// The result: (A) without the bias.
    sums: I32x4,
}

core::arch::global_asm!(include_str!("v6m.s"), options(raw));

unsafe extern "C" {
    fn lstm_nostd_v6m_products(job: *mut Job);
}

impl Kernels for V6m {
    const ORDERS: &'static [Order] = &[Order::Generic];

    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[I16x4],
        h: &mut [I16x4],
        cell: &mut [I32x4],
        next: &mut [I16x4],
    ) {
        let (x_blocks, h_blocks) = (blocks(layer.inputs), blocks(layer.hidden));
        let Weights::Generic(weights) = layer.weights else {
            return Scalar::lstm_step(layer, x, h, cell, next);
        };
        if layer.width != Width::Int16
            || x_blocks == 0
            || h_blocks == 0
            || x.len() < x_blocks
            || h.len() < h_blocks
        {
            return Scalar::lstm_step(layer, x, h, cell, next);
        }
        let mut job = Job {
            row: weights.as_ptr(),
            x: [x.as_ptr(), x.as_ptr().wrapping_add(x_blocks)],
            h: [h.as_ptr(), h.as_ptr().wrapping_add(h_blocks)],
            x_shift: layer.x_shift & 31,
            sums: [0; 4],
        };
        let shifts = Shifts::new(layer.cell_int_bits);
        let mut peepholes = layer.peepholes.iter();
        let lanes = cell.as_flattened_mut().iter_mut().zip(lanes(&mut *next));
        let rows = weights.chunks_exact(x_blocks + h_blocks);
        for ((row, gate), (c, h_next)) in rows.zip(layer.gates).zip(lanes) {
            job.row = row.as_ptr();
            // SAFETY: the row has as many blocks as the two parts together, which are not empty and which
            // `x` and `h` hold. The assembly reads no more than them, writes `sums`, and keeps the
            // callee-saved registers.
            unsafe { lstm_nostd_v6m_products(&mut job) };
            let peephole = peepholes.next().copied().unwrap_or_default();
            *h_next = unit(&shifts, gate, peephole, &job.sums, c);
        }
        replace(h, next, layer.hidden);
    }

    fn dense(layer: &DenseParameters<'_>, x: &[I16x4], emit: impl FnMut(usize, i32)) {
        Scalar::dense(layer, x, emit);
    }
}

/// The lanes of blocks.
fn lanes(blocks: &mut [I16x4]) -> &mut [i16] {
    let count = 4 * blocks.len();
    // SAFETY: a block is four int16 and nothing else (`repr(C)`, 8 bytes).
    unsafe { core::slice::from_raw_parts_mut(blocks.as_mut_ptr().cast(), count) }
}

/// The shifts of (C) and (D), which depend on the cell's integer bits `m`.
struct Shifts {
    half: i32,
    input: u32,
    squash: u32,
}

impl Shifts {
    fn new(m: u32) -> Self {
        let m = m.clamp(1, 15);
        Self {
            half: (1 << m) >> 2,
            input: m - 1,
            squash: 18 - m,
        }
    }
}

/// `scalar::advance` with the saturations where the next operation needs them.
#[inline(always)]
fn unit(
    shifts: &Shifts,
    [bias, mult]: &GateParameters,
    peephole: [i16; 4],
    acc: &I32x4,
    c: &mut i32,
) -> i16 {
    let z = |r: usize, c16: i32| {
        mul_high(acc[r] + bias[r] + i32::from(peephole[r]) * c16, mult[r]) // (B)
    };
    let old = narrow(*c);
    let i = sigmoid_clamped(z(0, old));
    let f = sigmoid_clamped(z(1, old));
    let g = tanh_clamped(mul_high(acc[2] + bias[2], mult[2]));
    // (C): the sum is divided by 2^(m−1), as i·g is not doubled.
    let kept = 2 * mul_high(f << 16, *c);
    *c = kept.saturating_add((i * g + shifts.half) >> shifts.input);
    let o = sigmoid_clamped(z(3, narrow(*c)));
    // (D): round_shift of 19 − m, which is at least 4.
    let squashed = tanh_clamped(((*c >> shifts.squash) + 1) >> 1);
    ((o * squashed + 0x4000) >> 15) as i16
}

/// The upper half of a cell, rounded: `Qm.(15−m)`.
#[inline(always)]
fn narrow(c: i32) -> i32 {
    (((c >> 15) + 1) >> 1).min(0x7fff)
}
