//! Layers that are linear in each step's values, in f64, until a matrix of the network takes them in.

use ndarray::{Array1, Array2, Axis};

use crate::network::DenseLayer;

/// `y = W x + b`. Factors of each value alone stay a vector as long as they can: a file of a few bytes may have many of them.
#[derive(Clone, Debug)]
pub(super) enum Linear {
    /// `y = s ⊙ x + b`
    Diagonal {
        /// `[O]`
        scale: Array1<f64>,
        /// `[O]`
        bias: Array1<f64>,
    },
    /// `y = W x + b`
    Matrix {
        /// `[O, I]`
        weight: Array2<f64>,
        /// `[O]`
        bias: Array1<f64>,
    },
}

impl Linear {
    pub(super) fn identity(width: usize) -> Self {
        Self::Diagonal {
            scale: Array1::ones(width),
            bias: Array1::zeros(width),
        }
    }

    pub(super) fn bias(&self) -> &Array1<f64> {
        match self {
            Self::Diagonal { bias, .. } | Self::Matrix { bias, .. } => bias,
        }
    }

    pub(super) fn outputs(&self) -> usize {
        self.bias().len()
    }

    /// `matrix · W`, for a matrix `[O', O]` that follows.
    pub(super) fn before(&self, matrix: Array2<f64>) -> Array2<f64> {
        match self {
            Self::Diagonal { scale, .. } => matrix * scale,
            Self::Matrix { weight, .. } => matrix.dot(weight),
        }
    }

    /// This, and then `next`.
    pub(super) fn then(self, next: Self) -> Self {
        match (self, next) {
            (before, Self::Matrix { weight, bias }) => {
                let bias = weight.dot(before.bias()) + bias;
                let weight = before.before(weight);
                Self::Matrix { weight, bias }
            }
            (Self::Matrix { weight, bias }, Self::Diagonal { scale, bias: added }) => {
                let bias = bias * &scale + added;
                let weight = weight * scale.insert_axis(Axis(1));
                Self::Matrix { weight, bias }
            }
            (
                Self::Diagonal { scale, bias },
                Self::Diagonal {
                    scale: by,
                    bias: added,
                },
            ) => Self::Diagonal {
                bias: bias * &by + added,
                scale: scale * by,
            },
        }
    }

    pub(super) fn layer(&self) -> DenseLayer {
        DenseLayer {
            weight: match self {
                Self::Diagonal { scale, .. } => Array2::from_diag(&scale.mapv(|s| s as f32)),
                Self::Matrix { weight, .. } => weight.mapv(|w| w as f32),
            },
            bias: self.bias().mapv(|b| b as f32),
        }
    }
}
