//! Follows a training while it runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::claim::Claimed;
use super::contact::{Contact, Event};
use super::plan::Trains;
use super::stored_trial::lowest;
use super::study::{Study, StudyError};
use super::trial_training::Follower;
use crate::search::{self, Progress, SearchConfig};
use crate::train::{BatchProgress, EpochRecord, Observer, TrainState};

/// How often the values of epochs are stored while a trial runs.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// The same after the study did not answer, for which the training waited.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Follows a training: stores its values, and stops it when others did better or the claim was lost.
pub(super) struct Watch<'a, 'w> {
    contact: &'a Contact<'w>,
    search: &'a SearchConfig,
    study: &'a mut Study,
    claimed: &'a Claimed,
    costs: Vec<f64>,
    epochs: usize,
    pub(super) values: Vec<f64>,
    /// Multiply-accumulates of all epochs of all runs.
    pub(super) macs: f64,
    /// How many values the study has.
    stored: usize,
    /// When to store more.
    tell_at: Instant,
    halt: &'a AtomicBool,
    /// The trial is stopped, since others did better.
    pub(super) stopped_early: bool,
    /// The study failed for good.
    pub(super) failure: Option<StudyError>,
}

impl<'a, 'w> Watch<'a, 'w> {
    /// Follows the training `claimed`, of `epochs` epochs.
    pub(super) fn new(
        contact: &'a Contact<'w>,
        search: &'a SearchConfig,
        study: &'a mut Study,
        claimed: &'a Claimed,
        epochs: usize,
        halt: &'a AtomicBool,
    ) -> Self {
        Self {
            costs: search.costs(&claimed.footprint),
            contact,
            search,
            study,
            claimed,
            epochs,
            values: Vec::new(),
            macs: 0.0,
            stored: 0,
            tell_at: Instant::now() + TELL_EVERY,
            halt,
            stopped_early: false,
            failure: None,
        }
    }

    /// Tells who listens that so many epochs have ended, of all folds or of one after the other.
    fn show(&self, epoch: usize) {
        self.contact.tell(Event::Epoch {
            worker: self.contact.worker,
            epoch,
            lowest: lowest(&self.values),
        });
    }

    fn tell_study(&mut self) {
        if Instant::now() < self.tell_at {
            return;
        }
        let attempt = self.claimed.attempt;
        let new = &self.values[self.stored..];
        let is_ours =
            (self.study.reconnect()).and_then(|()| self.study.tell(attempt, self.stored + 1, new));
        self.tell_at = Instant::now() + TELL_EVERY;
        match is_ours {
            Ok(true) => self.stored = self.values.len(),
            Ok(false) => self.halt.store(true, Ordering::Relaxed),
            // The values are stored later, or at the end.
            Err(error) if error.is_transient() => {
                self.tell_at = Instant::now() + TELL_AGAIN_AFTER;
            }
            Err(error) => {
                self.failure = Some(error);
                self.halt.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Observer for Watch<'_, '_> {
    fn batch(&mut self, _: &BatchProgress) {
        if self.contact.is_to_stop() {
            self.halt.store(true, Ordering::Relaxed);
        }
    }

    fn epoch(&mut self, record: &EpochRecord, _: &TrainState) {
        if self.claimed.plan.trains == Trains::OtherFolds {
            self.show(record.epoch);
        }
        if !self.stopped_early {
            self.tell_study();
        }
    }
}

impl Follower for Watch<'_, '_> {
    fn spent(&mut self, macs: f64) {
        self.macs += macs;
    }

    fn value(&mut self, value: f64) -> bool {
        self.values.push(value);
        if self.claimed.plan.trains != Trains::OtherFolds {
            self.show(self.values.len());
        }
        let own = Progress {
            values: self.values.clone(),
            costs: self.costs.clone(),
        };
        let stopping = self.search.stopping;
        self.stopped_early = search::stops(stopping, self.epochs, &own, &self.claimed.earlier);
        !self.stopped_early
    }
}
