//! `trainer-host tune best`: from a study to a model file.
//!
//! The trial is trained again with several seeds, each in a folder of its own. The seed whose integers have the least
//! error is kept, and its integers are held against what the search found.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use serde::Serialize;

use super::limits::LimitArgs;
use super::place::PlaceArgs;
use super::search::data_of;
use crate::cli::footprint_text::footprint_line;
use crate::cli::run_data::RunData;
use crate::cli::training::train;
use crate::cli::{Printer, interrupt};
use crate::cost::{Footprint, Limits, useless_int8};
use crate::data::{Dataset, Parts, counted};
use crate::evaluate::{Baselines, Comparison, Outputs, Score, Spread, compare, score};
use crate::files::atomic;
use crate::integers::engine::AnyModel;
use crate::integers::stream;
use crate::run::choose::{Chosen, choose};
use crate::run::quantisations;
use crate::run::toml_text::to_toml;
use crate::run::{CHECKPOINT, Fitted, FolderLock, LOG, METRICS, REPORT, Run, RunConfig, WEIGHTS};
use crate::search::{Point, SearchConfig, in_one_line};
use crate::training_run::TrainingRun;
use crate::tune::best::{best, retraining};
use crate::tune::exported::{Exported, Searched, judging_part};
use crate::tune::finalists::{RepeatedScore, Repeats, fate_of_beginning};
use crate::tune::stored_trial::{StoredTrial, is_over};
use crate::tune::study::Study;
use crate::tune::trial::request;
use crate::tune::trial_config::TrialConfig;
use crate::tune::trial_data::{TrialData, require_fit};

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

