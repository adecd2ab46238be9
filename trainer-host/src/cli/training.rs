//! Training with progress on the terminal, for every command that trains a run.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::anyhow;

use super::progress::Progress;
use crate::run::RunError;
use crate::training_run::{Metrics, TrainingRun, TrainingRunError};

/// Trains and shows progress; each line begins with `label`.
pub(super) fn train(
    run: TrainingRun,
    folder: &Path,
    label: &str,
    stop: &AtomicBool,
) -> anyhow::Result<Metrics> {
    eprintln!("{label}{}", run.data().train.summary());
    let epochs = run.config().train.epochs;
    let mut progress = Progress::new(label, epochs, run.epochs_done());
    let metrics = run.train(&mut progress, stop)?;
    metrics.ok_or_else(|| {
        let command = format!("trainer-host train --resume {}", folder.display());
        anyhow!("stopped before the last of {epochs} epochs; continue with `{command}`")
    })
}

/// Whether this error says that the folder already holds a run.
pub(super) fn is_existing(error: &TrainingRunError) -> bool {
    matches!(error, TrainingRunError::Run(RunError::Exists { .. }))
}
