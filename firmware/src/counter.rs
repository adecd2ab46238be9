//! How long something took, by the core's SysTick counter.
//!
//! On real hardware a tick is one clock cycle. Under QEMU with `-icount shift=7` an instruction takes
//! 128 ns and reads of the counter are exact: a loop of known length, timed once, says how many ticks an
//! instruction takes.

use core::arch::asm;

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use lstm_link::TickRate;

/// The counter's largest value; it counts down in 24 bits.
const RELOAD: u32 = 0x00ff_ffff;
/// Rounds of the loop of known length.
const ROUNDS: u32 = 10_000;
/// Its instructions: two per round, and one that loads the number of rounds.
const LOOP_INSTRUCTIONS: u32 = 2 * ROUNDS + 1;

/// A running counter.
pub struct Counter {
    systick: SYST,
}

impl Counter {
    /// Starts to count cycles of the core.
    pub fn start(mut systick: SYST) -> Self {
        systick.disable_counter();
        systick.disable_interrupt();
        systick.set_clock_source(SystClkSource::Core);
        systick.set_reload(RELOAD);
        systick.clear_current();
        systick.enable_counter();
        Self { systick }
    }

    /// Runs `f`; its result, and the ticks that it took, or `None` when they were too many to count.
    #[inline(never)]
    pub fn measure<R>(&mut self, f: impl FnOnce() -> R) -> (R, Option<u32>) {
        // Writing sets the count to zero, from where it goes on at `RELOAD`, and clears the flag that it
        // came down to zero.
        self.systick.clear_current();
        let before = SYST::get_current();
        let result = f();
        let after = SYST::get_current();
        let ticks = (!self.systick.has_wrapped()).then(|| before.wrapping_sub(after) & RELOAD);
        (result, ticks)
    }

    /// Times nothing and the loop of known length.
    pub fn rate(&mut self) -> TickRate {
        let ((), overhead) = self.measure(|| ());
        let ((), loop_ticks) = self.measure(known_loop);
        TickRate {
            overhead: overhead.unwrap_or(0),
            loop_ticks: loop_ticks.unwrap_or(0),
            loop_instructions: LOOP_INSTRUCTIONS,
        }
    }
}

/// Executes [`LOOP_INSTRUCTIONS`] instructions when it is inlined.
#[inline(always)]
fn known_loop() {
    // SAFETY: the instructions change one register and the flags.
    unsafe {
        asm!(
            "ldr {n}, ={rounds}",
            "1:",
            "subs {n}, {n}, #1",
            "bne 1b",
            n = out(reg) _,
            rounds = const ROUNDS,
            options(nomem, nostack),
        );
    }
}
