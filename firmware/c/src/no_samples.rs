//! In place of `samples.rs` where the library is built without the cargo features `sound` and `statistics`: no model takes samples.

use lstm_nostd::kernels::I32x4;
use lstm_nostd::{Block, Model};

/// Bytes of a stream's samples.
pub(crate) fn bytes(_: &Model<'static>) -> usize {
    0
}

/// Bytes of scratch memory: those of a step.
pub(crate) fn scratch_bytes(model: &Model<'static>) -> usize {
    lstm_nostd::model::scratch_bytes(model.scratch_blocks())
}

/// There are none to be forgotten.
///
/// # Safety
/// It does nothing.
pub(crate) unsafe fn reset(_: &Model<'static>, _: *mut I32x4) {}

/// There is nothing to be tested.
///
/// # Safety
/// It does nothing.
pub(crate) unsafe fn self_test(_: &Model<'static>, _: *mut I32x4, _: *mut Block) -> bool {
    true
}
