//! Measures durations with the core's SysTick counter.
//!
//! On real hardware, a tick is one clock cycle. In QEMU with `-icount shift=7`, an instruction takes 128 ns and reads
//! of the counter are exact. There, the counter times a loop of known length once, to find how many ticks an
//! instruction takes.

use core::arch::asm;

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use lstm_link::TickRate;

/// The counter's largest value; it counts down in 24 bits.
const RELOAD: u32 = 0x00ff_ffff;
/// Rounds of the loop of known length.
const ROUNDS: u32 = 10_000;
/// Instructions of that loop: two a round, and one that loads the number of rounds.
const LOOP_INSTRUCTIONS: u32 = 2 * ROUNDS + 1;

/// A running counter.
pub struct Counter {
    systick: SYST,
}

impl Counter {
    /// Starts counting cycles of the core.
    pub fn start(mut systick: SYST) -> Self {
        systick.disable_counter();
        systick.disable_interrupt();
        systick.set_clock_source(SystClkSource::Core);
        systick.set_reload(RELOAD);
        systick.clear_current();
        systick.enable_counter();
        Self { systick }
    }

    /// Runs `f`. Returns its result and the ticks that it took, or `None` if they exceed the counter.
    #[inline(never)]
    pub fn measure<R>(&mut self, f: impl FnOnce() -> R) -> (R, Option<u32>) {
        // A write sets the count to zero and clears the flag that it reached zero. The count continues at `RELOAD`.
        self.systick.clear_current();
        let before = SYST::get_current();
        let result = f();
        let after = SYST::get_current();
        let ticks = (!self.systick.has_wrapped()).then(|| before.wrapping_sub(after) & RELOAD);
        (result, ticks)
    }

    /// Goes on as a clock.
    pub fn into_clock(self) -> Clock {
        Clock {
            _counter: self,
            last: SYST::get_current(),
            ticks: 0,
        }
    }

    /// Times an empty function and the loop of known length.
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

/// The counter's ticks in 32 bits, for ever. It must be looked at once in 2²⁴ ticks.
pub struct Clock {
    _counter: Counter,
    last: u32,
    ticks: u32,
}

impl Clock {
    /// Ticks since some moment, modulo 2³².
    pub fn now(&mut self) -> u32 {
        let current = SYST::get_current();
        let elapsed = self.last.wrapping_sub(current) & RELOAD;
        self.last = current;
        self.ticks = self.ticks.wrapping_add(elapsed);
        self.ticks
    }
}

/// Instructions that `ticks` of [`Counter::measure`] stand for, with a core that takes a tick for each as in QEMU.
pub fn instructions(rate: &TickRate, ticks: u32) -> u32 {
    let net = |ticks: u32| u64::from(ticks.saturating_sub(rate.overhead));
    let counted = net(ticks) * u64::from(rate.loop_instructions);
    let whole = counted.checked_div(net(rate.loop_ticks)).unwrap_or(0);
    u32::try_from(whole).unwrap_or(u32::MAX)
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
