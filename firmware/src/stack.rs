//! How deep the stack has been, by painting its free part and looking how far the paint is gone.

use cortex_m::register::msp;

/// A word that programs hardly ever write.
const PAINT: u32 = 0xc5c5_a3a3;
/// Painting and looking leave this much below the caller's stack pointer alone, for their own frames.
const MARGIN_BYTES: usize = 128;
/// At most this much is painted, so that it takes no time where RAM is plentiful.
const WINDOW_BYTES: usize = 32 * 1024;

unsafe extern "C" {
    /// First word after the static variables; cortex-m-rt's linker script defines it.
    static mut __sheap: u32;
    /// Where the stack begins.
    static _stack_start: u32;
}

/// A painted stretch of the stack.
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

    /// Bytes that were used below the painter's caller since then, at most those that were painted.
    pub fn used_bytes(&self) -> usize {
        self.pointer.saturating_sub(self.deepest())
    }

    /// Bytes that were used of the whole stack.
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
