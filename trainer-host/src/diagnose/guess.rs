//! The constant guess: the loss of a network that ignores its inputs and gives the same outputs for every sequence.
//!
//! ```text
//! m = weighted mean of the training part's targets, classes as one-hot vectors
//! y = ln m (cross-entropy)     ln m/(1 − m) (binary cross-entropy)     m (losses on values)      (CG1)
//! ```
//!
//! Of all constants, y has the lowest loss, with one exception: for the mean absolute error, the median would be
//! slightly better.

use ndarray::Array2;

use crate::data::Dataset;
use crate::evaluate::Outputs;
use crate::loss::{Expected, Loss, Objective, Target};

/// Probabilities stay this far from 0 and 1, so that a class that does not occur has a finite loss.
const SMALLEST_CHANCE: f64 = 1e-6;

/// (CG1) for `outputs` outputs over the normalised training part.
pub(super) fn constant_outputs(objective: &Objective, train: &Dataset, outputs: usize) -> Vec<f32> {
    let mut sum = vec![0.0f64; outputs];
    let mut weights = 0.0;
    for s in 0..train.len() {
        let target = Target::of(&train.targets, s);
        for t in 0..rows(train, s) {
            match target.expected(t) {
                Expected::Class(class) => {
                    let weight = objective.class_weights.get(class);
                    let weight = weight.map_or(1.0, |w| f64::from(*w));
                    weights += weight;
                    if outputs == 1 {
                        sum[0] += weight * class as f64;
                    } else {
                        sum[class] += weight;
                    }
                }
                Expected::Values(values) => {
                    weights += 1.0;
                    sum.iter_mut()
                        .zip(values)
                        .for_each(|(s, v)| *s += f64::from(*v));
                }
            }
        }
    }
    let smoothing = f64::from(objective.label_smoothing);
    let smoothed = |m: f64, ways: f64| {
        let m = (1.0 - smoothing) * m + smoothing / ways;
        m.clamp(SMALLEST_CHANCE, 1.0 - SMALLEST_CHANCE)
    };
    let link = |m: f64| match objective.loss {
        Loss::CrossEntropy => smoothed(m, outputs as f64).ln(),
        Loss::BinaryCrossEntropy => {
            let m = smoothed(m, 2.0);
            (m / (1.0 - m)).ln()
        }
        Loss::MeanSquaredError | Loss::MeanAbsoluteError | Loss::Huber => m,
    };
    let mean = sum.iter().map(|sum| sum / weights.max(f64::MIN_POSITIVE));
    mean.map(|m| link(m) as f32).collect()
}

/// The same row of outputs wherever `part` is judged.
pub(super) fn repeated(row: &[f32], part: &Dataset) -> Outputs {
    (0..part.len())
        .map(|s| Array2::from_shape_fn((rows(part, s), row.len()), |(_, o)| row[o]))
        .collect()
}

/// Judged rows of sequence `s`.
fn rows(part: &Dataset, s: usize) -> usize {
    if part.targets.task().is_per_step() {
        part.sequences[s].nrows()
    } else {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Targets;
    use crate::train::judge;
    use proptest::prelude::*;

    fn data(targets: Targets, outputs: usize, count: usize) -> Dataset {
        Dataset {
            channels: vec!["x".into()],
            sequences: vec![Array2::zeros((1, 1)); count],
            targets,
            outputs: (0..outputs).map(|o| o.to_string()).collect(),
            ..Dataset::default()
        }
    }

    #[test]
    fn three_equal_classes_cost_the_logarithm_of_three() {
        let part = data(Targets::Class(vec![0, 1, 2]), 3, 3);
        let objective = Objective::from(Loss::CrossEntropy);
        let row = constant_outputs(&objective, &part, 3);
        let judged = judge(&repeated(&row, &part), &part, &objective);
        assert!((judged.loss - 3f64.ln()).abs() < 1e-6);
    }

    proptest! {
        /// No constant nearby is better.
        #[test]
        fn no_other_constant_has_a_lower_loss(
            classes in prop::collection::vec(0..3usize, 4..30), smoothing in 0.0..0.5f32,
            weights in prop::collection::vec(0.5..2.0f32, 3), step in prop::collection::vec(-0.2..0.2f32, 3),
            kind in 0..3usize,
        ) {
            let count = classes.len();
            let part = data(Targets::Class(classes), 3, count);
            let loss = [Loss::CrossEntropy, Loss::BinaryCrossEntropy, Loss::MeanSquaredError][kind];
            let objective = Objective {
                label_smoothing: if kind == 2 { 0.0 } else { smoothing },
                class_weights: weights,
                ..loss.into()
            };
            let cost = |row: &[f32]| {
                let mut gradient = vec![0.0; 3];
                let Targets::Class(classes) = &part.targets else { unreachable!() };
                let terms = classes.iter().map(|c| objective.row(row, Expected::Class(*c), &mut gradient));
                terms.sum::<f64>()
            };
            let row = constant_outputs(&objective, &part, 3);
            let other: Vec<f32> = row.iter().zip(&step).map(|(y, d)| y + d).collect();
            prop_assert!(cost(&row) <= cost(&other) + 1e-4 * count as f64);
        }
    }
}
