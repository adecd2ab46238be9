//! One training run, from its configuration to its finished folder.
//!
//! [`TrainingRun::begin`] and [`TrainingRun::resume`] find every error that can be found before anything is
//! written. [`TrainingRun::train`] then keeps checkpoint and log up to date, and ends with weights, figures and a
//! report.

mod error;
mod finish;
mod other_runs;
mod recorder;
#[cfg(feature = "plots")]
pub mod tensorboard;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::data::Parts;
use crate::evaluate::Baselines;
use crate::network::Network;
use crate::run::checkpoint;
use crate::run::{
    CHECKPOINT, DataChecksum, Fitted, FolderLock, NetworkOrigin, Run, RunConfig, RunError, WEIGHTS,
};
use crate::train::{Ending, EpochRecord, Observer, TrainError, TrainState, Trainer};

pub use error::TrainingRunError;
pub(crate) use finish::judged_outputs;
#[cfg(feature = "plots")]
pub use finish::report;
pub use finish::{Besides, Metrics};

use finish::{Course, finish};
pub use other_runs::check_initial;
use other_runs::{initial, teach};
use recorder::Recorder;

/// A run that is ready to train.
#[derive(Debug)]
pub struct TrainingRun {
    folder: PathBuf,
    config: RunConfig,
    data: Parts,
    fitted: Fitted,
    /// The other run's network that it starts from, if there is one.
    initial: Option<Network>,
    begun: Begun,
    /// Whether baselines are trained and judged beside it.
    has_baselines: bool,
    /// Whether its configuration is no longer the one in its folder.
    is_rewritten: bool,
    /// Held by a run that continues, from before its files are read.
    lock: Option<FolderLock>,
}

#[derive(Debug)]
enum Begun {
    /// Nothing is written yet; the flag says whether a run in the folder may be replaced.
    New { overwrite: bool },
    /// The run exists; this is the state after its last finished epoch, if there is one.
    Before(Option<Box<TrainState>>),
}

impl TrainingRun {
    /// A new run of `config` in `folder`. Nothing is written yet.
    ///
    /// # Errors
    /// When the configuration or the data does not allow training, or the folder holds a run and `overwrite` is
    /// not set.
    pub fn begin(
        config: RunConfig,
        folder: &Path,
        overwrite: bool,
    ) -> Result<Self, TrainingRunError> {
        // Errors that do not need the data are found before the data is read.
        Self::refuse(&config, folder, overwrite)?;
        let config = config.with_known_split()?;
        let data = config.open_data()?;
        Self::new(config, data, folder, overwrite)
    }

    /// [`TrainingRun::begin`] with `data` that was already opened as `config` says. `config` must have the split of
    /// the runs that it names ([`RunConfig::with_known_split`]).
    ///
    /// # Errors
    /// As there.
    pub fn begin_with(
        config: RunConfig,
        data: Parts,
        folder: &Path,
        overwrite: bool,
    ) -> Result<Self, TrainingRunError> {
        Self::refuse(&config, folder, overwrite)?;
        let known = config.clone().with_known_split()?;
        if known != config {
            return Err(TrainingRunError::SplitAfterData);
        }
        Self::new(config, data, folder, overwrite)
    }

    fn refuse(config: &RunConfig, folder: &Path, overwrite: bool) -> Result<(), TrainingRunError> {
        config.validate().map_err(TrainError::from)?;
        if !overwrite {
            RunConfig::refuse_existing(folder)?;
        }
        Ok(())
    }

    fn new(
        mut config: RunConfig,
        data: Parts,
        folder: &Path,
        overwrite: bool,
    ) -> Result<Self, TrainingRunError> {
        let (mut fitted, initial) = match initial(&config.train, &data.train)? {
            Some((fitted, network)) => {
                config.train.take_structure(&network.config);
                config.validate().map_err(TrainError::from)?;
                (fitted, Some(network))
            }
            None => (Fitted::fit(&config.train, &data.train)?, None),
        };
        config.require_data_of_other_runs(&data)?;
        let config = config.settled(data.train.targets.task());
        fitted.data = Some(DataChecksum::of(&data));
        Ok(Self {
            folder: folder.to_owned(),
            config,
            data,
            fitted,
            initial,
            begun: Begun::New { overwrite },
            has_baselines: true,
            is_rewritten: false,
            lock: None,
        })
    }

