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
//!
//! int8 activations only need other loads. Their h is shifted by n as their x is by k, and (H) is another one.
//!
//! int4 weights lie in [`Order::OffsetNibbles`]: eight of a row are one word, whose digits to the base 16 are
//! w + 8, but w for the last. (Y2) and (Y3) have 16 and 8 then. 32 products take 63 instructions. Nibbles in
//! generic order take 37 for 16, one `sbfx` and one `mla` each.
//!
//! The products read y. So the new hidden state replaces the old one at once.
#![allow(unsafe_code)]

use super::dense::{Job, Sums, dense};
use super::layout::layout;
use super::narrow::Narrow;
use super::{Place, fours};
use crate::activation::{TABLES, Tables};
use crate::kernels::{
    Block, DenseOutputs, DenseParameters, GateParameters, I32x4, Kernels, LstmParameters, Order,
    Weights, Width,
};

/// The kernels of this file.
#[derive(Clone, Copy, Debug)]
pub struct V7m;

/// Bytes of instructions of a block of int8 weights, and of eight inputs with int4 weights.
const BLOCK_BYTES: usize = 96;
const NIBBLE_BLOCK_BYTES: usize = 196;
/// Blocks in the loops.
const UNROLL: usize = 4;
const NIBBLE_UNROLL: usize = 2;

/// What the assembly needs to know of a layer.
#[repr(C)]
struct Frame {
    /// First and past the last byte of what is read.
    x: [*const u8; 2],
    h: [*const u8; 2],
    x_shift: u32,
    /// 256 or 16 in (Y2), or 0 for weights without offsets.
    factor: u32,
    h_shift: u32,
    /// Bytes of all y.
    y_bytes: usize,
    /// Where they are computed.
    prepare: Place,
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
    weights: *const u8,
    cell_end: *const i32,
    /// i·g is halved m − 1 times, with this added before: (C) without the factor two.
    half: i32,
    shift: u32,
    squash: u32,
    tables: *const Tables,
    narrow: Narrow,
    /// Where the loop is entered.
    entry: usize,
    /// Where a unit ends.
    tail: Place,
}

layout! { "v7m.s", Frame:
    F_X = x,
    F_H = h,
    F_X_SHIFT = x_shift,
    F_FACTOR = factor,
    F_H_SHIFT = h_shift,
    F_Y_BYTES = y_bytes,
    F_PREPARE = prepare,
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
    NARROW = narrow,
    ENTRY = entry,
    TAIL = tail,
}

const _: () = assert!(
    size_of::<Units>() == 14 * 4,
    "`v7m.s` copies fourteen words"
);

core::arch::global_asm!(
    concat!(
        include_str!("shared.s"),
        include_str!("dense.s"),
        include_str!("activation.s"),
        include_str!("v7m.s"),
        include_str!("v7m_w8a8.s"),
        include_str!("v7m_w4a16.s")
    ),
    options(raw)
);

unsafe extern "C" {
    fn lstm_nostd_v7m_step(frame: *const Frame);
    fn lstm_nostd_v7m_dense(job: *const Job);
    fn lstm_nostd_v7m_int16();
    fn lstm_nostd_v7m_int8();
    fn lstm_nostd_v7m_nibbles();
    fn lstm_nostd_v7m_loop();
    fn lstm_nostd_v7m_plain_loop();
    fn lstm_nostd_v7m_nibble_loop();
    fn lstm_nostd_v7m_generic_nibble_loop();
    fn lstm_nostd_v7m_tail();
    fn lstm_nostd_v7m_int8_tail();
}

/// How the rows of a layer are summed.
struct Rows {
    weights: *const u8,
    factor: u32,
    /// The loop, and where it is entered, in bytes from its start.
    products: (Place, usize),
    /// Blocks of four y.
    y_blocks: usize,
    prepare: Place,
}

