//! The data of a study: its parts, the folds for trials, and the costs of networks for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::trial::{TrialError, decisions};
use super::trial_config::{TrialConfig, footprint};
use crate::cost::{Footprint, Limits};
use crate::data::{Dataset, Fold, Normalisation, Parts, SplitError};
use crate::integers::assemble::{GOLDEN_STEPS, raw_formats};
use crate::run::RunConfig;
use crate::search::SearchConfig;
use crate::training_run::TrainingRunError;

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
}

impl Shape {
    fn of(train: &Dataset) -> Self {
        Self {
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
        if base.train.init.is_some() {
            return Err(TrialError::Initial);
        }
        let parts = without_test(base)?;
        let means = Normalisation::of_inputs(&parts.train).real_means();
        raw_formats(&parts.train, &means).map_err(TrainingRunError::from)?;
        Ok(Self {
            base: base.clone(),
            shape: Shape::of(&parts.train),
            parts: Arc::new(parts),
            folds: Mutex::default(),
            shapes: Mutex::default(),
        })
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
            return Ok(Arc::new(without_test(config)?));
        };
        let mut folds = lock(&self.folds);
        if let Some(parts) = folds.get(&(fold, split.seed)) {
            return Ok(parts.clone());
        }
        let parts = Arc::new(without_test(config)?);
        folds.insert((fold, split.seed), parts.clone());
        Ok(parts)
    }

    /// Refuses this number of folds for trials of `search`; one means the validation part alone.
    ///
    /// # Errors
    /// For one when there is no validation part. For several when the data is a forecast's or has too few
    /// groups or sequences, when trials learn from a run, which has seen all folds, and when the configuration
    /// names one fold.
    pub fn check_folds(&self, count: usize, search: &SearchConfig) -> Result<(), TrialError> {
        if count < 2 {
            if self.parts.validation.is_some() {
                return Ok(());
            }
            let folds = self.most_folds(search);
            return Err(TrialError::NoValidation { folds });
        }
        if self.base.data.forecast.is_some() {
            return Err(SplitError::Forecast.into());
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
        let all = || {
            [Some(&self.parts.train), self.parts.validation.as_ref()]
                .into_iter()
                .flatten()
        };
        let (have, of) = match groups(all()) {
            0 => (all().map(Dataset::len).sum(), "sequences"),
            groups => (groups, "groups"),
        };
        if have < count {
            return Err(SplitError::FewerThanFolds { have, of, count }.into());
        }
        Ok(())
    }

    /// How many folds suit the data and trials of `search`: one where the validation part tells enough, there
    /// cannot be more, or a fold would hold a class that the others lack. Without a validation part, as many as
    /// there can be.
    pub fn suited_folds(&self, search: &SearchConfig) -> usize {
        let tells_enough = |validation: &Dataset| {
            let groups = groups([validation]);
            decisions(validation) >= FEW_DECISIONS && (groups == 0 || groups >= FEW_GROUPS)
        };
        let validation = self.parts.validation.as_ref();
        if validation.is_some_and(tells_enough) {
            return 1;
        }
        let all_known = |count: &usize| matches!(self.unknown_class(*count), Ok(None));
        let several = self.most_folds(search);
        let several = several.filter(|count| all_known(count) || validation.is_none());
        if several.is_none() {
            lock(&self.folds).clear();
        }
        several.unwrap_or(1)
    }

    /// The largest possible number of folds, up to the default.
    fn most_folds(&self, search: &SearchConfig) -> Option<usize> {
        (2..=FOLDS)
            .rev()
            .find(|count| self.check_folds(*count, search).is_ok())
    }

    /// The first of `count` folds that holds a class which its training part lacks, and that class.
    ///
    /// # Errors
    /// When the data cannot be read again.
    pub fn unknown_class(&self, count: usize) -> Result<Option<(Fold, String)>, TrialError> {
        if !self.train().targets.task().is_class() {
            return Ok(None);
        }
        for fold in Fold::all(count) {
            let parts = self.parts(&in_fold(&self.base, fold))?;
            let counts = |part: &Dataset| part.class_counts().unwrap_or_default();
            let trained = counts(&parts.train);
            let judged = parts.validation.as_ref().map_or(Vec::new(), counts);
            let unknown = (trained.iter().zip(&judged)).position(|(t, j)| *t == 0 && *j > 0);
            if let Some(class) = unknown {
                return Ok(Some((fold, parts.train.outputs[class].clone())));
            }
        }
        Ok(None)
    }

    /// The shape of the data for `config`; `None` where it cannot be read so.
    fn shape(&self, config: &RunConfig) -> Option<Shape> {
        if self.is_base(config) {
            return Some(self.shape.clone());
        }
        let key = format!("{:?}", config.data);
        let mut shapes = lock(&self.shapes);
        let read = || {
            without_test(config)
                .ok()
                .map(|parts| Shape::of(&parts.train))
        };
        shapes.entry(key).or_insert_with(read).clone()
    }

    /// What the model of `plan` will need.
    ///
    /// # Errors
    /// When the engine has no such network, or the data cannot be read as `plan` says.
    pub fn footprint(
        &self,
        trial_config: &TrialConfig,
        limits: &Limits,
    ) -> Result<Footprint, TrialError> {
        let shape = self
            .shape(&trial_config.run)
            .ok_or(TrialError::Unreadable)?;
        let train = &shape.example;
        let network = trial_config.run.train.network(train);
        let names = (train.channels.as_slice(), train.outputs.as_slice());
        let steps = shape.first_steps.min(GOLDEN_STEPS);
        Ok(footprint(
            &network,
            names,
            trial_config.scheme,
            steps,
            limits,
        )?)
    }
}

/// `config` with that fold as its validation part.
pub(super) fn in_fold(config: &RunConfig, fold: Fold) -> RunConfig {
    let mut config = config.clone();
    config.train.validation_fold = Some(fold);
    config
}

fn without_test(config: &RunConfig) -> Result<Parts, TrialError> {
    let mut parts = config.open_data()?;
    parts.test = None;
    Ok(parts)
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
