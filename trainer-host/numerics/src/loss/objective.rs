//! A loss with its constants, row by row.

use serde::{Deserialize, Serialize};

use super::target::Expected;
use crate::network::Head;
use crate::targets::Task;

/// Which loss: (L1) to (L5) of [`crate::loss`], in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// For one class out of several.
    CrossEntropy,
    /// For independent probabilities.
    BinaryCrossEntropy,
    /// For values.
    MeanSquaredError,
    /// For values with outliers.
    MeanAbsoluteError,
    /// Squared for small errors, absolute for large ones.
    Huber,
}

impl Loss {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::CrossEntropy,
        Self::BinaryCrossEntropy,
        Self::MeanSquaredError,
        Self::MeanAbsoluteError,
        Self::Huber,
    ];

    /// The loss for such targets where none is set.
    pub fn by_default(task: Task) -> Self {
        match task.is_class() {
            true => Self::CrossEntropy,
            false => Self::MeanSquaredError,
        }
    }

    /// The usual loss of a head.
    pub fn of(head: Head) -> Self {
        match head {
            Head::Linear => Self::MeanSquaredError,
            Head::Sigmoid => Self::BinaryCrossEntropy,
            Head::Softmax => Self::CrossEntropy,
        }
    }

    /// The task of a network that is trained with this loss.
    pub fn head(self) -> Head {
        match self {
            Self::CrossEntropy => Head::Softmax,
            Self::BinaryCrossEntropy => Head::Sigmoid,
            Self::MeanSquaredError | Self::MeanAbsoluteError | Self::Huber => Head::Linear,
        }
    }

    /// The name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::CrossEntropy => "cross-entropy",
            Self::BinaryCrossEntropy => "binary-cross-entropy",
            Self::MeanSquaredError => "mean-squared-error",
            Self::MeanAbsoluteError => "mean-absolute-error",
            Self::Huber => "huber",
        }
    }
}

/// What training minimises.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// Which loss.
    pub loss: Loss,
    /// δ of (L5).
    pub delta: f32,
    /// s of (L6), from 0 up to but not including 1.
    pub label_smoothing: f32,
    /// w of (L7), one for each class; empty for 1.
    pub class_weights: Vec<f32>,
}

impl From<Loss> for Objective {
    /// The loss without smoothing and weights, with δ = 1.
    fn from(loss: Loss) -> Self {
        Self {
            loss,
            delta: 1.0,
            label_smoothing: 0.0,
            class_weights: Vec::new(),
        }
    }
}

impl Objective {
    /// The loss of one row of `outputs`, `[O]`; writes its gradient, `[O]`.
    ///
    /// Cross-entropy takes values as a distribution over classes. A loss on values takes a class as its one-hot
    /// vector.
    pub fn row(&self, outputs: &[f32], expected: Expected<'_>, gradient: &mut [f32]) -> f64 {
        assert_eq!(outputs.len(), gradient.len());
        let count = outputs.len();
        let wanted = |j: usize| match expected {
            Expected::Class(class) if count == 1 => class as f64,
            Expected::Class(class) => f64::from(u8::from(j == class)),
            Expected::Values(values) => f64::from(values[j]),
        };
        let smoothing = f64::from(self.label_smoothing);
        // (L6)
        let smoothed = |j: usize, ways: f64| (1.0 - smoothing) * wanted(j) + smoothing / ways;
        let rows = outputs.iter().map(|y| f64::from(*y)).enumerate();
        let loss = match self.loss {
            Loss::CrossEntropy => {
                let largest = rows
                    .clone()
                    .fold(f64::NEG_INFINITY, |max, (_, y)| max.max(y));
                let sum: f64 = rows.clone().map(|(_, y)| (y - largest).exp()).sum();
                let log_sum = largest + sum.ln();
                let mut loss = 0.0;
                for (j, y) in rows {
                    let q = smoothed(j, count as f64);
                    loss += q * (log_sum - y);
                    gradient[j] = ((y - log_sum).exp() - q) as f32;
                }
                loss
            }
            Loss::BinaryCrossEntropy => {
                let mut loss = 0.0;
                for (j, y) in rows {
                    let q = smoothed(j, 2.0);
                    loss += y.max(0.0) - y * q + (-y.abs()).exp().ln_1p();
                    gradient[j] = (1.0 / (1.0 + (-y).exp()) - q) as f32;
                }
                loss
            }
            Loss::MeanSquaredError | Loss::MeanAbsoluteError | Loss::Huber => {
                let mut loss = 0.0;
                for (j, y) in rows {
                    let (term, slope) = self.error(y - wanted(j));
                    loss += term / count as f64;
                    gradient[j] = (slope / count as f64) as f32;
                }
                loss
            }
        };
        match expected {
            Expected::Class(class) if !self.class_weights.is_empty() => {
                let weight = self.class_weights[class];
                gradient.iter_mut().for_each(|d| *d *= weight);
                f64::from(weight) * loss
            }
            _ => loss,
        }
    }

