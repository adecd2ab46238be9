//! `cargo xtask tuning`: what the tuner finds beside the configuration that was made by hand, and beside a
//! random search of equal compute.
//!
//! For each data set, networks of at most half the instructions of the hand-made one are searched, with
//! several seeds: 40 trials of the Parzen estimator with halving, then a random search that trains every
//! trial to its end, until it has spent as many multiply-accumulates. Both begin with the hand-made
//! configuration, made smaller until it fits. Error and instructions are to be small, so searches are
//! compared by the area that their fronts dominate:
//!
//! ```text
//! area   share of 0 ≤ instructions ≤ limit, 0 ≤ error ≤ 1 that a finished trial beats             (X1)
//! ```
//!
//! Every trial is trained for three folds of training and validation part and judged by each, since a validation
//! part alone of so few recordings or persons says little. The best of each search and the hand-made
//! configuration, which is a study of one trial, are then judged by the same measure: the integers' error over
//! the same folds and seeds, by which everything is chosen; and their accuracy on the test part, over three
//! trainings on all folds.
//!
//! Studies are kept: the same command goes on where it was stopped.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::data_sets::{DataSet, FSDD, UCI_HAR, wanted};
use crate::trainer::{Trainer, number};
use crate::{command, firmware};

const EXPERIMENTS: [DataSet; 2] = [FSDD, UCI_HAR];

/// Of a search: half a network of spoken digits is trained for twice as long, which is as much work.
fn epochs(experiment: &DataSet) -> &'static [&'static str] {
    if experiment.name == FSDD.name {
        &["--epochs", "120"]
    } else {
        &[]
    }
}

