//! The configuration of a training run, and what it means for a data set.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::augmentation::Augmentation;
use super::distillation::Distillation;
use crate::data::{Dataset, Fold, Task};
use crate::loss::{Loss, LossConfig};
use crate::network::initialisation::Initialisation;
use crate::network::schemes::Schemes;
use crate::network::{CellKind, Convolution, LayerDirections, Pooling};
use crate::optimiser::OptimiserConfig;
use crate::out_of_range::{OutOfRange, require};
use crate::passes::perturbation::Perturbation;
use crate::schedule::Schedule;

/// Deviation of the noise on normalised inputs, for sequences of one class each, unless it is set.
pub const CLASS_INPUT_NOISE: f32 = 0.3;
/// Dropout between layers, for sequences of one class each, unless it is set.
pub const CLASS_DROPOUT: f32 = 0.2;

/// How to train; every field has a default that works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// The convolution below the recurrent layers, if there is to be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conv: Option<Convolution>,
    /// Kind of the recurrent layers.
    pub layer: CellKind,
    /// Hidden units of each recurrent layer, first to last.
    pub hidden: Vec<usize>,
    /// Which way all recurrent layers run over time, or each of them. A bidirectional layer has its units each way.
    pub direction: LayerDirections,
    /// Whether LSTM layers, coupled ones too, have peephole connections. Other kinds have none.
    pub peepholes: bool,
    /// Values that each LSTM layer hands on, by a recurrent projection; without one, that of each unit. Other kinds have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub projection: Option<usize>,
    /// What the dense layers read of the recurrent ones, for sequences of one target each.
    pub pooling: Pooling,
    /// Units of each dense ReLU layer before the output layer.
    pub dense: Vec<usize>,
    /// Initial bias of the gates that keep the state, forget or update gates. A unit remembers for about `exp(bias)`
    /// steps, so use 3 or more if related events are far apart.
    pub forget_bias: f32,
    /// Passes over the training part.
    pub epochs: usize,
    /// Sequences of a mini-batch.
    pub batch_size: usize,
    /// Whether to put sequences of similar length into one batch.
    pub bucket_by_length: bool,
    /// For sequences with a target for each step: cuts them into windows of this many steps. Each window makes an
    /// update of its own, and the state carries over to the next window. Without it, the gradient goes back through the
    /// whole sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncate: Option<usize>,
    /// Whether to train for an endless stream: in the second half of training, each sequence begins with the state that
    /// another one left behind.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub for_streams: bool,
    /// The peak learning rate.
    pub learning_rate: f32,
    /// Share of the training data to split off for choosing the best weights. With 0, the run keeps the last weights.
    pub validation_share: f64,
    /// In place of a share: the fold of the training data to split off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_fold: Option<Fold>,
    /// Decay of the moving average of the weights, which then takes the place of the latest weights in all that is
    /// judged and kept; 0 for none.
    #[serde(skip_serializing_if = "is_zero")]
    pub ema: f32,
    /// The gradient's largest global norm; 0 for no limit.
    pub clip_norm: f32,
    /// Standard deviation of Gaussian noise on the normalised inputs. The default is [`CLASS_INPUT_NOISE`] for
    /// sequences of one class each, and 0 for other data, where exact values and steps may matter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_noise: Option<f32>,
    /// Probability that an input is dropped.
    pub input_dropout: f32,
    /// Probability that an output of an LSTM layer is dropped on its way to the next layer. The default is
    /// [`CLASS_DROPOUT`] for sequences of one class each, and 0 for other data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f32>,
    /// Probability that a unit's output is dropped on its way to the next step; the same units at all steps of a
    /// sequence.
    pub recurrent_dropout: f32,
    /// Probability that a cell's candidate is dropped, so that the step does not write to the cell.
    pub candidate_dropout: f32,
    /// Seed of the split, the initial weights, the order of sequences and all noise.
    pub seed: u64,
    /// Seed of the split, in place of `seed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_seed: Option<u64>,
    /// The loss.
    pub loss: LossConfig,
    /// The optimiser.
    pub optimiser: OptimiserConfig,
    /// How the learning rate changes over the run.
    pub schedule: Schedule,
    /// When to stop before the last epoch, if ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// How to vary training sequences.
    pub augmentation: Augmentation,
    /// How to set the initial weights.
    pub initialisation: Initialisation,
    /// The run whose network this one starts from. It also provides the sizes and the normalisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<PathBuf>,
    /// With `init`: number of hidden units of each LSTM layer to keep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune_to: Option<Vec<usize>>,
    /// With `init`: number of outputs of each projection to keep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune_projection_to: Option<usize>,
    /// Quantisation-aware training for the scheme of all layers, or of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qat: Option<Schemes>,
    /// A larger network to learn from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distillation: Option<Distillation>,
}

