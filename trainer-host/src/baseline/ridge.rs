//! Ridge regression: the best linear function of the same steps, in closed form.
//!
//! ```text
//! W = argmin Σ (y − W x)² + n λ |W|²  =  (XᵀX + n λ I)⁻¹ XᵀY                             (BR1)
//! λ = argmin over 10⁻⁵ … 10¹ of the mean squared error of five-fold cross-validation      (BR2)
//! ```
//!
//! x holds the last steps of the sequence, standardised, and a 1 whose weight is free. Sequences that are longer than
//! these steps, or of several lengths, add the mean, the deviation, the least and the largest value of each channel and more
//! ([`features`](super)). y is standardised; that of a forecast is the change from the last known value. A
//! window of changes is turned into the values of its rows first.
//!
//! The folds of (BR2) are five stretches of the training part in its order, so that neighbours in time, which resemble each
//! other, are judged together. XᵀX of a fold is a sum, so each fold costs one subtraction and one solution.
//!
//! Source: Hoerl and Kennard 1970, *Ridge regression*, Technometrics 12(1).

use ndarray::{Array1, Array2};

use super::features::{Scale, judged_rows, thinned};
use super::persistence;
use crate::compute::cholesky;
use crate::data::{Dataset, Targets};

/// Inputs of (BR1), at most; a longer window is cut to its last steps.
const MOST_INPUTS: usize = 512;
/// Multiply-adds of `XᵀX`, at most: less than a second. Of a larger part, evenly spaced rows are taken.
const MOST_WORK: usize = 4_000_000_000;
/// Folds of (BR2).
const FOLDS: usize = 5;
/// Exponents of λ in (BR2).
const EXPONENTS: std::ops::RangeInclusive<i32> = -5..=1;

/// A fitted linear function.
#[derive(Clone, Debug)]
pub struct Ridge {
    scale: Scale,
    steps: usize,
    figures: bool,
    /// `[F, O]`, from inputs to standardised targets.
    weights: Array2<f64>,
    mean: Vec<f64>,
    deviation: Vec<f64>,
    strength: f64,
}

/// `XᵀX`, `XᵀY` and the sum of squares of Y, over some rows.
#[derive(Clone, Debug)]
struct Moments {
    xx: Array2<f64>,
    xy: Array2<f64>,
    yy: f64,
    rows: f64,
}

impl Ridge {
    /// Fits (BR1) to the training part; `None` where targets are classes, or there is nothing to fit.
    pub fn fit(train: &Dataset) -> Option<Self> {
        if train.targets.task().is_class() || train.is_empty() {
            return None;
        }
        let channels = train.channels.len().max(1);
        let longest = train.sequences.iter().map(|s| s.nrows()).max()?;
        let shortest = train.sequences.iter().map(|s| s.nrows()).min()?;
        let steps = longest.min(MOST_INPUTS / channels).max(1);
        let per_step = train.targets.task().is_per_step();
        let mut ridge = Self {
            scale: Scale::of(train),
            steps,
            figures: train.origin.is_none() && (per_step || steps < longest || shortest < longest),
            weights: Array2::zeros((0, 0)),
            mean: vec![0.0; train.outputs.len()],
            deviation: vec![1.0; train.outputs.len()],
            strength: 0.0,
        };
        let inputs = ridge
            .inputs(train, (0, train.sequences[0].nrows() - 1))
            .len();
        let rows = thinned(&judged_rows(train), MOST_WORK / (inputs * inputs));
        ridge.standardise_targets(train, &rows);
        let folds: Vec<Moments> = rows
            .chunks(rows.len().div_ceil(FOLDS))
            .map(|rows| ridge.moments(train, rows))
            .collect();
        let all = folds
            .iter()
            .skip(1)
            .fold(folds[0].clone(), |all, fold| all.plus(fold, 1.0));
        ridge.strength = strength(&all, &folds);
        ridge.weights = all.solution(ridge.strength);
        Some(ridge)
    }

    /// Chosen by (BR2).
    pub fn strength(&self) -> f64 {
        self.strength
    }

