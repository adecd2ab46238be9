//! Cores with Helium, the M-profile vector extension (M55, M85): `vmladava.s8`, gather loads, `vrmulh`.
//!
//! Activations are split once a step into planes of bytes, x = 256·high + 128 + low with both in
//! −128..=127, so that one `vmladava.s8` sums sixteen products. [`Order::Grouped`] has sixteen weights of
//! a row side by side, and biases that hold the 128. A group takes 14 instructions for 64 products:
//! two loads of activations, four of weights, eight sums. Four units' sums then go through gates and
//! state together, with gather loads into the tables of σ and tanh; `mve.s` holds all of it.
//!
//! A byte 16·a + n of [`Order::GroupedNibbles`] holds weights a and c = n − 8 of two rows. Its products and those
//! of the byte without its lower nibble give the sums of both rows, again in 14 instructions for 64 products:
//! two loads of activations, two of weights, two `vand`, eight sums. With y = x − 128 = 256·high + low,
//!
//! ```text
//! A = Σ a·y = (Σ 16·a·high)·16 + (Σ 16·a·low) / 16                                           (N1)
//! C = Σ c·y + 8·Σ y = Σ (16·a + n)·y − 16·A                                                  (N2)
//! ```
//!
//! Divisions are exact, and the rest is exact modulo 2³². What C has too much is the same for all rows, and is
//! computed once a step:
//!
//! ```text
//! −8·((Σ_inputs y << k) + Σ_hidden y) = 1024·((I << k) + H) − 8·((Σ x << k) + Σ h)            (N3)
//! ```
//!
//! Padding has a = c = 0 and so n = 8; the planes are zero there.
//!
//! Tails: rows are padded to groups; of the last one to three units, the idle lanes compute what is not
//! stored.
#![allow(unsafe_code)]

use super::groups::{GROUP, entry};
use super::layout::layout;
#[cfg(any(feature = "coupled", feature = "gru-before"))]
use super::mve_coupled;
#[cfg(feature = "gru")]
use super::mve_gru;
use super::{mve_dense, mve_w8a8};
use crate::activation::TABLES;
#[cfg(feature = "coupled")]
use crate::kernels::Activation;
#[cfg(feature = "gru")]
use crate::kernels::GruParameters;
#[cfg(any(feature = "coupled", feature = "gru-before"))]
use crate::kernels::RecurrentRows;
#[cfg(feature = "coupled")]
use crate::kernels::coupled::CoupledBatch;
use crate::kernels::{
    Block, DenseOutputs, DenseParameters, GateParameters, I32x4, Kernels, LstmParameters, Order,
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
    /// Groups of either order.
    weights: *const u8,
    gates: *const GateParameters,
    /// 2^k, and 2^(k+8) or, in (N1), 2^(k+4)
    scale: [u32; 2],
    /// Where (N3) begins.
    start: u32,
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
    /// 256 or, in (N1), 16.
    high_byte: u32,
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
    F_START = start,
    F_UNITS = units,
}

const _: () = assert!(size_of::<Units>() == 12 * 4, "`mve.s` loads twelve words");

