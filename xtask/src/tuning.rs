//! `cargo xtask tuning`: what the tuner finds beside the configuration that was made by hand, and beside a
//! random search of equal compute.
//!
//! For each data set, networks of at most half the instructions of the hand-made one are searched, with
//! several seeds: 40 trials of the Parzen estimator with halving, then a random search that trains every
//! trial to its end, until it has spent as many multiply-accumulates. Both begin with the hand-made
//! configuration, made smaller until it fits. Error and instructions are to be small, so searches are compared by
//! the area that their fronts dominate:
//!
//! ```text
//! area   share of 0 ≤ instructions ≤ limit, 0 ≤ error ≤ 1 that a finished trial beats             (X1)
//! ```
//!
//! Everything is chosen on the validation part. The best point of the first seed is then trained on training and
//! validation part together with three seeds, and judged on the test part like the hand-made one.
//!
//! Studies are kept: the same command goes on where it was stopped.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::data_sets::{DataSet, FSDD, UCI_HAR, wanted};
use crate::trainer::{self, number};
use crate::{command, firmware};

const EXPERIMENTS: [DataSet; 2] = [FSDD, UCI_HAR];

/// Epochs of a trial.
fn epochs(experiment: &DataSet) -> &'static str {
    if experiment.name == UCI_HAR.name {
        "15"
    } else {
        "40"
    }
}

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
    let chosen = wanted(&EXPERIMENTS, &options.only, &options.data)?;
    trainer::build()?;
    let mut results = Vec::new();
    for experiment in chosen {
        results.push(measure(&experiment, options)?);
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

fn measure(experiment: &DataSet, options: &Options) -> Result<Value> {
    let config = command::root().join(format!("trainer-host/configs/{}.toml", experiment.name));
    let place = Place {
        data: options.data.join(experiment.file),
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
        searches.push(place.search(epochs(experiment), &half, seed)?);
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
    /// Accuracy of the integers on test and validation part, and instructions of a step, of the hand-made
    /// configuration.
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
        let tried = trainer::run(&[
            "tune",
            "trial",
            &shown(&self.data),
            "--config",
            &shown(&self.config),
            "--validation-share",
            "0.15",
            "--point",
            "{}",
            "--out",
            &shown(&self.folder.join("by-hand-trial")),
        ])?;
        Ok(json!({
            "instructions": instructions,
            "validation_accuracy": number(&tried, "/accuracy")?,
            "accuracies": accuracies,
        }))
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
            "tuned": summary(&tuned, f64::INFINITY, limit.parse()?)?,
            "random": summary(&random, compute, limit.parse()?)?,
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
            // The hand-made ones may train on all there is.
            "--validation-share",
            "0.15",
            "--storage",
            &storage,
            "--study",
            &study,
            "--max-instructions",
            limit,
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
        let trials = trainer::run(&["tune", "show", "--storage", &storage, "--study", &study])?;
        let trial = format!("/trials/{}/result/accuracy", last["trial"]);
        Ok(json!({
            "point": last["point"],
            "validation_accuracy": number(&trials, &trial)?,
            "instructions": last["footprint"]["instructions"],
            "accuracies": accuracies,
        }))
    }
}

/// Least error and area of the trials that were trained within `compute` multiply-accumulates, in their
/// order.
fn summary(study: &Value, compute: f64, limit: f64) -> Result<Value> {
    let trials = study["trials"]
        .as_array()
        .context("the study has no trials")?;
    let (mut spent, mut begun) = (0.0, 0);
    let mut finished = Vec::new();
    for trial in trials {
        spent += number(trial, "/macs")?;
        if spent > compute {
            break;
        }
        begun += 1;
        if let Some(error) = trial.pointer("/result/error").and_then(Value::as_f64) {
            finished.push((number(trial, "/footprint/instructions")?, error));
        }
    }
    let least = finished
        .iter()
        .map(|(_, error)| *error)
        .fold(f64::INFINITY, f64::min);
    Ok(json!({
        "error": least,
        "area": dominated_area(&finished, limit),
        "trials": begun,
        "finished": finished.len(),
    }))
}

/// (X1) of points `(instructions, error)`.
fn dominated_area(points: &[(f64, f64)], limit: f64) -> f64 {
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut area, mut lowest) = (0.0, 1.0);
    for (instructions, error) in points {
        if error < lowest && instructions <= limit {
            area += (1.0 - instructions / limit) * (lowest - error);
            lowest = error;
        }
    }
    area
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
         Area that the front of error and instructions dominates, and least error, on the validation part, with\n\
         equal multiply-accumulates of training.\n\n\
         {:<6} {:>9}   {:<36}  {}\n",
        result["experiment"].as_str().unwrap_or_default(),
        number(result, "/limit")?,
        "seed",
        "compute",
        "tuner: area, error, trials",
        "random search",
    );
    let searches = result["searches"].as_array().context("no searches")?;
    let (mut wins, mut lower) = (0, 0);
    for search in searches {
        let cell = |side: &str| -> Result<String> {
            Ok(format!(
                "{:.4}, {:.5}, {} of {} to the end",
                number(search, &format!("/{side}/area"))?,
                number(search, &format!("/{side}/error"))?,
                search[side]["finished"],
                search[side]["trials"],
            ))
        };
        let both = |figure: &str| -> Result<(f64, f64)> {
            Ok((
                number(search, &format!("/tuned/{figure}"))?,
                number(search, &format!("/random/{figure}"))?,
            ))
        };
        let (area, error) = (both("area")?, both("error")?);
        wins += usize::from(area.0 > area.1);
        lower += usize::from(error.0 < error.1);
        text += &format!(
            "{:<6} {:>9.2e}   {:<36}  {}\n",
            search["seed"].as_str().unwrap_or_default(),
            number(search, "/macs")?,
            cell("tuned")?,
            cell("random")?,
        );
    }
    text += &format!(
        "\nWith {wins} of {} seeds the tuner's front dominates more, with {lower} its least error is lower.\n",
        searches.len()
    );
    for (side, name) in [("by_hand", "by hand"), ("found", "found")] {
        let side = &result[side];
        text += &format!(
            "{name:<8} {:>6.0} instructions, integers: {:.2} % of the validation part, {:.2} % of the test part \
             (mean of three seeds)\n",
            number(side, "/instructions")?,
            100.0 * number(side, "/validation_accuracy")?,
            100.0 * mean(&side["accuracies"]),
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::dominated_area;

    #[test]
    fn the_area_is_that_of_the_union() {
        assert_eq!(dominated_area(&[], 10.0), 0.0);
        assert!((dominated_area(&[(5.0, 0.2)], 10.0) - 0.5 * 0.8).abs() < 1e-12);
        // The second one adds what lies below the first; the third one is beaten, the fourth too costly.
        let points = [(5.0, 0.2), (8.0, 0.1), (9.0, 0.15), (11.0, 0.0)];
        assert!((dominated_area(&points, 10.0) - (0.4 + 0.2 * 0.1)).abs() < 1e-12);
    }
}
