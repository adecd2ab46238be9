//! M0 and M0+: words of four weights, `muls` and `add`; the elementwise part in plain Rust.
//!
//! Words and activations are those of (Y1) to (Y3) in `v7m.rs`. A word of [`Order::Offset`], shifted right
//! by 24, 16, 8 and 0, is multiplied with four activations y, which are computed once a step for all rows. A
//! block of sixteen products takes 49 instructions: five loads and moves, and for each of four words three
//! shifts, four products and four sums, which live in the high registers. Weights in [`Order::Generic`] get
//! their offsets from one exclusive or for each word: 55 instructions. Rescaling uses 32-bit products only,
//! see `requant`.
#![allow(unsafe_code)]

use super::dense::{Job, Sums, dense};
use super::layout::layout;
use super::unit::{Shifts, advance};
use super::{HAS_OTHER_SCHEMES, copy_blocks, products};
use crate::kernels::{
    Block, DenseOutputs, DenseParameters, GateParameters, I32x4, Kernels, LstmParameters, Order,
    RowBlock, Weights, Width, blocks,
};

/// The kernels of this file.
#[derive(Clone, Copy, Debug)]
pub struct V6m;

/// What the assembly needs to know of a layer.
#[repr(C)]
struct Frame {
    /// First and past the last block.
    x: [*const Block; 2],
    h: [*const Block; 2],
    x_shift: u32,
    /// What turns the weights' words into words with offsets.
    offsets: u32,
    /// Bytes of all y.
    y_bytes: usize,
    weights: *const RowBlock,
    unit: unsafe extern "C" fn(i32, i32, i32, i32, &mut Units) -> bool,
    units: Units,
}

/// What the elementwise part walks through.
#[repr(C)]
struct Units {
    gates: *const GateParameters,
    /// Null without peepholes.
    peepholes: *const [i16; 4],
    cell: *mut i32,
    next: *mut i16,
    /// Units that are left.
    left: usize,
    shifts: Shifts,
}

layout! { "v6m.s", Frame:
    F_X = x,
    F_H = h,
    F_X_SHIFT = x_shift,
    F_OFFSETS = offsets,
    F_Y_BYTES = y_bytes,
    F_WEIGHTS = weights,
    F_UNIT = unit,
    F_UNITS = units,
}

core::arch::global_asm!(
    concat!(
        include_str!("shared.s"),
        include_str!("dense.s"),
        include_str!("v6m.s")
    ),
    options(raw)
);

unsafe extern "C" {
    fn lstm_nostd_v6m_step(frame: *mut Frame);
    fn lstm_nostd_v6m_dense(job: *const Job);
}

impl Kernels for V6m {
    const ORDERS: &'static [Order] = &[Order::Offset, Order::Generic];

    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        let (weights, offsets) = match (layer.rows.weights, layer.rows.width) {
            (Weights::Offset(weights), Width::Int16) => (weights, 0),
            (Weights::Generic(weights), Width::Int16) => (weights, 0x0080_8080),
            _ if HAS_OTHER_SCHEMES => return products::step(layer, x, h, cell, next),
            // The parser refuses the orders of other cores.
            _ => return,
        };
        if !layer.fits(x, h, cell, next) {
            return;
        }
        let (x_blocks, h_blocks) = (blocks(layer.rows.inputs), blocks(layer.rows.outputs));
        let mut frame = Frame {
            x: [x.as_ptr(), x.as_ptr().wrapping_add(x_blocks)],
            h: [h.as_ptr(), h.as_ptr().wrapping_add(h_blocks)],
            x_shift: layer.rows.x_shift & 31,
            offsets,
            y_bytes: (x_blocks + h_blocks) * size_of::<I32x4>(),
            weights: weights.as_ptr(),
            unit: next_unit,
            units: Units {
                gates: layer.gates.as_ptr(),
                peepholes: layer.first_peepholes(),
                cell: cell.as_mut_ptr().cast(),
                next: next.as_mut_ptr().cast(),
                left: layer.units(),
                shifts: Shifts::new(layer.cell_int_bits),
            },
        };
        // SAFETY: `fits` holds: for each of the H units the assembly reads a row of blocks, and of `x` and
        // `h` the blocks that hold I and H lanes; then it calls `unit`, whose pointers lead to H gate
        // parameters, peepholes, cells and lanes. It ends when `unit` returns false, after H ≥ 1 calls,
        // and keeps the callee-saved registers. Its stack is 72 bytes and four for each activation.
        unsafe { lstm_nostd_v6m_step(&mut frame) }
        copy_blocks(h, next, layer.rows.outputs);
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

/// (B) to (D) for the next unit, whose sums of products are given; whether another one is left.
///
/// # Safety
/// The pointers lead to `left` elements, at least one; null peepholes are allowed.
unsafe extern "C" fn next_unit(i: i32, f: i32, g: i32, o: i32, units: &mut Units) -> bool {
    let mut peephole = [0; 4];
    // SAFETY: the caller's promise; each pointer moves on by one element with `left`.
    let (gate, c, h) = unsafe {
        if !units.peepholes.is_null() {
            peephole = *units.peepholes;
            units.peepholes = units.peepholes.add(1);
        }
        let (gate, c, h) = (units.gates, units.cell, units.next);
        (units.gates, units.cell, units.next) = (gate.add(1), c.add(1), h.add(1));
        (&*gate, &mut *c, &mut *h)
    };
    *h = advance(&units.shifts, gate, peephole, &[i, f, g, o], c);
    units.left = units.left.wrapping_sub(1);
    units.left > 0
}