    /// The cost of an error under (L3), (L4) or (L5), and its slope.
    fn error(&self, e: f64) -> (f64, f64) {
        let delta = f64::from(self.delta);
        match self.loss {
            Loss::MeanAbsoluteError if e == 0.0 => (0.0, 0.0),
            Loss::MeanAbsoluteError => (e.abs(), e.signum()),
            Loss::Huber if e.abs() <= delta => (0.5 * e * e, e),
            Loss::Huber => (delta * (e.abs() - 0.5 * delta), delta * e.signum()),
            _ => (e * e, 2.0 * e),
        }
    }

    /// The loss that judges networks. It keeps the class weights, but smooths no labels, since smoothing serves
    /// training only.
    pub fn without_smoothing(&self) -> Self {
        Self {
            label_smoothing: 0.0,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(loss: impl Into<Objective>, outputs: &[f32], expected: Expected<'_>) -> (f64, Vec<f32>) {
        let mut gradient = vec![0.0; outputs.len()];
        let value = loss.into().row(outputs, expected, &mut gradient);
        (value, gradient)
    }

    #[test]
    fn cross_entropy_of_equal_outputs_is_the_logarithm_of_their_number() {
        let (loss, gradient) = row(Loss::CrossEntropy, &[7.0; 4], Expected::Class(2));
        assert!((loss - 4f64.ln()).abs() < 1e-12);
        assert_eq!(gradient, [0.25, 0.25, -0.75, 0.25]);
    }

    #[test]
    fn extreme_outputs_give_finite_losses() {
        for loss in Loss::ALL {
            let (value, gradient) = row(loss, &[1e18, -1e18], Expected::Class(1));
            assert!(
                value.is_finite() && gradient.iter().all(|g| g.is_finite()),
                "{loss:?}"
            );
        }
    }

    #[test]
    fn one_sigmoid_output_takes_class_one_as_true() {
        let (value, gradient) = row(Loss::BinaryCrossEntropy, &[0.0], Expected::Class(1));
        assert!((value - 2f64.ln()).abs() < 1e-12);
        assert_eq!(gradient, [-0.5]);
    }

    /// Errors 0.5 and −3 of two outputs: mean squares (¼ + 9) / 2, mean sizes 3.5 / 2, and under
    /// Huber with δ = 1 (⅛ + 2.5) / 2.
    #[test]
    fn losses_on_values_are_those_worked_by_hand() {
        let expected = Expected::Values(&[1.0, 2.0]);
        let outputs = [1.5, -1.0];
        assert_eq!(
            row(Loss::MeanSquaredError, &outputs, expected),
            (4.625, vec![0.5, -3.0])
        );
        assert_eq!(
            row(Loss::MeanAbsoluteError, &outputs, expected),
            (1.75, vec![0.5, -0.5])
        );
        assert_eq!(
            row(Loss::Huber, &outputs, expected),
            (1.3125, vec![0.25, -0.5])
        );
        assert_eq!(
            row(Loss::MeanAbsoluteError, &[1.0, 2.0], expected).1,
            [0.0; 2]
        );
    }

    /// Of four classes, s = 0.2: q = 0.85 for the right one and 0.05 for each other, so that the
    /// least loss is where softmax(y) = q, and its value the entropy of q.
    #[test]
    fn label_smoothing_moves_the_minimum() {
        let smoothed = Objective {
            label_smoothing: 0.2,
            ..Loss::CrossEntropy.into()
        };
        let q = [0.05f32, 0.85, 0.05, 0.05];
        let (value, gradient) = row(smoothed.clone(), &q.map(f32::ln), Expected::Class(1));
        let entropy: f64 = q.iter().map(|q| -f64::from(*q) * f64::from(*q).ln()).sum();
        assert!((value - entropy).abs() < 1e-6);
        assert!(gradient.iter().all(|g| g.abs() < 1e-6), "{gradient:?}");
        let bare = smoothed.without_smoothing();
        assert_eq!(bare, Loss::CrossEntropy.into());
        // A binary output: q = 0.9.
        let binary = Objective {
            label_smoothing: 0.2,
            ..Loss::BinaryCrossEntropy.into()
        };
        let (_, gradient) = row(binary, &[9f32.ln()], Expected::Class(1));
        assert!(gradient[0].abs() < 1e-6, "{gradient:?}");
    }

    #[test]
    fn a_class_costs_what_its_weight_says() {
        for loss in [Loss::CrossEntropy, Loss::BinaryCrossEntropy] {
            let weighted = Objective {
                class_weights: vec![1.0, 4.0, 0.5],
                ..loss.into()
            };
            let outputs = [0.3, -1.0, 2.0];
            for (class, weight) in [1.0f32, 4.0, 0.5].into_iter().enumerate() {
                let (bare, slopes) = row(loss, &outputs, Expected::Class(class));
                let (value, gradient) = row(weighted.clone(), &outputs, Expected::Class(class));
                assert_eq!(value, f64::from(weight) * bare);
                assert!(gradient.iter().zip(slopes).all(|(a, b)| *a == weight * b));
            }
        }
    }

    proptest! {
        #[test]
        fn gradients_are_the_slopes_of_the_losses(
            outputs in proptest::collection::vec(-4.0f32..4.0, 3),
            values in proptest::collection::vec(0.0f32..1.0, 3),
            class in 0usize..3,
            delta in 0.5f32..3.0,
            label_smoothing in 0.0f32..0.9,
            class_weights in proptest::collection::vec(0.0f32..2.0, 3),
        ) {
            // A step of 2^-7 keeps outputs exact in f32; the slope's own error is its square
            // times a third derivative below two, and the gradient is rounded to f32.
            const STEP: f32 = 1.0 / 128.0;
            const TOLERANCE: f64 = 2e-4;
            let outputs: Vec<f32> = outputs.iter().map(|y| (y * 1024.0).round() / 1024.0).collect();
            for loss in Loss::ALL {
                let objective = Objective { loss, delta, label_smoothing, class_weights: class_weights.clone() };
                // Cross-entropy's targets are a distribution.
                let sum: f32 = values.iter().sum::<f32>().max(1e-3);
                let scale = if loss == Loss::CrossEntropy { 1.0 / sum } else { 1.0 };
                let values: Vec<f32> = values.iter().map(|v| v * scale).collect();
                prop_assume!((values.iter().sum::<f32>() - 1.0).abs() < 1e-5 || loss != Loss::CrossEntropy);
                for expected in [Expected::Class(class), Expected::Values(&values)] {
                    let mut gradient = [0.0; 3];
                    objective.row(&outputs, expected, &mut gradient);
                    for j in 0..3 {
                        let error = match expected {
                            Expected::Class(class) => outputs[j] - f32::from(u8::from(j == class)),
                            Expected::Values(values) => outputs[j] - values[j],
                        };
                        // No slope where a loss bends.
                        let bend = match loss {
                            Loss::MeanAbsoluteError => error.abs(),
                            Loss::Huber => (error.abs() - delta).abs(),
                            _ => f32::INFINITY,
                        };
                        if bend <= STEP {
                            continue;
                        }
                        let at = |step: f32| {
                            let mut moved = outputs.clone();
                            moved[j] += step;
                            objective.row(&moved, expected, &mut [0.0; 3])
                        };
                        let slope = (at(STEP) - at(-STEP)) / (2.0 * f64::from(STEP));
                        prop_assert!((slope - f64::from(gradient[j])).abs() < TOLERANCE, "{:?} {} {}", loss, slope, gradient[j]);
                    }
                }
            }
        }
    }
}
