//! Runs models for a host, over the serial port: the board's side of `trainer-host eval --device`.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use cortex_m::Peripherals;
use lstm_firmware::memory::Memory;
use lstm_firmware::stack::Painted;
use lstm_firmware::{board, server};

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();

    let program = Painted::below_caller();
    let Some(core) = Peripherals::take() else {
        board::fail()
    };
    server::serve(board::serial(), core.SYST, program, MEMORY)
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    board::fail()
}
