//! One LSTM layer with a recurrent projection, advanced one time step at a time.
//!
//! ```text
//! m_t = o_t ⊙ tanh(c_t)                                    (PJ1)
//! h_t = W_r m_t                                            (PJ2)
//! ```
//!
//! (Sak, Senior and Beaufays 2014, "LSTMP"; PyTorch's `proj_size`.) c_t and o_t are those of (1) to (5) of [`super::lstm`],
//! with h_{t−1} of (PJ2). `H` units have `P` outputs. The integer form is (PA) and (PB) of
//! [`crate::kernels::projected`].

use crate::kernels::{Block, I32x4, Kernels, LstmUnit, ProjectedParameters, projected};

/// Advances `hidden: [P]` and `cell: [H]` as [`observed_step`] does, by what `K` has for a whole step.
#[inline(always)]
pub fn step<K: Kernels>(
    layer: &ProjectedParameters<'_>,
    x: &[Block],
    hidden: &mut [Block],
    cell: &mut [I32x4],
    scratch: &mut [Block],
) {
    projected::step::<K>(layer, (x, hidden), cell, scratch);
}

/// Advances `hidden: [P]`, in units of the layer's range, and `cell: [H]` by the step whose input is `x`, from the sums of
/// rows that `K` yields, while `observer` sees each unit.
///
/// `scratch` is [`ProjectedParameters::scratch_blocks`] long.
#[inline(always)]
pub fn observed_step<K: Kernels>(
    layer: &ProjectedParameters<'_>,
    (x, hidden): (&[Block], &mut [Block]),
    cell: &mut [I32x4],
    scratch: &mut [Block],
    observer: impl FnMut(usize, &LstmUnit),
) {
    projected::observed_step::<K>(layer, (x, hidden), cell, scratch, observer);
}
