//! What a trial is judged by: the data of a study, and what integers come to on it.
//!
//! ```text
//! error   of classes: wrong / n + (L / (1 + L)) / n      of values: mean squared error          (Y1)
//! ```
//!
//! of n decisions on the validation part, where the loss L only decides between as many wrong ones.
//! A forecast's error is standardised where that is known. A trial of several folds is judged by each of them, and
//! its error is their mean. The test part has no say: it is not even opened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::plan::{FootprintError, Plan, PlanError, footprint};
use crate::choose::{ChooseError, Request};
use crate::cost::{Exceeded, Footprint, Limits};
use crate::data::{Dataset, Fold, Parts, SplitError};
use crate::evaluate::{Score, ValueScore};
use crate::export::{GOLDEN_STEPS, check_data};
use crate::run_folder::{Run, RunConfig, RunError};
use crate::search::Objective;
use crate::train::{QAT_CLIPPING, QAT_ROUNDING, TrainError, Validation};
use crate::training_run::TrainingRunError;

/// What a finished trial came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialResult {
    /// (Y1) of the integers.
    pub error: f64,
    /// Share of right decisions of the integers, for a classification.
    pub accuracy: Option<f64>,
    /// Share of right decisions in f32, for a classification.
    pub float_accuracy: Option<f64>,
    /// The epoch whose weights were chosen, from 1; of several folds, the middle one.
    pub best_epoch: usize,
    /// Epochs that were trained; of several folds, the most.
    pub epochs: usize,
    /// Each fold's; empty for a validation part alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<FoldResult>,
}

/// What the integers of one fold came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldResult {
    /// (Y1)
    pub error: f64,
    /// Share of right decisions, for a classification.
    pub accuracy: Option<f64>,
}

impl TrialResult {
    /// Of what a network's integers and f32 came to on the part that `validation` says.
    pub(super) fn of(
        (integers, float): (&Score, Option<&Score>),
        validation: Option<Validation>,
        (best_epoch, epochs): (usize, usize),
    ) -> Self {
        let loss = validation.map_or(0.0, |validation| validation.loss);
        let accuracy = |score: &Score| match score {
            Score::Classes(score) => Some(score.accuracy),
            Score::Values(_) => None,
        };
        let error = match integers {
            Score::Classes(score) => error(score.accuracy, loss, score.decisions),
            Score::Values(ValueScore {
                standardised: Some(errors),
                ..
            }) => errors.mse,
            Score::Values(score) => score.errors.mse,
        };
        Self {
            error,
            accuracy: accuracy(integers),
            float_accuracy: float.and_then(accuracy),
            best_epoch,
            epochs,
            folds: Vec::new(),
        }
    }

    /// The mean of all folds; of one, this.
    pub(super) fn mean(folds: Vec<Self>) -> Option<Self> {
        if folds.len() < 2 {
            return folds.into_iter().next();
        }
        let count = folds.len() as f64;
        let mean = |figure: fn(&Self) -> Option<f64>| {
            let sum: Option<f64> = folds.iter().map(figure).sum();
            sum.map(|sum| sum / count)
        };
        let mut best_epochs: Vec<usize> = folds.iter().map(|fold| fold.best_epoch).collect();
        best_epochs.sort_unstable();
        Some(Self {
            error: mean(|fold| Some(fold.error))?,
            accuracy: mean(|fold| fold.accuracy),
            float_accuracy: mean(|fold| fold.float_accuracy),
            best_epoch: best_epochs[folds.len() / 2],
            epochs: folds.iter().map(|fold| fold.epochs).max()?,
            folds: (folds.iter())
                .map(|fold| FoldResult {
                    error: fold.error,
                    accuracy: fold.accuracy,
                })
                .collect(),
        })
    }

    /// What is minimised, in the order of `objectives`.
    pub fn objectives(&self, objectives: &[Objective], footprint: &Footprint) -> Vec<f64> {
        let of = |objective: &Objective| objective.of(self.error, footprint);
        objectives.iter().map(of).collect()
    }
}

