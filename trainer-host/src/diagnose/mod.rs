//! What an experienced engineer would say about a run: the problem, the figures that show it, and the flag
//! to change.
//!
//! | file | what it looks at |
//! | --- | --- |
//! | `learning_curve.rs` | losses over the epochs against a constant guess: progress, length of the run |
//! | `learning_rate.rs` | losses, gradients and gates: a rate that is too high or too low |
//! | `overfitting.rs` | the training part against the validation part |
//! | `gradients.rs` | norms of the gradients |
//! | `gates.rs` | activations of the gates: saturation, memory |
//! | `units.rs` | hidden units: dead and redundant ones |
//! | `classes.rs` | recall of rare classes, pairs that are confused |
//! | `data.rs` | sizes of the parts, the channels |
//! | `quantisation.rs` | integers against f32 |
//!
//! ```text
//! finding, guess → fit, activity → curves → gates, gradients, overfitting → learning_rate → learning_curve
//! finding, fit, activity → units, classes, data, quantisation → examined → mod
//! ```
//!
//! Each file is a pure function of what [`Examined`] holds. Every threshold is a named constant with its
//! reason. A finding is made exactly when each of its figures is within its limit.

mod activity;
mod classes;
mod curves;
mod data;
mod examined;
mod finding;
mod fit;
mod gates;
mod gradients;
mod guess;
mod learning_curve;
mod learning_rate;
mod overfitting;
mod quantisation;
mod units;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub use activity::LayerActivity;
pub use curves::Curves;
pub use examined::{DiagnoseError, Examined};
pub use finding::{Command, Figure, Finding, Kind, Lever, Limit, Severity};
pub use fit::{Fit, PartFit};

pub use quantisation::Integers;

use crate::data::Options;

/// Everything that was found in a run.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// The run's folder.
    pub run: PathBuf,
    /// The run's data and how it was read, for the commands that train again.
    #[serde(skip)]
    pub source: (String, Options),
    /// Number of epochs done.
    pub epochs: usize,
    /// Whether the run did all of its epochs.
    pub finished: bool,
    /// The epoch whose weights were chosen; only for a finished run with a validation part.
    pub best_epoch: Option<u64>,
    /// Results of the chosen network on each part, with those of a constant guess.
    pub fit: Fit,
    /// The worst first.
    pub findings: Vec<Finding>,
}

/// Diagnoses the run in `folder`, finished or stopped; `data` is where its data lies now, if not where the run
/// had it.
///
/// # Errors
/// When the folder holds no run, a file of it is damaged, or no epoch was finished.
pub fn diagnose(folder: &Path, data: Option<&str>) -> Result<Diagnosis, DiagnoseError> {
    let examined = Examined::open(folder, data)?;
    let findings = examined.findings();
    let config = examined.run.config;
    Ok(Diagnosis {
        run: folder.to_owned(),
        source: (config.source, config.data),
        epochs: examined.history.len(),
        finished: examined.finished,
        best_epoch: examined.best_epoch,
        fit: examined.fit,
        findings,
    })
}

impl Examined {
    /// All that is found, the worst first.
    pub fn findings(&self) -> Vec<Finding> {
        let config = &self.run.config.train;
        let train = &self.data.train;
        let summary = train.summary();
        let windows = config
            .truncate
            .map_or(1, |steps| summary.length.max.div_ceil(steps));
        let forecast = self.run.config.data.forecast.as_ref();
        let curves = Curves {
            config,
            history: &self.history,
            fit: &self.fit,
            task: train.targets.task(),
            updates: train.len().div_ceil(config.batch_size) * windows,
            median_steps: summary.length.median,
            finished: self.finished,
            saturation: gates::largest_saturation(&self.activity),
            learns_change: forecast.is_some_and(|forecast| forecast.change),
        };
        let mut found = learning_curve::findings(&curves);
        found.extend(gradients::findings(&curves));
        let left = self.fit.train.left();
        found.extend(gates::findings(
            &self.activity,
            config,
            left,
            curves.median_steps,
        ));
        found.extend(units::findings(
            &self.activity,
            &self.run.network,
            &self.run.folder,
        ));
        if let Some(counts) = train.class_counts() {
            found.extend(classes::findings(&self.fit, &counts, config));
        }
        found.extend(data::findings(
            train,
            &self.run.fitted.inputs,
            &self.fit,
            config,
        ));
        if let Some(integers) = &self.integers {
            found.extend(quantisation::findings(integers, config, &self.run.folder));
        }
        found.sort_by_key(|finding| (finding.severity, finding.kind));
        found
    }
}

/// Findings of synthetic runs that have one illness each, of every family.
#[cfg(test)]
pub(crate) fn ill() -> Vec<(Kind, Vec<Finding>)> {
    [
        learning_curve::tests::ill(),
        gradients::tests::ill(),
        gates::tests::ill(),
        units::tests::ill(),
        classes::tests::ill(),
        data::tests::ill(),
        quantisation::tests::ill(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said to show something does show it, and each finding has something to do about it.
    #[test]
    fn evidence_is_within_its_limits() {
        for (kind, findings) in ill() {
            assert!(!findings.is_empty(), "{kind:?}");
            for finding in findings {
                assert!(finding.evidence.iter().all(Figure::holds), "{finding:?}");
                assert!(
                    finding.evidence.iter().any(|figure| figure.limit.is_some()),
                    "{finding:?}"
                );
                assert!(
                    !finding.advice.is_empty() || finding.kind == Kind::Unfinished,
                    "{finding:?}"
                );
            }
        }
    }
}
