//! The data of a study: its parts, the folds for trials, and the costs of networks for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::trial::{TrialError, decisions};
use super::trial_config::TrialConfig;
use crate::cost::{Footprint, Limits};
use crate::data::{Dataset, Fold, Normalisation, Parts, Unsplit};
use crate::integers::assemble::raw_formats;
use crate::run::{RunConfig, estimate};
use crate::search::SearchConfig;
use crate::training_run::{TrainingRunError, check_initial};

/// Default number of folds if a validation part would say little.
const FOLDS: usize = 3;
/// A validation part with fewer decisions says little,
const FEW_DECISIONS: usize = 1000;
/// or of fewer persons or machines.
const FEW_GROUPS: usize = 10;
/// The setting that lets trials learn from other runs.
const TEACHER: &str = "train.distillation.teacher";

/// The data of a study, without its test part, and what trials of it need.
#[derive(Debug)]
pub struct TrialData {
    base: RunConfig,
    /// As it was read, its test part included.
    read: Unsplit,
    parts: Arc<Parts>,
    /// By fold and seed of the folds.
    folds: Mutex<BTreeMap<(Fold, u64), Arc<Parts>>>,
    shape: Shape,
    /// Of data that is read in another way, by how.
    shapes: Mutex<BTreeMap<String, Option<Shape>>>,
}

/// The shape of the data, which determines a network's structure and cost.
#[derive(Clone, Debug)]
struct Shape {
    /// Without sequences and targets of any length.
    example: Dataset,
    /// Of the first sequence.
    first_steps: usize,
    /// Of the longest one.
    longest: usize,
}

impl Shape {
    /// Of all parts, the test part included: the final model answers for its windows, too.
    fn of(parts: &Parts) -> Self {
        let train = &parts.train;
        Self {
            longest: parts.longest(),
            example: train.select(&[0]),
            first_steps: train.sequences.first().map_or(0, |first| first.nrows()),
        }
    }
}

impl TrialData {
    /// Opens the data as `base` says.
    ///
    /// # Errors
    /// When it cannot be read, or no model file can hold it.
    pub fn open(base: &RunConfig) -> Result<Self, TrialError> {
        let read = base.read_data()?;
        let parts = base.divide(read.clone())?;
        let shape = Shape::of(&parts);
        let parts = without_test(parts);
        check_initial(&base.train, &parts.train)?;
        let means = Normalisation::of_inputs(&parts.train).real_means();
        raw_formats(&parts.train, &means).map_err(TrainingRunError::from)?;
        Ok(Self {
            base: base.clone(),
            read,
            shape,
            parts: Arc::new(parts),
            folds: Mutex::default(),
            shapes: Mutex::default(),
        })
    }

    /// The data for `config`, which may divide it or read it in another way, with its test part.
    ///
    /// # Errors
    /// When it cannot be read so.
    pub fn with_test(&self, config: &RunConfig) -> Result<Parts, TrialError> {
        Ok(match self.base.data == config.data {
            true => config.divide(self.read.clone())?,
            // Statistics of channels that are here already.
            false => match self.read.with_statistics_of(&config.data) {
                Some(read) => config.divide(read)?,
                None => config.open_data()?,
            },
        })
    }

    /// All parts, for their notes.
    pub fn all(&self) -> &Parts {
        &self.parts
    }

    /// The training part.
    pub fn train(&self) -> &Dataset {
        &self.parts.train
    }

    /// The validation part.
    pub fn validation(&self) -> &Dataset {
        self.parts.validation.as_ref().unwrap_or(&self.parts.train)
    }

    /// CRC-32 of both parts.
    pub fn checksum(&self) -> u32 {
        self.train().checksum() ^ self.validation().checksum().rotate_left(1)
    }

    fn is_base(&self, config: &RunConfig) -> bool {
        let (own, other) = (&self.base, config);
        own.data == other.data && own.train.split() == other.train.split()
    }

    /// The parts for `config`, which may divide them or read them in another way.
    ///
    /// # Errors
    /// When they cannot be read so.
    pub(super) fn parts(&self, config: &RunConfig) -> Result<Arc<Parts>, TrialError> {
        if self.is_base(config) {
            return Ok(self.parts.clone());
        }
        let split = config.train.split();
        let (Some(fold), true) = (split.fold, self.base.data == config.data) else {
            return Ok(Arc::new(without_test(self.with_test(config)?)));
        };
        let mut folds = lock(&self.folds);
        if let Some(parts) = folds.get(&(fold, split.seed)) {
            return Ok(parts.clone());
        }
        let parts = Arc::new(without_test(self.with_test(config)?));
        folds.insert((fold, split.seed), parts.clone());
        Ok(parts)
    }

    /// Refuses this number of folds for trials of `search`; one means the validation part alone.
    ///
    /// # Errors
    /// For one when there is no validation part. For several when the data is a forecast's or has too few
    /// groups or sequences, when a fold would leave a class without a sequence to train on, when trials learn from a run, which has seen all folds, and when the configuration
    /// names one fold.
    pub fn check_folds(&self, count: usize, search: &SearchConfig) -> Result<(), TrialError> {
        if count < 2 {
            if self.parts.validation.is_some() {
                return Ok(());
            }
            let folds = self.most_folds(search);
            return Err(TrialError::NoValidation { folds });
        }
        let of_all = self.base.train.other_runs().map(|(key, _)| key).next();
        let is_tried = search.space.parameters.contains_key(TEACHER)
            || search.first.iter().any(|point| point.contains_key(TEACHER));
        let of_some = is_tried.then_some("distillation");
        if let Some(key) = of_all.or(of_some) {
            return Err(TrialError::FoldsSeen { key });
        }
        if let Some(fold) = self.base.train.validation_fold {
            return Err(TrialError::OneFold { fold });
        }
        let seed = self.base.train.split().seed;
        Ok(self.read.check_folds(count, seed)?)
    }

