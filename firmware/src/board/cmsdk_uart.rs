//! The serial port of ARM's FPGA images, the "CMSDK APB UART". The core sleeps until a byte arrives.

use core::convert::Infallible;

use embedded_io::{ErrorType, Read, Write};

use super::wake::{self, Line};

/// Registers at offsets 0 to 16: DATA, STATE, CTRL, INTSTATUS, BAUDDIV.
type Registers = [u32; 5];
const DATA: usize = 0;
const STATE: usize = 1;
const CTRL: usize = 2;
const INTSTATUS: usize = 3;
const BAUDDIV: usize = 4;

const STATE_TX_FULL: u32 = 1;
const STATE_RX_FULL: u32 = 2;
const CTRL_TX_AND_RX: u32 = 3;
const CTRL_RX_INTERRUPT: u32 = 8;
const INTSTATUS_RX: u32 = 2;

/// A serial port. The emulator keeps received bytes until the program reads them.
pub struct CmsdkUart {
    registers: *mut Registers,
    received: Line,
}

impl CmsdkUart {
    /// Switches the port on; `divider` is the clock divided by the baud rate, at least 16. Its interrupt line
    /// `received` wakes the core.
    ///
    /// # Safety
    /// A CMSDK UART must lie at `address`, and nothing else may use it.
    pub unsafe fn new(address: usize, divider: u32, received: Line) -> Self {
        let mut uart = Self {
            registers: address as *mut Registers,
            received,
        };
        uart.write_register(BAUDDIV, divider);
        uart.write_register(CTRL, CTRL_TX_AND_RX | CTRL_RX_INTERRUPT);
        wake::on(received);
        uart
    }

    fn read_register(&self, index: usize) -> u32 {
        // SAFETY: `new`'s caller vouched for the registers; `index` is one of the constants above.
        unsafe { self.registers.cast::<u32>().add(index).read_volatile() }
    }

    fn write_register(&mut self, index: usize, value: u32) {
        // SAFETY: as for reading.
        unsafe {
            self.registers
                .cast::<u32>()
                .add(index)
                .write_volatile(value)
        }
    }
}

impl ErrorType for CmsdkUart {
    type Error = Infallible;
}

impl Read for CmsdkUart {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let Some(first) = buffer.first_mut() else {
            return Ok(0);
        };
        wake::sleep_until(self.received, || {
            // Before the look: a byte that comes after it raises the line again.
            self.write_register(INTSTATUS, INTSTATUS_RX);
            (self.read_register(STATE) & STATE_RX_FULL != 0).then_some(())
        });
        *first = self.read_register(DATA) as u8;
        Ok(1)
    }
}

impl Write for CmsdkUart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let Some(first) = bytes.first() else {
            return Ok(0);
        };
        while self.read_register(STATE) & STATE_TX_FULL != 0 {}
        self.write_register(DATA, u32::from(*first));
        Ok(1)
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        while self.read_register(STATE) & STATE_TX_FULL != 0 {}
        Ok(())
    }
}
