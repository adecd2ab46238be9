//! Cores with the DSP extension: a GRU layer, by the loops of `dsp.s`.
//!
//! A group of its rows goes through the loop over the layer input and that over the hidden state, as a unit's rows do.
//! Between both, the candidates' rows are put aside: their sums with the hidden state are the total less what was put
//! aside. Four units have three groups; then (GA) to (GD) of [`gru`](crate::kernels::gru) follow in registers, in
//! `dsp_gru.s`. Of the last one to three units, whose rows fill as many groups, the rest of the last group is not read.
#![allow(unsafe_code)]

use core::mem::MaybeUninit;
use core::ptr;

use super::Place;
use super::dsp::{After, Code, Frame, PartCode, Rows, bring_back};
use super::layout::layout;
use crate::activation::{TABLES, Tables};
use crate::kernels::{Block, GruGates, GruParameters, I32x4, Width};

/// The code for groups of rows in one order of weights.
pub(super) struct GruCode {
    /// What comes between both parts of the first of three groups.
    pub(super) between: Place,
    /// The loop over the hidden state, and what follows it.
    pub(super) h: PartCode,
}

/// What a frame begins with in place of a unit's words.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Walk {
    input: I32x4,
    /// The assembly sets them.
    at: *mut I32x4,
    end: *const I32x4,
    x_weights: *const u8,
    h_weights: *const u8,
    h_entry: usize,
    done: Place,
    units: *mut Units,
    states_end: *const i32,
    group: Place,
}

layout! { "dsp_gru.s", Walk:
    V_INPUT = input,
    V_AT = at,
    V_END = end,
    V_X_WEIGHTS = x_weights,
    V_H_WEIGHTS = h_weights,
    V_H_ENTRY = h_entry,
    V_DONE = done,
    V_UNITS = units,
    V_STATES_END = states_end,
    V_GROUP = group,
}

/// The elementwise part.
#[repr(C)]
struct Units {
    tables: *const Tables,
    gates: *const GruGates,
    sums: *mut [I32x4; 3],
    /// The assembly sets it.
    stop: *const i32,
    state: *mut i32,
    next: *mut Block,
    between: Place,
    /// What sums of a row with the layer input lack, as its nibbles begin with what the whole row's lack.
    offset: u32,
}

layout! { "dsp_gru.s", Units:
    W_TABLES = tables,
    W_GATES = gates,
    W_SUMS = sums,
    W_STOP = stop,
    W_STATE = state,
    W_NEXT = next,
    W_BETWEEN = between,
    W_OFFSET = offset,
}

unsafe extern "C" {
    fn lstm_nostd_dsp_gru();
    fn lstm_nostd_dsp_gru_int16();
    fn lstm_nostd_dsp_gru_int8();
}

/// Where new hidden states go, and the code that writes them.
#[inline(always)]
fn written(width: Width, h: &mut [Block], next: &mut [Block]) -> (*mut Block, Place) {
    match width {
        Width::Int16 => (next.as_mut_ptr(), lstm_nostd_dsp_gru_int16),
        // What the products read is a copy.
        Width::Int8 => (h.as_mut_ptr(), lstm_nostd_dsp_gru_int8),
    }
}

/// [`Kernels::gru_step`](crate::kernels::Kernels::gru_step)
#[inline(always)]
pub(super) fn step(
    layer: &GruParameters<'_>,
    x: &[Block],
    h: &mut [Block],
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    let rows = &layer.rows;
    let (true, Some(code)) = (layer.fits(x, h, cell, next), Code::of(&rows.weights)) else {
        return;
    };
    let width = rows.width.in_build();
    let (next_start, done) = written(width, h, next);
    let state = cell.as_mut_ptr().cast::<i32>();
    let mut sums = MaybeUninit::uninit();
    let mut frame_rows = Rows::new(rows, [&code.parts[0], &code.gru.h], code.group, x, h);
    let mut units = Units {
        tables: &TABLES,
        gates: layer.gates.as_ptr(),
        sums: sums.as_mut_ptr(),
        stop: ptr::null(),
        state,
        next: next_start,
        between: code.gru.between,
        offset: frame_rows.offset_of_input(rows, x),
    };
    let after = After {
        walk: Walk {
            input: [0; 4],
            at: ptr::null_mut(),
            end: ptr::null(),
            x_weights: rows.weights.start(),
            h_weights: layer.recurrent.start(),
            h_entry: frame_rows.h.entry,
            done,
            units: &raw mut units,
            states_end: state.wrapping_add(layer.units()),
            group: code.group,
        },
    };
    frame_rows.first = lstm_nostd_dsp_gru;
    if width == Width::Int8 {
        frame_rows.start.lanes[0] = rows.h_shift.wrapping_add(15) & 31;
    }
    let mut frame = Frame {
        after,
        rows: frame_rows,
        weights: rows.weights.start(),
    };
    // SAFETY: `fits` holds: of both streams of weights the assembly reads the groups of H units, of `x` and `h` the
    // blocks that hold I and H lanes, and of the gates H; it writes H lanes of `cell` and `next` or, once they were
    // copied, of `h`, and up to three groups' sums. It ends after H ≥ 1 units. Segments are in range as the clamped
    // argument is below 2¹⁵.
    unsafe { frame.run(rows, x, h) }
    // SAFETY: `fits` holds: `h` and `next` have H lanes.
    unsafe { bring_back(width, h, next, layer.units()) }
}
