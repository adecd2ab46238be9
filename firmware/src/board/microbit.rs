//! BBC micro:bit, version 1: Nordic nRF51822, Cortex-M0 at 16 MHz, 16 KB of RAM. QEMU emulates it.

use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};
use microbit::Board;
use microbit::hal::uart::{Baudrate, Parity, Uart};
use microbit::pac::{Interrupt, NVMC, UART0};

use super::wake::{self, Line};
use super::{Capacity, Controller, MappedFlash, Parts};

/// The line that the serial port raises for a byte.
const RECEIVED: Line = Line(Interrupt::UART0 as u16);

/// Name of the board.
pub const NAME: &str = "microbit";

/// Clock of the core.
pub const CORE_HZ: u32 = 16_000_000;

/// Sizes that leave 6 KB and 256 bytes for the stack, which a model file with many layers needs while it is parsed.
pub const CAPACITY: Capacity = Capacity {
    model_bytes: 5 * 1024,
    frame_bytes: 256,
    message_bytes: 512,
    state_blocks: 19,
    scratch_blocks: 64,
    channels: 32,
    frame_samples: 128,
};

/// Bytes of a slot.
pub const SLOT_BYTES: u32 = 32 * 1024;

unsafe extern "C" {
    /// Where the program's flash ends and the slots begin; `build.rs` defines it.
    static _slots: u8;
}

/// Starts the board; its serial port goes over USB. To be called once.
pub fn start() -> Parts<Port, MappedFlash<Controlled>> {
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
    let (controller, slots) = (Controlled(board.NVMC), &raw const _slots as usize);
    // SAFETY: the linker keeps the program out of the slots, and the board can be taken only once.
    let flash = unsafe { MappedFlash::new(controller, slots, 2 * SLOT_BYTES as usize) };
    Parts {
        serial: Port(port),
        systick: board.SYST,
        flash,
        i2c: None,
    }
}

/// The flash by its controller. The core waits meanwhile: 22 ms for a sector, 46 µs for a word. The crate
/// `nrf-hal-common` has a driver for the chips after the nRF51 only.
pub struct Controlled(NVMC);

impl Controlled {
    fn wait(&self) {
        while self.0.ready.read().ready().is_busy() {}
    }
}

impl Controller for Controlled {
    const SECTOR_BYTES: usize = 1024;

    unsafe fn erase(&mut self, address: usize) {
        self.0.config.write(|w| w.wen().een());
        // SAFETY: the register takes the address of a sector.
        (self.0.erasepage()).write(|w| unsafe { w.bits(address as u32) });
        self.wait();
        self.0.config.write(|w| w.wen().ren());
    }

    unsafe fn program(&mut self, address: usize, word: u32) {
        self.0.config.write(|w| w.wen().wen());
        // SAFETY: the caller's.
        unsafe { (address as *mut u32).write_volatile(word) };
        self.wait();
        self.0.config.write(|w| w.wen().ren());
    }
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
