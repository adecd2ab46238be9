//! The settings of a search: the table `[tune]` of a configuration file.

use serde::{Deserialize, Serialize};

use super::point::Point;
use super::space::Space;
use super::stopping::Stopping;
use super::taught::{self, Taught};
use crate::cost::{Footprint, Limits};
use crate::out_of_range::{OutOfRange, require};

/// The longest lag at which a first fold alone pays. Replayed with twenty seeds, 40 trainings hand over 0.28 ± 0.05 points
/// above the least with a lag of 16 (0.41 ± 0.06 with all folds in step). With 64 it did not pay: without priors, 80
/// trainings 0.86 ± 0.13 (0.69 ± 0.10).
const LONGEST_LAG: usize = 16;

/// How points are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Sampler {
    /// Where a Gaussian process of the error expects most: in turn a lower error, and a better front.
    #[default]
    Gaussian,
    /// Near good earlier trials, by the tree-structured Parzen estimator.
    Tpe,
    /// At random.
    Random,
}

/// What to minimise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// The integers' error on the validation part: the share of wrong decisions, or the mean squared
    /// error of values.
    Error,
    /// Flash of model and engine in bytes.
    Flash,
    /// RAM of state, scratch and stack in bytes; of a network of whole windows, of the longest sequence's buffer and the stack.
    Ram,
    /// Instructions of a step.
    Instructions,
}

impl Objective {
    /// Its value for a model with this error and footprint.
    pub fn of(self, error: f64, footprint: &Footprint) -> f64 {
        match self {
            Self::Error => error,
            Self::Flash => footprint.flash_bytes as f64,
            Self::Ram => footprint.ram_bytes as f64,
            Self::Instructions => footprint.instructions as f64,
        }
    }
}

/// How to search; every field has a default that works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchConfig {
    /// Number of trials of all folds. A trial of one of three folds counts a third, and one that goes on with another one
    /// only the folds that it adds.
    pub trials: usize,
    /// Multiply-accumulates of training. No trial begins once the trials that it follows from have used them up; up to
    /// `lag` more trials may run by then. Repeats come on top.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compute: Option<f64>,
    /// How points are chosen.
    pub sampler: Sampler,
    /// Seed for choosing points; `train.seed` is the seed of the trainings.
    pub seed: u64,
    /// Number of random trials at the beginning; by default 10 for the Parzen estimator and 5 for the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup: Option<usize>,
    /// A trial's point follows from all earlier trials but the last `lag`, which may still be running. So at most `lag`
    /// workers are busy at once, and any number of workers finds the same points.
    pub lag: usize,
    /// Which trials are stopped early.
    pub stopping: Stopping,
    /// Number of folds of training and validation part; each fold judges a network that was not trained on it. 1 for
    /// the validation part alone. The default depends on the size of the validation part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// Whether a trial may train its first fold alone, once the first trials show that one fold says enough. Only
    /// [`Sampler::Gaussian`] goes on with such trials, and it alone is asked. A study of a version without this key has
    /// none, and goes on with no trial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_fold: Option<bool>,
    /// Number of the best trials to train again when the search is over.
    pub finalists: usize,
    /// Trainings of each finalist, each with another seed, the trial's own included; 1 for no further training.
    pub repeats: usize,
    /// What to minimise; the first one is [`Objective::Error`].
    pub objectives: Vec<Objective>,
    /// The chip for the model. A trial that does not fit it never begins.
    pub chip: Limits,
    /// The first points; if empty, the configuration itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<Point>,
    /// Trials of an earlier study that teach [`Sampler::Gaussian`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taught: Vec<Taught>,
    /// The settings to search; if empty, a default space.
    pub space: Space,
}

impl Default for SearchConfig {
    fn default() -> Self {
        Self {
            trials: 40,
            compute: None,
            sampler: Sampler::default(),
            seed: 0,
            startup: None,
            lag: 4,
            stopping: Stopping::default(),
            folds: None,
            first_fold: None,
            finalists: 4,
            repeats: 3,
            objectives: vec![Objective::Error, Objective::Instructions],
            chip: Limits::default(),
            first: Vec::new(),
            taught: Vec::new(),
            space: Space::default(),
        }
    }
}

impl SearchConfig {
    /// Refuses numbers out of their range.
    ///
    /// # Errors
    /// [`OutOfRange`]
    pub fn validate(&self) -> Result<(), OutOfRange> {
        require(self.trials >= 1, "tune.trials", self.trials, "at least 1")?;
        require(self.lag >= 1, "tune.lag", self.lag, "at least 1")?;
        for (key, count) in [
            ("tune.folds", self.folds()),
            ("tune.finalists", self.finalists),
            ("tune.repeats", self.repeats),
        ] {
            require(count >= 1, key, count, "at least 1")?;
        }
        require(
            self.objectives.first() == Some(&Objective::Error),
            "tune.objectives",
            format!("{:?}", self.objectives),
            "a list that begins with \"error\"",
        )?;
        let distinct = |n: usize| !self.objectives[..n].contains(&self.objectives[n]);
        require(
            (0..self.objectives.len()).all(distinct),
            "tune.objectives",
            format!("{:?}", self.objectives),
            "a list without repetition",
        )?;
        if let Some(compute) = self.compute {
            let positive = compute > 0.0 && compute.is_finite();
            require(positive, "tune.compute", compute, "above 0")?;
        }
        require(
            self.taught.len() <= taught::MOST,
            "tune.taught",
            format!("{} trials", self.taught.len()),
            "at most 100 trials",
        )?;
        for Taught { point, error } in &self.taught {
            let is_error = error.is_finite() && *error >= 0.0;
            require(is_error, "tune.taught.error", error, "0 or more")?;
            if let Some(name) = taught::lacks(&self.space, point) {
                let has = (point.get(name)).map_or("nothing".into(), ToString::to_string);
                let found = format!("{has} for `{name}`");
                require(false, "tune.taught.point", found, "of the search space")?;
            }
        }
        self.stopping.validate()
    }

    /// Number of folds of a trial; 1 for the validation part alone, as in studies of a version without folds.
    pub fn folds(&self) -> usize {
        self.folds.unwrap_or(1)
    }

    /// All objectives but the first, of a model with this footprint.
    pub fn costs(&self, footprint: &Footprint) -> Vec<f64> {
        let costs = self.objectives.iter().skip(1);
        costs.map(|cost| cost.of(f64::NAN, footprint)).collect()
    }

    /// Whether a new trial may go on with one that was stopped.
    pub fn continues_trials(&self) -> bool {
        self.first_fold.is_some()
    }

    /// Whether a trial may train its first fold alone. With a long lag, the other folds would come too late.
    pub fn first_fold(&self) -> bool {
        self.folds() > 1 && self.first_fold == Some(true) && self.lag <= LONGEST_LAG
    }

    /// Number of random trials at the beginning.
    pub fn startup(&self) -> usize {
        let default = match self.sampler {
            Sampler::Gaussian => 5,
            Sampler::Tpe | Sampler::Random => 10,
        };
        self.startup.unwrap_or(default)
    }

    /// In a few words, the trainings that judge a finalist.
    pub fn judged_by(&self) -> String {
        match self.folds() {
            1 => format!("{} trainings", self.repeats),
            folds => format!("{} trainings of {folds} folds", self.repeats),
        }
    }

    /// The same search with the amounts of work of `other`.
    pub fn with_amounts_of(&self, other: &Self) -> Self {
        Self {
            trials: other.trials,
            compute: other.compute,
            finalists: other.finalists,
            repeats: other.repeats,
            ..self.clone()
        }
    }
}
