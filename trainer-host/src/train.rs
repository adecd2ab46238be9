//! The training loop: epochs of shuffled mini-batches, the best weights kept by validation.
//!
//! Everything that is random follows from the configuration's seed and the number of the epoch, so
//! that a run which goes on from the state after any epoch ends with the same bits as one that was
//! never interrupted, on any number of threads.

use std::sync::atomic::{AtomicBool, Ordering};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::bptt::{Backpropagation, Example, Perturbation};
use crate::data::{Dataset, Targets};
use crate::loss::{Loss, Target};
use crate::network::{Head, Mode, Network, NetworkConfig, StructureError};
use crate::optimiser::{Optimiser, OptimiserConfig, clip_global_norm};
use crate::schedule::Schedule;

/// How to train; every field has a default that works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Hidden units of each LSTM layer, first to last.
    pub hidden: Vec<usize>,
    /// Whether the LSTM layers have peephole connections.
    pub peepholes: bool,
    /// Units of each dense ReLU layer before the output layer.
    pub dense: Vec<usize>,
    /// The forget gates' biases to begin with: a cell remembers for about `exp(bias)` steps, so
    /// events that are far apart want 3 or more.
    pub forget_bias: f32,
    /// The loss; without one, that of the data: cross-entropy for classes, mean squared error for
    /// values.
    pub loss: Option<Loss>,
    /// Passes over the training part.
    pub epochs: usize,
    /// Sequences of a mini-batch.
    pub batch_size: usize,
    /// The peak learning rate.
    pub learning_rate: f32,
    /// Share of the training data that is split off for choosing the best weights; 0 for none,
    /// then the last weights are kept.
    pub validation_share: f64,
    /// The gradient's largest global norm.
    pub clip_norm: f32,
    /// Standard deviation of Gaussian noise on the normalised inputs; without one, 0.3 for
    /// sequences of one class each and 0 for all else, where exact values and steps may count.
    pub input_noise: Option<f32>,
    /// Probability that an output of an LSTM layer is dropped on its way up; without one, 0.2 for
    /// sequences of one class each and 0 for all else.
    pub dropout: Option<f32>,
    /// Seeds the split, the initial weights, the order of sequences and all noise.
    pub seed: u64,
    /// How the learning rate moves.
    pub schedule: Schedule,
    /// The optimiser.
    pub optimiser: OptimiserConfig,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            hidden: vec![32],
            peepholes: true,
            dense: Vec::new(),
            forget_bias: 1.0,
            loss: None,
            epochs: 60,
            batch_size: 32,
            learning_rate: 0.01,
            validation_share: 0.15,
            clip_norm: 1.0,
            input_noise: None,
            dropout: None,
            seed: 0,
            schedule: Schedule::default(),
            optimiser: OptimiserConfig::default(),
        }
    }
}

/// Why training cannot begin or go on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// A number of the configuration is out of its range.
    #[error("{key} is {found}, and must be {needed}")]
    Config {
        /// The key in the configuration.
        key: &'static str,
        /// Its value.
        found: String,
        /// What it must be.
        needed: &'static str,
    },
    /// The network cannot be built.
    #[error(transparent)]
    Structure(#[from] StructureError),
    /// The data cannot be trained on.
    #[error("the {part} part {problem}")]
    Data {
        /// Training or validation.
        part: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The loss is no longer a number.
    #[error(
        "the loss became {loss} in epoch {epoch}, batch {batch}; lower learning_rate or clip_norm, \
         or look for extreme values in the data"
    )]
    Diverged {
        /// From 1.
        epoch: usize,
        /// From 1.
        batch: usize,
        /// The loss.
        loss: f64,
    },
    /// A state from a run with another network or optimiser.
    #[error("the saved state does not fit this configuration: {0}; start a new run")]
    State(String),
}

