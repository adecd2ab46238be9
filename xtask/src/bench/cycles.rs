//! Estimates cycles: the number of instructions of each class times its published timing. Nothing here was measured.
//!
//! | core | source |
//! | --- | --- |
//! | M0 | Cortex-M0 TRM (DDI 0432C), table 3-1, with the single-cycle multiplier |
//! | M3 | Cortex-M3 TRM (DDI 0337E), table 18.1 |
//! | M4 | Cortex-M4 TRM (DDI 0439B), table 3-1 |
//! | M33 | no timings are published; those of M4, as in LLVM's scheduling model |
//! | M7 | no timings are published; LLVM's scheduling model, which waits for results: `llvm-mca -mcpu=cortex-m7` gives 10 cycles for the 14 instructions of a block of products in `dsp.s` (LLVM 19; LLVM 14 gives 14), and 126 for the 101 instructions of a unit's elementwise part (LLVM 14) |
//! | M55 | beats as in LLVM's scheduling model: two cycles for a vector instruction, which overlaps by one with a neighbour of another unit; a gathering load four more |
//!
//! Assumptions: memory has no wait states. A taken branch refills the pipeline in two cycles; the manual says one to
//! three. A long multiplication on M3 takes four cycles; the manual says three to five. Loads do not wait for one
//! another.

use super::image::Part;

/// The class of an instruction, which decides its timing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Everything that is not named below.
    Simple,
    /// 32-bit product.
    Multiply,
    /// 32-bit product and sum.
    MultiplyAdd,
    /// 64-bit product.
    LongMultiply,
    /// Loads of this many words.
    Load(u32),
    /// Stores of this many words.
    Store(u32),
    /// A load into the program counter, of this many words.
    LoadBranch(u32),
    /// Branches; the cost of a branch counts when it is taken.
    Branch,
    /// Helium, arithmetic.
    Vector,
    /// Helium, load or store of neighbouring words.
    VectorMemory,
    /// Helium, load of words from anywhere.
    Gather,
}

impl Class {
    /// The class of the Thumb instruction with these two half-words. Only long instructions have a second half-word.
    pub(super) fn of([first, second]: [u16; 2]) -> Self {
        if is_long(first) {
            return Self::of_long(first, second);
        }
        let loads = first & 0x0800 != 0;
        let memory = |words| {
            if loads {
                Self::Load(words)
            } else {
                Self::Store(words)
            }
        };
        match first >> 12 {
            0b0100 if first & 0xf800 == 0x4800 => Self::Load(1),
            0b0100 if first & 0xffc0 == 0x4340 => Self::Multiply,
            0b0100 if first & 0xff00 == 0x4700 => Self::Branch,
            // By register: three kinds of stores, then five of loads.
            0b0101 if first & 0x0e00 <= 0x0400 => Self::Store(1),
            0b0101 => Self::Load(1),
            0b0110..=0b1001 => memory(1),
            0b1011 if first & 0x0500 == 0x0100 => Self::Branch,
            0b1011 if first & 0xff00 == 0xbd00 => Self::LoadBranch(first_words(first) + 1),
            0b1011 if first & 0x0600 == 0x0400 => {
                memory(first_words(first) + u32::from(first >> 8 & 1))
            }
            0b1100 => memory(first_words(first)),
            0b1101 => Self::Branch,
            0b1110 => Self::Branch,
            _ => Self::Simple,
        }
    }

    fn of_long(first: u16, second: u16) -> Self {
        let loads = first & 0x0010 != 0;
        let words = second.count_ones();
        match first >> 8 {
            0xe8 | 0xe9 if first & 0x0040 == 0 && loads && second & 0x8000 != 0 => {
                Self::LoadBranch(words)
            }
            0xe8 | 0xe9 if first & 0x0040 == 0 => {
                if loads {
                    Self::Load(words)
                } else {
                    Self::Store(words)
                }
            }
            0xe8 | 0xe9 if loads => Self::Load(2),
            0xe8 | 0xe9 => Self::Store(2),
            0xec | 0xed => Self::VectorMemory,
            0xee | 0xef | 0xfe | 0xff => Self::Vector,
            0xfc | 0xfd => Self::Gather,
            // Loops of the low-overhead branch extension have second half-words as branches do.
            0xf0..=0xf7 if second & 0x8000 != 0 => Self::Branch,
            0xf8 | 0xf9 if loads && second >> 12 == 15 => Self::LoadBranch(1),
            0xf8 | 0xf9 if loads => Self::Load(1),
            0xf8 | 0xf9 => Self::Store(1),
            0xfb if first & 0x0080 != 0 => Self::LongMultiply,
            0xfb if second >> 12 == 15 => Self::Multiply,
            0xfb => Self::MultiplyAdd,
            _ => Self::Simple,
        }
    }

    fn is_vector(self) -> bool {
        matches!(self, Self::Vector | Self::VectorMemory | Self::Gather)
    }
}

