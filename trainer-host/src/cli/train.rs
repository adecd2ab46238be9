//! `trainer-host train`: recordings in, a run folder out.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, anyhow, bail};

use super::Printer;
use super::progress::Progress;
use super::settings::SettingsArgs;
use super::{interrupt, seeds};
use crate::run_folder::{RunConfig, RunError};
use crate::training_run::{Metrics, TrainingRun, TrainingRunError};

#[derive(Debug, clap::Args)]
#[command(args_override_self = true)]
pub(super) struct Args {
    /// File with recordings (long .csv, UCR .tsv, UEA/sktime .ts, NumPy .npz), or built-in data:
    /// digits, embedded-reber, adding, temporal-order, temporal-order-3, spike-delays, timed-spikes.
    #[arg(value_name = "DATA", required_unless_present_any = ["resume", "config", "print_config"])]
    source: Option<String>,
    /// Run folder to write.
    #[arg(long, value_name = "FOLDER", required_unless_present_any = ["resume", "print_config"])]
    out: Option<PathBuf>,
    /// Go on with the run in this folder, from its last finished epoch.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["source", "out", "overwrite", "config", "set", "seeds", "print_config"])]
    resume: Option<PathBuf>,
    /// Replace the run that is in the folder.
    #[arg(long)]
    overwrite: bool,
    /// Train once with each of these seeds, separated by commas, into FOLDER/seed-N, and print the
    /// mean; the same command goes on where it was stopped.
    #[arg(
        long,
        value_name = "SEEDS",
        value_delimiter = ',',
        conflicts_with = "seed"
    )]
    seeds: Vec<u64>,
    /// Print the settings that would be used, as a file for --config, and do nothing else.
    #[arg(long, help_heading = "Configuration")]
    print_config: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

pub(super) fn run(mut args: Args, printer: Printer) -> anyhow::Result<()> {
    if let Some(folder) = args.resume.take() {
        let before = RunConfig::read(&folder)?;
        let mut asked = before.clone();
        args.settings.levers.apply(&mut asked.train)?;
        args.settings.read.apply(&mut asked.data);
        if asked != before {
            bail!(
                "{}: a resumed run keeps its configuration and data, so that it ends with the same \
                 weights; leave the flags of training and data out, or start a new run",
                folder.display()
            );
        }
        let metrics = train(
            TrainingRun::resume(&folder)?,
            &folder,
            "",
            &*interrupt::flag()?,
        )?;
        return printer.print(&metrics, text);
    }
    let settings = args.settings.settings(args.source)?;
    if args.print_config {
        return printer.print(&settings, |settings| {
            toml::to_string(settings).unwrap_or_else(|error| format!("# {error}"))
        });
    }
    let config = RunConfig {
        source: settings.source.context(
            "no data: name a file or built-in data, or set `source` in the configuration file",
        )?,
        data: settings.data,
        train: settings.train,
    };
    let out = args
        .out
        .context("name the run folder to write by --out FOLDER")?;
    let stop = interrupt::flag()?;
    if !args.seeds.is_empty() {
        return seeds::run(&config, &out, &args.seeds, args.overwrite, &stop, printer);
    }
    let run = TrainingRun::begin(config, &out, args.overwrite)?;
    let metrics = train(run, &out, "", &stop)?;
    printer.print(&metrics, text)
}

/// Trains with progress, each line of which begins with `label`.
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
        anyhow!("stopped before the last of {epochs} epochs; go on with `{command}`")
    })
}

/// Whether this error is that a run is there already.
pub(super) fn is_existing(error: &TrainingRunError) -> bool {
    matches!(error, TrainingRunError::Run(RunError::Exists { .. }))
}

fn text(metrics: &Metrics) -> String {
    let mut lines = vec![format!(
        "run         {}  ({} epochs{}, {} parameters)",
        metrics.run.display(),
        metrics.epochs,
        metrics
            .best_epoch
            .map_or(String::new(), |best| format!(", best {best}")),
        metrics.parameters
    )];
    for (part, score) in [("validation", &metrics.validation), ("test", &metrics.test)] {
        if let Some(score) = score {
            lines.push(format!("{part:<11} {}", score.describe()));
        }
    }
    if let Some(criterion) = metrics.criterion {
        let verdict = if criterion.is_solved() {
            "solved"
        } else {
            "not solved"
        };
        lines.push(format!(
            "criterion   {verdict}: {} of {} test sequences pass",
            criterion.correct, criterion.sequences
        ));
    }
    lines.push(format!("report      {}", metrics.report.display()));
    lines.join("\n")
}