/// Trials of the tuner.
const TRIALS: usize = 40;
/// Folds that a trial is trained for.
const FOLDS: usize = 3;
/// Finalists of the tuner.
const FINALISTS: usize = 4;
/// Those of a random search, whose last trials may exceed the compute and then do not count: with all the
/// others that a study has in work at once, at least as many as the tuner's are left.
const RANDOM_FINALISTS: usize = FINALISTS + 3;
/// Trainings with different seeds that finalists are judged by, each of all folds.
const REPEATS: usize = 2;
/// Seeds of the trainings that the test part judges.
const SEEDS: [&str; 3] = ["0", "1", "2"];
/// With how many of five seeds the tuner is to beat the random search.
const WINS_OF_FIVE: usize = 4;

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
    let trainer = Trainer::build()?;
    let mut results = Vec::new();
    for experiment in chosen {
        results.push(measure(&trainer, &experiment, options)?);
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

fn measure(trainer: &Trainer, experiment: &DataSet, options: &Options) -> Result<Value> {
    let config = command::root().join(format!("trainer-host/configs/{}.toml", experiment.name));
    let place = Place {
        trainer,
        data: options.data.join(experiment.file),
        config,
        folder: firmware::target_root().join("tuning").join(experiment.name),
    };
    std::fs::create_dir_all(&place.folder)
        .with_context(|| format!("{} cannot be made", place.folder.display()))?;
    let by_hand = place.by_hand()?;
    let limit = (number(&by_hand, "/instructions")? / 2.0).floor();
    let searches = (options.seeds.iter())
        .map(|seed| place.search(epochs(experiment), limit, seed))
        .collect::<Result<Vec<Value>>>()?;
    Ok(json!({
        "experiment": experiment.name,
        "by_hand": by_hand,
        "limit": limit,
        "searches": searches,
    }))
}

/// The trainer, and where an experiment's files lie.
struct Place<'a> {
    trainer: &'a Trainer,
    data: PathBuf,
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
        self.judged("by-hand", &study, 1)
    }

    /// Both searches of one seed.
    fn search(&self, epochs: &[&str], limit: f64, seed: &str) -> Result<Value> {
        let limit_text = limit.to_string();
        let common = ["--max-instructions", &limit_text, "--search-seed", seed];
        let side = |sampler: &str, flags: &[&str], compute: f64| -> Result<Value> {
            let name = format!("{sampler}-{seed}");
            let flags = [epochs, &common[..], &["--sampler", sampler], flags].concat();
            let study = self.study(&name, &flags)?;
            let mut side = summary(&study, compute, limit)?;
            let trials = number(&side, "/trials")? as u64;
            side["best"] = self.judged(&name, &study, trials)?;
            Ok(side)
        };
        let (trials, finalists) = (TRIALS.to_string(), FINALISTS.to_string());
        let flags = ["--trials", &trials, "--finalists", &finalists];
        let tuned = side("tpe", &flags, f64::INFINITY)?;
        let compute = number(&tuned, "/macs")?;
        let (compute_text, finalists) = (compute.to_string(), RANDOM_FINALISTS.to_string());
        let flags = [
            // Compute ends it, not the number of trials.
            "--trials",
            "1000",
            "--stopping",
            "none",
            "--compute",
            &compute_text,
            "--finalists",
            &finalists,
        ];
        let random = side("random", &flags, compute)?;
        Ok(json!({ "seed": seed, "tuned": tuned, "random": random }))
    }

    /// A study of the hand-made configuration's data and training.
    fn study(&self, name: &str, flags: &[&str]) -> Result<Value> {
        let (data, config) = (shown(&self.data), shown(&self.config));
        let storage = self.storage();
        let (folds, repeats) = (FOLDS.to_string(), REPEATS.to_string());
        let arguments = [
            "tune",
            &data,
            "--config",
            &config,
            // The hand-made ones may train on all there is.
            "--validation-share",
            "0.15",
            "--seed",
            SEEDS[0],
            "--folds",
            &folds,
            "--repeats",
            &repeats,
            "--storage",
            &storage,
            "--study",
            name,
        ];
        self.trainer.run(&[&arguments[..], flags].concat())
    }

    fn storage(&self) -> String {
        shown(&self.folder.join("studies.db"))
    }

    /// The best of the first `trials` trials of a study: by the folds as the study has it, and trained again and
    /// judged on the test part.
    fn judged(&self, name: &str, study: &Value, trials: u64) -> Result<Value> {
        let finalists = study["finalists"].as_array().context("no finalists")?;
        let counts = |finalist: &&Value| finalist["trial"].as_u64().is_some_and(|n| n < trials);
        let best = finalists.iter().find(counts).context("no finalist")?;
        let (storage, trial) = (self.storage(), best["trial"].to_string());
        let test = |seed: &&str| -> Result<f64> {
            let out = shown(&self.folder.join(format!("{name}-{seed}")));
            let arguments = [
                "tune",
                "best",
                "--storage",
                &storage,
                "--study",
                name,
                "--trial",
                &trial,
                "--seed",
                seed,
                "--out",
                &out,
            ];
            number(&self.trainer.run(&arguments)?, "/test/integer/accuracy")
        };
        Ok(json!({
            "trial": best["trial"],
            "point": best["point"],
            "instructions": best["footprint"]["instructions"],
            "folds": fold_accuracies(study, &best["trial"])?,
            "test": spread(&SEEDS.iter().map(test).collect::<Result<Vec<f64>>>()?),
        }))
    }
}

/// Shares of right decisions in each fold of each training, and their mean.
fn fold_accuracies(study: &Value, trial: &Value) -> Result<Value> {
    let number = trial.as_u64().context("a finalist has no number")?;
    let trial = &study["trials"][number as usize];
    let repeats = trial["repeats"].as_array().context("no repeats")?;
    let mut each = Vec::new();
    for training in std::iter::once(trial).chain(repeats) {
        let folds = training["result"]["folds"].as_array();
        for fold in folds.context("no folds")? {
            each.push(self::number(fold, "/accuracy")?);
        }
    }
    Ok(json!({ "mean": spread(&each)["mean"], "each": each }))
}

/// Mean, and deviation of the sample.
fn spread(values: &[f64]) -> Value {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    json!({ "mean": mean, "deviation": (squares / (count - 1.0).max(1.0)).sqrt() })
}

/// The trials that were trained within `compute` multiply-accumulates, in their order, and what they took.
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

