//! Dense layers: the loops of a recurrent step sum their rows, too.
//!
//! A group of four rows is the input part of a unit's rows. Its sums go through (E) of
//! [`dense`](crate::kernels::dense), which a frame leads to in place of a unit's elementwise part. Rows that lie in no
//! group follow one by one: they meet the same activations.
#![allow(unsafe_code)]

use core::mem::MaybeUninit;

use super::Place;
use super::layout::layout;
use crate::kernels::{Block, DenseOutputs, DenseParameters, DenseWeights, I32x4, blocks};

/// What a frame begins with in place of a unit's words.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Finish {
    /// Running pointers.
    rows: *const [i32; 2],
    y: *mut u8,
    rows_end: *const [i32; 2],
    shift: u32,
    /// Where an output is stored.
    store: Place,
    /// Past the groups' weights, where rows that lie in none begin.
    rest: *const u8,
    /// What turns their words into such as cores without SIMD read, by exclusive or: w to w + 128 but for the last of
    /// four, or w + 8 to w for the last of eight.
    offsets: u32,
    /// Where the sum of one of them is made.
    row: Place,
    sums: MaybeUninit<I32x4>,
}

macro_rules! finish_layout {
    ($file:literal) => {
        layout! { $file, Finish:
            G_ROWS = rows,
            G_Y = y,
            G_ROWS_END = rows_end,
            G_SHIFT = shift,
            G_STORE = store,
            G_REST = rest,
            G_OFFSETS = offsets,
            G_ROW = row,
            G_SUMS = sums,
        }
    };
}
#[cfg(not(lstm_kernels = "v6m"))]
finish_layout! { "dense.s" }
#[cfg(lstm_kernels = "v6m")]
finish_layout! { "v6m.s" }

/// Places in a core's assembly.
pub(super) struct Places {
    /// Sums of four rows.
    pub(super) group: Place,
    /// The sum of a row that lies in no group.
    pub(super) row: Place,
    /// Stores of [`DenseOutputs`], in their order.
    pub(super) stores: [Place; 3],
}

/// Where the rows begin, and what comes first.
pub(super) struct Start {
    pub(super) weights: *const u8,
    pub(super) first: Place,
}

/// What a frame leads to for a dense layer; `None` if the layer is not whole or its operands are short. Then a step
/// reads the blocks of `x` that hold the inputs, of which there is one, and all rows, writes the outputs, and ends.
#[inline(always)]
pub(super) fn finish(
    layer: &DenseParameters<'_>,
    x: &[Block],
    y: &mut DenseOutputs<'_>,
    places: &Places,
) -> Option<(Finish, Start)> {
    let [values, int16, int8] = places.stores;
    let (len, y, store) = match y {
        DenseOutputs::Values(y) => (y.len(), y.as_mut_ptr().cast(), values),
        DenseOutputs::Int16(y) => (y.len(), y.as_mut_ptr().cast(), int16),
        DenseOutputs::Int8(y) => (y.len(), y.as_mut_ptr().cast(), int8),
    };
    let (rest, rest_len, of_row, offsets) = match layer.weights {
        DenseWeights::Int8(rest) => {
            let row = blocks(layer.inputs);
            (rest.as_ptr().cast(), rest.len(), row, 0x0080_8080)
        }
        DenseWeights::Nibbles(rest) => {
            let row = layer.inputs.div_ceil(8);
            (rest.as_ptr().cast::<u8>(), rest.len(), row, 0x8000_0000)
        }
    };
    let (groups, lanes) = (layer.group_count(), layer.group_rows().layout().lanes());
    let in_no_group = layer.outputs.saturating_sub(layer.grouped_rows());
    // In a model file, sections follow one another.
    let follows = layer.groups.start().wrapping_add(layer.groups.bytes()) == rest;
    let fits = layer.inputs > 0
        && layer.outputs > 0
        && x.len() >= layer.width.blocks(layer.inputs)
        && len >= layer.outputs
        && layer.rows.len() >= layer.outputs
        && layer.groups.block_count() == groups.saturating_mul(lanes / 4)
        && rest_len >= in_no_group.saturating_mul(of_row)
        && (groups == 0 || in_no_group == 0 || follows);
    let (weights, first) = match groups {
        0 => (rest, places.row),
        _ => (layer.groups.start(), places.group),
    };
    let rows = layer.rows.as_ptr();
    let finish = Finish {
        rows,
        y,
        rows_end: rows.wrapping_add(layer.outputs),
        shift: layer.output_shift & 31,
        store,
        rest,
        offsets,
        row: places.row,
        sums: MaybeUninit::uninit(),
    };
    fits.then_some((finish, Start { weights, first }))
}
