//! Whether one fold says nearly as much as all.
//!
//! ```text
//! r_if   = ln error of trial i in fold f, less the means of the trial and of the fold, plus the mean of all   (FI1)
//! σ²     = Σ r_if² / ((n − 1) (k − 1)),   over the first n = 4 finished trials of k folds each                (FI2)
//! one fold says enough:   σ ≤ 0.3                                                                             (FI3)
//! ```
//!
//! (FI2) is the variance of the interaction in an analysis of variance with one observation a cell. Over all trials of the
//! tables of "Samplers side by side" in `docs/tuning.md`, σ is 0.11 (handwritten digits), 0.12 (spoken digits) and 0.70
//! (Japanese vowels, where a fold has one or two wrong decisions). A table itself has that of its best third
//! (`sd_fold`, `xtask/src/search_bench.rs`).

use super::logarithm::Logarithm;

/// n of (FI2).
const TRIALS: usize = 4;
/// The greatest σ of (FI3).
const ENOUGH: f64 = 0.3;

/// (FI3), where each item is the errors of a finished trial's folds. `false` until there are enough trials, all with the
/// same number of folds, two or more.
pub fn one_fold_suffices(trials: impl Iterator<Item = Vec<f64>>) -> bool {
    let mut errors: Vec<Vec<f64>> = trials.take(TRIALS).collect();
    let logarithm = Logarithm::of(errors.iter().flatten().copied());
    for error in errors.iter_mut().flatten() {
        *error = logarithm.at(*error);
    }
    let folds = errors.first().map_or(0, Vec::len);
    errors.len() == TRIALS
        && folds > 1
        && errors.iter().all(|row| row.len() == folds)
        && interaction(&errors, folds) <= ENOUGH * ENOUGH
}

/// (FI2) of a table with a row for each trial and a column for each of the `folds`.
fn interaction(errors: &[Vec<f64>], folds: usize) -> f64 {
    let (n, k) = (errors.len() as f64, folds as f64);
    let of_trials: Vec<f64> = errors
        .iter()
        .map(|row| row.iter().sum::<f64>() / k)
        .collect();
    let of_folds: Vec<f64> = (0..folds)
        .map(|f| errors.iter().map(|row| row[f]).sum::<f64>() / n)
        .collect();
    let middle = of_trials.iter().sum::<f64>() / n;
    let mut squares = 0.0;
    for (row, of_trial) in errors.iter().zip(&of_trials) {
        for (error, of_fold) in row.iter().zip(&of_folds) {
            let rest = error - of_trial - of_fold + middle;
            squares += rest * rest;
        }
    }
    squares / ((n - 1.0) * (k - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suffices(trials: &[Vec<f64>]) -> bool {
        one_fold_suffices(trials.iter().cloned())
    }

    /// Errors of trials and folds that multiply have no interaction, however much they differ.
    #[test]
    fn neither_bad_trials_nor_hard_folds_matter() {
        let trial = |error: f64| [1.0, 0.5, 3.0].map(|fold| error * fold).to_vec();
        let trials = [0.4, 0.02, 0.1, 0.05].map(trial);
        assert!(suffices(&trials));
        assert!(!suffices(&trials[..3]));
        assert!(!suffices(&trials.map(|trial| trial[..1].to_vec())));
        let mut uneven = [0.4, 0.02, 0.1, 0.05].map(trial);
        uneven[2].pop();
        assert!(!suffices(&uneven));
    }

    /// Two trials of four are better by ±d in the first of two folds: r = ±d/2 everywhere, and σ² = 8 (d/2)² / 3.
    #[test]
    fn folds_that_disagree_do() {
        let trials = |d: f64| {
            let signs = [1.0, -1.0, 1.0, -1.0];
            signs
                .map(|sign: f64| vec![0.1 * (sign * d).exp(), 0.1])
                .to_vec()
        };
        let limit = 0.3 * (3.0f64 / 2.0).sqrt();
        assert!(suffices(&trials(0.99 * limit)));
        assert!(!suffices(&trials(1.01 * limit)));
        assert!(suffices(&vec![vec![0.0; 3]; 4]));
        // In whatever unit the errors are.
        for (d, suffice) in [(0.99, true), (1.01, false)] {
            let scaled = trials(d * limit).into_iter();
            let scaled: Vec<Vec<f64>> = scaled
                .map(|folds| folds.iter().map(|error| 1e-12 * error).collect())
                .collect();
            assert_eq!(suffices(&scaled), suffice);
        }
    }
}
