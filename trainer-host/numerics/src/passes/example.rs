//! What a network learns from: a sequence, what it should give, and what a teacher says.

use ndarray::ArrayView2;

use crate::loss::Target;

/// One sequence of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Example<'a> {
    /// Normalised inputs, `[T, I]`, `T ≥ 1`.
    pub sequence: ArrayView2<'a, f32>,
    /// What it should give.
    pub target: Target<'a>,
    /// Seeds this sequence's noise and dropout.
    pub seed: u64,
    /// A teacher's outputs, `[1, O]` or `[T, O]`, if there is one.
    pub teacher: Option<ArrayView2<'a, f32>>,
}
