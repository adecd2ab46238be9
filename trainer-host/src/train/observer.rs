//! How a run reports its progress.

use super::state::{EpochRecord, TrainState};

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
