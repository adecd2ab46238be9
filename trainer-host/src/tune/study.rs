//! A study in its database: its definition, its trials, and who works on which.
//!
//! A trial is running, and then finished, stopped or failed, once and for all. Whoever works on a trial
//! tells so by a heartbeat; a trial whose worker has ended or fallen silent is taken up by the next one,
//! as another attempt of the same point. What a worker says counts only while the attempt is still its
//! own: so none is finished twice, and none that was finished is lost.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::database::{Cell, Database, DatabaseError};
use super::process::Process;
use super::trial::TrialResult;
use crate::cost::Footprint;
use crate::run_folder::RunConfig;
use crate::search::{Observation, Outcome, Point, SearchConfig};

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

/// Where a trial stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// A worker has it.
    Running,
    /// It was trained to its end and judged.
    Finished,
    /// It was not worth its end.
    Stopped,
    /// Its settings came to nothing.
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

/// A trial as the study knows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredTrial {
    /// From 0.
    pub number: usize,
    /// Where it stands.
    pub state: State,
    /// Its settings.
    pub point: Point,
    /// What its model needs.
    pub footprint: Footprint,
    /// Who works on it, or ended it.
    pub worker: String,
    /// From 1.
    pub attempt: usize,
    /// Since its worker was heard of.
    pub silent_seconds: f64,
    /// From its first attempt's beginning to its end.
    pub seconds: Option<f64>,
    /// Multiply-accumulates of its training.
    pub macs: f64,
    /// What it came to, if it is finished.
    pub result: Option<TrialResult>,
    /// What went wrong, if it failed.
    pub problem: Option<String>,
    /// Its value after each epoch.
    pub values: Vec<f64>,
}

impl StoredTrial {
    /// For the search; `None` while it runs.
    pub fn observation(&self, search: &SearchConfig) -> Option<Observation> {
        let outcome = match self.state {
            State::Running => return None,
            State::Finished => {
                let result = self.result.as_ref()?;
                Outcome::Finished(result.objectives(&search.objectives, &self.footprint))
            }
            State::Stopped => Outcome::Stopped {
                epochs: self.values.len(),
                value: lowest(&self.values),
            },
            State::Failed => Outcome::Failed,
        };
        Some(Observation {
            point: self.point.clone(),
            outcome,
        })
    }
}

/// Those of the trials that have ended.
pub fn observations(trials: &[StoredTrial], search: &SearchConfig) -> Vec<Observation> {
    let ended = trials.iter().filter_map(|trial| trial.observation(search));
    ended.collect()
}

/// The lowest of a trial's values; infinite where there is none.
pub fn lowest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

/// How a trial ended.
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
    /// A trial to work on.
    Trial(Box<Claimed>),
    /// Nothing before others have ended theirs.
    Wait,
    /// Nothing: all trials have ended.
    Done,
}

/// A trial that is this worker's.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// From 0.
    pub number: usize,
    /// From 1; 2 and more if another worker was lost.
    pub attempt: usize,
    /// Its settings.
    pub point: Point,
    /// What its model needs.
    pub footprint: Footprint,
    /// The trials that it may be compared with: those that it follows from.
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
    NothingFits(#[from] crate::search::NothingFits),
}

/// A study, open.
pub struct Study {
    database: Box<dyn Database>,
    name: String,
    /// All that its points follow from.
    pub definition: Definition,
}

