//! Whether the model that `tune best` exports is as good as the search judged it.
//!
//! ```text
//! e = error (TE1) of the exported integers        m, s = mean and deviation of the trial's errors in the search
//! worse     where  e − m > 2 max(s, b)            b = √(m (1 − m) / n) of n decisions, m / 10 of values      (TX1)
//! ```
//!
//! Where a part judged the search that the last training did not see, e is of that part. Otherwise that training saw
//! every part that may choose, and e is of its training part: a network is at least as good there, so (TX1) finds one
//! whose training went wrong. b keeps a lucky small s from raising an alarm: it is the chance of n decisions.

use serde::Serialize;

use super::stored_trial::StoredTrial;
use super::trial::{TrialResult, decisions};
use crate::data::{Dataset, Parts};
use crate::evaluate::{Score, Spread};

/// Deviations of the search that are no chance.
const BEYOND_CHANCE: f64 = 2.0;
/// Share of an error of values that two trainings differ by.
const VALUES_DIFFER: f64 = 0.1;

/// What the search found of a trial, over all of its trainings and folds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Searched {
    /// Of the error (TE1).
    pub error: Spread,
    /// Of the share of right decisions.
    pub accuracy: Option<Spread>,
}

/// The exported integers on a part, beside what the search found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exported {
    /// The part that they were judged on.
    pub part: &'static str,
    /// (TE1) without the loss, which is of f32.
    pub error: f64,
    /// Share of right decisions.
    pub accuracy: Option<f64>,
    /// How much larger than the mean of the search the error may be, (TX1).
    pub allowed: f64,
    /// Whether it is worse than that.
    pub is_worse: bool,
}

impl Searched {
    /// Of the finished trainings of `trial`; `None` without any. A training of folds counts fold by fold.
    pub fn of(trial: &StoredTrial) -> Option<Self> {
        let results: Vec<&TrialResult> = (trial.trainings())
            .filter_map(|(_, training)| training.result.as_ref())
            .collect();
        let mut errors = Vec::new();
        let mut accuracies = Vec::new();
        for result in results {
            match result.folds.as_slice() {
                [] => {
                    errors.push(result.error);
                    accuracies.extend(result.accuracy);
                }
                folds => {
                    errors.extend(folds.iter().map(|fold| fold.error));
                    accuracies.extend(folds.iter().filter_map(|fold| fold.accuracy));
                }
            }
        }
        (!errors.is_empty()).then(|| Self {
            error: Spread::of(&errors),
            accuracy: (!accuracies.is_empty()).then(|| Spread::of(&accuracies)),
        })
    }

    /// How much larger an error over `part` may be.
    fn allowed(&self, part: &Dataset) -> f64 {
        let mean = self.error.mean;
        let chance = match self.accuracy {
            Some(_) => {
                // Two right and two wrong decisions are added, so that no error is not taken as certain.
                let count = decisions(part) as f64;
                let share = (mean * count + 2.0) / (count + 4.0);
                (share * (1.0 - share) / (count + 4.0)).max(0.0).sqrt()
            }
            None => VALUES_DIFFER * mean,
        };
        BEYOND_CHANCE * self.error.deviation.max(chance)
    }
}

impl Exported {
    /// Judges `score`, that of the integers on `part`, by what the search found.
    pub fn of(
        score: &Score,
        name: &'static str,
        part: &Dataset,
        searched: Option<&Searched>,
    ) -> Self {
        let result = TrialResult::of((score, None), None, (0, 0));
        let allowed = searched.map_or(f64::INFINITY, |searched| searched.allowed(part));
        let mean = searched.map_or(0.0, |searched| searched.error.mean);
        // Also what is no number is worse.
        let is_within = result.error - mean <= allowed;
        Self {
            part: name,
            error: result.error,
            accuracy: result.accuracy,
            allowed,
            is_worse: !is_within,
        }
    }

    /// The figure for people.
    pub fn figure(&self) -> String {
        match self.accuracy {
            Some(accuracy) => format!("accuracy {:.2} %", 100.0 * accuracy),
            None => format!("error {:.5}", self.error),
        }
    }
}

/// The part that judges the trainings of several seeds: one that they did not see, or else their training part; never the
/// test part.
pub fn judging_part(data: &Parts) -> (&'static str, &Dataset) {
    match &data.validation {
        Some(validation) => ("validation part", validation),
        None => ("training part", &data.train),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::data::Targets;
    use crate::evaluate::score;

    /// Integers that are right in `right` of 200 decisions, judged by a search with these errors.
    fn judged(right: usize, errors: &[f64]) -> Exported {
        let data = Dataset {
            channels: vec!["x".into()],
            sequences: vec![Array2::zeros((1, 1)); 200],
            targets: Targets::Class(vec![0; 200]),
            outputs: vec!["a".into(), "b".into()],
            ..Dataset::default()
        };
        let outputs = (0..200)
            .map(|n| array![[0.5, f32::from(u8::from(n >= right))]])
            .collect();
        let accuracies: Vec<f64> = errors.iter().map(|error| 1.0 - error).collect();
        let searched = Searched {
            error: Spread::of(errors),
            accuracy: Some(Spread::of(&accuracies)),
        };
        Exported::of(
            &score(&data, &outputs),
            "training part",
            &data,
            Some(&searched),
        )
    }

    #[test]
    fn a_training_that_went_wrong_is_worse_and_chance_is_not() {
        let search = [0.07, 0.08, 0.0666];
        // 63 % where the search said 92.78 %.
        assert!(judged(126, &search).is_worse);
        assert!(!judged(186, &search).is_worse);
        assert!(!judged(200, &search).is_worse);
        // Equal errors of a search have no deviation, and n decisions still have theirs:
        // 2 √(0.0784 · 0.9216 / 204) = 0.0376.
        let equal = judged(180, &[0.07, 0.07]);
        assert!(
            (equal.allowed - 0.0376).abs() < 1e-3 && !equal.is_worse,
            "{equal:?}"
        );
        assert!(judged(170, &[0.07, 0.07]).is_worse);
        // A search that scattered so much itself promised nothing.
        assert!(!judged(126, &[0.07, 0.40]).is_worse);
    }
}
