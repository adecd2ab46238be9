//! Folders of trainings' runs: one for each that has ended, and one for each attempt before.

use std::path::{Path, PathBuf};

use super::stored_trial::{Attempt, TrainingId};
use crate::files::atomic::WriteFileError;
use crate::files::disk;
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
/// more, because their folder is gone. Without such files, a copy of those of the trial that this one `continues`; where
/// that trial's folder is not on this machine, the runs begin anew, with the same result.
pub(super) fn take_over(
    folder: &Path,
    attempt: Attempt,
    continues: Option<usize>,
) -> Result<PathBuf, WriteFileError> {
    let name = name(attempt.training);
    let of_attempt = |number: usize| folder.join(format!("{name}.attempt-{number}"));
    let own = of_attempt(attempt.number);
    disk::create_dir_all(folder).map_err(|source| WriteFileError {
        path: folder.to_owned(),
        source,
    })?;
    // A copy that was not finished.
    for copy in (1..attempt.number).map(|n| of_attempt(n).with_added_extension("copy")) {
        if copy.is_dir() {
            disk::remove_dir_all(&copy).map_err(|source| WriteFileError { path: copy, source })?;
        }
    }
    let earlier = (1..attempt.number).rev().map(of_attempt);
    for left in std::iter::once(folder.join(&name)).chain(earlier) {
        if attempt.number > 1 && left.is_dir() && !own.exists() {
            move_folder(&left, &own)?;
            take_locks_away(&own)?;
        }
    }
    let continued = continues.map(|trial| folder.join(self::name(TrainingId::own(trial))));
    if let Some(continued) = continued.filter(|continued| continued.is_dir() && !own.exists()) {
        let copy = own.with_added_extension("copy");
        copy_folder(&continued, &copy)?;
        move_folder(&copy, &own)?;
    }
    Ok(own)
}

/// Copies a folder with all that is in it, but for the locks of runs, and replaces any folder there.
fn copy_folder(from: &Path, to: &Path) -> Result<(), WriteFileError> {
    let failed = |source| WriteFileError {
        path: to.to_owned(),
        source,
    };
    if to.is_dir() {
        disk::remove_dir_all(to).map_err(failed)?;
    }
    disk::create_dir_all(to).map_err(failed)?;
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().filter(|name| !FolderLock::is_named(name)) else {
            continue;
        };
        match path.is_dir() {
            true => copy_folder(&path, &to.join(name))?,
            false => disk::copy(&path, &to.join(name)).map_err(failed)?,
        }
    }
    Ok(())
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
        disk::remove_dir_all(to).map_err(failed)?;
    }
    disk::rename(from, to).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::disk::faults::at_each_call;

    fn attempt(number: usize) -> Attempt {
        let training = TrainingId::own(3);
        Attempt { training, number }
    }

    /// Writes these files of a fold's run.
    fn fill(trial: &Path, files: &[&str]) {
        let fold = trial.join("fold-1");
        std::fs::create_dir_all(&fold).unwrap();
        for file in files {
            std::fs::write(fold.join(file), "two epochs").unwrap();
        }
    }

    /// What a killed attempt has done is taken up by a later one, whichever call of those between fails.
    #[test]
    fn a_fault_at_any_call_loses_no_attempts_files() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("trials");
        let calls = at_each_call(
            || {
                std::fs::remove_dir_all(&folder).ok();
                fill(
                    &folder.join("trial-0003.attempt-1"),
                    &["checkpoint", ".lock"],
                );
                take_over(&folder, attempt(2), None)
            },
            |done, call, fault| {
                assert!(done.is_err(), "call {call}, {fault:?}");
                let own = take_over(&folder, attempt(3), None).unwrap();
                let left = std::fs::read_to_string(own.join("fold-1/checkpoint"));
                assert_eq!(left.unwrap(), "two epochs", "call {call}, {fault:?}");
            },
        );
        assert!(calls >= 3, "{calls}");
    }

    /// A trial goes on in a copy, whichever call fails before; the trial that was stopped keeps its files.
    #[test]
    fn a_fault_while_a_trial_is_continued_loses_no_file() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("trials");
        let calls = at_each_call(
            || {
                std::fs::remove_dir_all(&folder).ok();
                fill(&folder.join("trial-0001"), &["checkpoint", "log", ".lock"]);
                take_over(&folder, attempt(1), Some(1))
            },
            |done, call, fault| {
                assert!(done.is_err(), "call {call}, {fault:?}");
                let own = take_over(&folder, attempt(2), Some(1)).unwrap();
                for trial in [own, folder.join("trial-0001")] {
                    for file in ["checkpoint", "log"] {
                        let text = std::fs::read_to_string(trial.join("fold-1").join(file));
                        assert_eq!(text.unwrap(), "two epochs", "call {call}, {fault:?}");
                    }
                }
                let mut names: Vec<_> = (std::fs::read_dir(&folder).unwrap().flatten())
                    .map(|entry| entry.file_name())
                    .collect();
                names.sort();
                assert_eq!(names, ["trial-0001", "trial-0003.attempt-2"], "call {call}");
                assert!(!folder.join("trial-0003.attempt-2/fold-1/.lock").exists());
            },
        );
        assert!(calls >= 5, "{calls}");
        // Where the trial was trained on another machine, there is nothing to copy.
        let own = take_over(&folder, attempt(5), Some(9)).unwrap();
        assert!(own.ends_with("trial-0003.attempt-5"));
    }

    /// The folder of an ended training replaces an older one; a fault leaves what moves as it is.
    #[test]
    fn a_fault_while_a_folder_moves_leaves_it_whole() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (root.path().join("from"), root.path().join("to"));
        let calls = at_each_call(
            || {
                for (folder, content) in [(&from, "new"), (&to, "old")] {
                    std::fs::remove_dir_all(folder).ok();
                    std::fs::create_dir(folder).unwrap();
                    std::fs::write(folder.join("a"), content).unwrap();
                    std::fs::write(folder.join("b"), content).unwrap();
                }
                move_folder(&from, &to)
            },
            |done, call, fault| {
                assert!(done.is_err(), "call {call}, {fault:?}");
                for file in ["a", "b"] {
                    let content = std::fs::read_to_string(from.join(file)).unwrap();
                    assert_eq!(content, "new", "call {call}, {fault:?}");
                }
                move_folder(&from, &to).unwrap();
                let content = std::fs::read_to_string(to.join("b")).unwrap();
                assert_eq!(content, "new", "call {call}, {fault:?}");
            },
        );
        assert_eq!(calls, 2);
    }
}
