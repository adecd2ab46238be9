//! Folders of trainings' runs: one for each that has ended, and one for each attempt before.

use std::path::{Path, PathBuf};

use super::stored_trial::{Attempt, TrainingId};
use crate::files::atomic::WriteFileError;
use crate::run::FolderLock;

/// The folder of a training that has ended.
pub(super) fn name(training: TrainingId) -> String {
    let TrainingId { trial, repeat } = training;
    match repeat {
        0 => format!("trial-{trial:04}"),
        _ => format!("trial-{trial:04}.repeat-{repeat}"),
    }
}

/// The folder for this attempt, with the files that earlier attempts left on this machine. Those attempts can write no
/// more, because their folder is gone.
pub(super) fn take_over(folder: &Path, attempt: Attempt) -> Result<PathBuf, WriteFileError> {
    let name = name(attempt.training);
    let of_attempt = |number: usize| folder.join(format!("{name}.attempt-{number}"));
    let own = of_attempt(attempt.number);
    std::fs::create_dir_all(folder).map_err(|source| WriteFileError {
        path: folder.to_owned(),
        source,
    })?;
    let earlier = (1..attempt.number).rev().map(of_attempt);
    for left in std::iter::once(folder.join(&name)).chain(earlier) {
        if attempt.number > 1 && left.is_dir() && !own.exists() {
            move_folder(&left, &own)?;
            take_locks_away(&own)?;
        }
    }
    Ok(own)
}

/// Takes the runs in `folder` away from a process that still holds their locks: the training's own run, or that of
/// each fold.
fn take_locks_away(folder: &Path) -> Result<(), WriteFileError> {
    let failed = |source| WriteFileError {
        path: folder.to_owned(),
        source,
    };
    FolderLock::take_away(folder)?;
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            FolderLock::take_away(&path)?;
        }
    }
    Ok(())
}

/// Moves a folder and replaces any folder there.
pub(super) fn move_folder(from: &Path, to: &Path) -> Result<(), WriteFileError> {
    let failed = |source| WriteFileError {
        path: to.to_owned(),
        source,
    };
    if from.is_dir() && to.is_dir() {
        std::fs::remove_dir_all(to).map_err(failed)?;
    }
    std::fs::rename(from, to).map_err(failed)
}
