//! `trainer-host compare`: the figures of finished runs side by side, and the settings that differ.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::Serialize;
use serde_json::Value;

use super::Printer;
use super::table::{percent, table};
use crate::files::atomic;
use crate::report::{Chart, Page, Series, data_table, escape, over_epochs};
use crate::run::toml_text::to_table;
use crate::run::{METRICS, RunConfig, read_log};
use crate::train::EpochRecord;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folders of finished runs, two or more.
    #[arg(value_name = "RUN", required = true, num_args = 2..)]
    runs: Vec<PathBuf>,
    /// Write a page that draws the curves of all runs together.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// What is shown.
#[derive(Debug, Serialize)]
struct Comparison {
    runs: Vec<RunFigures>,
    /// Settings that differ between the runs: the value in each run, `null` if it is not set there.
    differences: BTreeMap<String, Vec<Option<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<PathBuf>,
}

/// One run in figures.
#[derive(Debug, Serialize)]
struct RunFigures {
    run: PathBuf,
    parameters: Option<u64>,
    epochs: usize,
    best_epoch: Option<u64>,
    /// Lowest loss on the validation part.
    validation_loss: Option<f64>,
    validation: PartFigures,
    test: PartFigures,
}

/// The score of a part: an accuracy for classes, a mean squared error for values.
#[derive(Debug, Default, Serialize)]
struct PartFigures {
    accuracy: Option<f64>,
    mse: Option<f64>,
}

impl PartFigures {
    fn of(score: &Value) -> Self {
        Self {
            accuracy: score["accuracy"].as_f64(),
            mse: score["mse"].as_f64(),
        }
    }

    fn describe(&self) -> String {
        match (self.accuracy, self.mse) {
            (Some(accuracy), _) => percent(accuracy),
            (None, Some(mse)) => format!("mse {mse:.5}"),
            (None, None) => "-".into(),
        }
    }
}

/// A run, read from its folder.
struct Finished {
    config: RunConfig,
    history: Vec<EpochRecord>,
    metrics: Value,
}

impl Finished {
    fn open(folder: &Path) -> anyhow::Result<Self> {
        let config = RunConfig::read(folder)?;
        let text = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).with_context(|| {
                format!(
                    "{}: cannot be read; finish the run with `trainer-host train --resume {}`",
                    path.display(),
                    folder.display()
                )
            })
        };
        let metrics = serde_json::from_str(&text(METRICS)?)
            .with_context(|| format!("{}", folder.join(METRICS).display()))?;
        let history = read_log(folder)?;
        Ok(Self {
            config,
            history,
            metrics,
        })
    }

    fn figures(&self, folder: &Path) -> RunFigures {
        let losses = self.history.iter().filter_map(|r| Some(r.validation?.loss));
        RunFigures {
            run: folder.to_owned(),
            parameters: self.metrics["parameters"].as_u64(),
            epochs: self.history.len(),
            best_epoch: self.metrics["best_epoch"].as_u64(),
            validation_loss: losses.min_by(f64::total_cmp),
            validation: PartFigures::of(&self.metrics["validation"]),
            test: PartFigures::of(&self.metrics["test"]),
        }
    }

    /// The configuration as dotted keys and values.
    fn settings(&self) -> anyhow::Result<BTreeMap<String, String>> {
        fn flatten(prefix: &str, table: &toml::Table, all: &mut BTreeMap<String, String>) {
            for (key, value) in table {
                let key = format!("{prefix}{key}");
                match value {
                    toml::Value::Table(inner) => flatten(&format!("{key}."), inner, all),
                    value => {
                        all.insert(key, value.to_string());
                    }
                }
            }
        }
        let mut all = BTreeMap::new();
        flatten("", &to_table(&self.config)?, &mut all);
        Ok(all)
    }
}

pub(super) fn run(args: Args, printer: Printer) -> anyhow::Result<()> {
    let runs: Vec<Finished> = (args.runs.iter())
        .map(|folder| Finished::open(folder))
        .collect::<Result<_, _>>()?;
    let names: Vec<String> = args
        .runs
        .iter()
        .map(|run| run.display().to_string())
        .collect();
    let comparison = Comparison {
        runs: (runs.iter().zip(&args.runs))
            .map(|(run, folder)| run.figures(folder))
            .collect(),
        differences: differences(&runs)?,
        html: args.html.clone(),
    };
    if let Some(path) = &args.html {
        ensure!(
            !path.is_dir(),
            "{}: is a folder; name a file to write",
            path.display()
        );
        let page = page(&runs, &names, &comparison);
        atomic::write(path, page.as_bytes())?;
    }
    printer.print(&comparison, |comparison| text(comparison, &names))
}

