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
//! Rows of a dense layer that lie in no group get their offsets from one exclusive or for each word.
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
#[cfg(any(feature = "gru", feature = "coupled"))]
use crate::kernels::Activation;
#[cfg(feature = "coupled")]
use crate::kernels::coupled::CoupledBatch;
#[cfg(feature = "gru")]
use crate::kernels::gru::GruBatch;
use crate::kernels::{
    Block, DenseOutputs, DenseParameters, DenseWeights, GateParameters, I32x4, Kernels,
    LstmParameters, Order, RecurrentRows, Weights, Width,
};

/// The kernels of this file.
#[derive(Clone, Copy, Debug)]
pub struct V7m;

/// The code for groups of rows in one order of weights.
struct Code {
    /// 256 or 16 in (Y2), or 0 for weights without offsets.
    factor: u32,
    /// Where y are computed, for int16 activations.
    prepare: Place,
    /// The loop over blocks of 2^`bits` inputs.
    products: Place,
    bits: u32,
    /// Bytes of instructions of a block, and blocks in the loop.
    bytes: usize,
    unroll: usize,
}

const OFFSET: Code = Code {
    factor: 256,
    prepare: lstm_nostd_v7m_int16,
    products: lstm_nostd_v7m_loop,
    bits: 2,
    bytes: 96,
    unroll: 4,
};
const GENERIC: Code = Code {
    factor: 0,
    prepare: lstm_nostd_v7m_int16,
    products: lstm_nostd_v7m_plain_loop,
    bits: 2,
    bytes: 0,
    unroll: 1,
};
const NIBBLES: Code = Code {
    factor: 16,
    prepare: lstm_nostd_v7m_nibbles,
    products: lstm_nostd_v7m_nibble_loop,
    bits: 3,
    bytes: 196,
    unroll: 2,
};
const GENERIC_NIBBLES: Code = Code {
    factor: 0,
    prepare: lstm_nostd_v7m_int16,
    products: lstm_nostd_v7m_generic_nibble_loop,
    bits: 2,
    bytes: 0,
    unroll: 1,
};

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
    /// Null without peepholes.
    peepholes: *const [i16; 4],
    cell: *mut i32,
    next: *mut Block,
    gates: *const GateParameters,
    cell_end: *const i32,
    /// i·g is halved m − 1 times, with this added before: (C) without the factor two.
    half: i32,
    shift: u32,
    squash: u32,
    tables: *const Tables,
    narrow: Narrow,
    /// Where a unit ends.
    tail: Place,
}

/// How rows are summed.
#[repr(C)]
struct Rows {
    weights: *const u8,
    /// Where the loop is entered.
    entry: usize,
    /// What comes first, and what after the sums.
    first: Place,
    after: Place,
}

layout! { "v7m.s", Frame:
    F_X = x,
    F_H = h,
    F_X_SHIFT = x_shift,
    F_FACTOR = factor,
    F_H_SHIFT = h_shift,
    F_Y_BYTES = y_bytes,
    F_PREPARE = prepare,
    F_KEPT = kept,
}

layout! { "v7m.s", Kept:
    PEEPHOLES = after.units.peepholes,
    CELL = after.units.cell,
    NEXT = after.units.next,
    GATES = after.units.gates,
    CELL_END = after.units.cell_end,
    HALF = after.units.half,
    SHIFT = after.units.shift,
    SQUASH = after.units.squash,
    TABLES = after.units.tables,
    NARROW = after.units.narrow,
    TAIL = after.units.tail,
    WEIGHTS = rows.weights,
    ENTRY = rows.entry,
    FIRST = rows.first,
    AFTER = rows.after,
}

const _: () = assert!(size_of::<Kept>() == 16 * 4, "`v7m.s` copies sixteen words");

core::arch::global_asm!(
    concat!(
        include_str!("shared.s"),
        include_str!("activation.s"),
        include_str!("dense.s"),
        include_str!("v7m.s"),
        include_str!("v7m_w8a8.s"),
        include_str!("v7m_w4a16.s"),
        include_str!("stored.s"),
        include_str!("v7m_gru.s"),
        include_str!("gru.s"),
        include_str!("coupled.s")
    ),
    options(raw)
);

