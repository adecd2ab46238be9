//! A study in its database: its definition, its trials, and who works on which of their trainings.
//!
//! Whoever works on a training tells so by a heartbeat; a training whose worker has ended or fallen silent
//! is taken up by the next one, as another attempt of the same. What a worker says counts only while the
//! attempt is still its own: so none is finished twice, and none that was finished is lost. When all trials
//! have ended, the finalists' repeats are handed out in the same way.

use serde::{Deserialize, Serialize};

use super::database::{Cell, Database, DatabaseError};
use super::finalists::next_repeat;
use super::process::Process;
use super::stored_trial::{
    Attempt, State, StoredTraining, StoredTrial, TrainingId, before, content, from_json, is_over,
    training_columns,
};
use super::trial::TrialResult;
use crate::cost::Footprint;
use crate::run::RunConfig;
use crate::search::{NothingFits, Point, SearchConfig};

/// All that a study's points follow from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// What every trial begins with.
    pub config: RunConfig,
    /// What is changed, and how.
    pub search: SearchConfig,
    /// CRC-32 of the training part, which every worker must have.
    pub data_crc: u32,
}

/// How a training ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// With figures.
    Finished(TrialResult),
    /// It was not worth its end.
    Stopped,
    /// What went wrong.
    Failed(String),
}

/// What there is to do.
#[derive(Debug)]
pub enum Claim {
    /// A training to work on.
    Training(Box<Claimed>),
    /// Nothing before others have ended theirs.
    Wait,
    /// Nothing: all trainings have ended.
    Done,
}

/// A training that is this worker's.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Which, and for which time.
    pub attempt: Attempt,
    /// Its settings.
    pub point: Point,
    /// What its model needs.
    pub footprint: Footprint,
    /// The trials that it may be compared with: those that it follows from. A repeat is compared with none.
    pub earlier: Vec<StoredTrial>,
}

/// Why a study cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// The database does not do what it is asked.
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
        "{storage}: study {study:?} was begun with another {what}; leave data and flags out to go on with it, or name a new study by --study"
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
    /// Whether the same may go another time.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_transient())
    }
}

/// A study, open.
pub struct Study {
    database: Box<dyn Database>,
    name: String,
    /// Whether there are repeats to read: a version without them may have made the tables.
    has_repeats: bool,
    /// All that its points follow from.
    pub definition: Definition,
}

