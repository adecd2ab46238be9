//! The training of a trial: one run judged on the validation part, or one run for each fold.
//!
//! The folds are trained in step, each up to the next epoch at which the trial may be stopped. The value of an
//! epoch is the mean over the folds, so all of them decide whether the trial is stopped. Or the first fold is trained
//! before the others; then its values alone are the trial's ([`plan`](super::plan)). Each fold's run has its own folder,
//! `fold-1` and on, and names its fold (`train.validation_fold`).

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::plan::Trains;
use super::trial::{FoldResult, TrialError, TrialResult, request, value};
use super::trial_config::TrialConfig;
use super::trial_data::{TrialData, in_fold};
use crate::data::{Dataset, Fold, Parts};
use crate::evaluate::score;
use crate::integers::engine::AnyModel;
use crate::integers::stream;
use crate::run::choose::choose;
use crate::run::{Run, RunConfig};
use crate::search::Stopping;
use crate::train::{BatchProgress, EpochRecord, Observer, TrainState};
use crate::training_run::{Metrics, TrainingRun};

/// The prefix of the names of folds' folders.
const FOLD: &str = "fold-";

/// An observer of a training, which may stop it.
pub trait Follower: Observer {
    /// The run of `fold` continues next. Not called if the validation part alone judges.
    fn fold(&mut self, fold: Fold) {
        let _ = fold;
    }

    /// A run finished an epoch, which took this many multiply-accumulates.
    fn spent(&mut self, macs: f64) {
        let _ = macs;
    }

    /// Takes the next epoch's value. Returns whether to go on with the training.
    fn value(&mut self, value: f64) -> bool {
        let _ = value;
        true
    }
}

/// What of a trial is trained.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Which folds.
    pub trains: Trains,
    /// Epochs of each of them that another trial has counted: with [`Trains::OtherFolds`], of the first fold.
    pub done: usize,
    /// At which epochs the follower may stop the training.
    pub stopping: Stopping,
}

impl Part {
    /// All folds, from their beginning.
    pub fn whole(stopping: Stopping) -> Self {
        Self {
            trains: Trains::AllFolds,
            done: 0,
            stopping,
        }
    }
}

/// What a training ended with.
#[derive(Clone, Debug, PartialEq)]
pub enum Trained {
    /// The result of all folds.
    AllFolds(TrialResult),
    /// That of the first one.
    FirstFold(FoldResult),
}

/// A training of a trial, in one run or one for each fold.
#[derive(Debug)]
pub struct TrialTraining {
    trial_config: TrialConfig,
    folds: Vec<FoldTraining>,
}

/// The run of one fold, or of the validation part alone.
#[derive(Debug)]
struct FoldTraining {
    fold: Option<Fold>,
    config: RunConfig,
    parts: Arc<Parts>,
}

impl TrialTraining {
    /// `trial_config` for `folds` folds of `data`, or as it is if there is one.
    ///
    /// # Errors
    /// When the data cannot be read as `trial_config` says, or so divided.
    pub fn new(
        trial_config: TrialConfig,
        data: &TrialData,
        folds: usize,
    ) -> Result<Self, TrialError> {
        let folds: Vec<Option<Fold>> = match folds {
            0 | 1 => vec![None],
            _ => Fold::all(folds).map(Some).collect(),
        };
        let training = |fold: Option<Fold>| {
            let config = fold.map_or_else(
                || trial_config.run.clone(),
                |fold| in_fold(&trial_config.run, fold),
            );
            let parts = data.parts(&config)?;
            Ok(FoldTraining {
                fold,
                config,
                parts,
            })
        };
        let folds = folds.into_iter().map(training);
        let folds = folds.collect::<Result<Vec<FoldTraining>, TrialError>>()?;
        Ok(Self {
            trial_config,
            folds,
        })
    }