impl Rows {
    /// `None` for the orders of other cores, which the parser refuses.
    #[inline(always)]
    fn new(layer: &LstmParameters<'_>) -> Option<Self> {
        let rows = &layer.rows;
        let y_blocks = rows.layout().lanes() / 4;
        let skipped = |blocks: usize, unroll: usize| blocks.wrapping_neg() & (unroll - 1);
        Some(match rows.weights {
            Weights::Offset(weights) => Self {
                weights: weights.as_ptr().cast(),
                factor: 256,
                products: (lstm_nostd_v7m_loop, skipped(y_blocks, UNROLL) * BLOCK_BYTES),
                y_blocks,
                prepare: lstm_nostd_v7m_int16,
            },
            Weights::Generic(weights) => Self {
                weights: weights.as_ptr().cast(),
                factor: 0,
                products: (lstm_nostd_v7m_plain_loop, 0),
                y_blocks,
                prepare: lstm_nostd_v7m_int16,
            },
            Weights::OffsetNibbles(weights) if cfg!(feature = "w4a16") => Self {
                weights: weights.as_ptr().cast(),
                factor: 16,
                products: (
                    lstm_nostd_v7m_nibble_loop,
                    skipped(y_blocks / 2, NIBBLE_UNROLL) * NIBBLE_BLOCK_BYTES,
                ),
                y_blocks,
                prepare: lstm_nostd_v7m_nibbles,
            },
            Weights::Nibbles(weights) if cfg!(feature = "w4a16") => Self {
                weights: weights.as_ptr().cast(),
                factor: 0,
                products: (lstm_nostd_v7m_generic_nibble_loop, 0),
                y_blocks,
                prepare: lstm_nostd_v7m_int16,
            },
            _ => return None,
        })
    }
}

impl Kernels for V7m {
    const ORDERS: &'static [Order] = &[Order::Offset, Order::OffsetNibbles, Order::Generic];

    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        let Some(summed) = Rows::new(layer) else {
            return;
        };
        if !layer.fits(x, h, cell, next) {
            return;
        }
        let rows = &layer.rows;
        let m = layer.cell_int_bits.clamp(1, 15);
        let cell = cell.as_mut_ptr().cast::<i32>();
        let next = h.as_mut_ptr();
        let (prepare, tail): (Place, Place) = match rows.width.in_build() {
            Width::Int16 => (summed.prepare, lstm_nostd_v7m_tail),
            Width::Int8 => (lstm_nostd_v7m_int8, lstm_nostd_v7m_int8_tail),
        };
        let frame = Frame {
            x: fours(x.as_ptr(), rows.inputs, rows.width),
            h: fours(next, rows.outputs, rows.width),
            x_shift: rows.x_shift & 31,
            factor: summed.factor,
            h_shift: rows.h_shift & 31,
            y_bytes: summed.y_blocks.wrapping_mul(size_of::<I32x4>()),
            prepare,
            units: Units {
                peepholes: layer.first_peepholes(),
                cell,
                next,
                gates: layer.gates.as_ptr(),
                weights: summed.weights,
                cell_end: cell.wrapping_add(layer.units()),
                half: (1 << m) >> 2,
                shift: m - 1,
                squash: 18 - m,
                tables: &TABLES,
                narrow: Narrow::new(rows.h_shift),
                entry: (summed.products.0 as usize).wrapping_add(summed.products.1),
                tail,
            },
        };
        // SAFETY: `fits` holds: for each of the H units the assembly reads a row of blocks, its gate
        // parameters and, unless the pointer is null, its peepholes; of `x` and `h` it reads the blocks of four
        // that hold I and H lanes; it writes H lanes of `cell` and, once y are computed, of `h`. It ends after
        // H ≥ 1 units and keeps the callee-saved registers. Its stack is 120 bytes and four for each lane of a
        // row. Segments are in range as the clamped argument is below 2¹⁵.
        unsafe { lstm_nostd_v7m_step(&frame) }
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
