//! Sleep until a byte arrives.
//!
//! An interrupt line that becomes pending ends `wfi`, also while interrupts are masked, so no handler is needed. On a
//! real board this saves power. In QEMU it leaves the host's processor to the threads that bring the next byte.

use cortex_m::interrupt::{self, InterruptNumber};
use cortex_m::peripheral::NVIC;

/// The number of an interrupt line.
#[derive(Clone, Copy)]
pub struct Line(pub u16);

// SAFETY: it is the number of a line on the board at hand, and never changes.
unsafe impl InterruptNumber for Line {
    fn number(self) -> u16 {
        self.0
    }
}

/// Lets `line` end a sleep. Masks all interrupts, so that no handler runs.
pub fn on(line: Line) {
    interrupt::disable();
    // SAFETY: interrupts are masked, so no critical section depends on the line.
    unsafe { NVIC::unmask(line) };
}

/// Sleeps until `look` finds something. `line` must become pending with what comes after a look that finds nothing.
pub fn sleep_until<R>(line: Line, mut look: impl FnMut() -> Option<R>) -> R {
    loop {
        // In this order: what comes before the look is found by it, and what comes after it ends the sleep.
        NVIC::unpend(line);
        if let Some(found) = look() {
            return found;
        }
        cortex_m::asm::wfi();
    }
}
