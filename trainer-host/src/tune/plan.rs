//! What a trial trains: all of its folds in step, its first fold alone, or what an earlier trial of the same point left.
//!
//! One fold costs a fraction of all. Where it says nearly as much ([`fidelity`](crate::search::fidelity)), a trial trains
//! its first fold alone. If the search chooses its point again, a later trial trains the other folds. In the same way a
//! later trial goes on with one that was stopped at a rung; it is not stopped a second time.
//!
//! A plan follows from the trials that the point was chosen from, so it is not stored. Another rule would read stored
//! studies otherwise: a new rule needs a new key of the search's configuration, as `first_fold` is.

use serde::Serialize;

use super::stored_trial::{State, StoredTrial, before, latest};
use crate::search::fidelity::one_fold_suffices;
use crate::search::{Point, Progress, Sampler, SearchConfig};

/// Which of its folds a trial trains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trains {
    /// All of them in step.
    #[default]
    AllFolds,
    /// The first one alone.
    FirstFold,
    /// All but the first, which an earlier trial trained.
    OtherFolds,
}

/// What a trial trains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Which folds.
    pub trains: Trains,
    /// The trial of the same point that it goes on with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continues: Option<usize>,
}

impl Plan {
    /// The plan of a trial of `point`, after `trials`, the first ones of a study.
    pub fn of(trials: &[StoredTrial], point: &Point, search: &SearchConfig) -> Self {
        let earlier = before(trials, trials.len(), search);
        let same = earlier.iter().rev().find(|trial| trial.point == *point);
        let can_go_on =
            |trial: &&StoredTrial| search.continues_trials() && trial.own.state == State::Stopped;
        if let Some(stopped) = same.filter(can_go_on) {
            return Self {
                trains: match stopped.own.first_fold {
                    Some(_) => Trains::OtherFolds,
                    None => stopped.plan.trains,
                },
                continues: Some(stopped.number),
            };
        }
        Self {
            trains: match trains_first_fold(earlier, search) {
                true => Trains::FirstFold,
                false => Trains::AllFolds,
            },
            continues: None,
        }
    }

    /// Whether the values of its epochs are those of the first fold. Otherwise they are means.
    pub fn has_values_of_first_fold(self) -> bool {
        self.trains != Trains::AllFolds
    }

    /// What a trial with this plan is compared with while it trains: those of `earlier` whose values are of the same folds.
    /// None for a trial that goes on with another one, which is not stopped again.
    pub fn rivals(self, earlier: &[StoredTrial], search: &SearchConfig) -> Vec<Progress> {
        if self.continues.is_some() {
            return Vec::new();
        }
        let of_first_fold = self.has_values_of_first_fold();
        latest(earlier)
            .filter(|trial| trial.plan.has_values_of_first_fold() == of_first_fold)
            .map(|trial| Progress {
                values: trial.values.clone(),
                costs: search.costs(&trial.footprint),
            })
            .collect()
    }

    /// How many of `folds` it trains that no trial before it began.
    fn new_folds(self, folds: usize) -> usize {
        match (self.trains, self.continues) {
            (Trains::OtherFolds, _) => folds - 1,
            (_, Some(_)) => 0,
            (Trains::FirstFold, None) => 1,
            (Trains::AllFolds, None) => folds,
        }
    }
}

/// How many trials of all folds would have begun as many folds as `trials`, rounded down.
pub fn whole_trials(trials: &[StoredTrial], search: &SearchConfig) -> usize {
    let folds = search.folds();
    let begun: usize = trials.iter().map(|t| t.plan.new_folds(folds)).sum();
    begun / folds
}

/// How many of all trials these are, in words: "9 of 40 trials", or "15 trials, which count as 9 of 40".
pub fn counted(trials: &[StoredTrial], search: &SearchConfig) -> String {
    let (begun, whole) = (trials.len(), whole_trials(trials, search));
    match begun == whole {
        true => format!("{whole} of {} trials", search.trials),
        false => format!(
            "{begun} trials, which count as {whole} of {}",
            search.trials
        ),
    }
}

