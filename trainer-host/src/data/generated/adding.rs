//! The adding problem: the sum of two marked numbers, a long time after them.
//!
//! S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997,
//! section 5.4.
//!
//! Each step is a number drawn from −1 to 1 and a marker. The length is drawn from `T` to
//! `T + T/10`, with `T = 100` by default. One of the first ten steps is marked 1, and then another
//! one of the first `T/2 − 1`; the first and last step have the marker −1, all others 0. Should
//! the first step be drawn for the first mark, its number counts as 0 (and its marker is 1).
//! The target after the last step is `0.5 + (X₁ + X₂) / 4`.
//!
//! The paper trains on fresh sequences without end and tests on 2560; here the training part has
//! 10 000 by default.

use ndarray::Array2;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::{Form, Judgement, Sizes};
use crate::data::{DataError, Dataset, Parts, Targets};

/// The largest absolute error of a correct answer, from the paper.
pub const TOLERANCE: f32 = 0.04;
/// Steps among which the first mark is drawn.
const FIRST_MARK_WITHIN: usize = 10;

/// Draws both parts.
pub fn parts(sizes: &Sizes, seed: u64) -> Result<Parts, DataError> {
    let form = Form {
        name: "adding",
        train: 10_000,
        test: 2560,
        steps: Some((100, 20..=10_000)),
        channels: vec!["number".into(), "marker".into()],
        outputs: vec!["sum".into()],
    };
    form.parts(sizes, seed, draw, Targets::Value)
}

fn draw(rng: &mut ChaCha8Rng, steps: usize) -> (Array2<f32>, Vec<f32>) {
    let length = rng.random_range(steps..=steps + steps / 10);
    let mut sequence = Array2::zeros((length, 2));
    for t in 0..length {
        sequence[[t, 0]] = rng.random_range(-1.0..=1.0f32);
    }
    let first = rng.random_range(0..FIRST_MARK_WITHIN.min(steps / 2 - 1));
    // Drawn among the others: those from `first` on move up by one.
    let second = match rng.random_range(0..steps / 2 - 2) {
        t if t >= first => t + 1,
        t => t,
    };
    sequence[[0, 1]] = -1.0;
    sequence[[length - 1, 1]] = -1.0;
    let mut sum = 0.0;
    for marked in [first, second] {
        sequence[[marked, 1]] = 1.0;
        if marked > 0 {
            sum += sequence[[marked, 0]];
        }
    }
    (sequence, vec![0.5 + sum / 4.0])
}

/// How near the outputs are to the sums.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sums {
    /// Sequences whose absolute error is below [`TOLERANCE`].
    pub within: Judgement,
    /// Mean squared error.
    pub mse: f64,
}

/// The paper's criterion: a sequence is correct if its absolute error is below [`TOLERANCE`].
///
/// The last row of each of `outputs`, `[1, 1]` or `[T, 1]`, is judged, in the target's own units.
/// A missing output is wrong by infinity.
pub fn judge(data: &Dataset, outputs: &[Array2<f32>]) -> Sums {
    let error = |i: usize| match (&data.targets, outputs.get(i)) {
        (Targets::Value(values), Some(outputs)) => {
            let output = outputs.column(0).last().copied().unwrap_or(f32::INFINITY);
            (output - values[i][0]).abs()
        }
        _ => f32::INFINITY,
    };
    let squares: f64 = (0..data.len()).map(|i| f64::from(error(i)).powi(2)).sum();
    Sums {
        within: Judgement::count(data, |i| error(i) < TOLERANCE),
        mse: squares / data.len().max(1) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_two_numbers_and_adds_them() {
        let sizes = Sizes {
            train: Some(2000),
            test: Some(1),
            steps: None,
        };
        let data = parts(&sizes, 3).unwrap().train;
        let Targets::Value(targets) = &data.targets else {
            panic!("sums are values");
        };
        for (steps, target) in data.sequences.iter().zip(targets) {
            assert!((100..=110).contains(&steps.nrows()));
            let marked: Vec<usize> = (0..steps.nrows())
                .filter(|t| steps[[*t, 1]] == 1.0)
                .collect();
            assert_eq!(marked.len(), 2);
            assert!(marked[0] < 10 && marked[1] < 49);
            let sum: f32 = marked
                .iter()
                .filter(|t| **t > 0)
                .map(|t| steps[[*t, 0]])
                .sum();
            assert!((target[0] - (0.5 + sum / 4.0)).abs() < 1e-6);
            assert_eq!(steps[[steps.nrows() - 1, 1]], -1.0);
            assert_eq!(steps[[0, 1]], if marked[0] == 0 { 1.0 } else { -1.0 });
        }
    }

    #[test]
    fn judges_by_the_tolerance() {
        let sizes = Sizes {
            train: Some(4),
            test: Some(1),
            steps: Some(20),
        };
        let data = parts(&sizes, 3).unwrap().train;
        let Targets::Value(targets) = &data.targets else {
            panic!("sums are values");
        };
        let off = [0.0, 0.039, -0.041, 0.1];
        let outputs: Vec<_> = (targets.iter().zip(off))
            .map(|(target, off)| Array2::from_elem((1, 1), target[0] + off))
            .collect();
        let sums = judge(&data, &outputs);
        assert_eq!((sums.within.correct, sums.within.sequences), (2, 4));
        // (0.039² + 0.041² + 0.1²) / 4
        assert!((sums.mse - 0.003_300_5).abs() < 1e-6);
    }
}
