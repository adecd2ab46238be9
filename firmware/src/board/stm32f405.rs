//! STM32F405 boards: Cortex-M4F at 16 MHz from the internal oscillator, serial port on PA9 and PA10.
//!
//! QEMU's machine netduinoplus2 has this chip.

use embedded_hal_nb::serial::Read as _;
use embedded_io::{ErrorKind, ErrorType, Read, Write};
use stm32f4xx_hal::pac::{CorePeripherals, FLASH, Interrupt, Peripherals, USART1};
use stm32f4xx_hal::prelude::*;
use stm32f4xx_hal::rcc::Config as Clocks;
use stm32f4xx_hal::serial::{Config, Event, Serial};

use super::wake::{self, Line};
use super::{Capacity, Controller, MappedFlash, Parts};

/// The line that the serial port raises for a byte.
const RECEIVED: Line = Line(Interrupt::USART1 as u16);

/// Name of the board.
pub const NAME: &str = "stm32f405";

/// Clock of the core, the internal oscillator's. QEMU's machine has 168 MHz.
pub const CORE_HZ: u32 = 16_000_000;

/// 128 KB of RAM.
pub const CAPACITY: Capacity = Capacity {
    model_bytes: 64 * 1024,
    frame_bytes: 1024,
    message_bytes: 8 * 1024,
    state_blocks: 128,
    scratch_blocks: 512,
    channels: 128,
    frame_samples: 2048,
};

/// Bytes of a slot, which is a sector: 10 and 11, the last two.
pub const SLOT_BYTES: u32 = 128 * 1024;

unsafe extern "C" {
    /// Where the program's flash ends and the slots begin; `build.rs` defines it.
    static _slots: u8;
}

/// Starts the board. To be called once.
pub fn start() -> Parts<Usart, MappedFlash<Controlled>> {
    let core = CorePeripherals::take().unwrap_or_else(|| super::fail());
    let chip = Peripherals::take().unwrap_or_else(|| super::fail());
    let mut rcc = chip.RCC.freeze(Clocks::hsi());
    let pins = chip.GPIOA.split(&mut rcc);
    let (controller, slots) = (Controlled(chip.FLASH), &raw const _slots as usize);
    // SAFETY: the linker keeps the program out of the slots, and the chip's peripherals can be taken only once.
    let flash = unsafe { MappedFlash::new(controller, slots, 2 * SLOT_BYTES as usize) };
    let config = Config::default().baudrate(115_200.bps());
    match Serial::new(chip.USART1, (pins.pa9, pins.pa10), config, &mut rcc) {
        Ok(mut serial) => {
            serial.listen(Event::RxNotEmpty);
            wake::on(RECEIVED);
            Parts {
                serial: Usart(serial),
                systick: core.SYST,
                flash,
                i2c: None,
            }
        }
        Err(_) => super::fail(),
    }
}

/// The flash by its controller, a byte at a time, which every supply voltage allows. The core waits meanwhile: 2 s for a
/// sector, 16 µs for a byte. QEMU has no such controller; there, nothing changes, and reading back says so.
///
/// The HAL's driver goes by the size of the flash, for which it reads a register that QEMU lacks, and it panics where
/// the flash stays locked.
pub struct Controlled(FLASH);

/// Bits of the control register.
const PROGRAM: u32 = 1;
const ERASE: u32 = 1 << 1;
const SECTOR_SHIFT: u32 = 3;
const START: u32 = 1 << 16;
const LOCK: u32 = 1 << 31;
/// Bits of the status register: errors, and the end of an operation. Ones clear them.
const DONE_AND_ERRORS: u32 = 0xf3;
/// What opens the control register, one after the other.
const KEYS: [u32; 2] = [0x4567_0123, 0xcdef_89ab];
/// The first of the sectors of 128 KB, and its number.
const LARGE_SECTORS: (usize, u32) = (0x0802_0000, 5);

impl Controlled {
    /// Does `work` with the control register open.
    fn unlocked(&mut self, work: impl FnOnce(&Self)) {
        if self.0.cr().read().lock().bit() {
            for key in KEYS {
                // SAFETY: the register takes any word.
                self.0.keyr().write(|w| unsafe { w.bits(key) });
            }
        }
        // SAFETY: zeros change nothing there.
        self.0.sr().write(|w| unsafe { w.bits(DONE_AND_ERRORS) });
        work(self);
        self.control(LOCK);
    }

    fn control(&self, bits: u32) {
        // SAFETY: the bits above, for flash that only this type changes.
        self.0.cr().write(|w| unsafe { w.bits(bits) });
    }

    fn wait(&self) {
        while self.0.sr().read().bsy().bit() {}
    }

    /// The data cache keeps what stood in an erased sector.
    fn forget_cached(&mut self) {
        let cache = self.0.acr();
        if cache.read().dcen().bit() {
            cache.modify(|_, w| w.dcen().clear_bit());
            cache.modify(|_, w| w.dcrst().set_bit());
            cache.modify(|_, w| w.dcrst().clear_bit());
            cache.modify(|_, w| w.dcen().set_bit());
        }
    }
}

impl Controller for Controlled {
    const SECTOR_BYTES: usize = SLOT_BYTES as usize;

    unsafe fn erase(&mut self, address: usize) {
        let (first, number) = LARGE_SECTORS;
        let sector = number + (address.saturating_sub(first) / Self::SECTOR_BYTES) as u32;
        self.unlocked(|flash| {
            let erase = ERASE | sector << SECTOR_SHIFT;
            flash.control(erase);
            flash.control(erase | START);
            flash.wait();
        });
        self.forget_cached();
    }

    unsafe fn program(&mut self, address: usize, word: u32) {
        self.unlocked(|flash| {
            flash.control(PROGRAM);
            for (byte, place) in word.to_le_bytes().into_iter().zip(address..) {
                // SAFETY: the caller's.
                unsafe { (place as *mut u8).write_volatile(byte) };
                flash.wait();
            }
        });
    }
}

/// The HAL's serial port, with blocking reads, which the HAL lacks.
pub struct Usart(Serial<USART1>);

impl ErrorType for Usart {
    // The HAL's own error implements an older embedded-io.
    type Error = ErrorKind;
}

impl Read for Usart {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        let Some(first) = buffer.first_mut() else {
            return Ok(0);
        };
        let read = wake::sleep_until(RECEIVED, || match self.0.read() {
            Err(nb::Error::WouldBlock) => None,
            read => Some(read),
        });
        *first = read.map_err(|_| ErrorKind::Other)?;
        Ok(1)
    }
}

impl Write for Usart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let Some(first) = bytes.first() else {
            return Ok(0);
        };
        nb::block!(embedded_hal_nb::serial::Write::write(&mut self.0, *first))
            .map_err(|_| ErrorKind::Other)?;
        Ok(1)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        nb::block!(embedded_hal_nb::serial::Write::<u8>::flush(&mut self.0))
            .map_err(|_| ErrorKind::Other)
    }
}
