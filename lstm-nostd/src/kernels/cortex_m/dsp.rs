//! Cores with the DSP extension (M4, M7, M33): `smlald`, `smlad`, `sxtb16`, `smmulr`, `qdadd` and the
//! like, sixteen products per block of four inputs by four rows.
//!
//! Weights lie in [`Order::Paired`]: a 16-bit lane holds 256·a + b for the rows a and b of two gates.
//! `smlald` sums P = Σ (256·a + b)·x over two inputs at once in 64 bits; `sxtb16` keeps the low bytes b,
//! and `smlad` sums L = Σ b·x. Then Σ a·x = (P − L) / 256 is exact. A block takes 14 instructions for 16
//! products. The unit's elementwise part follows in registers; `dsp.s` holds both.
//!
//! Weights in [`Order::Generic`] take 22 instructions for 16 products, sums in 32 bits: `sxtb16` makes
//! inputs 0 and 2, then 1 and 3 of a row, and `smlad` multiplies them.
//!
//! int8 activations are widened to a copy on the stack, the hidden state by 2^n, which makes the layer one of
//! w8a16 with another (H). The products read the copy, so that the new hidden state replaces the old one.
//!
//! int4 weights lie in [`Order::PairedNibbles`]: a 16-bit lane holds 4096·w_i + 256·(w_o + 8) + 16·(w_g + 8) +
//! (w_f + 8). `smlald` sums P = Σ lane·x, and `and` and `smlad` sum the three lower nibbles, 16 instructions for
//! 16 products. With S = Σ x, sums of nibbles begin with −8·S and P with −2184·S, which takes the eights off.
//! Each row's sum then is exact in 32 bits, and Σ w_i·x = (P − f − 16·g − 256·o) / 4096.
//!
//! Tails: a part of a row with 1 or 2 inputs more than whole blocks ends with a half block. Loops are
//! entered in their middle, so that their ends are tested once in 3 to 16 blocks, or not at all.
#![allow(unsafe_code)]

use core::num::NonZeroUsize;
use core::ops::Range;
use core::ptr;

use bytemuck::cast;

use super::Place;
use super::dense::{Finish, Places, finish};
#[cfg(feature = "gru")]
use super::dsp_gru::{self, GruCode, Walk};
use super::layout::layout;
use super::narrow::Narrow;
#[cfg(any(feature = "coupled", feature = "gru-before"))]
use super::stored::{Groups, Store};
use crate::activation::{TABLES, Tables};
#[cfg(feature = "gru")]
use crate::kernels::GruParameters;
#[cfg(feature = "sound")]
use crate::kernels::fft;
#[cfg(feature = "coupled")]
use crate::kernels::{Activation, coupled::CoupledBatch};
use crate::kernels::{
    Block, DenseOutputs, DenseParameters, DenseWeights, GateParameters, I32x4, Kernels,
    LstmParameters, Order, RecurrentRows, Weights, Width, blocks,
};

/// The kernels of this file.
#[derive(Clone, Copy, Debug)]
pub struct Dsp;

/// The code for groups of rows in one order of weights.
pub(super) struct Code {
    /// Where a group begins: its sums.
    pub(super) group: Place,
    /// Where a unit ends, with int16 and with int8 activations.
    tail: Place,
    byte_tail: Place,
    /// Where the sums of a group without a hidden state go to what is called with them.
    call: Place,
    /// The parts of a row, layer input and hidden state.
    pub(super) parts: [PartCode; 2],
    #[cfg(feature = "gru")]
    pub(super) gru: GruCode,
    /// The hidden state's part of a row whose sums go to memory.
    #[cfg(any(feature = "coupled", feature = "gru-before"))]
    stored: PartCode,
}

/// The code for a part of a row.
pub(super) struct PartCode {
    /// The loop over blocks, and what follows it: in the native orders, a half block first.
    places: [Place; 2],
    /// Where the end of the loop is tested, for loops whose end it is not.
    test: Place,
    /// Bytes of instructions of a block and of a half block.
    bytes: [usize; 2],
    /// Blocks in the loop.
    unroll: NonZeroUsize,
    /// Blocks before the loop.
    before: usize,
    /// What is added to a part's length before its whole blocks are counted: 3 where all are whole, 1 where the last
    /// one or two inputs are left to a half block.
    rounding: usize,
    /// Bytes of the shift by `k` behind the half block, if it may be left out.
    shift_bytes: usize,
}

