//! The training loop.

use std::sync::atomic::{AtomicBool, Ordering};

use super::batches::{mix, shuffled};
use super::config::{TrainConfig, is_classification};
use super::error::TrainError;
use super::observer::{BatchProgress, Observer};
use super::state::{Best, EpochRecord, TrainState};
use super::validation::{check, validate};
use crate::bptt::{Backpropagation, Example};
use crate::data::Dataset;
use crate::loss::{Loss, Target};
use crate::network::Network;
use crate::optimiser::{Optimiser, clip_global_norm};

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
        let loss = config.loss_for(train);
        if loss != Loss::MeanSquaredError && !is_classification(&train.targets) {
            return Err(TrainError::Config {
                key: "loss",
                found: loss.name().into(),
                needed: "mean-squared-error, since the targets are values and not classes",
            });
        }
        check("training", train, train)?;
        if let Some(validation) = validation {
            check("validation", validation, train)?;
        }
        Ok(Self {
            config,
            train,
            validation,
            loss,
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
