//! The log and the checkpoint of a run that is being trained.

use std::path::Path;
#[cfg(feature = "plots")]
use std::time::{Duration, Instant};

use super::error::TrainingRunError;
use crate::files::atomic::{self, WriteFileError};
use crate::files::disk;
#[cfg(feature = "plots")]
use crate::report::{Progress, progress_page};
#[cfg(feature = "plots")]
use crate::run::REPORT;
use crate::run::checkpoint;
use crate::run::{CHECKPOINT, LOG, RunConfig};
use crate::train::{BatchProgress, Divergence, EpochRecord, Observer, TrainState};

/// Between two pages of a run that goes on.
#[cfg(feature = "plots")]
const PAGE_EVERY: Duration = Duration::from_secs(3);

/// Keeps a run's log, checkpoint and page up to date, and passes every event on.
pub(super) struct Recorder<'a> {
    #[cfg_attr(
        not(feature = "plots"),
        expect(dead_code, reason = "only the page shows it")
    )]
    config: &'a RunConfig,
    folder: &'a Path,
    observer: &'a mut dyn Observer,
    /// When the page is written again.
    #[cfg(feature = "plots")]
    page_at: Instant,
    /// The first failure to write.
    pub(super) failure: Option<TrainingRunError>,
}

impl<'a> Recorder<'a> {
    /// Begins by writing the log of all earlier epochs, because a run that was killed between checkpoint and log
    /// lacks a line.
    pub(super) fn new(
        (config, folder): (&'a RunConfig, &'a Path),
        observer: &'a mut dyn Observer,
        history: &[EpochRecord],
    ) -> Self {
        let begin = || -> Result<(), TrainingRunError> {
            let lines: Vec<String> = history.iter().map(log_line).collect::<Result<_, _>>()?;
            Ok(atomic::write(&folder.join(LOG), lines.concat().as_bytes())?)
        };
        Self {
            config,
            folder,
            observer,
            #[cfg(feature = "plots")]
            page_at: Instant::now() + PAGE_EVERY,
            failure: begin().err(),
        }
    }

    fn save(&mut self, record: &EpochRecord, state: &TrainState) -> Result<(), TrainingRunError> {
        checkpoint::write(&self.folder.join(CHECKPOINT), state)?;
        let path = self.folder.join(LOG);
        let line = log_line(record)?;
        disk::append(&path, line.as_bytes()).map_err(|source| WriteFileError { path, source })?;
        #[cfg(feature = "plots")]
        if Instant::now() >= self.page_at {
            let (done, all) = (record.epoch, self.config.train.epochs);
            self.write_page(state, (&format!("Epoch {done} of {all} is done."), true))?;
            self.page_at = Instant::now() + PAGE_EVERY;
        }
        Ok(())
    }

    /// Says on the page that the run was stopped, if it has a page.
    #[cfg(feature = "plots")]
    pub(super) fn stopped(&self, state: &TrainState) -> Result<(), TrainingRunError> {
        if !self.folder.join(REPORT).exists() {
            return Ok(());
        }
        let text = format!(
            "Stopped after epoch {} of {}. `trainer-host train --resume {2}` goes on; `trainer-host report {2}` shows scores \
             and the network's inside.",
            state.epochs(),
            self.config.train.epochs,
            self.folder.display()
        );
        self.write_page(state, (&text, false))
    }

    #[cfg(feature = "plots")]
    fn write_page(&self, state: &TrainState, said: (&str, bool)) -> Result<(), TrainingRunError> {
        let progress = Progress {
            history: &state.history,
            best: state.best.as_ref().map(|best| best.epoch),
            ending: "",
        };
        let page = progress_page(self.config, &progress, said);
        Ok(atomic::write(&self.folder.join(REPORT), page.as_bytes())?)
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