impl TrainConfig {
    /// Refuses numbers that cannot work.
    pub fn validate(&self) -> Result<(), TrainError> {
        let refuse = |key, found: String, needed| Err(TrainError::Config { key, found, needed });
        let positive = |value: f32| value.is_finite() && value > 0.0;
        if self.epochs == 0 {
            return refuse("epochs", "0".into(), "at least 1");
        }
        if i64::try_from(self.seed).is_err() {
            return refuse(
                "seed",
                self.seed.to_string(),
                "below 2^63, as TOML's integers are",
            );
        }
        if self.batch_size == 0 {
            return refuse("batch_size", "0".into(), "at least 1");
        }
        for (key, value) in [
            ("learning_rate", self.learning_rate),
            ("clip_norm", self.clip_norm),
        ] {
            if !positive(value) {
                return refuse(key, value.to_string(), "a number above 0");
            }
        }
        if !(0.0..1.0).contains(&self.validation_share) {
            let found = self.validation_share.to_string();
            return refuse("validation_share", found, "at least 0 and below 1");
        }
        if !self.forget_bias.is_finite() {
            return refuse("forget_bias", self.forget_bias.to_string(), "a number");
        }
        if let Some(noise) = self.input_noise
            && !(noise.is_finite() && noise >= 0.0)
        {
            return refuse("input_noise", noise.to_string(), "at least 0");
        }
        if let Some(dropout) = self.dropout
            && !(0.0..1.0).contains(&dropout)
        {
            return refuse("dropout", dropout.to_string(), "at least 0 and below 1");
        }
        if let Schedule::Cosine { warm_up } = self.schedule
            && !(0.0..1.0).contains(&warm_up)
        {
            return refuse(
                "schedule.warm_up",
                warm_up.to_string(),
                "at least 0 and below 1",
            );
        }
        if let Some((key, value)) = self.optimiser.out_of_range() {
            return refuse(
                key,
                value.to_string(),
                "at least 0 and below 1 (epsilon above 0)",
            );
        }
        Ok(())
    }

    /// The network for `data`: a softmax over its classes (or one sigmoid output for two classes
    /// under binary cross-entropy), or its values as they are.
    pub fn network(&self, data: &Dataset) -> NetworkConfig {
        let loss = self.loss_for(data);
        let one_output = loss == Loss::BinaryCrossEntropy
            && is_classification(&data.targets)
            && data.outputs.len() == 2;
        NetworkConfig {
            inputs: data.channels.len(),
            hidden: self.hidden.clone(),
            peepholes: self.peepholes,
            dense: self.dense.clone(),
            outputs: if one_output { 1 } else { data.outputs.len() },
            head: match loss {
                Loss::CrossEntropy => Head::Softmax,
                Loss::BinaryCrossEntropy => Head::Sigmoid,
                Loss::MeanSquaredError => Head::Linear,
            },
            mode: match &data.targets {
                Targets::Class(_) | Targets::Value(_) => Mode::SequenceToOne,
                Targets::ClassPerStep(_) | Targets::ValuePerStep(_) => Mode::SequenceToSequence,
            },
        }
    }

    /// The noise and dropout for `data`.
    pub fn perturbation(&self, data: &Dataset) -> Perturbation {
        let (noise, dropout) = match &data.targets {
            Targets::Class(_) => (0.3, 0.2),
            _ => (0.0, 0.0),
        };
        Perturbation {
            input_noise: self.input_noise.unwrap_or(noise),
            dropout: self.dropout.unwrap_or(dropout),
        }
    }

    /// The loss for `data`.
    pub fn loss_for(&self, data: &Dataset) -> Loss {
        self.loss.unwrap_or(if is_classification(&data.targets) {
            Loss::CrossEntropy
        } else {
            Loss::MeanSquaredError
        })
    }
}

fn is_classification(targets: &Targets) -> bool {
    matches!(targets, Targets::Class(_) | Targets::ClassPerStep(_))
}

/// What one epoch brought.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: usize,
    /// Of its last update.
    pub learning_rate: f32,
    /// Mean over its batches, with noise and dropout.
    pub train_loss: f64,
    /// Mean norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// On the validation part, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
}

/// How the network does on the validation part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Mean loss.
    pub loss: f64,
    /// Share of right decisions, for a classification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
}

/// The weights that did best so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// The epoch after which they were found, from 1.
    pub epoch: usize,
    /// How they did.
    pub validation: Validation,
    /// The weights.
    pub network: Network,
}

/// All that a run needs to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainState {
    /// The latest weights.
    pub network: Network,
    /// The optimiser with its memory.
    pub optimiser: Optimiser,
    /// One record for each epoch that is done.
    pub history: Vec<EpochRecord>,
    /// The best weights of the run's second half, if there is a validation part.
    pub best: Option<Best>,
}

impl TrainState {
    /// Epochs that are done.
    pub fn epochs(&self) -> usize {
        self.history.len()
    }