impl Study {
    /// The study `name`, begun with `definition` if there is none of that name. An existing one must be
    /// of the same definition; only the numbers of trials and of multiply-accumulates may change.
    ///
    /// # Errors
    /// [`StudyError::Different`], or what the database says.
    pub fn begin(
        mut database: Box<dyn Database>,
        name: &str,
        definition: Definition,
    ) -> Result<Self, StudyError> {
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
        let as_before = SearchConfig {
            trials: before.search.trials,
            compute: before.search.compute,
            first: before.search.first.clone(),
            ..definition.search.clone()
        };
        if as_before != before.search {
            return Err(different(
                "search (space, objectives, chip, sampler, startup, stopping, seed or lag)",
            ));
        }
        let SearchConfig {
            trials, compute, ..
        } = definition.search;
        if (before.search.trials, before.search.compute) != (trials, compute) {
            study.extend(trials, compute)?;
        }
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
            definition,
        })
    }

    /// Sets how many trials, and how many multiply-accumulates of training, there are to be.
    ///
    /// # Errors
    /// What the database says.
    pub fn extend(&mut self, trials: usize, compute: Option<f64>) -> Result<(), StudyError> {
        self.definition.search.trials = trials;
        self.definition.search.compute = compute;
        let text = to_json(&self.definition);
        self.database.execute(
            "UPDATE studies SET definition = $1 WHERE study = $2",
            &[text.as_str().into(), self.name.as_str().into()],
        )?;
        Ok(())
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
        let now = self.database.now();
        let query = format!(
            "SELECT number, state, point, footprint, worker, attempt, {now} - heartbeat, \
             ended - began, macs, result FROM trials WHERE study = $1 ORDER BY number"
        );
        let rows = self.database.query(&query, &[self.name.as_str().into()])?;
        let mut trials = Vec::with_capacity(rows.len());
        for row in rows {
            let trial = stored(&row, self.database.as_ref())?;
            if trial.number != trials.len() {
                return Err(self.content(format!("trial {} is missing", trials.len())));
            }
            trials.push(trial);
        }
        let query = "SELECT number, value FROM epochs WHERE study = $1 ORDER BY number, epoch";
        for row in self.database.query(query, &[self.name.as_str().into()])? {
            if let [Cell::Integer(number), Cell::Real(value)] = row.as_slice()
                && let Some(trial) = trials.get_mut(*number as usize)
            {
                trial.values.push(*value);
            }
        }
        Ok(trials)
    }

    fn content(&self, problem: String) -> StudyError {
        let storage = self.database.name().to_owned();
        let problem = format!("study {:?}: {problem}", self.name);
        DatabaseError::Content { storage, problem }.into()
    }

    /// What this process is to do next; `propose` gives the point of a new trial by its number and the
    /// trials that it follows from. A worker that was not heard of for `lost_after` seconds is lost.
    ///
    /// # Errors
    /// What `propose` or the database says.
    pub(super) fn claim(
        &mut self,
        process: &Process,
        lost_after: f64,
        mut propose: impl FnMut(
            usize,
            &[StoredTrial],
        ) -> Result<(Point, Footprint), crate::search::NothingFits>,
    ) -> Result<Claim, StudyError> {
        self.transaction(|study| {
            let trials = study.trials()?;
            let lag = study.definition.search.lag;
            let earlier =
                |number: usize| &trials[..(number + 1).saturating_sub(lag).min(trials.len())];
            let running = |trial: &&StoredTrial| trial.state == State::Running;
            let lost = trials.iter().filter(running).find(|trial| {
                trial.silent_seconds > lost_after || process.has_ended(&trial.worker)
            });
            if let Some(lost) = lost {
                study.take_up(lost, process)?;
                return Ok(Claim::Trial(Box::new(Claimed {
                    number: lost.number,
                    attempt: lost.attempt + 1,
                    point: lost.point.clone(),
                    footprint: lost.footprint,
                    earlier: earlier(lost.number).to_vec(),
                })));
            }
            let number = trials.len();
            let before = earlier(number);
            if before.iter().any(|trial| running(&trial)) {
                return Ok(Claim::Wait);
            }
            let macs: f64 = before.iter().map(|trial| trial.macs).sum();
            let search = &study.definition.search;
            let spent = search.compute.is_some_and(|compute| macs >= compute);
            if number >= search.trials || spent {
                let any = trials.iter().any(|trial| running(&trial));
                return Ok(if any { Claim::Wait } else { Claim::Done });
            }
            let (point, footprint) = propose(number, before)?;
            study.insert(number, &point, &footprint, process)?;
            Ok(Claim::Trial(Box::new(Claimed {
                number,
                attempt: 1,
                point,
                footprint,
                earlier: before.to_vec(),
            })))
        })
    }

    fn insert(
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

    fn take_up(&mut self, lost: &StoredTrial, process: &Process) -> Result<(), StudyError> {
        let now = self.database.now();
        let statement = format!(
            "UPDATE trials SET worker = $1, attempt = attempt + 1, heartbeat = {now} \
             WHERE study = $2 AND number = $3"
        );
        let parameters = [
            process.name().as_str().into(),
            self.name.as_str().into(),
            lost.number.into(),
        ];
        self.database.execute(&statement, &parameters)?;
        Ok(())
    }

    /// Says that the worker of this attempt is alive; whether the attempt still counts.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn beat(&mut self, number: usize, attempt: usize) -> Result<bool, StudyError> {
        let now = self.database.now();
        self.set(&format!("heartbeat = {now}"), &[], number, attempt)
    }

    /// Gives the trial back unfinished: the next worker takes it up at once.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn release(&mut self, number: usize, attempt: usize) -> Result<bool, StudyError> {
        self.set("heartbeat = 0.0", &[], number, attempt)
    }

    /// Tells the values of epochs from `first` on, counted from 1; whether the attempt still counts.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn tell(
        &mut self,
        (number, attempt): (usize, usize),
        first: usize,
        values: &[f64],
    ) -> Result<bool, StudyError> {
        self.transaction(|study| {
            let ours = study.beat(number, attempt)?;
            if ours {
                study.write_epochs(number, first, values)?;
            }
            Ok(ours)
        })
    }

    /// Ends the trial with all of its epochs' values; whether the attempt still counted.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn end(
        &mut self,
        (number, attempt): (usize, usize),
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
            let ours = study.set(&change, &parameters, number, attempt)?;
            if ours {
                study.write_epochs(number, 1, values)?;
            }
            Ok(ours)
        })
    }

    /// Changes a running trial of this attempt; whether there was one.
    fn set(
        &mut self,
        change: &str,
        parameters: &[Cell],
        number: usize,
        attempt: usize,
    ) -> Result<bool, StudyError> {
        let n = parameters.len();
        let statement = format!(
            "UPDATE trials SET {change} WHERE study = ${} AND number = ${} AND attempt = ${} AND state = 'running'",
            n + 1,
            n + 2,
            n + 3
        );
        let key = [self.name.as_str().into(), number.into(), attempt.into()];
        let changed = (self.database).execute(&statement, &[parameters, &key].concat())?;
        Ok(changed == 1)
    }

    fn write_epochs(
        &mut self,
        number: usize,
        first: usize,
        values: &[f64],
    ) -> Result<(), StudyError> {
        for (n, value) in values.iter().enumerate() {
            self.database.execute(
                "INSERT INTO epochs (study, number, epoch, value) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (study, number, epoch) DO UPDATE SET value = excluded.value",
                &[
                    self.name.as_str().into(),
                    number.into(),
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

fn from_json<T: DeserializeOwned>(text: &str, database: &dyn Database) -> Result<T, DatabaseError> {
    serde_json::from_str(text).map_err(|error| DatabaseError::Content {
        storage: database.name().to_owned(),
        problem: error.to_string(),
    })
}

/// A row of [`Study::trials`].
fn stored(row: &[Cell], database: &dyn Database) -> Result<StoredTrial, DatabaseError> {
    let [
        Cell::Integer(number),
        Cell::Text(state),
        Cell::Text(point),
        Cell::Text(footprint),
        Cell::Text(worker),
        Cell::Integer(attempt),
        Cell::Real(silent_seconds),
        seconds,
        Cell::Real(macs),
        result,
    ] = row
    else {
        return Err(DatabaseError::Content {
            storage: database.name().to_owned(),
            problem: format!("a trial is {row:?}"),
        });
    };
    let known = State::ALL.into_iter().find(|known| known.name() == state);
    let state = known.ok_or_else(|| DatabaseError::Content {
        storage: database.name().to_owned(),
        problem: format!("trial {number} is {state:?}"),
    })?;
    let (mut finished, mut problem) = (None, None);
    if let Cell::Text(result) = result {
        match state {
            State::Failed => problem = Some(from_json(result, database)?),
            _ => finished = Some(from_json(result, database)?),
        }
    }
    let whole = *number >= 0 && *attempt >= 1 && (state == State::Finished) == finished.is_some();
    if !whole {
        return Err(DatabaseError::Content {
            storage: database.name().to_owned(),
            problem: format!(
                "trial {number} is {}, attempt {attempt}, result {result:?}",
                state.name()
            ),
        });
    }
    Ok(StoredTrial {
        number: *number as usize,
        state,
        point: from_json(point, database)?,
        footprint: from_json(footprint, database)?,
        worker: worker.clone(),
        attempt: *attempt as usize,
        silent_seconds: *silent_seconds,
        seconds: match seconds {
            Cell::Real(seconds) => Some(*seconds),
            _ => None,
        },
        macs: *macs,
        result: finished,
        problem,
        values: Vec::new(),
    })
}
