//! Who is trained again, and how trials are judged by several trainings.
//!
//! The least of many errors is partly luck: of the seed, and of the few sequences that judge. When the
//! search is over, its best trials are therefore trained again with other seeds, on the same parts:
//!
//! ```text
//! finalists   the `finalists` finished trials of least error, of equals the cheaper ones; and the
//!             trial that the study begins with                                                    (J1)
//! judged by   mean ± deviation over `repeats` trainings of seeds s, s + 1, …; a training that
//!             failed makes the mean infinite                                                      (J2)
//! ```
//!
//! All of it follows from the trials, which follow from the study's definition.

use serde::Serialize;

use super::stored_trial::{State, StoredTrial, TrainingId};
use crate::cost::Footprint;
use crate::evaluate::Spread;
use crate::search::{Point, SearchConfig, in_one_line};

/// (J2)
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// Trainings that it is of.
    pub trainings: usize,
    /// Of the integers on the validation part, (Y1).
    pub error: Spread,
    /// Share of right decisions of the integers, for a classification.
    pub accuracy: Option<Spread>,
}

impl Judgement {
    /// Mean ± deviation of the error.
    pub fn error_text(&self) -> String {
        let Spread { mean, deviation } = self.error;
        match mean.is_finite() {
            true => format!("{mean:.5} ± {deviation:.5}"),
            false => "a training failed".into(),
        }
    }

    /// Mean ± deviation of the accuracy; empty where there is none.
    pub fn accuracy_text(&self) -> String {
        self.accuracy
            .map_or(String::new(), |Spread { mean, deviation }| {
                format!("{:.2} ± {:.2} %", 100.0 * mean, 100.0 * deviation)
            })
    }
}

impl StoredTrial {
    /// How it does over the first `repeats` trainings; `None` before these have ended.
    pub fn judgement(&self, repeats: usize) -> Option<Judgement> {
        let trainings: Vec<_> = self.trainings().map(|(_, t)| t).take(repeats).collect();
        let has_ended = trainings.iter().all(|t| t.state != State::Running);
        if trainings.len() < repeats || !has_ended || self.own.state != State::Finished {
            return None;
        }
        let results: Option<Vec<_>> = trainings.iter().map(|t| t.result.as_ref()).collect();
        let Some(results) = results else {
            return Some(Judgement {
                trainings: repeats,
                error: Spread {
                    mean: f64::INFINITY,
                    deviation: 0.0,
                },
                accuracy: None,
            });
        };
        let errors: Vec<f64> = results.iter().map(|result| result.error).collect();
        let accuracies: Option<Vec<f64>> = results.iter().map(|result| result.accuracy).collect();
        Some(Judgement {
            trainings: repeats,
            error: Spread::of(&errors),
            accuracy: accuracies.map(|accuracies| Spread::of(&accuracies)),
        })
    }

    /// The middle one of the epochs that its trainings' best weights had.
    pub fn best_epoch(&self) -> Option<usize> {
        let results = self.trainings().filter_map(|(_, t)| t.result.as_ref());
        let mut epochs: Vec<usize> = results.map(|result| result.best_epoch).collect();
        epochs.sort_unstable();
        epochs.get(epochs.len() / 2).copied()
    }
}

/// (J1); of trials that have all ended.
pub fn finalists<'a>(trials: &'a [StoredTrial], search: &SearchConfig) -> Vec<&'a StoredTrial> {
    let figures = |trial: &StoredTrial| {
        let result = trial.own.result.as_ref()?;
        Some((result.error, trial.footprint.instructions))
    };
    let mut finished: Vec<_> = (trials.iter())
        .filter_map(|trial| Some((figures(trial)?, trial)))
        .collect();
    finished.sort_by(|(a, _), (b, _)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    finished.truncate(search.finalists);
    let mut chosen: Vec<_> = finished.into_iter().map(|(_, trial)| trial).collect();
    if let Some(first) = beginning(trials, search)
        && chosen.iter().all(|trial| trial.number != first.number)
    {
        chosen.push(first);
    }
    chosen
}

/// The trial that the study begins with, if it is finished: the configuration itself, or the best of an
/// earlier study.
pub fn beginning<'a>(trials: &'a [StoredTrial], search: &SearchConfig) -> Option<&'a StoredTrial> {
    let first = trials.first()?;
    let is_given = search.first.first() == Some(&first.point);
    (is_given && first.own.state == State::Finished).then_some(first)
}

/// The first training that the finalists lack.
pub(super) fn next_repeat(trials: &[StoredTrial], search: &SearchConfig) -> Option<TrainingId> {
    let lacks = |trial: &&StoredTrial| trial.repeats.len() + 1 < search.repeats;
    let trial = finalists(trials, search).into_iter().find(lacks)?;
    Some(TrainingId {
        trial: trial.number,
        repeat: trial.repeats.len() + 1,
    })
}

/// A trial that was trained again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finalist {
    /// Its number.
    pub trial: usize,
    /// Its settings.
    pub point: Point,
    /// What its model needs.
    pub footprint: Footprint,
    /// Whether the study began with it.
    pub is_beginning: bool,
    /// How it did.
    #[serde(flatten)]
    pub judgement: Judgement,
}

impl Finalist {
    /// Its settings in one line, and whether the study began with them.
    pub fn settings(&self) -> String {
        let settings = in_one_line(&self.point);
        match self.is_beginning {
            true => format!("begun with: {settings}"),
            false => settings,
        }
    }
}