fn text(result: &Value) -> Result<String> {
    let searches = result["searches"].as_array().context("no searches")?;
    let mut text = format!(
        "{}: networks of at most {} instructions a step on an M4, half of the hand-made one's.\n\
         Area: what the front of error and instructions dominates.\n\
         Accuracy of the integers in %: over {FOLDS} folds, each trained with {REPEATS} seeds, by which the best of\n\
         {FINALISTS} finalists was chosen, so that it is a little lucky; by how much that is above by hand, ± standard\n\
         error over the folds; and on the test part, mean ± deviation of {} trainings.\n\n\
         {:<14} {:>9} {:>9} {:>8} {:>13} {:>7} {:>14} {:>14}\n",
        result["experiment"].as_str().unwrap_or_default(),
        number(result, "/limit")?,
        SEEDS.len(),
        "",
        "compute",
        "to end",
        "area",
        "instructions",
        "folds",
        "above by hand",
        "test",
    );
    let nothing = ["-", "-", "-", "-"].map(String::from);
    let by_hand = &result["by_hand"];
    text += &row("by hand", &nothing, by_hand)?;
    for search in searches {
        for (side, name) in [("tuned", "tpe"), ("random", "random")] {
            let side = &search[side];
            let figures = [
                format!("{:.2e}", number(side, "/macs")?),
                format!("{} of {}", side["finished"], side["trials"]),
                format!("{:.4}", number(side, "/area")?),
                above(&side["best"], by_hand)?,
            ];
            let seed = search["seed"].as_str().unwrap_or_default();
            text += &row(&format!("{name}, seed {seed}"), &figures, &side["best"])?;
        }
    }
    let by_hand = beside_by_hand(by_hand, searches)?;
    Ok(format!("{text}\n{by_hand}{}", beside_random(searches)?))
}

/// A line of the table.
fn row(name: &str, figures: &[String; 4], judged: &Value) -> Result<String> {
    let [compute, finished, area, above] = figures;
    let percent = |place: &str| -> Result<f64> { Ok(100.0 * number(judged, place)?) };
    let test = format!(
        "{:.2} ± {:.2}",
        percent("/test/mean")?,
        percent("/test/deviation")?
    );
    Ok(format!(
        "{name:<14} {compute:>9} {finished:>9} {area:>8} {:>13} {:>7.2} {above:>14} {test:>14}\n",
        number(judged, "/instructions")?,
        percent("/folds/mean")?,
    ))
}

/// By how much a network's folds are above those of the hand-made one: mean and standard error. The trainings of
/// a fold have the same sequences, so that it is the folds that are draws.
fn above(judged: &Value, by_hand: &Value) -> Result<String> {
    let each = |of: &Value| -> Result<Vec<f64>> {
        let folds = of["folds"]["each"].as_array().context("no folds")?;
        folds.iter().map(|fold| number(fold, "")).collect()
    };
    let (own, hand) = (each(judged)?, each(by_hand)?);
    ensure!(
        own.len() == hand.len() && own.len() == FOLDS * REPEATS,
        "{} and {} trainings of folds are not {REPEATS} times {FOLDS}",
        own.len(),
        hand.len()
    );
    let of_fold = |fold: usize| {
        let trainings = own.iter().zip(&hand).skip(fold).step_by(FOLDS);
        trainings
            .map(|(own, hand)| 100.0 * (own - hand))
            .sum::<f64>()
            / REPEATS as f64
    };
    let spread = spread(&(0..FOLDS).map(of_fold).collect::<Vec<f64>>());
    let error = number(&spread, "/deviation")? / (FOLDS as f64).sqrt();
    Ok(format!("{:+.2} ± {error:.2}", number(&spread, "/mean")?))
}

/// Whether the tuner finds what is demanded beside the hand-made configuration.
fn beside_by_hand(by_hand: &Value, searches: &[Value]) -> Result<String> {
    let seeds = searches.len();
    let against = |part: &str| -> Result<Compared> {
        let hand = number(by_hand, &format!("/{part}/mean"))?;
        Compared::of(searches, &format!("best/{part}/mean"), |_| Ok(hand))
    };
    let (folds, test) = (against("folds")?, against("test")?);
    let as_good = folds.above + folds.equal;
    Ok(format!(
        "Demanded: within {TRIALS} trials, a model at least as good as the hand-made one at no more than half\n\
         its instructions.\n{}{}  {}: by the folds, with {as_good} of {seeds} seeds\n",
        folds.line("folds", seeds),
        test.line("test part", seeds),
        verdict(as_good == seeds, as_good > 0)
    ))
}

