//! BBC micro:bit, version 1: Nordic nRF51822, Cortex-M0 at 16 MHz, 16 KB of RAM. QEMU emulates it.

use cortex_m::peripheral::SYST;
use microbit::Board;
use microbit::hal::uart::{Baudrate, Parity, Uart};
use microbit::pac::UART0;

use super::Capacity;

/// Name of the board.
pub const NAME: &str = "microbit";

/// Sizes that leave 6 KB for the stack, which a model file with many layers needs while it is parsed.
pub const CAPACITY: Capacity = Capacity {
    model_bytes: 6 * 1024,
    frame_bytes: 256,
    message_bytes: 512,
    state_blocks: 19,
    scratch_blocks: 64,
    channels: 32,
};

/// The serial port over USB, and SysTick. To be called once.
pub fn start() -> (Uart<UART0>, SYST) {
    let board = Board::take().unwrap_or_else(|| super::fail());
    let port = Uart::new(
        board.UART0,
        board.uart.into(),
        Parity::EXCLUDED,
        Baudrate::BAUD115200,
    );
    // The driver waits for the event that its first, empty byte was sent. QEMU drops bytes written before the
    // transmitter starts, so this sends another one. A stray zero byte does no harm.
    // SAFETY: the port was configured above; TXD takes any byte.
    unsafe { (*UART0::ptr()).txd.write(|register| register.bits(0)) };
    (port, board.SYST)
}