/// The trials that were trained `repeats` times, the least mean error first; none where nothing is repeated.
pub fn judged(trials: &[StoredTrial], search: &SearchConfig) -> Vec<Finalist> {
    if search.repeats < 2 {
        return Vec::new();
    }
    let beginning = beginning(trials, search).map(|trial| trial.number);
    let finalist = |trial: &StoredTrial| {
        Some(Finalist {
            trial: trial.number,
            point: trial.point.clone(),
            footprint: trial.footprint,
            is_beginning: beginning == Some(trial.number),
            judgement: trial.judgement(search.repeats)?,
        })
    };
    let mut judged: Vec<Finalist> = trials.iter().filter_map(finalist).collect();
    let instructions = |finalist: &Finalist| finalist.footprint.instructions;
    judged.sort_by(|a, b| {
        let by_mean = (a.judgement.error.mean).total_cmp(&b.judgement.error.mean);
        by_mean.then(instructions(a).cmp(&instructions(b)))
    });
    judged
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::best::best;
    use super::super::stored_trial::StoredTraining;
    use super::super::trial::TrialResult;
    use super::*;
    use crate::cost::{Core, Limits};
    use crate::search::Value;

    /// A training with this error; `None` for one that failed.
    fn training(error: Option<f64>) -> StoredTraining {
        StoredTraining {
            state: error.map_or(State::Failed, |_| State::Finished),
            worker: String::new(),
            attempt: 1,
            silent_seconds: 0.0,
            seconds: None,
            macs: 1.0,
            result: error.map(|error| TrialResult {
                error,
                accuracy: Some(1.0 - error),
                float_accuracy: None,
                best_epoch: 1,
                epochs: 1,
            }),
            problem: None,
        }
    }

    fn trial(number: usize, instructions: u64, errors: &[Option<f64>]) -> StoredTrial {
        let mut trainings = errors.iter().map(|error| training(*error));
        StoredTrial {
            number,
            point: [("n".to_owned(), Value::Integer(number as i64))].into(),
            footprint: Footprint {
                core: Core::M4,
                instructions,
                estimated_cycles: instructions,
                estimated_seconds: None,
                flash_bytes: 1,
                ram_bytes: 1,
            },
            own: trainings.next().unwrap(),
            values: Vec::new(),
            repeats: trainings.collect(),
        }
    }

    fn search(finalists: usize, repeats: usize) -> SearchConfig {
        SearchConfig {
            finalists,
            repeats,
            first: vec![trial(0, 1, &[None]).point],
            ..SearchConfig::default()
        }
    }

    proptest! {
        /// Every way through the repeats ends with the same ones, each handed out once, and the finalists
        /// do not change by them.
        #[test]
        fn finalists_are_the_best_and_what_the_study_began_with(
            results in vec((prop::option::of(0u8..20), 1u64..5), 1..15),
            count in 1usize..6,
        ) {
            let error = |e: &Option<u8>| e.map(|e| f64::from(e) / 20.0);
            let mut trials: Vec<StoredTrial> = (results.iter().enumerate())
                .map(|(n, (e, instructions))| trial(n, *instructions, &[error(e)]))
                .collect();
            let search = search(count, 3);
            let numbers = |trials: &[StoredTrial]| -> Vec<usize> {
                finalists(trials, &search).iter().map(|trial| trial.number).collect()
            };
            let chosen = numbers(&trials);
            let finished = results.iter().filter(|(e, _)| e.is_some()).count();
            prop_assert_eq!(chosen.contains(&0), results[0].0.is_some());
            prop_assert!((count.min(finished)..=count + 1).contains(&chosen.len()));
            // The first one has the least error of all.
            let least = results.iter().filter_map(|(e, _)| *e).min();
            prop_assert_eq!(chosen.first().and_then(|n| results[*n].0), least);
            let mut handed_out = Vec::new();
            while let Some(next) = next_repeat(&trials, &search) {
                handed_out.push(next);
                trials[next.trial].repeats.push(training(Some(0.5)));
                prop_assert_eq!(numbers(&trials), chosen.clone());
            }
            let expected = chosen.iter().flat_map(|&trial| {
                (1..3).map(move |repeat| TrainingId { trial, repeat })
            });
            prop_assert_eq!(handed_out, expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_mean_decides_and_not_the_luckiest() {
        let trials = [
            trial(0, 9, &[Some(0.30)]),
            trial(1, 9, &[Some(0.10), Some(0.40), Some(0.40)]), // lucky: 0.3 on the mean
            trial(2, 9, &[Some(0.20), Some(0.15), Some(0.25)]), // 0.2 on the mean
            trial(3, 9, &[Some(0.15), None, Some(0.10)]),
            trial(4, 9, &[Some(0.05), Some(0.05)]), // not trained often enough yet
        ];
        let none = Limits::default();
        assert_eq!(best(&trials, 3, &none).unwrap().number, 2);
        assert_eq!(best(&trials, 1, &none).unwrap().number, 4);
        assert_eq!(best(&trials[..1], 3, &none).unwrap().number, 0);
        // One that failed once is the last choice.
        assert_eq!(
            best(&[trials[3].clone(), trials[0].clone()], 3, &none)
                .unwrap()
                .number,
            0
        );
        let order: Vec<usize> = judged(&trials, &search(4, 3))
            .iter()
            .map(|f| f.trial)
            .collect();
        assert_eq!(order, [2, 1, 3]);
        let judgement = trials[2].judgement(3).unwrap();
        assert!((judgement.error.mean - 0.2).abs() < 1e-12);
        assert!((judgement.error.deviation - 0.05).abs() < 1e-12);
        assert_eq!(
            trials[3].judgement(3).unwrap().error_text(),
            "a training failed"
        );
        assert!(judged(&trials, &search(4, 1)).is_empty());
    }
}
