//! Workers: each takes a training, runs it on one thread, and tells what it came to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::database::Storage;
use super::feasible::footprint_that_fits;
use super::folders::{move_folder, name, take_over};
use super::patience::patiently;
use super::plan::Plan;
use super::process::Process;
use super::stored_trial::{Attempt, StoredTrial, TrainingId, lowest, observations};
use super::study::{Claim, Claimed, Definition, End, Study, StudyError};
use super::task::{Follower, Task};
use super::trial::TrialError;
use super::trial_data::TrialData;
use crate::cost::Footprint;
use crate::files::atomic::WriteFileError;
use crate::search::{self, NothingFits, Point, Progress, SearchConfig};
use crate::train::{BatchProgress, EpochRecord, Observer, TrainState};

/// How often the values of epochs are told while a trial runs.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How often a worker without a trial looks again.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What the workers of a process share.
#[derive(Clone, Debug)]
pub struct Workplace {
    /// Where the study lies.
    pub storage: Storage,
    /// Its name.
    pub study: String,
    /// Folder of the trials' runs.
    pub folder: PathBuf,
    /// Workers of this process.
    pub workers: usize,
    /// A worker that was silent for so long is lost.
    pub lost_after: Duration,
}

/// What a worker does.
#[derive(Clone, Debug)]
pub enum Event {
    /// It began a training, or took one up.
    Began {
        /// Which worker, from 0.
        worker: usize,
        /// The training, and for which time.
        attempt: Attempt,
        /// Its settings.
        point: Point,
        /// What its model needs.
        footprint: Footprint,
        /// Epochs that it is to have.
        epochs: usize,
    },
    /// An epoch is over.
    Epoch {
        /// Which worker.
        worker: usize,
        /// From 1.
        epoch: usize,
        /// The lowest value so far.
        lowest: f64,
    },
    /// Its database failed and is asked again.
    Trouble(String),
    /// Its training has ended, or was taken away from it.
    Ended {
        /// Which worker.
        worker: usize,
        /// Which training.
        training: TrainingId,
        /// Its trial as the study knows it now; `None` if it was taken away or given back.
        trial: Option<Box<StoredTrial>>,
    },
}

/// Why a worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// Its study.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// A training, for another reason than its settings.
    #[error("{training}: {source}")]
    Training {
        /// Which.
        training: TrainingId,
        /// Why.
        source: TrialError,
    },
    /// The folder of trials.
    #[error(transparent)]
    Write(#[from] WriteFileError),
    /// There is no thread for it.
    #[error("no thread can be started: {0}")]
    Thread(String),
}

/// The trainings that this process works on, and the flags that call them off.
type Active = Mutex<BTreeMap<Attempt, Arc<AtomicBool>>>;

/// Works on the study until all its trainings have ended or `stop` is set.
///
/// # Errors
/// The first worker's that could not go on; the others end their trainings.
pub fn work(
    place: &Workplace,
    definition: &Definition,
    data: &TrialData,
    events: &Sender<Event>,
    stop: &AtomicBool,
) -> Result<(), WorkError> {
    let active = Active::default();
    let ended = AtomicBool::new(false);
    let failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // The heart is to stop whatever happens to the workers, a panic included.
        let stops_the_heart = Sets(&ended);
        let heart = scope.spawn(|| beat(place, &active, &ended));
        let workers: Vec<_> = (0..place.workers)
            .map(|number| {
                let worker = Worker {
                    number,
                    place,
                    definition,
                    data,
                    events: events.clone(),
                    stop,
                    failed: &failed,
                    active: &active,
                    process: Process::this(),
                };
                scope.spawn(move || {
                    let calls_the_others_off = Sets(worker.failed);
                    let done = worker.work();
                    if done.is_ok() {
                        std::mem::forget(calls_the_others_off);
                    }
                    done
                })
            })
            .collect();
        let results: Vec<_> = workers.into_iter().map(join).collect();
        drop(stops_the_heart);
        join(heart);
        results.into_iter().collect()
    })
}

/// Sets its flag when it goes out of scope.
struct Sets<'a>(&'a AtomicBool);

impl Drop for Sets<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Tells for all trainings of the process that their workers are alive, and calls those off that are no
/// longer theirs. A study that never answers is for the workers to tell of.
fn beat(place: &Workplace, active: &Active, ended: &AtomicBool) {
    let mut opened = None;
    let pause = (place.lost_after / 6).min(Duration::from_secs(5));
    let mut last = Instant::now();
    while !ended.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK_EVERY.min(pause));
        if last.elapsed() < pause {
            continue;
        }
        last = Instant::now();
        // A database that does not answer now may answer the next time.
        if opened.is_none() {
            opened = open(place).ok();
        }
        let Some(study) = &mut opened else {
            continue;
        };
        let now: Vec<_> = lock(active).iter().map(|(k, v)| (*k, v.clone())).collect();
        let _ = study.reconnect();
        for (attempt, halt) in now {
            if let Ok(false) = study.beat(attempt) {
                halt.store(true, Ordering::Relaxed);
            }
        }
    }
}

