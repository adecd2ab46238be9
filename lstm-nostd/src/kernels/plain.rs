//! Cores without SIMD: the products of one or two units in assembly (`v6m`, `v7m`), everything else as
//! the specification has it.
//!
//! Weights lie in [`Order::Generic`]. An activation is loaded once for all rows in registers.
#![allow(unsafe_code)]

use super::{
    DenseParameters, I16x4, I32x4, Kernels, LstmParameters, Order, RowBlock, Weights, blocks,
    scalar::{Scalar, advance},
};

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
        h: &[I16x4],
        cell: &mut [I32x4],
        next: &mut [I16x4],
    ) {
        let (x_blocks, h_blocks) = (blocks(layer.inputs), blocks(layer.hidden));
        let (Weights::Generic(weights), Some(x), Some(h)) =
            (layer.weights, x.get(..x_blocks), h.get(..h_blocks))
        else {
            return Scalar::lstm_step(layer, x, h, cell, next);
        };
        let row_blocks = x_blocks + h_blocks;
        let whole = layer.gates.len().saturating_mul(row_blocks) <= weights.len();
        if x.is_empty() || h.is_empty() || !whole {
            return Scalar::lstm_step(layer, x, h, cell, next);
        }
        let mut job = Job {
            rows: [weights.as_ptr(); UNITS],
            x: [x.as_ptr_range().start, x.as_ptr_range().end],
            h: [h.as_ptr_range().start, h.as_ptr_range().end],
            x_shift: layer.x_shift & 31,
            sums: [[0; 4]; UNITS],
        };
        let lanes = cell.iter_mut().zip(next);
        let mut lanes = lanes.flat_map(|(cells, nexts)| cells.iter_mut().zip(&mut nexts.0));
        let mut peepholes = layer.peepholes.iter();
        let mut rows = weights.chunks_exact(row_blocks);
        for gates in layer.gates.chunks(UNITS) {
            for row in &mut job.rows {
                // An odd last unit leaves the row of the one before it, whose sums are not used.
                if let Some(blocks) = rows.next() {
                    *row = blocks.as_ptr();
                }
            }
            // SAFETY: `whole` holds, so that each row begins one of `chunks_exact` with just that many
            // blocks; `x` and `h` are not empty.
            unsafe { P::run(&mut job) };
            for ((gate, sums), (c, h_next)) in gates.iter().zip(job.sums).zip(&mut lanes) {
                let peephole = peepholes.next().copied().unwrap_or_default();
                *h_next = advance(layer.cell_int_bits, gate, peephole, sums, c);
            }
        }
    }

    fn dense(layer: &DenseParameters<'_>, x: &[I16x4], emit: impl FnMut(usize, i32)) {
        Scalar::dense(layer, x, emit);
    }
}
