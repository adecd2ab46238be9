//! The engine for C: a static library with the functions of `include/lstm_nostd.h`, which describes them.
//!
//! A C program owns all memory. Model, state and scratch memory come as pointers, which the caller vouches for.
#![no_std]
#![allow(
    clippy::missing_safety_doc,
    reason = "include/lstm_nostd.h says what callers keep"
)]

use core::panic::PanicInfo;
use core::slice::{from_raw_parts, from_raw_parts_mut};

use lstm_nostd::artifact::LayerError;
use lstm_nostd::kernels::I32x4;
use lstm_nostd::model::state_bytes;
use lstm_nostd::{ArtifactError, Block, I16F16, Model, Task, decide, probability};

#[cfg_attr(not(feature = "front-end"), path = "no_samples.rs")]
mod samples;

/// Bytes of `lstm_model` in the header.
const MODEL_BYTES: usize = 1024;
const _: () =
    assert!(size_of::<Model<'static>>() <= MODEL_BYTES && align_of::<Model<'static>>() <= 8);
// The header states them as integers.
const _: () = assert!(size_of::<I16F16>() == 4 && align_of::<I16F16>() == 4);

/// What a function found; the numbers of `lstm_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Status {
    /// All is well.
    Ok = 0,
    /// The file does not lie on a 4-byte boundary.
    Misaligned = 1,
    /// The file has another length than its header says.
    Length = 2,
    /// The file does not begin like a model file.
    NoModel = 3,
    /// The file has another version.
    Version = 4,
    /// The file was damaged.
    Checksum = 5,
    /// The weights are in the order of another core.
    OtherCore = 6,
    /// The library was built without the scheme, the kind of layer or front ends.
    SchemeLeftOut = 7,
    /// A field, a weight or a name is not valid.
    Invalid = 8,
    /// Outputs differ from those in the file.
    SelfTest = 9,
}

impl From<ArtifactError> for Status {
    fn from(error: ArtifactError) -> Self {
        match error {
            ArtifactError::Misaligned { .. } => Self::Misaligned,
            ArtifactError::Truncated { .. } | ArtifactError::TrailingBytes { .. } => Self::Length,
            ArtifactError::BadMagic { .. } => Self::NoModel,
            ArtifactError::Version { .. } => Self::Version,
            ArtifactError::Checksum { .. } => Self::Checksum,
            ArtifactError::Layer { error, .. } => match error {
                LayerError::Order { .. } => Self::OtherCore,
                LayerError::SchemeLeftOut { .. } | LayerError::Feature => Self::SchemeLeftOut,
                _ => Self::Invalid,
            },
            ArtifactError::FrontEndLeftOut
            | ArtifactError::MeanLeftOut
            | ArtifactError::WindowLeftOut => Self::SchemeLeftOut,
            // It has no step.
            ArtifactError::WholeWindows => Self::Invalid,
            ArtifactError::Field { .. } | ArtifactError::Name { .. } => Self::Invalid,
        }
    }
}

/// The sizes of a model: `lstm_sizes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Sizes {
    inputs: u32,
    outputs: u32,
    state_bytes: u32,
    scratch_bytes: u32,
}

/// `lstm_init`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstm_init(
    model: *mut Model<'static>,
    file: *const u8,
    bytes: usize,
) -> Status {
    // SAFETY: the caller gives so many bytes, which stay.
    let file = unsafe { from_raw_parts(file, bytes) };
    match Model::parse(file) {
        Ok(parsed) => {
            // SAFETY: an `lstm_model` is as large as a `Model`, and as aligned. There is none in it to be dropped.
            unsafe { model.write(parsed) };
            Status::Ok
        }
        Err(error) => error.into(),
    }
}

/// `lstm_sizes_of`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstm_sizes_of(model: &Model<'static>) -> Sizes {
    Sizes {
        inputs: model.inputs() as u32,
        outputs: model.outputs() as u32,
        state_bytes: (state_bytes(model.cell_blocks(), model.hidden_blocks())
            + samples::bytes(model)) as u32,
        scratch_bytes: samples::scratch_bytes(model) as u32,
    }
}

