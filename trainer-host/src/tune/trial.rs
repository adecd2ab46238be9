//! One trial: a run, its integers, and what they come to on the validation part.
//!
//! ```text
//! error   of classes: wrong / n + (L / (1 + L)) / n      of values: mean squared error          (Y1)
//! ```
//!
//! of n decisions on the validation part, where the loss L only decides between as many wrong ones.
//! A forecast's error is standardised where that is known. The test part has no say: it is not even
//! opened.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use lstm_nostd::Model;
use serde::{Deserialize, Serialize};

use super::plan::{FootprintError, Plan, PlanError, footprint};
use crate::choose::{ChooseError, Request, choose};
use crate::cost::{Exceeded, Footprint, Limits};
use crate::data::{Dataset, Parts};
use crate::evaluate::{Score, ValueScore, score};
use crate::export::{GOLDEN_STEPS, check_data};
use crate::integers;
use crate::run_folder::{Run, RunConfig, RunError};
use crate::search::Objective;
use crate::train::{Observer, QAT_CLIPPING, QAT_ROUNDING, TrainError, Validation};
use crate::training_run::{TrainingRun, TrainingRunError};

/// What a finished trial came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialResult {
    /// (Y1) of the integers.
    pub error: f64,
    /// Share of right decisions of the integers, for a classification.
    pub accuracy: Option<f64>,
    /// Share of right decisions in f32, for a classification.
    pub float_accuracy: Option<f64>,
    /// The epoch whose weights were chosen, from 1.
    pub best_epoch: usize,
    /// Epochs that were trained.
    pub epochs: usize,
}

impl TrialResult {
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
    /// There is nothing to judge it by.
    #[error(
        "there is no validation part to choose by; set train.validation_share to, for example, 0.15"
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

/// The data of a study, without its test part, and what trials of it need.
#[derive(Debug)]
pub struct TrialData {
    base: RunConfig,
    parts: Parts,
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
    /// Of all sequences.
    all_steps: usize,
}

impl Shape {
    fn of(train: &Dataset) -> Self {
        Self {
            example: train.select(&[0]),
            first_steps: train.sequences.first().map_or(0, |first| first.nrows()),
            all_steps: train.sequences.iter().map(|s| s.nrows()).sum(),
        }
    }
}

impl TrialData {
    /// Opens the data as `base` says.
    ///
    /// # Errors
    /// When it cannot be read, has no validation part, or no model file can hold it.
    pub fn open(base: &RunConfig) -> Result<Self, TrialError> {
        if base.train.init.is_some() {
            return Err(TrialError::Initial);
        }
        let parts = without_test(base)?;
        check_data(&parts.train).map_err(TrainingRunError::from)?;
        Ok(Self {
            base: base.clone(),
            shape: Shape::of(&parts.train),
            parts,
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

    /// The parts for `config`, which may read them in another way.
    fn for_config(&self, config: &RunConfig) -> Result<Cow<'_, Parts>, TrialError> {
        if self.is_base(config) {
            Ok(Cow::Borrowed(&self.parts))
        } else {
            without_test(config).map(Cow::Owned)
        }
    }

    /// The shape of the data for `config`; `None` where it cannot be read so.
    fn shape(&self, config: &RunConfig) -> Option<Shape> {
        if self.is_base(config) {
            return Some(self.shape.clone());
        }
        let key = format!("{:?}", config.data);
        let mut shapes = self
            .shapes
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
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

    /// Multiply-accumulates of an epoch of `plan`: three for each weight and step, one forward and two
    /// back.
    pub fn macs_per_epoch(&self, plan: &Plan) -> f64 {
        let Some(shape) = self.shape(&plan.config) else {
            return 0.0;
        };
        let network = plan.config.train.network(&shape.example);
        let mut width = network.inputs;
        let mut weights = 0;
        for &hidden in &network.hidden {
            weights += 4 * hidden * (width + hidden);
            width = hidden;
        }
        for &units in network.dense.iter().chain([&network.outputs]) {
            weights += width * units;
            width = units;
        }
        3.0 * (weights * shape.all_steps) as f64
    }

    /// The value of an epoch that trials are compared by while they run: (Y1) in f32, or the loss.
    pub fn value(&self, validation: &Validation) -> f64 {
        match validation.accuracy {
            Some(accuracy) => error(accuracy, validation.loss, decisions(self.validation())),
            None => validation.loss,
        }
    }
}

fn without_test(config: &RunConfig) -> Result<Parts, TrialError> {
    let mut parts = config.open_data()?;
    parts.test = None;
    if parts.validation.is_none() {
        return Err(TrialError::NoValidation);
    }
    Ok(parts)
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

/// Trains the run that [`begin`] gave for `plan` and `folder`, quantises and judges; `None` if `stop` was
/// set.
///
/// # Errors
/// [`TrialError`]
pub fn run(
    run: TrainingRun,
    (plan, folder): (&Plan, &Path),
    data: &TrialData,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Option<TrialResult>, TrialError> {
    let Some(metrics) = run.train(observer, stop)? else {
        return Ok(None);
    };
    let run = Run::open(folder)?;
    let parts = data.for_config(&plan.config)?;
    let (train, validation) = (&parts.train, parts.validation.as_ref());
    let validation = validation.ok_or(TrialError::NoValidation)?;
    let request = request(plan, &run);
    let chosen = choose(&run, train, Some(validation), &request)?;
    let model = Model::parse(&chosen.bytes).expect("the writer returns only what parses");
    let sequences: Vec<_> = validation.sequences.iter().map(|s| s.view()).collect();
    let judged = score(validation, &integers::outputs(&model, &sequences));
    let loss = metrics.best_validation.map_or(0.0, |best| best.loss);
    let accuracy = |score: &Score| match score {
        Score::Classes(score) => Some(score.accuracy),
        Score::Values(_) => None,
    };
    let error = match &judged {
        Score::Classes(score) => error(score.accuracy, loss, score.decisions),
        Score::Values(ValueScore {
            standardised: Some(errors),
            ..
        }) => errors.mse,
        Score::Values(score) => score.errors.mse,
    };
    Ok(Some(TrialResult {
        error,
        accuracy: accuracy(&judged),
        float_accuracy: metrics.validation.as_ref().and_then(accuracy),
        best_epoch: metrics.best_epoch.unwrap_or(metrics.epochs),
        epochs: metrics.epochs,
    }))
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

/// The trial's run, new or as an earlier attempt left it.
///
/// # Errors
/// When it cannot be trained.
pub fn begin(plan: &Plan, data: &TrialData, folder: &Path) -> Result<TrainingRun, TrialError> {
    let parts = data.for_config(&plan.config)?;
    let before = RunConfig::read(folder);
    if before.is_ok_and(|before| before == plan.config) {
        // A run that was killed while its folder was made is begun anew.
        if let Ok(run) = TrainingRun::resume_with(parts.clone().into_owned(), folder) {
            return Ok(run);
        }
    }
    let (config, parts) = (plan.config.clone(), parts.into_owned());
    Ok(TrainingRun::begin_with(config, parts, folder, true)?)
}
