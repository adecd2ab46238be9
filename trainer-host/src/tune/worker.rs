//! Workers: each claims a training, runs it on one thread and stores its result.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::claim::{Claim, Claimed, Proposal};
use super::contact::Contact;
pub use super::contact::Event;
use super::database::Storage;
use super::feasible::footprint_that_fits;
use super::folders::{move_folder, name, take_over};
use super::patience::{patiently, wait};
use super::process::Process;
use super::stored_trial::{Attempt, StoredTrial, TrainingId, observations};
use super::study::{Definition, End, Study, StudyError};
use super::trial::TrialError;
use super::trial_config::TrialConfig;
use super::trial_data::TrialData;
use super::trial_training::{Part, Trained, TrialTraining};
use super::watch::Watch;
use crate::files::atomic::WriteFileError;
use crate::search::{self, NothingFits, Point};

/// How often a worker without a trial looks again.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Settings that the workers of a process share.
#[derive(Clone, Debug)]
pub struct Workplace {
    /// Where the study lies.
    pub storage: Storage,
    /// Name of the study.
    pub study: String,
    /// Folder of the trials' runs.
    pub folder: PathBuf,
    /// Number of workers in this process.
    pub workers: usize,
    /// A worker without a heartbeat for this long is lost.
    pub lost_after: Duration,
}

/// Why a worker cannot continue.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// Its study failed.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// A training failed for another reason than its settings.
    #[error("{training}: {source}")]
    Training {
        /// Which.
        training: TrainingId,
        /// Why.
        source: TrialError,
    },
    /// The folder of trials cannot be written.
    #[error(transparent)]
    Write(#[from] WriteFileError),
    /// No thread could be started.
    #[error("no thread can be started: {0}")]
    Thread(String),
}

/// The trainings of this process, and the flags that cancel them.
type Active = Mutex<BTreeMap<Attempt, Arc<AtomicBool>>>;

/// The latest proposal of this process, with its number. Its workers would all compute the same one, so the first of them
/// does.
type Latest = Mutex<Option<(usize, Result<Proposal, NothingFits>)>>;

/// Works on the study until all its trainings have ended or `stop` is set.
///
/// # Errors
/// The error of the first worker that could not continue. The other workers end their trainings.
pub fn work(
    place: &Workplace,
    definition: &Definition,
    data: &TrialData,
    events: &Sender<Event>,
    stop: &AtomicBool,
) -> Result<(), WorkError> {
    let active = Active::default();
    let latest = Latest::default();
    let ended = AtomicBool::new(false);
    let failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // The heartbeat stops whatever happens to the workers, even a panic.
        let stop_heartbeat = SetOnDrop(&ended);
        let tell = events.clone();
        let heart = scope.spawn(|| beat(place, &active, &ended, tell));
        let workers: Vec<_> = (0..place.workers)
            .map(|number| {
                let worker = Worker {
                    contact: Contact {
                        worker: number,
                        events: events.clone(),
                        stop,
                        failed: &failed,
                    },
                    place,
                    definition,
                    data,
                    active: &active,
                    latest: &latest,
                    process: Process::this(),
                };
                scope.spawn(move || {
                    let stop_the_others = SetOnDrop(worker.contact.failed);
                    let done = worker.work();
                    if done.is_ok() {
                        std::mem::forget(stop_the_others);
                    }
                    done
                })
            })
            .collect();
        let results: Vec<_> = workers.into_iter().map(join).collect();
        drop(stop_heartbeat);
        join(heart);
        results.into_iter().collect()
    })
}

/// Sets its flag when it goes out of scope.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Writes the heartbeats of all trainings of the process, and stops each training that another worker has taken over.
/// Says when the study stops answering, and when it answers again.
fn beat(place: &Workplace, active: &Active, ended: &AtomicBool, events: Sender<Event>) {
    let mut opened = None;
    let pause = (place.lost_after / 6).min(Duration::from_secs(5));
    let is_ended = || ended.load(Ordering::Relaxed);
    let mut answers = true;
    while wait(pause, is_ended) {
        let now: Vec<_> = lock(active).iter().map(|(k, v)| (*k, v.clone())).collect();
        let answered = beat_once(place, &mut opened, &now);
        let news = match answered {
            Err(error) if answers => format!("{error}; trainings go on meanwhile"),
            Ok(()) if !answers => format!("study {:?} answers again", place.study),
            _ => continue,
        };
        answers = !answers;
        // Nobody needs to listen.
        let _ = events.send(Event::Trouble(news));
    }
}

/// One heartbeat of each training. A study that does not answer now may answer the next time.
fn beat_once(
    place: &Workplace,
    opened: &mut Option<Study>,
    trainings: &[(Attempt, Arc<AtomicBool>)],
) -> Result<(), StudyError> {
    let study = match opened {
        Some(study) => study,
        None => opened.insert(open(place)?),
    };
    study.reconnect()?;
    for (attempt, halt) in trainings {
        if !study.beat(*attempt)? {
            halt.store(true, Ordering::Relaxed);
        }
    }
    Ok(())
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
    contact: Contact<'a>,
    place: &'a Workplace,
    definition: &'a Definition,
    data: &'a TrialData,
    active: &'a Active,
    latest: &'a Latest,
    process: Process,
}