    /// Runs in `folder` that do not belong to this trial, because they have other settings or other folds.
    pub fn others_runs(&self, folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let folds = (entries.map(|entry| entry.path())).filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            (name.strip_prefix(FOLD)).is_some_and(|number| number.parse::<u32>().is_ok())
        });
        let is_other = |path: &PathBuf| {
            let own = self.folds.iter().find(|fold| fold.folder(folder) == *path);
            // A run that cannot be read is never replaced without the user's word.
            RunConfig::refuse_existing(path).is_err()
                && !own.is_some_and(|own| own.config.is_in(path))
        };
        let mut others: Vec<PathBuf> = std::iter::once(folder.to_owned())
            .chain(folds)
            .filter(is_other)
            .collect();
        others.sort();
        others
    }

    /// Number of epochs of each run.
    pub fn epochs(&self) -> usize {
        self.trial_config.run.train.epochs
    }

    /// Trains `part` in `folder`, from the beginning or from where an earlier attempt left it, quantises and judges.
    /// Returns `None` if `follower` or `stop` ended it before.
    ///
    /// # Errors
    /// [`TrialError`]
    pub fn run(
        &self,
        folder: &Path,
        part: Part,
        follower: &mut dyn Follower,
        stop: &AtomicBool,
    ) -> Result<Option<Trained>, TrialError> {
        let mut together = Together::new(&self.folds, part, (follower, stop));
        let count = self.folds.len();
        let stages = match part.trains {
            Trains::AllFolds => [0..count, count..count],
            Trains::FirstFold => [0..1, 1..1],
            Trains::OtherFolds => [0..1, 1..count],
        };
        let mut finished = Vec::new();
        for stage in stages {
            match self.train_in_step(folder, stage, part.stopping, &mut together)? {
                Some(metrics) => finished.extend(metrics),
                None => return Ok(None),
            }
        }
        let results = self.folds.iter().zip(&finished);
        let results =
            results.map(|(fold, metrics)| fold.result(&self.trial_config, folder, metrics));
        let mut results = results.collect::<Result<Vec<TrialResult>, _>>()?;
        Ok(match part.trains {
            Trains::FirstFold => results
                .pop()
                .map(|first| Trained::FirstFold(first.of_fold())),
            _ => TrialResult::mean(results).map(Trained::AllFolds),
        })
    }

    /// Trains these folds in step to their ends; `None` if they were called off.
    fn train_in_step(
        &self,
        folder: &Path,
        folds: Range<usize>,
        stopping: Stopping,
        together: &mut Together<'_>,
    ) -> Result<Option<Vec<Metrics>>, TrialError> {
        let mut finished: Vec<Option<Metrics>> = folds.clone().map(|_| None).collect();
        let mut until = 0;
        while finished.iter().any(Option::is_none) {
            until = match folds.len() {
                1 => self.epochs(),
                _ => stopping.next_look(until, self.epochs()),
            };
            for (ended, n) in finished.iter_mut().zip(folds.clone()) {
                let fold = &self.folds[n];
                if ended.is_none() && !together.is_called_off() {
                    if let Some(fold) = fold.fold {
                        together.follower.fold(fold);
                    }
                    let run = fold.begin(folder)?;
                    let judge = fold.judge()?;
                    together.take_up(n, run.history(), judge);
                    let is_due = run.epochs_done() < until || until == self.epochs();
                    if is_due && !together.is_called_off() {
                        *ended = together.train(n, run, judge, until)?;
                    }
                }
            }
            if together.is_called_off() {
                return Ok(None);
            }
        }
        Ok(finished.into_iter().collect())
    }
}

impl FoldTraining {
    fn folder(&self, folder: &Path) -> PathBuf {
        match self.fold {
            Some(fold) => folder.join(format!("{FOLD}{}", fold.number())),
            None => folder.to_owned(),
        }
    }

    /// Multiply-accumulates of an epoch: three for each weight and step, one forward and two back.
    fn macs_per_epoch(&self) -> f64 {
        let train = &self.parts.train;
        let network = self.config.train.network(train);
        let weights = network.multiplications();
        let steps: usize = train.sequences.iter().map(|s| s.nrows()).sum();
        3.0 * (weights * steps) as f64 / network.stride() as f64
    }

    /// The part that judges it.
    fn judge(&self) -> Result<&Dataset, TrialError> {
        let validation = self.parts.validation.as_ref();
        validation.ok_or(TrialError::NoValidation { folds: None })
    }

    /// Its run: a new one, or the one that an earlier attempt left.
    fn begin(&self, folder: &Path) -> Result<TrainingRun, TrialError> {
        let folder = self.folder(folder);
        let parts = || Parts::clone(&self.parts);
        if self.config.is_in(&folder) {
            // A run that was killed while its folder was made is begun anew.
            if let Ok(run) = TrainingRun::resume_with(parts(), &folder) {
                return Ok(run.without_baselines());
            }
        }
        let config = self.config.clone();
        let run = TrainingRun::begin_with(config, parts(), &folder, true)?;
        Ok(run.without_baselines())
    }

    /// The score of its finished run's integers.
    fn result(
        &self,
        trial_config: &TrialConfig,
        folder: &Path,
        metrics: &Metrics,
    ) -> Result<TrialResult, TrialError> {
        let run = Run::open(&self.folder(folder))?;
        let judge = self.judge()?;
        let request = request(trial_config, &run);
        let chosen = choose(
            run.network_and_fit(),
            &self.parts.train,
            Some(judge),
            &request,
        )?;
        let model = AnyModel::parse(&chosen.bytes).expect("the writer returns only what parses");
        let integers = score(judge, &stream::outputs(&model, &judge.recordings()));
        let best_epoch = metrics.best_epoch.unwrap_or(metrics.epochs);
        Ok(TrialResult::of(
            (&integers, metrics.validation.as_ref()),
            metrics.best_validation,
            (best_epoch, metrics.epochs),
        ))
    }
}

