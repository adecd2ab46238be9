//! Cycles that a step waits for flash, in which its weights, tables and code lie.
//!
//! ```text
//! data   W·(Σ over layers ⌈B / d⌉ + 5·U·⌈8 / d⌉)       (FW1)
//! code   W·⌈4·n / l⌉   or   W·⌈C / l⌉                  (FW2)
//! ```
//!
//! Each read of flash takes W cycles longer than a read of RAM. A step reads the B bytes of a layer once and in order,
//! and d of them come with one read. U units look up five segments of 8 bytes in the tables of σ and tanh. Weights
//! that stream by leave no segment in a small data cache, so each of them is a read.
//!
//! Code comes from a cache at best, without any wait: then (FW1) is the sum. At worst no cache exists, no prefetch
//! helps, and each of n instructions has four bytes: then the left part of (FW2) is added, where a fetch brings l bytes.
//! If the chip's cache holds the code of a unit ([`UNIT_CODE_BYTES`]), each of the C bytes of the step's code is
//! fetched at most once a step: the right part of (FW2).
//!
//! The accelerator of an STM32F4 is an example: a read brings 128 bits, the cache has 64 lines for code, and eight for
//! data, which the weights pass through (RM0090, 3.5.2). What a prefetch hides is known to nobody but the silicon, so
//! the sum stays a pair of estimates, and neither is measured.

use serde::{Deserialize, Serialize};

use super::quantity::{Bytes, Hertz};

/// Most bytes of the code that a step runs again and again: 1,714 on M4, less elsewhere (instructions that one step of 16
/// inputs, 64 units and ten outputs executes 16 times or more, by the counter of `cargo xtask bench`).
const UNIT_CODE_BYTES: u64 = 1750;
/// Bytes of an instruction, at most.
const INSTRUCTION_BYTES: u64 = 4;
/// Segments of σ and tanh that a unit looks up, and their size.
const LOOKUPS: u64 = 5;
const SEGMENT_BYTES: u64 = 8;

/// How a chip's flash is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlashReads {
    /// Bytes that one fetch of instructions brings, `l`.
    pub fetch: Bytes,
    /// Bytes that one read of data brings and a buffer keeps, `d`.
    pub data: Bytes,
    /// The cache for instructions; none by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_cache: Option<Bytes>,
}

impl Default for FlashReads {
    /// Reads of 128 bits and no cache.
    fn default() -> Self {
        Self::of(16, 16, 0)
    }
}

impl FlashReads {
    /// Of these numbers of bytes.
    pub(super) const fn of(fetch: u64, data: u64, code_cache: u64) -> Self {
        Self {
            fetch: Bytes(fetch),
            data: Bytes(data),
            code_cache: match code_cache {
                0 => None,
                bytes => Some(Bytes(bytes)),
            },
        }
    }
}

/// Cycles that a step waits for flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlashWaits {
    /// If all code comes from a cache.
    pub at_least: u64,
    /// If no more code comes from a cache than the chip's cache is known to hold.
    pub at_most: u64,
}

/// What a step reads.
#[derive(Clone, Debug)]
pub(super) struct StepReads {
    /// Bytes of each layer, `B`.
    pub(super) layer_bytes: Vec<usize>,
    /// Units of all LSTM layers, `U`.
    pub(super) units: usize,
    /// Executed instructions, `n`.
    pub(super) instructions: u64,
    /// Bytes of the step's code, `C`.
    pub(super) code_bytes: usize,
}

