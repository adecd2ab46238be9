//! `cargo xtask tuning`: what the tuner finds beside the configuration that was made by hand, and beside a
//! random search of equal compute.
//!
//! For each data set, networks of at most half the instructions of the hand-made one are searched, with
//! several seeds: 40 trials of the Parzen estimator with halving, then a random search that trains every
//! trial to its end, until it has spent as many multiply-accumulates. Both begin with the hand-made
//! configuration, made smaller until it fits. Everything is chosen on the validation part. The best point of the
//! first seed is then trained on training and validation part together with three seeds, and judged on the
//! test part like the hand-made one.
//!
//! Studies are kept: the same command goes on where it was stopped.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::trainer::{self, number};
use crate::{command, firmware};

/// What is tuned.
struct Experiment {
    /// Of the configuration.
    name: &'static str,
    /// Where the data lies in the folder of data sets.
    data: &'static str,
    /// Epochs of a trial.
    epochs: &'static str,
}

const EXPERIMENTS: [Experiment; 2] = [
    Experiment {
        name: "fsdd",
        data: "fsdd/fsdd_mfcc13.npz",
        epochs: "40",
    },
    Experiment {
        name: "uci_har",
        data: "uci_har/uci_har_subset.npz",
        epochs: "30",
    },
];

/// Trials of the tuner.
const TRIALS: usize = 40;
/// Seeds of the final trainings.
const FINAL_SEEDS: [&str; 3] = ["0", "1", "2"];

/// What to tune.
pub struct Options {
    /// The folder of data sets.
    pub data: PathBuf,
    /// Names of experiments; all if there are none.
    pub only: Vec<String>,
    /// Seeds of the searches.
    pub seeds: Vec<String>,
    /// Print JSON instead of tables.
    pub json: bool,
}

/// Searches and prints.
///
/// # Errors
/// When a data set is missing or a command fails.
pub fn run(options: &Options) -> Result<()> {
    let chosen: Vec<&Experiment> = (EXPERIMENTS.iter())
        .filter(|e| options.only.is_empty() || options.only.iter().any(|name| name == e.name))
        .collect();
    let known = EXPERIMENTS.map(|e| e.name).join(", ");
    ensure!(
        !chosen.is_empty() && (options.only.is_empty() || chosen.len() == options.only.len()),
        "{}: no such experiment; there are {known}",
        options.only.join(",")
    );
    for experiment in &chosen {
        let path = options.data.join(experiment.data);
        ensure!(
            path.is_file(),
            "{}: there is no such file; docs/training.md says where the data sets come from",
            path.display()
        );
    }
    trainer::build()?;
    let mut results = Vec::new();
    for experiment in chosen {
        results.push(measure(experiment, options)?);
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    } else {
        for result in &results {
            print!("\n{}", text(result)?);
        }
    }
    Ok(())
}

fn measure(experiment: &Experiment, options: &Options) -> Result<Value> {
    let config = command::root().join(format!("trainer-host/configs/{}.toml", experiment.name));
    let place = Place {
        data: options.data.join(experiment.data),
        config,
        folder: firmware::target_root().join("tuning").join(experiment.name),
    };
    std::fs::create_dir_all(&place.folder)
        .with_context(|| format!("{} cannot be made", place.folder.display()))?;
    let by_hand = place.by_hand()?;
    let half = (number(&by_hand, "/instructions")? / 2.0)
        .floor()
        .to_string();
    let mut searches = Vec::new();
    for seed in &options.seeds {
        searches.push(place.search(experiment.epochs, &half, seed)?);
    }
    let first = options.seeds.first().context("name at least one seed")?;
    Ok(json!({
        "experiment": experiment.name,
        "by_hand": by_hand,
        "limit": number(&by_hand, "/instructions")? / 2.0,
        "searches": searches,
        "found": place.found(first)?,
    }))
}

/// Where an experiment's files lie.
struct Place {
    data: PathBuf,
    config: PathBuf,
    folder: PathBuf,
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

impl Place {
    /// Accuracy of the integers on the test part, and instructions of a step, of the hand-made configuration.
    fn by_hand(&self) -> Result<Value> {
        let out = self.folder.join("by-hand");
        trainer::run(&[
            "train",
            &shown(&self.data),
            "--config",
            &shown(&self.config),
            "--out",
            &shown(&out),
            "--seeds",
            &FINAL_SEEDS.join(","),
        ])?;
        let mut accuracies = Vec::new();
        let mut instructions = 0.0;
        for seed in FINAL_SEEDS {
            let run = shown(&out.join(format!("seed-{seed}")));
            let quantised = trainer::run(&["quantise", &run])?;
            accuracies.push(number(&quantised, "/comparison/integer/accuracy")?);
            let cores = quantised["cores"].as_array().context("no cores")?;
            let m4 = cores.iter().find(|core| core["core"] == "M4");
            instructions = number(m4.context("no M4")?, "/instructions")?;
        }
        Ok(json!({"instructions": instructions, "accuracies": accuracies}))
    }

