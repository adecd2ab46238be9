//! `trainer-host train --seeds`: the same configuration with several seeds, and the mean of the scores.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::ensure;
use serde::Serialize;

use super::Printer;
use super::settings::divided;
use super::table::{percent, table};
use super::training::{is_existing, refuse_existing_curves, refuse_other_curves, train};
use crate::data::Unsplit;
use crate::evaluate::{Score, Spread};
use crate::run::RunConfig;
use crate::training_run::{Metrics, TrainingRun};

/// All runs, with means and deviations.
#[derive(Debug, Serialize)]
struct Repetition {
    runs: Vec<SeedRun>,
    validation: Option<FigureSpread>,
    test: Option<FigureSpread>,
}

#[derive(Debug, Serialize)]
struct SeedRun {
    seed: u64,
    #[serde(flatten)]
    metrics: Metrics,
}

/// Mean and standard deviation of the runs' accuracy, or of their mean squared error (standardised
/// where it is known).
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct FigureSpread {
    figure: Figure,
    #[serde(flatten)]
    spread: Spread,
}

/// The figure that a score is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Figure {
    Accuracy,
    MeanSquaredError,
    /// Of a forecast, as the literature states it.
    StandardisedMeanSquaredError,
}

impl Figure {
    fn of(score: &Score) -> (Self, f64) {
        match score {
            Score::Classes(score) => (Self::Accuracy, score.accuracy),
            Score::Values(score) => match score.beside.standardised {
                Some(errors) => (Self::StandardisedMeanSquaredError, errors.mse),
                None => (Self::MeanSquaredError, score.errors.mse),
            },
        }
    }

    fn format(self, value: f64) -> String {
        match self {
            Self::Accuracy => percent(value),
            Self::MeanSquaredError | Self::StandardisedMeanSquaredError => format!("{value:.6}"),
        }
    }
}

impl FigureSpread {
    /// Of one part over all runs, if all have it.
    pub(super) fn of<'a>(scores: impl Iterator<Item = Option<&'a Score>>) -> Option<Self> {
        let figures: Vec<(Figure, f64)> = scores
            .map(|score| score.map(Figure::of))
            .collect::<Option<_>>()?;
        let &(figure, _) = figures.first()?;
        let values: Vec<f64> = figures.iter().map(|(_, value)| *value).collect();
        let spread = Spread::of(&values);
        Some(Self { figure, spread })
    }

    /// The figure of one score.
    pub(super) fn figure_text(score: &Score) -> String {
        let (figure, value) = Figure::of(score);
        figure.format(value)
    }

    pub(super) fn mean_text(&self) -> String {
        self.figure.format(self.spread.mean)
    }

    pub(super) fn deviation_text(&self) -> String {
        self.figure.format(self.spread.deviation)
    }
}

/// Trains with each of `seeds` into `out/seed-N`, with its curves in `curves/seed-N`. Continues a run that is there
/// with the same configuration.
pub(super) fn run(
    (config, data): (&RunConfig, Option<Unsplit>),
    (out, curves): (&Path, Option<&Path>),
    seeds: &[u64],
    overwrite: bool,
    stop: &AtomicBool,
    printer: Printer,
) -> anyhow::Result<()> {
    let folder_of = |seed: u64| out.join(format!("seed-{seed}"));
    if !overwrite {
        for folder in seeds.iter().map(|&seed| folder_of(seed)) {
            match RunConfig::refuse_existing(&folder) {
                Ok(()) => refuse_existing_curves(&folder, curves)?,
                Err(_) => refuse_other_curves(&folder, curves)?,
            }
        }
    }
    let mut runs = Vec::new();
    for &seed in seeds {
        let folder = folder_of(seed);
        let mut config = config.clone();
        config.train.seed = seed;
        let config = config.with_known_split()?.with_initial_structure()?;
        let data = divided(&config, data.clone())?;
        let run = match TrainingRun::begin_with(config.clone(), data, &folder, overwrite) {
            Err(error) if is_existing(&error) => {
                let run = TrainingRun::resume(&folder)?;
                let task = run.data().train.targets.task();
                let [before, asked] =
                    [run.config().clone(), config.clone()].map(|config| config.settled(task));
                ensure!(before.is_same_as(&asked), error);
                run
            }
            other => other?,
        };
        let metrics = train(run, &folder, curves, &format!("seed {seed}: "), stop)?;
        runs.push(SeedRun { seed, metrics });
    }
    let part = |part: fn(&Metrics) -> &Option<Score>| {
        FigureSpread::of(runs.iter().map(|run| part(&run.metrics).as_ref()))
    };
    let (validation, test) = (part(|m| &m.validation), part(|m| &m.test));
    let repetition = Repetition {
        validation,
        test,
        runs,
    };
    printer.print(&repetition, text)
}

fn text(repetition: &Repetition) -> String {
    let figure =
        |score: &Option<Score>| (score.as_ref()).map_or("-".into(), FigureSpread::figure_text);
    let mut rows: Vec<Vec<String>> = (repetition.runs.iter())
        .map(|SeedRun { seed, metrics }| {
            vec![
                seed.to_string(),
                metrics.best_epoch.unwrap_or(metrics.epochs).to_string(),
                figure(&metrics.validation),
                figure(&metrics.test),
            ]
        })
        .collect();
    let spread = |name: &str, text: fn(&FigureSpread) -> String| {
        let format = |spread: &Option<FigureSpread>| spread.as_ref().map_or("-".into(), text);
        vec![
            name.into(),
            String::new(),
            format(&repetition.validation),
            format(&repetition.test),
        ]
    };
    rows.push(spread("mean", FigureSpread::mean_text));
    rows.push(spread("deviation", FigureSpread::deviation_text));
    table(&["seed", "epoch", "validation", "test"], &rows)
}
