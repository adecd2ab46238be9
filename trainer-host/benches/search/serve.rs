//! Searches of other programs over the same tables: a line of JSON in, a line of JSON out.
//!
//! ```text
//! out  {"epochs": 30, "space": {…}, "scenarios": [{"name": "…", "limit": 11000.0, "first": {…}}, …]}
//! in   {"scenario": 0, "seed": 3, "point": {…}}                        what a training gives
//! out  {"instructions": 5123.0, "error": 0.041, "values": […]}         or {"instructions": null}: it does not fit
//! in   {"scenario": 0, "seed": 3, "way": "…", "trials": [{"point": {…}, "epochs": 30}, …]}        a search that is over
//! out  {}
//! ```
//!
//! `first` is the configuration that a scenario begins with, if there is one. `epochs` of a trial is how long it was
//! trained. At the end of the input, the tables come out: figures as of our own searches, and what ours is ahead by,
//! paired by seed.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};
use trainer_host::search::{Point, Space};

use crate::replay::{Trial, trial_of};
use crate::scenario::Scenario;
use crate::score::{self, Figures};
use crate::table::Table;

#[derive(Serialize)]
struct Opening<'a> {
    epochs: usize,
    space: &'a Space,
    scenarios: Vec<Described>,
}

#[derive(Serialize)]
struct Described {
    name: String,
    limit: f64,
    first: Option<Point>,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Request {
    Train {
        scenario: usize,
        seed: u64,
        point: Point,
    },
    Over {
        scenario: usize,
        seed: u64,
        way: String,
        trials: Vec<Trained>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trained {
    point: Point,
    epochs: usize,
}

#[derive(Default, Serialize)]
struct Answer {
    instructions: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<f64>,
}

/// Figures at each mark, by way and seed, of one scenario.
type Found = BTreeMap<String, BTreeMap<u64, Vec<Figures>>>;

/// Answers until the input ends, then returns what each scenario's searches found.
///
/// # Errors
/// A line that is no request, or one that cannot be written.
pub(crate) fn serve(
    table: &Table,
    scenarios: &[Scenario<'_>],
    marks: &[f64],
) -> Result<Vec<Found>, String> {
    let mut output = std::io::stdout().lock();
    let opening = Opening {
        epochs: table.epochs,
        space: &table.space,
        scenarios: (scenarios.iter())
            .map(|scenario| Described {
                name: scenario.name.into(),
                limit: scenario.task.limit,
                first: scenario.first().cloned(),
            })
            .collect(),
    };
    let mut say = |line: serde_json::Result<String>| -> Result<(), String> {
        let line = line.map_err(|problem| problem.to_string())?;
        writeln!(output, "{line}").map_err(|problem| problem.to_string())
    };
    say(serde_json::to_string(&opening))?;
    let mut found: Vec<Found> = scenarios.iter().map(|_| Found::default()).collect();
    for (n, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.map_err(|problem| problem.to_string())?;
        let request: Request = serde_json::from_str(&line)
            .map_err(|problem| format!("line {} of the input: {problem}", n + 1))?;
        let scenario = |index: usize| {
            scenarios
                .get(index)
                .ok_or_else(|| format!("line {} of the input: there is no scenario {index}", n + 1))
        };
        match request {
            Request::Train {
                scenario: index,
                seed,
                point,
            } => {
                let task = scenario(index)?.task;
                let mut answer = Answer {
                    instructions: task.instructions(&point),
                    ..Answer::default()
                };
                if answer.instructions.is_some() {
                    let training = task.surrogate.train(&point, seed, 0);
                    (answer.error, answer.values) = (Some(training.error), training.values);
                }
                say(serde_json::to_string(&answer))?;
            }
            Request::Over {
                scenario: index,
                seed,
                way,
                trials,
            } => {
                let scenario = scenario(index)?;
                let trials = replayed(scenario, seed, trials)?;
                let at = |mark: &f64| scenario.figures(&trials, *mark, seed);
                let figures = marks.iter().map(at).collect();
                found[index].entry(way).or_default().insert(seed, figures);
                say(Ok("{}".into()))?;
            }
        }
    }
    Ok(found)
}

/// The trials of a search that is over, with what they cost.
fn replayed(
    scenario: &Scenario<'_>,
    seed: u64,
    trained: Vec<Trained>,
) -> Result<Vec<Trial>, String> {
    let mut units = 0.0;
    (trained.into_iter())
        .map(|Trained { point, epochs }| {
            let trial = trial_of(scenario.task, point, seed, epochs, &mut units);
            trial.ok_or_else(|| "a trial does not fit the chip".into())
        })
        .collect()
}

/// Tables of the ways of other programs, and what `ours` is ahead by at the last mark.
pub(crate) fn report(found: &Found, ours: &BTreeMap<u64, Vec<Figures>>) -> String {
    let mut text = String::new();
    for (way, by_seed) in found {
        let figures: Vec<Vec<Figures>> = by_seed.values().cloned().collect();
        text += &format!("{way:<26}{}\n", score::line(&figures));
        let pairs: Vec<(&Figures, &Figures)> = (by_seed.iter())
            .filter_map(|(seed, theirs)| Some((ours.get(seed)?.last()?, theirs.last()?)))
            .collect();
        text += &format!("{:<26}{}\n", "  gaussian is ahead by", score::ahead(&pairs));
    }
    text
}
