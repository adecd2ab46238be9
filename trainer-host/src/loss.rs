//! Losses on the network's outputs before the head, with their gradients.
//!
//! ```text
//! cross-entropy          L = ln Σ_j exp(y_j) − y_k            dL/dy_j = softmax(y)_j − [j = k]   (L1)
//! binary cross-entropy   L = Σ_j max(y_j, 0) − y_j q_j        dL/dy_j = σ(y_j) − q_j             (L2)
//!                            + ln(1 + exp(−|y_j|))
//! mean squared error     L = Σ_j (y_j − q_j)² / O             dL/dy_j = 2 (y_j − q_j) / O        (L3)
//! ```
//!
//! A batch's loss is the mean over its judged rows: one for each sequence, or one for each valid
//! step of sequence to sequence. Padded steps do not exist here, see [`crate::forward`].

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::data::Targets;
use crate::network::Head;

/// What training minimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// (L1), for one class out of several.
    CrossEntropy,
    /// (L2), for independent probabilities.
    BinaryCrossEntropy,
    /// (L3), for values.
    MeanSquaredError,
}

/// What one sequence should give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target<'a> {
    /// A class after the last step.
    Class(usize),
    /// A class after each step, `[T]`.
    ClassPerStep(&'a [usize]),
    /// Values after the last step, `[O]`.
    Value(&'a [f32]),
    /// Values after each step, `[T, O]`.
    ValuePerStep(ArrayView2<'a, f32>),
}

/// What one row of outputs should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expected<'a> {
    /// A class; for a single output, 1 stands for `σ(y) = 1`.
    Class(usize),
    /// Values, `[O]`.
    Values(&'a [f32]),
}

impl Expected<'_> {
    /// Whether a row of outputs decides for this class: its first largest output, or the sign of a
    /// single one. Values are met only exactly.
    pub fn is_met_by(&self, outputs: &[f32]) -> bool {
        match *self {
            Self::Class(class) if outputs.len() == 1 => (outputs[0] > 0.0) == (class == 1),
            Self::Class(class) => {
                outputs[..class].iter().all(|y| *y < outputs[class])
                    && outputs[class..].iter().all(|y| *y <= outputs[class])
            }
            Self::Values(values) => values == outputs,
        }
    }
}

impl<'a> Target<'a> {
    /// The target of sequence `index` of a data set.
    pub fn of(targets: &'a Targets, index: usize) -> Self {
        match targets {
            Targets::Class(classes) => Self::Class(classes[index]),
            Targets::ClassPerStep(classes) => Self::ClassPerStep(&classes[index]),
            Targets::Value(values) => Self::Value(&values[index]),
            Targets::ValuePerStep(values) => Self::ValuePerStep(values[index].view()),
        }
    }

    /// What the outputs after step `t` should be; `t` is ignored when only the last step counts.
    pub fn expected(&self, t: usize) -> Expected<'a> {
        match *self {
            Self::Class(class) => Expected::Class(class),
            Self::ClassPerStep(classes) => Expected::Class(classes[t]),
            Self::Value(values) => Expected::Values(values),
            Self::ValuePerStep(values) => {
                let row = values.index_axis_move(ndarray::Axis(0), t);
                Expected::Values(row.to_slice().expect("targets are stored row by row"))
            }
        }
    }
}

impl Loss {
    /// The usual loss of a head.
    pub fn of(head: Head) -> Self {
        match head {
            Head::Linear => Self::MeanSquaredError,
            Head::Sigmoid => Self::BinaryCrossEntropy,
            Head::Softmax => Self::CrossEntropy,
        }
    }

