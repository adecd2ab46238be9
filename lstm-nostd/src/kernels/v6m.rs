//! M0 and M0+: `ldrsb`, `muls` and `add` for the products of four rows; the rest in plain Rust.
//!
//! Weights lie in [`Order::Generic`]. Accumulators live in the high registers, which `add` reaches; a
//! block of sixteen products takes 63 instructions, see `v6m.s`. Rescaling uses 32-bit products only, see
//! `requant`.
#![allow(unsafe_code)]

use super::{
    DenseParameters, I16x4, I32x4, Kernels, LstmParameters, Order, RowBlock, Weights, Width,
    blocks, lanes_mut, products, replace,
    scalar::Scalar,
    unit::{Shifts, advance},
};

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
        let (Weights::Generic(weights), Width::Int16) = (layer.weights, layer.width) else {
            let done = products::step(layer, x, h, cell, next);
            return done.unwrap_or_else(|| Scalar::lstm_step(layer, x, h, cell, next));
        };
        if x_blocks == 0 || h_blocks == 0 || x.len() < x_blocks || h.len() < h_blocks {
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
        let lanes = cell
            .as_flattened_mut()
            .iter_mut()
            .zip(lanes_mut::<i16>(next));
        let rows = weights.chunks_exact(x_blocks + h_blocks);
        for ((row, gate), (c, h_next)) in rows.zip(layer.gates).zip(lanes) {
            job.row = row.as_ptr();
            // SAFETY: the row has as many blocks as the two parts together, which are not empty and which
            // `x` and `h` hold. The assembly reads no more than them, writes `sums`, and keeps the
            // callee-saved registers.
            unsafe { lstm_nostd_v6m_products(&mut job) };
            let peephole = peepholes.next().copied().unwrap_or_default();
            *h_next = advance(&shifts, gate, peephole, &job.sums, c);
        }
        replace(h, next, layer.hidden);
    }

    fn dense(layer: &DenseParameters<'_>, x: &[I16x4], emit: impl FnMut(usize, i32)) {
        Scalar::dense(layer, x, emit);
    }
}