impl Frame {
    #[inline(always)]
    fn new(
        layer: &LstmParameters<'_>,
        (weights, high_byte): (*const u8, u32),
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
            x_plane: x_groups.wrapping_mul(GROUP),
            plane: x_groups.wrapping_add(h_groups).wrapping_mul(GROUP),
            x_entry: entry(x_groups.wrapping_sub(1), INPUT_UNROLL, GROUP_BYTES),
            h_entry: entry(h_groups.wrapping_sub(1), HIDDEN_UNROLL, GROUP_BYTES),
            weights,
            gates: layer.gates.as_ptr(),
            scale: [1 << k, high_byte << k],
            // Modulo 2³², as all sums are; lengths are 16 bits wide.
            start: ((layer.rows.inputs as u32) << k)
                .wrapping_add(layer.rows.outputs as u32)
                .wrapping_mul(1024),
            units: Units {
                cell: cell.as_mut_ptr(),
                next,
                peepholes: layer.first_peepholes(),
                left: layer.units(),
                high_byte,
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
        include_str!("mve_dense.s"),
        include_str!("mve_w8a8.s"),
        include_str!("mve_gru.s"),
        include_str!("stored.s"),
        include_str!("mve_coupled.s")
    ),
    options(raw)
);

unsafe extern "C" {
    fn lstm_nostd_mve_step(frame: *const Frame);
    fn lstm_nostd_mve_w4a16_step(frame: *const Frame);
}

type Step = unsafe extern "C" fn(*const Frame);

/// A step of a layer in another order, whose stack is not that of the others.
#[inline(never)]
fn scalar_step(
    layer: &LstmParameters<'_>,
    x: &[Block],
    h: &mut [Block],
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    Scalar::lstm_step(layer, x, h, cell, next);
}

/// Sums of rows in another order.
#[cfg(any(feature = "coupled", feature = "gru-before"))]
#[inline(never)]
fn scalar_sums(
    rows: &RecurrentRows<'_>,
    (x, h): (&[Block], &[Block]),
    first: usize,
    sums: &mut [I32x4],
) {
    Scalar::group_sums(rows, x, h)(first, sums);
}

/// The same of a GRU layer.
#[cfg(feature = "gru")]
#[inline(never)]
fn scalar_gru_step(
    layer: &GruParameters<'_>,
    x: &[Block],
    h: &mut [Block],
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    Scalar::gru_step(layer, x, h, cell, next);
}

impl Kernels for Mve {
    const ORDERS: &'static [Order] = &[
        Order::Grouped,
        Order::GroupedBytes,
        Order::GroupedNibbles,
        Order::Generic,
    ];

    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        let (weights, high_byte, step): (*const u8, u32, Step) =
            match (layer.rows.weights, layer.rows.width.in_build()) {
                (Weights::Grouped(weights), Width::Int16) => {
                    (weights.as_ptr().cast(), 256, lstm_nostd_mve_step)
                }
                (Weights::GroupedNibbles(weights), Width::Int16) if cfg!(feature = "w4a16") => {
                    (weights.as_ptr().cast(), 16, lstm_nostd_mve_w4a16_step)
                }
                (Weights::GroupedBytes(weights), Width::Int8) => {
                    if layer.fits(x, h, cell, next) {
                        // SAFETY: `fits` holds.
                        unsafe { mve_w8a8::step(layer, weights, x, h, cell) }
                    }
                    return;
                }
                _ => return scalar_step(layer, x, h, cell, next),
            };
        if !layer.fits(x, h, cell, next) {
            return;
        }
        let frame = Frame::new(layer, (weights, high_byte), x, h, cell);
        // SAFETY: `fits` holds: the assembly reads I lanes of `x` and H of `h` into planes on its stack,
        // padded to groups, and for each of the H units a row of groups, its gate parameters and, unless
        // the pointer is null, its peepholes; of fewer than four units at the end it reads no more than
        // those. Of `cell` it reads whole blocks, and stores H lanes of `cell` and, after the planes were
        // made, of `h`. It ends after H ≥ 1 units and keeps the callee-saved registers. Its stack is 504
        // bytes, in w4a16 552, and the planes, two bytes for each padded activation. Segments are in range
        // as the clamped argument is below 2¹⁵.
        unsafe { step(&frame) }
    }

    #[cfg(any(feature = "coupled", feature = "gru-before"))]
    #[inline(always)]
    fn group_sums(
        rows: &RecurrentRows<'_>,
        x: &[Block],
        h: &[Block],
    ) -> impl FnMut(usize, &mut [I32x4]) {
        let mut sums = mve_coupled::Sums::new(rows, x, h);
        move |first, out| match &mut sums {
            Some(sums) => sums.store(first, out),
            None => scalar_sums(rows, (x, h), first, out),
        }
    }

    #[cfg(feature = "coupled")]
    #[inline(always)]
    fn coupled_units<A: Activation>(batch: CoupledBatch<'_, A>) {
        mve_coupled::units(batch);
    }

    #[cfg(feature = "gru")]
    fn gru_step(
        layer: &GruParameters<'_>,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        if !mve_gru::step(layer, x, h, cell, next) {
            scalar_gru_step(layer, x, h, cell, next);
        }
    }

    // One copy of it is enough for hidden and output layers.
    #[inline(never)]
    fn dense(layer: &DenseParameters<'_>, x: &[Block], y: &mut DenseOutputs<'_>) {
        mve_dense::dense(layer, x, y);
    }
}