    /// How many folds suit the data and trials of `search`: one where the validation part tells enough, or there
    /// cannot be more.
    pub fn suited_folds(&self, search: &SearchConfig) -> usize {
        let tells_enough = |validation: &Dataset| {
            let groups = groups([validation]);
            decisions(validation) >= FEW_DECISIONS && (groups == 0 || groups >= FEW_GROUPS)
        };
        let validation = self.parts.validation.as_ref();
        if validation.is_some_and(tells_enough) {
            return 1;
        }
        self.most_folds(search).unwrap_or(1)
    }

    /// The largest possible number of folds, up to the default.
    fn most_folds(&self, search: &SearchConfig) -> Option<usize> {
        (2..=FOLDS)
            .rev()
            .find(|count| self.check_folds(*count, search).is_ok())
    }

    /// The shape of the data for `config`; `None` where it cannot be read so.
    fn shape(&self, config: &RunConfig) -> Option<Shape> {
        if self.is_base(config) {
            return Some(self.shape.clone());
        }
        let key = format!("{:?}", config.data);
        let mut shapes = lock(&self.shapes);
        let read = || (self.with_test(config).ok()).map(|parts| Shape::of(&parts));
        shapes.entry(key).or_insert_with(read).clone()
    }

    /// What the model of `trial_config` will need.
    ///
    /// # Errors
    /// When the engine has no such network, or the data cannot be read as `trial_config` says.
    pub fn footprint(
        &self,
        trial_config: &TrialConfig,
        limits: &Limits,
    ) -> Result<Footprint, TrialError> {
        let shape = self
            .shape(&trial_config.run)
            .ok_or(TrialError::Unreadable)?;
        of_shape(&shape, trial_config, limits)
    }
}

/// Refuses `trial_config` when its model would need more than `limits` allow over `parts`, before it is trained on them: their
/// sequences may be longer than those of the search, whose validation part may be cut from the same recordings.
///
/// # Errors
/// As [`TrialData::footprint`], and when the model needs more.
pub fn require_fit(
    trial_config: &TrialConfig,
    parts: &Parts,
    limits: &Limits,
) -> Result<(), TrialError> {
    let found = of_shape(&Shape::of(parts), trial_config, limits)?;
    Ok(limits.check(&found)?)
}

/// What the model of `trial_config` will need for data of this shape.
fn of_shape(
    shape: &Shape,
    trial_config: &TrialConfig,
    limits: &Limits,
) -> Result<Footprint, TrialError> {
    let train = &shape.example;
    let network = trial_config.run.train.network(train);
    let names = (train.channels.as_slice(), train.outputs.as_slice());
    // Settings that give no tables were refused when the data was read with them.
    let front_end = (train.front_end.as_ref()).and_then(|front_end| front_end.tables().ok());
    Ok(estimate::footprint(
        &network,
        names,
        trial_config.scheme,
        (front_end, shape.first_steps, shape.longest),
        limits,
    )?)
}

/// `config` with that fold as its validation part.
pub(super) fn in_fold(config: &RunConfig, fold: Fold) -> RunConfig {
    let mut config = config.clone();
    config.train.validation_fold = Some(fold);
    config
}

fn without_test(parts: Parts) -> Parts {
    Parts {
        test: None,
        ..parts
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Persons or machines of all parts; 0 where they are not known.
fn groups<'a>(parts: impl IntoIterator<Item = &'a Dataset>) -> usize {
    let groups = parts.into_iter().filter_map(|part| part.groups.as_ref());
    groups.flatten().collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::super::trial_config::tests::{base, point};
    use super::*;
    use crate::data::Options;

    /// Sequences of so many steps, each with a label of its own.
    fn csv(sequences: usize, steps: usize) -> String {
        let row = |n: usize| {
            let (series, t) = (n / steps, n % steps);
            format!("s{series},{t},{}.5,{}\n", n % 7, ["a", "b"][series % 2])
        };
        let rows: String = (0..sequences * steps).map(row).collect();
        format!("series_id,t,x,label\n{rows}")
    }

    /// A trial and the model in the end have RAM for the same window, which is the longest one of all parts.
    #[test]
    fn ram_is_for_the_longest_sequence_of_the_test_part_too() {
        let folder = tempfile::tempdir().unwrap();
        let [train, test] = [(20, 6), (2, 30)].map(|(sequences, steps)| {
            let path = folder.path().join(format!("{steps}.csv"));
            std::fs::write(&path, csv(sequences, steps)).unwrap();
            path
        });
        let base = RunConfig {
            source: train.to_string_lossy().into_owned(),
            data: Options {
                test: Some(test),
                ..Options::default()
            },
            ..base()
        };
        let data = TrialData::open(&base).unwrap();
        let trial = r#"{"train.direction": "bidirectional", "hidden": 8}"#;
        let trial = TrialConfig::new(&base, &point(trial)).unwrap();
        let found = data.footprint(&trial, &Limits::default()).unwrap();
        assert_eq!(found.window_steps, Some(30));
        let parts = data.with_test(&trial.run).unwrap();
        let of = |ram: u64| Limits {
            ram: Some(crate::cost::quantity::Bytes(ram)),
            ..Limits::default()
        };
        require_fit(&trial, &parts, &of(found.ram_bytes as u64)).unwrap();
        let said = require_fit(&trial, &parts, &of(found.ram_bytes as u64 - 1)).unwrap_err();
        assert!(said.to_string().contains("a window of 30 steps"), "{said}");
    }
}
