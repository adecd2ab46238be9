//! An image that links only if no panic can be reached from the engine's parser and time step.
//!
//! The panic handler calls a function that does not exist. If the optimiser proves that nothing panics, it removes the
//! handler and the call. If one bounds check can fail, the call stays, and the linker reports the undefined symbol
//! `__panic_is_reachable`.
//!
//! The optimiser must not know the model, or it would remove code that this model does not need. So the file passes
//! through a `black_box`. Parser and step are separate functions, and `cargo xtask bench` reads their sizes from the
//! image. The recogniser meets any settings and any answers, so it has a network of its own that gives such answers.
//! There are two steps: one with sizes known at run time, one with sizes known at compile time.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;

use lstm_firmware::{board, embedded};
#[cfg(feature = "front-end")]
use lstm_nostd::front_end::Signal;
use lstm_nostd::recognise::{Event, Network, Recogniser, Settings, States, Track};
use lstm_nostd::{ArtifactError, Block, I16F16, Model, probability};

const SIZES: lstm_nostd::artifact::Sizes = embedded::SIZES;

#[cortex_m_rt::entry]
fn main() -> ! {
    let Ok(model) = parse(black_box(embedded::FILE)) else {
        board::fail()
    };
    let mut state = embedded::State::new();
    let mut scratch = black_box([Block::default(); SIZES.scratch_blocks]);
    let mut outputs = black_box([I16F16::ZERO; SIZES.outputs]);
    let Ok(mut recogniser) = recogniser(black_box(SETTINGS)) else {
        board::fail()
    };
    #[cfg(feature = "front-end")]
    let mut signal = Signal::new(black_box([0; HISTORY]));
    loop {
        black_box(recognise(&mut recogniser, black_box(&[I16F16::ZERO; 4])));
        #[cfg(feature = "front-end")]
        black_box(features(
            &model,
            &mut signal,
            &black_box([0; 100]),
            &mut black_box([0; 20]),
        ));
        let raw = black_box([0; SIZES.inputs]);
        step(&model, &mut state, &mut scratch, &raw, &mut outputs);
        if let Ok(model) = embedded::Model::new(model.clone()) {
            outputs = fixed_step(&model, &mut state, &raw);
        }
        #[cfg(all(feature = "window", not(debug_assertions)))]
        black_box(window(
            black_box(embedded::FILE),
            &black_box([0; 40]),
            &mut black_box([Block::default(); 40]),
            &mut outputs,
        ));
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

/// A model of whole windows, parsed, run and tested. With debug assertions the core library's own checks stay in it.
#[cfg(all(feature = "window", not(debug_assertions)))]
#[inline(never)]
fn window(file: &[u8], raw: &[i32], buffer: &mut [Block], outputs: &mut [I16F16]) -> bool {
    let Ok(model) = lstm_nostd::WindowModel::parse(file) else {
        return false;
    };
    model.run(raw, buffer, outputs).is_ok() && model.self_test(buffer).is_ok()
}

/// Samples of a stream, for frames of 256.
#[cfg(feature = "front-end")]
const HISTORY: usize = 256;

#[cfg(feature = "front-end")]
#[inline(never)]
fn features(
    model: &Model<'_>,
    signal: &mut Signal<[i16; HISTORY]>,
    mut samples: &[i16],
    features: &mut [i32],
) -> bool {
    let mut work = [[0; 2]; HISTORY / 2];
    let front_end = model.front_end();
    front_end.is_some_and(|front_end| {
        front_end.push(signal, &mut work, &mut samples, features) == Ok(true)
    })
}

const SETTINGS: Settings = Settings {
    states: States::Windows { steps: 3, hop: 1 },
    on: 2,
    off: 1,
    votes: 1,
    answers: 2,
    refractory: 3,
    background: 1,
};

type AnyRecogniser = Recogniser<AnyAnswers, [Track; 4]>;

#[inline(never)]
fn recogniser(settings: Settings) -> Result<AnyRecogniser, lstm_nostd::recognise::SettingsError> {
    Recogniser::new(AnyAnswers([0; 4]), [Track::NEW; 4], settings)
}

#[inline(never)]
fn recognise(recogniser: &mut AnyRecogniser, logits: &[I16F16; 4]) -> Option<Event> {
    recogniser.step(logits)
}

/// A network whose answers follow from the last sample alone.
struct AnyAnswers([i16; 4]);

impl Network for AnyAnswers {
    type Raw = [I16F16; 4];

    fn states(&self) -> usize {
        black_box(3)
    }

    fn classes(&self) -> usize {
        black_box(4)
    }

    fn reset(&mut self, _: usize) {}

    fn advance(&mut self, _: usize, logits: &[I16F16; 4]) {
        probability::of_classes(black_box(embedded::TASK), logits, &mut self.0);
    }

    fn probabilities(&mut self, _: usize) -> &[i16] {
        &self.0
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn __panic_is_reachable() -> !;
    }
    // SAFETY: the function does not exist, so that a program with this call does not link.
    unsafe { __panic_is_reachable() }
}
