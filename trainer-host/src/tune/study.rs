//! A study in its database: its definition, its trials, and who works on which of their trainings.
//!
//! A worker writes a heartbeat while it trains. If the worker ends or falls silent, the next worker takes its
//! training up as another attempt. The study accepts results only from the current attempt, so no training is
//! finished twice and no finished one is lost. When all trials have ended, the finalists' repeats are handed
//! out in the same way (`claim`).

use serde::{Deserialize, Serialize};

use super::database::{Cell, Database, DatabaseError};
use super::stored_trial::{Attempt, State, StoredTrial, TrainingId, content, from_json};
use super::trial::{FoldResult, TrialResult};
use crate::run::RunConfig;
use crate::search::{NothingFits, SearchConfig};

/// What a study consists of. All its points follow from this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The configuration that every trial changes.
    pub config: RunConfig,
    /// The settings of the search.
    pub search: SearchConfig,
    /// CRC-32 of the training part, which every worker must have.
    pub data_crc: u32,
}

/// How a training ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// It was trained to its end and judged.
    Finished(TrialResult),
    /// It was stopped early, since others did better.
    Stopped,
    /// Its first fold was trained to its end, and no other.
    FirstFold(FoldResult),
    /// What went wrong.
    Failed(String),
}

/// Why a study cannot be opened or continued.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// There is no such study.
    #[error("{storage}: there is no study {study:?}{}; name data or a configuration to begin it", .others.iter().map(|s| format!(", only {s:?}")).collect::<String>())]
    Unknown {
        /// The database.
        storage: String,
        /// Its name.
        study: String,
        /// Those that there are.
        others: Vec<String>,
    },
    /// There is another study of this name.
    #[error(
        "{storage}: study {study:?} began with another {what}; omit data and flags to continue it, or name a new study with --study"
    )]
    Different {
        /// The database.
        storage: String,
        /// Its name.
        study: String,
        /// What differs.
        what: &'static str,
    },
    /// No point is left to try.
    #[error(transparent)]
    NothingFits(#[from] NothingFits),
}

impl StudyError {
    /// Whether trying again may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_transient())
    }
}

/// The trials that this process has read, in their order; `known_trials` reads them.
#[derive(Default)]
pub(super) struct KnownTrials {
    pub(super) all: Vec<StoredTrial>,
    /// So many at the beginning have ended.
    pub(super) ended: usize,
}

/// A study, open.
pub struct Study {
    pub(super) database: Box<dyn Database>,
    pub(super) name: String,
    /// Whether the table of repeats exists. An older version made studies without it.
    pub(super) has_repeats: bool,
    pub(super) known: KnownTrials,
    /// What the study consists of.
    pub definition: Definition,
}

impl Study {
    /// The study `name`; begun with `definition` if there is none of that name. `folds` is the number of folds if
    /// `definition` does not give one. An existing study must have the same definition, except for the amount of
    /// work.
    ///
    /// # Errors
    /// [`StudyError::Different`], or what the database says.
    pub fn begin(
        mut database: Box<dyn Database>,
        name: &str,
        mut definition: Definition,
        folds: usize,
    ) -> Result<Self, StudyError> {
        let is_open = definition.search.folds.is_none();
        definition.search.folds.get_or_insert(folds);
        let is_free = definition.search.first_fold.is_none();
        definition.search.first_fold.get_or_insert(true);
        let text = to_json(&definition);
        database.execute(
            "INSERT INTO studies (study, definition) VALUES ($1, $2) ON CONFLICT (study) DO NOTHING",
            &[name.into(), text.as_str().into()],
        )?;
        let mut study = Self::open(database, name)?;
        let before = &study.definition;
        let different = |what| StudyError::Different {
            storage: study.database.name().to_owned(),
            study: name.to_owned(),
            what,
        };
        let (old, new) = (&before.config, &definition.config);
        if before.data_crc != definition.data_crc || old.data != new.data {
            return Err(different("data"));
        }
        if old.train != new.train {
            return Err(different("training configuration"));
        }
        // The first points, and what an earlier study taught, were found when the study began, and stay.
        let mut as_before = definition.search.with_amounts_of(&before.search);
        as_before.first.clone_from(&before.search.first);
        as_before.taught.clone_from(&before.search.taught);
        if is_open || as_before.folds() == before.search.folds() {
            as_before.folds = before.search.folds;
        }
        // A study of a version without priors goes on without them.
        if before.search.space.is_without_priors_of(&as_before.space) {
            as_before.space.clone_from(&before.search.space);
        }
        if is_free || as_before.first_fold() == before.search.first_fold() {
            as_before.first_fold = before.search.first_fold;
        }
        if as_before != before.search {
            return Err(different(
                "search (space, objectives, chip, sampler, startup, stopping, folds, first_fold, seed or lag)",
            ));
        }
        study.extend(&definition.search)?;
        // The same data may lie elsewhere on this machine.
        study.definition.config.source = definition.config.source;
        Ok(study)
    }

