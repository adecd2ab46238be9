//! M3: words of four weights, `mla`, and the elementwise part in registers.
//!
//! Four weights of a row are one word W of [`Order::Offset`], whose digits to the base 256 are w0 + 128,
//! w1 + 128, w2 + 128 and w3. W, shifted right by j digits, still holds the digits above digit j. Each
//! activation therefore has 256 times its predecessor taken off, once a step for all rows, which cancels
//! them:
//!
//! ```text
//! Σ_j (w_j + 128·[j < 3])·x_j = W·y_0 + (W >> 8)·y_1 + (W >> 16)·y_2 + (W >> 24)·y_3
//! y_0 = x_0                                                                                  (Y1)
//! y_j = x_j − 256·x_(j−1)                                                                    (Y2)
//! start = −128 · Σ of all x_j with an offset                                                 (Y3)
//! ```
//!
//! All of it is exact modulo 2³², and (A) fits in 32 bits. The inputs' activations are shifted by `k`
//! before, so that one loop sums both parts of a row. A block of 16 products takes 30 instructions: two
//! loads of four words, twelve shifts, sixteen `mla`. Weights in [`Order::Generic`] have no offsets: with
//! y = x and start = 0 another loop takes 35, and is not unrolled.
#![allow(unsafe_code)]

use super::dense::{Job, Sums, dense};
use super::layout::layout;
use super::{HAS_OTHER_SCHEMES, copy_blocks, products};
use crate::activation::{TABLES, Tables};
use crate::kernels::{
    Block, DenseOutputs, DenseParameters, GateParameters, I32x4, Kernels, LstmParameters, Order,
    RowBlock, Weights, Width, blocks,
};

/// The kernels of this file.
#[derive(Clone, Copy, Debug)]
pub struct V7m;

/// Bytes of instructions of a block.
const BLOCK_BYTES: usize = 96;
/// Blocks in the loop.
const UNROLL: usize = 4;

/// What the assembly needs to know of a layer.
#[repr(C)]
struct Frame {
    /// First and past the last block.
    x: [*const Block; 2],
    h: [*const Block; 2],
    x_shift: u32,
    /// 256 in (Y2), or 0 for weights without offsets.
    factor: u32,
    /// Bytes of all y.
    y_bytes: usize,
    /// Where the loop is entered, in bytes from its start.
    entry: usize,
    units: Units,
}

/// What the assembly copies to its stack.
#[repr(C)]
struct Units {
    /// Null without peepholes.
    peepholes: *const [i16; 4],
    cell: *mut i32,
    next: *mut Block,
    gates: *const GateParameters,
    weights: *const RowBlock,
    cell_end: *const i32,
    /// i·g is halved m − 1 times, with this added before: (C) without the factor two.
    half: i32,
    shift: u32,
    squash: u32,
    tables: *const Tables,
}

layout! { "v7m.s", Frame:
    F_X = x,
    F_H = h,
    F_X_SHIFT = x_shift,
    F_FACTOR = factor,
    F_Y_BYTES = y_bytes,
    F_ENTRY = entry,
    F_UNITS = units,
}

layout! { "v7m.s", Units:
    PEEPHOLES = peepholes,
    CELL = cell,
    NEXT = next,
    GATES = gates,
    WEIGHTS = weights,
    CELL_END = cell_end,
    HALF = half,
    SHIFT = shift,
    SQUASH = squash,
    TABLES = tables,
}

const _: () = assert!(size_of::<Units>() == 10 * 4, "`v7m.s` copies ten words");

core::arch::global_asm!(
    concat!(
        include_str!("shared.s"),
        include_str!("dense.s"),
        include_str!("activation.s"),
        include_str!("v7m.s")
    ),
    options(raw)
);

unsafe extern "C" {
    fn lstm_nostd_v7m_step(frame: *const Frame);
    fn lstm_nostd_v7m_dense(job: *const Job);
}

impl Kernels for V7m {
    const ORDERS: &'static [Order] = &[Order::Offset, Order::Generic];

    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        let (weights, factor) = match (layer.rows.weights, layer.rows.width) {
            (Weights::Offset(weights), Width::Int16) => (weights, 256),
            (Weights::Generic(weights), Width::Int16) => (weights, 0),
            _ if HAS_OTHER_SCHEMES => return products::step(layer, x, h, cell, next),
            // The parser refuses the orders of other cores.
            _ => return,
        };
        if !layer.fits(x, h, cell, next) {
            return;
        }
        let (x_blocks, h_blocks) = (blocks(layer.rows.inputs), blocks(layer.rows.outputs));
        let count = x_blocks + h_blocks;
        let m = layer.cell_int_bits.clamp(1, 15);
        let cell = cell.as_mut_ptr().cast::<i32>();
        let frame = Frame {
            x: [x.as_ptr(), x.as_ptr().wrapping_add(x_blocks)],
            h: [h.as_ptr(), h.as_ptr().wrapping_add(h_blocks)],
            x_shift: layer.rows.x_shift & 31,
            factor,
            y_bytes: count * size_of::<I32x4>(),
            entry: (UNROLL - count % UNROLL) % UNROLL * BLOCK_BYTES,
            units: Units {
                peepholes: layer.first_peepholes(),
                cell,
                next: next.as_mut_ptr(),
                gates: layer.gates.as_ptr(),
                weights: weights.as_ptr(),
                cell_end: cell.wrapping_add(layer.units()),
                half: (1 << m) >> 2,
                shift: m - 1,
                squash: 18 - m,
                tables: &TABLES,
            },
        };
        // SAFETY: `fits` holds: for each of the H units the assembly reads a row of blocks, its gate
        // parameters and, unless the pointer is null, its peepholes; of `x` and `h` it reads the blocks
        // that hold I and H lanes; it writes H lanes of `cell` and `next`. It ends after H ≥ 1 units and
        // keeps the callee-saved registers. Its stack is 104 bytes and four for each activation. Segments
        // are in range as the clamped argument is below 2¹⁵.
        unsafe { lstm_nostd_v7m_step(&frame) }
        copy_blocks(h, next, layer.rows.outputs);
    }

    // One copy of it is enough for hidden and output layers.
    #[inline(never)]
    fn dense(layer: &DenseParameters<'_>, x: &[Block], y: &mut DenseOutputs<'_>) {
        dense(layer, x, y, |groups| match (groups, layer.width) {
            (Weights::Offset(weights), Width::Int16) => {
                Some((weights.as_ptr().cast(), lstm_nostd_v7m_dense as Sums))
            }
            _ => None,
        });
    }
}
