//! A search over a surrogate, trial after trial, as `tune` makes it.

use std::collections::HashMap;
use std::sync::Mutex;

use trainer_host::cost::{Core, Footprint, Limits};
use trainer_host::data::Options;
use trainer_host::run::RunConfig;
use trainer_host::search::taught::{self, taught};
use trainer_host::search::{self, Point, Progress, SearchConfig, stops};
use trainer_host::train::TrainConfig;
use trainer_host::tune::best::front;
use trainer_host::tune::feasible::footprint_that_fits;
use trainer_host::tune::plan::{Plan, Trains};
use trainer_host::tune::stored_trial::{State, StoredTraining, StoredTrial, before, observations};
use trainer_host::tune::study::Definition;
use trainer_host::tune::trial::{FoldResult, TrialResult};
use trainer_host::tune::trial_data::TrialData;

use crate::Way;
use crate::scenario::Scenario;
use crate::surrogate::{FOLDS, Surrogate, Training};
use crate::table::Table;

/// Settings that a step's instructions do not depend on.
const TRAINING: [&str; 7] = [
    "train.learning_rate",
    "train.dropout",
    "train.recurrent_dropout",
    "train.input_noise",
    "train.batch_size",
    "train.optimiser.kind",
    "train.optimiser.weight_decay",
];

/// An earlier search has another seed than the one that follows it.
const EARLIER: u64 = 1000;

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
    /// The footprint of each structure that was asked for.
    known: Mutex<HashMap<String, Option<Footprint>>>,
}

/// A trial of a replay.
pub(crate) struct Trial {
    pub(crate) point: Point,
    pub(crate) instructions: f64,
    /// The observed error of all folds; `None` of a trial that has not trained them.
    pub(crate) error: Option<f64>,
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

    /// Instructions of a step of a point that fits.
    pub(crate) fn instructions(&self, point: &Point) -> Option<f64> {
        Some(self.footprint(point)?.instructions as f64)
    }

    /// The footprint of a point that fits. It follows from the structure alone, so each is estimated once.
    fn footprint(&self, point: &Point) -> Option<Footprint> {
        let structure = point
            .iter()
            .filter(|(name, _)| !TRAINING.contains(&name.as_str()));
        let structure: Vec<String> = structure
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        let structure = structure.join(" ");
        let known = |known: &HashMap<String, Option<Footprint>>| known.get(&structure).copied();
        if let Some(found) = self.known.lock().map_or(None, |all| known(&all)) {
            return found;
        }
        let found = footprint_that_fits(&self.definition, &self.data, point);
        if let Ok(mut all) = self.known.lock() {
            all.insert(structure, found);
        }
        found
    }
}

/// A trial of `point` that trained all folds for `epochs`, after earlier ones took `units`; `None` if it does not fit.
pub(crate) fn trial_of(
    task: &Task<'_>,
    point: Point,
    seed: u64,
    epochs: usize,
    units: &mut f64,
) -> Option<Trial> {
    let instructions = task.instructions(&point)?;
    let all = task.table.epochs;
    *units += epochs.min(all) as f64 / all as f64;
    Some(Trial {
        error: (epochs >= all).then(|| task.surrogate.train(&point, seed, 0).error),
        point,
        instructions,
        units: *units,
    })
}

/// The trials of a search of so many units.
pub(crate) fn search(scenario: &Scenario<'_>, way: &Way, seed: u64, units: usize) -> Vec<Trial> {
    let task = scenario.task;
    let mut config = config_of(task, way, seed);
    config.first.extend(scenario.first().cloned());
    if let Some((earlier, teaches)) = scenario.earlier.zip(way.earlier) {
        let search = config_of(earlier, way, seed + EARLIER);
        let (trials, _) = searched(earlier, &search, units);
        let best = front(&trials, &search).into_iter().take(taught::FIRST);
        config.first.extend(best.map(|trial| trial.point.clone()));
        if teaches {
            config.taught = taught(&observations(&trials, &search), &config.space);
        }
    }
    searched(task, &config, units).1
}

fn config_of(task: &Task<'_>, way: &Way, seed: u64) -> SearchConfig {
    let mut space = task.definition.search.space.clone();
    if !way.has_priors {
        let parameters = space.parameters.values_mut();
        parameters.for_each(|parameter| parameter.prior = None);
    }
    SearchConfig {
        space,
        sampler: way.sampler,
        objectives: way.objectives.to_vec(),
        stopping: way.stopping,
        lag: way.lag,
        folds: Some(FOLDS),
        first_fold: Some(way.first_fold),
        seed,
        ..task.definition.search.clone()
    }
}