    /// The run in `folder`, ready to continue after its last finished epoch.
    ///
    /// # Errors
    /// When the folder holds no run, or one whose data is not there or has changed.
    pub fn resume(folder: &Path) -> Result<Self, TrainingRunError> {
        let lock = lock_run(folder)?;
        let config = RunConfig::read(folder)?;
        let fitted = Fitted::read(folder)?;
        let data = config.open_data_of(&fitted, folder)?;
        Self::after(config, fitted, data, lock)
    }

    /// [`TrainingRun::resume`] with the run's data at another place than it was.
    ///
    /// # Errors
    /// As there.
    pub fn resume_from(data: &str, folder: &Path) -> Result<Self, TrainingRunError> {
        let lock = lock_run(folder)?;
        let mut config = RunConfig::read(folder)?;
        config.name_data(data);
        let fitted = Fitted::read(folder)?;
        let data = config.open_data_of(&fitted, folder)?;
        Self::after(config, fitted, data, lock)
    }

    /// [`TrainingRun::resume`] with `data` that was already opened as the run's configuration says.
    ///
    /// # Errors
    /// As there.
    pub fn resume_with(data: Parts, folder: &Path) -> Result<Self, TrainingRunError> {
        let lock = lock_run(folder)?;
        let config = RunConfig::read(folder)?;
        let fitted = Fitted::read(folder)?;
        config.require_data_of(&fitted, folder, &data)?;
        Self::after(config, fitted, data, lock)
    }

    /// The run whose lock is held, after its last finished epoch.
    fn after(
        config: RunConfig,
        fitted: Fitted,
        data: Parts,
        lock: FolderLock,
    ) -> Result<Self, TrainingRunError> {
        let folder = lock.folder();
        if fitted.origin != NetworkOrigin::Trained {
            return Err(TrainingRunError::Run(RunError::NotTrained {
                folder: folder.to_owned(),
                origin: fitted.origin,
            }));
        }
        let path = folder.join(CHECKPOINT);
        // A run that was stopped in its first epoch has no checkpoint yet.
        let state = if path.exists() {
            let state = checkpoint::read(&path, &fitted.network, config.train.optimiser)?;
            Some(Box::new(state))
        } else {
            None
        };
        let initial = match state {
            None => initial(&config.train, &data.train)?.map(|(_, network)| network),
            Some(_) => None,
        };
        Ok(Self {
            folder: folder.to_owned(),
            config,
            data,
            fitted,
            initial,
            begun: Begun::Before(state),
            has_baselines: true,
            is_rewritten: false,
            lock: Some(lock),
        })
    }

    /// The same run up to another number of epochs, with the learning rates and resets of a run of so many. What it ended with before is removed once it goes on.
    ///
    /// # Errors
    /// When it has done more already, when early stopping has ended it, or when no run can have this number.
    pub fn up_to(mut self, epochs: usize) -> Result<Self, TrainingRunError> {
        let done = self.epochs_done();
        if epochs < done {
            let folder = self.folder;
            return Err(TrainingRunError::EpochsDone { folder, done });
        }
        let train = &self.config.train;
        let is_finished = self.folder.join(WEIGHTS).exists();
        if train.early_stopping.is_some() && is_finished && done < train.epochs {
            let folder = self.folder;
            return Err(TrainingRunError::EndedEarly { folder, done });
        }
        self.config.train.epochs = epochs;
        self.config.train.validate().map_err(TrainError::from)?;
        if let Begun::Before(Some(state)) = &mut self.begun {
            // As in a run that was begun with so many epochs.
            let may_be_best = |epoch| self.config.train.may_be_best(epoch);
            state.best = state.best.take().filter(|best| may_be_best(best.epoch));
        }
        self.is_rewritten = true;
        Ok(self)
    }

    /// The same run without baselines beside its score: for one of many, whose score alone is asked for.
    #[must_use]
    pub fn without_baselines(mut self) -> Self {
        self.has_baselines = false;
        self
    }

