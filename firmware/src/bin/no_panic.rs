//! An image that links only if no panic can be reached from the engine's parser and time step.
//!
//! The panic handler calls a function that does not exist. While the optimiser can show that nothing
//! panics, the handler and the call vanish; one reachable bounds check, and the linker reports the undefined
//! symbol `__panic_is_reachable`.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;

use lstm_firmware::{board, embedded};

#[cortex_m_rt::entry]
fn main() -> ! {
    let Ok(model) = embedded::load() else {
        board::fail()
    };
    let mut state = embedded::State::new();
    loop {
        let raw = black_box([0; embedded::SIZES.inputs]);
        let outputs = black_box(model.step(&mut state, &raw));
        if cfg!(feature = "reachable-panic") {
            black_box(outputs[black_box(0)]);
        }
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
