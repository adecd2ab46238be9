//! The trials that are trained again, and their scores over several trainings.
//!
//! The lowest of many errors is partly luck, since it comes from one seed and few validation sequences. When the search
//! is over, its best trials are therefore trained again with other seeds, on the same parts:
//!
//! ```text
//! finalists   the `finalists` finished trials of least error, of equals the cheaper ones; and the
//!             one that the study begins with. Of trials with the same settings, one               (J1)
//! judged by   mean ± deviation over `repeats` trainings of seeds s, s + 1, …; there is none once
//!             a training has failed                                                               (J2)
//! handed over (J4) of `search/handover.rs`
//! ```
//!
//! Finalists are computed from the stored trials and are not stored. A trial that was a finalist once and no
//! longer is does not appear.

use serde::Serialize;

use super::stored_trial::{State, StoredTrial, TrainingId, is_over};
use super::trial::TrialResult;
use crate::cost::Footprint;
use crate::evaluate::Spread;
use crate::search::handover::{self, Score};
use crate::search::{Point, SearchConfig, in_one_line};

/// The score of a trial over several trainings, (J2).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RepeatedScore {
    /// Number of trainings.
    pub trainings: usize,
    /// Error of the integers on the validation part, (TE1) of [`trial`](super::trial); `None` if a training
    /// failed.
    pub error: Option<Spread>,
    /// Share of right decisions of the integers, for a classification.
    pub accuracy: Option<Spread>,
}

impl RepeatedScore {
    /// Mean ± deviation of the error.
    pub fn error_text(&self) -> String {
        let text = |Spread { mean, deviation }| format!("{mean:.5} ± {deviation:.5}");
        self.error.map_or("a training failed".into(), text)
    }

    /// Mean of the error; infinite if a training failed.
    pub fn mean(&self) -> f64 {
        self.error.map_or(f64::INFINITY, |error| error.mean)
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
    /// The score over the first `repeats` trainings; `None` before these have ended.
    pub fn judgement(&self, repeats: usize) -> Option<RepeatedScore> {
        let trainings: Vec<_> = self.trainings().map(|(_, t)| t).take(repeats).collect();
        let has_ended = trainings.iter().all(|t| t.state != State::Running);
        if trainings.len() < repeats || !has_ended || self.own.state != State::Finished {
            return None;
        }
        let spread = |figure: fn(&TrialResult) -> Option<f64>| {
            let values = trainings.iter().map(|t| figure(t.result.as_ref()?));
            let values: Option<Vec<f64>> = values.collect();
            values.map(|values| Spread::of(&values))
        };
        Some(RepeatedScore {
            trainings: repeats,
            error: spread(|result| Some(result.error)),
            accuracy: spread(|result| result.accuracy),
        })
    }

    /// The median, over its trainings, of the epoch whose weights were chosen.
    pub fn best_epoch(&self) -> Option<usize> {
        let results = self.trainings().filter_map(|(_, t)| t.result.as_ref());
        let mut epochs: Vec<usize> = results.map(|result| result.best_epoch).collect();
        epochs.sort_unstable();
        epochs.get(epochs.len() / 2).copied()
    }
}

/// The finalists (J1) among `trials`, all of which have ended.
pub fn finalists<'a>(
    trials: impl IntoIterator<Item = &'a StoredTrial>,
    search: &SearchConfig,
) -> Vec<&'a StoredTrial> {
    let figures = |trial: &StoredTrial| {
        let error = trial.own.result.as_ref()?.error;
        Some((error, (trial.footprint.instructions, trial.number)))
    };
    let mut finished: Vec<_> = (trials.into_iter())
        .filter_map(|trial| Some((figures(trial)?, trial)))
        .collect();
    finished.sort_by(|(a, _), (b, _)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut chosen: Vec<&StoredTrial> = Vec::new();
    for (_, trial) in finished {
        let is_wanted = chosen.len() < search.finalists || is_beginning(trial, search);
        if is_wanted && chosen.iter().all(|other| other.point != trial.point) {
            chosen.push(trial);
        }
    }
    chosen
}

