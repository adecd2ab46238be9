//! `cargo xtask accuracy` trains every configuration of `trainer-host/configs` on its published data set, with several
//! seeds. It quantises each run with every scheme, both after training and after fine-tuning for the scheme. It prints
//! the means over the test parts, and whether the integers meet their demands.
//!
//! Runs are kept: if the command was stopped, the same command continues.

mod second;

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::command;
use crate::data_sets::{
    DataSet, ECG5000, ETTH1, FSDD, FSDD_SOUND, JAPANESE_VOWELS, UCI_HAR, UCI_HAR_STATISTICS, wanted,
};
use crate::trainer::{Trainer, number};

const EXPERIMENTS: [DataSet; 7] = [
    FSDD,
    FSDD_SOUND,
    JAPANESE_VOWELS,
    ECG5000,
    UCI_HAR,
    UCI_HAR_STATISTICS,
    ETTH1,
];
/// The schedule of a fine-tuning for a scheme; docs/quantisation.md says how it was chosen.
const FINE_TUNING: [&str; 4] = ["--epochs", "20", "--learning-rate", "0.001"];

/// Seeds of the runs whose mean outputs teach the forecast's, and the teachers' share of the loss. On the validation
/// part, such runs have a lower error than those without a teacher.
const TEACHERS: &str = "10,11,12,13,14";
const TEACHERS_SHARE: &str = "0.7";

/// The demands on the integers of a classification.
struct Demand {
    column: &'static str,
    /// Points of accuracy that the integers may lose against f32.
    loss: f64,
    /// Smallest allowed share of decisions that equal those of the f32 network, if there is such a demand.
    agreement: Option<f64>,
}

const DEMANDS: [Demand; 3] = [
    Demand {
        column: "w8a16",
        loss: 0.1,
        agreement: Some(0.995),
    },
    Demand {
        column: "w8a8",
        loss: 0.3,
        agreement: None,
    },
    Demand {
        column: "w4a16 QAT",
        loss: 0.5,
        agreement: None,
    },
];

/// What to train.
pub struct Options {
    /// The folder of data sets.
    pub data: PathBuf,
    /// Names of experiments; empty for all.
    pub only: Vec<String>,
    /// Seeds, separated by commas.
    pub seeds: String,
    /// Schemes to quantise with.
    pub schemes: Vec<String>,
    /// Schemes to fine-tune for.
    pub qat: Vec<String>,
    /// Test on the halves that the published figures come from.
    pub half: bool,
    /// Print JSON instead of tables.
    pub json: bool,
}

impl Options {
    /// The columns of integers.
    fn columns(&self) -> Vec<String> {
        let fine_tuned = self.qat.iter().map(|scheme| format!("{scheme} QAT"));
        self.schemes.iter().cloned().chain(fine_tuned).collect()
    }
}

/// Trains, quantises and prints.
///
/// # Errors
/// When a data set is missing or a command fails.
pub fn run(options: &Options) -> Result<()> {
    let chosen = wanted(&EXPERIMENTS, &options.only, &options.data)?;
    let trainer = Trainer::build()?;
    let results: Vec<Value> = (chosen.iter())
        .map(|experiment| measure(&trainer, experiment, options))
        .collect::<Result<_>>()?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    } else {
        print!("\n{}", table(&results, &options.columns())?);
        print!("\n{}", balanced(&results, &options.columns())?);
        print!("\n{}", second::table(&results)?);
        print!("\n{}", verdicts(&results)?);
    }
    Ok(())
}

