//! A GRU layer on ARMv7-M without the DSP extension.
//!
//! The sums of a group of its rows come from the loops of a recurrent step: a frame leads them to memory, [`Store`], in
//! place of a unit's elementwise part. (GA) to (GD) of [`gru`](crate::kernels::gru) follow in registers, in `gru.s`.
#![allow(unsafe_code)]

use super::layout::layout;
use crate::activation::{TABLES, Tables};
use crate::kernels::gru::{GROUPS, GruBatch};
use crate::kernels::{Activation, GruGates, I32x4};

/// What the assembly needs to know of some units.
#[repr(C)]
struct Frame {
    tables: *const Tables,
    gates: *const GruGates,
    sums: *const I32x4,
    end: *const i32,
    state: *mut i32,
    next: *mut u8,
    shift: u32,
}

layout! { "gru.s", Frame:
    U_TABLES = tables,
    U_GATES = gates,
    U_SUMS = sums,
    U_END = end,
    U_STATE = state,
    U_NEXT = next,
    U_SHIFT = shift,
}

const _: () = assert!(
    GROUPS * size_of::<I32x4>() == super::layout::equ(include_str!("gru.s"), "U_APART"),
    "`gru.s` knows how far both sums are apart"
);

unsafe extern "C" {
    fn lstm_nostd_gru_int16(frame: *const Frame);
    fn lstm_nostd_gru_int8(frame: *const Frame);
}

/// (GA) to (GD).
#[inline(always)]
pub(super) fn units<A: Activation>(batch: GruBatch<'_, A>) {
    let count = batch.count();
    if count == 0 {
        return;
    }
    let state = batch.states.as_mut_ptr();
    let frame = Frame {
        tables: &TABLES,
        gates: batch.gates.as_ptr(),
        sums: core::ptr::from_ref(batch.sums).cast(),
        end: state.wrapping_add(count),
        state,
        next: batch.next.as_mut_ptr().cast(),
        shift: batch.narrowing.wrapping_sub(1) & 31,
    };
    // SAFETY: `count` is not zero, and gates, states and `next` have as many elements or more; both sums lie one
    // behind the other, with room for as many units. The assembly keeps the callee-saved registers, and its stack is
    // 40 bytes. Segments are in range as the clamped argument is below 2¹⁵.
    unsafe {
        match size_of::<A>() {
            2 => lstm_nostd_gru_int16(&frame),
            _ => lstm_nostd_gru_int8(&frame),
        }
    }
}
