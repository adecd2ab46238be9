//! Studies as their users meet them. Each file answers one question.

#[path = "../bench/mod.rs"]
mod bench;
mod best;
mod costs;
mod crowd;
mod finalists;
mod first_fold;
mod folds;
mod one_trial;
mod postgresql;
mod refusals;
mod server;
mod stalled;
mod workers;

use std::process::{Child, Stdio};
use std::sync::OnceLock;

use bench::{Bench, json};
use serde_json::Value;
use trainer_host::data::{self, Options};

/// A small study: every trial takes less than a tenth of a second. The validation part alone judges.
const SEARCH: &str = r#"
source = "few.csv"
[train]
epochs = 6
[tune]
trials = 12
startup = 4
folds = 1
stopping = { kind = "halving", first = 2 }
[tune.space]
hidden = { low = 4, high = 16, scale = "log" }
"train.learning_rate" = { low = 1e-3, high = 1e-1, scale = "log" }
"train.peepholes" = { choices = [false, true] }
scheme = { choices = ["w8a16", "w8a8"] }
"#;

/// A study of one trial that is trained once.
const ONE_TRIAL: [&str; 8] = [
    "tune",
    "--config",
    "search.toml",
    "--trials",
    "1",
    "--repeats",
    "1",
    "--json",
];

/// A folder with the small study's configuration.
fn bench() -> Bench {
    bench_with(&[])
}

/// The same, but every trial is trained for three folds.
fn bench_with_folds() -> Bench {
    bench_with(&[("folds = 1", "folds = 3\nfinalists = 1\nrepeats = 2")])
}

/// The same with other settings in place of some.
fn bench_with(changes: &[(&str, &str)]) -> Bench {
    let bench = Bench::new();
    let search = (changes.iter()).fold(SEARCH.to_owned(), |s, (from, to)| s.replace(from, to));
    bench.file("search.toml", search);
    bench.file("few.csv", few_digits());
    bench
}

/// Every fifth of the digits to train on, as long CSV: what a study does does not depend on how many there are.
fn few_digits() -> &'static [u8] {
    static FEW: OnceLock<Vec<u8>> = OnceLock::new();
    FEW.get_or_init(|| {
        let digits = data::open("digits", &Options::default()).unwrap().train;
        let every_fifth: Vec<usize> = (0..digits.len()).step_by(5).collect();
        data::to_long_csv(&digits.select(&every_fifth)).unwrap()
    })
}

/// A study from its beginning to its end, by one worker that nothing happens to.
fn search(bench: &Bench, storage: &str) -> Value {
    let arguments = ["tune", "--config", "search.toml", "--storage", storage];
    json(&bench.succeed(&[&arguments[..], &["--workers", "1", "--json"]].concat()))
}

/// The same, begun in a process of its own.
fn begin(bench: &Bench, storage: &str, workers: &str) -> Child {
    let arguments = ["tune", "--config", "search.toml", "--storage", storage];
    let flags = ["--workers", workers, "--json"];
    spawn(bench, &[&arguments[..], &flags].concat())
}

/// Starts the program; what it says is kept for [`finish`].
fn spawn(bench: &Bench, arguments: &[&str]) -> Child {
    let mut command = bench.command(arguments);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn finish(child: Child) -> (Value, String) {
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    (json(&String::from_utf8_lossy(&output.stdout)), errors)
}

/// What a study found, without who found it and when.
fn found(study: &Value) -> Vec<Value> {
    let of_training = ["state", "result", "first_fold", "macs", "problem"];
    let of_trial = ["number", "point", "footprint", "plan", "values"];
    let only = |value: &Value, keys: &[&str]| -> Vec<Value> {
        keys.iter().map(|key| value[*key].clone()).collect()
    };
    let trials = study["trials"].as_array().unwrap().iter();
    let trials = trials.map(|trial| {
        let repeats = trial["repeats"].as_array().unwrap().iter();
        let repeats: Vec<_> = repeats.map(|repeat| only(repeat, &of_training)).collect();
        Value::from(vec![
            Value::from(only(trial, &of_trial)),
            Value::from(only(trial, &of_training)),
            Value::from(repeats),
        ])
    });
    trials
        .chain([study["finalists"].clone(), study["best"].clone()])
        .collect()
}

/// Trial and repeat of all trainings of a study, in order.
fn trainings(study: &Value) -> Vec<(usize, usize)> {
    let trials = study["trials"].as_array().unwrap().iter().enumerate();
    let repeats = |trial: &Value| trial["repeats"].as_array().unwrap().len();
    let trainings =
        trials.flat_map(|(n, trial)| (0..=repeats(trial)).map(move |repeat| (n, repeat)));
    trainings.collect()
}

/// Trial and repeat of the trainings that a process has ended, by what it said.
fn ended(errors: &str) -> Vec<(usize, usize)> {
    let words = errors
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ended = words.filter_map(|words| match words.as_slice() {
        ["trial", trial, "finished" | "stopped" | "failed", ..] => Some((trial.parse().ok()?, 0)),
        ["trial", trial, "repeat", repeat, "finished" | "failed", ..] => {
            Some((trial.parse().ok()?, repeat.parse().ok()?))
        }
        _ => None,
    });
    ended.collect()
}
