//! An image that links only if no panic can be reached from the engine's parser and time step.
//!
//! The panic handler calls a function that does not exist. If the optimiser proves that nothing panics, it removes the
//! handler and the call. If one bounds check can fail, the call stays, and the linker reports the undefined symbol
//! `__panic_is_reachable`.
//!
//! The optimiser must not know the model, or it would remove code that this model does not need. So the file passes
//! through a `black_box`. Parser and step are separate functions, and `cargo xtask bench` reads their sizes from the
//! image. There are two steps: one with sizes known at run time, one with sizes known at compile time.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;

use lstm_firmware::{board, embedded};
use lstm_nostd::{ArtifactError, Block, I16F16, Model};

const SIZES: lstm_nostd::artifact::Sizes = embedded::SIZES;

#[cortex_m_rt::entry]
fn main() -> ! {
    let Ok(model) = parse(black_box(embedded::FILE)) else {
        board::fail()
    };
    let mut state = embedded::State::new();
    let mut scratch = black_box([Block::default(); SIZES.scratch_blocks]);
    let mut outputs = black_box([I16F16::ZERO; SIZES.outputs]);
    loop {
        let raw = black_box([0; SIZES.inputs]);
        step(&model, &mut state, &mut scratch, &raw, &mut outputs);
        if let Ok(model) = embedded::Model::new(model.clone()) {
            outputs = fixed_step(&model, &mut state, &raw);
        }
        if cfg!(feature = "reachable-panic") {
            black_box(outputs[black_box(0)]);
        }
    }
}

#[inline(never)]
fn parse(file: &[u8]) -> Result<Model<'_>, ArtifactError> {
    Model::parse(file)
}

#[inline(never)]
fn step(
    model: &Model<'_>,
    state: &mut embedded::State,
    scratch: &mut [Block],
    raw: &[i32],
    outputs: &mut [I16F16],
) {
    let state = (&mut state.hidden[..], &mut state.cell[..]);
    if model.step(state, scratch, raw, outputs).is_err() {
        board::fail()
    }
}

#[inline(never)]
fn fixed_step(
    model: &embedded::Model,
    state: &mut embedded::State,
    raw: &[i32; SIZES.inputs],
) -> [I16F16; SIZES.outputs] {
    black_box(model.step(state, raw))
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn __panic_is_reachable() -> !;
    }
    // SAFETY: the function does not exist, so that a program with this call does not link.
    unsafe { __panic_is_reachable() }
}