const THREE: NonZeroUsize = NonZeroUsize::new(3).unwrap();
const FOUR: NonZeroUsize = NonZeroUsize::new(4).unwrap();
const EIGHT: NonZeroUsize = NonZeroUsize::new(8).unwrap();
const SIXTEEN: NonZeroUsize = NonZeroUsize::new(16).unwrap();
const PAIRS_BYTES: [usize; 2] = [14 * 4, 8 * 4];
const NIBBLES_BYTES: [usize; 2] = [16 * 4, 9 * 4];

/// Of pairs and of the generic order; a build without int8 activations links none of them.
const BYTE_TAILS: [Place; 2] = match cfg!(feature = "w8a8") {
    true => [lstm_nostd_dsp_w8a8_tail, lstm_nostd_dsp_w8a8_plain_tail],
    false => [lstm_nostd_dsp_pairs_tail, lstm_nostd_dsp_plain_tail],
};

const PAIRS: Code = Code {
    group: lstm_nostd_dsp_pairs,
    tail: lstm_nostd_dsp_pairs_tail,
    byte_tail: BYTE_TAILS[0],
    call: lstm_nostd_dsp_pairs_group,
    parts: [
        PartCode {
            places: [lstm_nostd_dsp_pairs_x_loop, lstm_nostd_dsp_pairs_x_half],
            test: lstm_nostd_dsp_pairs_x_end,
            bytes: PAIRS_BYTES,
            unroll: THREE,
            before: 1,
            rounding: 1,
            shift_bytes: 8 * 4,
        },
        PartCode::pairs_h(lstm_nostd_dsp_pairs_h_half),
    ],
    #[cfg(feature = "gru")]
    gru: GruCode {
        between: lstm_nostd_dsp_gru_pairs,
        h: PartCode::pairs_h(lstm_nostd_dsp_gru_pairs_half),
    },
    #[cfg(any(feature = "coupled", feature = "gru-before"))]
    stored: PartCode::pairs_h(lstm_nostd_dsp_pairs_h_half_stored),
};

const PLAIN: Code = Code {
    group: lstm_nostd_dsp_plain,
    tail: lstm_nostd_dsp_plain_tail,
    byte_tail: BYTE_TAILS[1],
    call: lstm_nostd_dsp_group,
    parts: [
        PartCode::plain([lstm_nostd_dsp_plain; 2]),
        PartCode::plain([lstm_nostd_dsp_plain_h, lstm_nostd_dsp_sums]),
    ],
    #[cfg(feature = "gru")]
    gru: GruCode {
        between: lstm_nostd_dsp_gru_plain,
        h: PartCode::plain([lstm_nostd_dsp_plain_h, lstm_nostd_dsp_gru_sums]),
    },
    #[cfg(any(feature = "coupled", feature = "gru-before"))]
    stored: PartCode::plain([lstm_nostd_dsp_plain_h, lstm_nostd_dsp_stored]),
};

const NIBBLES: Code = Code {
    group: lstm_nostd_dsp_nibbles,
    tail: lstm_nostd_dsp_nibbles_tail,
    byte_tail: lstm_nostd_dsp_nibbles_tail,
    call: lstm_nostd_dsp_nibbles_group,
    parts: [
        PartCode {
            places: [lstm_nostd_dsp_nibbles_x_loop, lstm_nostd_dsp_nibbles_x_half],
            test: lstm_nostd_dsp_nibbles_x_end,
            bytes: NIBBLES_BYTES,
            unroll: FOUR,
            before: 1,
            rounding: 1,
            shift_bytes: 0,
        },
        PartCode::nibbles_h(lstm_nostd_dsp_nibbles_h_half),
    ],
    #[cfg(feature = "gru")]
    gru: GruCode {
        between: lstm_nostd_dsp_gru_nibbles,
        h: PartCode::nibbles_h(lstm_nostd_dsp_gru_nibbles_half),
    },
    #[cfg(any(feature = "coupled", feature = "gru-before"))]
    stored: PartCode::nibbles_h(lstm_nostd_dsp_nibbles_h_half_stored),
};