impl StepReads {
    /// (FW1) and (FW2).
    pub(super) fn waits(&self, wait_states: u32, reads: FlashReads) -> FlashWaits {
        let [fetch, data] = [reads.fetch, reads.data].map(|bytes| bytes.0.max(1));
        let wait_states = u64::from(wait_states);
        let layers = self.layer_bytes.iter().map(|&bytes| bytes as u64);
        let layers: u64 = layers.map(|bytes| bytes.div_ceil(data)).sum();
        let lookups = LOOKUPS * self.units as u64 * SEGMENT_BYTES.div_ceil(data);
        let at_least = wait_states * (layers + lookups);
        let holds = |cache: Bytes| cache.0 >= UNIT_CODE_BYTES;
        let all_code = INSTRUCTION_BYTES * self.instructions;
        let code = match reads.code_cache.is_some_and(holds) {
            true => all_code.min(self.code_bytes as u64),
            false => all_code,
        };
        FlashWaits {
            at_least,
            at_most: at_least + wait_states * code.div_ceil(fetch),
        }
    }
}

/// Wait states at `clock`, of flash that needs `wait_states` at the clock `known`: its access time, at most
/// `wait_states` + 1 cycles, stays.
pub(super) fn wait_states_at(clock: Hertz, wait_states: u32, known: Hertz) -> u32 {
    let cycles = (f64::from(wait_states) + 1.0) * clock.0 / known.0;
    // Less than a millionth of a cycle comes from rounding.
    ((cycles - 1e-6).ceil() - 1.0).max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 16 inputs and 64 units in w8a16 on M4, 26,189 instructions, and a small output layer.
    fn step() -> StepReads {
        StepReads {
            layer_bytes: vec![22_528, 160],
            units: 64,
            instructions: 26_189,
            code_bytes: 5_456,
        }
    }

    #[test]
    fn weights_on_an_stm32f4_cost_a_fifth_of_a_step() {
        // 1,408 and 10 lines of 16 bytes and 320 segments, five cycles each. Of 38,286 cycles, that is 23 %.
        let reads = FlashReads::of(16, 16, 1024);
        let waits = step().waits(5, reads);
        assert_eq!(waits.at_least, 5 * (1_408 + 10 + 320));
        // A cache of 1 KB may not hold the code of a unit: 104,756 bytes of instructions are 6,548 lines.
        assert_eq!(waits.at_most, waits.at_least + 5 * 6_548);
        // One of 2 KB does: 341 lines of code, once a step.
        let waits = step().waits(5, FlashReads::of(16, 16, 2048));
        assert_eq!(waits.at_most, waits.at_least + 5 * 341);
    }

    #[test]
    fn flash_without_a_data_buffer_costs_a_wait_a_word() {
        // 5,632 and 40 words, and two words a segment.
        let waits = step().waits(2, FlashReads::of(8, 4, 0));
        assert_eq!(waits.at_least, 2 * (5_632 + 40 + 640));
        assert_eq!(waits.at_most, waits.at_least + 2 * 13_095);
    }

    #[test]
    fn a_cache_of_just_the_units_code_holds_it() {
        let waits = |cache| step().waits(1, FlashReads::of(16, 16, cache));
        let code = |cache| waits(cache).at_most - waits(cache).at_least;
        assert_eq!(code(UNIT_CODE_BYTES), 341);
        assert_eq!(code(UNIT_CODE_BYTES - 1), 6_548);
        assert_eq!(FlashReads::default(), FlashReads::of(16, 16, 0));
        assert_eq!(FlashReads::default().code_cache, None);
    }

    #[test]
    fn no_wait_states_cost_nothing() {
        let none = FlashWaits {
            at_least: 0,
            at_most: 0,
        };
        assert_eq!(step().waits(0, FlashReads::default()), none);
    }

    #[test]
    fn a_slower_clock_needs_fewer_wait_states() {
        // An STM32F407 at 2.7 to 3.6 V needs one more wait state every 30 MHz (RM0090, table 10). 5 at 168 MHz say
        // one every 28 MHz.
        for (mega_hertz, states) in [(28.0, 0), (56.0, 1), (84.0, 2), (100.0, 3), (168.0, 5)] {
            let clock = Hertz(mega_hertz * 1e6);
            assert_eq!(
                wait_states_at(clock, 5, Hertz(168e6)),
                states,
                "{mega_hertz} MHz"
            );
        }
    }
}