/// How to split off a validation part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SplitRule {
    /// Share of the training data; 0 for no validation part.
    pub share: f64,
    /// The fold, in place of a share.
    pub fold: Option<Fold>,
    /// Seed of a random split. A split in the order of time has none.
    pub seed: u64,
}

impl SplitRule {
    /// Whether there is a validation part.
    pub fn has_validation(&self) -> bool {
        self.share > 0.0 || self.fold.is_some()
    }
}

impl fmt::Display for SplitRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fold {
            Some(fold) => write!(f, "fold {fold} by seed {}", self.seed),
            None => write!(f, "a share of {} by seed {}", self.share, self.seed),
        }
    }
}

/// When to stop before the last epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    /// Epochs in a row without an improvement of the validation loss, at least 1.
    pub patience: usize,
    /// The loss must fall by more than this to count as an improvement; at least 0.
    pub min_delta: f64,
}

impl EarlyStopping {
    fn validate(&self) -> Result<(), OutOfRange> {
        require(
            self.patience >= 1,
            "early_stopping.patience",
            self.patience,
            "at least 1",
        )?;
        require(
            self.min_delta.is_finite() && self.min_delta >= 0.0,
            "early_stopping.min_delta",
            self.min_delta,
            "at least 0",
        )
    }
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self {
            patience: 10,
            min_delta: 0.0,
        }
    }
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            conv: None,
            layer: CellKind::Lstm,
            hidden: vec![32],
            direction: LayerDirections::default(),
            peepholes: true,
            projection: None,
            pooling: Pooling::Last,
            dense: Vec::new(),
            forget_bias: 1.0,
            epochs: 60,
            batch_size: 32,
            bucket_by_length: false,
            truncate: None,
            for_streams: false,
            learning_rate: 0.01,
            validation_share: 0.15,
            validation_fold: None,
            ema: 0.0,
            clip_norm: 1.0,
            input_noise: None,
            input_dropout: 0.0,
            dropout: None,
            recurrent_dropout: 0.0,
            candidate_dropout: 0.0,
            seed: 0,
            split_seed: None,
            loss: LossConfig::default(),
            optimiser: OptimiserConfig::default(),
            schedule: Schedule::default(),
            early_stopping: None,
            augmentation: Augmentation::default(),
            initialisation: Initialisation::default(),
            init: None,
            prune_to: None,
            prune_projection_to: None,
            qat: None,
            distillation: None,
        }
    }
}

/// Largest number of epochs, so that the updates of a whole run can be counted.
const MAX_EPOCHS: usize = 1_000_000;

fn is_zero(value: &f32) -> bool {
    *value == 0.0
}

fn is_finite_from_zero(value: f32) -> bool {
    value.is_finite() && value >= 0.0
}

