//! How a run reports its progress.

use super::divergence::Divergence;
use super::state::{EpochRecord, TrainState};

/// The progress of a run after a batch.
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

/// An observer of a run.
pub trait Observer {
    /// Called after each batch.
    fn batch(&mut self, progress: &BatchProgress) {
        let _ = progress;
    }

    /// Called after each epoch, with a state from which a run can continue.
    fn epoch(&mut self, record: &EpochRecord, state: &TrainState) {
        let _ = (record, state);
    }

    /// Called when training diverges after epoch `kept`, whose state the run returns to before it ends.
    fn diverged(&mut self, divergence: &Divergence, kept: usize) {
        let _ = (divergence, kept);
    }
}

/// Ignores every event.
impl Observer for () {}
