//! What happens when a program cannot go on.

use cortex_m_semihosting::debug::{EXIT_FAILURE, exit};

/// Ends the emulation with status 1; on a real board it stops at a breakpoint when a debugger is attached,
/// and otherwise for good.
pub fn fail() -> ! {
    exit(EXIT_FAILURE);
    loop {
        cortex_m::asm::nop();
    }
}

#[cortex_m_rt::exception]
unsafe fn HardFault(_: &cortex_m_rt::ExceptionFrame) -> ! {
    // Semihosting needs a debugger: without one the breakpoint would fault again, and stop the core.
    fail()
}