/// The result.
#[derive(Debug, Serialize)]
struct Retrained {
    trial: usize,
    point: Point,
    /// The trial's score on the validation part, over all of its trainings.
    judgement: Option<RepeatedScore>,
    /// The same, fold by fold where there are folds.
    searched: Option<Searched>,
    /// Each seed's integers.
    seeds: Vec<OfSeed>,
    /// The seed that is kept.
    seed: u64,
    /// The exported integers on each part that can be compared with the search.
    exported: Vec<Exported>,
    run: PathBuf,
    epochs: usize,
    /// Whether the validation part was trained on too.
    on_all: bool,
    scheme: &'static str,
    footprint: Footprint,
    /// If int8 activations save nothing on this core, a line that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    useless_int8: Option<String>,
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

/// The training of one seed.
#[derive(Debug, Serialize)]
struct OfSeed {
    seed: u64,
    /// Error (TE1) of its integers on the part that judges the seeds.
    error: f64,
    /// Share of right decisions.
    accuracy: Option<f64>,
}

/// A seed's run and its integers.
struct Candidate {
    seed: u64,
    run: Run,
    integers: Chosen,
    /// Of the integers, on the part that judges the seeds.
    score: Score,
}

/// Trains with each seed; returns the one whose integers have the least error, the first of several, and the figures of all.
fn trained_with_each(
    trial_config: &TrialConfig,
    parts: &Parts,
    args: &Args,
) -> anyhow::Result<(Candidate, Vec<OfSeed>)> {
    let (name, part) = judging_part(parts);
    let first = trial_config.run.train.seed;
    let seeds: Vec<u64> = (0..u64::from(args.seeds))
        .map(|n| first.wrapping_add(n))
        .collect();
    refuse_other_runs(trial_config, &seeds, args)?;
    let mut best: Option<(f64, Candidate)> = None;
    let mut all = Vec::new();
    for seed in &seeds {
        let mut config = trial_config.run.clone();
        config.train.reseed(*seed);
        let (folder, label) = match seeds.len() {
            1 => (args.out.clone(), String::new()),
            _ => (
                args.out.join(format!("seed-{seed}")),
                format!("seed {seed}: "),
            ),
        };
        let run = trained(&config, parts, &folder, args.overwrite, &label)?;
        let request = request(trial_config, &run);
        let integers = choose(run.network_and_fit(), &parts.train, None, &request)?;
        let score = score(part, &outputs_of(&integers, part));
        let Exported {
            error, accuracy, ..
        } = Exported::of(&score, name, part, None);
        all.push(OfSeed {
            seed: *seed,
            error,
            accuracy,
        });
        if best
            .as_ref()
            .is_none_or(|(least, _)| error.total_cmp(least).is_lt())
        {
            let candidate = Candidate {
                seed: *seed,
                run,
                integers,
                score,
            };
            best = Some((error, candidate));
        }
    }
    let (_, best) = best.context("there is no seed to train with; set --seeds to 1 or more")?;
    Ok((best, all))
}

/// The outputs of integers for a part.
fn outputs_of(integers: &Chosen, part: &Dataset) -> Outputs {
    let model = AnyModel::parse(&integers.bytes).expect("the writer returns only what parses");
    stream::outputs(&model, &part.recordings())
}

/// Refuses a folder with another run before any training.
fn refuse_other_runs(trial_config: &TrialConfig, seeds: &[u64], args: &Args) -> anyhow::Result<()> {
    let is_ours = seeds.iter().any(|seed| {
        let mut config = trial_config.run.clone();
        config.train.reseed(*seed);
        config.is_in(&args.out)
    });
    ensure!(
        is_ours || args.overwrite || RunConfig::refuse_existing(&args.out).is_ok(),
        "{}: holds another run; replace it with --overwrite, or choose another folder with --out",
        args.out.display()
    );
    Ok(())
}

/// Makes the run in `from` the run of the locked folder, unless it is there already. The paths in its configuration are
/// relative to the folder, so it is written anew.
fn keep(from: &Path, lock: &FolderLock) -> anyhow::Result<()> {
    let to = lock.folder();
    if from == to {
        return Ok(());
    }
    RunConfig::read(from)?.create(&Fitted::read(from)?, lock, true)?;
    for file in [WEIGHTS, CHECKPOINT, LOG, REPORT] {
        let found = from.join(file);
        if found.exists() {
            let bytes = std::fs::read(&found).with_context(|| found.display().to_string())?;
            atomic::write(&to.join(file), &bytes)?;
        }
    }
    let path = from.join(METRICS);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut metrics: serde_json::Value = serde_json::from_str(&text)?;
    metrics["run"] = serde_json::to_value(to)?;
    if !metrics["report"].is_null() {
        metrics["report"] = serde_json::to_value(to.join(REPORT))?;
    }
    let text = serde_json::to_string_pretty(&metrics)?;
    Ok(atomic::write(&to.join(METRICS), text.as_bytes())?)
}

/// What must not be overlooked: integers that are worse than the search said.
fn warnings(retrained: &Retrained) -> Vec<String> {
    let Some(searched) = &retrained.searched else {
        return Vec::new();
    };
    let expected = match &searched.accuracy {
        Some(Spread { mean, deviation }) => {
            format!("accuracy {:.2} ± {:.2} %", 100.0 * mean, 100.0 * deviation)
        }
        None => format!(
            "error {:.5} ± {:.5}",
            searched.error.mean, searched.error.deviation
        ),
    };
    let worse = retrained
        .exported
        .iter()
        .filter(|exported| exported.is_worse);
    let warning = |exported: &Exported| {
        format!(
            "WARNING: the exported integers have {} on the {}, and the search judged this trial by {expected}. Do not \
             rely on this model: train with more --seeds or another --seed, or take another trial (`tune show` lists them)",
            exported.figure(),
            exported.part,
        )
    };
    worse.map(warning).collect()
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

/// The finished run of `config` on `parts` in the folder `out`: a new run, or one that was begun there.
fn trained(
    config: &RunConfig,
    parts: &Parts,
    out: &Path,
    overwrite: bool,
    label: &str,
) -> anyhow::Result<Run> {
    let stop = interrupt::flag()?;
    let run = if config.is_in(out) && !overwrite {
        TrainingRun::resume_with(parts.clone(), out)?
    } else {
        TrainingRun::begin_with(config.clone(), parts.clone(), out, overwrite)?
    };
    train(run, out, None, label, &stop)?;
    Ok(Run::open(out)?)
}

/// f32 and integers of a run on a part of the data, a regression's with ridge beside them.
fn judged(kept: &Candidate, parts: &Parts, part: &Dataset) -> Comparison {
    let integers = outputs_of(&kept.integers, part);
    compare(part, &kept.run.outputs(part), &integers)
        .beside(&Baselines::of_values(&parts.train), part)
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
    let mut text = format!(
        "trial {}: {}\nrun {} ({} on {}, quantised as {})\n{}",
        retrained.trial,
        in_one_line(&retrained.point),
        retrained.run.display(),
        counted(retrained.epochs, "epoch"),
        if retrained.on_all {
            "training and validation part"
        } else {
            "the training part, since the schedule needs the validation part"
        },
        retrained.scheme,
        footprint_line(&retrained.footprint),
    );
    if let Some(line) = &retrained.useless_int8 {
        text += &format!("{line}\n");
    }
    if let Some(judgement) = &retrained.judgement {
        text += &format!(
            "validation  error {} {}, over {} of its trainings\n",
            judgement.error_text(),
            judgement.accuracy_text(),
            judgement.trainings
        );
    }
    text += &seeds_text(retrained);
    if let Some(test) = &retrained.test {
        text += &test.to_text("test part");
    }
    if let Some(model) = &retrained.model {
        text += &format!("model       {}\n", model.display());
    }
    text
}

/// The integers of each seed and, beside the search's judgement, those that are exported.
fn seeds_text(retrained: &Retrained) -> String {
    let mut text = String::new();
    for of_seed in &retrained.seeds {
        let accuracy = of_seed.accuracy.map_or(String::new(), |accuracy| {
            format!(" {:.2} %", 100.0 * accuracy)
        });
        let kept = if of_seed.seed == retrained.seed {
            ", kept"
        } else {
            ""
        };
        text += &format!(
            "seed {:<6} error {:.5}{accuracy}{kept}\n",
            of_seed.seed, of_seed.error
        );
    }
    for exported in &retrained.exported {
        let verdict = match exported.is_worse {
            true => "WORSE than the search judged it",
            false => "within what the search scatters",
        };
        text += &format!(
            "exported    {} on the {}: {verdict}\n",
            exported.figure(),
            exported.part
        );
    }
    text
}
