//! Logistic regression on simple figures of each channel: mean, deviation, least, largest, last, mean size of a change.
//!
//! [`softmax_regression`] has the equations. Its x holds the figures, standardised, behind a 1. With a class for each
//! step, the figures are those of the last 16 steps.
//!
//! [`softmax_regression`]: trainer_numerics::baseline::softmax_regression

use ndarray::{Array1, Array2};
use trainer_numerics::baseline::softmax_regression::{MOST_STEPS, minimum};

use super::features::{FIGURES, Scale, judged_rows, thinned};
use crate::data::{Dataset, Targets};

/// Multiply-adds of all iterations, at most: about a second. Of a larger part, evenly spaced rows are taken.
const MOST_WORK: usize = 2_000_000_000;

/// A fitted logistic regression.
#[derive(Clone, Debug)]
pub struct Logistic {
    scale: Scale,
    /// Mean and deviation of each figure.
    figures: Vec<(f64, f64)>,
    /// `[F, K]`, the first row that of the 1.
    weights: Array2<f64>,
}

impl Logistic {
    /// Fits the training part; `None` where targets are values, or there is nothing to fit.
    pub fn fit(train: &Dataset) -> Option<Self> {
        if !train.targets.task().is_class() || train.is_empty() {
            return None;
        }
        let classes = train.outputs.len().max(2);
        let inputs = 1 + FIGURES * train.channels.len();
        let most = MOST_WORK / (2 * MOST_STEPS * inputs * classes);
        let rows = thinned(&judged_rows(train), most.max(classes));
        let mut logistic = Self {
            scale: Scale::of(train),
            figures: Vec::new(),
            weights: Array2::zeros((inputs, classes)),
        };
        let figures: Vec<Vec<f64>> = rows.iter().map(|row| logistic.raw(train, *row)).collect();
        logistic.figures = (0..inputs - 1)
            .map(|f| spread(figures.iter().map(|row| row[f])))
            .collect();
        let x = figures.into_iter().flat_map(|row| logistic.inputs(row));
        let x = Array2::from_shape_vec((rows.len(), inputs), x.collect()).ok()?;
        let truth: Vec<usize> = rows.iter().map(|row| class(train, *row)).collect();
        logistic.weights = minimum(&x, &truth, classes);
        Some(logistic)
    }

    /// `W x` for each sequence of `part`, `[1, O]` or `[T, O]`.
    pub fn outputs(&self, part: &Dataset) -> Vec<Array2<f32>> {
        let per_step = part.targets.task().is_per_step();
        (part.sequences.iter().enumerate())
            .map(|(s, sequence)| {
                let steps = sequence.nrows();
                let first = if per_step { 0 } else { steps - 1 };
                let mut outputs = Array2::zeros((steps - first, self.weights.ncols()));
                for (mut row, t) in outputs.rows_mut().into_iter().zip(first..) {
                    let x = Array1::from(self.inputs(self.raw(part, (s, t))));
                    row.assign(&x.dot(&self.weights).mapv(|y| y as f32));
                }
                outputs
            })
            .collect()
    }

    /// The figures of a judged row.
    fn raw(&self, part: &Dataset, (s, t): (usize, usize)) -> Vec<f64> {
        let mut row = Vec::new();
        let sequence = part.sequences[s].view();
        if part.targets.task().is_per_step() {
            self.scale.recent_figures(sequence, t, &mut row);
        } else {
            self.scale.figures(sequence, &mut row);
        }
        row
    }

    /// x, a row of what is fitted.
    fn inputs(&self, raw: Vec<f64>) -> Vec<f64> {
        let scaled = raw.into_iter().zip(&self.figures);
        let scaled = scaled.map(|(value, (mean, deviation))| (value - mean) / deviation);
        std::iter::once(1.0).chain(scaled).collect()
    }
}

/// Mean and deviation; 1 for the deviation of what does not vary.
fn spread(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    (
        mean,
        if variance > 1e-18 {
            variance.sqrt()
        } else {
            1.0
        },
    )
}

fn class(data: &Dataset, (s, t): (usize, usize)) -> usize {
    match &data.targets {
        Targets::Class(classes) => classes[s],
        Targets::ClassPerStep(classes) => classes[s][t],
        Targets::Value(_) | Targets::ValuePerStep(_) => unreachable!("values are no classes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sequences whose class is their level.
    fn levels(count: usize, per_step: bool) -> Dataset {
        let class = |s: usize| s % 3;
        let sequences: Vec<Array2<f32>> = (0..count)
            .map(|s| {
                Array2::from_shape_fn((10 + s % 4, 2), |(t, j)| {
                    let noise = ((s * 31 + t * 17 + j * 7) as f32).sin();
                    if j == 0 {
                        class(s) as f32 + 0.5 * noise
                    } else {
                        9.0 * noise
                    }
                })
            })
            .collect();
        let targets = if per_step {
            let classes = sequences.iter().enumerate();
            Targets::ClassPerStep(classes.map(|(s, x)| vec![class(s); x.nrows()]).collect())
        } else {
            Targets::Class((0..count).map(class).collect())
        };
        Dataset {
            channels: vec!["level".into(), "noise".into()],
            sequences,
            targets,
            outputs: vec!["low".into(), "middle".into(), "high".into()],
            ..Dataset::default()
        }
    }

    #[test]
    fn levels_are_told_apart_in_sequences_and_steps() {
        for per_step in [false, true] {
            let data = levels(60, per_step);
            let found = Logistic::fit(&data).unwrap().outputs(&data);
            let (mut right, mut all) = (0, 0);
            for (s, outputs) in found.iter().enumerate() {
                for row in outputs.rows() {
                    right += usize::from((0..3).all(|c| row[c] <= row[s % 3]));
                    all += 1;
                }
            }
            assert!(right as f64 >= 0.9 * all as f64, "{right} of {all}");
        }
    }
}
