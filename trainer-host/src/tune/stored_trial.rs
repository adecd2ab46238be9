//! A trial as a study stores it: its settings, and the results of its trainings.
//!
//! Training 0 of a trial is its own, which guides the search. Later trainings repeat it with other seeds
//! ([`finalists`](super::finalists)). A training is first running, and then finished, stopped or failed for good.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::database::{Cell, Database, DatabaseError};
use super::plan::{Plan, whole_trials};
use super::trial::{FoldResult, TrialResult};
use crate::cost::Footprint;
use crate::search::{FirstFold, Observation, Outcome, Point, SearchConfig};

/// The state of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// A worker is training it.
    Running,
    /// It was trained to its end and judged.
    Finished,
    /// It was stopped early.
    Stopped,
    /// Its settings did not work.
    Failed,
}

impl State {
    const ALL: [Self; 4] = [Self::Running, Self::Finished, Self::Stopped, Self::Failed];

    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// Which training of a study.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrainingId {
    /// Its trial, from 0.
    pub trial: usize,
    /// 0 is the trial's own.
    pub repeat: usize,
}

impl TrainingId {
    /// A trial's own.
    pub fn own(trial: usize) -> Self {
        Self { trial, repeat: 0 }
    }
}

impl fmt::Display for TrainingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trial {}", self.trial)?;
        match self.repeat {
            0 => Ok(()),
            repeat => write!(f, " repeat {repeat}"),
        }
    }
}

/// A claim to a training. It is valid until another worker takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attempt {
    /// To what.
    pub training: TrainingId,
    /// Number of the attempt, from 1; above 1 if another worker was lost.
    pub number: usize,
}

impl Attempt {
    /// The first one.
    pub fn first(training: TrainingId) -> Self {
        let number = 1;
        Self { training, number }
    }
}

/// A training as the study knows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredTraining {
    /// Its state.
    pub state: State,
    /// The worker that trains it, or that ended it.
    pub worker: String,
    /// From 1.
    pub attempt: usize,
    /// Seconds since its worker's last heartbeat.
    pub silent_seconds: f64,
    /// Seconds from the beginning of its first attempt to its end.
    pub seconds: Option<f64>,
    /// Multiply-accumulates.
    pub macs: f64,
    /// Its result, if it is finished.
    pub result: Option<TrialResult>,
    /// The result of its first fold, if it was stopped after that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_fold: Option<FoldResult>,
    /// What went wrong, if it failed.
    pub problem: Option<String>,
}

/// A trial as the study knows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredTrial {
    /// From 0.
    pub number: usize,
    /// Its settings.
    pub point: Point,
    /// What its model needs.
    pub footprint: Footprint,
    /// What it trains.
    pub plan: Plan,
    /// Its own training.
    #[serde(flatten)]
    pub own: StoredTraining,
    /// The value after each epoch of its own training: of its first fold if it trains that before the others, otherwise
    /// the mean over the folds.
    pub values: Vec<f64>,
    /// Trainings of the same settings with other seeds, in order.
    pub repeats: Vec<StoredTraining>,
}

impl StoredTrial {
    /// All of its trainings, its own first.
    pub fn trainings(&self) -> impl Iterator<Item = (TrainingId, &StoredTraining)> {
        let id = |repeat| TrainingId {
            trial: self.number,
            repeat,
        };
        let all = std::iter::once(&self.own).chain(&self.repeats);
        all.enumerate()
            .map(move |(repeat, training)| (id(repeat), training))
    }

    /// In a few words, how its own training ended, and which trial it went on with.
    pub fn state_text(&self) -> String {
        let state = match self.own.first_fold {
            Some(_) => "first fold",
            None => self.own.state.name(),
        };
        match self.plan.continues {
            Some(stopped) => format!("{state}, after {stopped}"),
            None => state.into(),
        }
    }

    /// Error and accuracy of its own training: of all its folds, or of the first one.
    pub fn figures(&self) -> Option<(f64, Option<f64>)> {
        let of_all = self
            .own
            .result
            .as_ref()
            .map(|all| (all.error, all.accuracy));
        let of_first = || {
            self.own
                .first_fold
                .map(|first| (first.error, first.accuracy))
        };
        of_all.or_else(of_first)
    }

    /// Whether its own training runs.
    pub fn is_running(&self) -> bool {
        self.own.state == State::Running
    }

    /// For the search; `None` while it runs.
    pub fn observation(&self, search: &SearchConfig) -> Option<Observation> {
        let outcome = match self.own.state {
            State::Running => return None,
            State::Finished => Outcome::Finished(self.objectives(search)?),
            State::Stopped => Outcome::Stopped {
                epochs: self.values.len(),
                value: lowest(&self.values),
            },
            State::Failed => Outcome::Failed,
        };
        Some(Observation {
            point: self.point.clone(),
            outcome,
            values: self.values.clone(),
            first_fold: FirstFold {
                error: self.first_fold().map(|fold| fold.error),
                has_values: self.plan.has_values_of_first_fold(),
            },
        })
    }

