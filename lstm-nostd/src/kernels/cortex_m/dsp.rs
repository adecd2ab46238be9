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
//! entered in their middle, so that their ends are tested once in 4, 8 or 16 blocks.
#![allow(unsafe_code)]

use core::ops::Range;
use core::ptr;

use bytemuck::cast;

use super::dense::{Job, Sums, dense};
use super::layout::layout;
use super::narrow::Narrow;
use super::{Place, copy_blocks, fours};
use crate::activation::{TABLES, Tables};
use crate::kernels::{
    Block, DenseOutputs, DenseParameters, GateParameters, I32x4, Kernels, LstmParameters, Order,
    RecurrentRows, Weights, Width, blocks,
};

/// The kernels of this file.
#[derive(Clone, Copy, Debug)]
pub struct Dsp;

/// The code for the rows of a unit in one order of weights.
struct Code {
    /// Where a unit begins and ends.
    unit: Place,
    tail: Place,
    /// The parts of a row, layer input and hidden state.
    parts: [PartCode; 2],
}

/// The code for a part of a row.
struct PartCode {
    /// The loop over blocks, and the half block behind it.
    places: [Place; 2],
    /// Bytes of instructions of a block and of a half block.
    bytes: [usize; 2],
    /// Blocks in the loop.
    unroll: usize,
    /// Blocks before the loop.
    before: usize,
    /// Bytes of the shift by `k` behind the half block, if it may be left out.
    shift_bytes: usize,
}

const PAIRS_BYTES: [usize; 2] = [14 * 4, 8 * 4];
const NIBBLES_BYTES: [usize; 2] = [16 * 4, 9 * 4];

const PAIRS: Code = Code {
    unit: lstm_nostd_dsp_pairs,
    tail: lstm_nostd_dsp_pairs_tail,
    parts: [
        PartCode {
            places: [lstm_nostd_dsp_pairs_x_loop, lstm_nostd_dsp_pairs_x_half],
            bytes: PAIRS_BYTES,
            unroll: 4,
            before: 1,
            shift_bytes: 7 * 4,
        },
        PartCode {
            places: [lstm_nostd_dsp_pairs_h_loop, lstm_nostd_dsp_pairs_h_half],
            bytes: PAIRS_BYTES,
            unroll: 16,
            before: 0,
            shift_bytes: 0,
        },
    ],
};

const PLAIN: Code = Code {
    unit: lstm_nostd_dsp_plain,
    tail: lstm_nostd_dsp_plain_tail,
    parts: [const { PartCode::plain(lstm_nostd_dsp_plain) }; 2],
};

const NIBBLES: Code = Code {
    unit: lstm_nostd_dsp_nibbles,
    tail: lstm_nostd_dsp_nibbles_tail,
    parts: [
        PartCode {
            places: [lstm_nostd_dsp_nibbles_x_loop, lstm_nostd_dsp_nibbles_x_half],
            bytes: NIBBLES_BYTES,
            unroll: 4,
            before: 0,
            shift_bytes: 0,
        },
        PartCode {
            places: [lstm_nostd_dsp_nibbles_h_loop, lstm_nostd_dsp_nibbles_h_half],
            bytes: NIBBLES_BYTES,
            unroll: 8,
            before: 0,
            shift_bytes: 0,
        },
    ],
};

const GENERIC_NIBBLES: Code = Code {
    unit: lstm_nostd_dsp_generic_nibbles,
    tail: lstm_nostd_dsp_generic_nibbles_tail,
    parts: [const { PartCode::plain(lstm_nostd_dsp_generic_nibbles) }; 2],
};

/// What the assembly needs to know of a layer. It copies all but the weights to its stack.
#[repr(C)]
struct Frame {
    /// Null without peepholes.
    peepholes: *const [i16; 4],
    gates: *const GateParameters,
    cell: *mut i32,
    next: *mut Block,
    x: Part,
    h: Part,
    scale: u32,
    cell_end: *const i32,
    /// i·g is halved m − 1 times, with this added before: (C) without the factor two.
    half: i32,
    shift: u32,
    round_cell: i32,
    squash: i32,
    tables: *const Tables,
    unit: Place,
    tail: Place,
    narrow: Narrow,
    start: Start,
    weights: *const u8,
}

/// The input or the recurrent part of a row: the activations, where the loop is entered, where it ends, and where
/// to go on.
#[repr(C)]
struct Part {
    start: *const Block,
    entry: usize,
    end: *const Block,
    exit: usize,
}

/// What sums of nibbles begin with.
#[derive(Default)]
#[repr(C)]
struct Start {
    /// P, low word first.
    lanes: [u32; 2],
    nibbles: u32,
}

