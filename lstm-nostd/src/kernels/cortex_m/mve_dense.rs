//! Helium: groups of rows of a dense layer, with the blocks of `mve.s`.
//!
//! Activations are split into planes, or int8 ones copied, once a layer. The sums of four rows then go through (E) of
//! [`dense`](crate::kernels::dense) together. Rows in no group take the scalar code.
#![allow(unsafe_code)]

use super::Place;
use super::layout::layout;
use crate::kernels::scalar::dense_rest;
use crate::kernels::{Block, DenseOutputs, DenseParameters, Weights, Width};

/// What the assembly needs to know of a layer.
#[repr(C)]
struct Job {
    weights: *const u8,
    x: *const Block,
    inputs: usize,
    /// Bytes of a plane: weights of a row, with its padding.
    plane: usize,
    kept: Kept,
}

/// What it keeps on its stack.
#[repr(C)]
struct Kept {
    rows: *const [i32; 2],
    /// Rows that lie in groups.
    left: usize,
    y: *mut u8,
    shift: u32,
    /// Where the outputs are stored.
    store: Place,
}

layout! { "mve_dense.s", Job:
    D_WEIGHTS = weights,
    D_X = x,
    D_INPUTS = inputs,
    D_PLANE = plane,
    D_KEPT = kept,
}

const _: () = assert!(
    size_of::<Kept>() == 5 * 4,
    "`mve_dense.s` copies five words"
);

unsafe extern "C" {
    fn lstm_nostd_mve_dense(job: *const Job);
    fn lstm_nostd_mve_w4a16_dense(job: *const Job);
    fn lstm_nostd_mve_w8a8_dense(job: *const Job);
    fn lstm_nostd_mve_dense_values();
    fn lstm_nostd_mve_dense_int16();
    fn lstm_nostd_mve_dense_int8();
}

type Sums = unsafe extern "C" fn(*const Job);

/// (E) of all rows.
#[inline(always)]
pub(super) fn dense(layer: &DenseParameters<'_>, x: &[Block], y: &mut DenseOutputs<'_>) {
    let sums: Option<Sums> = match (layer.groups, layer.width.in_build()) {
        (Weights::Grouped(_), Width::Int16) => Some(lstm_nostd_mve_dense),
        (Weights::GroupedNibbles(_), Width::Int16) if cfg!(feature = "w4a16") => {
            Some(lstm_nostd_mve_w4a16_dense)
        }
        (Weights::GroupedBytes(_), Width::Int8) => Some(lstm_nostd_mve_w8a8_dense),
        _ => None,
    };
    if let Some(sums) = sums {
        groups(layer, x, y, sums);
    }
    dense_rest(layer, x, y);
}

/// (E) of the rows that lie in groups.
#[inline(always)]
fn groups(layer: &DenseParameters<'_>, x: &[Block], y: &mut DenseOutputs<'_>, sums: Sums) {
    let (outputs, y, store): (_, *mut u8, Place) = match y {
        DenseOutputs::Values(y) => (y.len(), y.as_mut_ptr().cast(), lstm_nostd_mve_dense_values),
        DenseOutputs::Int16(y) => (y.len(), y.as_mut_ptr().cast(), lstm_nostd_mve_dense_int16),
        DenseOutputs::Int8(y) => (y.len(), y.as_mut_ptr().cast(), lstm_nostd_mve_dense_int8),
    };
    let left = layer.outputs.min(layer.grouped_rows());
    let lanes = layer.group_rows().layout().lanes();
    let fits = layer.inputs > 0
        && left > 0
        && x.len() >= layer.width.blocks(layer.inputs)
        && layer.groups.block_count() >= layer.group_count().saturating_mul(lanes / 4)
        && layer.rows.len() >= left
        && outputs >= left;
    if !fits {
        return;
    }
    let job = Job {
        weights: layer.groups.start(),
        x: x.as_ptr(),
        inputs: layer.inputs,
        plane: lanes,
        kept: Kept {
            rows: layer.rows.as_ptr(),
            left,
            y,
            shift: layer.output_shift & 31,
            store,
        },
    };
    // SAFETY: `fits` holds: the assembly reads I lanes of `x`, for each group `lanes` weights to four rows, and the
    // biases and multipliers of the `left` rows, of which there is at least one. It stores as many outputs, and keeps
    // the callee-saved registers. Its stack is 112 bytes and the planes, one or two bytes for each padded activation.
    unsafe { sums(&job) }
}