    /// The result of its first fold, where there are several, once that was trained to its end.
    fn first_fold(&self) -> Option<&FoldResult> {
        let finished = || self.own.result.as_ref()?.folds.first();
        self.own.first_fold.as_ref().or_else(finished)
    }

    /// The result of its own training, in the order of the search's objectives; `None` unless it is finished.
    pub fn objectives(&self, search: &SearchConfig) -> Option<Vec<f64>> {
        let result = self.own.result.as_ref()?;
        Some(result.objectives(&search.objectives, &self.footprint))
    }
}

/// Those of the trials that have ended, without those that a later one went on with. If that one failed, the point has.
pub(super) fn latest(trials: &[StoredTrial]) -> impl Iterator<Item = &StoredTrial> {
    let ended = || trials.iter().filter(|trial| !trial.is_running());
    let continued: BTreeSet<usize> = ended().filter_map(|trial| trial.plan.continues).collect();
    ended().filter(move |trial| !continued.contains(&trial.number))
}

/// What the trials that have ended tell the search, without those that a later one went on with.
pub fn observations(trials: &[StoredTrial], search: &SearchConfig) -> Vec<Observation> {
    latest(trials)
        .filter_map(|trial| trial.observation(search))
        .collect()
}

/// The trials that trial `number` follows from.
pub fn before<'a>(
    trials: &'a [StoredTrial],
    number: usize,
    search: &SearchConfig,
) -> &'a [StoredTrial] {
    &trials[..(number + 1).saturating_sub(search.lag).min(trials.len())]
}

/// Whether the study begins no more trials.
pub fn is_over(trials: &[StoredTrial], search: &SearchConfig) -> bool {
    let spent = || macs(before(trials, trials.len(), search).iter().map(|t| &t.own));
    whole_trials(trials, search) >= search.trials
        || search.compute.is_some_and(|compute| spent() >= compute)
}

/// Multiply-accumulates of trainings.
pub fn macs<'a>(trainings: impl Iterator<Item = &'a StoredTraining>) -> f64 {
    // The sum of no numbers would be −0.
    trainings.fold(0.0, |sum, training| sum + training.macs)
}

/// The lowest of a trial's values; infinite where there is none.
pub fn lowest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The columns that [`StoredTraining::read`] reads, where the clock says `now`.
pub(super) fn training_columns(now: &str) -> String {
    format!("state, worker, attempt, {now} - heartbeat, ended - began, macs, result")
}

impl StoredTraining {
    /// From [`training_columns`].
    pub(super) fn read(row: &[Cell], database: &dyn Database) -> Result<Self, DatabaseError> {
        let wrong = || content(database, format!("a training is {row:?}"));
        let [
            Cell::Text(state),
            Cell::Text(worker),
            Cell::Integer(attempt),
            Cell::Real(silent_seconds),
            seconds,
            Cell::Real(macs),
            end,
        ] = row
        else {
            return Err(wrong());
        };
        let known = State::ALL.into_iter().find(|known| known.name() == state);
        let state = known.ok_or_else(wrong)?;
        let (mut result, mut first_fold, mut problem) = (None, None, None);
        if let Cell::Text(end) = end {
            match state {
                State::Failed => problem = Some(from_json(end, database)?),
                State::Stopped => first_fold = Some(from_json(end, database)?),
                _ => result = Some(from_json(end, database)?),
            }
        }
        if *attempt < 1 || (state == State::Finished) != result.is_some() {
            return Err(wrong());
        }
        Ok(Self {
            state,
            worker: worker.clone(),
            attempt: *attempt as usize,
            silent_seconds: *silent_seconds,
            seconds: match seconds {
                Cell::Real(seconds) => Some(*seconds),
                _ => None,
            },
            macs: *macs,
            result,
            first_fold,
            problem,
        })
    }
}

impl StoredTrial {
    /// From its number, point and footprint, and then [`training_columns`]; without plan, epochs and repeats.
    pub(super) fn read(row: &[Cell], database: &dyn Database) -> Result<Self, DatabaseError> {
        let [
            Cell::Integer(number),
            Cell::Text(point),
            Cell::Text(footprint),
            own @ ..,
        ] = row
        else {
            return Err(content(database, format!("a trial is {row:?}")));
        };
        Ok(Self {
            number: *number as usize,
            point: from_json(point, database)?,
            footprint: from_json(footprint, database)?,
            plan: Plan::default(),
            own: StoredTraining::read(own, database)?,
            values: Vec::new(),
            repeats: Vec::new(),
        })
    }
}

/// What a database holds and should not.
pub(super) fn content(database: &dyn Database, problem: String) -> DatabaseError {
    let storage = database.name().to_owned();
    DatabaseError::Content { storage, problem }
}

/// A value that the database holds as JSON.
pub(super) fn from_json<T: DeserializeOwned>(
    text: &str,
    database: &dyn Database,
) -> Result<T, DatabaseError> {
    serde_json::from_str(text).map_err(|error| content(database, error.to_string()))
}
