//! One GRU layer, advanced one time step at a time.
//!
//! ```text
//! r_t = σ(W_xr x_t + W_hr h_{t−1} + b_r)                   (GR1)
//! z_t = σ(W_xz x_t + W_hz h_{t−1} + b_z)                   (GR2)
//! n_t = tanh(W_xn x_t + b_n + r_t ⊙ (W_hn h_{t−1} + b_hn)) (GR3)
//! h_t = (1 − z_t) ⊙ n_t + z_t ⊙ h_{t−1}                    (GR4)
//! ```
//!
//! (Cho et al. 2014.) The reset gate scales the recurrent product, as in cuDNN, PyTorch, Keras with `reset_after`, and
//! ONNX with `linear_before_reset`. Gates are stored in the order r, z, n. The integer form of (GR1) to (GR4) is (GA)
//! to (GD) of [`crate::kernels::gru`].

use crate::kernels::{Block, GruParameters, GruUnit, I32x4, Kernels, gru};

/// Advances `hidden` and the states in `cell` as [`observed_step`] does, by what `K` has for a whole step.
// Its stack is no part of other layers' steps.
#[inline(never)]
pub fn step<K: Kernels>(
    layer: &GruParameters<'_>,
    x: &[Block],
    hidden: &mut [Block],
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    K::gru_step(layer, x, hidden, cell, next);
}

/// Advances `hidden` (Q0.15, or Q0.(15−n) in int8) and the states in `cell`, Q0.31, by the step whose input is `x`,
/// from the sums of rows that `K` yields, while `observer` sees each unit.
///
/// `next`, as long as `hidden`, is scratch: every unit is computed from the old hidden state.
#[inline(always)]
pub fn observed_step<K: Kernels>(
    layer: &GruParameters<'_>,
    (x, hidden): (&[Block], &mut [Block]),
    cell: &mut [I32x4],
    next: &mut [Block],
    observer: impl FnMut(usize, &GruUnit),
) {
    gru::observed_step::<K>(layer, (x, hidden), cell, next, observer);
}
