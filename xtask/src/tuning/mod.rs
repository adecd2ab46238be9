//! `cargo xtask tuning` compares the tuner with the hand-made configuration and with a random search of equal compute.
//!
//! For each data set and each of several seeds, it searches networks with at most half the instructions of the
//! hand-made one. The tuner has 40 trials of a sampler with halving. The random search trains every trial to
//! its end, until it has spent as many multiply-accumulates. Both begin with the hand-made configuration, made smaller
//! until it fits. Both minimise error and instructions, so the area that their fronts dominate compares them:
//!
//! ```text
//! area   share of 0 ≤ instructions ≤ limit, 0 ≤ error ≤ 1 that a finished trial beats             (X1)
//! ```
//!
//! Three folds of training and validation part judge every trial, because a single validation part with so few
//! recordings or persons says little. The hand-made configuration is a study of one trial. The same measures judge it
//! and what each search hands over: first the integers' error over the same folds and seeds, which decides every
//! choice; then the accuracy on the test part, over three trainings on all folds, and fifteen of the hand-made
//! configuration. The tuner hands over what `trainer-host tune best` takes, the random search its least mean error.
//!
//! Studies are kept: if the command was stopped, the same command continues.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::command;
use crate::data_sets::{DataSet, FSDD, Source, UCI_HAR, wanted};
use crate::spread::Spread;
use crate::trainer::{Trainer, number};

mod table;

const EXPERIMENTS: [DataSet; 2] = [FSDD, UCI_HAR];

/// Of a search: half a network of spoken digits is trained for twice as long, which is as much work.
fn epochs(experiment: &DataSet) -> &'static [&'static str] {
    if experiment.name == FSDD.name {
        &["--epochs", "120"]
    } else {
        &[]
    }
}

/// Number of the tuner's trials.
const TRIALS: usize = 40;
/// Number of folds that judge a trial.
const FOLDS: usize = 3;
/// Number of the tuner's finalists.
const FINALISTS: usize = 4;
/// Number of a random search's finalists. The trial that exceeds the compute, and the three that ran beside it, do not
/// count; as many as the tuner's finalists are left.
const RANDOM_FINALISTS: usize = FINALISTS + 4;
/// Trainings of a finalist over all folds, each with another seed.
const REPEATS: usize = 3;
/// Trainings that the test part judges, of what a search hands over.
const SEEDS: u64 = 3;
/// Those of the hand-made configuration: as many as of five searches.
const SEEDS_BY_HAND: u64 = 15;
/// Of five seeds, the number with which the tuner must beat the random search.
const WINS_OF_FIVE: usize = 4;

/// What to tune.
pub struct Options {
    /// The folder of data sets.
    pub data: PathBuf,
    /// Names of experiments; empty for all.
    pub only: Vec<String>,
    /// Seeds of the searches.
    pub seeds: Vec<String>,
    /// The tuner's sampler, as `trainer-host tune --sampler` knows it.
    pub sampler: String,
    /// Test on the halves that the published figures come from.
    pub half: bool,
    /// Print JSON instead of tables.
    pub json: bool,
}

/// Searches and prints.
///
/// # Errors
/// When a data set is missing or a command fails.
pub fn run(options: &Options) -> Result<()> {
    let chosen = wanted(&EXPERIMENTS, &options.only, &options.data)?;
    let trainer = Trainer::build()?;
    let mut results = Vec::new();
    for experiment in chosen {
        results.push(measure(&trainer, &experiment, options)?);
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    } else {
        for result in &results {
            print!("\n{}", table::text(result)?);
        }
    }
    Ok(())
}

fn measure(trainer: &Trainer, experiment: &DataSet, options: &Options) -> Result<Value> {
    let config = command::root().join(format!("trainer-host/configs/{}.toml", experiment.name));
    let folder = command::target_root().join("tuning").join(experiment.name);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{} cannot be made", folder.display()))?;
    let place = Place {
        trainer,
        data: experiment.source(&options.data, &folder, options.half)?,
        config,
        folder,
    };
    let by_hand = place.by_hand()?;
    let limit = (number(&by_hand, "/instructions")? / 2.0).floor();
    let searches = (options.seeds.iter())
        .map(|seed| place.search(&options.sampler, epochs(experiment), limit, seed))
        .collect::<Result<Vec<Value>>>()?;
    Ok(json!({
        "experiment": experiment.name,
        "by_hand": by_hand,
        "limit": limit,
        "sampler": options.sampler,
        "searches": searches,
    }))
}

/// The trainer, and where an experiment's files lie.
struct Place<'a> {
    trainer: &'a Trainer,
    data: Source,
    config: PathBuf,
    folder: PathBuf,
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

