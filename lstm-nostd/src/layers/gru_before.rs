//! One GRU layer whose reset gate comes before the product, advanced one time step at a time.
//!
//! ```text
//! n_t = tanh(W_xn x_t + W_hn (r_t ⊙ h_{t−1}) + b_n)        (GR3b)
//! ```
//!
//! (Cho et al. 2014; Keras without `reset_after`, ONNX with `linear_before_reset = 0`.) The rest is (GR1), (GR2) and (GR4) of
//! `layers/gru.rs`. Gates are stored in the order r, z, n. The integer form is (RA) to (RC) of [`crate::kernels::gru_before`],
//! and (GC) and (GD).

use crate::kernels::{Block, GruBeforeParameters, GruUnit, I32x4, Kernels, gru_before};

/// Advances `hidden` and the states in `cell` as [`observed_step`] does.
// Its stack is no part of other layers' steps.
#[inline(never)]
pub fn step<K: Kernels>(
    layer: &GruBeforeParameters<'_>,
    x: &[Block],
    hidden: &mut [Block],
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    gru_before::step::<K>(layer, (x, hidden), cell, next);
}

/// Advances `hidden` (Q0.15, or Q0.(15−n) in int8) and the states in `cell`, Q0.31, by the step whose input is `x`,
/// from the sums of rows that `K` yields, while `observer` sees each unit.
///
/// `next`, as long as `hidden`, is scratch: it holds the old states reset by r.
#[inline(always)]
pub fn observed_step<K: Kernels>(
    layer: &GruBeforeParameters<'_>,
    (x, hidden): (&[Block], &mut [Block]),
    cell: &mut [I32x4],
    next: &mut [Block],
    observer: impl FnMut(usize, &GruUnit),
) {
    gru_before::observed_step::<K>(layer, (x, hidden), cell, next, observer);
}
