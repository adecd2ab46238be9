//! Ends a program by semihosting; QEMU and `probe-rs` answer the request.
//!
//! Without a debugger, the request is a fault and the core stops. That does no harm, since the program has ended.

use cortex_m_semihosting::debug::{EXIT_FAILURE, EXIT_SUCCESS, exit};

/// Ends the emulation with status 0.
pub fn succeed() -> ! {
    exit(EXIT_SUCCESS);
    halt()
}

/// Ends the emulation with status 1.
pub fn fail() -> ! {
    exit(EXIT_FAILURE);
    halt()
}

fn halt() -> ! {
    loop {
        cortex_m::asm::nop();
    }
}

#[cortex_m_rt::exception]
unsafe fn HardFault(_: &cortex_m_rt::ExceptionFrame) -> ! {
    fail()
}
