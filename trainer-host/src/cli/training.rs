//! Training with progress on the terminal, for every command that trains a run.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::Context;

use super::data_args::print_notes;
use super::interrupt;
use super::progress::Progress;
use crate::data::{Dataset, counted};
use crate::network::Head;
use crate::run::{RunConfig, RunError, read_log};
use crate::training_run::tensorboard::{self, Curves};
use crate::training_run::{Metrics, TrainingRun, TrainingRunError};

/// Trains and shows progress; each line begins with `label`. The curves go to a folder in `curves`, if it is given.
pub(super) fn train(
    run: TrainingRun,
    folder: &Path,
    curves: Option<&Path>,
    label: &str,
    stop: &AtomicBool,
) -> anyhow::Result<Metrics> {
    print_notes(&run.data().notes());
    print_doubt(run.config(), &run.data().train);
    print_later_steps(
        run.config().train.direction.need_windows(),
        &run.data().train,
    );
    let summary = run.data().train.summary();
    print_few_updates(run.config(), &run.data().train, summary.length.max);
    say!("{label}{summary}");
    let epochs = run.config().train.epochs;
    let mut progress = Progress::new(label, epochs, run.epochs_done());
    let curves_folder = curves.map(|all| tensorboard::folder_of(all, folder));
    let mut observer = Curves::open(curves_folder.as_deref(), run.history(), &mut progress)?;
    let metrics = run.train(&mut observer, stop)?;
    let written = observer.finish();
    let mut command = format!("trainer-host train --resume {}", folder.display());
    if let Some(curves) = curves {
        command += &format!(" --tensorboard {}", curves.display());
    }
    let metrics = metrics.ok_or_else(|| {
        let stopped =
            format!("stopped before the last of {epochs} epochs; continue with `{command}`");
        interrupt::Stopped(stopped)
    })?;
    written.with_context(|| {
        format!("the run is whole, its curves are not; `{command}` writes them again")
    })?;
    Ok(metrics)
}

/// Refuses a run in `folder`, and curves of its name in `curves`.
pub(super) fn refuse_existing(folder: &Path, curves: Option<&Path>) -> anyhow::Result<()> {
    RunConfig::refuse_existing(folder)?;
    refuse_existing_curves(folder, curves)
}

/// Refuses curves in `curves` that have the name of the run in `folder`.
pub(super) fn refuse_existing_curves(folder: &Path, curves: Option<&Path>) -> anyhow::Result<()> {
    if let Some(curves) = curves {
        tensorboard::refuse_existing(&tensorboard::folder_of(curves, folder))?;
    }
    Ok(())
}

/// Refuses curves in `curves` that have the name of the run in `folder` but are not its own.
pub(super) fn refuse_other_curves(folder: &Path, curves: Option<&Path>) -> anyhow::Result<()> {
    if let Some(curves) = curves {
        // A run that was stopped in its first epoch has no log yet.
        let history = read_log(folder).unwrap_or_default();
        tensorboard::refuse_other(&tensorboard::folder_of(curves, folder), &history)?;
    }
    Ok(())
}

/// Says how to learn whole numbers that were taken for classes, if the loss is one for values.
fn print_doubt(config: &RunConfig, train: &Dataset) {
    let is_class = train.targets.task().is_class();
    let are_numbers = train.outputs.iter().all(|name| name.parse::<i64>().is_ok());
    let loss = config.train.loss.loss_for(&train.targets);
    if is_class && are_numbers && config.data.task.is_none() && loss.head() == Head::Linear {
        say!(
            "note: whole numbers are taken for classes, and {} is a loss for values: --task values learns \
             the numbers, --task classes says that they are classes",
            loss.name()
        );
    }
}

/// Says that answers at each step see later steps, if a layer runs backwards.
pub(super) fn print_later_steps(runs_backwards: bool, train: &Dataset) {
    if runs_backwards && train.targets.task().is_per_step() {
        say!(
            "note: a layer runs backwards, so the answer at each step sees all later steps of its sequence: use it for no target \
             that is to be known before them, such as the next value"
        );
    }
}

/// A recording of at least so many steps is worth cutting.
const LONG: usize = 1000;
/// Recordings that give more updates than this in an epoch need no cutting.
const FEW: usize = 8;

/// Says how to get more updates out of a few recordings, the longest of which has so many steps.
fn print_few_updates(config: &RunConfig, train: &Dataset, longest: usize) {
    if train.len() > FEW || longest < LONG || config.train.truncate.is_some() {
        return;
    }
    let or_truncate = match train.targets.task().is_per_step() {
        true => ", or --truncate 100 updates after each 100 steps",
        false => "",
    };
    say!(
        "note: {} of up to {longest} steps make few updates in an epoch: --window 100 --step 50 cuts them{or_truncate}",
        counted(train.len(), "recording")
    );
}

/// Whether this error says that the folder already holds a run.
pub(super) fn is_existing(error: &TrainingRunError) -> bool {
    matches!(error, TrainingRunError::Run(RunError::Exists { .. }))
}
