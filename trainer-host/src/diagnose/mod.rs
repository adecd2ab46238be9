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
//! | `data.rs`, `outliers.rs` | sizes of the parts, the channels, values that are far from all others |
//! | `baselines.rs` | simpler methods that are better |
//! | `streams.rs` | the sequences end to end, without a reset |
//! | `quantisation.rs`, `requantising.rs` | integers against f32, and other ways to quantise |
//!
//! ```text
//! finding, guess → fit, activity → curves → gates, gradients, overfitting → learning_rate → learning_curve
//! finding, fit, activity, integers → units, classes, outliers, data, baselines, streams, requantising → quantisation
//!   → examined → mod
//! ```
//!
//! Each file is a pure function of what [`Examined`] holds. Every threshold is a named constant with its
//! reason. A finding is made exactly when each of its figures is within its limit.

mod activity;
mod baselines;
mod classes;
mod curves;
mod data;
mod examined;
mod finding;
mod fit;
mod gates;
mod gradients;
mod guess;
mod integers;
mod learning_curve;
mod learning_rate;
mod outliers;
mod overfitting;
mod quantisation;
mod requantising;
mod streams;
mod units;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub use activity::LayerActivity;
pub use curves::Curves;
pub use examined::{DiagnoseError, Examined};
pub use finding::{Command, Figure, Finding, Kind, Lever, Limit, Severity};
pub use fit::{Fit, PartFit};
pub use integers::{Integers, Tried};
pub use streams::StreamCheck;

use crate::data::Options;
use crate::network::Pooling;
use crate::run::quantisations::Wanted;
use crate::run::{NetworkOrigin, Run};

/// Everything that was found in a run.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// The run's folder.
    pub run: PathBuf,
    /// The run's data and how it was read, for the commands that train again.
    #[serde(skip)]
    pub source: (String, Options),
    /// Where its network came from. Of an imported one no training is known, and nothing is said of one.
    pub origin: NetworkOrigin,
    /// Whether targets are the network's own answers, as in an imported run without labelled data. Then nothing is said
    /// of how well it does its task.
    pub own_answers: bool,
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
    /// Name of the quantisation whose integers were looked at, of a quantised run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantisation: Option<String>,
    /// What of the data was read otherwise than it stands, which quantisation was taken, and what was not looked at.
    pub notes: Vec<String>,
}

/// What is not looked at of a network that answers for whole windows alone.
const LEFT_OUT: &str = "a layer runs backwards, so the network has no endless stream to look at, and integers are not compared \
                        layer by layer; `trainer-host quantise` compares their outputs";

/// Diagnoses the run in `folder`, finished or stopped, with those of its integers that are wanted; `data` is where its data
/// lies now, if not where the run had it.
///
/// # Errors
/// When the folder holds no run, a file of it is damaged, or no epoch was finished.
pub fn diagnose(
    folder: &Path,
    data: Option<&str>,
    wanted: &Wanted,
) -> Result<Diagnosis, DiagnoseError> {
    let examined = Examined::open(folder, data, wanted)?;
    let findings = examined.findings();
    let own_answers = examined.has_own_answers();
    let notes = examined.data.notes().into_iter().chain(examined.notes);
    let mut notes: Vec<String> = notes.collect();
    if examined.run.network.config.is_of_windows() {
        notes.push(LEFT_OUT.into());
    }
    let Run { config, fitted, .. } = examined.run;
    Ok(Diagnosis {
        run: folder.to_owned(),
        source: (config.source, config.data),
        origin: fitted.origin,
        own_answers,
        epochs: examined.history.len(),
        finished: examined.finished,
        best_epoch: examined.best_epoch,
        fit: examined.fit,
        findings,
        quantisation: examined.integers.map(|integers| integers.name),
        notes,
    })
}

impl Examined {
    /// Whether targets are the network's own answers.
    fn has_own_answers(&self) -> bool {
        self.run.config.is_own_data(&self.run.folder)
    }

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
        let mut found = Vec::new();
        if !self.history.is_empty() {
            found.extend(learning_curve::findings(&curves));
            found.extend(gradients::findings(&curves));
        }
        let left = self.fit.train.left();
        found.extend(gates::findings(
            &self.activity,
            config,
            left,
            curves.median_steps,
        ));
        let (network, folder) = (&self.run.network, &self.run.folder);
        found.extend(units::findings(&self.activity, network, folder));
        let knows_task = !self.has_own_answers();
        if let Some(counts) = train.class_counts().filter(|_| knows_task) {
            found.extend(classes::findings(&self.fit, &counts, config));
        }
        let inputs = &self.run.fitted.inputs;
        found.extend(data::findings(train, inputs, &self.fit, config));
        let known = baselines::Known {
            config,
            updates: curves.updates * self.history.len(),
            learns_change: forecast.map(|forecast| forecast.change),
        };
        if knows_task {
            found.extend(baselines::finding(&self.fit, known));
        }
        let (_, judged) = self.fit.judged();
        // A mean over a sequence is for no endless stream.
        let stream = self.stream.as_ref();
        if let Some(stream) = stream.filter(|_| config.pooling == Pooling::Last) {
            found.extend(streams::findings(stream, judged, config.for_streams));
        }
        if let Some(integers) = &self.integers {
            found.extend(quantisation::findings(integers, config, &self.run.folder));
        }
        leave_out_explained(&mut found);
        found.sort_by_key(|finding| (finding.severity, finding.kind));
        found
    }
}

/// Leaves out what another finding explains. Where outliers hide the signal, no rate, size or time helps, and with the
/// levers for these the network only learns the outliers better. Where a class is never found, the constant decision
/// is what is found instead.
fn leave_out_explained(found: &mut Vec<Finding>) {
    let has = |kind: Kind| {
        let is = |finding: &Finding| finding.kind == kind && finding.severity == Severity::Severe;
        found.iter().any(is)
    };
    let (hidden, neglected) = (has(Kind::Outliers), has(Kind::ClassImbalance));
    found.retain(|finding| match finding.kind {
        Kind::NoProgress
        | Kind::UnderFitting
        | Kind::StillImproving
        | Kind::LearningRateTooLow
        | Kind::LearningRateTooHigh
        | Kind::BeatenByBaseline => !hidden,
        Kind::NoBetterThanGuessing => !hidden && !neglected,
        _ => true,
    });
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
        baselines::tests::ill(),
        streams::tests::ill(),
        quantisation::tests::ill(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_the_signal_comes_alone_and_what_explains_comes_first() {
        let of = |kind: Kind| {
            let all = ill().into_iter().flat_map(|(_, findings)| findings);
            all.into_iter().filter(move |finding| finding.kind == kind)
        };
        let mut found: Vec<Finding> = [Kind::UnderFitting, Kind::Outliers, Kind::Unfinished]
            .into_iter()
            .flat_map(|kind| of(kind).take(1))
            .collect();
        leave_out_explained(&mut found);
        let kinds: Vec<Kind> = found.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, [Kind::Outliers, Kind::Unfinished]);
        assert!(Kind::ClassImbalance < Kind::LearningRateTooHigh);
    }

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
