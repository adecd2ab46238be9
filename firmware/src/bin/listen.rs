//! Hears an endless stream of samples, and prints its events.
//!
//! ```text
//! serial port ─▶ samples ─▶ front end ─▶ features ─▶ recogniser with its own states ─▶ event
//! ```
//!
//! The host plays the microphone: it sends how many samples there are, as 32 bits, and then the samples of 16 bits, the
//! lower byte first. On a device, samples come from a converter in their place. The model is to have a front end:
//! `cargo xtask firmware run --board BOARD --application listen --model words.lstm`.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use embedded_io::{Read, Write as _};
use lstm_firmware::event::print_event;
use lstm_firmware::{board, embedded};
use lstm_nostd::recognise::{Settings, States};

/// One state hears on and on, and answers at each frame; `trainer-host new-firmware --recogniser FILE` writes such a
/// constant. The model has ten words, and an eleventh class that is none.
const SETTINGS: Settings = Settings {
    states: States::Running {
        warm_up: 20,
        every: 1,
        reset_after: 0,
        reset_on_event: false,
    },
    on: 29_491, // 90 %
    off: 16_384,
    votes: 5,
    answers: 6,
    refractory: 20,
    background: 1 << 10,
};
/// Samples that are taken at once.
const AT_ONCE: usize = 32;

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut serial = board::start().serial;
    let model = match embedded::load() {
        Ok(model) => model,
        Err(error) => board::fail_because(format_args!("the model is refused: {error}")),
    };
    let mut frames = embedded::Frames::new();
    if let Err(error) = model.self_test_of_samples(&mut frames) {
        board::fail_because(error);
    }
    if model.model().front_end().is_none() {
        board::fail_because("the model takes no samples: train it with --front-end");
    }
    let recogniser = embedded::Recogniser::<{ SETTINGS.states() }>::of_model(&model, SETTINGS);
    let mut recogniser = match recogniser {
        Ok(recogniser) => recogniser,
        Err(error) => board::fail_because(error),
    };
    let _ = writeln!(serial, "listening");
    let mut left = u32::from_le_bytes(next(&mut serial));
    while left > 0 {
        let count = AT_ONCE.min(left as usize);
        let mut heard = [0; AT_ONCE];
        for sample in heard.iter_mut().take(count) {
            *sample = i16::from_le_bytes(next(&mut serial));
        }
        left -= count as u32;
        let mut samples = heard.get(..count).unwrap_or_default();
        while let Some(features) = model.next_frame(&mut frames, &mut samples) {
            if let Some(event) = recogniser.step(&features) {
                print_event(&mut serial, event, model.model());
            }
        }
    }
    board::succeed()
}

/// The next bytes of the serial port.
fn next<const N: usize>(serial: &mut impl Read) -> [u8; N] {
    let mut bytes = [0; N];
    if serial.read_exact(&mut bytes).is_err() {
        board::fail_because("the serial port ended");
    }
    bytes
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    board::fail_because(info)
}
