//! `trainer-host train --folds K`: trains K networks and judges each on the fold that it has not seen.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::bail;
use serde::Serialize;

use super::Printer;
use super::data_args::print_notes;
use super::interrupt;
use super::table::table;
use super::training::print_later_steps;
use crate::data::{Fold, Parts, SplitError, Unsplit, views};
use crate::evaluate::{Errors, Score, Spread, Streams, score};
use crate::files::versioned::Versioned;
use crate::files::{atomic, disk};
use crate::passes::activation_format::ActivationFormats;
use crate::run::{Fitted, RunConfig};
use crate::train::{Ending, SplitRule, Trainer};
use crate::training_run::tensorboard::{self, Curves, CurvesError, EVENT_FILE};

/// Where the scores are written, in the folder of `--out`.
pub(super) const CROSS_VALIDATION: &str = "cross-validation.json";

/// The scores of all folds.
#[derive(Debug, Serialize)]
pub(super) struct CrossValidation {
    data: String,
    by_group: bool,
    folds: Vec<JudgedFold>,
    /// Each figure over the folds.
    figures: Vec<Figure>,
}

/// One network, judged on its own fold.
#[derive(Debug, Serialize)]
struct JudgedFold {
    /// From 1.
    fold: usize,
    train_sequences: usize,
    judged_sequences: usize,
    best_epoch: Option<usize>,
    score: Score,
}

/// One figure over the folds.
#[derive(Debug, Serialize)]
struct Figure {
    name: &'static str,
    mean: f64,
    /// Standard deviation of the sample: its denominator is the number of folds less 1.
    deviation: f64,
    values: Vec<f64>,
}

/// Trains and judges `count` networks; writes the scores to `out`, and the curves to `curves/fold-N`, if there are
/// such folders.
pub(super) fn run(
    config: &RunConfig,
    data: Option<Unsplit>,
    (count, out, curves): (usize, Option<&Path>, Option<&Path>),
    overwrite: bool,
    printer: Printer,
) -> anyhow::Result<()> {
    config.validate()?;
    refuse_other_parts(config)?;
    let file = out.map(|folder| folder.join(CROSS_VALIDATION));
    refuse_existing(file.as_deref(), overwrite)?;
    let curves_of = |number: usize| Some(curves?.join(format!("fold-{number}")));
    let stop = interrupt::flag()?;
    if count < 2 {
        bail!(SplitError::Folds(count));
    }
    let data = match data {
        Some(data) => data,
        None => config.read_data()?,
    };
    data.check_folds(count, config.train.split().seed)?;
    let further = further_curves(count, curves);
    if !overwrite {
        for folder in (1..=count).filter_map(curves_of).chain(further.clone()) {
            tensorboard::refuse_existing(&folder)?;
        }
    }
    let mut written = Ok(());
    let mut by_group = false;
    let mut folds = Vec::new();
    for fold in Fold::all(count) {
        let SplitRule { share, seed, .. } = config.train.split();
        let parts = data.clone().fold(fold, share, seed)?;
        if fold.number() == 1 {
            print_notes(&parts.notes());
            print_later_steps(config.train.direction.need_windows(), &parts.train);
            say!("{}", parts.train.summary());
        }
        by_group = parts.train.groups.is_some();
        let curves = curves_of(fold.number());
        let (score, curves) = judged(config, fold, parts, curves.as_deref(), &stop)?;
        folds.push(score);
        written = written.and(curves);
    }
    let result = CrossValidation {
        data: config.source.clone(),
        by_group,
        figures: figures(&folds),
        folds,
    };
    if let Some(file) = &file {
        write(file, &result)?;
    }
    printer.print(&result, text)?;
    for folder in &further {
        tensorboard::remove(folder)?;
    }
    written?;
    Ok(())
}

/// The folders in `all` with curves of folds beyond `count`, which an earlier cross-validation with more folds wrote.
fn further_curves(count: usize, all: Option<&Path>) -> Vec<PathBuf> {
    let further = (count + 1..).map_while(|number| Some(all?.join(format!("fold-{number}"))));
    further
        .take_while(|folder| folder.join(EVENT_FILE).exists())
        .collect()
}

fn write(file: &Path, result: &CrossValidation) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        disk::create_dir_all(folder)
            .map_err(|error| anyhow::anyhow!("{}: {error}", folder.display()))?;
    }
    atomic::write(file, Versioned::of(result).to_json()?.as_bytes())?;
    Ok(())
}

/// Refuses a configuration in which a fold would judge a network that was trained on it, or that learned from
/// a run that was.
fn refuse_other_parts(config: &RunConfig) -> anyhow::Result<()> {
    if let Some(fold) = config.train.validation_fold {
        bail!(
            "validation_fold: --folds judges {fold} as well as the other folds; omit one of the two settings"
        );
    }
    if let Some((key, _)) = config.train.other_runs().next() {
        bail!(
            "{key}: the other run was trained on sequences that would judge the folds; omit {key} or --folds"
        );
    }
    Ok(())
}

