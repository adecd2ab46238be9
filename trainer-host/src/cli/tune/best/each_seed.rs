//! The trainings of `tune best`: one with each seed, of which the one whose integers have the least error is kept.

use std::path::Path;

use anyhow::{Context, ensure};
use serde::Serialize;

use super::Args;
use crate::cli::interrupt;
use crate::cli::training::train;
use crate::data::{Dataset, Parts};
use crate::evaluate::{Baselines, Comparison, Outputs, Score, compare, score};
use crate::files::atomic;
use crate::integers::engine::AnyModel;
use crate::integers::stream;
use crate::run::choose::{Chosen, choose};
use crate::run::{CHECKPOINT, Fitted, FolderLock, LOG, METRICS, REPORT, Run, RunConfig, WEIGHTS};
use crate::training_run::TrainingRun;
use crate::tune::exported::{Exported, judging_part};
use crate::tune::trial::request;
use crate::tune::trial_config::TrialConfig;

/// The training of one seed.
#[derive(Debug, Serialize)]
pub(super) struct OfSeed {
    pub(super) seed: u64,
    /// Error (TE1) of its integers on the part that judges the seeds.
    pub(super) error: f64,
    /// Share of right decisions.
    pub(super) accuracy: Option<f64>,
}

/// A seed's run and its integers.
pub(super) struct Candidate {
    pub(super) seed: u64,
    pub(super) run: Run,
    pub(super) integers: Chosen,
    /// Of the integers, on the part that judges the seeds.
    pub(super) score: Score,
}

/// Trains with each seed; returns the one whose integers have the least error, the first of several, and the figures of all.
pub(super) fn trained_with_each(
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
pub(super) fn keep(from: &Path, lock: &FolderLock) -> anyhow::Result<()> {
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
pub(super) fn judged(kept: &Candidate, parts: &Parts, part: &Dataset) -> Comparison {
    let integers = outputs_of(&kept.integers, part);
    compare(part, &kept.run.outputs(part), &integers)
        .beside(&Baselines::of_values(&parts.train), part)
}