fn open(place: &Workplace) -> Result<Study, StudyError> {
    Study::open(place.storage.open()?, &place.study)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

struct Worker<'a> {
    number: usize,
    place: &'a Workplace,
    definition: &'a Definition,
    data: &'a TrialData,
    events: Sender<Event>,
    stop: &'a AtomicBool,
    /// Another worker of this process cannot go on.
    failed: &'a AtomicBool,
    active: &'a Active,
    process: Process,
}

impl Worker<'_> {
    fn work(&self) -> Result<(), WorkError> {
        // Trainings run side by side, each on one thread.
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .map_err(|error| WorkError::Thread(error.to_string()))?;
        let mut study = patiently(|| open(self.place), |problem| self.waits(problem))?;
        while !self.is_to_stop() {
            let lost_after = self.place.lost_after.as_secs_f64();
            let claim = self.ask(&mut study, |study| {
                study.claim(&self.process, lost_after, |taken, earlier| {
                    propose(self.definition, self.data, taken, earlier)
                })
            })?;
            match claim {
                Claim::Training(claimed) => self.attempt(&mut study, &claimed, &pool)?,
                Claim::Wait => std::thread::sleep(LOOK_EVERY),
                Claim::Done => break,
            }
        }
        Ok(())
    }

    /// Asks the study, and again where its database fails for a while.
    fn ask<T>(
        &self,
        study: &mut Study,
        ask: impl FnMut(&mut Study) -> Result<T, StudyError>,
    ) -> Result<T, StudyError> {
        study.ask(ask, |problem| self.waits(problem))
    }

    /// Whether this worker waits for a database that fails.
    fn waits(&self, problem: &str) -> bool {
        self.tell(Event::Trouble(problem.to_owned()));
        !self.is_to_stop()
    }

    fn is_to_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed)
    }

    /// Works on one training.
    fn attempt(
        &self,
        study: &mut Study,
        claimed: &Claimed,
        pool: &rayon::ThreadPool,
    ) -> Result<(), WorkError> {
        let attempt = claimed.attempt;
        let halt = Arc::new(AtomicBool::new(false));
        lock(self.active).insert(attempt, halt.clone());
        let ended = self.train(study, claimed, pool, &halt);
        lock(self.active).remove(&attempt);
        let counted = match ended {
            Ok(Some(ended)) => {
                let Ended { end, values, macs } = &ended;
                self.ask(study, |study| study.end(attempt, end, values, *macs))?
            }
            Ok(None) => {
                self.ask(study, |study| study.release(attempt))?;
                false
            }
            // A training that was taken away is another one's, and so is its folder: what went wrong with it
            // is nothing to us.
            Err(error) => match self.ask(study, |study| study.release(attempt)) {
                Ok(false) => false,
                _ => return Err(error),
            },
        };
        let trial = if counted {
            let trials = self.ask(study, Study::trials)?;
            trials.into_iter().nth(attempt.training.trial).map(Box::new)
        } else {
            None
        };
        self.tell(Event::Ended {
            worker: self.number,
            training: attempt.training,
            trial,
        });
        Ok(())
    }

    /// Trains; `None` if the training is to be given back.
    fn train(
        &self,
        study: &mut Study,
        claimed: &Claimed,
        pool: &rayon::ThreadPool,
        halt: &AtomicBool,
    ) -> Result<Option<Ended>, WorkError> {
        let attempt = claimed.attempt;
        let training = attempt.training;
        let failed = |source| WorkError::Training { training, source };
        let plan = Plan::new(&self.definition.config, &claimed.point);
        let plan = plan.map_err(|error| failed(error.into()))?;
        let plan = plan.repeated(training.repeat);
        let search = &self.definition.search;
        let task = Task::new(plan, self.data, search.folds()).map_err(failed)?;
        let epochs = task.epochs();
        self.tell(Event::Began {
            worker: self.number,
            attempt,
            point: claimed.point.clone(),
            footprint: claimed.footprint,
            epochs,
        });
        let folder = take_over(&self.place.folder, attempt)?;
        let mut watch = Watch::new(self, study, claimed, epochs, halt);
        let result = pool.install(|| task.run(&folder, search.stopping, &mut watch, halt));
        let Watch {
            values,
            macs,
            is_worthless,
            failure,
            ..
        } = watch;
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        let end = match result {
            Ok(Some(result)) => End::Finished(result),
            Ok(None) if is_worthless => End::Stopped,
            Ok(None) => return Ok(None),
            Err(error) if error.is_of_settings() => End::Failed(error.to_string()),
            Err(error) => return Err(failed(error)),
        };
        // The folder of a training that was taken away is another one's.
        if self.ask(study, |study| study.beat(attempt))? {
            let last = self.place.folder.join(name(training));
            move_folder(&folder, &last)?;
        }
        Ok(Some(Ended { end, values, macs }))
    }

    fn tell(&self, event: Event) {
        // Nobody needs to listen.
        let _ = self.events.send(event);
    }
}