impl Place<'_> {
    /// The hand-made configuration: a study of one trial.
    fn by_hand(&self) -> Result<Value> {
        let study = self.study("by-hand", &["--trials", "1"])?;
        self.judged("by-hand", &study, 0, SEEDS_BY_HAND)
    }

    /// Both searches of one seed: with `sampler`, and at random.
    fn search(&self, sampler: &str, epochs: &[&str], limit: f64, seed: &str) -> Result<Value> {
        let limit_text = limit.to_string();
        let common = ["--max-instructions", &limit_text, "--search-seed", seed];
        let side = |sampler: &str, flags: &[&str], compute: Option<f64>| -> Result<Value> {
            let name = format!("{sampler}-{seed}");
            let flags = [epochs, &common[..], &["--sampler", sampler], flags].concat();
            let study = self.study(&name, &flags)?;
            let mut side = summary(&study, compute.unwrap_or(f64::INFINITY), limit)?;
            let best = match compute {
                None => study["best"].as_u64().context("the study has no best")?,
                Some(_) => best(&study, number(&side, "/trials")? as u64)?,
            };
            side["best"] = self.judged(&name, &study, best, SEEDS)?;
            Ok(side)
        };
        let (trials, finalists) = (TRIALS.to_string(), FINALISTS.to_string());
        let flags = ["--trials", &trials, "--finalists", &finalists];
        let tuned = side(sampler, &flags, None)?;
        let compute = number(&tuned, "/macs")?;
        let (compute_text, finalists) = (compute.to_string(), RANDOM_FINALISTS.to_string());
        let flags = [
            // The compute ends this search, not the number of trials.
            "--trials",
            "1000",
            "--stopping",
            "none",
            "--compute",
            &compute_text,
            "--finalists",
            &finalists,
        ];
        let random = side("random", &flags, Some(compute))?;
        Ok(json!({ "seed": seed, "tuned": tuned, "random": random }))
    }

    /// A study of the hand-made configuration's data and training.
    fn study(&self, name: &str, flags: &[&str]) -> Result<Value> {
        let config = shown(&self.config);
        let data = self.data.arguments();
        let data: Vec<&str> = data.iter().map(String::as_str).collect();
        let storage = self.storage();
        let (folds, repeats) = (FOLDS.to_string(), REPEATS.to_string());
        let arguments = [
            "--config",
            &config,
            // Hand-made configurations may train on all data.
            "--validation-share",
            "0.15",
            "--seed",
            "0",
            "--folds",
            &folds,
            "--repeats",
            &repeats,
            "--storage",
            &storage,
            "--study",
            name,
        ];
        self.trainer
            .run(&[&["tune"], &data[..], &arguments, flags].concat())
    }

    fn storage(&self) -> String {
        shown(&self.folder.join("studies.db"))
    }

    /// A finalist of a study: its score over the study's folds, and its score on the test part after it was trained
    /// again with so many seeds.
    fn judged(&self, name: &str, study: &Value, trial: u64, seeds: u64) -> Result<Value> {
        let mut finalists = study["finalists"].as_array().into_iter().flatten();
        let finalist = finalists
            .find(|finalist| finalist["trial"] == trial)
            .with_context(|| format!("trial {trial} of {name} is no finalist"))?;
        let (storage, number) = (self.storage(), trial.to_string());
        let test = |seed: u64| -> Result<f64> {
            // After more trials, the study may have another best trial.
            let out = shown(&self.folder.join(format!("{name}-{trial}-{seed}")));
            let arguments = [
                "tune",
                "best",
                "--storage",
                &storage,
                "--study",
                name,
                "--trial",
                &number,
                "--seed",
                &seed.to_string(),
                "--seeds",
                "1",
                "--out",
                &out,
            ];
            self::number(&self.trainer.run(&arguments)?, "/test/integer/accuracy")
        };
        let each = (0..seeds).map(test).collect::<Result<Vec<f64>>>()?;
        let mut test = Spread::of(&each).to_json();
        test["each"] = json!(each);
        Ok(json!({
            "trial": trial,
            "point": finalist["point"],
            "is_beginning": finalist["is_beginning"],
            "instructions": finalist["footprint"]["instructions"],
            "folds": fold_accuracies(study, trial)?,
            "test": test,
        }))
    }
}