    /// The weights to use: the best by validation, or the latest.
    pub fn chosen(&self) -> &Network {
        self.best
            .as_ref()
            .map_or(&self.network, |best| &best.network)
    }
}

/// Where a run stands, after each batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchProgress {
    /// From 1.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// From 1.
    pub batch: usize,
    /// Batches of an epoch.
    pub batches: usize,
    /// Of this batch.
    pub loss: f64,
    /// Of this batch's update.
    pub learning_rate: f32,
}

/// Someone who wants to know how a run goes.
pub trait Observer {
    /// After each batch.
    fn batch(&mut self, progress: &BatchProgress) {
        let _ = progress;
    }

    /// After each epoch; the state is one that a run can go on from.
    fn epoch(&mut self, record: &EpochRecord, state: &TrainState) {
        let _ = (record, state);
    }
}

/// Watches nothing.
impl Observer for () {}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All epochs are done.
    Finished,
    /// It was asked to stop; the state is that after the last whole epoch.
    Stopped,
}

/// A training run.
#[derive(Debug)]
pub struct Trainer<'a> {
    config: &'a TrainConfig,
    train: &'a Dataset,
    validation: Option<&'a Dataset>,
    loss: Loss,
    state: TrainState,
}

impl<'a> Trainer<'a> {
    /// A new run over normalised data.
    pub fn new(
        config: &'a TrainConfig,
        train: &'a Dataset,
        validation: Option<&'a Dataset>,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        let mut network = Network::new(&config.network(train), config.seed)?;
        network.set_forget_bias(config.forget_bias);
        let optimiser = Optimiser::new(config.optimiser, network.parameter_count());
        let state = TrainState {
            network,
            optimiser,
            history: Vec::new(),
            best: None,
        };
        Self::resume(config, train, validation, state)
    }

    /// A run that goes on from `state`.
    pub fn resume(
        config: &'a TrainConfig,
        train: &'a Dataset,
        validation: Option<&'a Dataset>,
        state: TrainState,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        let needed = config.network(train);
        if state.network.config != needed {
            let found = &state.network.config;
            return Err(TrainError::State(format!(
                "its network is {found:?}, needed {needed:?}"
            )));
        }
        let parameters = state.network.parameter_count();
        let fresh = Optimiser::new(config.optimiser, parameters);
        let sizes = |optimiser: &Optimiser| -> Vec<usize> {
            optimiser.moments().iter().map(Vec::len).collect()
        };
        if sizes(&state.optimiser) != sizes(&fresh) {
            return Err(TrainError::State("its optimiser has another memory".into()));
        }
        check("training", train, train)?;
        if let Some(validation) = validation {
            check("validation", validation, train)?;
        }
        Ok(Self {
            config,
            train,
            validation,
            loss: config.loss_for(train),
            state,
        })
    }

    /// Where the run stands.
    pub fn state(&self) -> &TrainState {
        &self.state
    }

    /// The state after the run.
    pub fn into_state(self) -> TrainState {
        self.state
    }