    /// The loss of one row of `outputs`, `[O]`; writes its gradient, `[O]`.
    ///
    /// Cross-entropy compares with values as with a distribution over classes, mean squared error
    /// with a class as with its one-hot vector.
    pub fn row(self, outputs: &[f32], expected: Expected<'_>, gradient: &mut [f32]) -> f64 {
        assert_eq!(outputs.len(), gradient.len());
        let count = outputs.len();
        let wanted = |j: usize| match expected {
            Expected::Class(class) if count == 1 => class as f64,
            Expected::Class(class) => f64::from(u8::from(j == class)),
            Expected::Values(values) => f64::from(values[j]),
        };
        let outputs = outputs.iter().map(|y| f64::from(*y)).enumerate();
        match self {
            Self::CrossEntropy => {
                let largest = outputs
                    .clone()
                    .fold(f64::NEG_INFINITY, |max, (_, y)| max.max(y));
                let sum: f64 = outputs.clone().map(|(_, y)| (y - largest).exp()).sum();
                let log_sum = largest + sum.ln();
                let mut loss = 0.0;
                for (j, y) in outputs {
                    let q = wanted(j);
                    loss += q * (log_sum - y);
                    gradient[j] = ((y - log_sum).exp() - q) as f32;
                }
                loss
            }
            Self::BinaryCrossEntropy => {
                let mut loss = 0.0;
                for (j, y) in outputs {
                    let q = wanted(j);
                    loss += y.max(0.0) - y * q + (-y.abs()).exp().ln_1p();
                    gradient[j] = (1.0 / (1.0 + (-y).exp()) - q) as f32;
                }
                loss
            }
            Self::MeanSquaredError => {
                let mut loss = 0.0;
                for (j, y) in outputs {
                    let error = y - wanted(j);
                    loss += error * error / count as f64;
                    gradient[j] = (2.0 * error / count as f64) as f32;
                }
                loss
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cross_entropy_of_equal_outputs_is_the_logarithm_of_their_number() {
        let mut gradient = [0.0; 4];
        let loss = Loss::CrossEntropy.row(&[7.0; 4], Expected::Class(2), &mut gradient);
        assert!((loss - 4f64.ln()).abs() < 1e-12);
        assert_eq!(gradient, [0.25, 0.25, -0.75, 0.25]);
    }

    #[test]
    fn extreme_outputs_give_finite_losses() {
        for loss in [Loss::CrossEntropy, Loss::BinaryCrossEntropy] {
            let mut gradient = [0.0; 2];
            let value = loss.row(&[1e30, -1e30], Expected::Class(1), &mut gradient);
            assert!(
                value.is_finite() && gradient.iter().all(|g| g.is_finite()),
                "{loss:?}"
            );
        }
    }

    #[test]
    fn one_sigmoid_output_takes_class_one_as_true() {
        let mut gradient = [0.0];
        let value = Loss::BinaryCrossEntropy.row(&[0.0], Expected::Class(1), &mut gradient);
        assert!((value - 2f64.ln()).abs() < 1e-12);
        assert_eq!(gradient, [-0.5]);
    }

    proptest! {
        #[test]
        fn gradients_are_the_slopes_of_the_losses(
            outputs in proptest::collection::vec(-4.0f32..4.0, 3),
            values in proptest::collection::vec(0.0f32..1.0, 3),
            class in 0usize..3,
        ) {
            // A step of 2^-7 keeps outputs exact in f32; the slope's own error is its square
            // times a third derivative below one, and the gradient is rounded to f32.
            const STEP: f32 = 1.0 / 128.0;
            const TOLERANCE: f64 = 1e-4;
            let outputs: Vec<f32> = outputs.iter().map(|y| (y * 1024.0).round() / 1024.0).collect();
            for loss in [Loss::CrossEntropy, Loss::BinaryCrossEntropy, Loss::MeanSquaredError] {
                // Cross-entropy's targets are a distribution.
                let sum: f32 = values.iter().sum::<f32>().max(1e-3);
                let scale = if loss == Loss::CrossEntropy { 1.0 / sum } else { 1.0 };
                let values: Vec<f32> = values.iter().map(|v| v * scale).collect();
                prop_assume!((values.iter().sum::<f32>() - 1.0).abs() < 1e-5 || loss != Loss::CrossEntropy);
                for expected in [Expected::Class(class), Expected::Values(&values)] {
                    let mut gradient = [0.0; 3];
                    loss.row(&outputs, expected, &mut gradient);
                    for j in 0..3 {
                        let at = |step: f32| {
                            let mut moved = outputs.clone();
                            moved[j] += step;
                            loss.row(&moved, expected, &mut [0.0; 3])
                        };
                        let slope = (at(STEP) - at(-STEP)) / (2.0 * f64::from(STEP));
                        prop_assert!((slope - f64::from(gradient[j])).abs() < TOLERANCE, "{:?} {} {}", loss, slope, gradient[j]);
                    }
                }
            }
        }
    }
}
