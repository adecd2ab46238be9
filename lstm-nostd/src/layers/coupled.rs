//! One LSTM layer with coupled gates, advanced one time step at a time.
//!
//! ```text
//! i_t = σ(W_xi x_t + W_hi h_{t−1} + p_i ⊙ c_{t−1} + b_i)   (CF1)
//! f_t = 1 − i_t                                            (CF2)
//! ```
//!
//! (Greff et al. 2017, "CIFG"; ONNX with `input_forget`.) What follows is (3) to (6) of [`super::lstm`]. Gates are stored
//! in the order i, g, o. The integer form is (UA) to (UC) of [`crate::kernels::coupled`].

use crate::kernels::{Block, CoupledParameters, CoupledUnit, I32x4, Kernels, coupled};

/// Advances `hidden` and `cell` as [`observed_step`] does, by what `K` has for a whole step.
// Its stack is no part of other layers' steps.
#[inline(never)]
pub fn step<K: Kernels>(
    layer: &CoupledParameters<'_>,
    x: &[Block],
    hidden: &mut [Block],
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    coupled::step::<K>(layer, (x, hidden), cell, next);
}

/// Advances `hidden` (Q0.15, or Q0.(15−n) in int8) and `cell` by the step whose input is `x`, from the sums of rows that
/// `K` yields, while `observer` sees each unit.
///
/// `next`, as long as `hidden`, is scratch: every unit is computed from the old hidden state.
#[inline(always)]
pub fn observed_step<K: Kernels>(
    layer: &CoupledParameters<'_>,
    (x, hidden): (&[Block], &mut [Block]),
    cell: &mut [I32x4],
    next: &mut [Block],
    observer: impl FnMut(usize, &CoupledUnit),
) {
    coupled::observed_step::<K>(layer, (x, hidden), cell, next, observer);
}
