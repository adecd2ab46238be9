//! The configuration of a training run, and what it means for a data set.

use serde::{Deserialize, Serialize};

use super::error::TrainError;
use crate::bptt::Perturbation;
use crate::data::{Dataset, Targets};
use crate::loss::Loss;
use crate::network::{Head, Mode, NetworkConfig};
use crate::optimiser::OptimiserConfig;
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

/// The most epochs; the updates of a run are counted in all.
const MAX_EPOCHS: usize = 1_000_000;

impl TrainConfig {
    /// Refuses numbers that cannot work.
    pub fn validate(&self) -> Result<(), TrainError> {
        let refuse = |key, found: String, needed| Err(TrainError::Config { key, found, needed });
        let positive = |value: f32| value.is_finite() && value > 0.0;
        if !(1..=MAX_EPOCHS).contains(&self.epochs) {
            return refuse("epochs", self.epochs.to_string(), "1 to 1000000");
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

pub(super) fn is_classification(targets: &Targets) -> bool {
    matches!(targets, Targets::Class(_) | Targets::ClassPerStep(_))
}
