//! What the CPU and the operating system have; asked once.

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use core::sync::atomic::{AtomicU8, Ordering};

const UNKNOWN: u8 = 0xff;
const AVX2: u8 = 1;
const AVX512: u8 = 2;

/// AVX2
pub(super) fn has_avx2() -> bool {
    answers() & AVX2 != 0
}

/// AVX2, and AVX-512 with BW, VL and VNNI.
pub(super) fn has_avx512() -> bool {
    answers() & AVX512 != 0
}

fn answers() -> u8 {
    static ANSWERS: AtomicU8 = AtomicU8::new(UNKNOWN);
    match ANSWERS.load(Ordering::Relaxed) {
        UNKNOWN => {
            let answers = ask();
            ANSWERS.store(answers, Ordering::Relaxed);
            answers
        }
        answers => answers,
    }
}

/// As Intel's manual has it: the instructions, and registers that the operating system saves.
fn ask() -> u8 {
    if __cpuid(0).eax < 7 {
        return 0;
    }
    let basic = __cpuid(1).ecx;
    let extended = __cpuid_count(7, 0);
    let all = |word: u32, bits: &[u32]| bits.iter().all(|bit| word >> bit & 1 == 1);
    // The operating system saves registers (27); AVX (28).
    if !all(basic, &[27, 28]) {
        return 0;
    }
    // SAFETY: the instruction exists where the operating system saves registers with it.
    let saved = unsafe { _xgetbv(0) } as u32;
    // XMM and YMM
    if !all(saved, &[1, 2]) || !all(extended.ebx, &[5]) {
        return 0;
    }
    // FMA (12) and F16C (29), which the compiler takes as parts of AVX-512; F (16), BW (30), VL (31); VNNI (11);
    // masks and ZMM.
    let avx512 = all(basic, &[12, 29])
        && all(extended.ebx, &[16, 30, 31])
        && all(extended.ecx, &[11])
        && all(saved, &[5, 6, 7]);
    if avx512 { AVX2 | AVX512 } else { AVX2 }
}
