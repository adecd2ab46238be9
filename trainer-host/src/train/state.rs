//! The state of a run: everything that it needs to continue.

use serde::{Deserialize, Serialize};

use crate::network::Network;
use crate::optimiser::Optimiser;

/// The record of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: usize,
    /// Of its last update.
    pub learning_rate: f32,
    /// Mean over its batches, with noise and dropout.
    pub train_loss: f64,
    /// Share of right decisions over its batches, with noise and dropout, for a classification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_accuracy: Option<f64>,
    /// Mean norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// The epoch to whose weights a backtracking run returned after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned_to: Option<usize>,
    /// On the validation part, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
}

/// Loss and accuracy on the validation part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validation {
    /// Mean loss.
    pub loss: f64,
    /// Share of right decisions, for a classification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
}

/// The best weights so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// The epoch after which they were found, from 1.
    pub epoch: usize,
    /// Their loss and accuracy.
    pub validation: Validation,
    /// The weights.
    pub network: Network,
}

/// The state to which a backtracking run returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Anchor {
    /// The epoch after which it was found, from 1.
    pub epoch: usize,
    /// The weights.
    pub network: Network,
    /// The optimiser after that epoch.
    pub optimiser: Optimiser,
}

/// Everything that a run needs to continue.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainState {
    /// The latest weights.
    pub network: Network,
    /// The moving average of the weights, of a run that keeps one.
    pub average: Option<Network>,
    /// The optimiser with its memory.
    pub optimiser: Optimiser,
    /// One record for each epoch that is done.
    pub history: Vec<EpochRecord>,
    /// The best weights so far, if there is a validation part.
    pub best: Option<Best>,
    /// The lowest validation loss so far, under a backtracking schedule.
    pub anchor: Option<Anchor>,
}

impl TrainState {
    /// Number of finished epochs.
    pub fn epochs(&self) -> usize {
        self.history.len()
    }

    /// The weights that are judged and kept: the average, or the latest.
    pub fn judged(&self) -> &Network {
        self.average.as_ref().unwrap_or(&self.network)
    }

    /// The weights to use: the best by validation, or those that are judged.
    pub fn chosen(&self) -> &Network {
        self.best
            .as_ref()
            .map_or(self.judged(), |best| &best.network)
    }
}

/// What an epoch changes, before it.
pub(super) struct Weights {
    network: Network,
    average: Option<Network>,
    optimiser: Optimiser,
}

impl Weights {
    pub(super) fn of(state: &TrainState) -> Self {
        Self {
            network: state.network.clone(),
            average: state.average.clone(),
            optimiser: state.optimiser.clone(),
        }
    }

    pub(super) fn restore(self, state: &mut TrainState) {
        state.network = self.network;
        state.average = self.average;
        state.optimiser = self.optimiser;
    }
}
