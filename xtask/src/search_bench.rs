//! `cargo xtask search-bench`: how good the searches of `tune` are, replayed over tables of real trainings.
//!
//! `trainer-host/benches/search/` replays. A table is a CSV file with a row for each training of a random search;
//! `cargo xtask search-bench record` makes one.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command;
use crate::trainer::Trainer;

/// The folder of the tables that the repository keeps; its README says how they were recorded.
const TABLES: &str = "xtask/search/tables";
/// Their names, and the data that they need, below the folder of data sets.
const KEPT: [(&str, &str); 4] = [
    ("digits_m4.csv", ""),
    ("vowels_m4.csv", "japanese_vowels/japanese_vowels.npz"),
    ("spoken_m55.csv", "fsdd/fsdd_mfcc13.npz"),
    ("activities_m4.csv", "uci_har/uci_har_subset.npz"),
];

/// What to replay, or to record.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    record: Option<Task>,
    /// Tables that `record` made [default: those in xtask/search/tables]
    tables: Vec<PathBuf>,
    /// The folder of the data sets that the tables' trainings are of
    #[arg(long)]
    data: Option<PathBuf>,
    /// Seeds of each search
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// Trainings to their end that a search may take
    #[arg(long, default_value_t = 40)]
    units: usize,
    /// Trials that may run at once
    #[arg(long, default_value_t = 4)]
    lag: usize,
    /// Only the sampler of this name, or those with this in their names
    #[arg(long)]
    only: Option<String>,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Task {
    /// Train the networks of a random search to their ends, and write their table
    Record(Record),
}

/// The search that a table is recorded from.
#[derive(Clone, Debug, clap::Args)]
struct Record {
    /// The data, as `trainer-host tune` takes it; the table keeps this path, so give it from the folder of data sets
    source: String,
    /// The table to write
    table: PathBuf,
    /// Instructions of a step, at most
    #[arg(long)]
    instructions: u64,
    /// The core of the chip
    #[arg(long, default_value = "M4")]
    core: String,
    /// Trainings
    #[arg(long, default_value_t = 150)]
    trials: usize,
    /// Epochs of a training
    #[arg(long, default_value_t = 30)]
    epochs: usize,
    /// A configuration file, with a search space
    #[arg(long)]
    config: Option<PathBuf>,
    /// Train nothing: take the trials of studies that stand in this storage
    #[arg(long, requires = "study", conflicts_with_all = ["trials", "epochs", "config"])]
    storage: Option<String>,
    /// The studies, separated by commas; in each, nothing was stopped and all else is alike
    #[arg(long, requires = "storage", value_delimiter = ',')]
    study: Vec<String>,
}

/// Replays, or records.
///
/// # Errors
/// When a table cannot be read or made.
pub fn run(arguments: &Arguments) -> Result<()> {
    if let Some(Task::Record(record)) = &arguments.record {
        return self::record(record);
    }
    let here = std::env::current_dir()?;
    let kept = |(name, source): &(&str, &str)| {
        let is_there = source.is_empty()
            || (arguments.data.iter()).any(|folder| here.join(folder).join(source).exists());
        if !is_there {
            println!("{name} is left out: --data FOLDER names the folder that holds {source}");
        }
        is_there.then(|| command::root().join(TABLES).join(name))
    };
    let tables = match arguments.tables.as_slice() {
        [] => KEPT.iter().filter_map(kept).collect(),
        tables => tables
            .iter()
            .map(|table| here.join(table))
            .collect::<Vec<_>>(),
    };
    let mut bench = command::cargo();
    bench
        .current_dir(command::root())
        .args("bench --quiet --locked --package trainer-host --bench search --".split(' '));
    bench.args(tables);
    if let Some(folder) = &arguments.data {
        bench.arg("--data").arg(here.join(folder));
    }
    bench.args(["--seeds", &arguments.seeds.to_string()]);
    bench.args(["--units", &arguments.units.to_string()]);
    bench.args(["--lag", &arguments.lag.to_string()]);
    if let Some(only) = &arguments.only {
        bench.args(["--only", only]);
    }
    command::run(&mut bench)
}