fn searched(
    task: &Task<'_>,
    config: &SearchConfig,
    units: usize,
) -> (Vec<StoredTrial>, Vec<Trial>) {
    let seed = config.seed;
    let mut stored: Vec<StoredTrial> = Vec::new();
    let mut trials = Vec::new();
    let mut used = 0.0;
    while used < units as f64 {
        let earlier = before(&stored, stored.len(), config);
        let running = stored[earlier.len()..].iter().map(|trial| &trial.point);
        let running: Vec<&Point> = running.collect();
        let costs = |point: &Point| Some(config.costs(&task.footprint(point)?));
        let known = observations(earlier, config);
        let point = search::propose(config, seed, stored.len(), &known, &running, costs);
        let point = point.expect("some point of the space fits");
        let (trial, part) = trained(task, config, point, &stored, seed);
        used += part;
        trials.push(Trial {
            point: trial.point.clone(),
            instructions: trial.footprint.instructions as f64,
            error: trial.own.result.as_ref().map(|result| result.error),
            units: used,
        });
        stored.push(trial);
    }
    (stored, trials)
}

/// The trial of `point` after the `trials` of a study, and what part of a whole training it takes.
fn trained(
    task: &Task<'_>,
    config: &SearchConfig,
    point: Point,
    trials: &[StoredTrial],
    seed: u64,
) -> (StoredTrial, f64) {
    let epochs = task.table.epochs;
    let plan = Plan::of(trials, &point, config);
    let footprint = task.footprint(&point).expect("what is proposed fits");
    let training = task.surrogate.train(&point, seed, 0);
    let done = plan
        .continues
        .map_or(0, |number| trials[number].values.len());
    let values = match plan.has_values_of_first_fold() {
        true => training.first_values.clone(),
        false => training.values.clone(),
    };
    let whole = Progress {
        values,
        costs: config.costs(&footprint),
    };
    let rivals = plan.rivals(before(trials, trials.len(), config), config);
    let end = end_of(config, &whole, &rivals, epochs);
    let fold = 1.0 / FOLDS as f64;
    let part = (end - done) as f64 / epochs as f64;
    let part = match plan.trains {
        Trains::AllFolds => part,
        Trains::FirstFold => fold * part,
        Trains::OtherFolds => 1.0 - fold,
    };
    let trial = StoredTrial {
        number: trials.len(),
        point,
        footprint,
        plan,
        own: ended(plan, &training, (end, epochs)),
        values: whole.values[..end].to_vec(),
        repeats: Vec::new(),
    };
    (trial, part)
}

/// A training that ended after so many of the epochs.
fn ended(plan: Plan, training: &Training, (end, epochs): (usize, usize)) -> StoredTraining {
    let folds = training.folds.map(|error| FoldResult {
        error,
        accuracy: None,
    });
    let is_whole = end == epochs && plan.trains != Trains::FirstFold;
    StoredTraining {
        state: match is_whole {
            true => State::Finished,
            false => State::Stopped,
        },
        worker: String::new(),
        attempt: 1,
        silent_seconds: 0.0,
        seconds: None,
        macs: 0.0,
        result: is_whole.then(|| TrialResult {
            error: training.error,
            accuracy: None,
            float_accuracy: None,
            best_epoch: end,
            epochs: end,
            folds: folds.to_vec(),
        }),
        first_fold: (end == epochs && !is_whole).then_some(folds[0]),
        problem: None,
    }
}

/// After how many epochs the rule ends a trial.
fn end_of(config: &SearchConfig, whole: &Progress, rivals: &[Progress], epochs: usize) -> usize {
    let rule = config.stopping;
    let mut looks = std::iter::successors(Some(0), |done| Some(rule.next_look(*done, epochs)));
    let is_end = |done: &usize| {
        let so_far = Progress {
            values: whole.values[..*done].to_vec(),
            costs: whole.costs.clone(),
        };
        *done == epochs || *done > 0 && stops(rule, epochs, &so_far, rivals)
    };
    looks.find(is_end).expect("a trial ends")
}