fn differences(runs: &[Finished]) -> anyhow::Result<BTreeMap<String, Vec<Option<String>>>> {
    let settings: Vec<_> = runs
        .iter()
        .map(Finished::settings)
        .collect::<Result<_, _>>()?;
    let mut all: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
    for key in settings.iter().flat_map(BTreeMap::keys) {
        let values = settings.iter().map(|settings| settings.get(key).cloned());
        all.insert(key.clone(), values.collect());
    }
    all.retain(|_, values| values.iter().any(|value| *value != values[0]));
    Ok(all)
}

const FIGURES: [&str; 7] = [
    "run",
    "parameters",
    "epochs",
    "best",
    "validation loss",
    "validation",
    "test",
];

/// The rows under [`FIGURES`].
fn figure_rows(comparison: &Comparison, names: &[String]) -> Vec<Vec<String>> {
    let number = |value: Option<u64>| value.map_or("-".into(), |value| value.to_string());
    (comparison.runs.iter().zip(names))
        .map(|(run, name)| {
            vec![
                name.clone(),
                number(run.parameters),
                run.epochs.to_string(),
                number(run.best_epoch),
                run.validation_loss
                    .map_or("-".into(), |loss| format!("{loss:.4}")),
                run.validation.describe(),
                run.test.describe(),
            ]
        })
        .collect()
}

/// The settings that differ: a head, and a row for each.
fn setting_rows<'a>(
    comparison: &Comparison,
    names: &'a [String],
) -> (Vec<&'a str>, Vec<Vec<String>>) {
    let header = std::iter::once("setting").chain(names.iter().map(String::as_str));
    let rows = comparison.differences.iter().map(|(key, values)| {
        let values = values
            .iter()
            .map(|value| value.clone().unwrap_or("-".into()));
        std::iter::once(key.clone()).chain(values).collect()
    });
    (header.collect(), rows.collect())
}

fn text(comparison: &Comparison, names: &[String]) -> String {
    let figures = table(&FIGURES, &figure_rows(comparison, names));
    if comparison.differences.is_empty() {
        return figures + "\nThe configurations are the same.\n";
    }
    let (header, rows) = setting_rows(comparison, names);
    format!("{figures}\n{}", table(&header, &rows))
}

fn page(runs: &[Finished], names: &[String], comparison: &Comparison) -> String {
    let mut page = Page::new("Runs side by side");
    // A row's name is escaped by the table.
    let escaped = |rows: Vec<Vec<String>>| {
        let cell = |(column, cell): (usize, String)| match column {
            0 => cell,
            _ => escape(&cell),
        };
        let row = |row: Vec<String>| row.into_iter().enumerate().map(cell).collect();
        rows.into_iter().map(row).collect::<Vec<Vec<String>>>()
    };
    let rows = escaped(figure_rows(comparison, names));
    page.section("Figures", &data_table(&FIGURES, rows.into_iter()));
    let (header, rows) = setting_rows(comparison, names);
    let settings = match rows.is_empty() {
        true => "<p>The configurations are the same.</p>".to_owned(),
        false => data_table(&header, escaped(rows).into_iter()),
    };
    page.section("Settings that differ", &settings);
    type Value = fn(&EpochRecord) -> Option<f64>;
    let charts: [(&str, &str, Value); 4] = [
        ("Training loss", "loss", |r| Some(r.train_loss)),
        ("Validation loss", "loss", |r| Some(r.validation?.loss)),
        ("Validation accuracy", "%", |r| {
            Some(100.0 * r.validation?.accuracy?)
        }),
        ("Learning rate", "", |r| Some(f64::from(r.learning_rate))),
    ];
    let mut drawn = Vec::new();
    for (title, unit, value) in charts {
        let curves: Vec<Series> = (runs.iter().zip(names))
            .map(|(run, name)| over_epochs(&run.history, name, value))
            .filter(|curve| !curve.points.is_empty())
            .collect();
        if !curves.is_empty() {
            drawn.push(Chart::lines(title, ("epoch", unit), curves));
        }
    }
    if !drawn.is_empty() {
        page.charts("Curves", &drawn);
    }
    page.finish()
}
