//! Measures the depth of the stack: paints its free part, and later looks how much paint is overwritten.

use cortex_m::register::msp;

/// The paint: a word that programs hardly ever write.
const PAINT: u32 = 0xc5c5_a3a3;
/// Bytes below the caller's stack pointer that stay unpainted, for the frames of painting and looking.
const MARGIN_BYTES: usize = 128;
/// Most bytes to paint, so that painting is quick on boards with much RAM.
const WINDOW_BYTES: usize = 32 * 1024;

unsafe extern "C" {
    /// First word after the static variables; cortex-m-rt's linker script defines it.
    static mut __sheap: u32;
    /// The beginning of the stack.
    static _stack_start: u32;
}

/// A painted part of the stack.
#[derive(Clone, Copy, Debug)]
pub struct Painted {
    /// Stack pointer when it was painted.
    pointer: usize,
    /// Its lowest address.
    bottom: usize,
}

impl Painted {
    /// Paints the free stack below the caller.
    #[inline(never)]
    pub fn below_caller() -> Self {
        let pointer = msp::read() as usize;
        let free = &raw const __sheap as usize;
        let top = pointer.saturating_sub(MARGIN_BYTES) & !3;
        let bottom = free.max(top.saturating_sub(WINDOW_BYTES));
        for address in (bottom..top).step_by(4) {
            // SAFETY: `bottom..top` lies between the static variables and the stack in use, so that
            // nothing else owns it; both are multiples of 4.
            unsafe { (address as *mut u32).write_volatile(PAINT) };
        }
        Self { pointer, bottom }
    }

    /// Bytes used since then below the painter's caller; at most the painted ones.
    pub fn used_bytes(&self) -> usize {
        self.pointer.saturating_sub(self.deepest())
    }

    /// Bytes used of the whole stack.
    pub fn used_bytes_of_all(&self) -> usize {
        (&raw const _stack_start as usize).saturating_sub(self.deepest())
    }

    /// The lowest address without paint.
    fn deepest(&self) -> usize {
        (self.bottom..self.pointer)
            .step_by(4)
            // SAFETY: the range lies in RAM, within the stack.
            .find(|address| unsafe { (*address as *const u32).read_volatile() } != PAINT)
            .unwrap_or(self.pointer)
    }
}
