//! The depth of the stack, and whether it has run into the variables below it: paints free memory, and later looks
//! how much paint is overwritten.

use cortex_m::register::msp;

/// The paint: a word that programs hardly ever write.
const PAINT: u32 = 0xc5c5_a3a3;
/// Bytes below the caller's stack pointer that stay unpainted, for the frames of painting and looking.
const MARGIN_BYTES: usize = 128;
/// Most bytes to paint, so that painting is quick on boards with much RAM.
const WINDOW_BYTES: usize = 32 * 1024;

/// Words above the variables that must stay painted.
const GUARD_WORDS: usize = 16;

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

/// The lowest words of the stack. Where one of them changes, the stack has run into the program's variables, or is
/// about to.
#[derive(Debug)]
pub struct Guard(());

impl Guard {
    /// Paints the words.
    pub fn lay() -> Self {
        for word in Self::words() {
            // SAFETY: the words lie above the static variables. Nothing owns them but a stack that is too deep already.
            unsafe { word.write_volatile(PAINT) };
        }
        Self(())
    }

    /// Whether no word has changed.
    pub fn is_whole(&self) -> bool {
        // SAFETY: the words lie in RAM and are aligned.
        Self::words().all(|word| unsafe { word.read_volatile() } == PAINT)
    }

    fn words() -> impl Iterator<Item = *mut u32> {
        let first = &raw mut __sheap;
        (0..GUARD_WORDS).map(move |n| first.wrapping_add(n))
    }
}
