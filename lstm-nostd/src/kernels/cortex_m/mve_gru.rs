//! Helium: a GRU layer, with the groups of `mve.s`.
//!
//! Activations are split into planes, or int8 ones copied, once for some units; the sums of four rows go to memory. Four
//! units' sums then go through (GA) to (GD) of [`gru`](crate::kernels::gru) together, with gather loads.
#![allow(unsafe_code)]

use super::groups::{GROUP, entry};
use super::layout::layout;
use super::stored::{Groups, Store};
use crate::activation::TABLES;
use crate::kernels::gru::{GROUPS, GruBatch};
use crate::kernels::{Activation, Block, GruGates, I32x4, RecurrentRows, Weights, Width};

/// Bytes of instructions of a group, and of one of int8 activations.
const GROUP_BYTES: [usize; 2] = [14 * 4, 9 * 4];
/// Groups in a loop, after the first one.
const UNROLL: usize = 3;

/// What the assembly needs to know for the sums of some groups of rows.
#[repr(C)]
struct Job {
    weights: *const u8,
    x: *const Block,
    inputs: usize,
    /// Bytes of a plane: weights of a row, with its padding.
    plane: usize,
    entry: usize,
    shift: u32,
    sums: Store,
}

layout! { "mve_gru.s", Job:
    J_WEIGHTS = weights,
    J_X = x,
    J_INPUTS = inputs,
    J_PLANE = plane,
    J_ENTRY = entry,
    J_SHIFT = shift,
    J_SUMS = sums,
}

/// What it needs to know for units.
#[repr(C)]
struct Units {
    states: *mut i32,
    /// With the layer input; those with the hidden state follow.
    sums: *const I32x4,
    next: *mut u8,
    gates: *const GruGates,
    left: usize,
    /// Negative right shift of (GD).
    narrow: i32,
    /// Columns of the tables.
    sigmoid: [*const i32; 2],
    tanh: [*const i32; 2],
}

const _: () = assert!(
    size_of::<Units>() == 10 * 4 && size_of::<GruGates>() == 28 && GROUPS * 16 == 192,
    "`mve_gru.s` loads ten words, and knows how far gates and both sums are apart"
);

unsafe extern "C" {
    fn lstm_nostd_mve_stored(job: *const Job);
    fn lstm_nostd_mve_w4a16_stored(job: *const Job);
    fn lstm_nostd_mve_w8a8_stored(job: *const Job);
    fn lstm_nostd_mve_gru_int16(units: *const Units);
    fn lstm_nostd_mve_gru_int8(units: *const Units);
}

type Step = unsafe extern "C" fn(*const Job);

/// Sums of groups of rows that meet `x` alone.
pub(super) struct Sums {
    groups: Groups,
    job: Job,
    step: Step,
}

impl Sums {
    /// `None` for rows in another order.
    #[inline(always)]
    pub(super) fn new(rows: &RecurrentRows<'_>, x: &[Block]) -> Option<Self> {
        let (step, group_bytes): (Step, _) = match (rows.weights, rows.width.in_build()) {
            (Weights::Grouped(_), Width::Int16) => (lstm_nostd_mve_stored, GROUP_BYTES[0]),
            (Weights::GroupedNibbles(_), Width::Int16) if cfg!(feature = "w4a16") => {
                (lstm_nostd_mve_w4a16_stored, GROUP_BYTES[0])
            }
            (Weights::GroupedBytes(_), Width::Int8) => (lstm_nostd_mve_w8a8_stored, GROUP_BYTES[1]),
            _ => return None,
        };
        let plane = rows.layout().lanes();
        let job = Job {
            weights: rows.weights.start(),
            x: x.as_ptr(),
            inputs: rows.inputs,
            plane,
            entry: entry((plane / GROUP).wrapping_sub(1), UNROLL, group_bytes),
            shift: rows.x_shift & 31,
            sums: Store::new(&mut []),
        };
        Some(Self {
            groups: Groups::new(rows, x, &[]),
            job,
            step,
        })
    }

    /// Those from group `first` on.
    #[inline(always)]
    pub(super) fn store(&mut self, first: usize, sums: &mut [I32x4]) {
        let Some(weights) = self.groups.from(first, sums.len()) else {
            return;
        };
        self.job.weights = weights;
        self.job.sums = Store::new(sums);
        // SAFETY: the assembly reads the inputs, of which there is at least one, and as many groups as there are sums,
        // at least one, from `weights` on. It stores the sums of these, and keeps the callee-saved registers. Its
        // stack is 96 bytes and the planes, one or two bytes for each padded activation.
        unsafe { (self.step)(&self.job) }
    }
}

/// (GA) to (GD).
#[inline(always)]
pub(super) fn units<A: Activation>(batch: GruBatch<'_, A>) {
    let left = batch.count();
    if left == 0 {
        return;
    }
    let units = Units {
        states: batch.states.as_mut_ptr(),
        sums: core::ptr::from_ref(batch.sums).cast(),
        next: batch.next.as_mut_ptr().cast(),
        gates: batch.gates.as_ptr(),
        left,
        narrow: (batch.narrowing as i32).wrapping_neg(),
        sigmoid: TABLES.sigmoid.columns(),
        tanh: TABLES.tanh.columns(),
    };
    // SAFETY: gates, states and `next` have as many elements as are left, at least one, or more; both sums lie one behind
    // the other, with room for all lanes. Of fewer than four units at the end the assembly reads and stores no more than
    // those. It keeps the callee-saved registers, and its stack is 104 bytes. Segments are in range as the clamped
    // argument is below 2¹⁵.
    unsafe {
        match size_of::<A>() {
            2 => lstm_nostd_mve_gru_int16(&units),
            _ => lstm_nostd_mve_gru_int8(&units),
        }
    }
}
