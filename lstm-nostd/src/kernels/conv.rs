//! A convolution over time below the recurrent layers: its parameters where they lie.
//!
//! ```text
//! y_f = sat(mul_high(Σ_k Σ_c w[f, k, c] · x_{t−K+1+k, c} + bias_f, mult_f) << shift)           (CV1)
//! ```
//!
//! The last K steps lie one after the other, the oldest first. So a row of weights meets them as a row of a dense layer
//! meets its K · C inputs: (CV1) is (E) of [`dense`](super::dense), in every scheme, every order and on every core.

use super::{DenseParameters, Scheme, Width};

/// The parameters of a convolution as they lie in a model file.
#[derive(Clone, Copy, Debug)]
pub struct ConvParameters<'m> {
    /// The filters: rows of K · C weights, `w[f, k, c]` at `k · C + c`.
    pub filters: DenseParameters<'m>,
    /// Values of a step, `C`.
    pub channels: usize,
    /// Steps that a filter looks at, `K`.
    pub kernel: usize,
    /// Steps from one output to the next, `S`.
    pub stride: usize,
    /// The first step that has an output, counted from 0. Steps before the start are zeros: a causal convolution has its first
    /// output at step 0, one without padding at step K − 1.
    pub first: usize,
    /// Whether negative outputs become zero.
    pub is_rectified: bool,
}

impl ConvParameters<'_> {
    /// How the layer is quantised.
    pub const fn scheme(&self) -> Scheme {
        self.filters.scheme()
    }

    /// The type of its inputs and outputs.
    pub const fn width(&self) -> Width {
        self.filters.width
    }

    /// Filters, `F`: its outputs.
    pub const fn outputs(&self) -> usize {
        self.filters.outputs
    }

    /// Bytes that weights and rows take.
    pub const fn bytes(&self) -> usize {
        self.filters.bytes()
    }

    /// Blocks that its outputs take.
    pub const fn output_blocks(&self) -> usize {
        self.width().blocks(self.outputs())
    }

    /// Blocks of state that it keeps: where it stands, and the last steps.
    pub const fn state_blocks(&self) -> usize {
        self.width().blocks(self.filters.inputs).saturating_add(1)
    }
}
