//! `cargo xtask accuracy`: trains every configuration of `trainer-host/configs` on its published data
//! set with several seeds, quantises each run with every scheme, and prints the means over the test
//! parts.
//!
//! Runs are kept: the same command goes on where it was stopped.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::data_sets::{DataSet, ECG5000, ETTH1, FSDD, JAPANESE_VOWELS, UCI_HAR, wanted};
use crate::trainer::{self, number};
use crate::{command, firmware};

const EXPERIMENTS: [DataSet; 5] = [FSDD, JAPANESE_VOWELS, ECG5000, UCI_HAR, ETTH1];

/// What to train.
pub struct Options {
    /// The folder of data sets.
    pub data: PathBuf,
    /// Names of experiments; all if there are none.
    pub only: Vec<String>,
    /// Seeds, separated by commas.
    pub seeds: String,
    /// Schemes to quantise with.
    pub schemes: Vec<String>,
    /// Print JSON instead of a table.
    pub json: bool,
}

/// Trains, quantises and prints.
///
/// # Errors
/// When a data set is missing or a command fails.
pub fn run(options: &Options) -> Result<()> {
    let chosen = wanted(&EXPERIMENTS, &options.only, &options.data)?;
    trainer::build()?;
    let mut results = Vec::new();
    for experiment in chosen {
        results.push(measure(&experiment, options)?);
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    } else {
        print!("\n{}", table(&results, &options.schemes)?);
    }
    Ok(())
}

/// Trains and quantises one experiment.
fn measure(experiment: &DataSet, options: &Options) -> Result<Value> {
    let config = command::root().join(format!("trainer-host/configs/{}.toml", experiment.name));
    let data = options.data.join(experiment.file);
    let out = firmware::target_root()
        .join("accuracy")
        .join(experiment.name);
    let [config, data, out_text] = [&config, &data, &out].map(|path| path.to_string_lossy());
    let trained = trainer::run(&[
        "train",
        &data,
        "--config",
        &config,
        "--out",
        &out_text,
        "--seeds",
        &options.seeds,
    ])?;
    let mut quantised = serde_json::Map::new();
    for scheme in &options.schemes {
        let runs: Vec<Value> = (options.seeds.split(','))
            .map(|seed| {
                let run = out.join(format!("seed-{seed}"));
                quantise(&run, scheme)
            })
            .collect::<Result<_>>()?;
        quantised.insert(scheme.clone(), json!(runs));
    }
    Ok(json!({
        "experiment": experiment.name,
        "trained": trained,
        "quantised": quantised,
    }))
}

/// The comparison of f32 and integers that `quantise` prints.
fn quantise(run: &Path, scheme: &str) -> Result<Value> {
    let found = trainer::run(&["quantise", &run.to_string_lossy(), "--scheme", scheme])?;
    Ok(found["comparison"].clone())
}

fn table(results: &[Value], schemes: &[String]) -> Result<String> {
    let mut text = String::from(
        "Means over the seeds; accuracy on the test part in %, for a forecast the standardised MSE.\n\
         In brackets the share of decisions that are the f32 network's.\n\n",
    );
    text += &format!("{:<16} {:>10} {:>10}", "data set", "f32", "deviation");
    for scheme in schemes {
        text += &format!(" {scheme:>20}");
    }
    text += "\n";
    for result in results {
        let unit = match result["trained"]["test"]["figure"].as_str() {
            Some("accuracy") => 100.0,
            _ => 1.0,
        };
        let mean = unit * number(result, "/trained/test/mean")?;
        let deviation = unit * number(result, "/trained/test/deviation")?;
        let name = result["experiment"].as_str().unwrap_or_default();
        text += &format!("{name:<16} {mean:>10.4} {deviation:>10.4}");
        for scheme in schemes {
            let runs = result["quantised"][scheme]
                .as_array()
                .context("the results have no such scheme")?;
            let part = |value: &dyn Fn(&Value) -> Result<f64>| -> Result<f64> {
                let values: Vec<f64> = runs.iter().map(value).collect::<Result<_>>()?;
                Ok(values.iter().sum::<f64>() / values.len() as f64)
            };
            let integer = part(&|run| figure(&run["integer"]))?;
            let agreement = part(&|run| number(run, "/agreement"))?;
            let cell = format!("{integer:.4} ({:.2} %)", 100.0 * agreement);
            text += &format!(" {cell:>20}");
        }
        text += "\n";
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
