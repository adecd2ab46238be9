//! Helium with int8 activations: `vmladava.s8`, two units at a time.
//!
//! The weights' order is that of `mve.rs`, [`Order::Grouped`](super::Order::Grouped), without a bias excess.
//! Inputs and hidden state are copied into one plane of bytes, which pads them to groups of sixteen. A group
//! takes 17 instructions for the 128 products of two units' eight rows: a load of activations, eight of
//! weights, eight sums. Four units' sums then go through gates and state together, as in `mve.s`.
//!
//! Tails: rows are padded to groups; of an odd number of units, the last one stands for both of its pair; of
//! the last one to three units, the idle lanes compute what is not stored.
#![allow(unsafe_code)]

use super::{GateParameters, I16x4, I32x4, LstmParameters, RowGroup};
use crate::activation::{Segment, TABLES};

/// Activations of a group.
const GROUP: usize = 16;
/// Bytes of instructions of a group and of a loop's end.
const GROUP_BYTES: usize = 17 * 4;
const LOOP_END_BYTES: usize = 2 * 4;
/// Groups in the loops over inputs and hidden state, after the first one of each.
const INPUT_UNROLL: usize = 3;
const HIDDEN_UNROLL: usize = 7;

/// What the assembly needs to know of a layer.
#[repr(C)]
struct Frame {
    x: *const I16x4,
    h: *const I16x4,
    inputs: usize,
    hidden: usize,
    x_plane: usize,
    plane: usize,
    x_entry: usize,
    h_entry: usize,
    row_bytes: usize,
    weights: *const RowGroup,
    gates: *const GateParameters,
    /// Negative right shift of (H).
    narrow: i32,
    units: Units,
}

/// What the elementwise part keeps in registers.
#[repr(C)]
struct Units {
    cell: *mut I32x4,
    /// The new hidden state; it replaces the old one, of which the plane is a copy.
    next: *mut I16x4,
    /// Null without peepholes.
    peepholes: *const [i16; 4],
    left: usize,
    /// 2^n
    h_scale: u32,
    half: i32,
    sigmoid: *const i32,
    sigmoid_slope: *const i32,
    /// 2^k
    x_scale: u32,
    tanh: *const i32,
    tanh_slope: *const i32,
    /// Negative right shift from the cell to Q3.12.
    squash: i32,
    /// Negative right shift of i·g.
    input: i32,
}

unsafe extern "C" {
    fn lstm_nostd_mve_w8a8_step(frame: *const Frame);
}

/// One step of a layer whose buffers hold what `layer` says.
///
/// # Safety
/// `weights` are `layer`'s, and `layer`, `x`, `h` and `cell` fit each other as `LstmParameters` describes;
/// there is at least one input and one unit.
pub(super) unsafe fn step(
    layer: &LstmParameters<'_>,
    weights: &[RowGroup],
    x: &[I16x4],
    h: &mut [I16x4],
    cell: &mut [I32x4],
) {
    let (x_groups, h_groups) = (layer.inputs.div_ceil(GROUP), layer.hidden.div_ceil(GROUP));
    let m = layer.cell_int_bits.clamp(1, 15) as i32;
    let frame = Frame {
        x: x.as_ptr(),
        h: h.as_ptr(),
        inputs: layer.inputs,
        hidden: layer.hidden,
        x_plane: GROUP * x_groups,
        plane: GROUP * (x_groups + h_groups),
        x_entry: entry(x_groups - 1, INPUT_UNROLL),
        h_entry: entry(h_groups - 1, HIDDEN_UNROLL),
        row_bytes: size_of::<RowGroup>() * (x_groups + h_groups),
        weights: weights.as_ptr(),
        gates: layer.gates.as_ptr(),
        narrow: -(layer.h_shift.min(8) as i32),
        units: Units {
            cell: cell.as_mut_ptr(),
            next: h.as_mut_ptr(),
            peepholes: layer.first_peepholes(),
            left: layer.hidden,
            h_scale: 1 << layer.h_shift.min(8),
            half: 1 << 14,
            sigmoid: first(&TABLES.sigmoid),
            sigmoid_slope: first(&TABLES.sigmoid).wrapping_add(1),
            x_scale: 1 << layer.x_shift.min(15),
            tanh: first(&TABLES.tanh),
            tanh_slope: first(&TABLES.tanh).wrapping_add(1),
            squash: m - 19,
            input: 1 - m,
        },
    };
    // SAFETY: by this function's own condition, the assembly reads I bytes of `x` and H of `h` into a plane
    // on its stack, and for each of the H units a row of groups, its gate parameters and, unless the pointer
    // is null, its peepholes; of fewer than four units at the end it reads no more than those. Of `cell` it
    // reads whole blocks, and stores H lanes of `cell` and, after the plane was made, of `h`. It ends after
    // H ≥ 1 units and keeps the callee-saved registers. Its stack is 376 bytes and the plane, one byte for
    // each padded activation. Segments are in range as the clamped argument is below 2¹⁵.
    unsafe { lstm_nostd_mve_w8a8_step(&frame) }
}

/// Where a loop is entered for `left` groups: past its end when there are none.
const fn entry(left: usize, unroll: usize) -> usize {
    if left == 0 {
        unroll * GROUP_BYTES + LOOP_END_BYTES
    } else {
        (unroll - left % unroll) % unroll * GROUP_BYTES
    }
}

const fn first(table: &[Segment]) -> *const i32 {
    table.as_ptr().cast()
}