    /// The existing study `name`.
    ///
    /// # Errors
    /// [`StudyError::Unknown`], or what the database says.
    pub fn open(mut database: Box<dyn Database>, name: &str) -> Result<Self, StudyError> {
        let query = "SELECT definition FROM studies WHERE study = $1";
        let rows = database.query(query, &[name.into()])?;
        let Some([Cell::Text(definition)]) = rows.first().map(Vec::as_slice) else {
            let names = database.query("SELECT study FROM studies ORDER BY study", &[])?;
            let others = names.into_iter().flatten().filter_map(text).collect();
            return Err(StudyError::Unknown {
                storage: database.name().to_owned(),
                study: name.to_owned(),
                others,
            });
        };
        let definition = from_json(definition, database.as_ref())?;
        Ok(Self {
            database,
            name: name.to_owned(),
            has_repeats: false,
            known: KnownTrials::default(),
            definition,
        })
    }

    /// Takes over the amount of work from `search`.
    ///
    /// # Errors
    /// What the database says.
    pub fn extend(&mut self, search: &SearchConfig) -> Result<(), StudyError> {
        let extended = self.definition.search.with_amounts_of(search);
        if extended != self.definition.search {
            self.definition.search = extended;
            let text = to_json(&self.definition);
            self.database.execute(
                "UPDATE studies SET definition = $1 WHERE study = $2",
                &[text.as_str().into(), self.name.as_str().into()],
            )?;
        }
        Ok(())
    }

    /// Connects again if the connection was lost.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn reconnect(&mut self) -> Result<(), StudyError> {
        Ok(self.database.reconnect()?)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn content(&self, problem: String) -> StudyError {
        let problem = format!("study {:?}: {problem}", self.name);
        content(self.database.as_ref(), problem).into()
    }

    /// Writes a heartbeat for the attempt. Returns whether the attempt is still the current one.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn beat(&mut self, attempt: Attempt) -> Result<bool, StudyError> {
        let now = self.database.now();
        self.set(&format!("heartbeat = {now}"), &[], attempt)
    }

    /// Gives the training back unfinished: the next worker takes it up at once.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn release(&mut self, attempt: Attempt) -> Result<bool, StudyError> {
        self.set("heartbeat = 0.0", &[], attempt)
    }

    /// Stores the values of epochs from `first` on, counted from 1. Returns whether the attempt is still the
    /// current one.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn tell(
        &mut self,
        attempt: Attempt,
        first: usize,
        values: &[f64],
    ) -> Result<bool, StudyError> {
        self.transaction(|study| {
            let ours = study.beat(attempt)?;
            if ours {
                study.write_epochs(attempt.training, first, values)?;
            }
            Ok(ours)
        })
    }

    /// Ends the training and stores the values of all its epochs. Returns whether the attempt was still the
    /// current one.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn end(
        &mut self,
        attempt: Attempt,
        end: &End,
        values: &[f64],
        macs: f64,
    ) -> Result<bool, StudyError> {
        let (state, result) = match end {
            End::Finished(result) => (State::Finished, Cell::Text(to_json(result))),
            End::Stopped => (State::Stopped, Cell::Null),
            End::FirstFold(result) => (State::Stopped, Cell::Text(to_json(result))),
            End::Failed(problem) => (State::Failed, Cell::Text(to_json(problem))),
        };
        self.transaction(|study| {
            let now = study.database.now();
            let change =
                format!("heartbeat = {now}, ended = {now}, state = $1, result = $2, macs = $3");
            let parameters = [state.name().into(), result, macs.into()];
            let ours = study.set(&change, &parameters, attempt)?;
            if ours {
                study.write_epochs(attempt.training, 1, values)?;
            }
            Ok(ours)
        })
    }

    /// Changes the running training of this attempt. Returns whether there was one.
    pub(super) fn set(
        &mut self,
        change: &str,
        parameters: &[Cell],
        attempt: Attempt,
    ) -> Result<bool, StudyError> {
        let TrainingId { trial, repeat } = attempt.training;
        let mut key = vec![
            ("study", self.name.as_str().into()),
            ("number", trial.into()),
            ("attempt", attempt.number.into()),
        ];
        let table = if repeat == 0 { "trials" } else { "repeats" };
        if repeat > 0 {
            key.push(("repeat", repeat.into()));
        }
        let mut statement = format!("UPDATE {table} SET {change} WHERE state = 'running'");
        let mut all = parameters.to_vec();
        for (column, value) in key {
            all.push(value);
            statement += &format!(" AND {column} = ${}", all.len());
        }
        Ok(self.database.execute(&statement, &all)? == 1)
    }

    /// Stores epochs of a trial's own training; those of repeats are not needed.
    fn write_epochs(
        &mut self,
        training: TrainingId,
        first: usize,
        values: &[f64],
    ) -> Result<(), StudyError> {
        let kept = if training.repeat == 0 { values } else { &[] };
        for (n, value) in kept.iter().enumerate() {
            self.database.execute(
                "INSERT INTO epochs (study, number, epoch, value) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (study, number, epoch) DO UPDATE SET value = excluded.value",
                &[
                    self.name.as_str().into(),
                    training.trial.into(),
                    (first + n).into(),
                    (*value).into(),
                ],
            )?;
        }
        Ok(())
    }

    /// Runs `body` in a transaction: all of its changes are made, or none.
    pub(super) fn transaction<T>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, StudyError>,
    ) -> Result<T, StudyError> {
        self.database.begin(&self.name)?;
        let done = body(self).and_then(|value| {
            self.database.run("COMMIT")?;
            Ok(value)
        });
        if done.is_err() {
            // The first error is the one to report.
            let _ = self.database.run("ROLLBACK");
        }
        done
    }
}

fn text(cell: Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text),
        _ => None,
    }
}

pub(super) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("what a study holds has no maps with keys other than text")
}
