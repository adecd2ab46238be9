//! Helium with int8 activations: `vmladava.s8`, two units at a time.
//!
//! The weights' order is [`Order::GroupedBytes`](crate::kernels::Order::GroupedBytes), and layer input and hidden state are
//! copied into one plane of bytes that is laid out as a row is. A group takes 17 instructions for the 128
//! products of two units' eight rows: a load of activations, eight of weights, eight sums. The part with the
//! larger shift comes first, so that its sums, shifted by the difference, go on as those of the other one:
//!
//! ```text
//! (Σ_a << s_a) + (Σ_b << s_b) = ((Σ_a << (s_a − s_b)) + Σ_b) << s_b,   s_a ≥ s_b
//! ```
//!
//! Where the shifts agree there is but one part. Four units' sums then go through gates and state together,
//! as in `mve.s`.
//!
//! Tails: parts are padded to groups; of an odd number of units, the last one stands for both of its pair; of
//! the last one to three units, the idle lanes compute what is not stored.
#![allow(unsafe_code)]

use super::groups::{GROUP, entry};
use super::layout::layout;
use crate::activation::TABLES;
use crate::kernels::{Block, GateParameters, I32x4, LstmParameters, RowGroup};

/// Bytes of instructions of a group.
const GROUP_BYTES: usize = 17 * 4;
/// Groups in the loops over the part that is shifted and over the rest.
const SHIFTED_UNROLL: usize = 3;
const REST_UNROLL: usize = 8;

/// What the assembly needs to know of a layer.
#[repr(C)]
struct Frame {
    first: Part,
    second: Part,
    /// Bytes of the plane.
    plane: usize,
    /// Where the first loop ends: that over the part to be shifted or, without one, over the plane.
    first_end: usize,
    first_entry: usize,
    rest_entry: usize,
    /// By how much the first part's sums are shifted; 0 if the parts are one.
    shift: u32,
    row_bytes: usize,
    weights: *const RowGroup,
    gates: *const GateParameters,
    units: Units,
}

/// Activations, and where they begin in the plane.
#[repr(C)]
struct Part {
    values: *const Block,
    len: usize,
    at: usize,
}

/// What the elementwise part keeps in registers.
#[repr(C)]
struct Units {
    cell: *mut I32x4,
    /// The new hidden state; it replaces the old one, of which the plane is a copy.
    next: *mut Block,
    /// Null without peepholes.
    peepholes: *const [i16; 4],
    left: usize,
    /// Negative right shift of (H).
    narrow: i32,
    half: i32,
    sigmoid: [*const i32; 2],
    /// 2 to the smaller of k and n.
    scale: u32,
    /// Columns of the tables, as above.
    tanh: [*const i32; 2],
    /// Negative right shift from the cell to Q3.12.
    squash: i32,
    /// Negative right shift of i·g.
    input: i32,
}

layout! { "mve_w8a8.s", Frame:
    E_FIRST = first,
    E_SECOND = second,
    E_PLANE = plane,
    E_FIRST_END = first_end,
    E_FIRST_ENTRY = first_entry,
    E_REST_ENTRY = rest_entry,
    E_SHIFT = shift,
    E_ROW = row_bytes,
    E_WEIGHTS = weights,
    E_GATES = gates,
    E_UNITS = units,
}

const _: () = assert!(
    size_of::<Units>() == 13 * 4,
    "`mve_w8a8.s` loads thirteen words"
);

impl Frame {
    /// Of a layer whose shifts are in range.
    #[inline(always)]
    fn new(
        layer: &LstmParameters<'_>,
        weights: &[RowGroup],
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
    ) -> Self {
        let (k, n) = (layer.rows.x_shift, layer.rows.h_shift);
        let layout = layer.rows.layout();
        let next = h.as_mut_ptr();
        let x = Part {
            values: x.as_ptr(),
            len: layer.rows.inputs,
            at: layout.x.start,
        };
        let old = Part {
            values: next,
            len: layer.rows.outputs,
            at: layout.h.start,
        };
        let plane = layout.lanes();
        let (first, second) = if k >= n { (x, old) } else { (old, x) };
        let first_end = if k == n { plane } else { second.at };
        let (first_groups, groups) = (first_end / GROUP, plane / GROUP);
        let first_unroll = if k == n { REST_UNROLL } else { SHIFTED_UNROLL };
        let m = layer.cell_int_bits.clamp(1, 15) as i32;
        Self {
            first,
            second,
            plane,
            first_end,
            first_entry: entry(first_groups.saturating_sub(1), first_unroll, GROUP_BYTES),
            rest_entry: entry(groups.wrapping_sub(first_groups), REST_UNROLL, GROUP_BYTES),
            shift: k.abs_diff(n),
            row_bytes: groups.wrapping_mul(size_of::<RowGroup>()),
            weights: weights.as_ptr(),
            gates: layer.gates.as_ptr(),
            units: Units {
                cell: cell.as_mut_ptr(),
                next,
                peepholes: layer.first_peepholes(),
                left: layer.units(),
                narrow: -(n as i32),
                half: 1 << 14,
                sigmoid: TABLES.sigmoid.columns(),
                scale: 1 << k.min(n),
                tanh: TABLES.tanh.columns(),
                squash: m - 19,
                input: 1 - m,
            },
        }
    }
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
    x: &[Block],
    h: &mut [Block],
    cell: &mut [I32x4],
) {
    // The parser sees to that.
    if layer.rows.x_shift > 15 || layer.rows.h_shift > 8 {
        return;
    }
    let frame = Frame::new(layer, weights, x, h, cell);
    // SAFETY: by this function's own condition, the assembly reads I bytes of `x` and H of `h` into a plane
    // on its stack, and for each of the H units a row of groups, its gate parameters and, unless the pointer
    // is null, its peepholes; of fewer than four units at the end it reads no more than those. Of `cell` it
    // reads whole blocks, and stores H lanes of `cell` and, after the plane was made, of `h`. It ends after
    // H ≥ 1 units and keeps the callee-saved registers. Its stack is 304 bytes and the plane, one byte for
    // each padded activation. Segments are in range as the clamped argument is below 2¹⁵.
    unsafe { lstm_nostd_mve_w8a8_step(&frame) }
}