/// What is widened before a step, first and past the last byte, and to how many bytes.
#[repr(C)]
struct Widened {
    x: [*const u8; 2],
    h: [*const u8; 2],
    h_shift: u32,
    bytes: usize,
}

layout! { "dsp.s", Frame:
    PEEPHOLES = peepholes,
    GATES = gates,
    CELL = cell,
    NEXT = next,
    X = x.start,
    X_ENTRY = x.entry,
    X_END = x.end,
    X_EXIT = x.exit,
    H = h.start,
    H_ENTRY = h.entry,
    H_END = h.end,
    H_EXIT = h.exit,
    SCALE = scale,
    CELL_END = cell_end,
    HALF = half,
    SHIFT = shift,
    ROUND_CELL = round_cell,
    SQUASH = squash,
    TABLES = tables,
    UNIT = unit,
    TAIL = tail,
    NARROW = narrow,
    START = start,
    F_WEIGHTS = weights,
}

const _: () = assert!(
    core::mem::offset_of!(Frame, weights) == 26 * 4 && size_of::<Widened>() == 6 * 4,
    "`dsp.s` copies 26 words, `dsp_w8a8.s` loads six"
);

core::arch::global_asm!(
    concat!(
        include_str!("shared.s"),
        include_str!("dense.s"),
        include_str!("activation.s"),
        include_str!("dsp.s"),
        include_str!("dsp_w8a8.s"),
        include_str!("dsp_w4a16.s")
    ),
    options(raw)
);

unsafe extern "C" {
    fn lstm_nostd_dsp_step(frame: *const Frame);
    fn lstm_nostd_dsp_dense(job: *const Job);
    fn lstm_nostd_dsp_w8a8_step(frame: *mut Frame, widened: *const Widened);
    fn lstm_nostd_dsp_pairs();
    fn lstm_nostd_dsp_pairs_x_loop();
    fn lstm_nostd_dsp_pairs_x_half();
    fn lstm_nostd_dsp_pairs_h_loop();
    fn lstm_nostd_dsp_pairs_h_half();
    fn lstm_nostd_dsp_pairs_tail();
    fn lstm_nostd_dsp_plain();
    fn lstm_nostd_dsp_plain_tail();
    fn lstm_nostd_dsp_w8a8_tail();
    fn lstm_nostd_dsp_nibbles();
    fn lstm_nostd_dsp_nibbles_x_loop();
    fn lstm_nostd_dsp_nibbles_x_half();
    fn lstm_nostd_dsp_nibbles_h_loop();
    fn lstm_nostd_dsp_nibbles_h_half();
    fn lstm_nostd_dsp_nibbles_tail();
    fn lstm_nostd_dsp_generic_nibbles();
    fn lstm_nostd_dsp_generic_nibbles_tail();
}

impl Kernels for Dsp {
    const ORDERS: &'static [Order] = &[Order::Paired, Order::PairedNibbles, Order::Generic];

    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        if !layer.fits(x, h, cell, next) {
            return;
        }
        let rows = &layer.rows;
        let (weights, code) = match rows.weights {
            Weights::Paired(weights) => (weights.as_ptr().cast(), &PAIRS),
            Weights::Generic(weights) => (weights.as_ptr().cast(), &PLAIN),
            Weights::PairedNibbles(weights) if cfg!(feature = "w4a16") => {
                (weights.as_ptr().cast(), &NIBBLES)
            }
            Weights::Nibbles(weights) if cfg!(feature = "w4a16") => {
                (weights.as_ptr().cast(), &GENERIC_NIBBLES)
            }
            // The parser refuses the orders of other cores.
            _ => return,
        };
        let of_layer = (weights, code);
        if rows.width.in_build() == Width::Int8 {
            // Distances from the copy.
            let x_copy = ptr::null::<Block>();
            let starts = [x_copy, x_copy.wrapping_add(blocks(rows.inputs))];
            let mut frame = Frame::new(layer, of_layer, starts, h, cell);
            frame.tail = lstm_nostd_dsp_w8a8_tail;
            let widened = Widened {
                x: fours(x.as_ptr(), rows.inputs, Width::Int8),
                h: fours(h.as_ptr(), rows.outputs, Width::Int8),
                h_shift: rows.h_shift & 31,
                bytes: blocks(rows.inputs)
                    .wrapping_add(blocks(rows.outputs))
                    .wrapping_mul(size_of::<Block>()),
            };
            // SAFETY: as below, but the blocks of `x` and `h` have int8 lanes, and what the frame leads to is a
            // copy of them, which the assembly puts on its stack before. It writes H lanes of `h` after that. Its
            // stack is 176 bytes and the copy.
            return unsafe { lstm_nostd_dsp_w8a8_step(&mut frame, &widened) };
        }
        let mut frame = Frame::new(layer, of_layer, [x.as_ptr(), h.as_ptr()], next, cell);
        if let Weights::PairedNibbles(_) | Weights::Nibbles(_) = rows.weights {
            frame.start = Start::new(rows, x, h);
        }
        // SAFETY: `fits` holds: for each of the H units the assembly reads a row of blocks, its gate
        // parameters and, unless the pointer is null, its peepholes; of `x` and `h` it reads the blocks
        // that hold I and H lanes; it writes H lanes of `cell` and `next`. It ends after H ≥ 1 units, keeps
        // the callee-saved registers, and needs no more than 144 bytes of stack. Segments are in range as
        // the clamped argument is below 2¹⁵.
        unsafe { lstm_nostd_dsp_step(&frame) }
        copy_blocks(h, next, rows.outputs);
    }

    // One copy of it is enough for hidden and output layers.
    #[inline(never)]
    fn dense(layer: &DenseParameters<'_>, x: &[Block], y: &mut DenseOutputs<'_>) {
        dense(layer, x, y, |groups| match (groups, layer.width) {
            (Weights::Paired(weights), Width::Int16) => {
                Some((weights.as_ptr().cast(), lstm_nostd_dsp_dense as Sums))
            }
            _ => None,
        });
    }
}