/// `lstm_reset`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstm_reset(model: &Model<'static>, state: *mut I32x4) {
    // SAFETY: the caller gives a state of the model's size.
    unsafe {
        lstm_forget(model, state);
        samples::reset(model, state);
    }
}

/// `lstm_forget`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstm_forget(model: &Model<'static>, state: *mut I32x4) {
    // SAFETY: the caller gives a state of the model's size.
    let (hidden, cell) = unsafe { state_of(model, state) };
    hidden.fill(Block::ZERO);
    cell.fill([0; 4]);
}

/// `lstm_step`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstm_step(
    model: &Model<'static>,
    state: *mut I32x4,
    scratch: *mut Block,
    raw: *const i32,
    outputs: *mut I16F16,
) {
    // SAFETY: the caller gives buffers of the model's sizes, which do not overlap.
    let (state, scratch, raw, outputs) = unsafe {
        (
            state_of(model, state),
            from_raw_parts_mut(scratch, model.scratch_blocks()),
            from_raw_parts(raw, model.inputs()),
            from_raw_parts_mut(outputs, model.outputs()),
        )
    };
    // No buffer is too short.
    let _ = model.step(state, scratch, raw, outputs);
}

/// `lstm_probabilities`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstm_probabilities(
    model: &Model<'static>,
    outputs: *const I16F16,
    probabilities: *mut i16,
) -> u32 {
    // SAFETY: the caller gives as many of both as the model has outputs.
    let (outputs, probabilities) = unsafe {
        (
            from_raw_parts(outputs, model.outputs()),
            from_raw_parts_mut(probabilities, model.outputs()),
        )
    };
    match model.task() {
        Task::Linear => probabilities.fill(0),
        Task::Sigmoid => {
            for (probability, logit) in probabilities.iter_mut().zip(outputs) {
                *probability = probability::sigmoid(*logit);
            }
        }
        Task::Softmax => probability::softmax(outputs, probabilities),
    }
    decide(outputs) as u32
}

/// `lstm_self_test`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstm_self_test(
    model: &Model<'static>,
    state: *mut I32x4,
    scratch: *mut Block,
    outputs: *mut I16F16,
) -> Status {
    // SAFETY: the caller gives buffers of the model's sizes.
    if !unsafe { samples::self_test(model, state, scratch) } {
        return Status::SelfTest;
    }
    // SAFETY: as for `lstm_reset` and `lstm_step`. Outputs begin as zero, as in Rust.
    unsafe {
        lstm_reset(model, state);
        from_raw_parts_mut(outputs, model.outputs()).fill(I16F16::ZERO);
    }
    for (raw, expected) in model.golden_steps() {
        // SAFETY: as for `lstm_step`; the file holds an input for each channel.
        let found = unsafe {
            lstm_step(model, state, scratch, raw.as_ptr(), outputs);
            from_raw_parts(outputs, model.outputs())
        };
        let mut pairs = found.iter().zip(expected);
        if pairs.any(|(found, expected)| found.to_bits() != *expected) {
            return Status::SelfTest;
        }
    }
    Status::Ok
}

/// Hidden state and cells: cells come first, as in the engine's `State`.
///
/// # Safety
/// `state` is of the model's size, on an 8-byte boundary, and nothing else uses it.
unsafe fn state_of<'s>(
    model: &Model<'static>,
    state: *mut I32x4,
) -> (&'s mut [Block], &'s mut [I32x4]) {
    let cells = model.cell_blocks();
    // SAFETY: the caller vouches for both parts.
    unsafe {
        let hidden = state.add(cells).cast();
        (
            from_raw_parts_mut(hidden, model.hidden_blocks()),
            from_raw_parts_mut(state, cells),
        )
    }
}

/// The engine does not panic on the supported cores, and the linker drops this.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
