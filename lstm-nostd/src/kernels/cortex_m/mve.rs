//! Cores with Helium, the M-profile vector extension (M55, M85): `vmladava.s8`, gather loads, `vrmulh`.
//!
//! Activations are split once a step into planes of bytes, x = 256·high + 128 + low with both in
//! −128..=127, so that one `vmladava.s8` sums sixteen products. [`Order::Grouped`] has sixteen weights of
//! a row side by side, and biases that hold the 128. A group takes 14 instructions for 64 products:
//! two loads of activations, four of weights, eight sums. Four units' sums then go through gates and
//! state together, with gather loads into the tables of σ and tanh; `mve.s` holds all of it.
//!
//! Tails: rows are padded to groups; of the last one to three units, the idle lanes compute what is not
//! stored.
#![allow(unsafe_code)]

use core::arch::asm;

use super::groups::{GROUP, entry};
use super::layout::layout;
use super::{HAS_OTHER_SCHEMES, mve_w8a8, products};
use crate::activation::TABLES;
use crate::kernels::{
    Block, DenseParameters, GateParameters, I32x4, Kernels, LstmParameters, Order, RowGroup,
    Weights, Width, scalar::Scalar,
};

/// The kernels of this file.
#[derive(Clone, Copy, Debug)]
pub struct Mve;

/// Bytes of instructions of a group in `mve.s`.
const GROUP_BYTES: usize = 14 * 4;
/// Groups in the loops over inputs and hidden state, after the first one of each.
const INPUT_UNROLL: usize = 3;
const HIDDEN_UNROLL: usize = 7;

/// What the assembly needs to know of a layer.
#[repr(C)]
struct Frame {
    x: *const Block,
    h: *const Block,
    inputs: usize,
    hidden: usize,
    x_plane: usize,
    plane: usize,
    x_entry: usize,
    h_entry: usize,
    weights: *const RowGroup,
    gates: *const GateParameters,
    /// 2^k and 2^(k+8)
    scale: [u32; 2],
    units: Units,
}

/// What the elementwise part keeps in registers.
#[repr(C)]
struct Units {
    cell: *mut I32x4,
    /// The new hidden state; it replaces the old one, of which the planes are a copy.
    next: *mut Block,
    /// Null without peepholes.
    peepholes: *const [i16; 4],
    left: usize,
    high_byte: i32,
    half: i32,
    /// Columns of the tables.
    sigmoid: [*const i32; 2],
    tanh: [*const i32; 2],
    /// Negative right shift from the cell to Q3.12.
    squash: i32,
    /// Negative right shift of i·g.
    input: i32,
}

layout! { "mve.s", Frame:
    F_X = x,
    F_H = h,
    F_INPUTS = inputs,
    F_HIDDEN = hidden,
    F_X_PLANE = x_plane,
    F_PLANE = plane,
    F_X_ENTRY = x_entry,
    F_H_ENTRY = h_entry,
    F_WEIGHTS = weights,
    F_GATES = gates,
    F_SCALE = scale,
    F_UNITS = units,
}

const _: () = assert!(size_of::<Units>() == 12 * 4, "`mve.s` loads twelve words");

impl Frame {
    #[inline(always)]
    fn new(
        layer: &LstmParameters<'_>,
        weights: &[RowGroup],
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
    ) -> Self {
        let (x_groups, h_groups) = (
            layer.rows.inputs.div_ceil(GROUP),
            layer.rows.outputs.div_ceil(GROUP),
        );
        let m = layer.cell_int_bits.clamp(1, 15) as i32;
        let k = layer.rows.x_shift.min(15);
        let next = h.as_mut_ptr();
        Self {
            x: x.as_ptr(),
            h: next,
            inputs: layer.rows.inputs,
            hidden: layer.rows.outputs,
            x_plane: GROUP * x_groups,
            plane: GROUP * (x_groups + h_groups),
            x_entry: entry(x_groups - 1, INPUT_UNROLL, GROUP_BYTES),
            h_entry: entry(h_groups - 1, HIDDEN_UNROLL, GROUP_BYTES),
            weights: weights.as_ptr(),
            gates: layer.gates.as_ptr(),
            scale: [1 << k, 256 << k],
            units: Units {
                cell: cell.as_mut_ptr(),
                next,
                peepholes: layer.first_peepholes(),
                left: layer.units(),
                high_byte: 256,
                half: 1 << 14,
                sigmoid: TABLES.sigmoid.columns(),
                tanh: TABLES.tanh.columns(),
                squash: m - 19,
                input: 1 - m,
            },
        }
    }
}

