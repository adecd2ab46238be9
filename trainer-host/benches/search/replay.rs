//! A search over a surrogate, trial after trial, as `tune` makes it.

use std::collections::HashMap;
use std::sync::Mutex;

use trainer_host::cost::{Core, Limits};
use trainer_host::data::Options;
use trainer_host::run::RunConfig;
use trainer_host::search::{self, Observation, Outcome, Point, Progress, SearchConfig, stops};
use trainer_host::train::TrainConfig;
use trainer_host::tune::feasible::footprint_that_fits;
use trainer_host::tune::study::Definition;
use trainer_host::tune::trial_data::TrialData;

use crate::Way;
use crate::scenario::Scenario;
use crate::surrogate::Surrogate;
use crate::table::Table;

/// Settings of the default space that a step's instructions do not depend on.
const TRAINING: [&str; 4] = [
    "train.learning_rate",
    "train.dropout",
    "train.input_noise",
    "train.batch_size",
];

/// The limit of instructions.
#[derive(Clone, Copy)]
pub(crate) enum Chip {
    Whole,
    Half,
}

/// What is searched.
pub(crate) struct Task<'a> {
    pub(crate) table: &'a Table,
    pub(crate) surrogate: Surrogate<'a>,
    pub(crate) definition: Definition,
    pub(crate) data: TrialData,
    pub(crate) limit: f64,
    /// Instructions of each structure that was asked for.
    known: Mutex<HashMap<String, Option<f64>>>,
}

/// A trial of a replay.
pub(crate) struct Trial {
    pub(crate) point: Point,
    pub(crate) instructions: f64,
    /// The observed error; `None` of a stopped trial.
    pub(crate) error: Option<f64>,
    pub(crate) values: Vec<f64>,
    /// Units that were used when it ended.
    pub(crate) units: f64,
}

impl<'a> Task<'a> {
    pub(crate) fn new(table: &'a Table, chip: Chip) -> Self {
        let limit = match chip {
            Chip::Whole => table.head.limit,
            Chip::Half => table.head.limit / 2,
        };
        let config = RunConfig {
            source: table.head.source.clone(),
            data: Options::default(),
            train: TrainConfig::default(),
        };
        let core = Core::ALL
            .into_iter()
            .find(|core| core.name() == table.head.core);
        let search = SearchConfig {
            space: table.space.clone(),
            chip: Limits {
                core,
                instructions: Some(limit),
                ..Limits::default()
            },
            ..SearchConfig::default()
        };
        let data = TrialData::open(&config).expect("the table's source can be opened");
        Self {
            surrogate: Surrogate::new(table),
            definition: Definition {
                config,
                search,
                data_crc: 0,
            },
            data,
            table,
            limit: limit as f64,
            known: Mutex::default(),
        }
    }

    /// Instructions of a step of a point that fits. They follow from the structure alone, so each is estimated once.
    pub(crate) fn instructions(&self, point: &Point) -> Option<f64> {
        let structure = point
            .iter()
            .filter(|(name, _)| !TRAINING.contains(&name.as_str()));
        let structure: Vec<String> = structure
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        let structure = structure.join(" ");
        let known = |known: &HashMap<String, Option<f64>>| known.get(&structure).copied();
        if let Some(found) = self.known.lock().map_or(None, |all| known(&all)) {
            return found;
        }
        let footprint = footprint_that_fits(&self.definition, &self.data, point);
        let found = footprint.map(|footprint| footprint.instructions as f64);
        if let Ok(mut all) = self.known.lock() {
            all.insert(structure, found);
        }
        found
    }
}

/// A trial of `point` that was trained for `epochs`, after earlier ones took `units`; `None` if it does not fit.
pub(crate) fn trial_of(
    task: &Task<'_>,
    point: Point,
    seed: u64,
    epochs: usize,
    units: &mut f64,
) -> Option<Trial> {
    let instructions = task.instructions(&point)?;
    let (error, mut values) = task.surrogate.train(&point, seed, 0);
    let all = task.table.epochs;
    values.truncate(epochs);
    *units += values.len() as f64 / all as f64;
    Some(Trial {
        point,
        instructions,
        error: (epochs >= all).then_some(error),
        values,
        units: *units,
    })
}

/// The trials of a search of so many units.
pub(crate) fn search(scenario: &Scenario<'_>, way: &Way, seed: u64, units: usize) -> Vec<Trial> {
    let task = scenario.task;
    let config = SearchConfig {
        sampler: way.sampler,
        objectives: way.objectives.to_vec(),
        stopping: way.stopping,
        lag: way.lag,
        seed,
        first: scenario.first().into_iter().cloned().collect(),
        ..task.definition.search.clone()
    };
    let mut trials: Vec<Trial> = Vec::new();
    let mut used = 0.0;
    while used < units as f64 {
        let earlier = &trials[..(trials.len() + 1)
            .saturating_sub(config.lag)
            .min(trials.len())];
        let observations: Vec<Observation> = earlier
            .iter()
            .map(|trial| observation(trial, way))
            .collect();
        let taken: Vec<&Point> = trials.iter().map(|trial| &trial.point).collect();
        let costs = |point: &Point| Some(costs(way, task.instructions(point)?));
        let point = search::propose(&config, seed, trials.len(), &observations, &taken, costs);
        let point = point.expect("some point of the space fits");
        let end = end_of(task, way, &point, seed, earlier);
        let trial = trial_of(task, point, seed, end, &mut used);
        trials.push(trial.expect("what is proposed fits"));
    }
    trials
}

/// After how many epochs the rule of `way` ends a trial of `point`.
fn end_of(task: &Task<'_>, way: &Way, point: &Point, seed: u64, earlier: &[Trial]) -> usize {
    let epochs = task.table.epochs;
    let whole = trial_of(task, point.clone(), seed, epochs, &mut 0.0);
    let whole = whole.expect("what is proposed fits");
    let others: Vec<Progress> = (earlier.iter())
        .map(|trial| progress(trial, way, trial.values.len()))
        .collect();
    let mut looks =
        std::iter::successors(Some(0), |done| Some(way.stopping.next_look(*done, epochs)));
    let end = looks.find(|done| {
        *done == epochs
            || *done > 0 && stops(way.stopping, epochs, &progress(&whole, way, *done), &others)
    });
    end.expect("a trial ends")
}

fn costs(way: &Way, instructions: f64) -> Vec<f64> {
    vec![instructions; way.objectives.len() - 1]
}

fn progress(trial: &Trial, way: &Way, epochs: usize) -> Progress {
    Progress {
        values: trial.values[..epochs].to_vec(),
        costs: costs(way, trial.instructions),
    }
}

fn observation(trial: &Trial, way: &Way) -> Observation {
    let least = trial.values.iter().copied().fold(f64::INFINITY, f64::min);
    Observation {
        point: trial.point.clone(),
        outcome: match trial.error {
            Some(error) => {
                Outcome::Finished([&[error][..], &costs(way, trial.instructions)].concat())
            }
            None => Outcome::Stopped {
                epochs: trial.values.len(),
                value: least,
            },
        },
        values: trial.values.clone(),
    }
}
