//! The I²C bus of ARM's FPGA images: two lines that a program moves by itself, "SBCon". At most 100 kHz.

use embedded_hal::i2c::{
    ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation, SevenBitAddress,
};

/// Registers at offsets 0 and 4: ones pull up, and reading gives the lines; ones pull down.
type Registers = [u32; 2];
const UP: usize = 0;
const DOWN: usize = 1;

/// The clock's line.
const CLOCK: u32 = 1;
/// The data's line.
const DATA: u32 = 2;
/// Instructions of a quarter of a bit, at most 32 MHz.
const QUARTER: u32 = 80;

/// A bus with this program as its only master.
pub struct Sbcon {
    registers: *mut Registers,
}

impl Sbcon {
    /// The bus at `address`.
    ///
    /// # Safety
    /// An SBCon must lie at `address`, and nothing else may use it.
    pub unsafe fn new(address: usize) -> Self {
        let mut bus = Self {
            registers: address as *mut Registers,
        };
        bus.set(UP, CLOCK | DATA);
        bus
    }

    fn set(&mut self, register: usize, lines: u32) {
        // SAFETY: `new`'s caller vouched for the registers; `register` is one of the constants above.
        unsafe {
            (self.registers.cast::<u32>())
                .add(register)
                .write_volatile(lines);
        }
        cortex_m::asm::delay(QUARTER);
    }

    /// Whether the data's line is up.
    fn data(&self) -> bool {
        // SAFETY: as for writing.
        unsafe { self.registers.cast::<u32>().read_volatile() & DATA != 0 }
    }

    /// Data falls while the clock is up.
    fn begin(&mut self) {
        self.set(UP, DATA);
        self.set(UP, CLOCK);
        self.set(DOWN, DATA);
        self.set(DOWN, CLOCK);
    }

    /// Data rises while the clock is up.
    fn end(&mut self) {
        self.set(DOWN, DATA);
        self.set(UP, CLOCK);
        self.set(UP, DATA);
    }

    /// One period of the clock; the data's line in it.
    fn bit(&mut self, is_up: bool) -> bool {
        self.set(if is_up { UP } else { DOWN }, DATA);
        self.set(UP, CLOCK);
        let data = self.data();
        self.set(DOWN, CLOCK);
        data
    }

    /// Sends a byte; whether it was acknowledged.
    fn send(&mut self, byte: u8) -> bool {
        for place in (0..8).rev() {
            self.bit(byte >> place & 1 != 0);
        }
        !self.bit(true)
    }

    /// Receives a byte, and acknowledges it if another one is wanted.
    fn receive(&mut self, is_last: bool) -> u8 {
        let byte = (0..8).fold(0, |byte, _| byte << 1 | u8::from(self.bit(true)));
        self.bit(is_last);
        byte
    }

    /// Begins to read from a device or to write to it.
    fn call(&mut self, address: u8, reads: bool) -> Result<(), ErrorKind> {
        self.begin();
        match self.send(address << 1 | u8::from(reads)) {
            true => Ok(()),
            false => Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address)),
        }
    }

    fn carry_out(
        &mut self,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), ErrorKind> {
        // Operations of the same direction follow each other without a new beginning.
        let mut direction = None;
        let count = operations.len();
        for index in 0..count {
            let next_reads = matches!(operations.get(index + 1), Some(Operation::Read(_)));
            match operations.get_mut(index) {
                Some(Operation::Write(bytes)) => {
                    if direction.replace(false) != Some(false) {
                        self.call(address, false)?;
                    }
                    for byte in bytes.iter() {
                        if !self.send(*byte) {
                            return Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Data));
                        }
                    }
                }
                Some(Operation::Read(bytes)) => {
                    if direction.replace(true) != Some(true) {
                        self.call(address, true)?;
                    }
                    let mut left = bytes.len();
                    for byte in bytes.iter_mut() {
                        left -= 1;
                        *byte = self.receive(left == 0 && !next_reads);
                    }
                }
                None => {}
            }
        }
        Ok(())
    }
}

impl ErrorType for Sbcon {
    type Error = ErrorKind;
}

impl I2c<SevenBitAddress> for Sbcon {
    fn transaction(
        &mut self,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), ErrorKind> {
        let done = self.carry_out(address, operations);
        self.end();
        done
    }
}
