//! A folder of several runs, which `train --seeds` and `tune` write: the same question for each of them.

use std::path::{Path, PathBuf};

use anyhow::bail;
use serde::Serialize;

use super::cross_validate::CROSS_VALIDATION;
use crate::run::{self, RunConfig};

/// One run of several, with its result.
#[derive(Debug, Serialize)]
pub(super) struct OfRun<T> {
    pub(super) run: PathBuf,
    #[serde(flatten)]
    pub(super) result: T,
}

/// The results of all runs in a folder.
#[derive(Debug, Serialize)]
pub(super) struct OfRuns<T> {
    pub(super) runs: Vec<OfRun<T>>,
}

/// The runs in `folder`, in the order of their numbers, if it is not itself a run.
///
/// # Errors
/// When it holds the scores of a cross-validation, whose networks are not kept.
pub(super) fn runs_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let found = run::runs_in(folder);
    let is_run = RunConfig::refuse_existing(folder).is_err();
    if found.is_empty() && !is_run && folder.join(CROSS_VALIDATION).exists() {
        bail!(
            "{}: holds the scores of a cross-validation, {CROSS_VALIDATION}; it keeps no networks, so that there is no run",
            folder.display()
        );
    }
    Ok(found)
}

/// `ask` of each run.
pub(super) fn of_each<T>(
    runs: Vec<PathBuf>,
    mut ask: impl FnMut(&Path) -> anyhow::Result<T>,
) -> anyhow::Result<OfRuns<T>> {
    let one = |run: PathBuf| {
        let result = ask(&run)?;
        Ok(OfRun { run, result })
    };
    let runs = runs.into_iter().map(one).collect::<anyhow::Result<_>>()?;
    Ok(OfRuns { runs })
}

/// The text of each run under its name.
pub(super) fn texts<T>(runs: &OfRuns<T>, text: impl Fn(&T) -> String) -> String {
    let texts = runs.runs.iter().map(|OfRun { run, result }| {
        format!("== {} ==\n{}", run.display(), text(result).trim_end())
    });
    texts.collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_without_networks_are_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join(CROSS_VALIDATION), "{}").unwrap();
        let error = runs_in(root.path()).unwrap_err().to_string();
        assert!(error.contains("keeps no networks"), "{error}");
    }
}