/// Whether a trial chosen from `earlier` begins with its first fold alone.
fn trains_first_fold(earlier: &[StoredTrial], search: &SearchConfig) -> bool {
    if !search.first_fold() || search.sampler != Sampler::Gaussian {
        return false;
    }
    let results = earlier.iter().filter_map(|trial| trial.own.result.as_ref());
    one_fold_suffices(results.map(|result| result.folds.iter().map(|fold| fold.error).collect()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::finalists::tests::trial;
    use super::super::trial::FoldResult;
    use super::*;
    use crate::search::Value;

    fn search(lag: usize) -> SearchConfig {
        SearchConfig {
            lag,
            folds: Some(3),
            first_fold: Some(true),
            ..SearchConfig::default()
        }
    }

    fn point(n: i64) -> Point {
        BTreeMap::from([("n".to_owned(), Value::Integer(n))])
    }

    /// Adds a trial of `point`, which ended so: with all folds, its first fold, or at a rung.
    fn add(
        trials: &mut Vec<StoredTrial>,
        n: i64,
        search: &SearchConfig,
        is_complete: bool,
    ) -> Plan {
        let plan = Plan::of(trials, &point(n), search);
        let fold = FoldResult {
            error: 0.1,
            accuracy: None,
        };
        let number = trials.len();
        let mut next = match (is_complete, plan.trains) {
            (true, Trains::AllFolds | Trains::OtherFolds) => trial(number, 1, &[Some(0.1)]),
            _ => trial(number, 1, &[None]),
        };
        match &mut next.own.result {
            Some(result) => result.folds = vec![fold; 3],
            None => {
                next.own.state = State::Stopped;
                next.own.first_fold = is_complete.then_some(fold);
            }
        }
        next.point = point(n);
        next.plan = plan;
        next.values = vec![0.5; 4];
        trials.push(next);
        plan
    }

    #[test]
    fn a_point_goes_from_its_first_fold_to_the_others() {
        let search = search(1);
        let mut trials = Vec::new();
        let plan = |trains, continues| Plan { trains, continues };
        for n in 0..4 {
            let begun = add(&mut trials, n, &search, true);
            assert_eq!(begun, plan(Trains::AllFolds, None));
        }
        // Four trials whose folds agree.
        let begun = add(&mut trials, 4, &search, false);
        assert_eq!(begun, plan(Trains::FirstFold, None));
        assert_eq!(begun.rivals(&trials, &search).len(), 1);
        assert_eq!(whole_trials(&trials, &search), 4);
        let first = add(&mut trials, 4, &search, true);
        assert_eq!(first, plan(Trains::FirstFold, Some(4)));
        assert!(first.rivals(&trials, &search).is_empty());
        let others = add(&mut trials, 4, &search, true);
        assert_eq!(others, plan(Trains::OtherFolds, Some(5)));
        // Twelve folds, and three of one point.
        assert_eq!(whole_trials(&trials, &search), 5);
        assert_eq!(
            counted(&trials, &search),
            "7 trials, which count as 5 of 40"
        );
        // One trial of a point is compared with, however often it went on.
        let rivals = plan(Trains::FirstFold, None).rivals(&trials, &search);
        assert_eq!(rivals.len(), 1);
        // A finished point is begun anew.
        let again = add(&mut trials, 4, &search, true);
        assert_eq!(again, plan(Trains::FirstFold, None));
    }

    #[test]
    fn a_plan_follows_from_trials_that_have_ended_alone() {
        let search = search(4);
        let mut trials = Vec::new();
        for n in 0..9 {
            let begun = add(&mut trials, n, &search, true);
            // Trial 7 is the first one that is chosen from four.
            let first = if n < 7 {
                Trains::AllFolds
            } else {
                Trains::FirstFold
            };
            assert_eq!(begun.trains, first, "{n}");
        }
        // In a study of an earlier version, a stopped point that is drawn again is a trial of its own.
        let old = SearchConfig {
            first_fold: None,
            ..self::search(1)
        };
        let stopped = trials.last().unwrap().point.clone();
        assert_eq!(
            Plan::of(&trials, &stopped, &self::search(1)).continues,
            Some(8)
        );
        assert_eq!(Plan::of(&trials, &stopped, &old), Plan::default());
        // Trial 7 may still run when trial 9 begins.
        assert_eq!(add(&mut trials, 7, &search, true).continues, None);
        for (sampler, is_wanted, folds) in [
            (Sampler::Gaussian, false, 3),
            (Sampler::Gaussian, true, 1),
            (Sampler::Tpe, true, 3),
        ] {
            let other = SearchConfig {
                sampler,
                first_fold: Some(is_wanted),
                folds: Some(folds),
                ..search.clone()
            };
            assert_eq!(Plan::of(&trials, &point(50), &other), Plan::default());
        }
    }
}