const GENERIC_NIBBLES: Code = Code {
    group: lstm_nostd_dsp_generic_nibbles,
    tail: lstm_nostd_dsp_generic_nibbles_tail,
    byte_tail: lstm_nostd_dsp_generic_nibbles_tail,
    call: lstm_nostd_dsp_group,
    parts: [
        PartCode::plain([lstm_nostd_dsp_generic_nibbles; 2]),
        PartCode::plain([lstm_nostd_dsp_generic_nibbles_h, lstm_nostd_dsp_sums]),
    ],
    #[cfg(feature = "gru")]
    gru: GruCode {
        between: lstm_nostd_dsp_gru_generic_nibbles,
        h: PartCode::plain([lstm_nostd_dsp_generic_nibbles_h, lstm_nostd_dsp_gru_sums]),
    },
    #[cfg(any(feature = "coupled", feature = "gru-before"))]
    stored: PartCode::plain([lstm_nostd_dsp_generic_nibbles_h, lstm_nostd_dsp_stored]),
};

/// What the assembly needs to know of a layer. It copies all but the weights to its stack.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Frame {
    pub(super) after: After,
    pub(super) rows: Rows,
    pub(super) weights: *const u8,
}

/// What comes after the sums.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) union After {
    units: Units,
    finish: Finish,
    #[cfg(feature = "gru")]
    pub(super) walk: Walk,
    #[cfg(any(feature = "coupled", feature = "gru-before"))]
    store: Store,
}

/// The elementwise part.
#[derive(Clone, Copy)]
#[repr(C)]
struct Units {
    tables: *const Tables,
    /// Null without peepholes.
    peepholes: *const [i16; 4],
    gates: *const GateParameters,
    cell: *mut i32,
    next: *mut Block,
    round: i32,
    cell_end: *const i32,
    /// i·g is halved m − 1 times, with this added before: (C) without the factor two.
    half: i32,
    shift: u32,
    round_cell: i32,
    squash: i32,
    tail: Place,
    narrow: Narrow,
}

/// How rows are summed.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Rows {
    x: Part,
    pub(super) h: Part,
    scale: u32,
    pub(super) start: Start,
    pub(super) first: Place,
}

/// The input or the recurrent part of a row: the activations, where the loop is entered, where it ends, and where
/// to go on.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Part {
    pub(super) entry: usize,
    /// The test of the loop's end or, of a loop that is gone through once, `exit`.
    next: usize,
    end: *const Block,
    exit: usize,
    start: *const Block,
}

/// What sums of nibbles begin with.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(super) struct Start {
    /// P, low word first.
    pub(super) lanes: [u32; 2],
    nibbles: u32,
}

/// What is widened before a step, to a copy whose part of the layer input has the bytes that the frame has as `h.start`.
#[repr(C)]
struct Widened {
    x: *const Block,
    h: *const Block,
    h_shift: u32,
    /// Of the hidden state's part.
    h_bytes: usize,
}

layout! { "dsp.s", Frame:
    TABLES = after.units.tables,
    PEEPHOLES = after.units.peepholes,
    GATES = after.units.gates,
    CELL = after.units.cell,
    NEXT = after.units.next,
    ROUND = after.units.round,
    CELL_END = after.units.cell_end,
    HALF = after.units.half,
    SHIFT = after.units.shift,
    ROUND_CELL = after.units.round_cell,
    SQUASH = after.units.squash,
    TAIL = after.units.tail,
    NARROW = after.units.narrow,
    X_ENTRY = rows.x.entry,
    X_NEXT = rows.x.next,
    X_END = rows.x.end,
    X_EXIT = rows.x.exit,
    X = rows.x.start,
    H_ENTRY = rows.h.entry,
    H_NEXT = rows.h.next,
    H_END = rows.h.end,
    H_EXIT = rows.h.exit,
    H = rows.h.start,
    SCALE = rows.scale,
    START = rows.start,
    UNIT = rows.first,
    F_WEIGHTS = weights,
}

const _: () = assert!(
    core::mem::offset_of!(Frame, weights) == 29 * 4 && size_of::<Widened>() == 4 * 4,
    "`dsp.s` copies 29 words, `dsp_w8a8.s` loads four"
);

core::arch::global_asm!(
    concat!(
        include_str!("shared.s"),
        include_str!("activation.s"),
        include_str!("dense.s"),
        include_str!("dsp.s"),
        include_str!("dsp_w8a8.s"),
        include_str!("dsp_w4a16.s"),
        include_str!("dsp_gru.s"),
        include_str!("stored.s"),
        include_str!("dsp_stored.s"),
        include_str!("coupled.s")
    ),
    options(raw)
);