/// Trains, fine-tunes and quantises one experiment.
fn measure(trainer: &Trainer, experiment: &DataSet, options: &Options) -> Result<Value> {
    let config = command::root().join(format!("trainer-host/configs/{}.toml", experiment.name));
    let out = command::target_root()
        .join("accuracy")
        .join(experiment.name);
    let data = experiment
        .source(&options.data, &out, options.half)?
        .arguments();
    let data: Vec<&str> = data.iter().map(String::as_str).collect();
    let [config, out] = [config, out].map(|path| path.to_string_lossy().into_owned());
    let train = |out: &str, flags: &[&str]| {
        let all = ["--config", &config, "--out", out];
        trainer.run(&[&["train"], &data[..], &all, flags].concat())
    };
    let teachers = format!("{out}-teachers");
    let mut flags = vec!["--seeds", &options.seeds];
    if experiment.name == ETTH1.name {
        train(&teachers, &["--seeds", TEACHERS])?;
        flags.extend(["--teacher", &teachers, "--distil-weight", TEACHERS_SHARE]);
    }
    let trained = train(&out, &flags)?;
    let mut integers: Map<String, Value> = (options.columns().into_iter())
        .map(|column| (column, json!([])))
        .collect();
    let mut add = |column: String, comparison: Value| match &mut integers[&column] {
        Value::Array(runs) => runs.push(comparison),
        _ => unreachable!("every column is an array"),
    };
    for seed in options.seeds.split(',') {
        let run = format!("{out}/seed-{seed}");
        for scheme in &options.schemes {
            add(
                scheme.clone(),
                quantise(trainer, &run, &["--scheme", scheme])?,
            );
        }
        for scheme in &options.qat {
            let tuned = format!("{out}/qat-{scheme}");
            train(&tuned, &fine_tuning(&run, seed, scheme))?;
            let tuned = format!("{tuned}/seed-{seed}");
            add(format!("{scheme} QAT"), quantise(trainer, &tuned, &[])?);
        }
    }
    let first = options.seeds.split(',').next().unwrap_or_default();
    let run = format!("{out}/seed-{first}");
    let second = second::of_run(trainer, &run, experiment.rate, &options.schemes)?;
    Ok(json!({
        "experiment": experiment.name,
        "second": second,
        "trained": trained,
        "integers": integers,
    }))
}

/// Flags that fine-tune `run` for a scheme, with the run as its own teacher.
fn fine_tuning<'a>(run: &'a str, seed: &'a str, scheme: &'a str) -> Vec<&'a str> {
    let from = ["--init", run, "--teacher", run];
    [&from[..], &["--seeds", seed, "--qat", scheme], &FINE_TUNING].concat()
}

/// The comparison of f32 and integers that `quantise` prints. f32 means the network before fine-tuning.
fn quantise(trainer: &Trainer, run: &str, flags: &[&str]) -> Result<Value> {
    let found = trainer.run(&[&["quantise", run], flags].concat())?;
    Ok(found["comparison"].clone())
}

/// Means of a column over the seeds: the figure, and the share of decisions that equal those of the f32 network or, of
/// a forecast, the RMS difference from its outputs in deviations of the targets.
fn means(result: &Value, column: &str) -> Result<(f64, f64)> {
    let runs = result["integers"][column]
        .as_array()
        .with_context(|| format!("the results have no {column}"))?;
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let figures = runs.iter().map(|run| figure(&run["integer"]));
    let agreements = (runs.iter())
        .map(|run| number(run, "/agreement").or_else(|_| number(run, "/rms_difference")));
    Ok((
        mean(figures.collect::<Result<_>>()?),
        mean(agreements.collect::<Result<_>>()?),
    ))
}

/// The experiment's name and the factor for its figure: 100 for an accuracy, which the table gives in %, or 1 for an
/// error.
fn name_and_unit(result: &Value) -> (&str, f64) {
    let unit = match result["trained"]["test"]["figure"].as_str() {
        Some("accuracy") => 100.0,
        _ => 1.0,
    };
    (result["experiment"].as_str().unwrap_or_default(), unit)
}

fn table(results: &[Value], columns: &[String]) -> Result<String> {
    let mut text = String::from(
        "Means over the seeds; accuracy on the test part in %, for a forecast the standardised MSE.\n\
         In brackets the share of decisions that are the f32 network's, for a forecast the RMS difference from its\n\
         outputs in deviations of the targets; QAT is after fine-tuning.\n\n",
    );
    text += &format!("{:<20} {:>10} {:>10}", "data set", "f32", "deviation");
    for column in columns {
        text += &format!(" {column:>20}");
    }
    text += "\n";
    for result in results {
        let (name, unit) = name_and_unit(result);
        let mean = unit * number(result, "/trained/test/mean")?;
        let deviation = unit * number(result, "/trained/test/deviation")?;
        text += &format!("{name:<20} {mean:>10.4} {deviation:>10.4}");
        for column in columns {
            let (integer, agreement) = means(result, column)?;
            let cell = match unit {
                1.0 => format!("{integer:.4} (RMS {agreement:.4})"),
                _ => format!("{integer:.4} ({:.2} %)", 100.0 * agreement),
            };
            text += &format!(" {cell:>20}");
        }
        text += "\n";
    }
    Ok(text)
}

