//! One LSTM layer with peepholes, advanced one time step at a time.
//!
//! ```text
//! i_t = σ(W_xi x_t + W_hi h_{t−1} + p_i ⊙ c_{t−1} + b_i)   (1)
//! f_t = σ(W_xf x_t + W_hf h_{t−1} + p_f ⊙ c_{t−1} + b_f)   (2)
//! g_t = tanh(W_xg x_t + W_hg h_{t−1} + b_g)                (3)
//! c_t = f_t ⊙ c_{t−1} + i_t ⊙ g_t                          (4)
//! o_t = σ(W_xo x_t + W_ho h_{t−1} + p_o ⊙ c_t + b_o)       (5)
//! h_t = o_t ⊙ tanh(c_t)                                    (6)
//! ```
//!
//! Gates are stored in the order i, f, g, o (Gers, Schraudolph and Schmidhuber 2002, with diagonal
//! peepholes). The output gate looks at the *new* cell state, so it is activated last. The integer
//! form of (1) to (6) is (A) to (H) of [`crate::kernels::lstm`].

use crate::kernels::{Block, I32x4, Kernels, LstmParameters, LstmUnit, lstm};

/// Advances `hidden` (Q0.15, or Q0.(15−n) in int8) and `cell` by the step whose input is `x`.
///
/// `next`, as long as `hidden`, is scratch: every unit is computed from the old hidden state.
#[inline(always)]
pub fn step<K: Kernels>(
    layer: &LstmParameters<'_>,
    x: &[Block],
    hidden: &mut [Block],
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    K::lstm_step(layer, x, hidden, cell, next);
}

/// [`step`] by definition, from the sums of rows that `K` yields, while `observer` sees each unit.
#[inline(always)]
pub fn observed_step<K: Kernels>(
    layer: &LstmParameters<'_>,
    (x, hidden): (&[Block], &mut [Block]),
    cell: &mut [I32x4],
    next: &mut [Block],
    observer: impl FnMut(usize, &LstmUnit),
) {
    lstm::step(layer, (x, hidden), cell, next, K::row_sums, observer);
}