unsafe extern "C" {
    fn lstm_nostd_dsp_step(frame: *const Frame);
    fn lstm_nostd_dsp_w8a8_step(frame: *mut Frame, widened: *const Widened);
    /// The first `count` int16 lanes of `to` become those of `from`; both have as many. It keeps the callee-saved registers.
    fn lstm_nostd_dsp_copy(to: *mut Block, from: *const Block, count: usize);
    fn lstm_nostd_dsp_pairs();
    fn lstm_nostd_dsp_pairs_x_loop();
    fn lstm_nostd_dsp_pairs_x_end();
    fn lstm_nostd_dsp_pairs_x_half();
    fn lstm_nostd_dsp_pairs_h_loop();
    fn lstm_nostd_dsp_pairs_h_end();
    fn lstm_nostd_dsp_pairs_h_half();
    fn lstm_nostd_dsp_pairs_tail();
    fn lstm_nostd_dsp_pairs_group();
    fn lstm_nostd_dsp_group();
    fn lstm_nostd_dsp_row();
    fn lstm_nostd_dsp_values();
    fn lstm_nostd_dsp_relu_int16();
    fn lstm_nostd_dsp_relu_int8();
    fn lstm_nostd_dsp_plain();
    fn lstm_nostd_dsp_plain_h();
    fn lstm_nostd_dsp_plain_tail();
    fn lstm_nostd_dsp_w8a8_tail();
    fn lstm_nostd_dsp_w8a8_plain_tail();
    fn lstm_nostd_dsp_nibbles();
    fn lstm_nostd_dsp_nibbles_x_loop();
    fn lstm_nostd_dsp_nibbles_x_end();
    fn lstm_nostd_dsp_nibbles_x_half();
    fn lstm_nostd_dsp_nibbles_h_loop();
    fn lstm_nostd_dsp_nibbles_h_half();
    fn lstm_nostd_dsp_nibbles_tail();
    fn lstm_nostd_dsp_nibbles_group();
    fn lstm_nostd_dsp_nibble_row();
    fn lstm_nostd_dsp_generic_nibbles();
    fn lstm_nostd_dsp_generic_nibbles_h();
    fn lstm_nostd_dsp_generic_nibbles_tail();
    fn lstm_nostd_dsp_sums();
    #[cfg(feature = "gru")]
    fn lstm_nostd_dsp_gru_pairs();
    #[cfg(feature = "gru")]
    fn lstm_nostd_dsp_gru_pairs_half();
    #[cfg(feature = "gru")]
    fn lstm_nostd_dsp_gru_plain();
    #[cfg(feature = "gru")]
    fn lstm_nostd_dsp_gru_sums();
    #[cfg(feature = "gru")]
    fn lstm_nostd_dsp_gru_nibbles();
    #[cfg(feature = "gru")]
    fn lstm_nostd_dsp_gru_nibbles_half();
    #[cfg(feature = "gru")]
    fn lstm_nostd_dsp_gru_generic_nibbles();
    #[cfg(any(feature = "coupled", feature = "gru-before"))]
    fn lstm_nostd_dsp_stored();
    #[cfg(any(feature = "coupled", feature = "gru-before"))]
    fn lstm_nostd_dsp_pairs_h_half_stored();
    #[cfg(any(feature = "coupled", feature = "gru-before"))]
    fn lstm_nostd_dsp_nibbles_h_half_stored();
}

/// Copies a step's hidden state from `next` into `h`. With int8 activations it is there already.
///
/// # Safety
/// `h` and `next` have lanes for `units` values of `width`.
#[inline(always)]
pub(super) unsafe fn bring_back(width: Width, h: &mut [Block], next: &[Block], units: usize) {
    if width == Width::Int16 {
        // SAFETY: the caller says so.
        unsafe { lstm_nostd_dsp_copy(h.as_mut_ptr(), next.as_ptr(), units) }
    }
}

impl Kernels for Dsp {
    const ORDERS: &'static [Order] = &[Order::Paired, Order::PairedNibbles, Order::Generic];

