//! Logistic regression on simple figures of each channel: mean, deviation, least, largest, last, mean size of a change.
//!
//! ```text
//! p = softmax(W x)        W = argmin −(1/n) Σ ln p_class + |W|² / (2 n)                      (BL1)
//! W ← V − (1/L) ∇(V)      V ← W + (k − 1)/(k + 2) (W − W_before)                             (BL2)
//! ```
//!
//! x holds the figures, standardised, and a 1 whose weight is free. With a class for each step, the figures are those of
//! the last 16 steps. The penalty is that of one observation, the usual default. (BL2) begins at 0 and ends when no
//! gradient is above a limit, so the result depends on nothing but the data. L is a bound of the curvature, half the
//! largest eigenvalue of `XᵀX / n` and the penalty's.
//!
//! Sources: Cox 1958, *The regression analysis of binary sequences*, JRSS B 20(2); Nesterov 1983, *A method of solving a
//! convex programming problem with convergence rate O(1/k²)*.

use ndarray::{Array1, Array2, ArrayView1};

use super::features::{FIGURES, Scale, judged_rows, thinned};
use crate::data::{Dataset, Targets};

/// Iterations of (BL2), at most.
const MOST_STEPS: usize = 500;
/// No decision changes once every gradient is below this.
const FLAT: f64 = 1e-5;
/// Multiply-adds of all iterations, at most: about a second. Of a larger part, evenly spaced rows are taken.
const MOST_WORK: usize = 2_000_000_000;
/// Steps of the power iteration for L.
const POWER_STEPS: usize = 30;
/// The power iteration comes from below, so the bound is widened.
const MARGIN: f64 = 1.1;

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
    /// Fits (BL1) to the training part; `None` where targets are values, or there is nothing to fit.
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

    /// x of (BL1).
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

/// (BL2), `[F, K]`.
fn minimum(x: &Array2<f64>, truth: &[usize], classes: usize) -> Array2<f64> {
    let penalty = 1.0 / truth.len().max(1) as f64;
    let rate = 1.0 / (0.5 * MARGIN * largest_eigenvalue(x) + penalty);
    let mut weights = Array2::<f64>::zeros((x.ncols(), classes));
    let mut ahead = weights.clone();
    for k in 1..=MOST_STEPS {
        let slope = gradient(x, truth, &ahead, penalty);
        let next = &ahead - &(&slope * rate);
        if slope.iter().all(|g| g.abs() < FLAT) {
            return next;
        }
        let momentum = (k as f64 - 1.0) / (k as f64 + 2.0);
        ahead = &next + &((&next - &weights) * momentum);
        weights = next;
    }
    weights
}

/// The gradient of (BL1).
fn gradient(x: &Array2<f64>, truth: &[usize], weights: &Array2<f64>, penalty: f64) -> Array2<f64> {
    let mut error = x.dot(weights);
    for (mut row, class) in error.rows_mut().into_iter().zip(truth) {
        let largest = row.fold(f64::NEG_INFINITY, |a, b| a.max(*b));
        row.mapv_inplace(|y| (y - largest).exp());
        let sum = row.sum();
        row.mapv_inplace(|p| p / sum);
        row[*class] -= 1.0;
    }
    let mut slope = x.t().dot(&error) / truth.len().max(1) as f64;
    for (mut row, own) in slope.rows_mut().into_iter().zip(weights.rows()).skip(1) {
        row.scaled_add(penalty, &own);
    }
    slope
}

/// The length of a vector, never 0.
fn norm(v: ArrayView1<'_, f64>) -> f64 {
    v.dot(&v).sqrt().max(f64::MIN_POSITIVE)
}

/// Of `XᵀX / n`, by power iteration.
fn largest_eigenvalue(x: &Array2<f64>) -> f64 {
    // The sum of the rows' sizes is along no axis by chance.
    let mut v: Array1<f64> = x.columns().into_iter().map(norm).collect();
    let mut value = 1.0;
    for _ in 0..POWER_STEPS {
        v /= norm(v.view());
        v = x.t().dot(&x.dot(&v)) / x.nrows().max(1) as f64;
        value = norm(v.view());
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        /// Where (BL2) ends the gradient is 0, and a small step in any direction costs more.
        #[test]
        fn the_end_is_the_minimum(values in prop::collection::vec(-1.0f64..1.0, 40), at in 0usize..9) {
            let x = Array2::from_shape_fn((20, 3), |(r, c)| if c == 0 { 1.0 } else { values[2 * r + c - 1] });
            let truth: Vec<usize> = (0..20).map(|n| n % 3).collect();
            let found = minimum(&x, &truth, 3);
            let cost = |w: &Array2<f64>| {
                let y = x.dot(w);
                let fit = y.rows().into_iter().zip(&truth).map(|(row, class)| {
                    row.iter().map(|y| y.exp()).sum::<f64>().ln() - row[*class]
                });
                let size: f64 = w.rows().into_iter().skip(1).map(|row| row.dot(&row)).sum();
                (fit.sum::<f64>() + size / 2.0) / 20.0
            };
            for step in [-0.05, 0.05] {
                let mut other = found.clone();
                other[[at / 3, at % 3]] += step;
                prop_assert!(cost(&found) <= cost(&other) + 1e-9);
            }
        }
    }
}
