//! RAM in the place of flash, for boards whose emulator has none: a sector is erased to ones, a word is programmed by
//! clearing bits, and both take their time. A restart leaves it as it is, and a loss of power does not.

use super::mapped_flash::Controller;

/// About 16 µs, at the 128 ns that QEMU gives an instruction.
const PROGRAM_INSTRUCTIONS: u32 = 125;
/// About 10 ms.
const ERASE_INSTRUCTIONS: u32 = 80_000;

/// Changes RAM as flash changes.
pub struct RamFlash;

impl Controller for RamFlash {
    const SECTOR_BYTES: usize = 4096;

    unsafe fn erase(&mut self, address: usize) {
        for word in (address..address + Self::SECTOR_BYTES).step_by(4) {
            // SAFETY: the caller's.
            unsafe { (word as *mut u32).write_volatile(u32::MAX) };
        }
        cortex_m::asm::delay(ERASE_INSTRUCTIONS);
    }

    unsafe fn program(&mut self, address: usize, word: u32) {
        let place = address as *mut u32;
        cortex_m::asm::delay(PROGRAM_INSTRUCTIONS);
        // SAFETY: the caller's.
        unsafe { place.write_volatile(place.read_volatile() & word) };
    }
}