    #[cfg(feature = "sound")]
    #[inline(always)]
    fn fft_stage(points: &mut [fft::Point], turns: &[fft::Turn]) {
        super::fft::stage(points, turns);
    }

    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        let rows = &layer.rows;
        // The parser refuses the orders of other cores.
        let Some(code) = Code::of(&rows.weights) else {
            return;
        };
        if !layer.fits(x, h, cell, next) {
            return;
        }
        let width = rows.width.in_build();
        // The mask changes nothing and shows that shifts are in range.
        let m = layer.cell_int_bits & 15;
        let squash = (1 << 13) << m;
        let cell = cell.as_mut_ptr().cast::<i32>();
        let (next_start, tail, narrow) = match width {
            Width::Int16 => (next.as_mut_ptr(), code.tail, Narrow::default()),
            // What the products read is a copy.
            Width::Int8 => (h.as_mut_ptr(), code.byte_tail, Narrow::new(rows.h_shift)),
        };
        let mut frame = Frame {
            after: After {
                units: Units {
                    tables: &TABLES,
                    peepholes: layer.first_peepholes(),
                    gates: layer.gates.as_ptr(),
                    cell,
                    next: next_start,
                    round: 1 << 14,
                    cell_end: cell.wrapping_add(layer.units()),
                    half: squash >> 15,
                    shift: m.wrapping_sub(1),
                    round_cell: 1 << 15,
                    squash,
                    tail,
                    narrow,
                },
            },
            rows: Rows::new(rows, code.parts(), code.group, x, h),
            weights: rows.weights.start(),
        };
        // SAFETY: `fits` holds: for each of the H units the assembly reads a row of blocks, its gate
        // parameters and, unless the pointer is null, its peepholes; of `x` and `h` it reads the blocks
        // that hold I and H lanes; it writes H lanes of `cell` and `next` or, once they were copied, of `h`. It
        // ends after H ≥ 1 units. Segments are in range as the clamped argument is below 2¹⁵.
        unsafe { frame.run(rows, x, h) }
        // SAFETY: `fits` holds: `h` and `next` have H lanes.
        unsafe { bring_back(width, h, next, layer.units()) }
    }

    #[cfg(feature = "gru")]
    fn gru_step(
        layer: &GruParameters<'_>,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        dsp_gru::step(layer, x, h, cell, next);
    }

    #[cfg(any(feature = "coupled", feature = "gru-before"))]
    #[inline(always)]
    fn group_sums(
        rows: &RecurrentRows<'_>,
        x: &[Block],
        h: &[Block],
    ) -> impl FnMut(usize, &mut [I32x4]) {
        let frame = Code::of(&rows.weights).map(|code| Frame {
            after: After {
                store: Store::new(&mut []),
            },
            rows: Rows::new(rows, [&code.parts[0], &code.stored], code.group, x, h),
            weights: rows.weights.start(),
        });
        Groups::new(rows, x, h).sums(frame, |frame, store, weights| {
            let mut copy;
            let frame = match rows.width.in_build() {
                Width::Int16 => frame,
                Width::Int8 => {
                    copy = *frame;
                    &mut copy
                }
            };
            frame.after.store = store;
            frame.weights = weights;
            // SAFETY: `x` has the inputs, of which there is at least one, `h` the hidden state, and as many groups as there
            // are sums, at least one, lie from `weights` on. The assembly stores the sums of these and ends.
            unsafe { frame.run(rows, x, h) }
        })
    }

    #[cfg(feature = "coupled")]
    #[inline(always)]
    fn coupled_units<A: Activation>(batch: CoupledBatch<'_, A>) {
        super::coupled::units(batch);
    }

    // One copy of it is enough for hidden and output layers.
    #[inline(never)]
    fn dense(layer: &DenseParameters<'_>, x: &[Block], y: &mut DenseOutputs<'_>) {
        let (code, row): (_, Place) = match (&layer.groups, layer.weights) {
            (Weights::Paired(_) | Weights::Generic(_), DenseWeights::Int8(_)) => {
                (&PAIRS, lstm_nostd_dsp_row)
            }
            (Weights::PairedNibbles(_) | Weights::Nibbles(_), DenseWeights::Nibbles(_))
                if cfg!(feature = "w4a16") =>
            {
                (&NIBBLES, lstm_nostd_dsp_nibble_row)
            }
            _ => return,
        };
        // Rows in no group read whole blocks, so the others do too.
        let rows = RecurrentRows {
            inputs: blocks(layer.inputs).wrapping_mul(4),
            ..layer.group_rows()
        };
        let places = Places {
            group: code.group,
            row,
            stores: [
                lstm_nostd_dsp_values,
                lstm_nostd_dsp_relu_int16,
                lstm_nostd_dsp_relu_int8,
            ],
        };
        let Some((finish, start)) = finish(layer, x, y, &places) else {
            return;
        };
        let after = After { finish };
        let mut frame = Frame {
            after,
            rows: Rows::new(&rows, code.parts(), code.group, x, &[]),
            weights: start.weights,
        };
        frame.rows.first = start.first;
        frame.rows.h.entry = code.call as usize;
        // SAFETY: as `finish` says; there is no hidden state.
        unsafe { frame.run(&rows, x, &[]) }
    }
}

