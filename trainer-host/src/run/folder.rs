//! A run's folder: the names of its files, the lock of the process that writes them, and how a run is removed.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::files::atomic::{self, WriteFileError};
use crate::files::disk;
use crate::run::error::RunError;
use crate::run::quantisations;

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
/// Pictures of the integers, as an earlier version named them.
pub(super) const QUANTISATION_REPORT: &str = "quantisation.html";
/// The integers, as an earlier version named them; `quantisations` has the names of today.
pub const QUANTISED: &str = "quantised.safetensors";
/// The data of an imported run that came with inputs alone or without data.
pub const CALIBRATION: &str = "calibration.npz";
/// The model file for firmware.
pub const MODEL: &str = "model.lstm";
/// All that a run follows from.
pub(super) const CONFIG: &str = "config.toml";
/// What was fitted or found.
pub(super) const FITTED: &str = "model.toml";

/// Held by the process that writes the run; the system takes it back from one that ends or crashes.
const LOCK: &str = ".lock";

/// The right to write in a run's folder, until it is dropped.
#[derive(Debug)]
pub struct FolderLock {
    folder: PathBuf,
    _file: File,
}

impl FolderLock {
    /// Takes the folder, makes it where it is not there, and sweeps what a killed process left half-written.
    ///
    /// # Errors
    /// [`RunError::Busy`] while another process has it, and when the folder cannot be written.
    pub fn take(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join(LOCK);
        let failed = |source| WriteFileError {
            path: path.clone(),
            source,
        };
        if folder.is_file() {
            let folder = folder.to_owned();
            return Err(RunError::NotAFolder { folder });
        }
        disk::create_dir_all(folder).map_err(failed)?;
        let file = disk::open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let folder = folder.to_owned();
                return Err(RunError::Busy { folder });
            }
            // Some file systems know no locks; a run is trained there nonetheless.
            Err(TryLockError::Error(error)) if is_without_locks(&error) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error).into()),
        }
        atomic::sweep(folder);
        Ok(Self {
            folder: folder.to_owned(),
            _file: file,
        })
    }

    /// Whether a file of a run's folder with this name is its lock.
    pub(crate) fn is_named(name: &std::ffi::OsStr) -> bool {
        name == LOCK
    }

    /// Takes `folder` from a process that has lost it but may be asleep: a new process locks a new file, and
    /// the old lock holds nothing. Call it once that process can no longer write, because the folder has moved.
    ///
    /// # Errors
    /// When the file of the lock cannot be removed.
    pub fn take_away(folder: &Path) -> Result<(), WriteFileError> {
        let path = folder.join(LOCK);
        match disk::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(WriteFileError { path, source })
            }
            _ => Ok(()),
        }
    }

    /// Of the run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Whether the file system has no locks. One on a network without a lock service says ENOLCK.
fn is_without_locks(error: &std::io::Error) -> bool {
    const ENOLCK: i32 = if cfg!(target_os = "macos") { 77 } else { 37 };
    error.kind() == ErrorKind::Unsupported || cfg!(unix) && error.raw_os_error() == Some(ENOLCK)
}

/// Removes the run that is in `folder`, its configuration first.
///
/// # Errors
/// When a file cannot be removed.
pub fn remove(folder: &Path) -> Result<(), RunError> {
    let quantised = quantisations::files_and_pages(folder);
    remove_files(
        folder,
        &[
            CONFIG,
            WEIGHTS,
            CHECKPOINT,
            LOG,
            METRICS,
            REPORT,
            MODEL,
            CALIBRATION,
            FITTED,
        ],
    )?;
    quantised.iter().try_for_each(|path| remove_file(path))
}

/// Removes what a finished run has and a stopped one has not: the chosen weights, which its checkpoint holds too, and
/// what was made of them.
pub(super) fn remove_ending(folder: &Path) -> Result<(), RunError> {
    remove_files(folder, &[METRICS, REPORT, WEIGHTS])
}

fn remove_files(folder: &Path, files: &[&str]) -> Result<(), RunError> {
    for file in files {
        remove_file(&folder.join(file))?;
    }
    Ok(())
}

/// Removes a file that may be there.
pub(super) fn remove_file(path: &Path) -> Result<(), RunError> {
    if !path.is_file() {
        return Ok(());
    }
    Ok(disk::remove_file(path).map_err(|source| {
        let path = path.to_owned();
        WriteFileError { path, source }
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_once_and_swept() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("new/run");
        let lock = FolderLock::take(&run).unwrap();
        let error = FolderLock::take(&run).unwrap_err();
        assert!(matches!(error, RunError::Busy { .. }), "{error}");
        drop(lock);
        let (left, own) = (run.join(".writing-x1.tmp"), run.join("notes.tmp"));
        for file in [&left, &own] {
            std::fs::write(file, "half").unwrap();
        }
        let lock = FolderLock::take(&run).unwrap();
        assert!(!left.exists() && own.exists() && lock.folder() == run);
    }

    #[test]
    fn a_lock_that_was_taken_away_holds_nothing() {
        let root = tempfile::tempdir().unwrap();
        let (before, after) = (root.path().join("a"), root.path().join("b"));
        let sleeping = FolderLock::take(&before).unwrap();
        std::fs::rename(&before, &after).unwrap();
        assert!(FolderLock::take(&after).is_err());
        FolderLock::take_away(&after).unwrap();
        let awake = FolderLock::take(&after).unwrap();
        assert!(FolderLock::take(&after).is_err());
        drop(sleeping);
        assert!(FolderLock::take(&after).is_err());
        drop(awake);
        assert!(FolderLock::take(&after).is_ok());
    }
}
