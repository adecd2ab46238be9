//! The board that this build is for; `build.rs` chooses it.
//!
//! A board is a module with its `NAME`, its clock [`CORE_HZ`], its [`CAPACITY`], its [`SLOT_BYTES`], and `start()`, which
//! makes its [`Parts`].

use core::ops::Range;

use embedded_hal::i2c;

#[cfg(board = "microbit")]
mod microbit;
#[cfg(board = "microbit")]
pub use self::microbit::*;

#[cfg(board = "stm32f405")]
mod stm32f405;
#[cfg(board = "stm32f405")]
pub use self::stm32f405::*;

#[cfg(not(any(board = "microbit", board = "stm32f405")))]
mod cmsdk_uart;
#[cfg(not(any(board = "microbit", board = "stm32f405")))]
mod mps;
#[cfg(not(any(board = "microbit", board = "stm32f405")))]
pub use self::mps::*;

#[cfg(not(any(board = "microbit", board = "stm32f405")))]
mod ram_flash;
#[cfg(not(any(board = "microbit", board = "stm32f405")))]
mod sbcon;

mod ending;
mod mapped_flash;
mod wake;
pub use ending::{fail, fail_because, restart, succeed};
pub use mapped_flash::{Controller, MappedFlash};

/// Where the slots for models lie in the flash.
pub const SLOTS: [Range<u32>; 2] = [0..SLOT_BYTES, SLOT_BYTES..2 * SLOT_BYTES];

/// What a program has of its board.
pub struct Parts<S, F, I = NoBus> {
    /// The serial port, an [`embedded_io::Read`] and [`embedded_io::Write`] at 115,200 baud.
    pub serial: S,
    /// The core's counter.
    pub systick: cortex_m::peripheral::SYST,
    /// Flash with the [`SLOTS`] for models.
    pub flash: F,
    /// The I²C bus for sensors, where there is a driver for it here.
    pub i2c: Option<I>,
}

/// A bus that there is no driver for here.
pub enum NoBus {}

impl i2c::ErrorType for NoBus {
    type Error = i2c::ErrorKind;
}

impl i2c::I2c for NoBus {
    fn transaction(&mut self, _: u8, _: &mut [i2c::Operation<'_>]) -> Result<(), i2c::ErrorKind> {
        match *self {}
    }
}

/// The largest model that a board can hold, and its longest message.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// Most bytes of a model file received at run time.
    pub model_bytes: usize,
    /// Most bytes of a frame.
    pub frame_bytes: usize,
    /// Bytes of the longest request and of the longest answer, which may travel in several frames.
    pub message_bytes: usize,
    /// Blocks of four units in the state.
    pub state_blocks: usize,
    /// Blocks of four words of scratch memory.
    pub scratch_blocks: usize,
    /// Inputs, and outputs.
    pub channels: usize,
    /// Samples of a frame of the front end.
    pub frame_samples: usize,
}