/// Why a trial has no result.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// Its point is no run.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// There is no such model.
    #[error(transparent)]
    Footprint(#[from] FootprintError),
    /// The data cannot be read as its settings say.
    #[error("the data cannot be read with these settings")]
    Unreadable,
    /// Its networks would not be those that the points say.
    #[error("trials are trained from the start; leave train.init (--init, --prune-to) out")]
    Initial,
    /// Its model would not fit.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// It cannot be trained.
    #[error(transparent)]
    Training(#[from] TrainingRunError),
    /// Its run cannot be read back.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It has no integers.
    #[error(transparent)]
    Choose(#[from] ChooseError),
    /// The data cannot be divided into folds.
    #[error("tune.folds: {0}")]
    Folds(#[from] SplitError),
    /// A network that trials learn from was trained on what folds would be judged by.
    #[error(
        "tune.folds: the run of train.{key} has seen what folds would be judged by; set --folds 1"
    )]
    FoldsSeen {
        /// Of the other run.
        key: &'static str,
    },
    /// The configuration names the part that judges.
    #[error(
        "tune.folds: train.validation_fold says that fold {fold} alone judges; leave it out, or set --folds 1"
    )]
    OneFold {
        /// Which.
        fold: Fold,
    },
    /// There is nothing to judge it by.
    #[error(
        "there is no validation part to choose by; set train.validation_share to, for example, 0.15, or tune.folds to 3"
    )]
    NoValidation,
}

impl TrialError {
    /// Whether this is the fault of the trial's settings alone: a loss that is no longer a number,
    /// weights that no integers hold.
    pub fn is_of_settings(&self) -> bool {
        matches!(
            self,
            Self::Training(TrainingRunError::Train(TrainError::Diverged { .. })) | Self::Choose(_)
        )
    }
}

/// Folds where nothing is said and a validation part would tell little.
const FOLDS: usize = 3;
/// A validation part of fewer decisions tells little,
const FEW_DECISIONS: usize = 1000;
/// or of fewer persons or machines.
const FEW_GROUPS: usize = 10;

/// The data of a study, without its test part, and what trials of it need.
#[derive(Debug)]
pub struct TrialData {
    base: RunConfig,
    parts: Arc<Parts>,
    /// By fold and seed of the folds.
    folds: Mutex<BTreeMap<(Fold, u64), Arc<Parts>>>,
    shape: Shape,
    /// Of data that is read in another way, by how.
    shapes: Mutex<BTreeMap<String, Option<Shape>>>,
}

/// What a network's structure and its cost follow from.
#[derive(Clone, Debug)]
struct Shape {
    /// Without sequences and targets of any length.
    example: Dataset,
    /// Of the first sequence.
    first_steps: usize,
}

impl Shape {
    fn of(train: &Dataset) -> Self {
        Self {
            example: train.select(&[0]),
            first_steps: train.sequences.first().map_or(0, |first| first.nrows()),
        }
    }
}

impl TrialData {
    /// Opens the data as `base` says.
    ///
    /// # Errors
    /// When it cannot be read, or no model file can hold it.
    pub fn open(base: &RunConfig) -> Result<Self, TrialError> {
        if base.train.init.is_some() {
            return Err(TrialError::Initial);
        }
        let parts = without_test(base)?;
        check_data(&parts.train).map_err(TrainingRunError::from)?;
        Ok(Self {
            base: base.clone(),
            shape: Shape::of(&parts.train),
            parts: Arc::new(parts),
            folds: Mutex::default(),
            shapes: Mutex::default(),
        })
    }

    /// The training part.
    pub fn train(&self) -> &Dataset {
        &self.parts.train
    }

    /// The validation part.
    pub fn validation(&self) -> &Dataset {
        self.parts.validation.as_ref().unwrap_or(&self.parts.train)
    }

    /// CRC-32 of both parts.
    pub fn checksum(&self) -> u32 {
        self.train().checksum() ^ self.validation().checksum().rotate_left(1)
    }

    fn is_base(&self, config: &RunConfig) -> bool {
        let (own, other) = (&self.base, config);
        own.data == other.data && own.train.split() == other.train.split()
    }

    /// The parts for `config`, which may divide them or read them in another way.
    ///
    /// # Errors
    /// When they cannot be read so.
    pub(super) fn parts(&self, config: &RunConfig) -> Result<Arc<Parts>, TrialError> {
        if self.is_base(config) {
            return Ok(self.parts.clone());
        }
        let split = config.train.split();
        let (Some(fold), true) = (split.fold, self.base.data == config.data) else {
            return Ok(Arc::new(without_test(config)?));
        };
        let mut folds = lock(&self.folds);
        if let Some(parts) = folds.get(&(fold, split.seed)) {
            return Ok(parts.clone());
        }
        let parts = Arc::new(without_test(config)?);
        folds.insert((fold, split.seed), parts.clone());
        Ok(parts)
    }

