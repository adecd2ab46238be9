//! A stage of the front end's transform on cores with `smmulr` (M4, M7, M33): 56 instructions for four points.
//!
//! Compiled code takes 103, since it keeps four addresses, five ends and eight values for 13 registers. `fft.s` has two
//! addresses, one for real and one for imaginary parts, and reaches the four transforms by q and 3q in bytes.
#![allow(unsafe_code)]

use crate::kernels::fft::{Point, Turn};

core::arch::global_asm!(include_str!("fft.s"), options(raw));

unsafe extern "C" {
    /// (FT3) of `blocks` blocks of four times `quarter` points at `points`, with `quarter` turns at `turns`. None of the
    /// counts is 0.
    fn lstm_nostd_fft_stage(points: *mut Point, quarter: usize, turns: *const Turn, blocks: usize);
}

/// [`stage`](crate::kernels::fft::stage) of the specification.
#[inline(always)]
pub(super) fn stage(points: &mut [Point], turns: &[Turn]) {
    let quarter = turns.len();
    let length = quarter.wrapping_mul(4);
    if length == 0 {
        return;
    }
    let blocks = points.len() / length;
    if blocks == 0 {
        return;
    }
    // SAFETY: the points hold `blocks` whole blocks of four times as many points as there are turns, and no count is 0.
    unsafe { lstm_nostd_fft_stage(points.as_mut_ptr(), quarter, turns.as_ptr(), blocks) }
}
