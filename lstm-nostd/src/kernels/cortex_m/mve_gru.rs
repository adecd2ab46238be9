//! Helium: a GRU layer, with the groups of `mve.s`.
//!
//! Activations are split into planes, or int8 ones copied, once a step. Of each group of rows, the input part and the
//! recurrent part are summed apart. Four units have three groups; their sums then go through (GA) to (GD) of
//! [`gru`](crate::kernels::gru) together, with gather loads.
//!
//! Tails: rows are padded to groups. The last one to three units have as many groups; the idle lanes compute what is not
//! stored.
#![allow(unsafe_code)]

use super::groups::{GROUP, entry};
use super::layout::layout;
use crate::activation::TABLES;
use crate::kernels::{Block, GruGates, GruParameters, I32x4, Weights, Width};

/// Bytes of instructions of a group, and of one of int8 activations.
const GROUP_BYTES: [usize; 2] = [14 * 4, 9 * 4];
/// Groups in a loop, after the first one.
const UNROLL: usize = 3;

/// What the assembly needs to know of a layer.
#[repr(C)]
struct Frame {
    x: *const Block,
    inputs: usize,
    h: *const Block,
    hidden: usize,
    x_plane: usize,
    plane: usize,
    x_entry: usize,
    h_entry: usize,
    /// Groups of the input part and of the recurrent part.
    weights: [*const u8; 2],
    gates: *const GruGates,
    units: Units,
}

/// What the elementwise part keeps in registers.
#[repr(C)]
struct Units {
    states: *mut I32x4,
    /// The new hidden state; it replaces the old one, of which the planes are a copy.
    next: *mut Block,
    left: usize,
    /// 2^k and 2^n
    scales: [u32; 2],
    /// Negative right shift of (GD).
    narrow: i32,
    half: i32,
    /// Columns of the tables.
    sigmoid: [*const i32; 2],
    tanh: [*const i32; 2],
}

layout! { "mve_gru.s", Frame:
    P_X = x,
    P_INPUTS = inputs,
    P_H = h,
    P_HIDDEN = hidden,
    P_X_PLANE = x_plane,
    P_PLANE = plane,
    P_X_ENTRY = x_entry,
    P_H_ENTRY = h_entry,
    P_WEIGHTS = weights,
    P_GATES = gates,
    P_UNITS = units,
}

const _: () = assert!(
    size_of::<Units>() == 11 * 4 && size_of::<GruGates>() == 28,
    "`mve_gru.s` loads eleven words, and knows how far gates are apart"
);

unsafe extern "C" {
    fn lstm_nostd_mve_gru(frame: *const Frame);
    fn lstm_nostd_mve_w4a16_gru(frame: *const Frame);
    fn lstm_nostd_mve_w8a8_gru(frame: *const Frame);
}

type Step = unsafe extern "C" fn(*const Frame);

/// [`Kernels::gru_step`](crate::kernels::Kernels::gru_step); false for weights in another order, which it leaves alone.
#[inline(always)]
pub(super) fn step(
    layer: &GruParameters<'_>,
    x: &[Block],
    h: &mut [Block],
    cell: &mut [I32x4],
    next: &mut [Block],
) -> bool {
    let (step, group_bytes): (Step, _) = match (layer.rows.weights, layer.rows.width.in_build()) {
        (Weights::Grouped(_), Width::Int16) => (lstm_nostd_mve_gru, GROUP_BYTES[0]),
        (Weights::GroupedNibbles(_), Width::Int16) if cfg!(feature = "w4a16") => {
            (lstm_nostd_mve_w4a16_gru, GROUP_BYTES[0])
        }
        (Weights::GroupedBytes(_), Width::Int8) => (lstm_nostd_mve_w8a8_gru, GROUP_BYTES[1]),
        _ => return false,
    };
    if layer.fits(x, h, cell, next) {
        let frame = Frame::new(layer, group_bytes, x, h, cell);
        // SAFETY: `fits` holds: the assembly reads I lanes of `x` and H of `h` into planes on its stack, padded to
        // groups, and of both streams of weights the groups of H units, whose gates it reads, too. Of `cell` it reads
        // and stores H lanes and, after the planes were made, it stores as many of `h`. It ends after H ≥ 1 units and
        // keeps the callee-saved registers. Its stack is 304 bytes and the planes, one or two bytes for each padded
        // activation. Segments are in range as the clamped argument is below 2¹⁵.
        unsafe { step(&frame) }
    }
    true
}

impl Frame {
    #[inline(always)]
    fn new(
        layer: &GruParameters<'_>,
        group_bytes: usize,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
    ) -> Self {
        let rows = &layer.rows;
        let groups = [rows.inputs, rows.outputs].map(|len| len.div_ceil(GROUP));
        let [x_entry, h_entry] =
            groups.map(|groups| entry(groups.wrapping_sub(1), UNROLL, group_bytes));
        let [x_plane, h_plane] = groups.map(|groups| groups.wrapping_mul(GROUP));
        let next = h.as_mut_ptr();
        Self {
            x: x.as_ptr(),
            inputs: rows.inputs,
            h: next,
            hidden: rows.outputs,
            x_plane,
            plane: x_plane.wrapping_add(h_plane),
            x_entry,
            h_entry,
            weights: [rows.weights.start(), layer.recurrent.start()],
            gates: layer.gates.as_ptr(),
            units: Units {
                states: cell.as_mut_ptr(),
                next,
                left: layer.units(),
                scales: [1 << (rows.x_shift & 31), 1 << (rows.h_shift & 31)],
                narrow: -((rows.h_shift & 15) as i32 + 16),
                half: 1 << 14,
                sigmoid: TABLES.sigmoid.columns(),
                tanh: TABLES.tanh.columns(),
            },
        }
    }
}