impl Study {
    /// The study `name`, begun with `definition` if there is none of that name, for `folds` folds where that does
    /// not say for how many. An existing one must be of the same definition; only how much is to be done may
    /// change.
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
        // What a study began with was found then, and stays.
        let mut as_before = definition.search.with_amounts_of(&before.search);
        as_before.first.clone_from(&before.search.first);
        if is_open || as_before.folds() == before.search.folds() {
            as_before.folds = before.search.folds;
        }
        if as_before != before.search {
            return Err(different(
                "search (space, objectives, chip, sampler, startup, stopping, folds, seed or lag)",
            ));
        }
        study.extend(&definition.search)?;
        // The same data may lie elsewhere on this machine.
        study.definition.config.source = definition.config.source;
        Ok(study)
    }

    /// The study `name` that is there.
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
            definition,
        })
    }

    /// Sets how much is to be done, as `search` says.
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

    /// All trials by number.
    ///
    /// # Errors
    /// What the database says.
    pub fn trials(&mut self) -> Result<Vec<StoredTrial>, StudyError> {
        let columns = training_columns(self.database.now());
        let mut trials: Vec<StoredTrial> = Vec::new();
        let ordered = "FROM trials WHERE study = $1 ORDER BY number";
        for row in self.rows(&format!(
            "SELECT number, point, footprint, {columns} {ordered}"
        ))? {
            let trial = StoredTrial::read(&row, self.database.as_ref())?;
            if trial.number != trials.len() {
                return Err(self.content(format!("trial {} is missing", trials.len())));
            }
            trials.push(trial);
        }
        self.read_repeats(&mut trials)?;
        let epochs = "SELECT number, value FROM epochs WHERE study = $1 ORDER BY number, epoch";
        for row in self.rows(epochs)? {
            if let [Cell::Integer(number), Cell::Real(value)] = row.as_slice()
                && let Some(trial) = trials.get_mut(*number as usize)
            {
                trial.values.push(*value);
            }
        }
        Ok(trials)
    }

    fn read_repeats(&mut self, trials: &mut [StoredTrial]) -> Result<(), StudyError> {
        // A worker may make the table while others look.
        if !self.has_repeats {
            self.has_repeats = self.database.has_table("repeats")?;
        }
        if !self.has_repeats {
            return Ok(());
        }
        let columns = training_columns(self.database.now());
        let ordered = "FROM repeats WHERE study = $1 ORDER BY number, repeat";
        for row in self.rows(&format!("SELECT number, repeat, {columns} {ordered}"))? {
            if let [Cell::Integer(number), Cell::Integer(repeat), training @ ..] = row.as_slice()
                && let Some(trial) = trials.get_mut(*number as usize)
            {
                if *repeat != trial.repeats.len() as i64 + 1 {
                    return Err(self.content(format!("a repeat of trial {number} is missing")));
                }
                let training = StoredTraining::read(training, self.database.as_ref())?;
                trial.repeats.push(training);
            }
        }
        Ok(())
    }

    /// What a query finds of this study, its first parameter.
    fn rows(&mut self, query: &str) -> Result<Vec<Vec<Cell>>, DatabaseError> {
        self.database.query(query, &[self.name.as_str().into()])
    }

    fn content(&self, problem: String) -> StudyError {
        let problem = format!("study {:?}: {problem}", self.name);
        content(self.database.as_ref(), problem).into()
    }

    /// What this process is to do next; `propose` gives the point of a new trial by the points that are
    /// taken and the trials that it follows from. A worker that was not heard of for `lost_after` seconds is lost.
    ///
    /// # Errors
    /// What `propose` or the database says.
    pub(super) fn claim(
        &mut self,
        process: &Process,
        lost_after: f64,
        mut propose: impl FnMut(&[&Point], &[StoredTrial]) -> Result<(Point, Footprint), NothingFits>,
    ) -> Result<Claim, StudyError> {
        self.transaction(|study| {
            let trials = study.trials()?;
            let is_lost = |training: &StoredTraining| {
                let is_silent = training.silent_seconds > lost_after;
                let is_running = training.state == State::Running;
                is_running && (is_silent || process.has_ended(&training.worker))
            };
            let all = trials.iter().flat_map(StoredTrial::trainings);
            let lost = all.into_iter().find(|(_, training)| is_lost(training));
            if let Some((id, training)) = lost {
                return study.take_up(&trials, id, training.attempt, process);
            }
            let number = trials.len();
            let before = before(&trials, number, &study.definition.search);
            if before.iter().any(StoredTrial::is_running) {
                return Ok(Claim::Wait);
            }
            if is_over(&trials, &study.definition.search) {
                return study.claim_repeat(&trials, process);
            }
            // Trials are begun in their order, so that these points too follow from the definition.
            let taken: Vec<&Point> = trials.iter().map(|trial| &trial.point).collect();
            let (point, footprint) = propose(&taken, before)?;
            study.insert_trial(number, &point, &footprint, process)?;
            Ok(Claim::Training(Box::new(Claimed {
                attempt: Attempt::first(TrainingId::own(number)),
                point,
                footprint,
                earlier: before.to_vec(),
            })))
        })
    }

    /// The next repeat, once all trials have ended: which ones there are follows from all of them.
    fn claim_repeat(
        &mut self,
        trials: &[StoredTrial],
        process: &Process,
    ) -> Result<Claim, StudyError> {
        if trials.iter().any(StoredTrial::is_running) {
            return Ok(Claim::Wait);
        }
        if let Some(training) = next_repeat(trials, &self.definition.search) {
            self.insert_repeat(training, process)?;
            return Ok(self.claimed(trials, Attempt::first(training)));
        }
        let mut all = trials.iter().flat_map(StoredTrial::trainings);
        let is_running = all.any(|(_, training)| training.state == State::Running);
        Ok(if is_running { Claim::Wait } else { Claim::Done })
    }

    /// An attempt at a training of `trials`.
    fn claimed(&self, trials: &[StoredTrial], attempt: Attempt) -> Claim {
        let TrainingId { trial, repeat } = attempt.training;
        let earlier = match repeat {
            0 => before(trials, trial, &self.definition.search).to_vec(),
            _ => Vec::new(),
        };
        Claim::Training(Box::new(Claimed {
            attempt,
            point: trials[trial].point.clone(),
            footprint: trials[trial].footprint,
            earlier,
        }))
    }

    fn insert_trial(
        &mut self,
        number: usize,
        point: &Point,
        footprint: &Footprint,
        process: &Process,
    ) -> Result<(), StudyError> {
        let now = self.database.now();
        let statement = format!(
            "INSERT INTO trials (study, number, state, point, footprint, worker, attempt, heartbeat, began, macs) \
             VALUES ($1, $2, 'running', $3, $4, $5, 1, {now}, {now}, 0.0)"
        );
        let parameters = [
            self.name.as_str().into(),
            number.into(),
            to_json(point).as_str().into(),
            to_json(footprint).as_str().into(),
            process.name().as_str().into(),
        ];
        self.database.execute(&statement, &parameters)?;
        Ok(())
    }

    fn insert_repeat(&mut self, training: TrainingId, process: &Process) -> Result<(), StudyError> {
        let now = self.database.now();
        let statement = format!(
            "INSERT INTO repeats (study, number, repeat, state, worker, attempt, heartbeat, began, macs) \
             VALUES ($1, $2, $3, 'running', $4, 1, {now}, {now}, 0.0)"
        );
        let parameters = [
            self.name.as_str().into(),
            training.trial.into(),
            training.repeat.into(),
            process.name().as_str().into(),
        ];
        self.database.execute(&statement, &parameters)?;
        Ok(())
    }

    /// Another attempt at a training that was lost in its attempt `lost`.
    fn take_up(
        &mut self,
        trials: &[StoredTrial],
        training: TrainingId,
        lost: usize,
        process: &Process,
    ) -> Result<Claim, StudyError> {
        let now = self.database.now();
        let change = format!("worker = $1, attempt = attempt + 1, heartbeat = {now}");
        let attempt = |number| Attempt { training, number };
        self.set(&change, &[process.name().as_str().into()], attempt(lost))?;
        Ok(self.claimed(trials, attempt(lost + 1)))
    }

    /// Says that the worker of this attempt is alive; whether the attempt still counts.
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

    /// Tells the values of epochs from `first` on, counted from 1; whether the attempt still counts.
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

    /// Ends the training with all of its epochs' values; whether the attempt still counted.
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

    /// Changes a running training of this attempt; whether there was one.
    fn set(
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

    /// Of a trial's own training; nobody asks for those of repeats.
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

    /// All of `body` or nothing of it.
    fn transaction<T>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, StudyError>,
    ) -> Result<T, StudyError> {
        self.database.begin(&self.name)?;
        let done = body(self).and_then(|value| {
            self.database.run("COMMIT")?;
            Ok(value)
        });
        if done.is_err() {
            // What went wrong first is the better thing to tell.
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

fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("what a study holds has no maps with keys other than text")
}
