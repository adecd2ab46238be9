//! The dense layers above the recurrent ones, `y = W x + b` with a ReLU between them: (7) of [`crate::network`].

use ndarray::{Array1, Array2, Axis, LinalgScalar};

use crate::network::ParameterKind;
use crate::network::recurrent::{LayerParameter, values_of};

/// Parameters of one dense layer, `y = W x + b`, then ReLU unless it is the last.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseLayer {
    /// Weights, `[O, I]`.
    pub weight: Array2<f32>,
    /// Biases, `[O]`.
    pub bias: Array1<f32>,
}

impl DenseLayer {
    /// A layer whose parameters are all zero.
    pub fn zeros(inputs: usize, outputs: usize) -> Self {
        Self {
            weight: Array2::zeros((outputs, inputs)),
            bias: Array1::zeros(outputs),
        }
    }

    pub(crate) fn parameters(&self) -> Vec<LayerParameter<'_>> {
        vec![
            LayerParameter::of("weight", ParameterKind::Weight, &self.weight),
            LayerParameter::of("bias", ParameterKind::Bias, &self.bias),
        ]
    }

    pub(crate) fn values_mut(&mut self) -> Vec<&mut [f32]> {
        vec![values_of(&mut self.weight), values_of(&mut self.bias)]
    }

    /// `W x + b` for each row of `x`, `[R, I]` to `[R, O]`, in f32 or f64.
    pub fn values<F: LinalgScalar + From<f32>>(&self, x: &Array2<F>) -> Array2<F> {
        let weight = self.weight.mapv(F::from);
        x.dot(&weight.t()) + self.bias.mapv(F::from).insert_axis(Axis(0))
    }

    /// [`DenseLayer::values`] of a layer below others, after its ReLU.
    pub fn rectified<F>(&self, x: &Array2<F>) -> Array2<F>
    where
        F: LinalgScalar + From<f32> + PartialOrd,
    {
        self.values(x)
            .mapv_into(|y| if y > F::zero() { y } else { F::zero() })
    }
}
