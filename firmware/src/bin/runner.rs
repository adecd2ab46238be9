//! Runs models for a host, over the serial port: the board's side of `trainer-host eval --device`.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use lstm_firmware::memory::Memory;
use lstm_firmware::stack::Painted;
use lstm_firmware::{board, server};

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();

    let program = Painted::below_caller();
    let (serial, systick) = board::start();
    server::serve(serial, systick, program, MEMORY)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    board::fail_because(info)
}
