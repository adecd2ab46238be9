//! One GRU layer whose reset gate comes before the product.
//!
//! ```text
//! n_t = tanh(W_xn x_t + W_hn (r_t ⊙ h_{t−1}) + b_n)        (GR3b)
//! ```
//!
//! (Cho et al. 2014; Keras without `reset_after`, ONNX with `linear_before_reset = 0`.) The rest is (GR1), (GR2) and (GR4) of
//! [`super::gru`], and so are the gates. Imported networks have it; training offers the other kind, which needs one
//! product a step.

use ndarray::{Array1, Array2};

use super::gru::GATES;
use crate::network::ParameterKind;
use crate::network::recurrent::{Cell, LayerParameter, Recurrent, values_of};

/// Parameters of one such layer of `H` units; rows in the order of [`GATES`].
#[derive(Clone, Debug, PartialEq)]
pub struct GruBeforeLayer {
    /// Input weights, `[3H, I]`.
    pub w_x: Array2<f32>,
    /// Recurrent weights, `[3H, H]`; those of n see the state that r has reset.
    pub w_h: Array2<f32>,
    /// Biases, `[3H]`.
    pub bias: Array1<f32>,
}

impl GruBeforeLayer {
    /// A layer whose parameters are all zero.
    pub(crate) fn zeros(inputs: usize, units: usize) -> Self {
        let rows = GATES.len() * units;
        Self {
            w_x: Array2::zeros((rows, inputs)),
            w_h: Array2::zeros((rows, units)),
            bias: Array1::zeros(rows),
        }
    }
}

impl Recurrent for GruBeforeLayer {
    fn cell(&self) -> Cell {
        Cell::GruBefore
    }

    fn input_weights(&self) -> &Array2<f32> {
        &self.w_x
    }

    fn recurrent_weights(&self) -> &Array2<f32> {
        &self.w_h
    }

    fn weights_mut(&mut self) -> [&mut Array2<f32>; 2] {
        [&mut self.w_x, &mut self.w_h]
    }

    fn parameters(&self) -> Vec<LayerParameter<'_>> {
        vec![
            LayerParameter::of("w_x", ParameterKind::Weight, &self.w_x),
            LayerParameter::of("w_h", ParameterKind::Weight, &self.w_h),
            LayerParameter::of("bias", ParameterKind::Bias, &self.bias),
        ]
    }

    fn values_mut(&mut self) -> Vec<&mut [f32]> {
        vec![
            values_of(&mut self.w_x),
            values_of(&mut self.w_h),
            values_of(&mut self.bias),
        ]
    }

    fn bias_mut(&mut self) -> &mut Array1<f32> {
        &mut self.bias
    }

    fn keep_other_units(&mut self, _: &[usize]) {}
}
