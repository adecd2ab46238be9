//! Shows the whole use of the engine on one screen: a model in flash, a sensor, and a class, or values in real
//! units, after each sample.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use embedded_io::Write as _;
use lstm_firmware::{board, embedded};
use lstm_nostd::Task;

#[cortex_m_rt::entry]
fn main() -> ! {
    let (mut serial, _) = board::start();
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
        let outputs = model.step(&mut state, raw);
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
    board::succeed()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    board::fail_because(info)
}