impl Frame {
    /// `starts` are those of the layer input and of the hidden state.
    #[inline(never)]
    fn new(
        layer: &LstmParameters<'_>,
        (weights, code): (*const u8, &Code),
        [x, h]: [*const Block; 2],
        next: &mut [Block],
        cell: &mut [I32x4],
    ) -> Self {
        let rows = &layer.rows;
        let cell = cell.as_mut_ptr().cast::<i32>();
        let m = layer.cell_int_bits.clamp(1, 15);
        let [x_code, h_code] = &code.parts;
        let mut x = Part::new(x, rows.inputs, x_code);
        if rows.x_shift == 0 && x.exit == x_code.past_half_block() {
            x.exit = x.exit.wrapping_add(x_code.shift_bytes);
        }
        Self {
            peepholes: layer.first_peepholes(),
            gates: layer.gates.as_ptr(),
            cell,
            next: next.as_mut_ptr(),
            x,
            h: Part::new(h, rows.outputs, h_code),
            scale: 1 << (rows.x_shift & 31),
            cell_end: cell.wrapping_add(layer.units()),
            half: (1 << m) >> 2,
            shift: m - 1,
            round_cell: 1 << 15,
            squash: 1 << (13 + m),
            tables: &TABLES,
            unit: code.unit,
            tail: code.tail,
            narrow: Narrow::new(rows.h_shift),
            start: Start::default(),
            weights,
        }
    }
}

impl PartCode {
    /// Of the generic orders, whose loops have whole blocks, are not unrolled, and follow one another.
    const fn plain(unit: Place) -> Self {
        Self {
            places: [unit; 2],
            bytes: [0; 2],
            unroll: 1,
            before: 0,
            shift_bytes: 0,
        }
    }

    const fn is_plain(&self) -> bool {
        self.bytes[0] == 0
    }

    fn past_half_block(&self) -> usize {
        (self.places[1] as usize).wrapping_add(self.bytes[1])
    }
}

impl Part {
    // Twice as much code saves no more than a few instructions a step.
    #[inline(never)]
    fn new(start: *const Block, len: usize, code: &PartCode) -> Self {
        let all = blocks(len);
        let whole = if code.is_plain() {
            all
        } else {
            whole_blocks(len).max(code.before)
        };
        let left = whole.wrapping_sub(code.before);
        // With nothing left, the loop is entered at the test of its end.
        let skipped = if left == 0 {
            code.unroll
        } else {
            left.wrapping_neg() & code.unroll.wrapping_sub(1)
        };
        Self {
            start,
            entry: (code.places[0] as usize).wrapping_add(skipped.wrapping_mul(code.bytes[0])),
            end: start.wrapping_add(whole),
            exit: if all > whole {
                code.places[1] as usize
            } else {
                code.past_half_block()
            },
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
        let sum = |activations: &[Block], len: usize| {
            let all = blocks(len);
            let whole = if has_half_blocks {
                whole_blocks(len)
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
        let sum = (sum(x, rows.inputs) << (rows.x_shift & 31)).wrapping_add(sum(h, rows.outputs));
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
