//! M0 and M0+: words of four weights, `muls` and `add`; rescaling from products of halves.
//!
//! Words and activations are those of (Y1) to (Y3) in `v7m.rs`. A word of [`Order::Offset`], shifted right
//! by 24, 16, 8 and 0, is multiplied with four activations y, which are computed once a step for all rows. A
//! block of sixteen products takes 49 instructions: five loads and moves, and for each of four words three
//! shifts, four products and four sums, which live in the high registers. Weights in [`Order::Generic`] get
//! their offsets from one exclusive or for each word: 55 instructions.
//!
//! int8 activations only need other loads. Their h is shifted by n as their x is by k.
//!
//! int4 weights lie in [`Order::OffsetNibbles`], eight of a row in a word, with digits to the base 16. 32 products
//! take 103 instructions: each word is loaded twice, for the activations of its lower and its upper half. Nibbles
//! in generic order are cut out one by one, 71 instructions for 16 products.
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
pub struct V6m;

/// What the assembly needs to know of a layer.
#[repr(C)]
struct Frame {
    /// First and past the last byte of what is read.
    x: [*const u8; 2],
    h: [*const u8; 2],
    x_shift: u32,
    h_shift: u32,
    /// Bytes of all y.
    y_bytes: usize,
    /// Computes them.
    prepare: Place,
    kept: Kept,
}

/// What the assembly copies to its stack.
#[repr(C)]
struct Kept {
    gates: *const GateParameters,
    /// Null without peepholes.
    peepholes: *const [i16; 4],
    cell: *mut i32,
    next: *mut Block,
    /// Units that are left.
    left: usize,
    /// i·g is halved m − 1 times, with this added before: (C) without the factor two.
    half: i32,
    shift: u32,
    squash: u32,
    tables: *const Tables,
    centre: i32,
    most: i32,
    narrow: Narrow,
    /// Where a unit ends.
    tail: Place,
    rows: Rows,
}

/// How rows are summed.
#[repr(C)]
struct Rows {
    weights: *const u8,
    /// Where the loop is entered.
    entry: Place,
    /// What words of weights in generic order are combined with by exclusive or.
    offsets: u32,
    /// The factor of (Y3).
    start: i32,
}

layout! { "v6m.s", Frame:
    F_X = x,
    F_H = h,
    F_X_SHIFT = x_shift,
    F_H_SHIFT = h_shift,
    F_Y_BYTES = y_bytes,
    F_PREPARE = prepare,
    F_KEPT = kept,
}

layout! { "v6m.s", Kept:
    GATES = gates,
    PEEPHOLES = peepholes,
    CELL = cell,
    NEXT = next,
    LEFT = left,
    HALF = half,
    SHIFT = shift,
    SQUASH = squash,
    TABLES = tables,
    CENTRE = centre,
    MOST = most,
    NARROW = narrow,
    TAIL = tail,
    WEIGHTS = rows.weights,
    ENTRY = rows.entry,
    OFFSETS = rows.offsets,
    START = rows.start,
}

const _: () = assert!(size_of::<Kept>() == 18 * 4, "`v6m.s` copies eighteen words");

core::arch::global_asm!(
    concat!(
        include_str!("shared.s"),
        include_str!("dense.s"),
        include_str!("v6m.s"),
        include_str!("v6m_w4a16.s")
    ),
    options(raw)
);

unsafe extern "C" {
    fn lstm_nostd_v6m_step(frame: *const Frame);
    fn lstm_nostd_v6m_dense(job: *const Job);
    fn lstm_nostd_v6m_tail();
    fn lstm_nostd_v6m_int8_tail();
    fn lstm_nostd_v6m_int16();
    fn lstm_nostd_v6m_int8();
    fn lstm_nostd_v6m_nibble_activations();
    fn lstm_nostd_v6m_plain_activations();
    fn lstm_nostd_v6m_loop();
    fn lstm_nostd_v6m_second();
    fn lstm_nostd_v6m_plain_loop();
    fn lstm_nostd_v6m_plain_second();
    fn lstm_nostd_v6m_nibbles();
    fn lstm_nostd_v6m_generic_nibbles();
}

