//! The log and the checkpoint of a run that is being trained.

use std::path::Path;

use super::error::TrainingRunError;
use crate::files::atomic::{self, WriteFileError};
use crate::files::disk;
use crate::run::checkpoint;
use crate::run::{CHECKPOINT, LOG};
use crate::train::{BatchProgress, Divergence, EpochRecord, Observer, TrainState};

/// Keeps a run's log and checkpoint up to date, and passes every event on.
pub(super) struct Recorder<'a> {
    folder: &'a Path,
    observer: &'a mut dyn Observer,
    /// The first failure to write.
    pub(super) failure: Option<TrainingRunError>,
}

impl<'a> Recorder<'a> {
    /// Begins by writing the log of all earlier epochs, because a run that was killed between checkpoint and log
    /// lacks a line.
    pub(super) fn new(
        folder: &'a Path,
        observer: &'a mut dyn Observer,
        history: &[EpochRecord],
    ) -> Self {
        let begin = || -> Result<(), TrainingRunError> {
            let lines: Vec<String> = history.iter().map(log_line).collect::<Result<_, _>>()?;
            Ok(atomic::write(&folder.join(LOG), lines.concat().as_bytes())?)
        };
        Self {
            folder,
            observer,
            failure: begin().err(),
        }
    }

    fn save(&self, record: &EpochRecord, state: &TrainState) -> Result<(), TrainingRunError> {
        checkpoint::write(&self.folder.join(CHECKPOINT), state)?;
        let path = self.folder.join(LOG);
        let line = log_line(record)?;
        disk::append(&path, line.as_bytes()).map_err(|source| WriteFileError { path, source })?;
        Ok(())
    }
}

fn log_line(record: &EpochRecord) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string(record)? + "\n")
}

impl Observer for Recorder<'_> {
    fn batch(&mut self, progress: &BatchProgress) {
        self.observer.batch(progress);
    }

    fn diverged(&mut self, divergence: &Divergence, kept: usize) {
        self.observer.diverged(divergence, kept);
    }

    fn epoch(&mut self, record: &EpochRecord, state: &TrainState) {
        self.observer.epoch(record, state);
        if self.failure.is_none() {
            self.failure = self.save(record, state).err();
        }
    }
}
