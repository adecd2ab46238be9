//! The error that judges a trial: the error of its integers on the validation part.
//!
//! ```text
//! error   of classes: wrong / n + (L / (1 + L)) / n      of values: mean squared error         (TE1)
//! ```
//!
//! n is the number of decisions on the validation part. The loss L only decides between trials with the same
//! number of wrong decisions. A forecast's error is standardised if the deviations of its targets are known.
//! The error of a trial of several folds is the mean over the folds. The test part is never opened.

use serde::{Deserialize, Serialize};

use super::trial_config::{PointError, TrialConfig};
use crate::cost::{Exceeded, Footprint};
use crate::data::{Dataset, Fold, SplitError};
use crate::evaluate::Score;
use crate::run::choose::{ChooseError, Request};
use crate::run::estimate::FootprintError;
use crate::run::{Run, RunError};
use crate::search::Objective;
use crate::train::{QAT_CLIPPING, QAT_ROUNDING, TrainError, Validation};
use crate::training_run::TrainingRunError;

/// The result of a finished trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialResult {
    /// (TE1) of the integers.
    pub error: f64,
    /// Share of right decisions of the integers, for a classification.
    pub accuracy: Option<f64>,
    /// Share of right decisions in f32, for a classification.
    pub float_accuracy: Option<f64>,
    /// The epoch whose weights were chosen, from 1; of several folds, the middle one.
    pub best_epoch: usize,
    /// Epochs that were trained; of several folds, the most.
    pub epochs: usize,
    /// The result of each fold; empty if the validation part alone judges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<FoldResult>,
}

/// The result of the integers of one fold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldResult {
    /// (TE1)
    pub error: f64,
    /// Share of right decisions, for a classification.
    pub accuracy: Option<f64>,
}

impl TrialResult {
    /// The result from two scores on the validation part: of a network's integers and of f32.
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
            Score::Values(score) => score.beside.standardised.unwrap_or(score.errors).mse,
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
            folds: (folds.iter()).map(Self::of_fold).collect(),
        })
    }

    /// This result as that of a fold.
    pub(super) fn of_fold(&self) -> FoldResult {
        FoldResult {
            error: self.error,
            accuracy: self.accuracy,
        }
    }

    /// The figures to minimise, in the order of `objectives`.
    pub fn objectives(&self, objectives: &[Objective], footprint: &Footprint) -> Vec<f64> {
        let of = |objective: &Objective| objective.of(self.error, footprint);
        objectives.iter().map(of).collect()
    }
}

/// Why a trial has no result.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// Its point makes no valid configuration.
    #[error(transparent)]
    Point(#[from] PointError),
    /// No model of this structure can be made.
    #[error(transparent)]
    Footprint(#[from] FootprintError),
    /// The data cannot be read as its settings say.
    #[error("the data cannot be read with these settings")]
    Unreadable,
    /// Its model would not fit.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// It cannot be trained.
    #[error(transparent)]
    Training(#[from] TrainingRunError),
    /// Its run cannot be read back.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Its network cannot be quantised.
    #[error(transparent)]
    Choose(#[from] ChooseError),
    /// The data cannot be divided into folds.
    #[error("tune.folds: {0}")]
    Folds(#[from] SplitError),
    /// A network that trials learn from was trained on the folds.
    #[error(
        "tune.folds: the network of train.{key} was, or may have been, trained on sequences that would judge the folds; set --folds 1"
    )]
    FoldsSeen {
        /// The key that names the other run.
        key: &'static str,
    },
    /// The configuration names one fold as the validation part.
    #[error(
        "tune.folds: train.validation_fold says that fold {fold} alone judges; omit it, or set --folds 1"
    )]
    OneFold {
        /// That fold.
        fold: Fold,
    },
    /// There is no validation part to judge it.
    #[error(
        "there is no validation part to judge trials; set train.validation_share to, for example, 0.15{}; if the run of --init or --teacher was trained on all of this data, train that run with a validation part first",
        .folds.map_or(String::new(), |count| format!(", or tune.folds to {count}"))
    )]
    NoValidation {
        /// How many folds there could be instead.
        folds: Option<usize>,
    },
}

impl TrialError {
    /// Whether the trial's settings alone are to blame: training diverges, or the weights are too
    /// large for integers.
    pub fn is_of_settings(&self) -> bool {
        matches!(
            self,
            Self::Training(TrainingRunError::Train(TrainError::Diverged(_))) | Self::Choose(_)
        )
    }
}

/// The value of an epoch, which compares trials while they run: (TE1) in f32, or the loss.
pub(super) fn value(validation: &Validation, judged_by: &Dataset) -> f64 {
    match validation.accuracy {
        Some(accuracy) => error(accuracy, validation.loss, decisions(judged_by)),
        None => validation.loss,
    }
}

/// Decisions that a classification of `data` makes.
pub(super) fn decisions(data: &Dataset) -> usize {
    if data.targets.task().is_per_step() {
        data.sequences.iter().map(|s| s.nrows()).sum()
    } else {
        data.len()
    }
}

/// (TE1) of classes.
fn error(accuracy: f64, loss: f64, decisions: usize) -> f64 {
    let tie = if loss.is_finite() {
        loss / (1.0 + loss)
    } else {
        1.0
    };
    (1.0 - accuracy) + tie / decisions.max(1) as f64
}

/// How to quantise the network of `config`: with the clipping and rounding of its training, or with the best ones on
/// the validation part.
pub fn request(config: &TrialConfig, run: &Run) -> Request {
    let layers = run.network.config.layer_count();
    let as_trained = config.run.train.qat == Some(config.scheme.into());
    Request {
        schemes: vec![config.scheme; layers],
        clipping: as_trained.then_some(QAT_CLIPPING),
        rounding: as_trained.then_some(QAT_ROUNDING),
        equal_shifts: false,
    }
}
