//! ARM's MPS2 and MPS3 FPGA images, as QEMU emulates them: Cortex-M3, M4, M7, M33 and M55.

use cortex_m::Peripherals;

use super::cmsdk_uart::CmsdkUart;
use super::ram_flash::RamFlash;
use super::sbcon::Sbcon;
use super::wake::Line;
use super::{Capacity, MappedFlash, Parts};

/// An FPGA image, with its addresses.
struct Image {
    name: &'static str,
    /// UART 0, by its secure address where the core starts in the secure state.
    uart: usize,
    /// The line that the UART raises for a byte.
    received: Line,
    /// Clock of core and peripherals.
    clock_hz: u32,
    /// RAM outside of the program's, for the slots.
    slots: usize,
    /// I²C bus of the second shield, if the core may use it from the start.
    i2c: Option<usize>,
}

#[cfg(board = "mps2-an385")]
const IMAGE: Image = Image {
    name: "mps2-an385",
    uart: 0x4000_4000,
    received: Line(0),
    clock_hz: 25_000_000,
    slots: 0x2100_0000,
    i2c: Some(0x4002_a000),
};
#[cfg(board = "mps2-an386")]
const IMAGE: Image = Image {
    name: "mps2-an386",
    uart: 0x4000_4000,
    received: Line(0),
    clock_hz: 25_000_000,
    slots: 0x2100_0000,
    i2c: Some(0x4002_a000),
};
#[cfg(board = "mps2-an500")]
const IMAGE: Image = Image {
    name: "mps2-an500",
    uart: 0x4000_4000,
    received: Line(0),
    clock_hz: 25_000_000,
    slots: 0x6000_0000,
    i2c: Some(0x4002_a000),
};
#[cfg(board = "mps2-an505")]
const IMAGE: Image = Image {
    name: "mps2-an505",
    uart: 0x5020_0000,
    received: Line(32),
    clock_hz: 20_000_000,
    slots: 0x8000_0000,
    i2c: None,
};
#[cfg(board = "mps3-an547")]
const IMAGE: Image = Image {
    name: "mps3-an547",
    uart: 0x5930_3000,
    received: Line(33),
    clock_hz: 32_000_000,
    slots: 0x2100_0000,
    i2c: None,
};

/// Name of the board.
pub const NAME: &str = IMAGE.name;

/// Clock of the core.
pub const CORE_HZ: u32 = IMAGE.clock_hz;

/// RAM is plentiful; mps3-an547 has the least of it, 512 KB.
pub const CAPACITY: Capacity = Capacity {
    model_bytes: 256 * 1024,
    frame_bytes: 1024,
    message_bytes: 16 * 1024,
    state_blocks: 256,
    scratch_blocks: 1024,
    channels: 256,
    frame_samples: 2048,
};

/// Bytes of a slot: a model of [`CAPACITY`], its record and marks, and the rest of a sector.
pub const SLOT_BYTES: u32 = 260 * 1024;

/// Starts the board. To be called once.
pub fn start() -> Parts<CmsdkUart, MappedFlash<RamFlash>, Sbcon> {
    let core = Peripherals::take().unwrap_or_else(|| super::fail());
    // SAFETY: the address is the image's UART 0. Only this line makes a driver for it, and it runs only once, since the
    // core's peripherals can be taken only once.
    let serial = unsafe { CmsdkUart::new(IMAGE.uart, IMAGE.clock_hz / 115_200, IMAGE.received) };
    // SAFETY: the image has RAM there, which no memory map names. This line runs only once too.
    let flash = unsafe { MappedFlash::new(RamFlash, IMAGE.slots, 2 * SLOT_BYTES as usize) };
    Parts {
        serial,
        systick: core.SYST,
        flash,
        // SAFETY: the image has an SBCon there. This line runs only once too.
        i2c: IMAGE.i2c.map(|address| unsafe { Sbcon::new(address) }),
    }
}