    /// The best error on the validation part of both searches.
    fn search(&self, epochs: &str, limit: &str, seed: &str) -> Result<Value> {
        let tuned = self.study(
            epochs,
            limit,
            seed,
            "tpe",
            &["--trials", &TRIALS.to_string()],
        )?;
        let compute = number(&tuned, "/macs")?;
        let random = self.study(
            epochs,
            limit,
            seed,
            "random",
            // Compute ends it, not the number of trials.
            &[
                "--trials",
                "1000",
                "--stopping",
                "none",
                "--compute",
                &compute.to_string(),
            ],
        )?;
        Ok(json!({
            "seed": seed,
            "macs": compute,
            "tuned": best(&tuned, f64::INFINITY)?,
            "random": best(&random, compute)?,
        }))
    }

    fn study(
        &self,
        epochs: &str,
        limit: &str,
        seed: &str,
        sampler: &str,
        extra: &[&str],
    ) -> Result<Value> {
        let (data, config) = (shown(&self.data), shown(&self.config));
        let storage = shown(&self.folder.join("studies.db"));
        let study = format!("{sampler}-{seed}");
        let arguments = [
            "tune",
            &data,
            "--config",
            &config,
            "--epochs",
            epochs,
            "--storage",
            &storage,
            "--study",
            &study,
            "--max-instructions",
            limit,
            "--objectives",
            "error",
            "--sampler",
            sampler,
            "--search-seed",
            seed,
        ];
        trainer::run(&[&arguments[..], extra].concat())
    }

    /// The best point of a seed, trained again and judged on the test part.
    fn found(&self, search_seed: &str) -> Result<Value> {
        let storage = shown(&self.folder.join("studies.db"));
        let study = format!("tpe-{search_seed}");
        let mut accuracies = Vec::new();
        let mut last = Value::Null;
        for seed in FINAL_SEEDS {
            let out = shown(&self.folder.join(format!("found-{seed}")));
            last = trainer::run(&[
                "tune",
                "best",
                "--storage",
                &storage,
                "--study",
                &study,
                "--seed",
                seed,
                "--out",
                &out,
            ])?;
            accuracies.push(number(&last, "/test/integer/accuracy")?);
        }
        Ok(json!({
            "point": last["point"],
            "instructions": last["footprint"]["instructions"],
            "accuracies": accuracies,
        }))
    }
}

/// The least error of the trials that were trained within `compute` multiply-accumulates, in their order.
fn best(study: &Value, compute: f64) -> Result<Value> {
    let trials = study["trials"]
        .as_array()
        .context("the study has no trials")?;
    let mut spent = 0.0;
    let mut least = f64::INFINITY;
    let (mut begun, mut finished) = (0, 0);
    for trial in trials {
        spent += number(trial, "/macs")?;
        if spent > compute {
            break;
        }
        begun += 1;
        if let Some(error) = trial.pointer("/result/error").and_then(Value::as_f64) {
            finished += 1;
            least = least.min(error);
        }
    }
    Ok(json!({"error": least, "trials": begun, "finished": finished}))
}

fn mean(values: &Value) -> f64 {
    let values: Vec<f64> = (values.as_array().into_iter().flatten())
        .filter_map(Value::as_f64)
        .collect();
    values.iter().sum::<f64>() / values.len() as f64
}

fn text(result: &Value) -> Result<String> {
    let mut text = format!(
        "{}: networks of at most {:.0} instructions a step on an M4, half of the hand-made one's.\n\
         Least error on the validation part; the random search has the same multiply-accumulates.\n\n\
         {:<6} {:>10} {:>22} {:>22}\n",
        result["experiment"].as_str().unwrap_or_default(),
        number(result, "/limit")?,
        "seed",
        "compute",
        "tuner",
        "random search",
    );
    let searches = result["searches"].as_array().context("no searches")?;
    let mut wins = 0;
    for search in searches {
        let cell = |side: &str| -> Result<String> {
            Ok(format!(
                "{:.5} ({} of {})",
                number(search, &format!("/{side}/error"))?,
                search[side]["finished"],
                search[side]["trials"],
            ))
        };
        wins += usize::from(number(search, "/tuned/error")? < number(search, "/random/error")?);
        text += &format!(
            "{:<6} {:>10.2e} {:>22} {:>22}\n",
            search["seed"].as_str().unwrap_or_default(),
            number(search, "/macs")?,
            cell("tuned")?,
            cell("random")?,
        );
    }
    text += &format!(
        "\nThe tuner is better with {wins} of {} seeds.\n",
        searches.len()
    );
    text += &format!(
        "Test part, integers, mean of three seeds: by hand {:.2} % with {} instructions, found {:.2} % with {}.\n",
        100.0 * mean(&result["by_hand"]["accuracies"]),
        result["by_hand"]["instructions"],
        100.0 * mean(&result["found"]["accuracies"]),
        result["found"]["instructions"],
    );
    Ok(text)
}
