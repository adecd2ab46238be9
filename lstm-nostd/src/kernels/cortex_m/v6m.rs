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
//! take 102 instructions: each word is loaded twice, for the activations of its lower and its upper half. Nibbles
//! in generic order are cut out one by one, 71 instructions for 16 products.
//!
//! Rows of a dense layer that lie in no group get their offsets as those in generic order do.
//!
//! The products read y. So the new hidden state replaces the old one at once.
#![allow(unsafe_code)]

use super::dense::{Finish, Places, finish};
use super::layout::layout;
use super::narrow::Narrow;
#[cfg(any(feature = "gru", feature = "gru-before", feature = "coupled"))]
use super::stored::{Groups, Store};
use super::{Place, fours, row_blocks};
use crate::activation::{TABLES, Tables};
use crate::kernels::{
    Block, DenseOutputs, DenseParameters, DenseWeights, GateParameters, I32x4, Kernels,
    LstmParameters, Order, RecurrentRows, Weights, Width,
};

/// The kernels of this file.
#[derive(Clone, Copy, Debug)]
pub struct V6m;

/// The code for groups of rows in one order of weights.
struct Code {
    /// Computes y, for int16 activations.
    prepare: Place,
    /// Where the loop is entered for an even and an odd number of blocks of 2^`bits` inputs.
    products: [Place; 2],
    bits: u32,
    /// What words of weights are combined with by exclusive or.
    offsets: u32,
    /// The factor of (Y3).
    start: i32,
}

const OFFSET: Code = Code {
    prepare: lstm_nostd_v6m_int16,
    products: [lstm_nostd_v6m_loop, lstm_nostd_v6m_second],
    bits: 2,
    offsets: 0,
    start: -128,
};
const GENERIC: Code = Code {
    prepare: lstm_nostd_v6m_int16,
    products: [lstm_nostd_v6m_plain_loop, lstm_nostd_v6m_plain_second],
    bits: 2,
    offsets: 0x0080_8080,
    start: -128,
};
const NIBBLES: Code = Code {
    prepare: lstm_nostd_v6m_nibble_activations,
    products: [lstm_nostd_v6m_nibbles; 2],
    bits: 3,
    offsets: 0,
    start: -8,
};
const GENERIC_NIBBLES: Code = Code {
    prepare: lstm_nostd_v6m_plain_activations,
    products: [lstm_nostd_v6m_generic_nibbles; 2],
    bits: 2,
    offsets: 0x8888_8888,
    start: 0,
};

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
    after: After,
    rows: Rows,
}

/// What comes after the sums.
#[derive(Clone, Copy)]
#[repr(C)]
union After {
    units: Units,
    finish: Finish,
    #[cfg(any(feature = "gru", feature = "gru-before", feature = "coupled"))]
    store: Store,
}

/// The elementwise part.
#[derive(Clone, Copy)]
#[repr(C)]
struct Units {
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
    /// What comes first, and what after the sums.
    first: Place,
    after: Place,
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
    GATES = after.units.gates,
    PEEPHOLES = after.units.peepholes,
    CELL = after.units.cell,
    NEXT = after.units.next,
    LEFT = after.units.left,
    HALF = after.units.half,
    SHIFT = after.units.shift,
    SQUASH = after.units.squash,
    TABLES = after.units.tables,
    CENTRE = after.units.centre,
    MOST = after.units.most,
    NARROW = after.units.narrow,
    TAIL = after.units.tail,
    WEIGHTS = rows.weights,
    ENTRY = rows.entry,
    OFFSETS = rows.offsets,
    START = rows.start,
    FIRST = rows.first,
    AFTER = rows.after,
}

const _: () = assert!(size_of::<Kept>() == 20 * 4, "`v6m.s` copies twenty words");

core::arch::global_asm!(
    concat!(
        include_str!("shared.s"),
        include_str!("v6m.s"),
        include_str!("v6m_w4a16.s"),
        include_str!("stored.s"),
        include_str!("v6m_gru.s")
    ),
    options(raw)
);

