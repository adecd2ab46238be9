//! Helium: a layer with coupled gates, with the groups of `mve.s`; a GRU layer whose reset gate comes before the product
//! takes the sums alone.
//!
//! Activations are split into planes, or int8 ones copied, once for some units. The sums of four rows with the layer input
//! are put together and shifted, those with the hidden state added to them, and the sums of both go to memory. Four units'
//! sums then go through (UB) to (H) of [`coupled`](crate::kernels::coupled) together, with gather loads.
#![allow(unsafe_code)]

use super::groups::{GROUP, entry};
use super::layout::layout;
use super::stored::{Groups, Store};
#[cfg(feature = "coupled")]
use crate::activation::TABLES;
#[cfg(feature = "coupled")]
use crate::kernels::coupled::CoupledBatch;
#[cfg(feature = "coupled")]
use crate::kernels::{Activation, CoupledGates};
use crate::kernels::{Block, I32x4, RecurrentRows, Weights, Width};

/// Bytes of instructions of a group, and of one of int8 activations.
const GROUP_BYTES: [usize; 2] = [14 * 4, 9 * 4];
/// Groups in the loops over both parts, after the first one.
const UNROLL: [usize; 2] = [3, 7];

/// What the assembly needs to know for the sums of some groups of rows.
#[repr(C)]
struct Job {
    x: *const Block,
    h: *const Block,
    inputs: usize,
    hidden: usize,
    x_plane: usize,
    plane: usize,
    x_entry: usize,
    h_entry: usize,
    weights: *const u8,
    shift: u32,
    scale: u32,
    /// Where (N3) begins.
    start: u32,
    sums: Store,
}

layout! { "mve_coupled.s", Job:
    B_X = x,
    B_H = h,
    B_INPUTS = inputs,
    B_HIDDEN = hidden,
    B_X_PLANE = x_plane,
    B_PLANE = plane,
    B_X_ENTRY = x_entry,
    B_H_ENTRY = h_entry,
    B_WEIGHTS = weights,
    B_SHIFT = shift,
    B_SCALE = scale,
    B_START = start,
    B_SUMS = sums,
}

/// A part of the activations and where it goes in the plane.
#[derive(Clone, Copy)]
#[repr(C)]
struct Part {
    values: *const Block,
    len: usize,
    at: usize,
}

/// The same for int8 activations.
#[repr(C)]
struct ByteJob {
    first: Part,
    second: Part,
    plane: usize,
    first_end: usize,
    first_entry: usize,
    rest_entry: usize,
    /// Of the first part's sums, and of all.
    shifts: [u32; 2],
    weights: *const u8,
    sums: Store,
}

layout! { "mve_coupled.s", ByteJob:
    V_FIRST = first,
    V_SECOND = second,
    V_PLANE = plane,
    V_FIRST_END = first_end,
    V_FIRST_ENTRY = first_entry,
    V_REST_ENTRY = rest_entry,
    V_SHIFTS = shifts,
    V_WEIGHTS = weights,
    V_SUMS = sums,
}

/// What it needs to know for units.
#[cfg(feature = "coupled")]
#[repr(C)]
struct Units {
    cells: *mut i32,
    sums: *const I32x4,
    next: *mut u8,
    left: usize,
    /// Negative right shift of (H).
    narrow: i32,
    gates: *const CoupledGates,
    /// Columns of the tables.
    sigmoid: [*const i32; 2],
    tanh: [*const i32; 2],
    /// Negative right shift from the cell to Q3.12.
    squash: i32,
    /// Negative right shift of i·g.
    input: i32,
    /// Null without peepholes.
    peepholes: *const [i16; 2],
}

#[cfg(feature = "coupled")]
const _: () = assert!(
    size_of::<Units>() == 13 * 4 && size_of::<CoupledGates>() == 24,
    "`mve_coupled.s` loads thirteen words, and knows how far gates are apart"
);

unsafe extern "C" {
    fn lstm_nostd_mve_stored_rows(job: *const Job);
    fn lstm_nostd_mve_w4a16_stored_rows(job: *const Job);
    fn lstm_nostd_mve_w8a8_stored_rows(job: *const ByteJob);
    #[cfg(feature = "coupled")]
    fn lstm_nostd_mve_coupled_int16(units: *const Units);
    #[cfg(feature = "coupled")]
    fn lstm_nostd_mve_coupled_int8(units: *const Units);
}

/// A job of either width.
enum Work {
    Words(Job, unsafe extern "C" fn(*const Job)),
    Bytes(ByteJob),
}

/// Sums of groups of rows that meet a layer input and a hidden state.
pub(super) struct Sums {
    groups: Groups,
    work: Work,
}

impl Sums {
    /// `None` for rows in another order, or without a hidden state.
    #[inline(always)]
    pub(super) fn new(rows: &RecurrentRows<'_>, x: &[Block], h: &[Block]) -> Option<Self> {
        if rows.outputs == 0 {
            return None;
        }
        let work = match (rows.weights, rows.width.in_build()) {
            (Weights::Grouped(_), Width::Int16) => {
                Work::Words(Job::new(rows, x, h), lstm_nostd_mve_stored_rows)
            }
            (Weights::GroupedNibbles(_), Width::Int16) if cfg!(feature = "w4a16") => {
                Work::Words(Job::new(rows, x, h), lstm_nostd_mve_w4a16_stored_rows)
            }
            (Weights::GroupedBytes(_), Width::Int8) => Work::Bytes(ByteJob::new(rows, x, h)),
            _ => return None,
        };
        Some(Self {
            groups: Groups::new(rows, x, h),
            work,
        })
    }