core::arch::global_asm!(
    concat!(
        include_str!("shared.s"),
        include_str!("mve.s"),
        include_str!("mve_w8a8.s")
    ),
    options(raw)
);

unsafe extern "C" {
    fn lstm_nostd_mve_step(frame: *const Frame);
}

impl Kernels for Mve {
    const ORDERS: &'static [Order] = &[Order::Grouped, Order::GroupedBytes, Order::Generic];

    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        let weights = match (layer.rows.weights, layer.rows.width.in_build()) {
            (Weights::Grouped(weights), Width::Int16) => weights,
            (Weights::GroupedBytes(weights), Width::Int8) => weights,
            _ if HAS_OTHER_SCHEMES => return products::step(layer, x, h, cell, next),
            _ => return Scalar::lstm_step(layer, x, h, cell, next),
        };
        if !layer.fits(x, h, cell, next) {
            return;
        }
        if layer.rows.width.in_build() == Width::Int8 {
            // SAFETY: `fits` holds.
            return unsafe { mve_w8a8::step(layer, weights, x, h, cell) };
        }
        let frame = Frame::new(layer, weights, x, h, cell);
        // SAFETY: `fits` holds: the assembly reads I lanes of `x` and H of `h` into planes on its stack,
        // padded to groups, and for each of the H units a row of groups, its gate parameters and, unless
        // the pointer is null, its peepholes; of fewer than four units at the end it reads no more than
        // those. Of `cell` it reads whole blocks, and stores H lanes of `cell` and, after the planes were
        // made, of `h`. It ends after H ≥ 1 units and keeps the callee-saved registers. Its stack is 504
        // bytes and the planes, two bytes for each padded activation. Segments are in range as the clamped
        // argument is below 2¹⁵.
        unsafe { lstm_nostd_mve_step(&frame) }
    }

    #[inline(never)]
    fn dense_row(layer: &DenseParameters<'_>, row: usize, x: &[Block]) -> i32 {
        let Some((w, x)) = layer.int16_row(row, x) else {
            return layer.other_row(row, x);
        };
        // SAFETY: the slices hold `inputs` lanes.
        let sum = unsafe { dot(w.as_ptr(), x.as_ptr(), layer.inputs) };
        layer.value(row, sum)
    }
}

/// Sum of the products of a row, eight at a time.
///
/// # Safety
/// `w` and `x` hold `inputs` lanes.
#[inline(always)]
unsafe fn dot(w: *const [i8; 4], x: *const Block, inputs: usize) -> i32 {
    let mut sum = 0;
    // SAFETY: the caller's promise; lanes past `inputs` are masked out.
    unsafe {
        asm!(
            "wlstp.16 lr, {n}, 3f",
            "2:",
            "vldrb.s16 q0, [{w}], #8",
            "vldrh.u16 q1, [{x}], #16",
            "vmladava.s16 r4, q0, q1",
            "letp lr, 2b",
            "3:",
            n = in(reg) inputs,
            w = inout(reg) w => _,
            x = inout(reg) x => _,
            inout("r4") sum,
            out("lr") _,
            out("q0") _,
            out("q1") _,
            options(nostack, readonly),
        );
    }
    sum
}
