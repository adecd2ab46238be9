//! STM32F405 boards: Cortex-M4F at 16 MHz from the internal oscillator, serial port on PA9 and PA10.
//!
//! QEMU's machine netduinoplus2 has this chip.

use cortex_m::peripheral::SYST;
use embedded_hal_nb::serial::Read as _;
use embedded_io::{ErrorKind, ErrorType, Read, Write};
use stm32f4xx_hal::pac::{CorePeripherals, Interrupt, Peripherals, USART1};
use stm32f4xx_hal::prelude::*;
use stm32f4xx_hal::rcc::Config as Clocks;
use stm32f4xx_hal::serial::{Config, Event, Serial};

use super::Capacity;
use super::wake::{self, Line};

/// The line that the serial port raises for a byte.
const RECEIVED: Line = Line(Interrupt::USART1 as u16);

/// Name of the board.
pub const NAME: &str = "stm32f405";

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

/// The serial port and SysTick. To be called once.
pub fn start() -> (Usart, SYST) {
    let core = CorePeripherals::take().unwrap_or_else(|| super::fail());
    let chip = Peripherals::take().unwrap_or_else(|| super::fail());
    let mut rcc = chip.RCC.freeze(Clocks::hsi());
    let pins = chip.GPIOA.split(&mut rcc);
    let config = Config::default().baudrate(115_200.bps());
    match Serial::new(chip.USART1, (pins.pa9, pins.pa10), config, &mut rcc) {
        Ok(mut serial) => {
            serial.listen(Event::RxNotEmpty);
            wake::on(RECEIVED);
            (Usart(serial), core.SYST)
        }
        Err(_) => super::fail(),
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