unsafe extern "C" {
    fn lstm_nostd_v7m_step(frame: *const Frame);
    fn lstm_nostd_v7m_int16();
    fn lstm_nostd_v7m_int8();
    fn lstm_nostd_v7m_nibbles();
    fn lstm_nostd_v7m_loop();
    fn lstm_nostd_v7m_plain_loop();
    fn lstm_nostd_v7m_nibble_loop();
    fn lstm_nostd_v7m_generic_nibble_loop();
    fn lstm_nostd_v7m_rows();
    fn lstm_nostd_v7m_unit();
    fn lstm_nostd_v7m_group();
    fn lstm_nostd_v7m_row();
    fn lstm_nostd_v7m_nibble_row();
    fn lstm_nostd_v7m_values();
    fn lstm_nostd_v7m_relu_int16();
    fn lstm_nostd_v7m_relu_int8();
    fn lstm_nostd_v7m_tail();
    fn lstm_nostd_v7m_int8_tail();
    #[cfg(any(feature = "gru", feature = "gru-before", feature = "coupled"))]
    fn lstm_nostd_v7m_stored_sums();
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
        // The parser refuses the orders of other cores.
        let Some(code) = Code::of(&layer.rows.weights) else {
            return;
        };
        if !layer.fits(x, h, cell, next) {
            return;
        }
        let rows = &layer.rows;
        let m = layer.cell_int_bits.clamp(1, 15);
        let cell = cell.as_mut_ptr().cast::<i32>();
        let next = h.as_mut_ptr();
        let units = Units {
            peepholes: layer.first_peepholes(),
            cell,
            next,
            gates: layer.gates.as_ptr(),
            cell_end: cell.wrapping_add(layer.units()),
            half: (1 << m) >> 2,
            shift: m - 1,
            squash: 18 - m,
            tables: &TABLES,
            narrow: Narrow::new(rows.h_shift),
            tail: match rows.width.in_build() {
                Width::Int16 => lstm_nostd_v7m_tail,
                Width::Int8 => lstm_nostd_v7m_int8_tail,
            },
        };
        let after = After { units };
        let places = [lstm_nostd_v7m_rows as Place, lstm_nostd_v7m_unit];
        let frame = Frame::new(rows, code, [x.as_ptr(), next], after, places);
        // SAFETY: `fits` holds: for each of the H units the assembly reads a row of blocks, its gate
        // parameters and, unless the pointer is null, its peepholes; of `x` and `h` it reads the blocks of four
        // that hold I and H lanes; it writes H lanes of `cell` and, once y are computed, of `h`. It ends after
        // H ≥ 1 units and keeps the callee-saved registers. Its stack is 128 bytes and four for each lane of a
        // row. Segments are in range as the clamped argument is below 2¹⁵.
        unsafe { lstm_nostd_v7m_step(&frame) }
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
            let places = [lstm_nostd_v7m_rows as Place, lstm_nostd_v7m_stored_sums];
            Frame::new(rows, code, [x, h].map(<[_]>::as_ptr), after, places)
        });
        Groups::new(rows, x, h).sums(frame, |frame, store, weights| {
            frame.kept.after.store = store;
            frame.kept.rows.weights = weights;
            // SAFETY: `x` has the inputs, of which there is at least one, `h` the hidden state, and as many groups as there
            // are sums, at least one, lie from `weights` on. The assembly stores the sums of these and ends. The stack is as above.
            unsafe { lstm_nostd_v7m_step(frame) }
        })
    }

    #[cfg(feature = "coupled")]
    #[inline(always)]
    fn coupled_units<A: Activation>(batch: CoupledBatch<'_, A>) {
        super::coupled::units(batch);
    }

    #[cfg(feature = "gru")]
    #[inline(always)]
    fn gru_units<A: Activation>(batch: GruBatch<'_, A>) {
        super::gru::units(batch);
    }

    // One copy of it is enough for hidden and output layers.
    #[inline(never)]
    fn dense(layer: &DenseParameters<'_>, x: &[Block], y: &mut DenseOutputs<'_>) {
        let (code, row): (_, Place) = match (&layer.groups, layer.weights) {
            (Weights::Offset(_) | Weights::Generic(_), DenseWeights::Int8(_)) => {
                (&OFFSET, lstm_nostd_v7m_row)
            }
            (Weights::OffsetNibbles(_) | Weights::Nibbles(_), DenseWeights::Nibbles(_))
                if cfg!(feature = "w4a16") =>
            {
                (&NIBBLES, lstm_nostd_v7m_nibble_row)
            }
            _ => return,
        };
        let places = Places {
            group: lstm_nostd_v7m_rows,
            row,
            stores: [
                lstm_nostd_v7m_values,
                lstm_nostd_v7m_relu_int16,
                lstm_nostd_v7m_relu_int8,
            ],
        };
        let Some((finish, start)) = finish(layer, x, y, &places) else {
            return;
        };
        let after = After { finish };
        let places = [start.first, lstm_nostd_v7m_group];
        let mut frame = Frame::new(&layer.group_rows(), code, [x.as_ptr(); 2], after, places);
        frame.kept.rows.weights = start.weights;
        // SAFETY: as `finish` says; there is no hidden state. The stack is as above.
        unsafe { lstm_nostd_v7m_step(&frame) }
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
        let skipped = blocks.wrapping_neg() & code.unroll.wrapping_sub(1);
        Self {
            x: fours(x, rows.inputs, rows.width),
            h: fours(h, rows.outputs, rows.width),
            x_shift: rows.x_shift & 31,
            factor: code.factor,
            h_shift: rows.h_shift & 31,
            y_bytes: blocks.wrapping_mul(size_of::<i32>() << (code.bits & 3)),
            prepare: match rows.width.in_build() {
                Width::Int16 => code.prepare,
                Width::Int8 => lstm_nostd_v7m_int8,
            },
            kept: Kept {
                after,
                rows: Rows {
                    weights: rows.weights.start(),
                    entry: (code.products as usize).wrapping_add(skipped.wrapping_mul(code.bytes)),
                    first,
                    after: of_sums,
                },
            },
        }
    }
}
