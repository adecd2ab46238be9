//! `trainer-host tune best`: from a study to a model file.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use lstm_nostd::Model;
use serde::Serialize;

use super::limits::LimitArgs;
use super::place::PlaceArgs;
use super::search::data_of;
use crate::cli::run_data::RunData;
use crate::cli::training::train;
use crate::cli::{Printer, interrupt};
use crate::cost::{Footprint, Limits};
use crate::data::{Dataset, views};
use crate::evaluate::{Comparison, compare};
use crate::files::atomic;
use crate::integers::stream;
use crate::run::choose::choose;
use crate::run::quantised_file;
use crate::run::{FolderLock, QUANTISED, Run, RunConfig};
use crate::search::{Point, SearchConfig, in_one_line};
use crate::training_run::TrainingRun;
use crate::tune::best::{best, retraining};
use crate::tune::finalists::{RepeatedScore, Repeats};
use crate::tune::stored_trial::{StoredTrial, is_over};
use crate::tune::study::Study;
use crate::tune::trial::request;
use crate::tune::trial_config::TrialConfig;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// Take this trial, not the one with the lowest mean error.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["chip", "flash", "ram", "latency", "max_instructions"])]
    trial: Option<usize>,
    /// Run folder to write.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Replace the run in the folder, if there is one.
    #[arg(long)]
    overwrite: bool,
    /// Model file to write, with the weights in the core's order.
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Seed of the training [default: the study's].
    #[arg(long)]
    seed: Option<u64>,
    /// Print the settings as a file for `train --config`, and train nothing.
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    data: RunData,
    #[command(flatten)]
    limits: LimitArgs,
}

/// The result.
#[derive(Debug, Serialize)]
struct Retrained {
    trial: usize,
    point: Point,
    /// The trial's score on the validation part, over all of its trainings.
    judgement: Option<RepeatedScore>,
    run: PathBuf,
    epochs: usize,
    /// Whether the validation part was trained on too.
    on_all: bool,
    scheme: &'static str,
    footprint: Footprint,
    /// f32 and integers on the test part, which chose nothing.
    test: Option<Comparison>,
    model: Option<PathBuf>,
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let mut study = args.place.open()?;
    args.data.apply(&mut study.definition.config);
    let mut trials = study.trials()?;
    let definition = &study.definition;
    let limits = args.limits.limits().or(definition.search.chip);
    limits.validate().map_err(|problem| anyhow!(problem))?;
    if let Some(file) = &args.export {
        check_folder_of(file)?;
    }
    if args.limits.are_given() {
        set_footprints(&study, &mut trials, &limits)?;
    }
    let trial = chosen(&trials, args.trial, &definition.search, &limits)?;
    if let Some(remark) = remark(&trials, &definition.search).filter(|_| args.trial.is_none()) {
        eprintln!("{remark}");
    }
    let mut trial_config = retraining(definition, trial)?;
    trial_config
        .run
        .train
        .reseed(args.seed.unwrap_or(trial_config.run.train.seed));
    if args.print_config {
        return printer.print(&trial_config.run, |config| {
            toml::to_string(config).unwrap_or_else(|error| format!("# {error}"))
        });
    }
    data_of(&study)?;
    let run = trained(&trial_config.run, &args.out, args.overwrite)?;
    let _lock = FolderLock::take(&args.out)?;
    let data = run.open_data()?;
    let quantised = choose(
        run.network_and_fit(),
        &data.train,
        None,
        &request(&trial_config, &run),
    )?;
    quantised_file::write(&args.out.join(QUANTISED), &quantised.file, &run.network)?;
    let core = limits.core();
    let bytes = quantised.file.to_bytes_in(core.order())?;
    let footprint = Footprint::of(core, limits.clock, &Model::parse(&bytes)?, bytes.len());
    if args.trial.is_none() {
        limits.check(&footprint)?;
    }
    (args.export.as_ref()).map_or(Ok(()), |file| atomic::write(file, &bytes))?;
    let retrained = Retrained {
        trial: trial.number,
        point: trial.point.clone(),
        judgement: trial.judgement(trial.repeats.len() + 1),
        run: args.out,
        epochs: trial_config.run.train.epochs,
        on_all: data.validation.is_none(),
        scheme: trial_config.scheme.name(),
        footprint,
        test: (data.test.as_ref()).map(|test| judged(&run, &quantised.bytes, test)),
        model: args.export,
    };
    printer.print(&retrained, text)
}