impl TrainConfig {
    /// Refuses numbers that cannot work.
    ///
    /// # Errors
    /// With the key of the first one.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        self.validate_run()?;
        self.validate_noise()?;
        self.validate_average()?;
        if let Some(early) = &self.early_stopping {
            early.validate()?;
        }
        self.loss.validate()?;
        self.optimiser.validate()?;
        self.schedule.validate(self.learning_rate)?;
        self.augmentation.validate()?;
        self.validate_structure()?;
        if let Some(distillation) = &self.distillation {
            distillation.validate()?;
        }
        self.initialisation.validate()
    }

    /// The length of the run, its seeds, its split and its steps.
    fn validate_run(&self) -> Result<(), OutOfRange> {
        require(
            (1..=MAX_EPOCHS).contains(&self.epochs),
            "epochs",
            self.epochs,
            "1 to 1000000",
        )?;
        for (key, seed) in [("seed", self.seed), ("split_seed", self.split().seed)] {
            require(
                i64::try_from(seed).is_ok(),
                key,
                seed,
                "below 2^63, as TOML's integers are",
            )?;
        }
        let batch_size = self.batch_size;
        require(batch_size > 0, "batch_size", batch_size, "at least 1")?;
        require(self.truncate != Some(0), "truncate", 0, "at least 1")?;
        require(
            !(self.for_streams && self.bucket_by_length),
            "bucket_by_length",
            true,
            "left out with for_streams, where the order of sequences is that of streams",
        )?;
        require(
            !(self.for_streams && self.pooling == Pooling::Mean),
            "pooling",
            "mean",
            "last with for_streams, since an endless stream has no end to take a mean up to",
        )?;
        require(
            self.learning_rate.is_finite() && self.learning_rate > 0.0,
            "learning_rate",
            self.learning_rate,
            "a number above 0",
        )?;
        require(
            is_finite_from_zero(self.clip_norm),
            "clip_norm",
            self.clip_norm,
            "a number above 0, or 0 for no limit",
        )?;
        require(
            (0.0..1.0).contains(&self.validation_share),
            "validation_share",
            self.validation_share,
            "at least 0 and below 1",
        )?;
        let bias = self.forget_bias;
        require(bias.is_finite(), "forget_bias", bias, "a number")
    }

    /// Noise and dropout.
    fn validate_noise(&self) -> Result<(), OutOfRange> {
        let noise = self.input_noise.unwrap_or(0.0);
        require(
            is_finite_from_zero(noise),
            "input_noise",
            noise,
            "at least 0",
        )?;
        for (key, rate) in [
            ("input_dropout", self.input_dropout),
            ("dropout", self.dropout.unwrap_or(0.0)),
            ("recurrent_dropout", self.recurrent_dropout),
            ("candidate_dropout", self.candidate_dropout),
        ] {
            let fits = (0.0..1.0).contains(&rate);
            require(fits, key, rate, "at least 0 and below 1")?;
        }
        Ok(())
    }

    /// The moving average.
    fn validate_average(&self) -> Result<(), OutOfRange> {
        let fits = (0.0..1.0).contains(&self.ema);
        require(fits, "ema", self.ema, "at least 0 and below 1")?;
        require(
            self.ema == 0.0 || !matches!(self.schedule, Schedule::Backtracking { .. }),
            "ema",
            self.ema,
            "0 with the backtracking schedule, which returns to earlier weights",
        )
    }

    /// Refuses settings that do not suit `data`, or that need a validation part if there is none.
    ///
    /// # Errors
    /// With the key of the setting.
    pub fn validate_for(&self, data: &Dataset, has_validation: bool) -> Result<(), OutOfRange> {
        self.loss.objective(&data.targets, data.outputs.len())?;
        let per_step = data.targets.task().is_per_step();
        require(
            per_step || self.truncate.is_none(),
            "truncate",
            self.truncate.unwrap_or(0),
            "left out, since the data has one target a sequence and not one a step",
        )?;
        require(
            !per_step || self.pooling == Pooling::Last,
            "pooling",
            "mean",
            "last, since the data has a target for each step",
        )?;
        let bound_to_time = per_step || data.origin.is_some();
        require(
            !bound_to_time || self.augmentation.time_shift == 0,
            "augmentation.time_shift",
            self.augmentation.time_shift,
            "0, since the data has a target for each step, or one that follows the last step",
        )?;
        const NO_VALIDATION: &str =
            "left out without a validation part (validation_share is 0), whose loss it follows";
        require(
            has_validation || self.early_stopping.is_none(),
            "early_stopping",
            "set",
            NO_VALIDATION,
        )?;
        require(
            has_validation || !self.schedule.needs_validation(),
            "schedule.kind",
            match self.schedule {
                Schedule::Backtracking { .. } => "backtracking",
                _ => "plateau",
            },
            NO_VALIDATION,
        )
    }

    /// Trains with another seed, but keeps the validation part.
    pub fn reseed(&mut self, seed: u64) {
        let split = self.split();
        self.seed = seed;
        self.take_split(split);
    }

    /// How the validation part is split off.
    pub fn split(&self) -> SplitRule {
        SplitRule {
            share: self.validation_share,
            fold: self.validation_fold,
            seed: self.split_seed.unwrap_or(self.seed),
        }
    }

    /// Splits off the same validation part as another run.
    pub fn take_split(&mut self, split: SplitRule) {
        self.validation_share = split.share;
        self.validation_fold = split.fold;
        self.split_seed = (split.seed != self.seed).then_some(split.seed);
    }

    /// The runs that this one starts from and learns from, with their keys.
    pub fn other_runs(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let teacher = self.distillation.as_ref().map(|d| d.teacher.as_path());
        let runs = [("init", self.init.as_deref()), ("distillation", teacher)];
        runs.into_iter().filter_map(|(key, run)| Some((key, run?)))
    }

    /// The noise and dropout for `data`.
    pub fn perturbation(&self, data: &Dataset) -> Perturbation {
        let settled = self.clone().settled(data.targets.task());
        Perturbation {
            input_noise: settled.input_noise.unwrap_or_default(),
            input_dropout: self.input_dropout,
            dropout: settled.dropout.unwrap_or_default(),
            recurrent_dropout: self.recurrent_dropout,
            candidate_dropout: self.candidate_dropout,
        }
    }

    /// The same with what such targets decide written out: noise, dropout and the kind of loss.
    #[must_use]
    pub fn settled(mut self, task: Task) -> Self {
        let (noise, dropout) = match task {
            Task::Class => (CLASS_INPUT_NOISE, CLASS_DROPOUT),
            _ => (0.0, 0.0),
        };
        self.input_noise.get_or_insert(noise);
        self.dropout.get_or_insert(dropout);
        self.loss.kind.get_or_insert(Loss::by_default(task));
        self
    }

    /// The gradient's largest global norm, if there is one.
    pub fn clip_limit(&self) -> Option<f32> {
        (self.clip_norm > 0.0).then_some(self.clip_norm)
    }

    /// Whether the weights after `epoch`, from 1, may be chosen as the best.
    ///
    /// While the learning rate is near its peak, a low loss is mostly luck. Measured over splits of five data sets:
    /// with a cosine schedule, weights chosen from the second half of a run did as well or better on a third part. A
    /// run that may stop early, or that has another schedule, counts from the first epoch, if it is not for streams.
    pub fn may_be_best(&self, epoch: usize) -> bool {
        let late = self.schedule.anneals_late() && self.early_stopping.is_none();
        !(late || self.for_streams) || self.is_in_second_half(epoch)
    }

    /// Whether the validation loss after `epoch`, from 1, counts for early stopping and for schedules that follow it.
    ///
    /// Training for streams resets fewer and fewer sequences in its first half (ST2 in `streams.rs`), and is validated
    /// without resets all the time. So there the first half says little.
    pub(super) fn is_watched(&self, epoch: usize) -> bool {
        !self.for_streams || self.is_in_second_half(epoch)
    }

    fn is_in_second_half(&self, epoch: usize) -> bool {
        2 * epoch > self.epochs
    }
}
