//! Ends a program, or starts it anew. It ends by semihosting; QEMU and `probe-rs` answer the request.
//!
//! Without a debugger, the request is a fault and the core stops. That does no harm, since the program has ended.

use core::fmt::{Display, Write};

use cortex_m_semihosting::debug::{EXIT_FAILURE, EXIT_SUCCESS, exit};
use cortex_m_semihosting::hio;

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

/// Says why on the debugger's terminal, then ends the emulation with status 1.
pub fn fail_because(reason: impl Display) -> ! {
    if let Ok(mut terminal) = hio::hstderr() {
        let _ = writeln!(terminal, "{reason}");
    }
    fail()
}

/// Starts the program anew.
pub fn restart() -> ! {
    cortex_m::peripheral::SCB::sys_reset()
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