    /// Its outputs for each sequence, `[1, O]` or `[T, O]`, in the units of the part's targets.
    pub fn outputs(&self, part: &Dataset) -> Vec<Array2<f32>> {
        let per_step = part.targets.task().is_per_step();
        let change = part.origin.as_ref().is_some_and(|origin| origin.change);
        (part.sequences.iter().enumerate())
            .map(|(s, sequence)| {
                let steps = sequence.nrows();
                let first = if per_step { 0 } else { steps - 1 };
                let mut outputs = Array2::zeros((steps - first, self.mean.len()));
                for (row, t) in (first..steps).enumerate() {
                    let x = Array1::from(self.inputs(part, (s, t)));
                    for (o, y) in x.dot(&self.weights).into_iter().enumerate() {
                        let base = if change {
                            0.0
                        } else {
                            persistence::value(part, s, o).unwrap_or(0.0)
                        };
                        outputs[[row, o]] = (base + self.mean[o] + self.deviation[o] * y) as f32;
                    }
                }
                outputs
            })
            .collect()
    }

    /// x of (BR1) for a step of a sequence.
    fn inputs(&self, part: &Dataset, (s, t): (usize, usize)) -> Vec<f64> {
        let values = part.values(s);
        let sequence = values.view();
        let mut row = vec![1.0];
        self.scale.last_steps(sequence, (t, self.steps), &mut row);
        if self.figures {
            if part.targets.task().is_per_step() {
                self.scale.recent_figures(sequence, t, &mut row);
            } else {
                self.scale.figures(sequence, &mut row);
            }
        }
        row
    }

    /// Mean and deviation of the targets of `rows`, for [`target`].
    fn standardise_targets(&mut self, train: &Dataset, rows: &[(usize, usize)]) {
        let count = rows.len().max(1) as f64;
        for o in 0..self.mean.len() {
            let values = || rows.iter().map(|row| target(train, *row, o));
            let mean = values().sum::<f64>() / count;
            let variance = values().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
            self.mean[o] = mean;
            self.deviation[o] = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        }
    }

    fn moments(&self, train: &Dataset, rows: &[(usize, usize)]) -> Moments {
        let inputs: Vec<f64> = rows
            .iter()
            .flat_map(|row| self.inputs(train, *row))
            .collect();
        let x = Array2::from_shape_vec((rows.len(), inputs.len() / rows.len().max(1)), inputs)
            .expect("every row has as many inputs");
        let y = Array2::from_shape_fn((rows.len(), self.mean.len()), |(n, o)| {
            (target(train, rows[n], o) - self.mean[o]) / self.deviation[o]
        });
        Moments {
            xx: x.t().dot(&x),
            xy: x.t().dot(&y),
            yy: y.iter().map(|y| y * y).sum(),
            rows: rows.len() as f64,
        }
    }
}

/// The target of output `o` at a judged row; for a forecast, its change from the last known value.
fn target(data: &Dataset, (s, t): (usize, usize), o: usize) -> f64 {
    let value = match &data.targets {
        Targets::Value(values) => f64::from(values[s][o]),
        Targets::ValuePerStep(values) => f64::from(values[s][[t, o]]),
        Targets::Class(_) | Targets::ClassPerStep(_) => unreachable!("classes are no values"),
    };
    match &data.origin {
        Some(origin) if !origin.change => value - persistence::value(data, s, o).unwrap_or(0.0),
        _ => value,
    }
}

impl Moments {
    fn plus(&self, other: &Self, sign: f64) -> Self {
        Self {
            xx: &self.xx + &(&other.xx * sign),
            xy: &self.xy + &(&other.xy * sign),
            yy: self.yy + sign * other.yy,
            rows: self.rows + sign * other.rows,
        }
    }

    /// (BR1), `[F, O]`. The first input is the 1 whose weight is free.
    fn solution(&self, strength: f64) -> Array2<f64> {
        let mut a = self.xx.clone();
        for (j, own) in a.diag_mut().iter_mut().enumerate() {
            // A constant channel has no variance; a trace keeps the matrix definite.
            let least = if j == 0 { 1e-9 } else { strength };
            *own += self.rows.max(1.0) * least;
        }
        cholesky::solve(&a, self.xy.clone())
    }

    /// The summed squared error of `weights` over these rows.
    fn error(&self, weights: &Array2<f64>) -> f64 {
        let fitted = self.xx.dot(weights);
        let cross: f64 = (weights * &self.xy).sum();
        self.yy - 2.0 * cross + (weights * &fitted).sum()
    }
}

