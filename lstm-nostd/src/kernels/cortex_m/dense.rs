//! Dense layers: assembly sums the rows of a group with the blocks of a recurrent layer's loop, Rust does the rest.
//!
//! `X.s` prepares a layer's activations on its stack once. For each group it calls [`next_group`] with four sums.
//! Rows in no group take the scalar code.
#![allow(unsafe_code)]

use super::layout::layout;
use crate::kernels::scalar::dense_rest;
use crate::kernels::{Block, DenseOutputs, DenseParameters, Weights, blocks};

/// What the assembly needs to know of a layer.
#[repr(C)]
pub(super) struct Job {
    weights: *const u8,
    /// First and past the last block.
    x: [*const Block; 2],
    inputs: usize,
    /// Weights of a row, with its padding.
    lanes: usize,
    next: unsafe extern "C" fn(i32, i32, i32, i32, &mut Rows<'_, '_>) -> bool,
    rows: *mut u8,
}

layout! { "dense.s", Job:
    D_WEIGHTS = weights,
    D_X = x,
    D_INPUTS = inputs,
    D_LANES = lanes,
    D_NEXT = next,
    D_ROWS = rows,
}

/// What follows from the sums.
struct Rows<'a, 'y> {
    layer: &'a DenseParameters<'a>,
    y: &'a mut DenseOutputs<'y>,
    /// The next group's first row.
    row: usize,
}

pub(super) type Sums = unsafe extern "C" fn(*const Job);

/// A dense layer whose groups `sums` can sum.
#[inline(always)]
pub(super) fn dense(
    layer: &DenseParameters<'_>,
    x: &[Block],
    y: &mut DenseOutputs<'_>,
    sums: impl FnOnce(Weights<'_>) -> Option<(*const u8, Sums)>,
) {
    let (groups, lanes) = (layer.group_count(), layer.group_rows().layout().lanes());
    let has_all = layer.inputs > 0
        && x.len() >= layer.width.blocks(layer.inputs)
        && layer.groups.block_count().saturating_mul(4) >= groups.saturating_mul(lanes);
    if groups > 0
        && has_all
        && let Some((weights, sums)) = sums(layer.groups)
    {
        let mut rows = Rows { layer, y, row: 0 };
        let job = Job {
            weights,
            x: [x.as_ptr(), x.as_ptr().wrapping_add(blocks(layer.inputs))],
            inputs: layer.inputs,
            lanes,
            next: next_group,
            rows: (&raw mut rows).cast(),
        };
        // SAFETY: there is at least one input and one group. The assembly reads the blocks of `x` that hold the
        // inputs, and a group of `lanes` weights to four rows for each call of `next`, which returns false after
        // the last group. It keeps the callee-saved registers.
        unsafe { sums(&job) }
    }
    dense_rest(layer, x, y);
}

/// (E) of the next four rows from their sums; whether another group follows.
unsafe extern "C" fn next_group(a: i32, b: i32, c: i32, d: i32, rows: &mut Rows<'_, '_>) -> bool {
    rows.layer.put(rows.row, &[a, b, c, d], rows.y);
    rows.row = rows.row.wrapping_add(4);
    rows.row < rows.layer.grouped_rows()
}
