//! ARM's MPS2 and MPS3 FPGA images, as QEMU emulates them: Cortex-M3, M4, M7, M33 and M55.

use cortex_m::Peripherals;
use cortex_m::peripheral::SYST;

use super::Capacity;
use super::cmsdk_uart::CmsdkUart;
use super::wake::Line;

/// An FPGA image, with its addresses.
struct Image {
    name: &'static str,
    /// UART 0, by its secure address where the core starts in the secure state.
    uart: usize,
    /// The line that the UART raises for a byte.
    received: Line,
    /// Clock of the peripherals.
    clock_hz: u32,
}

#[cfg(board = "mps2-an385")]
const IMAGE: Image = Image {
    name: "mps2-an385",
    uart: 0x4000_4000,
    received: Line(0),
    clock_hz: 25_000_000,
};
#[cfg(board = "mps2-an386")]
const IMAGE: Image = Image {
    name: "mps2-an386",
    uart: 0x4000_4000,
    received: Line(0),
    clock_hz: 25_000_000,
};
#[cfg(board = "mps2-an500")]
const IMAGE: Image = Image {
    name: "mps2-an500",
    uart: 0x4000_4000,
    received: Line(0),
    clock_hz: 25_000_000,
};
#[cfg(board = "mps2-an505")]
const IMAGE: Image = Image {
    name: "mps2-an505",
    uart: 0x5020_0000,
    received: Line(32),
    clock_hz: 20_000_000,
};
#[cfg(board = "mps3-an547")]
const IMAGE: Image = Image {
    name: "mps3-an547",
    uart: 0x5930_3000,
    received: Line(33),
    clock_hz: 32_000_000,
};

/// Name of the board.
pub const NAME: &str = IMAGE.name;

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

/// The serial port and SysTick. To be called once.
pub fn start() -> (CmsdkUart, SYST) {
    let core = Peripherals::take().unwrap_or_else(|| super::fail());
    // SAFETY: the address is the image's UART 0. Only this line makes a driver for it, and it runs only once, since the
    // core's peripherals can be taken only once.
    let serial = unsafe { CmsdkUart::new(IMAGE.uart, IMAGE.clock_hz / 115_200, IMAGE.received) };
    (serial, core.SYST)
}