/// Writes the table of a random search, or of those that stand already.
fn record(record: &Record) -> Result<()> {
    let trainer = Trainer::build()?;
    let studies = match &record.storage {
        None => vec![searched(&trainer, record)?],
        Some(storage) => (record.study.iter())
            .map(|study| trainer.run(&["tune", "show", "--storage", storage, "--study", study]))
            .collect::<Result<_>>()?,
    };
    let text = table(record, &studies)?;
    std::fs::write(&record.table, text)
        .with_context(|| format!("{} cannot be written", record.table.display()))?;
    println!("{}", record.table.display());
    Ok(())
}

/// Begins with the configuration itself; all else is drawn at random, and nothing is stopped.
fn searched(trainer: &Trainer, record: &Record) -> Result<Value> {
    let folder = command::target_root().join("search-bench");
    std::fs::create_dir_all(&folder)?;
    let stem = record.table.file_stem().context("the table has no name")?;
    let study = folder.join(stem).with_extension("db");
    let study = study.display().to_string();
    let config = (record.config.iter()).map(|file| ("--config", file.display().to_string()));
    let flags = [
        ("--trials", record.trials.to_string()),
        ("--epochs", record.epochs.to_string()),
        ("--max-instructions", record.instructions.to_string()),
        ("--core", record.core.to_lowercase()),
        ("--storage", study),
        ("--sampler", "random".into()),
        ("--stopping", "none".into()),
        ("--finalists", "8".into()),
        ("--repeats", "4".into()),
    ];
    let flags: Vec<(&str, String)> = flags.into_iter().chain(config).collect();
    let mut words = vec!["tune", record.source.as_str()];
    words.extend(
        flags
            .iter()
            .flat_map(|(flag, value)| [*flag, value.as_str()]),
    );
    trainer.run(&words)
}

/// The table of finished studies of one space: its head, the names of settings, and a line for each training to its
/// end.
/// A point that several studies begin with has one line.
fn table(record: &Record, studies: &[Value]) -> Result<String> {
    let finished = finished(studies)?;
    let first = finished
        .first()
        .context("no trial of the study has ended")?;
    let space = &studies[0]["definition"]["search"]["space"];
    for study in &studies[1..] {
        if let Some(what) = difference(&studies[0], study) {
            bail!("the studies differ in {what}; a table is of one task");
        }
    }
    let names = space.as_object().context("the study has no space")?.keys();
    let names: Vec<&str> = names.map(String::as_str).collect();
    let epochs = values(first).len();
    let noise = noise(&finished);
    let mut text = format!(
        "# source = {:?}\n# limit = {}\n# core = {:?}\n# sd_point = {:.4}\n# sd_epoch = {:.4}\n# sd_fold = {:.4}\n\
         # space = '{space}'\n",
        record.source,
        record.instructions,
        record.core.to_uppercase(),
        noise.point,
        noise.epoch,
        noise.fold
    );
    let columns: Vec<String> = (1..=epochs).map(|epoch| format!("v{epoch}")).collect();
    let columns = columns.iter().map(String::as_str);
    let heads: Vec<&str> = names
        .iter()
        .copied()
        .chain(["error"])
        .chain(columns)
        .collect();
    writeln!(text, "{}", heads.join(","))?;
    for trial in finished
        .iter()
        .filter(|trial| values(trial).len() == epochs)
    {
        let settings = names.iter().map(|name| match &trial["point"][*name] {
            Value::String(word) => word.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        });
        let error = trial["result"]["error"].as_f64().unwrap_or_default();
        let numbers = std::iter::once(error)
            .chain(values(trial))
            .map(|number| format!("{number:.6}"));
        let fields: Vec<String> = settings.chain(numbers).collect();
        writeln!(text, "{}", fields.join(","))?;
    }
    Ok(text)
}

/// What makes two studies different tasks: data, configuration, space, chip, folds or stopping.
fn difference(one: &Value, other: &Value) -> Option<&'static str> {
    let parts = [
        ("their data", "/definition/data_crc"),
        ("their configurations", "/definition/config"),
        ("their search spaces", "/definition/search/space"),
        ("their chips", "/definition/search/chip"),
        ("their folds", "/definition/search/folds"),
        ("what stops trials", "/definition/search/stopping"),
    ];
    // A random search ignores priors.
    let without_priors = |study: &Value| {
        let mut study = study.clone();
        let space = study.pointer_mut("/definition/search/space");
        let settings = space.and_then(Value::as_object_mut).into_iter().flatten();
        for (_, setting) in settings {
            setting
                .as_object_mut()
                .and_then(|table| table.remove("prior"));
        }
        study
    };
    let (one, other) = (without_priors(one), without_priors(other));
    let differs = |(_, path): &(_, &str)| one.pointer(path) != other.pointer(path);
    parts.into_iter().find(differs).map(|(what, _)| what)
}

