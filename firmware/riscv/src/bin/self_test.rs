//! Runs the steps in a model file on a RISC-V core, compares the outputs bit for bit, and prints how many instructions
//! a step took.
//!
//! `LSTM_MODEL` names the model file, absolute, when this is built. QEMU counts instructions exactly with `-icount`.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::fmt::{self, Display, Write};
use core::panic::PanicInfo;

use lstm_nostd::I16F16;

lstm_nostd::include_model! {
    /// The model file that `LSTM_MODEL` names.
    mod network = env!("LSTM_MODEL")
}

global_asm!(
    ".section .init, \"ax\"",
    ".globl _start",
    "_start:",
    "la sp, _stack_top",
    "la t0, _bss_start",
    "la t1, _bss_end",
    "1:",
    "bgeu t0, t1, 2f",
    "sw zero, 0(t0)",
    "addi t0, t0, 4",
    "j 1b",
    "2:",
    "call {main}",
    main = sym main,
);

extern "C" fn main() -> ! {
    let model = match network::load() {
        Ok(model) => model,
        Err(error) => fail(format_args!("the model is refused: {error}")),
    };
    let mut state = network::State::new();
    let (mut steps, mut instructions) = (0, 0);
    for (raw, expected) in model.model().golden_steps() {
        let Ok(raw) = raw.try_into() else {
            fail("the steps have another number of inputs")
        };
        let before = executed();
        model.advance(&mut state, raw);
        let outputs = model.outputs(&state);
        instructions += executed().wrapping_sub(before);
        if !outputs
            .iter()
            .map(|y: &I16F16| y.to_bits())
            .eq(expected.iter().copied())
        {
            fail(format_args!(
                "step {steps}: the outputs differ from the host's"
            ));
        }
        steps += 1;
    }
    let _ = writeln!(
        Serial,
        "{steps} steps, {} instructions a step",
        instructions / steps.max(1)
    );
    end(0x5555)
}

/// Instructions executed so far, the lower half.
fn executed() -> u32 {
    let count;
    // SAFETY: reads a counter.
    unsafe { asm!("rdinstret {}", out(reg) count, options(nomem, nostack)) };
    count
}

/// The serial port of the machine, a 16550.
struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SAFETY: the transmit register; QEMU takes every byte at once.
            unsafe { (0x1000_0000 as *mut u8).write_volatile(byte) };
        }
        Ok(())
    }
}

fn fail(reason: impl Display) -> ! {
    let _ = writeln!(Serial, "{reason}");
    end(1 << 16 | 0x3333)
}

/// Ends the emulation.
fn end(code: u32) -> ! {
    // SAFETY: the machine's test device.
    unsafe { (0x0010_0000 as *mut u32).write_volatile(code) };
    loop {}
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    fail(info)
}
