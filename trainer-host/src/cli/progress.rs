//! Progress of training: a bar on a terminal, a plain line an epoch elsewhere.

use std::fmt::Write;
use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use super::interrupt;
use crate::train::{BatchProgress, Divergence, EpochRecord, Observer, TrainState};

/// Shows the progress of training.
pub(super) struct Progress {
    /// The beginning of each line.
    label: String,
    bar: Option<ProgressBar>,
    epochs: usize,
}

impl Progress {
    /// For a run of `epochs` epochs, of which `done` are finished.
    pub(super) fn new(label: &str, epochs: usize, done: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = "{elapsed_precise} [{bar:16}] {eta} left, {wide_msg}";
            bar.set_style(
                ProgressStyle::with_template(style)
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.set_position(done as u64);
            interrupt::hint_above(&bar);
            bar
        });
        Self {
            label: label.to_owned(),
            bar,
            epochs,
        }
    }

    fn line(&self, text: &str) {
        let line = self.label.clone() + text;
        match &self.bar {
            Some(bar) => bar.println(line),
            None => say!("{line}"),
        }
    }

    /// Puts `label` before each line from now on.
    pub(super) fn label(&mut self, label: String) {
        self.label = label;
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
                "{}epoch {}/{}, loss {:.4}, rate {:.2e}",
                self.label, progress.epoch, progress.epochs, progress.loss, progress.learning_rate
            ));
        }
    }

    fn epoch(&mut self, record: &EpochRecord, _: &TrainState) {
        self.line(&describe(record, self.epochs));
    }

    fn diverged(&mut self, divergence: &Divergence, kept: usize) {
        self.line(&format!(
            "{divergence}. Training ends with the best weights up to epoch {kept}. Lower learning_rate or clip_norm, \
             or look for extreme values in the data"
        ));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            interrupt::hint_by(None);
            bar.finish_and_clear();
        }
    }
}