/// Whether the study began with these settings. They are those of the configuration, made smaller until they fit
/// the chip, or the best of an earlier study.
fn is_beginning(trial: &StoredTrial, search: &SearchConfig) -> bool {
    search.first.first() == Some(&trial.point)
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

/// Progress of the finalists' repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Repeats {
    /// Number of repeats that have ended.
    pub ended: usize,
    /// Number of all repeats.
    pub all: usize,
}

impl Repeats {
    /// `None` before the search is over, and if there are no repeats.
    pub fn of(trials: &[StoredTrial], search: &SearchConfig) -> Option<Self> {
        let each = search.repeats.saturating_sub(1);
        if each == 0 || !is_over(trials, search) || trials.iter().any(StoredTrial::is_running) {
            return None;
        }
        let finalists = finalists(trials, search);
        let repeats = (finalists.iter()).flat_map(|trial| trial.repeats.iter().take(each));
        Some(Self {
            ended: repeats.filter(|t| t.state != State::Running).count(),
            all: each * finalists.len(),
        })
    }
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
    /// Its score.
    #[serde(flatten)]
    pub judgement: RepeatedScore,
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

/// The finalists that were trained `repeats` times, the least mean error first; none where nothing is
/// repeated.
pub fn judged(trials: &[StoredTrial], search: &SearchConfig) -> Vec<Finalist> {
    judged_of(&finalists(trials, search), search)
}

/// The finalists among `trials`, the least mean error first, once all of them were trained `repeats` times; none before,
/// or where nothing is repeated.
pub(super) fn all_judged<'a>(
    trials: impl IntoIterator<Item = &'a StoredTrial>,
    search: &SearchConfig,
) -> Vec<Finalist> {
    let finalists = finalists(trials, search);
    let mut judged = judged_of(&finalists, search);
    if judged.len() < finalists.len() {
        judged.clear();
    }
    judged
}

/// Those of `finalists` that were trained `repeats` times, the least mean error first; none where nothing is repeated.
fn judged_of(finalists: &[&StoredTrial], search: &SearchConfig) -> Vec<Finalist> {
    if search.repeats < 2 {
        return Vec::new();
    }
    let finalist = |trial: &&StoredTrial| {
        Some(Finalist {
            trial: trial.number,
            point: trial.point.clone(),
            footprint: trial.footprint,
            is_beginning: is_beginning(trial, search),
            judgement: trial.judgement(search.repeats)?,
        })
    };
    let mut judged: Vec<Finalist> = finalists.iter().filter_map(finalist).collect();
    let key = |finalist: &Finalist| (finalist.footprint.instructions, finalist.trial);
    judged.sort_by(|a, b| {
        let by_mean = (a.judgement.mean()).total_cmp(&b.judgement.mean());
        by_mean.then(key(a).cmp(&key(b)))
    });
    judged
}

/// The finalist that the search hands over, (J4) of [`handover`]; `None` where nothing was
/// judged.
pub fn handed_over(finalists: &[Finalist]) -> Option<&Finalist> {
    let scores = scores(finalists);
    let trainings = finalists.first()?.judgement.trainings;
    finalists.get(handover::handed_over(&scores, trainings)?)
}

/// Scores of the `finalists`, of which those that failed come last.
fn scores(finalists: &[Finalist]) -> Vec<Score> {
    let score = |finalist: &Finalist| {
        let error = finalist.judgement.error?;
        Some(Score {
            mean: error.mean,
            deviation: error.deviation,
            is_beginning: finalist.is_beginning,
        })
    };
    finalists.iter().map_while(score).collect()
}

/// What became of the settings that the search began with, where `best` chooses among `trials`; `None` where others are
/// better by more than chance, the beginning is not among them, or a finalist was not judged yet.
pub fn fate_of_beginning<'a>(
    trials: impl IntoIterator<Item = &'a StoredTrial>,
    search: &SearchConfig,
) -> Option<String> {
    let finalists = &all_judged(trials, search)[..];
    let best = finalists.first()?;
    if best.is_beginning {
        return Some("The settings that the study began with are still the best.".into());
    }
    let begun = handed_over(finalists).filter(|chosen| chosen.is_beginning)?;
    let gain = begun.judgement.mean() - best.judgement.mean();
    let chance = handover::standard_error(&scores(finalists), best.judgement.trainings);
    Some(format!(
        "The settings that the study began with stay: trial {} is better by {gain:.5}, which other seeds may undo \
         (standard error {chance:.5}). `tune best --trial {}` takes it all the same.",
        best.trial, best.trial
    ))
}

