//! `trainer-host train`: recordings in, a run folder out.

use std::path::PathBuf;

use anyhow::{anyhow, bail};
use serde::Serialize;

use super::Printer;
use super::data_args::ReadArgs;
use super::interrupt;
use super::progress::Progress;
use super::score_text::details;
use crate::atomic_file;
use crate::checkpoint;
use crate::data::generated::Judgement;
use crate::data::{BuiltIn, Parts, Summary};
use crate::evaluate::{Score, score};
use crate::export::check_data;
use crate::report::run_report;
use crate::run_folder::{CHECKPOINT, Fitted, METRICS, REPORT, Run, RunConfig, WEIGHTS};
use crate::train::{Ending, TrainConfig, TrainState, Trainer};

#[derive(Debug, clap::Args)]
#[command(args_override_self = true)]
pub(super) struct Args {
    /// File with recordings (long .csv, UCR .tsv, UEA/sktime .ts, NumPy .npz), or built-in data:
    /// digits, embedded-reber, adding, temporal-order, temporal-order-3, spike-delays, timed-spikes.
    #[arg(value_name = "DATA", required_unless_present = "resume")]
    source: Option<String>,
    /// Run folder to write.
    #[arg(long, value_name = "FOLDER", required_unless_present = "resume")]
    out: Option<PathBuf>,
    /// Go on with the run in this folder, from its last finished epoch.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["source", "out", "overwrite"])]
    resume: Option<PathBuf>,
    /// Replace the run that is in the folder.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    levers: Levers,
    #[command(flatten)]
    read: ReadArgs,
}

/// What can be set; the defaults are those of the training configuration.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Training")]
struct Levers {
    /// Hidden units of each LSTM layer, separated by commas [default: 32].
    #[arg(long, value_name = "UNITS", value_delimiter = ',')]
    hidden: Option<Vec<usize>>,
    /// Units of dense ReLU layers before the output layer, separated by commas [default: none].
    #[arg(long, value_name = "UNITS", value_delimiter = ',')]
    dense: Option<Vec<usize>>,
    /// LSTM layers without peephole connections.
    #[arg(long)]
    no_peepholes: bool,
    /// Times through the training part.
    #[arg(long)]
    epochs: Option<usize>,
    /// Sequences in a mini-batch.
    #[arg(long)]
    batch_size: Option<usize>,
    /// Largest learning rate of the schedule.
    #[arg(long)]
    learning_rate: Option<f32>,
    /// Share of the training part that is kept for validation; 0 for none.
    #[arg(long)]
    validation_share: Option<f64>,
    /// Largest global norm of a gradient.
    #[arg(long)]
    clip_norm: Option<f32>,
    /// Deviation of the noise that is added to normalised inputs [default: 0.3 for
    /// sequences of one class each, else 0].
    #[arg(long)]
    input_noise: Option<f32>,
    /// Share of values that dropout sets to zero [default: 0.2 for sequences of one class
    /// each, else 0].
    #[arg(long)]
    dropout: Option<f32>,
    /// Initial bias of the forget gates: larger for longer memories.
    #[arg(long)]
    forget_bias: Option<f32>,
    /// Loss: cross-entropy, binary-cross-entropy or mean-squared-error [default: by the targets].
    #[arg(long, value_parser = parse_loss)]
    loss: Option<crate::loss::Loss>,
    /// Seed of initialisation, split, shuffling and dropout.
    #[arg(long)]
    seed: Option<u64>,
}

fn parse_loss(text: &str) -> Result<crate::loss::Loss, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|error| error.to_string())
}

impl Levers {
    fn apply(self, config: &mut TrainConfig) {
        fn set<T>(field: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *field = value;
            }
        }
        set(&mut config.hidden, self.hidden);
        set(&mut config.dense, self.dense);
        config.peepholes &= !self.no_peepholes;
        set(&mut config.epochs, self.epochs);
        set(&mut config.batch_size, self.batch_size);
        set(&mut config.learning_rate, self.learning_rate);
        set(&mut config.validation_share, self.validation_share);
        set(&mut config.clip_norm, self.clip_norm);
        config.input_noise = self.input_noise.or(config.input_noise);
        config.dropout = self.dropout.or(config.dropout);
        set(&mut config.forget_bias, self.forget_bias);
        set(&mut config.seed, self.seed);
        if self.loss.is_some() {
            config.loss = self.loss;
        }
    }
}