/// Whether an instruction with this first half-word has a second one.
pub(super) fn is_long(first: u16) -> bool {
    first >= 0xe800
}

/// Registers in the lower byte.
fn first_words(first: u16) -> u32 {
    (first & 0xff).count_ones()
}

/// An executed instruction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Executed {
    /// Its class.
    pub(super) class: Class,
    /// The part of a step that it belongs to.
    pub(super) part: Part,
    /// The class of the instruction before it in memory.
    pub(super) before: Class,
    /// How often it was executed.
    pub(super) count: u64,
    /// How often it branched.
    pub(super) branched: u64,
}

/// The estimate for `core`, in cycles.
pub(super) fn estimate(core: &str, executed: impl Iterator<Item = Executed> + Clone) -> f64 {
    let sum = |cycles: &dyn Fn(&Executed) -> u32, refill: u64| -> f64 {
        let cycles = executed.clone().map(|e| {
            let taken = if matches!(e.class, Class::Branch | Class::LoadBranch(_)) {
                e.branched * refill
            } else {
                0
            };
            e.count * u64::from(cycles(&e)) + taken
        });
        cycles.sum::<u64>() as f64
    };
    match core {
        "M0" => sum(&|e| in_order(e.class, [1, 1, 1]), 2),
        "M3" => sum(&|e| in_order(e.class, [1, 2, 4]), 2),
        "M55" => sum(&helium, 2),
        "M7" => executed.map(|e| e.count as f64 * m7(e.part)).sum(),
        _ => sum(&|e| in_order(e.class, [1, 1, 1]), 2),
    }
}

/// Cores that execute one instruction after the other, with their timings of the three multiplications.
fn in_order(class: Class, [multiply, multiply_add, long_multiply]: [u32; 3]) -> u32 {
    match class {
        Class::Multiply => multiply,
        Class::MultiplyAdd => multiply_add,
        Class::LongMultiply => long_multiply,
        Class::Load(words) | Class::Store(words) | Class::LoadBranch(words) => 1 + words,
        _ => 1,
    }
}

/// Cycles of an instruction, which depend on how long a part's instructions wait for one another.
fn m7(part: Part) -> f64 {
    match part {
        Part::Products => 10.0 / 14.0,
        Part::Activations | Part::Rest => 126.0 / 101.0,
    }
}

fn helium(executed: &Executed) -> u32 {
    let overlaps = executed.before.is_vector() && executed.before != executed.class;
    match executed.class {
        Class::Vector | Class::VectorMemory => 2 - u32::from(overlaps),
        Class::Gather => 6 - u32::from(overlaps),
        Class::Load(words) | Class::Store(words) | Class::LoadBranch(words) => words,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_have_their_classes() {
        // Encodings as `llvm-mc --show-encoding` prints them.
        for (halves, class) in [
            ([0x1200, 0], Class::Simple),             // asrs r0, r0, #8
            ([0x4351, 0], Class::Multiply),           // muls r1, r2, r1
            ([0xce81, 0], Class::Load(2)),            // ldmia r6!, {r0, r7}
            ([0xc50f, 0], Class::Store(4)),           // stmia r5!, {r0-r3}
            ([0xbdf0, 0], Class::LoadBranch(5)),      // pop {r4-r7, pc}
            ([0xb5f0, 0], Class::Store(5)),           // push {r4-r7, lr}
            ([0x5fa3, 0], Class::Load(1)),            // ldrsh r3, [r4, r6]
            ([0xe8be, 0x0f00], Class::Load(4)),       // ldmia lr!, {r8-r11}
            ([0xe8f7, 0x8902], Class::Load(2)),       // ldrd r8, r9, [r7], #8
            ([0xfb00, 0x4408], Class::MultiplyAdd),   // mla r4, r0, r8, r4
            ([0xfb00, 0xf001], Class::Multiply),      // mul r0, r0, r1
            ([0xfbca, 0x01c8], Class::LongMultiply),  // smlald r0, r1, r10, r8
            ([0xf8dd, 0xf02c], Class::LoadBranch(1)), // ldr pc, [sp, #44]
            ([0xf8dd, 0xc010], Class::Load(1)),       // ldr r12, [sp, #16]
        ] {
            assert_eq!(Class::of(halves), class, "{halves:04x?}");
        }
    }

    #[test]
    fn a_block_on_m4_takes_twenty_cycles() {
        // ldrd, ldm of four, and twelve of one cycle: 3 + 5 + 12, without pipelining of loads.
        let once = |class| Executed {
            class,
            part: Part::Products,
            before: Class::Simple,
            count: 1,
            branched: 0,
        };
        let block = [Class::Load(2), Class::Load(4)].map(once).into_iter();
        let block = block.chain([once(Class::LongMultiply); 4]);
        let block = block.chain([once(Class::MultiplyAdd); 4]);
        let block = block.chain([once(Class::Simple); 4]);
        assert_eq!(estimate("M4", block.clone()), 20.0);
        assert!((estimate("M7", block) - 10.0).abs() < 1e-9);
    }
}
