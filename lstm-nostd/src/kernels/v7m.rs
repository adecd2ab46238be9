//! M3: `ldrsb` and `mla`, eight rows of two units at a time, and the elementwise part in registers.
//!
//! Weights lie in [`Order::Generic`]. A block of 32 products takes 68 instructions: one load for each
//! weight, one `mla` for each product, and one load of an activation for eight. `v7m.s` holds all of it.
#![allow(unsafe_code)]

use super::{
    DenseParameters, GateParameters, I16x4, I32x4, Kernels, LstmParameters, Order, RowBlock,
    Weights, Width, blocks, products, replace, scalar::Scalar,
};
use crate::activation::{TABLES, Tables};

/// The kernels of this file.
#[derive(Clone, Copy, Debug)]
pub struct V7m;

/// Bytes of instructions of a block.
const BLOCK_BYTES: usize = 68 * 4;
/// Blocks in the loops over inputs and hidden state.
const UNROLL: usize = 4;

/// What the assembly needs to know of a layer, in the order of its own frame.
#[repr(C)]
struct Frame {
    /// Null without peepholes.
    peepholes: *const [i16; 4],
    cell: *mut i32,
    next: *mut I16x4,
    gates: *const GateParameters,
    weights: *const RowBlock,
    x: *const I16x4,
    x_end: *const I16x4,
    h: *const I16x4,
    h_end: *const I16x4,
    /// Where the loops are entered, in bytes from their start.
    x_entry: usize,
    h_entry: usize,
    row_bytes: usize,
    x_shift: u32,
    cell_end: *const i32,
    /// i·g is halved m − 1 times, with this added before: (C) without the factor two.
    half: i32,
    shift: u32,
    squash: u32,
    tables: *const Tables,
}

core::arch::global_asm!(include_str!("v7m.s"), options(raw));

unsafe extern "C" {
    fn lstm_nostd_v7m_step(frame: *const Frame);
}

impl Kernels for V7m {
    const ORDERS: &'static [Order] = &[Order::Generic];

    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[I16x4],
        h: &mut [I16x4],
        cell: &mut [I32x4],
        next: &mut [I16x4],
    ) {
        let (Weights::Generic(weights), Width::Int16) = (layer.weights, layer.width) else {
            let done = products::step(layer, x, h, cell, next);
            return done.unwrap_or_else(|| Scalar::lstm_step(layer, x, h, cell, next));
        };
        let (x_blocks, h_blocks) = (blocks(layer.inputs), blocks(layer.hidden));
        let fits = layer.inputs > 0
            && layer.hidden > 0
            && weights.len() / layer.hidden >= x_blocks + h_blocks
            && layer.gates.len() >= layer.hidden
            && (layer.peepholes.is_empty() || layer.peepholes.len() >= layer.hidden)
            && x.len() >= x_blocks
            && [h.len(), cell.len(), next.len()]
                .iter()
                .all(|len| *len >= h_blocks);
        if !fits {
            return Scalar::lstm_step(layer, x, h, cell, next);
        }
        let m = layer.cell_int_bits.clamp(1, 15);
        let cell = cell.as_mut_ptr().cast::<i32>();
        let frame = Frame {
            peepholes: if layer.peepholes.is_empty() {
                core::ptr::null()
            } else {
                layer.peepholes.as_ptr()
            },
            cell,
            next: next.as_mut_ptr(),
            gates: layer.gates.as_ptr(),
            weights: weights.as_ptr(),
            x: x.as_ptr(),
            x_end: x.as_ptr().wrapping_add(x_blocks),
            h: h.as_ptr(),
            h_end: h.as_ptr().wrapping_add(h_blocks),
            x_entry: entry(x_blocks),
            h_entry: entry(h_blocks),
            row_bytes: (x_blocks + h_blocks) * size_of::<RowBlock>(),
            x_shift: layer.x_shift & 31,
            cell_end: cell.wrapping_add(layer.hidden),
            half: (1 << m) >> 2,
            shift: m - 1,
            squash: 18 - m,
            tables: &TABLES,
        };
        // SAFETY: `fits` holds: for each of the H units the assembly reads a row of blocks, its gate
        // parameters and, unless the pointer is null, its peepholes; of `x` and `h` it reads the blocks
        // that hold I and H lanes; it writes H lanes of `cell` and `next`. It ends after H ≥ 1 units, keeps
        // the callee-saved registers, and needs no more than 128 bytes of stack. Segments are in range as
        // the clamped argument is below 2¹⁵.
        unsafe { lstm_nostd_v7m_step(&frame) }
        replace(h, next, layer.hidden);
    }

    fn dense(layer: &DenseParameters<'_>, x: &[I16x4], emit: impl FnMut(usize, i32)) {
        Scalar::dense(layer, x, emit);
    }
}

/// Where a loop is entered for `count` blocks.
const fn entry(count: usize) -> usize {
    (UNROLL - count % UNROLL) % UNROLL * BLOCK_BYTES
}