    /// Those from group `first` on.
    #[inline(always)]
    pub(super) fn store(&mut self, first: usize, sums: &mut [I32x4]) {
        let Some(weights) = self.groups.from(first, sums.len()) else {
            return;
        };
        let sums = Store::new(sums);
        match &mut self.work {
            Work::Words(job, run) => {
                (job.weights, job.sums) = (weights, sums);
                // SAFETY: the assembly reads the inputs and the hidden state, each of at least one value, and as many groups as
                // there are sums, at least one, from `weights` on. It stores the sums of these, and keeps the callee-saved
                // registers. Its stack is 128 bytes and the planes, one or two bytes for each padded activation.
                unsafe { run(job) }
            }
            Work::Bytes(job) => {
                (job.weights, job.sums) = (weights, sums);
                // SAFETY: as above.
                unsafe { lstm_nostd_mve_w8a8_stored_rows(job) }
            }
        }
    }
}

impl Job {
    fn new(rows: &RecurrentRows<'_>, x: &[Block], h: &[Block]) -> Self {
        let groups = [rows.inputs, rows.outputs].map(|len| len.div_ceil(GROUP));
        let entries = [0, 1].map(|part| {
            let left = groups[part].wrapping_sub(1);
            entry(left, UNROLL[part], GROUP_BYTES[0])
        });
        let k = rows.x_shift.min(15);
        Self {
            x: x.as_ptr(),
            h: h.as_ptr(),
            inputs: rows.inputs,
            hidden: rows.outputs,
            x_plane: groups[0].wrapping_mul(GROUP),
            plane: groups[0].wrapping_add(groups[1]).wrapping_mul(GROUP),
            x_entry: entries[0],
            h_entry: entries[1],
            weights: rows.weights.start(),
            shift: k,
            scale: 1 << k,
            // Modulo 2³², as all sums are; lengths are 16 bits wide.
            start: ((rows.inputs as u32) << k)
                .wrapping_add(rows.outputs as u32)
                .wrapping_mul(1024),
            sums: Store::new(&mut []),
        }
    }
}

impl ByteJob {
    fn new(rows: &RecurrentRows<'_>, x: &[Block], h: &[Block]) -> Self {
        let (k, n) = (rows.x_shift.min(15), rows.h_shift.min(8));
        let layout = rows.layout();
        let x = Part {
            values: x.as_ptr(),
            len: rows.inputs,
            at: layout.x.start,
        };
        let h = Part {
            values: h.as_ptr(),
            len: rows.outputs,
            at: layout.h.start,
        };
        let plane = layout.lanes();
        let (first, second) = if k >= n { (x, h) } else { (h, x) };
        let first_end = if k == n { plane } else { second.at };
        let (first_groups, groups) = (first_end / GROUP, plane / GROUP);
        let [first_unroll, rest_unroll] = UNROLL;
        let bytes = GROUP_BYTES[1];
        Self {
            first,
            second,
            plane,
            first_end,
            first_entry: entry(first_groups.saturating_sub(1), first_unroll, bytes),
            rest_entry: entry(groups.wrapping_sub(first_groups), rest_unroll, bytes),
            shifts: [k.abs_diff(n), k.min(n)],
            weights: rows.weights.start(),
            sums: Store::new(&mut []),
        }
    }
}

/// (UB) to (H).
#[cfg(feature = "coupled")]
#[inline(always)]
pub(super) fn units<A: Activation>(batch: CoupledBatch<'_, A>) {
    let (left, with_peepholes) = (batch.count(), !batch.peepholes.is_empty());
    if left == 0 || with_peepholes && batch.peepholes.len() < left {
        return;
    }
    let m = batch.cell_int_bits.clamp(1, 15) as i32;
    let units = Units {
        cells: batch.cells.as_mut_ptr(),
        sums: batch.sums.as_ptr(),
        next: batch.next.as_mut_ptr().cast(),
        left,
        narrow: (batch.h_shift as i32).wrapping_neg(),
        gates: batch.gates.as_ptr(),
        sigmoid: TABLES.sigmoid.columns(),
        tanh: TABLES.tanh.columns(),
        squash: m - 19,
        input: 1 - m,
        peepholes: match with_peepholes {
            true => batch.peepholes.as_ptr(),
            false => core::ptr::null(),
        },
    };
    // SAFETY: gates, cells and `next` have as many elements as are left, at least one, or more, and so have the peepholes
    // unless the pointer is null; the sums have room for all lanes. Of fewer than four units at the end the assembly reads
    // and stores no more than those. It keeps the callee-saved registers, and its stack is 104 bytes. Segments are in range
    // as the clamped argument is below 2¹⁵.
    unsafe {
        match size_of::<A>() {
            2 => lstm_nostd_mve_coupled_int16(&units),
            _ => lstm_nostd_mve_coupled_int8(&units),
        }
    }
}