/// The runs of a trial in step.
struct Together<'a> {
    follower: &'a mut dyn Follower,
    stop: &'a AtomicBool,
    /// Multiply-accumulates of an epoch of each run.
    macs: Vec<f64>,
    /// Epochs of each run that another trial has counted.
    done: Vec<usize>,
    /// The values are means over so many runs at the beginning.
    valued: usize,
    /// Of the epochs of each run.
    values: Vec<Vec<f64>>,
    has_ended: Vec<bool>,
    /// Epochs whose values the follower has taken.
    taken: usize,
    stopped_early: bool,
}

impl<'a> Together<'a> {
    fn new(
        folds: &[FoldTraining],
        part: Part,
        (follower, stop): (&'a mut dyn Follower, &'a AtomicBool),
    ) -> Self {
        let done = |n| match part.trains {
            Trains::OtherFolds if n > 0 => 0,
            _ => part.done,
        };
        Self {
            follower,
            stop,
            macs: folds.iter().map(FoldTraining::macs_per_epoch).collect(),
            done: (0..folds.len()).map(done).collect(),
            valued: match part.trains {
                Trains::AllFolds => folds.len(),
                Trains::FirstFold | Trains::OtherFolds => 1,
            },
            values: vec![Vec::new(); folds.len()],
            has_ended: vec![false; folds.len()],
            taken: 0,
            stopped_early: false,
        }
    }

    fn is_called_off(&self) -> bool {
        self.stopped_early || self.stop.load(Ordering::Relaxed)
    }

    /// Trains run `n` until that epoch; its figures if it has ended.
    fn train(
        &mut self,
        n: usize,
        run: TrainingRun,
        judge: &Dataset,
        until: usize,
    ) -> Result<Option<Metrics>, TrialError> {
        let pause = AtomicBool::new(false);
        let mut one = One {
            together: self,
            n,
            judge,
            until,
            pause: &pause,
        };
        let metrics = run.train(&mut one, &pause)?;
        if metrics.is_some() {
            self.has_ended[n] = true;
            self.tell();
        }
        Ok(metrics)
    }

    /// Takes over the epochs of an earlier attempt.
    fn take_up(&mut self, n: usize, history: &[EpochRecord], judge: &Dataset) {
        let known = self.values[n].len();
        for record in history.iter().skip(known) {
            self.take(n, record, judge);
        }
    }

    fn take(&mut self, n: usize, record: &EpochRecord, judge: &Dataset) {
        let validation = record.validation.as_ref();
        self.values[n].push(validation.map_or(record.train_loss, |v| value(v, judge)));
        if self.values[n].len() > self.done[n] {
            self.follower.spent(self.macs[n]);
        }
        self.tell();
    }

    /// Reports to the follower the epochs that all runs have finished. A run that ended early keeps its last value.
    fn tell(&mut self) {
        let epochs = |(values, ended): (&Vec<f64>, &bool)| match ended {
            true => None,
            false => Some(values.len()),
        };
        let valued = &self.values[..self.valued];
        let longest = valued.iter().map(Vec::len).max().unwrap_or(0);
        let known = valued.iter().zip(&self.has_ended).filter_map(epochs);
        let known = known.min().unwrap_or(longest);
        while self.taken < known && !self.stopped_early {
            let of_run = |values: &Vec<f64>| values.get(self.taken).or(values.last()).copied();
            let values: Vec<f64> = (self.values[..self.valued].iter())
                .filter_map(of_run)
                .collect();
            self.taken += 1;
            let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
            self.stopped_early = !self.follower.value(mean);
        }
    }
}

/// Follows one of the runs.
struct One<'a, 'b> {
    together: &'a mut Together<'b>,
    n: usize,
    judge: &'a Dataset,
    until: usize,
    pause: &'a AtomicBool,
}

impl Observer for One<'_, '_> {
    fn batch(&mut self, progress: &BatchProgress) {
        self.together.follower.batch(progress);
        if self.together.is_called_off() {
            self.pause.store(true, Ordering::Relaxed);
        }
    }

    fn epoch(&mut self, record: &EpochRecord, state: &TrainState) {
        self.together.take(self.n, record, self.judge);
        self.together.follower.epoch(record, state);
        if self.together.is_called_off() || record.epoch >= self.until {
            self.pause.store(true, Ordering::Relaxed);
        }
    }
}
