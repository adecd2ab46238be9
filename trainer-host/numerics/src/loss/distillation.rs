//! Soft targets from a teacher (Hinton, Vinyals and Dean 2015).
//!
//! ```text
//! classes   L' = (1 − α) L + α T² KL(softmax(v / T) ‖ softmax(y / T))               (L8)
//!           dL'/dy_j = (1 − α) dL/dy_j + α T (softmax(y / T)_j − softmax(v / T)_j)
//! values    L' = (1 − α) L + α Σ_j (y_j − v_j)² / O                                 (L9)
//! ```
//!
//! Here v are the teacher's outputs. The factor T² keeps both gradients at the same size. For independent
//! probabilities, the probabilities of each output's two outcomes replace the softmax.

use super::Loss;

/// How much of the loss follows a teacher, and how soft its targets are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftTargets {
    /// T of (L8), above 0.
    pub temperature: f32,
    /// α of (L8), 0 to 1.
    pub weight: f32,
}

impl SoftTargets {
    /// Turns a loss and its gradient, `[O]`, into (L8) or (L9), from the `outputs`, `[O]`, and the `teacher`'s, `[O]`.
    pub fn blend(
        &self,
        loss: Loss,
        hard: f64,
        (outputs, teacher): (&[f32], &[f32]),
        gradient: &mut [f32],
    ) -> f64 {
        let (weight, t) = (f64::from(self.weight), f64::from(self.temperature));
        let values = |all: &[f32]| all.iter().map(|y| f64::from(*y)).collect::<Vec<f64>>();
        let (outputs, teacher) = (values(outputs), values(teacher));
        let (soft, slopes): (f64, Vec<f64>) = match loss {
            Loss::CrossEntropy => {
                let [a, b] = [&teacher, &outputs].map(|y| log_softmax(y, t));
                let pairs = || a.iter().zip(&b);
                let divergence: f64 = pairs().map(|(a, b)| a.exp() * (a - b)).sum();
                let slopes = pairs().map(|(a, b)| t * (b.exp() - a.exp()));
                (t * t * divergence, slopes.collect())
            }
            Loss::BinaryCrossEntropy => {
                let pairs = || teacher.iter().zip(&outputs).map(|(v, y)| (v / t, y / t));
                let terms = pairs().map(|(v, y)| {
                    let [p, q] = [v, -v].map(|v| log_sigmoid(v).exp());
                    p * (log_sigmoid(v) - log_sigmoid(y)) + q * (log_sigmoid(-v) - log_sigmoid(-y))
                });
                let slopes =
                    pairs().map(|(v, y)| t * (log_sigmoid(y).exp() - log_sigmoid(v).exp()));
                (t * t * terms.sum::<f64>(), slopes.collect())
            }
            Loss::MeanSquaredError | Loss::MeanAbsoluteError | Loss::Huber => {
                let count = outputs.len() as f64;
                let errors = || outputs.iter().zip(&teacher).map(|(y, v)| y - v);
                let square = errors().map(|e| e * e).sum::<f64>() / count;
                (square, errors().map(|e| 2.0 * e / count).collect())
            }
        };
        for (d, soft) in gradient.iter_mut().zip(slopes) {
            *d = ((1.0 - weight) * f64::from(*d) + weight * soft) as f32;
        }
        (1.0 - weight) * hard + weight * soft
    }
}

fn log_softmax(y: &[f64], temperature: f64) -> Vec<f64> {
    let largest = y.iter().fold(f64::NEG_INFINITY, |max, y| max.max(*y));
    let scaled = y.iter().map(|y| (y - largest) / temperature);
    let sum = scaled.clone().map(f64::exp).sum::<f64>();
    scaled.map(|y| y - sum.ln()).collect()
}

/// ln σ(y), without overflow.
fn log_sigmoid(y: f64) -> f64 {
    y.min(0.0) - (-y.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SOFT: SoftTargets = SoftTargets {
        temperature: 2.0,
        weight: 1.0,
    };

    #[test]
    fn the_teacher_itself_costs_nothing() {
        for loss in Loss::ALL {
            let mut gradient = [9.0f32; 3];
            let outputs = [1.0, -2.0, 0.5];
            let found = SOFT.blend(loss, 5.0, (&outputs, &outputs), &mut gradient);
            assert!(found.abs() < 1e-9 && gradient == [0.0; 3], "{loss:?}");
        }
    }

    #[test]
    fn without_weight_the_loss_is_as_it_was() {
        let hard = SoftTargets {
            weight: 0.0,
            ..SOFT
        };
        let mut gradient = [0.25f32, -0.5];
        let found = hard.blend(
            Loss::CrossEntropy,
            3.0,
            (&[1.0, 2.0], &[5.0, 1.0]),
            &mut gradient,
        );
        assert_eq!((found, gradient), (3.0, [0.25, -0.5]));
    }

    proptest! {
        #[test]
        fn gradients_are_the_slopes_of_the_losses(
            outputs in proptest::collection::vec(-3.0f32..3.0, 3),
            teacher in proptest::collection::vec(-3.0f32..3.0, 3),
            temperature in 0.5f32..4.0,
        ) {
            // The slope's own error is its square times a third derivative below four.
            const STEP: f32 = 1.0 / 128.0;
            const TOLERANCE: f64 = 2e-3;
            let soft = SoftTargets { temperature, weight: 1.0 };
            for loss in Loss::ALL {
                let mut gradient = [0.0; 3];
                soft.blend(loss, 0.0, (&outputs, &teacher), &mut gradient);
                for j in 0..3 {
                    let at = |step: f32| {
                        let mut moved = outputs.clone();
                        moved[j] += step;
                        soft.blend(loss, 0.0, (&moved, &teacher), &mut [0.0; 3])
                    };
                    let slope = (at(STEP) - at(-STEP)) / (2.0 * f64::from(STEP));
                    prop_assert!((slope - f64::from(gradient[j])).abs() < TOLERANCE, "{:?}", loss);
                }
            }
        }
    }
}
