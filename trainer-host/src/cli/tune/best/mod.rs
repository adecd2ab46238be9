//! `trainer-host tune best`: from a study to a model file.
//!
//! The trial is trained again with several seeds, each in a folder of its own ([`each_seed`]). The seed whose integers have
//! the least error is kept, and its integers are held against what the search found ([`retrained`]).

mod each_seed;
mod retrained;

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};

use super::limits::LimitArgs;
use super::place::PlaceArgs;
use super::search::data_of;
use crate::cli::Printer;
use crate::cli::run_data::RunData;
use crate::cost::{Footprint, Limits, useless_int8};
use crate::data::Parts;
use crate::files::atomic;
use crate::integers::engine::AnyModel;
use crate::run::toml_text::to_toml;
use crate::run::{FolderLock, quantisations};
use crate::search::SearchConfig;
use crate::tune::best::{best, retraining};
use crate::tune::exported::{Exported, Searched, judging_part};
use crate::tune::finalists::{Repeats, fate_of_beginning};
use crate::tune::stored_trial::{StoredTrial, is_over};
use crate::tune::study::Study;
use crate::tune::trial_config::TrialConfig;
use crate::tune::trial_data::{TrialData, require_fit};
use each_seed::{judged, keep, trained_with_each};
use retrained::{Retrained, text, warnings};

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
    /// Seed of the first training [default: the study's].
    #[arg(long)]
    seed: Option<u64>,
    /// Number of trainings, each with the next seed; the one whose integers have the least error is kept.
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    seeds: u8,
    /// Print the settings as a file for `train --config`, and train nothing.
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    data: RunData,
    #[command(flatten)]
    limits: LimitArgs,
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
    let data = match args.limits.are_given() {
        true => Some(data_of(&study)?),
        false => None,
    };
    if let Some(data) = &data {
        set_footprints(&study, data, &mut trials, &limits)?;
    }
    let trial = chosen(&trials, args.trial, &definition.search, &limits)?;
    if let Some(remark) = remark(&trials, &definition.search).filter(|_| args.trial.is_none()) {
        say!("{remark}");
    }
    let fitting = (trials.iter()).filter(|trial| limits.check(&trial.footprint).is_ok());
    let fate = fate_of_beginning(fitting, &definition.search);
    if let Some(line) = fate.filter(|_| args.trial.is_none()) {
        say!("{line}");
    }
    let mut trial_config = retraining(definition, trial)?;
    let seed = args.seed.unwrap_or(trial_config.run.train.seed);
    trial_config.run.train.reseed(seed);
    if args.print_config {
        return printer.print_file(&trial_config.run, |config| {
            to_toml(config).unwrap_or_else(|error| format!("# {error}"))
        });
    }
    let data = match data {
        Some(data) => data,
        None => data_of(&study)?,
    };
    trial_config.run = trial_config.run.with_known_split()?;
    let parts = data.with_test(&trial_config.run)?;
    drop(data);
    if args.trial.is_none() {
        require_fit(&trial_config, &parts, &limits)?;
    }
    let retrained = retrain(&trial_config, (trial, parts), &limits, args)?;
    for warning in warnings(&retrained) {
        say!("{warning}");
    }
    printer.print(&retrained, text)
}

/// Trains the trial's settings with each seed, keeps the best run in the folder and exports its integers.
fn retrain(
    trial_config: &TrialConfig,
    (trial, parts): (&StoredTrial, Parts),
    limits: &Limits,
    args: Args,
) -> anyhow::Result<Retrained> {
    let (kept, seeds) = trained_with_each(trial_config, &parts, &args)?;
    let lock = FolderLock::take(&args.out)?;
    keep(&kept.run.folder, &lock)?;
    let file = &kept.integers.file;
    let name = quantisations::name_of(&file.schemes().collect::<Vec<_>>());
    quantisations::write(&args.out, &name, file, &kept.run.network)?;
    let core = limits.core();
    let bytes = file.to_bytes_in(core.order())?;
    let model = AnyModel::parse(&bytes)?;
    let of_step = Footprint::of(core, limits, &model, bytes.len()).with_second(&model);
    let footprint = of_step.over_window(&model, parts.longest());
    if args.trial.is_none() {
        limits.check(&footprint)?;
    }
    (args.export.as_ref()).map_or(Ok(()), |file| atomic::write(file, &bytes))?;
    let searched = Searched::of(trial);
    let test = (parts.test.as_ref()).map(|test| judged(&kept, &parts, test));
    let of_test = (parts.test.as_ref().zip(test.as_ref()))
        .map(|(part, test)| Exported::of(&test.integer, "test part", part, searched.as_ref()));
    let (name, part) = judging_part(&parts);
    let exported = Exported::of(&kept.score, name, part, searched.as_ref());
    Ok(Retrained {
        trial: trial.number,
        point: trial.point.clone(),
        judgement: trial.judgement(trial.repeats.len() + 1),
        seed: kept.seed,
        seeds,
        exported: std::iter::once(exported).chain(of_test).collect(),
        searched,
        run: args.out,
        epochs: trial_config.run.train.epochs,
        on_all: parts.validation.is_none(),
        scheme: trial_config.scheme.name(),
        useless_int8: useless_int8(&[of_step], &model, bytes.len()),
        footprint,
        test,
        model: args.export,
    })
}

/// Computes what each trial needs on the core of `limits`: the study stores that for its own core and clock only.
fn set_footprints(
    study: &Study,
    data: &TrialData,
    trials: &mut [StoredTrial],
    limits: &Limits,
) -> anyhow::Result<()> {
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