/// The finalist of the least mean error, if the study had only its first `trials` trials.
fn best(study: &Value, trials: u64) -> Result<u64> {
    let finalists = study["finalists"].as_array().context("no finalists")?;
    // The list is sorted by the mean. The first training, then the instructions, decide who is a finalist.
    let mut within = Vec::new();
    for finalist in finalists {
        let trial = finalist["trial"]
            .as_u64()
            .context("a finalist has no number")?;
        if trial < trials {
            let error = number(study, &format!("/trials/{trial}/result/error"))?;
            let instructions = number(finalist, "/footprint/instructions")?;
            within.push((error, instructions, trial));
        }
    }
    within.sort_by(|a, b| {
        let by_error = a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1));
        by_error.then(a.2.cmp(&b.2))
    });
    let rank = |finalist: &Value| {
        let trial = &finalist["trial"];
        within.iter().position(|(_, _, number)| *trial == *number)
    };
    let counts =
        |rank: usize, finalist: &Value| rank < FINALISTS || finalist["is_beginning"] == true;
    (finalists.iter())
        .find(|finalist| rank(finalist).is_some_and(|rank| counts(rank, finalist)))
        .and_then(|finalist| finalist["trial"].as_u64())
        .context("no finalist")
}

/// Shares of right decisions in each fold of each training, and their mean.
fn fold_accuracies(study: &Value, trial: u64) -> Result<Value> {
    let trial = &study["trials"][trial as usize];
    let repeats = trial["repeats"].as_array().context("no repeats")?;
    let mut each = Vec::new();
    for training in std::iter::once(trial).chain(repeats) {
        let folds = training["result"]["folds"].as_array();
        for fold in folds.context("no folds")? {
            each.push(number(fold, "/accuracy")?);
        }
    }
    Ok(json!({ "mean": Spread::of(&each).mean, "each": each }))
}

/// The trials, in their order, that fit within `compute` multiply-accumulates of training, and what they took.
fn summary(study: &Value, compute: f64, limit: f64) -> Result<Value> {
    let trials = study["trials"]
        .as_array()
        .context("the study has no trials")?;
    let (mut spent, mut begun) = (0.0, 0);
    let mut finished = Vec::new();
    for trial in trials {
        let macs = number(trial, "/macs")?;
        if spent + macs > compute {
            break;
        }
        spent += macs;
        begun += 1;
        if let Some(error) = trial.pointer("/result/error").and_then(Value::as_f64) {
            finished.push((number(trial, "/footprint/instructions")?, error));
        }
    }
    Ok(json!({
        "macs": spent,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{best, dominated_area, summary};

    /// A random search is given as many finalists as the tuner.
    #[test]
    fn finalists_of_later_trials_leave_room_for_no_more() {
        let trial = |error: f64| json!({ "result": { "error": error } });
        let finalist = |trial: u64| {
            let footprint = json!({ "instructions": 100 + trial });
            json!({ "trial": trial, "is_beginning": trial == 6, "footprint": footprint })
        };
        let trials = [0.5, 0.1, 0.2, 0.3, 0.4, 0.4, 0.6, 0.0].map(trial);
        let by_their_means = [7, 0, 5, 6, 4, 3, 2, 1].map(finalist);
        let study = json!({ "trials": trials, "finalists": by_their_means });
        let found = |trials| best(&study, trials).unwrap();
        assert_eq!(found(8), 7);
        // 1, 2, 3, 4 by their errors (5 has as many errors and more instructions), and the beginning.
        assert_eq!(found(7), 6);
        assert_eq!(found(6), 4);
        assert_eq!(found(4), 0);
    }

    #[test]
    fn trials_beyond_the_compute_do_not_count() {
        let trial = |error: f64| json!({ "macs": 4.0, "footprint": { "instructions": 5 }, "result": { "error": error } });
        let study = json!({ "trials": [trial(0.2), trial(0.3), trial(0.0)] });
        let within = summary(&study, 9.0, 10.0).unwrap();
        assert_eq!(within["trials"], 2);
        assert_eq!(within["macs"], 8.0);
        assert!((within["area"].as_f64().unwrap() - 0.4).abs() < 1e-12);
        assert_eq!(summary(&study, f64::INFINITY, 10.0).unwrap()["trials"], 3);
    }

    #[test]
    fn the_area_is_that_of_the_union() {
        assert_eq!(dominated_area(&[], 10.0), 0.0);
        assert!((dominated_area(&[(5.0, 0.2)], 10.0) - 0.5 * 0.8).abs() < 1e-12);
        // The second one adds what lies below the first; the third one is beaten, the fourth too costly.
        let points = [(5.0, 0.2), (8.0, 0.1), (9.0, 0.15), (11.0, 0.0)];
        assert!((dominated_area(&points, 10.0) - (0.4 + 0.2 * 0.1)).abs() < 1e-12);
    }
}