/// The trials of all `studies` that were trained to their ends, each point once.
fn finished(studies: &[Value]) -> Result<Vec<&Value>> {
    let mut finished: Vec<&Value> = Vec::new();
    for study in studies {
        let trials = study["trials"]
            .as_array()
            .context("the study has no trials")?;
        for trial in trials {
            let is_finished = trial["result"]["error"].as_f64().is_some_and(|e| e > 0.0);
            let is_new = finished
                .iter()
                .all(|other| other["point"] != trial["point"]);
            if is_finished && is_new {
                finished.push(trial);
            }
        }
    }
    Ok(finished)
}

/// The value after each epoch.
fn values(trial: &Value) -> Vec<f64> {
    let values = trial["values"].as_array().into_iter().flatten();
    values.filter_map(Value::as_f64).collect()
}

/// Deviations of ln error.
struct Noise {
    /// Between trainings of a point with other seeds.
    point: f64,
    /// From one epoch to the next, less what a point has: half of the variance of differences, over the last half.
    epoch: f64,
    /// Of a fold, less the means of its trial and of its fold, over the best third of the trials.
    fold: f64,
}

/// [`Noise::fold`]: the interaction of trials and folds, (FI2) of `trainer-host/src/search/fidelity.rs` over other trials.
fn noise_of_folds(trials: &[&Value]) -> f64 {
    let error = |trial: &Value| trial["result"]["error"].as_f64().unwrap_or(f64::INFINITY);
    let mut order: Vec<&Value> = trials.to_vec();
    order.sort_by(|a, b| error(a).total_cmp(&error(b)));
    order.truncate(trials.len().div_ceil(3));
    let errors = |trial: &&Value| -> Vec<f64> {
        let folds = trial["result"]["folds"].as_array().into_iter().flatten();
        folds.filter_map(|fold| fold["error"].as_f64()).collect()
    };
    let mut rows: Vec<Vec<f64>> = order.iter().map(errors).collect();
    // Errors of zero count as half of the least other one.
    let positive = rows.iter().flatten().copied().filter(|error| *error > 0.0);
    let least = 0.5 * positive.fold(f64::MAX, f64::min);
    for error in rows.iter_mut().flatten() {
        *error = error.max(least).ln();
    }
    let folds = rows.first().map_or(0, Vec::len);
    if rows.len() < 2 || folds < 2 || rows.iter().any(|row| row.len() != folds) {
        return 0.0;
    }
    let (n, k) = (rows.len() as f64, folds as f64);
    let of_fold = |f: usize| rows.iter().map(|row| row[f]).sum::<f64>() / n;
    let middle = (0..folds).map(of_fold).sum::<f64>() / k;
    let mut squares = 0.0;
    for row in &rows {
        let of_trial = row.iter().sum::<f64>() / k;
        for (f, error) in row.iter().enumerate() {
            squares += (error - of_trial - of_fold(f) + middle).powi(2);
        }
    }
    (squares / ((n - 1.0) * (k - 1.0))).sqrt()
}