    /// The configuration that determines it.
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// Its data, in real units.
    pub fn data(&self) -> &Parts {
        &self.data
    }

    /// Number of finished epochs.
    pub fn epochs_done(&self) -> usize {
        self.history().len()
    }

    /// The records of the finished epochs.
    pub fn history(&self) -> &[EpochRecord] {
        match &self.begun {
            Begun::Before(Some(state)) => &state.history,
            _ => &[],
        }
    }

    /// Trains to the end, or until `stop` is set. A stopped run has no figures; [`TrainingRun::resume`] continues it.
    ///
    /// # Errors
    /// When training diverges in its first epoch or a file cannot be written. A failure to write a
    /// checkpoint is reported at the end: the weights may still find room.
    pub fn train(
        self,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<Option<Metrics>, TrainingRunError> {
        let train = self.fitted.normalised(&self.data.train);
        let validation = self.data.validation.as_ref();
        let validation = validation.map(|part| self.fitted.normalised(part));
        let config = &self.config.train;
        let (new, state) = match self.begun {
            Begun::New { overwrite } => (Some(overwrite), None),
            Begun::Before(state) => (None, state),
        };
        let mut trainer = match state {
            Some(state) => Trainer::resume(config, &train, validation.as_ref(), *state)?,
            None => match self.initial {
                Some(network) => {
                    Trainer::beginning_with(config, &train, validation.as_ref(), network)?
                }
                None => Trainer::new(config, &train, validation.as_ref())?,
            },
        };
        if let Some(distillation) = &config.distillation {
            let outputs = teach(&distillation.teacher, &self.fitted, &self.data.train)?;
            trainer = trainer.taught_by(outputs);
        }
        // Every error that can be found early has been found; only now is anything written.
        let lock = match self.lock {
            Some(lock) => lock,
            None => FolderLock::take(&self.folder)?,
        };
        if let Some(overwrite) = new {
            (self.config).create(&self.fitted, &lock, overwrite)?;
        } else if self.is_rewritten {
            self.config.rewrite(&lock)?;
        }
        let place = (&self.config, self.folder.as_path());
        let mut recorder = Recorder::new(place, observer, &trainer.state().history);
        let ending = trainer.run(&mut recorder, stop)?;
        if ending == Ending::Stopped {
            #[cfg(feature = "plots")]
            recorder.stopped(trainer.state())?;
            return recorder.failure.map_or(Ok(None), Err);
        }
        let failure = recorder.failure;
        let state = trainer.into_state();
        checkpoint::write_weights(&self.folder.join(WEIGHTS), state.chosen())?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        let baselines = match self.has_baselines {
            true => Baselines::fit(&self.data.train),
            false => Baselines::default(),
        };
        let run = Run::open(&self.folder)?;
        let course = Course::of(state, ending);
        finish(&run, &self.data, &course, &baselines).map(Some)
    }
}

/// The lock of the run in `folder`; no folder is made for one that is not there.
fn lock_run(folder: &Path) -> Result<FolderLock, RunError> {
    RunConfig::read(folder)?;
    FolderLock::take(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Options;
    use crate::files::disk::faults::{Fault, at_each_call, with};
    use crate::run::{LOG, METRICS};
    use crate::schedule::Schedule;
    use crate::train::TrainConfig;

    const SEQUENCES: usize = 12;

    /// A run of a few sequences, which takes milliseconds.
    fn config(folder: &Path) -> RunConfig {
        let source = folder.join("data.csv");
        let rows = (0..4 * SEQUENCES).map(|row| {
            let sequence = row / 4;
            let value = (row % 4) as f64 * if sequence % 2 == 0 { 1.0 } else { -1.0 };
            format!(
                "{sequence},{row},{},{value}\n",
                ["up", "down"][sequence % 2]
            )
        });
        let text = format!("series_id,t,label,x\n{}", rows.collect::<String>());
        std::fs::write(&source, text).unwrap();
        RunConfig {
            source: source.display().to_string(),
            data: Options::default(),
            train: TrainConfig {
                hidden: vec![2],
                epochs: 2,
                validation_share: 0.25,
                ..TrainConfig::default()
            },
        }
    }

    fn train(run: TrainingRun) -> Result<(), TrainingRunError> {
        run.train(&mut (), &AtomicBool::new(false)).map(|_| ())
    }

    /// What a run leaves, by name.
    fn files(run: &Path) -> Vec<(&'static str, Vec<u8>)> {
        let read = |name| (name, std::fs::read(run.join(name)).unwrap_or_default());
        [WEIGHTS, CHECKPOINT, LOG].map(read).into()
    }

    /// Whichever call fails, for a moment or from then on: what stands there is a run that continues, or none.
    #[test]
    fn a_fault_at_any_call_loses_no_run() {
        let root = tempfile::tempdir().unwrap();
        let config = config(root.path());
        let whole = root.path().join("whole");
        train(TrainingRun::begin(config.clone(), &whole, false).unwrap()).unwrap();
        let run = root.path().join("run");
        let calls = at_each_call(
            || {
                std::fs::remove_dir_all(&run).ok();
                train(TrainingRun::begin(config.clone(), &run, false)?)
            },
            |done, call, fault| {
                let at = format!("call {call}, {fault:?}");
                assert!(done.is_err(), "{at}: it ended as if nothing had happened");
                // It continues where there is a run, and begins anew, without a flag, where there is none.
                let again = match RunConfig::read(&run) {
                    Ok(_) => TrainingRun::resume(&run),
                    Err(_) => TrainingRun::begin(config.clone(), &run, false),
                };
                train(again.unwrap_or_else(|error| panic!("{at}: {error}"))).unwrap();
                assert_eq!(files(&run), files(&whole), "{at}");
                assert!(run.join(METRICS).is_file(), "{at}");
                let names = std::fs::read_dir(&run).unwrap().flatten();
                let mut names = names.map(|entry| entry.file_name().into_string().unwrap());
                assert!(!names.any(|name| name.contains(".tmp")), "{at}");
            },
        );
        // Folder, lock, three files, two epochs, and what a run ends with.
        assert!(calls > 30, "{calls}");
    }

    /// As in a run that was begun with so many epochs, weights of its first half are not chosen.
    #[test]
    fn a_longer_run_chooses_from_its_own_second_half() {
        let root = tempfile::tempdir().unwrap();
        let mut config = config(root.path());
        config.train.epochs = 4;
        config.train.schedule = Schedule::Cosine { warm_up: 0.0 };
        let run = root.path().join("run");
        train(TrainingRun::begin(config, &run, false).unwrap()).unwrap();
        let chosen = |run: &TrainingRun| match &run.begun {
            Begun::Before(Some(state)) => state.best.as_ref().map(|best| best.epoch),
            _ => panic!("there was a run"),
        };
        let best = chosen(&TrainingRun::resume(&run).unwrap()).unwrap();
        assert!(best > 2, "{best}");
        let up_to = |epochs| TrainingRun::resume(&run).unwrap().up_to(epochs).unwrap();
        assert_eq!(chosen(&up_to(5)), Some(best));
        assert_eq!(chosen(&up_to(8)), None);
    }

    /// What stands there after a fault is the old run, whole, or the new one, or none; never some of each.
    #[test]
    fn a_fault_while_a_run_is_replaced_mixes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let old = config(root.path());
        let mut new = old.clone();
        new.train.hidden = vec![3];
        let run = root.path().join("run");
        let begin = |config: &RunConfig, overwrite| {
            train(TrainingRun::begin(config.clone(), &run, overwrite)?)
        };
        for number in 0.. {
            std::fs::remove_dir_all(&run).ok();
            begin(&old, false).unwrap();
            let (done, was_made) = with(number, Fault::FromThenOn, || begin(&new, true));
            if !was_made {
                assert!(number > 30, "{number}");
                break;
            }
            assert!(done.is_err(), "call {number}");
            match TrainingRun::resume(&run) {
                Ok(resumed) => train(resumed).unwrap(),
                Err(_) => begin(&new, false).unwrap(),
            }
            let opened = Run::open(&run).unwrap();
            let (wanted, found) = (&opened.config.train.hidden, &opened.network.config.hidden);
            assert_eq!(wanted, found, "call {number}");
        }
    }
}