#[cfg(test)]
pub(super) mod tests {
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
                folds: Vec::new(),
            }),
            first_fold: None,
            problem: None,
        }
    }

    pub(in crate::tune) fn trial(
        number: usize,
        instructions: u64,
        errors: &[Option<f64>],
    ) -> StoredTrial {
        let mut trainings = errors.iter().map(|error| training(*error));
        StoredTrial {
            number,
            point: [("n".to_owned(), Value::Integer(number as i64))].into(),
            footprint: Footprint {
                core: Core::M4,
                instructions,
                estimated_cycles: instructions,
                flash_waits: None,
                estimated_seconds: None,
                file_bytes: 0,
                flash_bytes: 1,
                ram_bytes: 1,
                second: None,
                window_steps: None,
            },
            plan: Default::default(),
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

    fn numbers(trials: &[StoredTrial], search: &SearchConfig) -> Vec<usize> {
        let finalists = finalists(trials, search).into_iter();
        finalists.map(|trial| trial.number).collect()
    }

    proptest! {
        /// Every way through the repeats ends with the same ones, each handed out once, and the finalists
        /// do not change by them. The same settings come to the same, and are a finalist once.
        #[test]
        fn finalists_are_the_best_and_what_the_study_began_with(
            outcomes in vec((prop::option::of(0u8..20), 1u64..5), 8),
            points in vec(0usize..8, 1..15),
            count in 1usize..6,
        ) {
            let error = |point: usize| outcomes[point].0.map(|e| f64::from(e) / 20.0);
            let mut trials: Vec<StoredTrial> = (points.iter().enumerate())
                .map(|(n, &point)| StoredTrial {
                    number: n,
                    ..trial(point, outcomes[point].1, &[error(point)])
                })
                .collect();
            let mut search = search(count, 3);
            search.trials = trials.len();
            search.first = vec![trials[0].point.clone()];
            let chosen = numbers(&trials, &search);
            let is_new = |n: &usize| !points[..*n].contains(&points[*n]);
            prop_assert!(chosen.iter().all(is_new));
            let all = (0..points.len()).filter(is_new);
            let finished = all.filter(|n| error(points[*n]).is_some()).count();
            prop_assert_eq!(chosen.contains(&0), error(points[0]).is_some());
            prop_assert!((count.min(finished)..=finished.min(count + 1)).contains(&chosen.len()));
            // The first one has the least error of all.
            let least = points.iter().filter_map(|&point| outcomes[point].0).min();
            prop_assert_eq!(chosen.first().and_then(|n| outcomes[points[*n]].0), least);
            let all = 2 * chosen.len();
            let mut handed_out = Vec::new();
            while let Some(next) = next_repeat(&trials, &search) {
                let ended = handed_out.len();
                prop_assert_eq!(Repeats::of(&trials, &search), Some(Repeats { ended, all }));
                handed_out.push(next);
                trials[next.trial].repeats.push(training(Some(0.5)));
                prop_assert_eq!(numbers(&trials, &search), chosen.clone());
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
            trial(4, 9, &[Some(0.12), Some(0.05)]), // not trained often enough yet
        ];
        let (once, thrice) = (search(4, 1), search(4, 3));
        let best = |trials: &[StoredTrial], search| {
            best(trials, search, &Limits::default()).map(|trial| trial.number)
        };
        // The two that were judged were better by 0.1 than they are, and so is trial 4.
        assert_eq!(best(&trials, &thrice), Some(2));
        assert_eq!(best(&trials, &once), Some(1));
        assert_eq!(best(&trials[..1], &thrice), Some(0));
        // One that failed once is the last choice.
        let two = [trials[3].clone(), trials[0].clone()];
        assert_eq!(best(&two, &thrice), Some(0));
        assert_eq!(best(&two[..1], &thrice), Some(3));
        let order: Vec<usize> = judged(&trials, &thrice).iter().map(|f| f.trial).collect();
        assert_eq!(order, [2, 1, 3]);
        let error = trials[2].judgement(3).unwrap().error.unwrap();
        assert!((error.mean - 0.2).abs() < 1e-12);
        assert!((error.deviation - 0.05).abs() < 1e-12);
        let failed = trials[3].judgement(3).unwrap();
        assert_eq!(failed.error_text(), "a training failed");
        let json = serde_json::to_value(failed).unwrap();
        assert!(json["error"].is_null() && json["accuracy"].is_null());
        assert!(judged(&trials, &once).is_empty());
    }

    /// What the study began with is trained again however bad it is.
    #[test]
    fn within_limits_a_judged_trial_is_no_better_for_being_judged() {
        let trials = [
            trial(0, 5, &[Some(0.54), Some(0.58), Some(0.62)]),
            trial(1, 5, &[Some(0.20)]),
            trial(2, 9, &[Some(0.10), Some(0.12), Some(0.11)]),
        ];
        let search = search(1, 3);
        let at_most = |instructions| Limits {
            instructions: Some(instructions),
            ..Limits::default()
        };
        let best = |instructions| best(&trials, &search, &at_most(instructions));
        assert_eq!(best(9).unwrap().number, 2);
        assert_eq!(best(5).unwrap().number, 1);
        assert!(best(4).is_none());
    }

    /// A study that was given more trials later has the same finalists as one that had them at once.
    #[test]
    fn finalists_of_fewer_trials_are_forgotten() {
        let mut trials = [
            trial(0, 9, &[Some(0.5), Some(0.5)]),
            trial(1, 9, &[Some(0.3), Some(0.1)]),
            trial(2, 9, &[Some(0.2), Some(0.4)]),
            trial(3, 9, &[Some(0.4)]),
        ];
        let search = search(1, 2);
        let shown = |trials: &[StoredTrial]| {
            let best = best(trials, &search, &Limits::default()).unwrap().number;
            let judged = judged(trials, &search).into_iter();
            (judged.map(|f| f.trial).collect::<Vec<_>>(), best)
        };
        let later = shown(&trials);
        trials[1].repeats.clear();
        assert_eq!(shown(&trials), later);
        assert_eq!(later, (vec![2, 0], 2));
    }

    #[test]
    fn the_beginning_stays_unless_others_are_better_by_more_than_chance() {
        let of = |begun: [f64; 2], other: [f64; 2]| {
            let trials = [trial(0, 9, &begun.map(Some)), trial(1, 9, &other.map(Some))];
            let search = search(1, 2);
            let finalists = judged(&trials, &search);
            let best = best(&trials, &search, &Limits::default()).unwrap().number;
            assert_eq!(handed_over(&finalists).map(|f| f.trial), Some(best));
            (best, fate_of_beginning(&trials, &search))
        };
        let (best, still) = of([0.1, 0.1], [0.1, 0.2]);
        assert_eq!(best, 0);
        assert!(still.unwrap().contains("still the best"));
        // Better by 0.02, with a standard error of 0.05.
        let (best, chance) = of([0.2, 0.3], [0.18, 0.28]);
        assert_eq!(best, 0);
        let chance = chance.unwrap();
        let said = ["trial 1", "0.02000", "0.07071", "--trial 1"];
        assert!(said.iter().all(|part| chance.contains(part)), "{chance}");
        assert_eq!(of([0.3, 0.31], [0.1, 0.11]), (1, None));
    }

    /// What is said is what `best` does: of the trials that fit, once all their finalists are judged.
    #[test]
    fn what_is_said_of_the_beginning_is_of_the_trials_at_hand() {
        let trials = [
            trial(0, 9, &[Some(0.2), Some(0.2)]),
            trial(1, 5, &[Some(0.3), Some(0.3)]),
            trial(2, 9, &[Some(0.25)]),
        ];
        assert!(fate_of_beginning(&trials[..2], &search(1, 2)).is_some());
        assert_eq!(fate_of_beginning(&trials[1..2], &search(1, 2)), None);
        assert_eq!(fate_of_beginning(&trials, &search(2, 2)), None);
    }
}