fn noise(trials: &[&Value]) -> Noise {
    let (mut squares, mut freedom) = (0.0, 0.0);
    let (mut steps, mut count) = (0.0, 0.0);
    for trial in trials {
        let repeats = trial["repeats"].as_array().into_iter().flatten();
        let errors: Vec<f64> = std::iter::once(*trial)
            .chain(repeats)
            .filter_map(|training| training["result"]["error"].as_f64())
            .filter(|error| *error > 0.0)
            .map(f64::ln)
            .collect();
        let mean = errors.iter().sum::<f64>() / errors.len().max(1) as f64;
        squares += errors
            .iter()
            .map(|error| (error - mean).powi(2))
            .sum::<f64>();
        freedom += errors.len().saturating_sub(1) as f64;
        let values = values(trial);
        for pair in values[values.len() / 2..].windows(2) {
            steps += (pair[1] / pair[0]).ln().powi(2) / 2.0;
            count += 1.0;
        }
    }
    Noise {
        point: (squares / f64::max(freedom, 1.0)).sqrt(),
        epoch: (steps / f64::max(count, 1.0)).sqrt(),
        fold: noise_of_folds(trials),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn trial(units: u32, error: f64, repeats: &[f64], values: &[f64]) -> Value {
        let repeats: Vec<Value> = repeats
            .iter()
            .map(|error| json!({ "result": { "error": error } }))
            .collect();
        json!({
            "point": { "hidden": units, "scheme": "w8a16" },
            "result": { "error": error },
            "repeats": repeats,
            "values": values,
        })
    }

    /// Of six trials, the best two: ±d/2 in each of two folds, so that σ² = 4 (d/2)² / 1.
    #[test]
    fn folds_scatter_by_what_neither_trial_nor_fold_explains() {
        let of = |folds: [f64; 2]| {
            let folds: Vec<Value> = folds.iter().map(|e| json!({ "error": e.exp() })).collect();
            json!({ "result": { "error": folds[0]["error"], "folds": folds } })
        };
        let trials = [[-3.0, -2.0], [-2.5, -2.1]].map(of);
        let others = [[-0.5, 0.0]; 4].map(of);
        let all: Vec<&Value> = others.iter().chain(&trials).collect();
        assert!((noise_of_folds(&all) - 0.3).abs() < 1e-12);
        assert_eq!(noise_of_folds(&all[..1]), 0.0);
    }

    #[test]
    fn a_table_has_a_line_for_each_training_to_its_end() {
        let e = std::f64::consts::E;
        let space =
            json!({ "hidden": { "low": 8, "high": 32 }, "rare": {}, "scheme": ["w8a16", "w8a8"] });
        let definition = json!({ "search": { "space": space } });
        let study = json!({ "definition": definition, "trials": [
            trial(16, 0.1, &[0.1 * e * e], &[0.4, 0.2, 0.2, 0.2]),
            json!({ "point": { "hidden": 9, "scheme": "w8a8" }, "result": null, "values": [0.5] }),
            trial(32, 0.2, &[], &[0.4, 0.3, 0.3, 0.3 * e]),
        ] });
        let record = Record {
            source: "digits".into(),
            table: "digits.csv".into(),
            instructions: 11_000,
            core: "m4".into(),
            trials: 3,
            epochs: 4,
            config: None,
            storage: None,
            study: Vec::new(),
        };
        let mut other = study.clone();
        other["trials"] = json!([study["trials"][0], trial(9, 0.3, &[], &[0.4; 4])]);
        let text = table(&record, &[study.clone(), other]).unwrap();
        let mut alien = study.clone();
        alien["definition"]["search"]["space"] = json!({ "hidden": { "low": 2, "high": 32 } });
        assert!(table(&record, &[study.clone(), alien]).is_err());
        let mut alien = study.clone();
        alien["definition"]["search"]["chip"] = json!({ "core": "m0" });
        let said = table(&record, &[study, alien]).unwrap_err().to_string();
        assert!(said.contains("their chips"), "{said}");
        let lines: Vec<&str> = text.lines().collect();
        // Two trainings, 2 apart: √2. Differences of the last two epochs: 0, 1 and 0, of which half is noise.
        assert_eq!(
            lines[..7],
            [
                "# source = \"digits\"",
                "# limit = 11000",
                "# core = \"M4\"",
                "# sd_point = 1.4142",
                "# sd_epoch = 0.4082",
                "# sd_fold = 0.0000",
                "# space = '{\"hidden\":{\"high\":32,\"low\":8},\"rare\":{},\"scheme\":[\"w8a16\",\"w8a8\"]}'",
            ]
        );
        assert_eq!(
            lines[7..],
            [
                "hidden,rare,scheme,error,v1,v2,v3,v4",
                "16,,w8a16,0.100000,0.400000,0.200000,0.200000,0.200000",
                "32,,w8a16,0.200000,0.400000,0.300000,0.300000,0.815485",
                "9,,w8a16,0.300000,0.400000,0.400000,0.400000,0.400000",
            ]
        );
    }
}
