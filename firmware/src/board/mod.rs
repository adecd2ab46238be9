//! The board that this build is for; `build.rs` chooses it.
//!
//! A board is a module with its `NAME`, its [`CAPACITY`], and `start()`, which makes its serial port, an
//! [`embedded_io::Read`] and [`embedded_io::Write`] at 115,200 baud, and hands over the core's SysTick.

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

mod ending;
mod wake;
pub use ending::{fail, fail_because, succeed};

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
