//! Shows the whole use of the engine on one screen: a model in flash, a sensor, and a class, or values in real
//! units, after each sample.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use embedded_io::Write as _;
use lstm_firmware::event::print_event;
use lstm_firmware::{board, embedded};
use lstm_nostd::Task;
use lstm_nostd::recognise::{Settings, States};

/// Which answers make an event, for the second half of the program; a host counts by such settings what they detect and
/// invent. Each step begins a window of six, so six states take turns.
const SETTINGS: Settings = Settings {
    states: States::Windows { steps: 6, hop: 1 },
    on: 8_600, // 26 %
    off: 8_600,
    votes: 2,
    answers: 3,
    refractory: 4,
    background: 0,
};

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut serial = board::start().serial;
    // Checks the whole file. After this nothing can fail.
    let model = match embedded::load() {
        Ok(model) => model,
        Err(error) => board::fail_because(format_args!("the model is refused: {error}")),
    };
    // The file holds steps, and the outputs that must follow from them.
    if let Err(error) = model.self_test() {
        board::fail_because(error);
    }
    let mut state = embedded::State::new();

    // The golden steps in the model file stand in for a sensor. They are the beginning of one recording, and a network
    // that was trained on recordings or windows begins each of them with a fresh state: without the reset, its cells go
    // where training never took them. Call `reset` at the beginning of each further one. A network that was trained
    // with `--for-streams` is meant to go without.
    state.reset();
    for (sample, (raw, _)) in model.model().golden_steps().enumerate() {
        let Ok(raw) = raw.try_into() else { continue };
        // Between the strides of a convolution the outputs stand; without one they always move.
        let Some(outputs) = model.moved(&mut state, raw) else {
            continue;
        };
        let mut names = model.model().output_names();
        if embedded::TASK == Task::Linear {
            for (name, value) in names.zip(model.values(&outputs)) {
                let _ = writeln!(serial, "sample {sample}: {name} {value}");
            }
        } else {
            let class = lstm_nostd::decide(&outputs);
            let name = names.nth(class).unwrap_or("?");
            let _ = writeln!(serial, "sample {sample}: {name}");
        }
    }

    // The same samples over and over, as an endless stream: the recogniser resets its states, and makes events of the
    // answers. A model whose outputs are values has none.
    let recogniser = embedded::Recogniser::<{ SETTINGS.states() }>::of_model(&model, SETTINGS);
    if let Ok(mut recogniser) = recogniser {
        let samples = core::iter::repeat_n((), 5).flat_map(|()| model.model().golden_steps());
        for (raw, _) in samples {
            let Ok(raw) = raw.try_into() else { continue };
            if let Some(event) = recogniser.step(raw) {
                print_event(&mut serial, event, model.model());
            }
        }
    }
    board::succeed()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    board::fail_because(info)
}