unsafe extern "C" {
    fn lstm_nostd_v6m_step(frame: *const Frame);
    fn lstm_nostd_v6m_rows();
    fn lstm_nostd_v6m_unit();
    fn lstm_nostd_v6m_group();
    fn lstm_nostd_v6m_row();
    fn lstm_nostd_v6m_nibble_row();
    fn lstm_nostd_v6m_values();
    fn lstm_nostd_v6m_relu_int16();
    fn lstm_nostd_v6m_relu_int8();
    fn lstm_nostd_v6m_tail();
    fn lstm_nostd_v6m_int8_tail();
    #[cfg(any(feature = "gru", feature = "gru-before", feature = "coupled"))]
    fn lstm_nostd_v6m_stored_sums();
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

impl Kernels for V6m {
    const ORDERS: &'static [Order] = &[Order::Offset, Order::OffsetNibbles, Order::Generic];

    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        // The parser refuses the orders of other cores.
        let Some(code) = Code::of(&layer.rows.weights) else {
            return;
        };
        if !layer.fits(x, h, cell, next) {
            return;
        }
        let rows = &layer.rows;
        let m = layer.cell_int_bits.clamp(1, 15);
        let next = h.as_mut_ptr();
        let units = Units {
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
        };
        let after = After { units };
        let places = [lstm_nostd_v6m_rows as Place, lstm_nostd_v6m_unit];
        let frame = Frame::new(rows, code, [x.as_ptr(), next], after, places);
        // SAFETY: `fits` holds: for each of the H units the assembly reads a row of blocks, its gate
        // parameters and, unless the pointer is null, its peepholes; of `x` and `h` it reads the blocks of four
        // that hold I and H lanes; it writes H lanes of `cell` and, once y are computed, of `h`. It ends after
        // H ≥ 1 units and keeps the callee-saved registers. Its stack is 128 bytes and four for each lane of a
        // row. Segments are in range as the clamped argument is below 2¹⁵.
        unsafe { lstm_nostd_v6m_step(&frame) }
    }

    #[cfg(any(feature = "gru", feature = "gru-before", feature = "coupled"))]
    #[inline(always)]
    fn group_sums(
        rows: &RecurrentRows<'_>,
        x: &[Block],
        h: &[Block],
    ) -> impl FnMut(usize, &mut [I32x4]) {
        let frame = Code::of(&rows.weights).map(|code| {
            let after = After {
                store: Store::new(&mut []),
            };
            let places = [lstm_nostd_v6m_rows as Place, lstm_nostd_v6m_stored_sums];
            Frame::new(rows, code, [x, h].map(<[_]>::as_ptr), after, places)
        });
        Groups::new(rows, x, h).sums(frame, |frame, store, weights| {
            frame.kept.after.store = store;
            frame.kept.rows.weights = weights;
            // SAFETY: `x` has the inputs, of which there is at least one, `h` the hidden state, and as many groups as there
            // are sums, at least one, lie from `weights` on. The assembly stores the sums of these and ends. The stack is as above.
            unsafe { lstm_nostd_v6m_step(frame) }
        })
    }

    // One copy of it is enough for hidden and output layers.
    #[inline(never)]
    fn dense(layer: &DenseParameters<'_>, x: &[Block], y: &mut DenseOutputs<'_>) {
        let (code, row): (_, Place) = match (&layer.groups, layer.weights) {
            (Weights::Offset(_) | Weights::Generic(_), DenseWeights::Int8(_)) => {
                (&OFFSET, lstm_nostd_v6m_row)
            }
            (Weights::OffsetNibbles(_) | Weights::Nibbles(_), DenseWeights::Nibbles(_))
                if cfg!(feature = "w4a16") =>
            {
                (&NIBBLES, lstm_nostd_v6m_nibble_row)
            }
            _ => return,
        };
        let places = Places {
            group: lstm_nostd_v6m_rows,
            row,
            stores: [
                lstm_nostd_v6m_values,
                lstm_nostd_v6m_relu_int16,
                lstm_nostd_v6m_relu_int8,
            ],
        };
        let Some((finish, start)) = finish(layer, x, y, &places) else {
            return;
        };
        let after = After { finish };
        let places = [start.first, lstm_nostd_v6m_group];
        let mut frame = Frame::new(&layer.group_rows(), code, [x.as_ptr(); 2], after, places);
        frame.kept.rows.weights = start.weights;
        // SAFETY: as `finish` says; there is no hidden state. The stack is as above.
        unsafe { lstm_nostd_v6m_step(&frame) }
    }
}

impl Code {
    /// For weights of an order that this core reads.
    #[inline(always)]
    const fn of(weights: &Weights<'_>) -> Option<&'static Self> {
        Some(match weights {
            Weights::Offset(_) => &OFFSET,
            Weights::Generic(_) => &GENERIC,
            Weights::OffsetNibbles(_) if cfg!(feature = "w4a16") => &NIBBLES,
            Weights::Nibbles(_) if cfg!(feature = "w4a16") => &GENERIC_NIBBLES,
            _ => return None,
        })
    }
}

impl Frame {
    /// `starts` are those of the layer input and of the hidden state; `places` what comes first, and what after sums.
    #[inline(always)]
    fn new(
        rows: &RecurrentRows<'_>,
        code: &Code,
        [x, h]: [*const Block; 2],
        after: After,
        [first, of_sums]: [Place; 2],
    ) -> Self {
        let blocks = row_blocks(rows, code.bits);
        Self {
            x: fours(x, rows.inputs, rows.width),
            h: fours(h, rows.outputs, rows.width),
            x_shift: rows.x_shift & 31,
            h_shift: rows.h_shift & 31,
            y_bytes: blocks.wrapping_mul(size_of::<i32>() << (code.bits & 3)),
            prepare: match rows.width.in_build() {
                Width::Int16 => code.prepare,
                Width::Int8 => lstm_nostd_v6m_int8,
            },
            kept: Kept {
                after,
                rows: Rows {
                    weights: rows.weights.start(),
                    entry: code.products[blocks % 2],
                    offsets: code.offsets,
                    start: code.start,
                    first,
                    after: of_sums,
                },
            },
        }
    }
}