    /// Refuses to judge trials by so many folds, or by the validation part alone if it is one.
    ///
    /// # Errors
    /// For one when there is no validation part. For several when the data is a forecast's or has too few
    /// groups or sequences, when trials learn from a run, which has seen all folds, and when the configuration
    /// names one fold.
    pub fn check_folds(&self, count: usize) -> Result<(), TrialError> {
        if count < 2 {
            let validation = self.parts.validation.as_ref();
            return validation.map(|_| ()).ok_or(TrialError::NoValidation);
        }
        if self.base.data.forecast.is_some() {
            return Err(SplitError::Forecast.into());
        }
        if let Some((key, _)) = self.base.train.other_runs().next() {
            return Err(TrialError::FoldsSeen { key });
        }
        if let Some(fold) = self.base.train.validation_fold {
            return Err(TrialError::OneFold { fold });
        }
        let all = || {
            [Some(&self.parts.train), self.parts.validation.as_ref()]
                .into_iter()
                .flatten()
        };
        let (have, of) = match groups(all()) {
            0 => (all().map(Dataset::len).sum(), "sequences"),
            groups => (groups, "groups"),
        };
        if have < count {
            return Err(SplitError::FewerThanFolds { have, of, count }.into());
        }
        Ok(())
    }

    /// How many folds suit the data: one where the validation part tells enough or there cannot be more.
    pub fn suited_folds(&self) -> usize {
        let tells_enough = |validation: &Dataset| {
            let groups = groups([validation]);
            decisions(validation) >= FEW_DECISIONS && (groups == 0 || groups >= FEW_GROUPS)
        };
        let is_enough = self.parts.validation.as_ref().is_some_and(tells_enough);
        let several = (2..=FOLDS)
            .rev()
            .find(|count| self.check_folds(*count).is_ok());
        several.filter(|_| !is_enough).unwrap_or(1)
    }

    /// The shape of the data for `config`; `None` where it cannot be read so.
    fn shape(&self, config: &RunConfig) -> Option<Shape> {
        if self.is_base(config) {
            return Some(self.shape.clone());
        }
        let key = format!("{:?}", config.data);
        let mut shapes = lock(&self.shapes);
        let read = || {
            without_test(config)
                .ok()
                .map(|parts| Shape::of(&parts.train))
        };
        shapes.entry(key).or_insert_with(read).clone()
    }

    /// What the model of `plan` will need.
    ///
    /// # Errors
    /// When the engine has no such network, or the data cannot be read as `plan` says.
    pub fn footprint(&self, plan: &Plan, limits: &Limits) -> Result<Footprint, TrialError> {
        let shape = self.shape(&plan.config).ok_or(TrialError::Unreadable)?;
        let train = &shape.example;
        let network = plan.config.train.network(train);
        let names = (train.channels.as_slice(), train.outputs.as_slice());
        let steps = shape.first_steps.min(GOLDEN_STEPS);
        Ok(footprint(&network, names, plan.scheme, steps, limits)?)
    }
}

/// The value of an epoch that trials are compared by while they run: (Y1) in f32, or the loss.
pub(super) fn value(validation: &Validation, judged_by: &Dataset) -> f64 {
    match validation.accuracy {
        Some(accuracy) => error(accuracy, validation.loss, decisions(judged_by)),
        None => validation.loss,
    }
}

fn without_test(config: &RunConfig) -> Result<Parts, TrialError> {
    let mut parts = config.open_data()?;
    parts.test = None;
    Ok(parts)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Persons or machines of all parts; 0 where they are not known.
fn groups<'a>(parts: impl IntoIterator<Item = &'a Dataset>) -> usize {
    let groups = parts.into_iter().filter_map(|part| part.groups.as_ref());
    groups.flatten().collect::<BTreeSet<_>>().len()
}

/// Decisions that a classification of `data` makes.
fn decisions(data: &Dataset) -> usize {
    if data.targets.task().is_per_step() {
        data.sequences.iter().map(|s| s.nrows()).sum()
    } else {
        data.len()
    }
}

/// (Y1) of classes.
fn error(accuracy: f64, loss: f64, decisions: usize) -> f64 {
    let tie = if loss.is_finite() {
        loss / (1.0 + loss)
    } else {
        1.0
    };
    (1.0 - accuracy) + tie / decisions.max(1) as f64
}

/// What the network of `plan` is quantised with: as it was trained, or by what is best on the validation
/// part.
pub fn request(plan: &Plan, run: &Run) -> Request {
    let layers = run.network.lstm.len() + run.network.dense.len();
    let as_trained = plan.config.train.qat == Some(plan.scheme.into());
    Request {
        schemes: vec![plan.scheme; layers],
        clipping: as_trained.then_some(QAT_CLIPPING),
        rounding: as_trained.then_some(QAT_ROUNDING),
        equal_shifts: false,
    }
}
