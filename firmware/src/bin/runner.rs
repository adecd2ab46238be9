//! Runs models for a host, over the serial port: the board's side of `trainer-host eval --device` and of `update`.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use lstm_firmware::memory::Memory;
use lstm_firmware::stack::Painted;
use lstm_firmware::{board, server};
use lstm_update::Store;

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();

    let program = Painted::below_caller();
    let board::Parts {
        serial,
        systick,
        flash,
        ..
    } = board::start();
    match Store::new(flash, board::SLOTS) {
        Ok(store) => server::serve(serial, store, systick, program, MEMORY),
        Err(error) => board::fail_because(error),
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    board::fail_because(info)
}