/// The balanced accuracy of each classification in f32, which shows rare classes that the accuracy hides.
fn balanced(results: &[Value], columns: &[String]) -> Result<String> {
    let mut text =
        String::from("Balanced accuracy in f32 on the test part in %, means over the seeds\n\n");
    for result in results {
        let (name, unit) = name_and_unit(result);
        let Some(column) = columns.first().filter(|_| unit == 100.0) else {
            continue;
        };
        let runs = result["integers"][column].as_array();
        let runs = runs.with_context(|| format!("the results have no {column}"))?;
        let shares = runs
            .iter()
            .map(|run| number(run, "/float/balanced_accuracy"));
        let shares = shares.collect::<Result<Vec<f64>>>()?;
        let mean = 100.0 * shares.iter().sum::<f64>() / shares.len().max(1) as f64;
        text += &format!("{name:<20} {mean:>10.2}\n");
    }
    Ok(text)
}

/// Whether the classifications meet the demands, for the columns that were measured.
fn verdicts(results: &[Value]) -> Result<String> {
    let mut text = String::new();
    for result in results {
        let (name, unit) = name_and_unit(result);
        let measured = |demand: &&Demand| result["integers"].get(demand.column).is_some();
        for demand in DEMANDS.iter().filter(measured).filter(|_| unit == 100.0) {
            let (integer, agreement) = means(result, demand.column)?;
            let loss = unit * number(result, "/trained/test/mean")? - integer;
            // The sums over the seeds may differ in their last digits.
            let met = loss <= demand.loss + 1e-9 && demand.agreement.is_none_or(|a| agreement >= a);
            let verdict = if met { "met" } else { "NOT MET" };
            text += &format!(
                "{name:<20} {:<10} {verdict:<8} {loss:.2} points lost, {:.1} allowed",
                demand.column, demand.loss
            );
            if let Some(least) = demand.agreement {
                let (found, least) = (100.0 * agreement, 100.0 * least);
                text += &format!("; {found:.2} % of decisions are f32's, {least:.1} % demanded");
            }
            text += "\n";
        }
    }
    Ok(text)
}

/// The figure of a score: accuracy in %, or the standardised mean squared error of a forecast.
fn figure(score: &Value) -> Result<f64> {
    match score["accuracy"].as_f64() {
        Some(accuracy) => Ok(100.0 * accuracy),
        None => number(score, "/standardised/mse").or_else(|_| number(score, "/mse")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two seeds with these accuracies of the integers and these shares of equal decisions, where f32 has 0.9.
    fn result(figure: &str, column: &str, runs: [(f64, f64); 2]) -> Value {
        let run = |(accuracy, agreement)| json!({"integer": {"accuracy": accuracy}, "agreement": agreement});
        json!({
            "experiment": "digits",
            "trained": {"test": {"figure": figure, "mean": 0.9}},
            "integers": {column: runs.map(run)},
        })
    }

    #[test]
    fn a_demand_is_met_up_to_its_limit() {
        let met = |column: &str, runs| {
            let text = verdicts(&[result("accuracy", column, runs)]).unwrap();
            text.contains(" met ") && !text.contains("NOT MET")
        };
        assert!(met("w8a16", [(0.898, 0.99), (0.9, 1.0)]));
        assert!(!met("w8a16", [(0.8979, 0.99), (0.9, 1.0)]));
        assert!(!met("w8a16", [(0.9, 0.989), (0.9, 1.0)]));
        assert!(met("w8a8", [(0.897, 0.5), (0.897, 0.5)]));
        assert!(met("w4a16 QAT", [(0.89, 0.9), (0.9, 0.9)]));
        assert!(!met("w4a16 QAT", [(0.88, 0.9), (0.9, 0.9)]));
    }

    #[test]
    fn balanced_accuracy_is_of_classifications_alone() {
        let run = |share| json!({"float": {"balanced_accuracy": share}});
        let result = |figure: &str| {
            json!({
                "experiment": figure,
                "trained": {"test": {"figure": figure}},
                "integers": {"w8a16": [run(0.5), run(0.6)]},
            })
        };
        let results = [
            result("accuracy"),
            result("standardised-mean-squared-error"),
        ];
        let text = balanced(&results, &["w8a16".to_owned()]).unwrap();
        let rows: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(rows.len(), 1);
        assert!(
            rows[0].starts_with("accuracy") && rows[0].ends_with("55.00"),
            "{text}"
        );
    }

    #[test]
    fn forecasts_and_other_columns_have_no_demand() {
        let forecast = result("standardised-mean-squared-error", "w8a16", [(0.5, 0.5); 2]);
        let other = result("accuracy", "w4a16", [(0.5, 0.5); 2]);
        assert_eq!(verdicts(&[forecast, other]).unwrap(), "");
    }
}
