//! Progress of training: a bar on a terminal, a plain line an epoch elsewhere, and the run's files.

use std::fmt::Write;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use crate::atomic_file;
use crate::checkpoint;
use crate::run_folder::{CHECKPOINT, LOG};
use crate::train::{BatchProgress, EpochRecord, Observer, TrainState};

/// Shows progress and keeps a run's log and checkpoint up to date.
pub(super) struct Progress {
    folder: PathBuf,
    bar: Option<ProgressBar>,
    epochs: usize,
    /// The first failure to write; training goes on, and the command fails in the end.
    pub(super) failure: Option<anyhow::Error>,
}

impl Progress {
    /// For a run of `epochs` epochs, of which `done` are finished.
    pub(super) fn new(folder: &Path, epochs: usize, done: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = "{elapsed_precise} [{bar:32}] {msg}, {eta} left";
            bar.set_style(
                ProgressStyle::with_template(style)
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.set_position(done as u64);
            bar
        });
        Self {
            folder: folder.to_owned(),
            bar,
            epochs,
            failure: None,
        }
    }

    fn save(&self, state: &TrainState) -> anyhow::Result<()> {
        checkpoint::write(&self.folder.join(CHECKPOINT), state)?;
        let mut log = String::new();
        for record in &state.history {
            writeln!(log, "{}", serde_json::to_string(record)?)?;
        }
        Ok(atomic_file::write(&self.folder.join(LOG), log.as_bytes())?)
    }
}

/// One epoch in words.
fn describe(record: &EpochRecord, epochs: usize) -> String {
    let mut text = format!(
        "epoch {:>3}/{epochs}  loss {:.4}",
        record.epoch, record.train_loss
    );
    if let Some(validation) = record.validation {
        let _ = write!(text, "  validation loss {:.4}", validation.loss);
        if let Some(accuracy) = validation.accuracy {
            let _ = write!(text, "  accuracy {:.2} %", 100.0 * accuracy);
        }
    }
    let _ = write!(text, "  rate {:.2e}", record.learning_rate);
    if let Some(epoch) = record.returned_to {
        let _ = write!(text, "  back to epoch {epoch}");
    }
    text
}

impl Observer for Progress {
    fn batch(&mut self, progress: &BatchProgress) {
        if let Some(bar) = &self.bar {
            bar.set_length((progress.epochs * progress.batches) as u64);
            bar.set_position(((progress.epoch - 1) * progress.batches + progress.batch) as u64);
            bar.set_message(format!(
                "epoch {}/{}, loss {:.4}, rate {:.2e}",
                progress.epoch, progress.epochs, progress.loss, progress.learning_rate
            ));
        }
    }

    fn epoch(&mut self, record: &EpochRecord, state: &TrainState) {
        let line = describe(record, self.epochs);
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
        if self.failure.is_none() {
            self.failure = self.save(state).err();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