impl Code {
    /// For weights of an order that this core reads.
    #[inline(always)]
    pub(super) fn of(weights: &Weights<'_>) -> Option<&'static Self> {
        Some(match weights {
            Weights::Paired(_) => &PAIRS,
            Weights::Generic(_) => &PLAIN,
            Weights::PairedNibbles(_) if cfg!(feature = "w4a16") => &NIBBLES,
            Weights::Nibbles(_) if cfg!(feature = "w4a16") => &GENERIC_NIBBLES,
            _ => return None,
        })
    }

    const fn parts(&self) -> [&PartCode; 2] {
        [&self.parts[0], &self.parts[1]]
    }
}

impl Frame {
    /// A step: the sums of all groups, and what comes after them. With int8 activations the frame is of no more use
    /// after it, since the assembly changes distances to addresses.
    ///
    /// # Safety
    /// The frame was made from `rows`, `x` and `h`, and these are as long as `rows` says, which has at least one
    /// input. What comes after the sums ends the step.
    #[inline(always)]
    pub(super) unsafe fn run(&mut self, rows: &RecurrentRows<'_>, x: &[Block], h: &[Block]) {
        match rows.width.in_build() {
            // SAFETY: as above. The assembly keeps the callee-saved registers. Its stack is 160 bytes.
            Width::Int16 => unsafe { lstm_nostd_dsp_step(self) },
            Width::Int8 => {
                let widened = Widened {
                    x: x.as_ptr(),
                    h: h.as_ptr(),
                    h_shift: rows.h_shift & 31,
                    h_bytes: blocks(rows.outputs).wrapping_mul(size_of::<Block>()),
                };
                // SAFETY: the blocks of `x` and `h` have int8 lanes, and what the frame leads to is a copy of them,
                // which the assembly puts on its stack before. Its stack is 192 bytes and the copy.
                unsafe { lstm_nostd_dsp_w8a8_step(self, &widened) }
            }
        }
    }
}

impl Rows {
    #[inline(never)]
    pub(super) fn new(
        rows: &RecurrentRows<'_>,
        [x_code, h_code]: [&PartCode; 2],
        group: Place,
        x: &[Block],
        h: &[Block],
    ) -> Self {
        let [x_start, h_start] = match rows.width.in_build() {
            Width::Int16 => [x.as_ptr(), h.as_ptr()],
            // Distances from the copy
            Width::Int8 => [
                ptr::null(),
                ptr::null::<Block>().wrapping_add(blocks(rows.inputs)),
            ],
        };
        let no_shift = match rows.x_shift {
            0 => x_code.shift_bytes,
            _ => 0,
        };
        let start = match rows.weights {
            Weights::PairedNibbles(_) | Weights::Nibbles(_) if cfg!(feature = "w4a16") => {
                Start::new(rows, x, h)
            }
            _ => Start::default(),
        };
        Self {
            x: Part::new(x_start, rows.inputs, x_code, no_shift),
            h: Part::new(h_start, rows.outputs, h_code, 0),
            scale: 1 << (rows.x_shift & 31),
            start,
            first: group,
        }
    }

    /// What sums of int4 weights with the layer input lack when they begin as those with both parts do.
    #[cfg(feature = "gru")]
    #[inline(always)]
    pub(super) fn offset_of_input(&self, rows: &RecurrentRows<'_>, x: &[Block]) -> u32 {
        match rows.weights {
            Weights::PairedNibbles(_) | Weights::Nibbles(_) if cfg!(feature = "w4a16") => {
                let rows = RecurrentRows {
                    outputs: 0,
                    ..*rows
                };
                let of_input = Start::new(&rows, x, &[]);
                of_input.nibbles.wrapping_sub(self.start.nibbles)
            }
            _ => 0,
        }
    }
}

impl PartCode {
    /// Of [`Order::Paired`], the hidden state; `half` is the half block and what follows it.
    const fn pairs_h(half: Place) -> Self {
        Self {
            places: [lstm_nostd_dsp_pairs_h_loop, half],
            test: lstm_nostd_dsp_pairs_h_end,
            bytes: PAIRS_BYTES,
            unroll: SIXTEEN,
            before: 0,
            rounding: 1,
            shift_bytes: 0,
        }
    }

