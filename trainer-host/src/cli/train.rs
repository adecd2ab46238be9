//! `trainer-host train`: recordings in, a run folder out.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::Printer;
use super::score_text::details;
use super::settings::{Settings, divided, with_data, with_known_split};
use super::training::{refuse_existing, train};
use super::{cross_validate, interrupt, seeds};
use crate::data::counted;
use crate::run::RunConfig;
use crate::run::toml_text::to_toml;
use crate::train::Ending;
use crate::training_run::{Metrics, TrainingRun};

#[derive(Debug, clap::Args)]
#[command(args_override_self = true)]
pub(super) struct Args {
    /// Run folder to write.
    #[arg(long, value_name = "FOLDER", required_unless_present_any = ["resume", "print_config", "folds"])]
    out: Option<PathBuf>,
    /// Continue the run in this folder from its last finished epoch; with --epochs, up to that many.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["source", "out", "overwrite", "config", "set", "seeds", "print_config"])]
    resume: Option<PathBuf>,
    /// With --resume: the new place of the run's data.
    #[arg(long, value_name = "DATA", requires = "resume")]
    data: Option<String>,
    /// Replace the run in the folder, if there is one.
    #[arg(long)]
    overwrite: bool,
    /// Train once with each of these seeds (separated by commas) into FOLDER/seed-N, and print mean and
    /// deviation. If it was stopped, the same command continues.
    #[arg(
        long,
        value_name = "SEEDS",
        value_delimiter = ',',
        conflicts_with = "seed"
    )]
    seeds: Vec<u64>,
    /// Cross-validate: train K networks, judge each on the fold of the training data that it has not seen,
    /// and print mean and deviation. --out also writes the scores to FOLDER/cross-validation.json.
    #[arg(long, value_name = "K", conflicts_with_all = ["resume", "seeds"])]
    folds: Option<usize>,
    /// Also write the curves for TensorBoard: into DIR/NAME, with the name of the run's folder, or into
    /// DIR/fold-N. With --resume, those of the finished epochs too.
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
    /// Print the resulting settings as a file for --config, and do nothing else.
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    settings: Settings,
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    if let Some(folder) = args.resume.clone() {
        return resume(args, &folder, printer);
    }
    let (mut settings, data) = args.settings.suited()?;
    if settings.source.is_some() {
        settings.train = with_known_split(with_data(settings.clone())?)?.train;
    }
    if let Some(data) = &data {
        // What the recordings decide is shown as it is, and written into the run.
        let task = data.undivided()?.first().map(|set| set.targets.task());
        settings.train = task.map_or(settings.train.clone(), |task| settings.train.settled(task));
    }
    if args.print_config {
        return printer.print_file(&settings, |settings| {
            to_toml(settings).unwrap_or_else(|error| format!("# {error}"))
        });
    }
    let config = with_data(settings)?;
    if let Some(count) = args.folds {
        let asked = (count, args.out.as_deref(), args.tensorboard.as_deref());
        return cross_validate::run(&config, data, asked, args.overwrite, printer);
    }
    let out = args
        .out
        .context("name the run folder to write: --out FOLDER")?;
    let curves = args.tensorboard.as_deref();
    let stop = interrupt::flag()?;
    if !args.seeds.is_empty() {
        return seeds::run(
            (&config, data),
            (&out, curves),
            &args.seeds,
            args.overwrite,
            &stop,
            printer,
        );
    }
    if !args.overwrite {
        refuse_existing(&out, curves)?;
    }
    let data = divided(&config, data)?;
    let run = TrainingRun::begin_with(config, data, &out, args.overwrite)?;
    let metrics = train(run, &out, curves, "", &stop)?;
    printer.print(&metrics, text)
}

/// Goes on with the run in `folder`.
fn resume(args: Args, folder: &Path, printer: Printer) -> anyhow::Result<()> {
    let before = RunConfig::read(folder)?;
    let curves = args.tensorboard;
    let mut asked = args.settings.over(before.clone())?;
    let epochs = std::mem::replace(&mut asked.train.epochs, before.train.epochs);
    if asked != before {
        bail!(
            "{}: a resumed run keeps its configuration and data, so that it ends with the same \
             weights; omit the flags of training and data but --epochs, or start a new run",
            folder.display()
        );
    }
    let mut run = match &args.data {
        Some(data) => TrainingRun::resume_from(data, folder)?,
        None => TrainingRun::resume(folder)?,
    };
    if epochs != before.train.epochs {
        run = run.up_to(epochs)?;
        say!(
            "note: goes on after epoch {} up to {epochs}; from here on the learning rate, and the resets of training for streams, are those of {epochs} epochs",
            run.epochs_done()
        );
    }
    let metrics = train(run, folder, curves.as_deref(), "", &*interrupt::flag()?)?;
    printer.print(&metrics, text)
}

fn text(metrics: &Metrics) -> String {
    let epochs = match metrics.ending {
        Ending::Early => format!("stopped early at epoch {}", metrics.epochs),
        Ending::Diverged => format!("diverged after epoch {}", metrics.epochs),
        Ending::Finished | Ending::Stopped => counted(metrics.epochs, "epoch"),
    };
    let mut lines = vec![format!(
        "run         {}  ({epochs}{}, {} parameters)",
        metrics.run.display(),
        metrics
            .best_epoch
            .map_or(String::new(), |best| format!(", best {best}")),
        metrics.parameters
    )];
    if metrics.judged_as != "f32" {
        lines.push(format!("judged as   {}", metrics.judged_as));
    }
    for (part, score) in [("validation", &metrics.validation), ("test", &metrics.test)] {
        if let Some(score) = score {
            lines.push(format!("{part:<11} {}", score.describe()));
        }
    }
    let baselines = [
        ("validation", &metrics.baselines.validation),
        ("test", &metrics.baselines.test),
    ];
    for (part, baselines) in baselines {
        for baseline in baselines {
            lines.push(format!(
                "{:<11} {part}: {}",
                "beside it",
                baseline.describe()
            ));
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
    if let Some(report) = &metrics.report {
        lines.push(format!("report      {}", report.display()));
    }
    let judged = metrics.test.as_ref().or(metrics.validation.as_ref());
    lines.join("\n") + "\n" + &judged.map(details).unwrap_or_default()
}
