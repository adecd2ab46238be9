//! The names of the files in a run's folder, and how a run is removed from it.

use std::path::Path;

use crate::files::atomic::WriteFileError;
use crate::run::error::RunError;

/// The chosen network.
pub const WEIGHTS: &str = "weights.safetensors";
/// The state for `--resume`.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// One line an epoch.
pub const LOG: &str = "log.jsonl";
/// Final figures.
pub const METRICS: &str = "metrics.json";
/// Pictures.
pub const REPORT: &str = "report.html";
/// Pictures of the integers.
pub const QUANTISATION_REPORT: &str = "quantisation.html";
/// The integers.
pub const QUANTISED: &str = "quantised.safetensors";
/// The model file for firmware.
pub const MODEL: &str = "model.lstm";
/// All that a run follows from.
pub(super) const CONFIG: &str = "config.toml";
/// What was fitted or found.
pub(super) const FITTED: &str = "model.toml";

/// Removes the run that is in `folder`, its configuration first.
///
/// # Errors
/// When a file cannot be removed.
pub fn remove(folder: &Path) -> Result<(), RunError> {
    for file in [
        CONFIG,
        WEIGHTS,
        CHECKPOINT,
        LOG,
        METRICS,
        REPORT,
        QUANTISED,
        QUANTISATION_REPORT,
        MODEL,
        FITTED,
    ] {
        let path = folder.join(file);
        if path.is_file() {
            std::fs::remove_file(&path).map_err(|source| WriteFileError { path, source })?;
        }
    }
    Ok(())
}