struct Ended {
    end: End,
    values: Vec<f64>,
    macs: f64,
}

/// The next point and what its model needs, among those that fit the chip.
fn propose(
    definition: &Definition,
    data: &TrialData,
    taken: &[&Point],
    earlier: &[StoredTrial],
) -> Result<(Point, Footprint), NothingFits> {
    let search = &definition.search;
    let observations = observations(earlier, search);
    let footprint = |point: &Point| footprint_that_fits(definition, data, point);
    let allowed = |point: &Point| footprint(point).is_some();
    let point = search::propose(
        search,
        search.seed,
        taken.len(),
        &observations,
        taken,
        allowed,
    )?;
    let footprint = footprint(&point).ok_or(NothingFits { tries: 1 })?;
    Ok((point, footprint))
}

/// How the trials went that another one is compared with.
fn progress(earlier: &[StoredTrial], search: &SearchConfig) -> Vec<Progress> {
    (earlier.iter())
        .map(|trial| Progress {
            values: trial.values.clone(),
            costs: costs(search, &trial.footprint),
        })
        .collect()
}

/// All objectives but the first.
fn costs(search: &SearchConfig, footprint: &Footprint) -> Vec<f64> {
    let costs = search.objectives.iter().skip(1);
    costs.map(|cost| cost.of(0.0, footprint)).collect()
}

/// Follows a training, and calls it off.
struct Watch<'a, 'w> {
    worker: &'a Worker<'w>,
    study: &'a mut Study,
    claimed: &'a Claimed,
    others: Vec<Progress>,
    costs: Vec<f64>,
    epochs: usize,
    values: Vec<f64>,
    /// Multiply-accumulates of all epochs of all runs.
    macs: f64,
    /// Values that the study knows, and since when.
    told: (usize, Instant),
    halt: &'a AtomicBool,
    is_worthless: bool,
    failure: Option<StudyError>,
}

impl<'a, 'w> Watch<'a, 'w> {
    /// Of a training that is to have so many epochs.
    fn new(
        worker: &'a Worker<'w>,
        study: &'a mut Study,
        claimed: &'a Claimed,
        epochs: usize,
        halt: &'a AtomicBool,
    ) -> Self {
        let search = &worker.definition.search;
        Self {
            others: progress(&claimed.earlier, search),
            costs: costs(search, &claimed.footprint),
            worker,
            study,
            claimed,
            epochs,
            values: Vec::new(),
            macs: 0.0,
            told: (0, Instant::now()),
            halt,
            is_worthless: false,
            failure: None,
        }
    }

    fn tell_study(&mut self) {
        let (known, since) = self.told;
        if since.elapsed() < TELL_EVERY {
            return;
        }
        let attempt = self.claimed.attempt;
        let new = &self.values[known..];
        let told = (self.study.reconnect()).and_then(|()| self.study.tell(attempt, known + 1, new));
        match told {
            Ok(true) => self.told = (self.values.len(), Instant::now()),
            Ok(false) => self.halt.store(true, Ordering::Relaxed),
            // The values are told the next time, or at the end.
            Err(error) if error.is_transient() => self.told.1 = Instant::now(),
            Err(error) => {
                self.failure = Some(error);
                self.halt.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Observer for Watch<'_, '_> {
    fn batch(&mut self, _: &BatchProgress) {
        if self.worker.is_to_stop() {
            self.halt.store(true, Ordering::Relaxed);
        }
    }

    fn epoch(&mut self, _: &EpochRecord, _: &TrainState) {
        if !self.is_worthless {
            self.tell_study();
        }
    }
}

impl Follower for Watch<'_, '_> {
    fn spent(&mut self, macs: f64) {
        self.macs += macs;
    }

    fn value(&mut self, value: f64) -> bool {
        self.values.push(value);
        self.worker.tell(Event::Epoch {
            worker: self.worker.number,
            epoch: self.values.len(),
            lowest: lowest(&self.values),
        });
        let own = Progress {
            values: self.values.clone(),
            costs: self.costs.clone(),
        };
        let stopping = self.worker.definition.search.stopping;
        self.is_worthless = search::stops(stopping, self.epochs, &own, &self.others);
        !self.is_worthless
    }
}
