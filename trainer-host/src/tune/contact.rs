//! Messages between a worker and its process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use super::stored_trial::{Attempt, StoredTrial, TrainingId};
use crate::cost::Footprint;
use crate::search::Point;

/// News from a worker.
#[derive(Clone, Debug)]
pub enum Event {
    /// It began a training, or continued one.
    Began {
        /// Which worker, from 0.
        worker: usize,
        /// The training, and which attempt at it this is.
        attempt: Attempt,
        /// Its settings.
        point: Point,
        /// What its model needs.
        footprint: Footprint,
        /// Number of epochs of the training.
        epochs: usize,
    },
    /// An epoch is over.
    Epoch {
        /// Which worker.
        worker: usize,
        /// From 1.
        epoch: usize,
        /// The lowest value so far.
        lowest: f64,
    },
    /// Its database failed, and the worker tries again; or it answers again.
    Trouble(String),
    /// Its training has ended, or was taken away from it.
    Ended {
        /// Which worker.
        worker: usize,
        /// Which training.
        training: TrainingId,
        /// Its trial as the study knows it now; `None` if it was taken away or given back.
        trial: Option<Box<StoredTrial>>,
    },
}

/// One worker's line to its process.
pub(super) struct Contact<'a> {
    /// The worker's number, from 0.
    pub(super) worker: usize,
    /// Where news goes.
    pub(super) events: Sender<Event>,
    /// The user wants all workers to stop.
    pub(super) stop: &'a AtomicBool,
    /// Another worker of this process cannot continue.
    pub(super) failed: &'a AtomicBool,
}

impl Contact<'_> {
    pub(super) fn tell(&self, event: Event) {
        // Nobody needs to listen.
        let _ = self.events.send(event);
    }

    pub(super) fn is_to_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed)
    }
}