/// Whether it beats random search as often as is demanded.
fn beside_random(searches: &[Value]) -> Result<String> {
    let seeds = searches.len();
    let against = |figure: &str| -> Result<Compared> {
        let place = format!("/random/{figure}");
        Compared::of(searches, figure, |search| number(search, &place))
    };
    let area = against("area")?;
    let needed = (WINS_OF_FIVE * seeds).div_ceil(5);
    Ok(format!(
        "Demanded: it beats random search at equal compute with at least {needed} of {seeds} seeds.\n\
         {}{}{}  {}: by the area of the front, with {} of {seeds} seeds\n",
        area.line("area of the front", seeds),
        against("best/folds/mean")?.line("best, folds", seeds),
        against("best/test/mean")?.line("best, test part", seeds),
        verdict(area.above >= needed, false),
        area.above
    ))
}

/// With how many seeds the tuner's figure is above another one, and with how many they are equal.
struct Compared {
    above: usize,
    equal: usize,
}

impl Compared {
    fn of(searches: &[Value], figure: &str, other: impl Fn(&Value) -> Result<f64>) -> Result<Self> {
        let (mut above, mut equal) = (0, 0);
        for search in searches {
            let own = number(search, &format!("/tuned/{figure}"))?;
            let other = other(search)?;
            above += usize::from(own > other);
            equal += usize::from(own == other);
        }
        Ok(Self { above, equal })
    }

    fn line(&self, name: &str, seeds: usize) -> String {
        let Self { above, equal } = self;
        format!("  {name}: better with {above}, as good with {equal} of {seeds} seeds\n")
    }
}

fn verdict(is_met: bool, is_partly: bool) -> &'static str {
    match (is_met, is_partly) {
        (true, _) => "met",
        (false, true) => "met in part",
        (false, false) => "not met",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{FOLDS, REPEATS, above, dominated_area, summary, text};

    fn judged(instructions: u64, folds: f64, test: f64) -> Value {
        json!({
            "instructions": instructions,
            "folds": { "mean": folds, "each": vec![folds; FOLDS * REPEATS] },
            "test": { "mean": test, "deviation": 0.01 },
        })
    }

    /// Of five seeds: with `wins` the tuner's area is larger, with `as_good` its best is as good as by hand.
    fn result(wins: usize, as_good: usize) -> String {
        let side = |area: f64, best: Value| json!({ "macs": 1e9, "area": area, "trials": 9, "finished": 3, "best": best });
        let search = |n: usize| {
            let area = if n < wins { 0.9 } else { 0.7 };
            let accuracy = if n < as_good { 0.95 } else { 0.94 };
            json!({
                "seed": n.to_string(),
                "tuned": side(area, judged(40, accuracy, 0.9)),
                "random": side(0.8, judged(50, 0.93, 0.91)),
            })
        };
        let searches: Vec<Value> = (0..5).map(search).collect();
        let by_hand = judged(100, 0.95, 0.9);
        text(&json!({ "experiment": "x", "limit": 50.0, "by_hand": by_hand, "searches": searches }))
            .unwrap()
    }

    #[test]
    fn verdicts_say_what_is_met() {
        let said = result(4, 2);
        for line in [
            "  folds: better with 0, as good with 2 of 5 seeds\n",
            "  test part: better with 0, as good with 5 of 5 seeds\n",
            "  met in part: by the folds, with 2 of 5 seeds\n",
            "  area of the front: better with 4, as good with 0 of 5 seeds\n",
            "  best, test part: better with 0, as good with 0 of 5 seeds\n",
            "  met: by the area of the front, with 4 of 5 seeds\n",
            "by hand                -         -        -           100   95.00              -   90.00 ± 1.00\n",
            "tpe, seed 4       1.00e9    3 of 9   0.7000            40   94.00   -1.00 ± 0.00   90.00 ± 1.00\n",
        ] {
            assert!(said.contains(line), "{line}{said}");
        }
        let said = result(3, 5);
        assert!(said.contains("  met: by the folds"), "{said}");
        assert!(said.contains("  not met: by the area"), "{said}");
        assert!(result(5, 0).contains("  not met: by the folds"));
    }

    /// Trainings of one fold differ by their seeds alone, and are no draws of their own.
    #[test]
    fn the_folds_are_the_draws() {
        let each = |accuracies: [f64; 6]| json!({ "folds": { "each": accuracies } });
        let hand = each([0.9; 6]);
        let own = each([0.91, 0.92, 0.93, 0.91, 0.94, 0.97]);
        // By fold 1, 3 and 5 points: deviation 2.
        assert_eq!(above(&own, &hand).unwrap(), "+3.00 ± 1.15");
        let short = json!({ "folds": { "each": [0.9] } });
        assert!(above(&short, &hand).is_err());
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