/// Trains the network of `fold` and judges it on that fold, which is the test part of `parts`. Says too whether the
/// curves, which go to the folder `curves`, were written.
fn judged(
    config: &RunConfig,
    fold: Fold,
    parts: Parts,
    curves: Option<&Path>,
    stop: &AtomicBool,
) -> anyhow::Result<(JudgedFold, Result<(), CurvesError>)> {
    let (number, count) = (fold.number(), fold.count());
    let Some(judged) = parts.test else {
        bail!("fold {number} is empty");
    };
    let fitted = Fitted::fit(&config.train, &parts.train)?;
    let train = fitted.normalised(&parts.train);
    let validation = parts
        .validation
        .as_ref()
        .map(|part| fitted.normalised(part));
    let mut trainer = Trainer::new(&config.train, &train, validation.as_ref())?;
    let mut observer = ();
    let mut curves = Curves::open(curves, &[], &mut observer)?;
    let ending = trainer.run(&mut curves, stop)?;
    let state = trainer.into_state();
    match ending {
        Ending::Stopped => bail!(interrupt::Stopped(format!(
            "stopped in fold {number} of {count}; nothing was written"
        ))),
        Ending::Diverged => say!(
            "fold {number} of {count}: training diverged after epoch {}; lower learning_rate or clip_norm",
            state.epochs()
        ),
        Ending::Finished | Ending::Early => {}
    }
    let inputs = fitted.normalised_inputs(&judged);
    let outputs = match config.train.for_streams {
        true => {
            let formats = ActivationFormats::default();
            Streams::of(&judged).outputs(state.chosen(), &formats, &inputs)
        }
        false => state.chosen().outputs(&views(&inputs)),
    };
    let score = score(&judged, &fitted.in_real_units(outputs));
    say!("fold {number} of {count}: {}", score.describe());
    let judged = JudgedFold {
        fold: number,
        train_sequences: train.len(),
        judged_sequences: judged.len(),
        best_epoch: state.best.as_ref().map(|best| best.epoch),
        score,
    };
    Ok((judged, curves.finish()))
}

fn refuse_existing(file: Option<&Path>, overwrite: bool) -> anyhow::Result<()> {
    let existing: Option<PathBuf> = file.filter(|file| file.exists()).map(Path::to_owned);
    match existing {
        Some(file) if !overwrite => bail!(
            "{}: already exists; replace it with --overwrite, or choose another folder with --out",
            file.display()
        ),
        _ => Ok(()),
    }
}

/// The figures that every fold has, with mean and deviation.
fn figures(folds: &[JudgedFold]) -> Vec<Figure> {
    type Reading = (&'static str, fn(&Score) -> Option<f64>);
    fn of_values(score: &Score, figure: fn(&Errors) -> Option<f64>) -> Option<f64> {
        match score {
            Score::Values(score) => figure(&score.errors),
            Score::Classes(_) => None,
        }
    }
    let readings: [Reading; 7] = [
        ("accuracy", |score| match score {
            Score::Classes(score) => Some(score.accuracy),
            Score::Values(_) => None,
        }),
        ("balanced accuracy", |score| match score {
            Score::Classes(score) => Some(score.balanced_accuracy),
            Score::Values(_) => None,
        }),
        ("macro F1", |score| match score {
            Score::Classes(score) => Some(score.macro_f1),
            Score::Values(_) => None,
        }),
        ("ROC AUC", |score| match score {
            Score::Classes(score) => score.roc.as_ref().map(|roc| roc.auc),
            Score::Values(_) => None,
        }),
        ("MSE", |score| of_values(score, |errors| Some(errors.mse))),
        ("MAE", |score| of_values(score, |errors| Some(errors.mae))),
        ("R²", |score| of_values(score, |errors| errors.r2)),
    ];
    let figure = |(name, read): Reading| {
        let values: Vec<f64> = folds
            .iter()
            .map(|fold| read(&fold.score))
            .collect::<Option<_>>()?;
        let Spread { mean, deviation } = Spread::of(&values);
        Some(Figure {
            name,
            mean,
            deviation,
            values,
        })
    };
    readings.into_iter().filter_map(figure).collect()
}

fn text(result: &CrossValidation) -> String {
    let header: Vec<&str> = ["fold", "trained on", "judged on"]
        .into_iter()
        .chain(result.figures.iter().map(|figure| figure.name))
        .collect();
    let row = |name: String, sizes: [String; 2], of: &dyn Fn(&Figure) -> f64| {
        let figures = result
            .figures
            .iter()
            .map(|figure| format!("{:.4}", of(figure)));
        [name]
            .into_iter()
            .chain(sizes)
            .chain(figures)
            .collect::<Vec<_>>()
    };
    let mut rows: Vec<Vec<String>> = (result.folds.iter().enumerate())
        .map(|(i, fold)| {
            let sizes = [fold.train_sequences, fold.judged_sequences].map(|n| n.to_string());
            row(fold.fold.to_string(), sizes, &|figure| figure.values[i])
        })
        .collect();
    let none = || [String::new(), String::new()];
    rows.push(row("mean".into(), none(), &|figure| figure.mean));
    rows.push(row("deviation".into(), none(), &|figure| figure.deviation));
    let kind = if result.by_group {
        ", groups whole"
    } else {
        ", stratified"
    };
    format!(
        "{}, {} folds{kind}\n\n{}",
        result.data,
        result.folds.len(),
        table(&header, &rows)
    )
}
