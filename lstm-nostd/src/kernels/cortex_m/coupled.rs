//! A layer with coupled gates on ARMv7-M, with or without the DSP extension.
//!
//! The sums of a group of its rows come from the loops of a recurrent step: a frame leads them to memory,
//! [`Store`](super::stored::Store), in place of a unit's elementwise part. (UB) and (UC) of
//! [`coupled`](crate::kernels::coupled), and (C), (D) and (H), follow in registers, in `coupled.s`.
#![allow(unsafe_code)]

use super::layout::layout;
use super::narrow::Narrow;
use crate::activation::{TABLES, Tables};
use crate::kernels::coupled::CoupledBatch;
use crate::kernels::{Activation, CoupledGates, I32x4};

/// What the assembly needs to know of some units.
#[repr(C)]
struct Frame {
    tables: *const Tables,
    gates: *const CoupledGates,
    sums: *const I32x4,
    cell: *mut i32,
    next: *mut u8,
    peepholes: *const [i16; 2],
    /// i·g is halved m − 1 times, with this added before: (C) without the factor two.
    half: i32,
    shift: u32,
    squash: i32,
    narrow: Narrow,
    end: *const i32,
}

layout! { "coupled.s", Frame:
    K_TABLES = tables,
    K_GATES = gates,
    K_SUMS = sums,
    K_CELL = cell,
    K_NEXT = next,
    K_PEEPHOLES = peepholes,
    K_HALF = half,
    K_SHIFT = shift,
    K_SQUASH = squash,
    K_NARROW = narrow,
    K_END = end,
}

unsafe extern "C" {
    fn lstm_nostd_coupled_int16(frame: *mut Frame);
    fn lstm_nostd_coupled_int8(frame: *mut Frame);
    fn lstm_nostd_coupled_peepholes_int16(frame: *mut Frame);
    fn lstm_nostd_coupled_peepholes_int8(frame: *mut Frame);
}

/// (UB) to (H).
#[inline(always)]
pub(super) fn units<A: Activation>(batch: CoupledBatch<'_, A>) {
    let (count, with_peepholes) = (batch.count(), !batch.peepholes.is_empty());
    if count == 0 || with_peepholes && batch.peepholes.len() < count {
        return;
    }
    let m = batch.cell_int_bits.clamp(1, 15);
    let cell = batch.cells.as_mut_ptr();
    let mut frame = Frame {
        tables: &TABLES,
        gates: batch.gates.as_ptr(),
        sums: batch.sums.as_ptr(),
        cell,
        next: batch.next.as_mut_ptr().cast(),
        peepholes: batch.peepholes.as_ptr(),
        half: (1 << m) >> 2,
        shift: m - 1,
        squash: 1 << (13 + m),
        narrow: Narrow::new(batch.h_shift),
        end: cell.wrapping_add(count),
    };
    // SAFETY: `count` is not zero, and gates, cells and `next` have as many elements or more, and so have the peepholes
    // where they are read; the sums have room for as many units. The assembly writes `count` cells, as many lanes
    // of `next`, and the frame. It keeps the callee-saved registers, and its stack is 36 bytes. Segments are in range as
    // the clamped argument is below 2¹⁵.
    unsafe {
        match (size_of::<A>(), with_peepholes) {
            (2, false) => lstm_nostd_coupled_int16(&mut frame),
            (_, false) => lstm_nostd_coupled_int8(&mut frame),
            (2, true) => lstm_nostd_coupled_peepholes_int16(&mut frame),
            (_, true) => lstm_nostd_coupled_peepholes_int8(&mut frame),
        }
    }
}
