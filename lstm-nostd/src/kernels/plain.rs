//! Cores without SIMD: the products of one or two units in assembly (`v6m`, `v7m`), everything else as
//! the specification has it.
//!
//! Weights lie in [`Order::Generic`]. An activation is loaded once for all rows in registers.
#![allow(unsafe_code)]

use super::{
    DenseParameters, GateParameters, I16x4, I32x4, Kernels, LstmParameters, Order, RowBlock,
    Weights, blocks, scalar::Scalar,
};
use crate::activation::{sigmoid_clamped, tanh_clamped};
use crate::requant::mul_high;

/// What computes (A) without the bias for `UNITS` units.
pub trait Products<const UNITS: usize> {
    /// Fills `job.sums`.
    ///
    /// # Safety
    /// Each of `job.rows` has as many blocks as `job.x` and `job.h` together, which are not empty.
    unsafe fn run(job: &mut Job<UNITS>);
}

/// The products that are to be summed, as the assembly reads it.
#[derive(Debug)]
#[repr(C)]
pub struct Job<const UNITS: usize> {
    /// The units' first blocks.
    pub rows: [*const RowBlock; UNITS],
    /// First and past the last block of the layer input.
    pub x: [*const I16x4; 2],
    /// First and past the last block of the hidden state.
    pub h: [*const I16x4; 2],
    /// `k`
    pub x_shift: u32,
    /// The result.
    pub sums: [I32x4; UNITS],
}

/// Kernels around products of `UNITS` units at a time.
#[derive(Clone, Copy, Debug)]
pub struct Plain<P, const UNITS: usize>(core::marker::PhantomData<P>);

impl<P: Products<UNITS>, const UNITS: usize> Kernels for Plain<P, UNITS> {
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
        let row_blocks = x_blocks + h_blocks;
        let fits = x_blocks > 0
            && h_blocks > 0
            && x.len() >= x_blocks
            && h.len() >= h_blocks
            && layer.gates.len().saturating_mul(row_blocks) <= weights.len();
        if !fits {
            return Scalar::lstm_step(layer, x, h, cell, next);
        }
        let mut job = Job {
            rows: [weights.as_ptr(); UNITS],
            x: [x.as_ptr(), x.as_ptr().wrapping_add(x_blocks)],
            h: [h.as_ptr(), h.as_ptr().wrapping_add(h_blocks)],
            x_shift: layer.x_shift & 31,
            sums: [[0; 4]; UNITS],
        };
        let shifts = Shifts::new(layer.cell_int_bits);
        let mut cells = cell.as_flattened_mut().chunks_mut(UNITS);
        let mut nexts = lanes(&mut *next).chunks_mut(UNITS);
        let mut peepholes = layer.peepholes.iter();
        let mut rows = weights.chunks_exact(row_blocks);
        for gates in layer.gates.chunks(UNITS) {
            for row in &mut job.rows {
                // An odd last unit leaves the row of the one before it, whose sums are not used.
                if let Some(blocks) = rows.next() {
                    *row = blocks.as_ptr();
                }
            }
            // SAFETY: `fits` holds, so that each row begins one of `chunks_exact` with just that many
            // blocks; `x` and `h` have their parts of them, at least one each.
            unsafe { P::run(&mut job) };
            let (Some(cells), Some(nexts)) = (cells.next(), nexts.next()) else {
                break;
            };
            for (((gate, sums), c), h_next) in gates.iter().zip(&job.sums).zip(cells).zip(nexts) {
                let peephole = peepholes.next().copied().unwrap_or_default();
                *h_next = unit(&shifts, gate, peephole, sums, c);
            }
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