    /// The same of [`Order::PairedNibbles`].
    const fn nibbles_h(half: Place) -> Self {
        Self {
            places: [lstm_nostd_dsp_nibbles_h_loop, half],
            test: lstm_nostd_dsp_nibbles_h_loop,
            bytes: NIBBLES_BYTES,
            unroll: EIGHT,
            before: 0,
            rounding: 1,
            shift_bytes: 0,
        }
    }

    /// Of the generic orders, whose loops have whole blocks, are not unrolled, and follow one another.
    const fn plain(places: [Place; 2]) -> Self {
        Self {
            places,
            test: places[0],
            bytes: [0; 2],
            unroll: NonZeroUsize::MIN,
            before: 0,
            rounding: 3,
            shift_bytes: 0,
        }
    }

    fn past_half_block(&self) -> usize {
        (self.places[1] as usize).wrapping_add(self.bytes[1])
    }
}

impl Part {
    /// Without a half block, `skipped_bytes` behind it are left out, too.
    // Twice as much code saves no more than a few instructions a step.
    #[inline(never)]
    fn new(start: *const Block, len: usize, code: &PartCode, skipped_bytes: usize) -> Self {
        // Lengths are 16 bits wide.
        let all = len.wrapping_add(3) / 4;
        let whole = (len.wrapping_add(code.rounding) / 4).max(code.before);
        let left = whole.wrapping_sub(code.before);
        let unroll = code.unroll.get();
        // With nothing left, the loop is entered at its end.
        let turns = (left.wrapping_add(unroll.wrapping_sub(1)) / code.unroll).max(1);
        let skipped = turns.wrapping_mul(unroll).wrapping_sub(left);
        let exit = if all > whole {
            code.places[1] as usize
        } else {
            code.past_half_block().wrapping_add(skipped_bytes)
        };
        Self {
            entry: (code.places[0] as usize).wrapping_add(skipped.wrapping_mul(code.bytes[0])),
            next: match turns {
                1 => exit,
                _ => code.test as usize,
            },
            end: start.wrapping_add(whole),
            exit,
            start,
        }
    }
}

impl Start {
    /// For the activations that the assembly reads: a half block has two, and the generic order none.
    fn new(rows: &RecurrentRows<'_>, x: &[Block], h: &[Block]) -> Self {
        let has_half_blocks = matches!(rows.weights, Weights::PairedNibbles(_));
        // Two lanes are one word. Never wraps, for layers have fewer than 2¹⁶ inputs and units.
        let word = |sum: i32, word: i32| {
            sum.wrapping_add((word as i16).into())
                .wrapping_add(word >> 16)
        };
        let sum = |activations: &[Block], len: usize, before: usize| {
            let all = blocks(len);
            let whole = if has_half_blocks {
                whole_blocks(len).max(before)
            } else {
                all
            };
            let part = |range: Range<usize>| activations.get(range).unwrap_or_default().iter();
            let words = cast::<Block, [i32; 2]>;
            let sum = part(0..whole).fold(0, |sum, block| {
                let [a, b] = words(*block);
                word(word(sum, a), b)
            });
            // The first two lanes of the half block, if there is one.
            i64::from(part(whole..all).fold(sum, |sum, block| word(sum, words(*block)[0])))
        };
        // The first block of the layer input is a whole one.
        let of_inputs = sum(x, rows.inputs, 1) << (rows.x_shift & 31);
        let sum = of_inputs.wrapping_add(sum(h, rows.outputs, 0));
        let lanes = sum.wrapping_mul(-2184);
        Self {
            lanes: [lanes as u32, (lanes >> 32) as u32],
            nibbles: sum.wrapping_mul(-8) as u32,
        }
    }
}

/// Blocks that are not left to a half block.
const fn whole_blocks(len: usize) -> usize {
    len.wrapping_add(1) / 4
}
