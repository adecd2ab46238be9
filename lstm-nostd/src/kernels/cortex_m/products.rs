//! w8a8 and w4a16 where a core has no assembly for the whole step: assembly sums the products of a unit,
//! plain Rust does the rest. M55 has whole steps.
//!
//! Both read [`Order::Generic`](crate::kernels::Order::Generic). With the DSP extension a block of sixteen products
//! takes 20 instructions in w8a8 (`sxtb16` splits weights and activations alike, `smlad` sums two products)
//! and 18 in w4a16 (`and` and `smlad`); on M3 36 (`ldrsb`, `mla`) and 37 (`ubfx`, `mla`); on M0 60 and 68.
//! Nibbles come as w + 8. Sums therefore begin with −8·Σx instead of 0; that is computed once a step, and is
//! exact modulo 2³².
//!
//! M3 and larger cores enter the loops in their middle, so that they test the end once in four blocks.
#![allow(unsafe_code)]

use super::layout::layout;
use super::unit::{Shifts, advance};
use crate::kernels::scalar::Scalar;
use crate::kernels::{
    Activation, Block, I32x4, Kernels, LstmParameters, Weights, Width, blocks, copy, lanes_mut,
    quads,
};
use crate::requant::round_shift;

#[cfg(lstm_kernels = "dsp")]
core::arch::global_asm!(
    concat!(include_str!("job.s"), include_str!("dsp_products.s")),
    options(raw)
);
#[cfg(lstm_kernels = "v7m")]
core::arch::global_asm!(
    concat!(include_str!("job.s"), include_str!("v7m_products.s")),
    options(raw)
);
#[cfg(lstm_kernels = "v6m")]
core::arch::global_asm!(
    concat!(include_str!("job.s"), include_str!("v6m_products.s")),
    options(raw)
);

/// Bytes of instructions of a block of int8 activations, where loops are entered in their middle.
const W8A8_BLOCK_BYTES: usize = 4 * if HAS_DSP { 20 } else { 36 };
/// The same of a block of int4 weights.
const W4A16_BLOCK_BYTES: usize = 4 * if HAS_DSP { 18 } else { 37 };
/// Whether `dsp_products.s` is what is called.
const HAS_DSP: bool = cfg!(lstm_kernels = "dsp");
/// Blocks in a loop.
const UNROLL: usize = 4;

/// The products of a unit that are to be summed.
#[repr(C)]
struct Job {
    row: *const u8,
    x: Part,
    h: Part,
    /// `k`, `n`
    shift: [u32; 2],
    /// What the sums of each part begin with.
    start: [i32; 2],
    /// The result: (A) without the bias.
    sums: I32x4,
}

/// The activations of a part of a row, and where the loop over them is entered, in bytes from its start.
#[repr(C)]
struct Part {
    start: *const u8,
    end: *const u8,
    entry: usize,
}

layout! { "job.s", Job:
    J_ROW = row,
    J_X = x,
    J_H = h,
    J_SHIFT = shift,
    J_START = start,
    J_SUMS = sums,
}

unsafe extern "C" {
    fn lstm_nostd_w8a8_products(job: *mut Job);
    fn lstm_nostd_w4a16_products(job: *mut Job);
}

/// A step of a layer in w8a8 or w4a16 and generic order.
#[inline(never)]
pub(super) fn step(
    layer: &LstmParameters<'_>,
    x: &[Block],
    h: &mut [Block],
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    if with_sums(layer, x, h, cell, next).is_none() {
        Scalar::lstm_step(layer, x, h, cell, next);
    }
}

/// `None` when the layer is in another scheme or order, or when a buffer is too short.
#[inline(always)]
fn with_sums(
    layer: &LstmParameters<'_>,
    x: &[Block],
    h: &mut [Block],
    cell: &mut [I32x4],
    next: &mut [Block],
) -> Option<()> {
    match (layer.rows.weights, layer.rows.width) {
        (Weights::Generic(rows), Width::Int8) => {
            let rows = bytemuck::try_cast_slice(rows).ok()?;
            let products = (lstm_nostd_w8a8_products as Products, W8A8_BLOCK_BYTES, 16);
            sum_units::<i8>(layer, rows, products, 0, x, h, cell, next)
        }
        (Weights::Nibbles(rows), Width::Int16) => {
            let rows = bytemuck::try_cast_slice(rows).ok()?;
            let products = (lstm_nostd_w4a16_products as Products, W4A16_BLOCK_BYTES, 8);
            sum_units::<i16>(layer, rows, products, -8, x, h, cell, next)
        }
        _ => None,
    }
}

type Products = unsafe extern "C" fn(*mut Job);

/// `products` with the bytes of instructions and of weights of its block; `excess` times the activations are
/// what its sums begin with.
#[expect(
    clippy::too_many_arguments,
    reason = "a step's operands, and how to multiply them"
)]
#[inline(always)]
fn sum_units<A: Activation>(
    layer: &LstmParameters<'_>,
    rows: &[u8],
    (products, block_bytes, weight_bytes): (Products, usize, usize),
    excess: i32,
    x: &[Block],
    h: &mut [Block],
    cell: &mut [I32x4],
    next: &mut [Block],
) -> Option<()> {
    let (x_blocks, h_blocks) = (blocks(layer.rows.inputs), blocks(layer.rows.outputs));
    let row_bytes = x_blocks.wrapping_add(h_blocks).wrapping_mul(weight_bytes);
    if layer.rows.inputs == 0 || layer.rows.outputs == 0 {
        return None;
    }
    let (x, h_old) = (
        quads::<A>(x).get(..x_blocks)?,
        quads::<A>(h).get(..h_blocks)?,
    );
    let part = |x: &[[A; 4]]| {
        let range = x.as_ptr_range();
        Part {
            start: range.start.cast(),
            end: range.end.cast(),
            entry: (UNROLL - x.len() % UNROLL) % UNROLL * block_bytes,
        }
    };
    let start = |x: &[[A; 4]]| -> i32 {
        let lanes = x.as_flattened().iter();
        lanes
            .fold(0i32, |sum, x| sum.wrapping_add((*x).into()))
            .wrapping_mul(excess)
    };
    let mut job = Job {
        row: rows.as_ptr(),
        x: part(x),
        h: part(h_old),
        shift: [layer.rows.x_shift & 31, layer.rows.h_shift & 31],
        start: [start(x), start(h_old)],
        sums: [0; 4],
    };
    let shifts = Shifts::new(layer.cell_int_bits);
    let mut peepholes = layer.peepholes.iter();
    let lanes = cell.as_flattened_mut().iter_mut().zip(lanes_mut::<A>(next));
    for ((unit, gate), (c, h_next)) in layer.gates.iter().enumerate().zip(lanes) {
        let from_row = rows.get(unit.wrapping_mul(row_bytes)..);
        let Some(row) = from_row.and_then(|rows| rows.get(..row_bytes)) else {
            break;
        };
        job.row = row.as_ptr();
        // SAFETY: the row has as many blocks as both parts have together, and neither is empty. The assembly
        // reads no more than them, writes `sums`, and keeps the callee-saved registers.
        unsafe { products(&mut job) };
        let peephole = peepholes.next().copied().unwrap_or_default();
        let hidden = advance(&shifts, gate, peephole, &job.sums, c);
        *h_next = A::saturate(round_shift(hidden.into(), layer.rows.h_shift)); // (H)
    }
    copy::<A>(next, h, layer.rows.outputs);
    Some(())
}
