//! What the updates of an epoch come to.

use super::state::EpochRecord;

/// The updates of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchUpdates {
    /// Mean loss over the batch.
    pub(super) loss: f64,
    /// Rows of outputs, and those of them that decide right.
    pub(super) rows: usize,
    pub(super) right: usize,
    /// Sum of the gradient's norms before clipping.
    pub(super) norm_sum: f64,
    pub(super) updates: usize,
    /// The learning rate of the last update.
    pub(super) rate: f32,
}

/// Sums over the batches of an epoch.
#[derive(Debug, Default)]
pub(super) struct EpochSums {
    /// Of the loss, over sequences.
    pub(super) loss: f64,
    sequences: usize,
    rows: usize,
    right: usize,
    norm: f64,
    updates: usize,
    rate: f32,
}

impl EpochSums {
    /// Adds a batch of so many sequences.
    pub(super) fn add(&mut self, done: &BatchUpdates, sequences: usize) {
        self.loss += done.loss * sequences as f64;
        self.sequences += sequences;
        self.rows += done.rows;
        self.right += done.right;
        self.norm += done.norm_sum;
        self.updates += done.updates;
        self.rate = done.rate;
    }

    /// The record of the epoch, without what the validation part says; with an accuracy for classes.
    pub(super) fn record(&self, epoch: usize, is_class: bool) -> EpochRecord {
        EpochRecord {
            epoch,
            learning_rate: self.rate,
            train_loss: self.loss / self.sequences as f64,
            train_accuracy: is_class.then(|| self.right as f64 / self.rows as f64),
            gradient_norm: self.norm / self.updates as f64,
            returned_to: None,
            validation: None,
        }
    }
}
