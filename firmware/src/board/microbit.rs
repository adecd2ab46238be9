//! BBC micro:bit, version 1: Nordic nRF51822, Cortex-M0 at 16 MHz, 16 KB of RAM. QEMU emulates it.

use cortex_m::peripheral::SYST;
use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};
use microbit::Board;
use microbit::hal::uart::{Baudrate, Parity, Uart};
use microbit::pac::{Interrupt, UART0};

use super::Capacity;
use super::wake::{self, Line};

/// The line that the serial port raises for a byte.
const RECEIVED: Line = Line(Interrupt::UART0 as u16);

/// Name of the board.
pub const NAME: &str = "microbit";

/// Sizes that leave 6 KB for the stack, which a model file with many layers needs while it is parsed.
pub const CAPACITY: Capacity = Capacity {
    model_bytes: 5 * 1024 + 256,
    frame_bytes: 256,
    message_bytes: 512,
    state_blocks: 19,
    scratch_blocks: 64,
    channels: 32,
    frame_samples: 128,
};

/// The serial port over USB, and SysTick. To be called once.
pub fn start() -> (Port, SYST) {
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
    // SAFETY: nothing else writes this register, in which ones count alone.
    unsafe {
        (*UART0::ptr())
            .intenset
            .write(|register| register.rxdrdy().set())
    };
    wake::on(RECEIVED);
    (Port(port), board.SYST)
}

/// The HAL's serial port; a read sleeps until a byte arrives.
pub struct Port(Uart<UART0>);

impl ErrorType for Port {
    type Error = ErrorKind;
}

impl Read for Port {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        if buffer.is_empty() {
            return Ok(0);
        }
        wake::sleep_until(RECEIVED, || match self.0.read_ready() {
            Ok(false) => None,
            Ok(true) | Err(_) => Some(()),
        });
        self.0.read(buffer).map_err(|_| ErrorKind::Other)
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.0.write(bytes).map_err(|_| ErrorKind::Other)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.0.flush().map_err(|_| ErrorKind::Other)
    }
}