impl Rows {
    /// And what computes y; `None` for the orders of other cores, which the parser refuses. Loops over two blocks
    /// are entered at their second if `is_odd`.
    #[inline(always)]
    fn new(layer: &LstmParameters<'_>, is_odd: bool) -> Option<(Self, Place)> {
        let bytes = match layer.rows.width.in_build() {
            Width::Int16 => lstm_nostd_v6m_int16 as Place,
            Width::Int8 => lstm_nostd_v6m_int8 as Place,
        };
        let either = |even: Place, odd: Place| if is_odd { odd } else { even };
        let rows = |weights: *const u8, entry: Place, offsets: u32, start: i32| Self {
            weights,
            entry,
            offsets,
            start,
        };
        Some(match layer.rows.weights {
            Weights::Offset(weights) => {
                let entry = either(lstm_nostd_v6m_loop, lstm_nostd_v6m_second);
                (rows(weights.as_ptr().cast(), entry, 0, -128), bytes)
            }
            Weights::Generic(weights) => {
                let entry = either(lstm_nostd_v6m_plain_loop, lstm_nostd_v6m_plain_second);
                (
                    rows(weights.as_ptr().cast(), entry, 0x0080_8080, -128),
                    bytes,
                )
            }
            Weights::OffsetNibbles(weights) if cfg!(feature = "w4a16") => (
                rows(weights.as_ptr().cast(), lstm_nostd_v6m_nibbles, 0, -8),
                lstm_nostd_v6m_nibble_activations,
            ),
            Weights::Nibbles(weights) if cfg!(feature = "w4a16") => (
                rows(
                    weights.as_ptr().cast(),
                    lstm_nostd_v6m_generic_nibbles,
                    0x8888_8888,
                    0,
                ),
                lstm_nostd_v6m_plain_activations,
            ),
            _ => return None,
        })
    }
}

impl Kernels for V6m {
    const ORDERS: &'static [Order] = &[Order::Offset, Order::OffsetNibbles, Order::Generic];

    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        let y_blocks = layer.rows.layout().lanes() / 4;
        let Some((summed, prepare)) = Rows::new(layer, y_blocks % 2 != 0) else {
            return;
        };
        if !layer.fits(x, h, cell, next) {
            return;
        }
        let rows = &layer.rows;
        let m = layer.cell_int_bits.clamp(1, 15);
        let next = h.as_mut_ptr();
        let frame = Frame {
            x: fours(x.as_ptr(), rows.inputs, rows.width),
            h: fours(next, rows.outputs, rows.width),
            x_shift: rows.x_shift & 31,
            h_shift: rows.h_shift & 31,
            y_bytes: y_blocks.wrapping_mul(size_of::<I32x4>()),
            prepare,
            kept: Kept {
                gates: layer.gates.as_ptr(),
                peepholes: layer.first_peepholes(),
                cell: cell.as_mut_ptr().cast(),
                next,
                left: layer.units(),
                half: (1 << m) >> 2,
                shift: m - 1,
                squash: 18 - m,
                tables: &TABLES,
                centre: 0x4000,
                most: 0x7fff,
                narrow: Narrow::new(rows.h_shift),
                tail: match rows.width.in_build() {
                    Width::Int16 => lstm_nostd_v6m_tail,
                    Width::Int8 => lstm_nostd_v6m_int8_tail,
                },
                rows: summed,
            },
        };
        // SAFETY: `fits` holds: for each of the H units the assembly reads a row of blocks, its gate
        // parameters and, unless the pointer is null, its peepholes; of `x` and `h` it reads the blocks of four
        // that hold I and H lanes; it writes H lanes of `cell` and, once y are computed, of `h`. It ends after
        // H ≥ 1 units and keeps the callee-saved registers. Its stack is 120 bytes and four for each lane of a
        // row. Segments are in range as the clamped argument is below 2¹⁵.
        unsafe { lstm_nostd_v6m_step(&frame) }
    }

    // One copy of it is enough for hidden and output layers.
    #[inline(never)]
    fn dense(layer: &DenseParameters<'_>, x: &[Block], y: &mut DenseOutputs<'_>) {
        dense(layer, x, y, |groups| match (groups, layer.width) {
            (Weights::Offset(weights), Width::Int16) => {
                Some((weights.as_ptr().cast(), lstm_nostd_v6m_dense as Sums))
            }
            _ => None,
        });
    }
}