/// Final figures of a run.
#[derive(Debug, Serialize)]
pub(super) struct Metrics {
    run: PathBuf,
    report: PathBuf,
    epochs: usize,
    best_epoch: Option<usize>,
    parameters: usize,
    train_data: Summary,
    validation: Option<Score>,
    test: Option<Score>,
    /// Test sequences that pass the criterion of a built-in task's paper.
    criterion: Option<Judgement>,
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let resuming = args.resume.is_some();
    let (folder, config, begun) = match (args.resume, args.source, args.out) {
        (Some(folder), _, _) => {
            let mut config = RunConfig::read(&folder)?;
            let before = config.clone();
            args.levers.apply(&mut config.train);
            if config != before || !args.read.is_empty() {
                bail!(
                    "{}: a resumed run keeps its configuration and data, so that it ends with the same \
                     weights; leave the flags of training and data out, or start a new run",
                    folder.display()
                );
            }
            let fitted = Fitted::read(&folder)?;
            let path = folder.join(CHECKPOINT);
            // A run that was stopped in its first epoch has no checkpoint yet.
            let state = if path.exists() {
                Some(checkpoint::read(
                    &path,
                    &fitted.network,
                    config.train.optimiser,
                )?)
            } else {
                None
            };
            (folder, config, Some((fitted, state)))
        }
        (None, Some(source), Some(folder)) => {
            let mut train = TrainConfig::default();
            args.levers.apply(&mut train);
            train.validate()?;
            (
                folder,
                RunConfig {
                    source,
                    data: args.read.options()?,
                    train,
                },
                None,
            )
        }
        _ => bail!("name the data and --out FOLDER, or --resume FOLDER"),
    };
    let data = config.open_data()?;
    eprintln!("{}", data.train.summary());
    let fitted = Fitted::fit(&config.train, &data.train);
    check_data(&data.train)?;
    let state = match begun {
        Some((before, _)) if before != fitted => bail!(
            "{}: {} is no longer the data that this run began with; bring that back, or start a new run",
            folder.display(),
            config.source
        ),
        begun => begun.and_then(|(_, state)| state),
    };
    let train = fitted.normalised(&data.train);
    let validation = data.validation.as_ref().map(|part| fitted.normalised(part));
    let done = state.as_ref().map_or(0, TrainState::epochs);
    let mut trainer = match state {
        Some(state) => Trainer::resume(&config.train, &train, validation.as_ref(), state)?,
        None => Trainer::new(&config.train, &train, validation.as_ref())?,
    };
    // Whatever could be refused has been; only now is anything written.
    if !resuming {
        config.create(&folder, args.overwrite)?;
        fitted.write(&folder)?;
    }
    let stop = interrupt::flag()?;
    let mut progress = Progress::new(&folder, config.train.epochs, done);
    let ending = trainer.run(&mut progress, &stop)?;
    let failure = progress.failure.take();
    drop(progress);
    if ending == Ending::Stopped {
        return Err(failure.unwrap_or_else(|| {
            anyhow!(
                "stopped after {} of {} epochs; go on with `trainer-host train --resume {}`",
                trainer.state().epochs(),
                config.train.epochs,
                folder.display()
            )
        }));
    }
    let state = trainer.into_state();
    // Where a checkpoint could not be written, the weights may still find room.
    checkpoint::write_weights(&folder.join(WEIGHTS), state.chosen())?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    let metrics = finish(&Run::open(&folder)?, &data, &state)?;
    printer.print(&metrics, text)
}

/// Judges the chosen network and writes metrics and report.
fn finish(run: &Run, data: &Parts, state: &TrainState) -> anyhow::Result<Metrics> {
    let validation = data
        .validation
        .as_ref()
        .map(|part| score(part, &run.outputs(part)));
    let test_outputs = data.test.as_ref().map(|part| (part, run.outputs(part)));
    let test = test_outputs
        .as_ref()
        .map(|(part, outputs)| score(part, outputs));
    let criterion = test_outputs
        .as_ref()
        .and_then(|(part, outputs)| BuiltIn::named(&run.config.source)?.judge(part, outputs));
    let metrics = Metrics {
        run: run.folder.clone(),
        report: run.folder.join(REPORT),
        epochs: state.epochs(),
        best_epoch: state.best.as_ref().map(|best| best.epoch),
        parameters: run.network.parameter_count(),
        train_data: data.train.summary(),
        validation,
        test,
        criterion,
    };
    atomic_file::write(
        &run.folder.join(METRICS),
        serde_json::to_string_pretty(&metrics)?.as_bytes(),
    )?;
    let scores = [
        ("validation part", &metrics.validation),
        ("test part", &metrics.test),
    ];
    let page = run_report(&run.config, &state.history, &scores);
    atomic_file::write(&metrics.report, page.as_bytes())?;
    Ok(metrics)
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
    let judged = metrics.test.as_ref().or(metrics.validation.as_ref());
    lines.join("\n") + "\n" + &judged.map(details).unwrap_or_default()
}
