//! Models that take samples: behind the states of a stream lie its samples.
//!
//! Scratch memory is first that of a step or the front end's work memory, whose times differ, then a frame's features.

use core::ptr::slice_from_raw_parts_mut;
use core::slice::{from_raw_parts, from_raw_parts_mut};

use lstm_nostd::front_end::{FrontEnd, Signal, Word2};
use lstm_nostd::kernels::I32x4;
use lstm_nostd::{Block, I16F16, Model};

use crate::lstm_step;

// Both are what a C program gives as uint64_t.
const _: () = assert!(size_of::<Word2>() == size_of::<Block>() && align_of::<Word2>() <= 8);

/// Bytes of a stream's samples.
pub(crate) fn bytes(model: &Model<'static>) -> usize {
    model.front_end().map_or(0, FrontEnd::signal_bytes)
}

/// Bytes of scratch memory.
pub(crate) fn scratch_bytes(model: &Model<'static>) -> usize {
    let features = model.front_end().map_or(0, FrontEnd::features);
    8 * (features_at(model) + features.div_ceil(2))
}

/// Blocks of scratch memory before the features.
fn features_at(model: &Model<'static>) -> usize {
    let work = model.front_end().map_or(0, FrontEnd::work);
    model.scratch_blocks().max(work)
}

/// What the front end keeps and uses.
struct Buffers<'s> {
    signal: &'s mut Signal<[i16]>,
    work: &'s mut [Word2],
    features: &'s mut [i32],
}

/// # Safety
/// `state` and `scratch` are of the model's sizes, on 8-byte boundaries, and nothing else uses them.
unsafe fn buffers<'s>(
    model: &Model<'static>,
    front_end: &FrontEnd<'static>,
    state: *mut I32x4,
    scratch: *mut Block,
) -> Buffers<'s> {
    // SAFETY: the caller vouches for both. All numbers are valid, so whatever lies there is a `Signal`.
    unsafe {
        Buffers {
            signal: &mut *signal_of(model, front_end, state),
            work: from_raw_parts_mut(scratch.cast(), front_end.work()),
            features: from_raw_parts_mut(
                scratch.add(features_at(model)).cast(),
                front_end.features(),
            ),
        }
    }
}

/// The samples of a stream.
///
/// # Safety
/// `state` is of the model's size.
unsafe fn signal_of(
    model: &Model<'static>,
    front_end: &FrontEnd<'static>,
    state: *mut I32x4,
) -> *mut Signal<[i16]> {
    // SAFETY: the samples lie within the state.
    let samples = unsafe {
        let hidden = state.add(model.cell_blocks()).cast::<Block>();
        hidden.add(model.hidden_blocks()).cast::<i16>()
    };
    slice_from_raw_parts_mut(samples, front_end.history()) as *mut Signal<[i16]>
}

/// Back to before the first sample.
///
/// # Safety
/// As for [`buffers`].
pub(crate) unsafe fn reset(model: &Model<'static>, state: *mut I32x4) {
    if let Some(front_end) = model.front_end() {
        // SAFETY: as for `buffers`.
        unsafe { (*signal_of(model, front_end, state)).reset() };
    }
}

/// Whether the front end makes the features that the file holds for its test samples.
///
/// # Safety
/// As for [`buffers`].
pub(crate) unsafe fn self_test(
    model: &Model<'static>,
    state: *mut I32x4,
    scratch: *mut Block,
) -> bool {
    let Some(front_end) = model.front_end() else {
        return true;
    };
    // SAFETY: the caller vouches for them.
    let buffers = unsafe { buffers(model, front_end, state, scratch) };
    front_end.self_test(buffers.signal, buffers.work, buffers.features) == Ok(true)
}

/// `lstm_push_samples`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstm_push_samples(
    model: &Model<'static>,
    state: *mut I32x4,
    scratch: *mut Block,
    samples: *const i16,
    count: usize,
    outputs: *mut I16F16,
) -> u32 {
    let Some(front_end) = model.front_end() else {
        return 0;
    };
    if count == 0 {
        return 0;
    }
    // SAFETY: the caller gives so many samples.
    let mut samples = unsafe { from_raw_parts(samples, count) };
    let mut frames = 0;
    loop {
        // SAFETY: the caller gives buffers of the model's sizes. The step below uses them when these are no more used.
        let Buffers {
            signal,
            work,
            features,
        } = unsafe { buffers(model, front_end, state, scratch) };
        // No buffer is too short.
        if front_end.push(signal, work, &mut samples, features) != Ok(true) {
            return frames;
        }
        let features = features.as_ptr();
        // SAFETY: as for `lstm_step`; the features lie behind its scratch memory, and there is one for each input.
        unsafe { lstm_step(model, state, scratch, features, outputs) };
        frames += 1;
    }
}