/// (BR2)
fn strength(all: &Moments, folds: &[Moments]) -> f64 {
    let strengths = EXPONENTS.map(|exponent| 10f64.powi(exponent));
    let error = |strength: f64| -> f64 {
        let judged = folds.iter().map(|fold| {
            let others = if folds.len() > 1 {
                all.plus(fold, -1.0)
            } else {
                all.clone()
            };
            fold.error(&others.solution(strength))
        });
        judged.sum()
    };
    strengths
        .map(|strength| (error(strength), strength))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(1.0, |best| best.1)
}

#[cfg(test)]
mod tests {
    use ndarray::Axis;
    use proptest::prelude::*;

    use super::*;
    use crate::data::Origin;

    /// `count` sequences of `steps` steps of two channels; each target is a linear function of the last two steps.
    fn linear(count: usize, steps: usize, change: Option<bool>) -> Dataset {
        let value = |s: usize, t: usize, j: usize| {
            let n = (s * 131 + t * 37 + j * 17) as f64;
            (3.0 + (0.7 * n).sin() + (1.3 * n * n).cos()) as f32
        };
        let sequences: Vec<Array2<f32>> = (0..count)
            .map(|s| Array2::from_shape_fn((steps, 2), |(t, j)| value(s, t, j)))
            .collect();
        let targets = (sequences.iter())
            .map(|x| {
                let last = x[[steps - 1, 1]];
                let moved = 2.0 * x[[steps - 1, 0]] - 0.5 * x[[steps - 2, 1]] + 100.0;
                vec![if change == Some(false) {
                    last + moved
                } else {
                    moved
                }]
            })
            .collect();
        Dataset {
            channels: vec!["a".into(), "b".into()],
            sequences,
            targets: Targets::Value(targets),
            outputs: vec!["y".into()],
            groups: None,
            origin: change.map(|change| Origin {
                channels: vec![1],
                change,
                rows: None,
                values: None,
                time: Default::default(),
            }),
            ..Dataset::default()
        }
    }

    #[test]
    fn a_linear_function_is_found_whatever_the_targets_mean() {
        for change in [None, Some(true), Some(false)] {
            let data = linear(60, 4, change);
            let ridge = Ridge::fit(&data).unwrap();
            let Targets::Value(truth) = &data.targets else {
                unreachable!()
            };
            for (found, truth) in ridge.outputs(&data).iter().zip(truth) {
                assert!(
                    (found[[0, 0]] - truth[0]).abs() < 1e-2,
                    "{change:?}: {found} {truth:?}"
                );
            }
        }
    }

    #[test]
    fn steps_of_several_sequences_are_judged_one_by_one() {
        let mut data = linear(12, 30, None);
        let steps = data
            .sequences
            .iter()
            .map(|x| x.column(0).mapv(|v| 2.0 * v - 1.0));
        let steps = steps.map(|y| y.insert_axis(Axis(1))).collect::<Vec<_>>();
        data.targets = Targets::ValuePerStep(steps.clone());
        let found = Ridge::fit(&data).unwrap().outputs(&data);
        for (found, truth) in found.iter().zip(&steps) {
            assert_eq!(found.dim(), truth.dim());
            assert!(found.iter().zip(truth).all(|(a, b)| (a - b).abs() < 1e-2));
        }
    }

    /// Noise alone is not learned: the strength that cross-validation chooses is the largest or near it.
    #[test]
    fn noise_is_shrunk() {
        let mut data = linear(40, 20, None);
        let Targets::Value(values) = &mut data.targets else {
            unreachable!()
        };
        for (s, value) in values.iter_mut().enumerate() {
            value[0] = ((s * s * 7919 + 13 * s) % 101) as f32;
        }
        assert!(Ridge::fit(&data).unwrap().strength() >= 1.0);
    }

    proptest! {
        /// The error from sums of products is the error over the rows.
        #[test]
        fn moments_tell_the_error(weight in -2.0f64..2.0, count in 5usize..20) {
            let data = linear(count, 3, None);
            let mut ridge = Ridge::fit(&data).unwrap();
            ridge.weights.fill(weight);
            let rows = judged_rows(&data);
            let moments = ridge.moments(&data, &rows);
            let direct: f64 = rows.iter().map(|row| {
                let y = (target(&data, *row, 0) - ridge.mean[0]) / ridge.deviation[0];
                let x = Array1::from(ridge.inputs(&data, *row));
                (y - x.dot(&ridge.weights)[0]).powi(2)
            }).sum();
            prop_assert!((moments.error(&ridge.weights) - direct).abs() < 1e-6 * (1.0 + direct));
        }
    }
}