    /// Trains until all epochs are done, or `stop` is set, which is looked at before each batch.
    pub fn run(
        &mut self,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<Ending, TrainError> {
        let perturbation = self.config.perturbation(self.train);
        let mut backpropagation =
            Backpropagation::new(&self.state.network, self.loss, perturbation);
        while self.state.epochs() < self.config.epochs {
            // A stopped epoch leaves no trace.
            let before = (self.state.network.clone(), self.state.optimiser.clone());
            match self.epoch(&mut backpropagation, observer, stop)? {
                Some(record) => {
                    self.state.history.push(record);
                    self.keep_best(&record);
                    observer.epoch(&record, &self.state);
                }
                None => {
                    (self.state.network, self.state.optimiser) = before;
                    return Ok(Ending::Stopped);
                }
            }
        }
        Ok(Ending::Finished)
    }

    /// One epoch; `None` if it was stopped.
    fn epoch(
        &mut self,
        backpropagation: &mut Backpropagation,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<Option<EpochRecord>, TrainError> {
        let epoch = self.state.epochs() + 1;
        let order = shuffled(
            self.train.sequences.len(),
            mix(self.config.seed, epoch as u64),
        );
        let batches = order.len().div_ceil(self.config.batch_size);
        let (mut loss_sum, mut norm_sum, mut rate) = (0.0, 0.0, 0.0);
        for (batch, indices) in order.chunks(self.config.batch_size).enumerate() {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let examples: Vec<Example<'_>> =
                indices.iter().map(|&s| self.example(s, epoch)).collect();
            let (loss, gradient) = backpropagation.gradient(&self.state.network, &examples);
            let norm = clip_global_norm(gradient, self.config.clip_norm);
            if !(loss.is_finite() && norm.is_finite()) {
                return Err(TrainError::Diverged {
                    epoch,
                    batch: batch + 1,
                    loss,
                });
            }
            let update = (epoch - 1) * batches + batch;
            let updates = self.config.epochs * batches;
            rate = self
                .config
                .schedule
                .rate(self.config.learning_rate, update, updates);
            self.state
                .optimiser
                .update(&mut self.state.network, gradient, rate);
            loss_sum += loss * indices.len() as f64;
            norm_sum += norm;
            observer.batch(&BatchProgress {
                epoch,
                epochs: self.config.epochs,
                batch: batch + 1,
                batches,
                loss,
                learning_rate: rate,
            });
        }
        Ok(Some(EpochRecord {
            epoch,
            learning_rate: rate,
            train_loss: loss_sum / order.len() as f64,
            gradient_norm: norm_sum / batches as f64,
            validation: self
                .validation
                .map(|data| validate(&self.state.network, data, self.loss)),
        }))
    }

    fn example(&self, index: usize, epoch: usize) -> Example<'a> {
        Example {
            sequence: self.train.sequences[index].view(),
            target: Target::of(&self.train.targets, index),
            seed: mix(mix(self.config.seed, epoch as u64), index as u64 + 1),
        }
    }

    /// Keeps the weights if their validation loss is the lowest of the run's second half. In the
    /// first half the learning rate is near its peak and a low loss is mostly luck: over splits of
    /// five data sets, weights chosen from the second half did as well or better on a third part.
    fn keep_best(&mut self, record: &EpochRecord) {
        let Some(validation) = record.validation else {
            return;
        };
        if 2 * record.epoch <= self.config.epochs {
            return;
        }
        if self
            .state
            .best
            .as_ref()
            .is_none_or(|best| validation.loss <= best.validation.loss)
        {
            let network = self.state.network.clone();
            self.state.best = Some(Best {
                epoch: record.epoch,
                validation,
                network,
            });
        }
    }
}

/// Mean loss of `network` on normalised data, and accuracy for a classification.
pub fn validate(network: &Network, data: &Dataset, loss: Loss) -> Validation {
    let sequences: Vec<_> = data
        .sequences
        .iter()
        .map(|sequence| sequence.view())
        .collect();
    let mut gradient = vec![0.0; network.config.outputs];
    let (mut sum, mut rows, mut right) = (0.0, 0usize, 0usize);
    for (s, outputs) in network.outputs(&sequences).iter().enumerate() {
        let target = Target::of(&data.targets, s);
        for (t, row) in outputs.rows().into_iter().enumerate() {
            let row = row.to_slice().expect("outputs are stored row by row");
            let expected = target.expected(t);
            sum += loss.row(row, expected, &mut gradient);
            rows += 1;
            right += usize::from(expected.is_met_by(row));
        }
    }
    let rows = rows.max(1) as f64;
    Validation {
        loss: sum / rows,
        accuracy: is_classification(&data.targets).then_some(right as f64 / rows),
    }
}

fn check(part: &'static str, data: &Dataset, train: &Dataset) -> Result<(), TrainError> {
    let refuse = |problem: String| Err(TrainError::Data { part, problem });
    if data.sequences.is_empty() {
        return refuse("has no sequences".into());
    }
    if data.channels.len() != train.channels.len() || data.outputs.len() != train.outputs.len() {
        return refuse(format!(
            "has {} channels and {} outputs, and the training part {} and {}",
            data.channels.len(),
            data.outputs.len(),
            train.channels.len(),
            train.outputs.len()
        ));
    }
    for (s, sequence) in data.sequences.iter().enumerate() {
        if sequence.nrows() == 0 {
            return refuse(format!("has an empty sequence (number {s}, from 0)"));
        }
        if sequence.iter().any(|value| !value.is_finite()) {
            return refuse(format!(
                "has a value that is not finite in sequence {s}, from 0"
            ));
        }
    }
    Ok(())
}

/// The numbers `0..count` in an order that follows from `seed`.
fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order
}

/// A seed from two (the finaliser of SplitMix64 on their combination).
fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_add(b.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