/// Computes what each trial needs on the core of `limits`: the study stores that for its own core and clock only.
fn set_footprints(
    study: &Study,
    trials: &mut [StoredTrial],
    limits: &Limits,
) -> anyhow::Result<()> {
    let data = data_of(study)?;
    for trial in trials {
        let trial_config = TrialConfig::new(&study.definition.config, &trial.point)?;
        trial.footprint = data.footprint(&trial_config, limits)?;
    }
    Ok(())
}

/// Refuses a file whose folder does not exist, before any training.
fn check_folder_of(file: &Path) -> anyhow::Result<()> {
    let folder = file.parent().unwrap_or(Path::new(""));
    ensure!(
        folder.as_os_str().is_empty() || folder.is_dir(),
        "{}: no such folder; create it, or write the model file elsewhere",
        folder.display()
    );
    Ok(())
}

/// Trial `number`, or the best one within `limits`; finished in any case.
fn chosen<'a>(
    trials: &'a [StoredTrial],
    number: Option<usize>,
    search: &SearchConfig,
    limits: &Limits,
) -> anyhow::Result<&'a StoredTrial> {
    let trial = match number {
        Some(number) => trials
            .get(number)
            .with_context(|| format!("there is no trial {number}; `tune show --all` lists them"))?,
        None => best(trials, search, limits).context(
            "no finished trial fits; `tune show` lists the front, and `tune` continues the study",
        )?,
    };
    ensure!(
        trial.own.result.is_some(),
        "trial {} is {}; `tune show` lists those that are finished",
        trial.number,
        trial.own.state.name()
    );
    Ok(trial)
}

/// The finished run of `config` in the folder `out`: a new run, or one that was begun there.
fn trained(config: &RunConfig, out: &Path, overwrite: bool) -> anyhow::Result<Run> {
    let stop = interrupt::flag()?;
    let is_ours = config.is_in(out) && !overwrite;
    ensure!(
        is_ours || overwrite || RunConfig::refuse_existing(out).is_ok(),
        "{}: holds another run; replace it with --overwrite, or choose another folder with --out",
        out.display()
    );
    let run = if is_ours {
        TrainingRun::resume(out)?
    } else {
        TrainingRun::begin(config.clone(), out, overwrite)?
    };
    train(run, out, "", &stop)?;
    Ok(Run::open(out)?)
}

/// f32 and integers of a run on a part of the data.
fn judged(run: &Run, model: &[u8], part: &Dataset) -> Comparison {
    let model = Model::parse(model).expect("the writer returns only what parses");
    let integers = stream::outputs(&model, &views(&part.sequences));
    compare(part, &run.outputs(part), &integers)
}

/// What the study has not finished, and may change which trial is the best.
fn remark(trials: &[StoredTrial], search: &SearchConfig) -> Option<String> {
    let outstanding = match Repeats::of(trials, search) {
        Some(Repeats { ended, all }) if ended < all => {
            format!("{} of the finalists' {all} repeats", all - ended)
        }
        None if !is_over(trials, search) || trials.iter().any(StoredTrial::is_running) => {
            "trials of the search".into()
        }
        _ => return None,
    };
    Some(format!(
        "{outstanding} are still to come and may find a better one; `trainer-host tune` continues them"
    ))
}

fn text(retrained: &Retrained) -> String {
    let Footprint {
        core,
        instructions,
        estimated_cycles,
        estimated_seconds,
        flash_bytes,
        ram_bytes,
    } = retrained.footprint;
    let time = estimated_seconds.map_or(String::new(), |seconds| {
        format!(", about {:.3} ms", 1e3 * seconds)
    });
    let mut text = format!(
        "trial {}: {}\nrun {} ({} epochs on {}, quantised as {})\n\
         {}: {instructions} instructions a step, about {estimated_cycles} cycles{time}; {flash_bytes} B flash, {ram_bytes} B RAM\n",
        retrained.trial,
        in_one_line(&retrained.point),
        retrained.run.display(),
        retrained.epochs,
        if retrained.on_all {
            "training and validation part"
        } else {
            "the training part, since the schedule needs the validation part"
        },
        retrained.scheme,
        core.name(),
    );
    if let Some(judgement) = &retrained.judgement {
        text += &format!(
            "validation  error {} {}, over {} of its trainings\n",
            judgement.error_text(),
            judgement.accuracy_text(),
            judgement.trainings
        );
    }
    if let Some(test) = &retrained.test {
        text += &test.to_text("test part");
    }
    if let Some(model) = &retrained.model {
        text += &format!("model       {}\n", model.display());
    }
    text
}