impl Worker<'_> {
    fn work(&self) -> Result<(), WorkError> {
        // Trainings run side by side, each on one thread.
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .map_err(|error| WorkError::Thread(error.to_string()))?;
        let is_to_stop = || self.contact.is_to_stop();
        let mut study = patiently(
            || open(self.place),
            |problem| self.report(problem),
            is_to_stop,
        )?;
        let mut proposal = None;
        while !self.contact.is_to_stop() {
            let lost_after = self.place.lost_after.as_secs_f64();
            let claim = self.ask(&mut study, |study| {
                study.claim(&self.process, lost_after, proposal.as_ref())
            })?;
            match claim {
                Claim::Propose => {
                    proposal = Some(self.propose(&study).map_err(StudyError::from)?);
                }
                Claim::Training(claimed) => self.attempt(&mut study, &claimed, &pool)?,
                Claim::Wait => std::thread::sleep(LOOK_EVERY),
                Claim::Done => break,
            }
        }
        Ok(())
    }

    /// The trial after those that `study` knows.
    fn propose(&self, study: &Study) -> Result<Proposal, NothingFits> {
        let (earlier, running) = study.known();
        let next = earlier.len() + running.len();
        let mut latest = lock(self.latest);
        match &*latest {
            Some((number, known)) if *number == next => known.clone(),
            _ => {
                let proposal = propose(self.definition, self.data, earlier, &running);
                latest.insert((next, proposal)).1.clone()
            }
        }
    }

    /// Asks the study, and asks again while its database fails.
    fn ask<T>(
        &self,
        study: &mut Study,
        ask: impl FnMut(&mut Study) -> Result<T, StudyError>,
    ) -> Result<T, StudyError> {
        let is_to_stop = || self.contact.is_to_stop();
        study.ask(ask, |problem| self.report(problem), is_to_stop)
    }

    fn report(&self, problem: String) {
        self.contact.tell(Event::Trouble(problem));
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
            // If another worker took the training up, its folder is that worker's too, and the error does not
            // matter.
            Err(error) => match self.ask(study, |study| study.release(attempt)) {
                Ok(false) => false,
                _ => return Err(error),
            },
        };
        let trial = if counted {
            let number = attempt.training.trial;
            self.ask(study, |study| study.trial(number))?.map(Box::new)
        } else {
            None
        };
        self.contact.tell(Event::Ended {
            worker: self.contact.worker,
            training: attempt.training,
            trial,
        });
        Ok(())
    }

    /// Trains. `None` if the training was interrupted and is to be released.
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
        let config = TrialConfig::new(&self.definition.config, &claimed.point);
        let config = config.map_err(|error| failed(error.into()))?;
        let config = config.repeated(training.repeat);
        let search = &self.definition.search;
        let run = TrialTraining::new(config, self.data, search.folds()).map_err(failed)?;
        let epochs = run.epochs();
        self.contact.tell(Event::Began {
            worker: self.contact.worker,
            attempt,
            point: claimed.point.clone(),
            footprint: claimed.footprint,
            epochs,
        });
        let folder = take_over(&self.place.folder, attempt, claimed.plan.continues)?;
        let mut watch = Watch::new(&self.contact, search, study, claimed, epochs, halt);
        let part = Part {
            trains: claimed.plan.trains,
            done: claimed.done,
            stopping: search.stopping,
        };
        let result = pool.install(|| run.run(&folder, part, &mut watch, halt));
        let Watch {
            values,
            macs,
            stopped_early,
            failure,
            ..
        } = watch;
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        let end = match result {
            Ok(Some(Trained::AllFolds(result))) => End::Finished(result),
            Ok(Some(Trained::FirstFold(result))) => End::FirstFold(result),
            Ok(None) if stopped_early => End::Stopped,
            Ok(None) => return Ok(None),
            Err(error) if error.is_of_settings() => End::Failed(error.to_string()),
            Err(error) => return Err(failed(error)),
        };
        // If another worker took the training up, the folder is that worker's.
        if self.ask(study, |study| study.beat(attempt))? {
            let last = self.place.folder.join(name(training));
            move_folder(&folder, &last)?;
        }
        Ok(Some(Ended { end, values, macs }))
    }
}

struct Ended {
    end: End,
    values: Vec<f64>,
    macs: f64,
}

/// The next trial, among those that fit the chip.
fn propose(
    definition: &Definition,
    data: &TrialData,
    earlier: &[StoredTrial],
    running: &[&Point],
) -> Result<Proposal, NothingFits> {
    let search = &definition.search;
    let observations = observations(earlier, search);
    let footprint = |point: &Point| footprint_that_fits(definition, data, point);
    let costs = |point: &Point| Some(search.costs(&footprint(point)?));
    let number = earlier.len() + running.len();
    let point = search::propose(search, search.seed, number, &observations, running, costs)?;
    let footprint = footprint(&point).ok_or(NothingFits { tries: 1 })?;
    Ok(Proposal {
        number,
        point,
        footprint,
    })
}
