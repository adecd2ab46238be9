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
//! Tails: a part of a row with 1 or 2 inputs more than whole blocks ends with a half block. Loops are
//! entered in their middle, so that their ends are tested once in 4 or 16 blocks.
#![allow(unsafe_code)]

use super::dense::{Job, Sums, dense};
use super::layout::layout;
use super::{HAS_OTHER_SCHEMES, copy_blocks, products};
use crate::activation::{TABLES, Tables};
use crate::kernels::{
    Block, DenseOutputs, DenseParameters, GateParameters, I32x4, Kernels, LstmParameters, Order,
    Weights, Width, blocks,
};

/// The kernels of this file.
#[derive(Clone, Copy, Debug)]
pub struct Dsp;

/// Bytes of instructions of a block, of a half block and of the shift by `k` in `dsp.s`.
const BLOCK_BYTES: usize = 14 * 4;
const HALF_BLOCK_BYTES: usize = 8 * 4;
const SHIFT_BYTES: usize = 7 * 4;
/// Blocks in the loops over inputs and hidden state.
const INPUT_UNROLL: usize = 4;
const HIDDEN_UNROLL: usize = 16;

/// What the assembly needs to know of a layer.
#[repr(C)]
struct Frame {
    /// Blocks of sixteen bytes in either order.
    weights: *const [u8; 16],
    kept: Kept,
}

/// What the assembly copies to its stack.
#[repr(C)]
struct Kept {
    /// Null without peepholes.
    peepholes: *const [i16; 4],
    gates: *const GateParameters,
    cell: *mut i32,
    next: *mut i16,
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
    /// 1 for weights in the generic order, else 0.
    is_plain: u32,
}

/// The input or the recurrent part of a row: the activations, where the loop is entered (bytes from its
/// start), where it ends, and where to go on (bytes past it).
#[repr(C)]
struct Part {
    start: *const Block,
    entry: usize,
    end: *const Block,
    exit: usize,
}

layout! { "dsp.s", Kept:
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
    UNIT = is_plain,
}

const _: () = assert!(
    core::mem::offset_of!(Frame, kept) == 4 && size_of::<Kept>() == 20 * 4,
    "`dsp.s` copies the twenty words after the first one"
);

core::arch::global_asm!(
    concat!(
        include_str!("shared.s"),
        include_str!("dense.s"),
        include_str!("activation.s"),
        include_str!("dsp.s")
    ),
    options(raw)
);

unsafe extern "C" {
    fn lstm_nostd_dsp_step(frame: *const Frame);
    fn lstm_nostd_dsp_dense(job: *const Job);
}

impl Kernels for Dsp {
    const ORDERS: &'static [Order] = &[Order::Paired, Order::Generic];

    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        let (weights, is_plain) = match (layer.rows.weights, layer.rows.width) {
            (Weights::Paired(weights), Width::Int16) => (weights.as_ptr().cast(), false),
            (Weights::Generic(weights), Width::Int16) => (weights.as_ptr().cast(), true),
            _ if HAS_OTHER_SCHEMES => return products::step(layer, x, h, cell, next),
            // The parser refuses the orders of other cores.
            _ => return,
        };
        if !layer.fits(x, h, cell, next) {
            return;
        }
        let cell = cell.as_mut_ptr().cast::<i32>();
        let m = layer.cell_int_bits;
        let mut kept = Kept {
            peepholes: layer.first_peepholes(),
            gates: layer.gates.as_ptr(),
            cell,
            next: next.as_mut_ptr().cast(),
            x: Part::new(x, layer.rows.inputs, 1, INPUT_UNROLL, is_plain),
            h: Part::new(h, layer.rows.outputs, 0, HIDDEN_UNROLL, is_plain),
            scale: 1 << (layer.rows.x_shift & 31),
            cell_end: cell.wrapping_add(layer.units()),
            half: (1 << m.clamp(1, 15)) >> 2,
            shift: m.clamp(1, 15) - 1,
            round_cell: 1 << 15,
            squash: 1 << (13 + m.clamp(1, 15)),
            tables: &TABLES,
            is_plain: is_plain.into(),
        };
        if layer.rows.x_shift == 0 && kept.x.exit == HALF_BLOCK_BYTES {
            kept.x.exit += SHIFT_BYTES;
        }
        let frame = Frame { weights, kept };
        // SAFETY: `fits` holds: for each of the H units the assembly reads a row of blocks, its gate
        // parameters and, unless the pointer is null, its peepholes; of `x` and `h` it reads the blocks
        // that hold I and H lanes; it writes H lanes of `cell` and `next`. It ends after H ≥ 1 units, keeps
        // the callee-saved registers, and needs no more than 120 bytes of stack. Segments are in range as
        // the clamped argument is below 2¹⁵.
        unsafe { lstm_nostd_dsp_step(&frame) }
        copy_blocks(h, next, layer.rows.outputs);
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

impl Part {
    /// `done` blocks of the part are summed before the loop begins. The generic order is `plain`: its loop
    /// has whole blocks, and is entered at its start.
    // Twice as much code saves no more than a few instructions a step.
    #[inline(never)]
    fn new(activations: &[Block], len: usize, done: usize, unroll: usize, plain: bool) -> Self {
        let whole = if plain {
            blocks(len)
        } else {
            whole_blocks(len)
        }
        .max(done);
        let left = whole - done;
        // With nothing left, the loop is entered at the test of its end.
        let skipped = if left == 0 {
            unroll
        } else {
            (unroll - left % unroll) % unroll
        };
        Self {
            start: activations.as_ptr(),
            entry: skipped * BLOCK_BYTES,
            end: activations.as_ptr().wrapping_add(whole),
            exit: if blocks(len) > whole {
                0
            } else {
                HALF_BLOCK_BYTES
            },
        }
    }
}

/// Blocks that are not left to a half block.
const fn whole_blocks(len: usize) -> usize {
    len.wrapping_add(1) / 4
}
