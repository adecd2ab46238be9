//! A run: the folder that `train` writes, and that every later stage reads.
//!
//! | file | content |
//! | --- | --- |
//! | `config.toml` | data source and training configuration: all that the run follows from |
//! | `model.toml` | what was fitted or found: network structure, normalisation, names |
//! | `weights.safetensors` | the chosen network |
//! | `checkpoint.safetensors` | the state after the last finished epoch, for `--resume` |
//! | `log.jsonl` | one line an epoch |
//! | `metrics.json`, `report.html` | final figures and pictures |
//! | `quantised.safetensors`, `quantisation.html` | the integers and their report, after `quantise` |
//! | `model.lstm` | the model file, after `export` |

pub mod checkpoint;
pub mod choose;
pub mod config_file;
pub mod integers;
pub mod quantisation;
pub mod quantised_file;

use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::data::{
    self, DataError, Dataset, Fold, Normalisation, OpenError, Options, Parts, Place, Schema, views,
};
use crate::files::atomic::{self, WriteFileError};
use crate::network::{Head, Mode, Network, NetworkConfig};
use crate::run::checkpoint::CheckpointError;
use crate::run::config_file::ConfigError;
use crate::train::{EpochRecord, SplitRule, TrainConfig};

/// The chosen network.
pub const WEIGHTS: &str = "weights.safetensors";
/// The state for `--resume`.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// One line an epoch.
pub const LOG: &str = "log.jsonl";
/// Final figures.
pub const METRICS: &str = "metrics.json";
/// Pictures.
pub const REPORT: &str = "report.html";
/// Pictures of the integers.
pub const QUANTISATION_REPORT: &str = "quantisation.html";
/// The integers.
pub const QUANTISED: &str = "quantised.safetensors";
/// The model file for firmware.
pub const MODEL: &str = "model.lstm";
const CONFIG: &str = "config.toml";
const FITTED: &str = "model.toml";

/// Removes the run that is in `folder`, its configuration first.
///
/// # Errors
/// When a file cannot be removed.
pub fn remove(folder: &Path) -> Result<(), RunError> {
    for file in [
        CONFIG,
        WEIGHTS,
        CHECKPOINT,
        LOG,
        METRICS,
        REPORT,
        QUANTISED,
        QUANTISATION_REPORT,
        MODEL,
        FITTED,
    ] {
        let path = folder.join(file);
        if path.is_file() {
            std::fs::remove_file(&path).map_err(|source| WriteFileError { path, source })?;
        }
    }
    Ok(())
}

/// All that a run follows from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// A path or the name of built-in data.
    pub source: String,
    /// How the data is read.
    #[serde(default)]
    pub data: Options,
    /// How the network is trained.
    #[serde(default)]
    pub train: TrainConfig,
}

/// What a run fitted to its training part, and the structure that came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fitted {
    /// The network's structure.
    pub network: NetworkConfig,
    /// Channels, outputs and kind of the data.
    pub schema: Schema,
    /// Of the input channels.
    pub inputs: Normalisation,
    /// Of a regression's targets; the network's own outputs are normalised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Normalisation>,
}

/// Why a run cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file cannot be opened.
    #[error("{}: cannot be read: {source}; is this a folder that `trainer-host train` wrote?", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the run says what it should not.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        problem: String,
    },
    /// The log is damaged.
    #[error("{}:{line}: not the record of epoch {line}: {problem}; `trainer-host train --resume {}` writes the log anew", path.display(), folder.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        problem: String,
        /// The run.
        folder: PathBuf,
    },
    /// A file of the run has keys or values that it cannot have.
    #[error(transparent)]
    Config(ConfigError),
    /// A run is there already.
    #[error("{}: holds a run already; go on with it by --resume, replace it by --overwrite, or choose another folder by --out", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A run to begin with or to learn from was trained on this run's validation part.
    #[error("{}: was trained on some of this run's validation part: it split off {split}, and this run {own}; leave --split-seed and --validation-fold out, begin with and learn from runs of one split, or take no validation part by --validation-share 0", folder.display())]
    OtherSplit {
        /// The other run.
        folder: PathBuf,
        /// Its split.
        split: SplitRule,
        /// This run's.
        own: SplitRule,
    },
    /// A run to begin with or to learn from divides the same data otherwise.
    #[error("{}: divides the same data otherwise ({key}), so that it was trained on some of this run's validation part; give both the same, or take no validation part by --validation-share 0", folder.display())]
    OtherParts {
        /// The other run.
        folder: PathBuf,
        /// The key that differs.
        key: &'static str,
    },
    /// Weights or state cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteFileError),
    /// The data is not what the run was trained on.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The data cannot be read or split.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl RunConfig {
    /// Opens the data and splits the validation part off, as the seed says.
    ///
    /// # Errors
    /// When the data cannot be read or split.
    pub fn open_data(&self) -> Result<Parts, RunError> {
        let SplitRule { share, fold, seed } = self.train.split();
        Ok(match fold {
            Some(fold) => data::open_validation_fold(&self.source, &self.data, fold, seed)?,
            None => data::open_split(&self.source, &self.data, share, seed)?,
        })
    }

    /// The same with the validation part of the runs that it begins with and learns from, where they are
    /// of the same data: what those were trained on must not judge this one. A run that asks for no
    /// validation part keeps none.
    ///
    /// # Errors
    /// [`RunError::OtherSplit`] or [`RunError::OtherParts`] when there is no such part, and when a
    /// configuration cannot be read.
    pub fn with_known_split(mut self) -> Result<Self, RunError> {
        let others: Vec<PathBuf> = self.train.other_runs().map(|(_, run)| run.into()).collect();
        let mut taken = None;
        for folder in others {
            self.take_split_of(&Self::read(&folder)?, &folder, &mut taken)?;
        }
        Ok(self)
    }

    /// `taken` is what was taken over from another run before.
    fn take_split_of(
        &mut self,
        other: &Self,
        folder: &Path,
        taken: &mut Option<SplitRule>,
    ) -> Result<(), RunError> {
        let judges = !self.train.split().is_of_nothing() || self.data.has_validation_rows();
        let same_data = same_source(&self.source, &other.source)
            && !self.data.generates_otherwise(&other.data, &self.source);
        if !(judges && same_data) {
            return Ok(());
        }
        if let Some(key) = self.data.parted_otherwise(&other.data) {
            let folder = folder.to_owned();
            return Err(RunError::OtherParts { folder, key });
        }
        let (own, split) = (self.train.split(), other.train.split());
        let fits = match taken {
            Some(taken) => *taken == split,
            None => {
                let is_of = |asked: Option<Fold>| asked.is_none_or(|fold| Some(fold) == split.fold);
                let asked = self.train.split_seed;
                asked.is_none_or(|seed| seed == split.seed) && is_of(self.train.validation_fold)
            }
        };
        if !fits {
            let folder = folder.to_owned();
            return Err(RunError::OtherSplit { folder, split, own });
        }
        self.train.take_split(split);
        *taken = Some(split);
        Ok(())
    }

    /// Reads a folder's configuration.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        read_toml(&folder.join(CONFIG))
    }

    /// Whether the run in `folder` is of this configuration.
    pub fn is_in(&self, folder: &Path) -> bool {
        Self::read(folder).is_ok_and(|there| there == *self)
    }

    /// Refuses a folder that holds a run.
    ///
    /// # Errors
    /// [`RunError::Exists`]
    pub fn refuse_existing(folder: &Path) -> Result<(), RunError> {
        if folder.join(CONFIG).exists() {
            return Err(RunError::Exists {
                path: folder.to_owned(),
            });
        }
        Ok(())
    }

    /// Makes a new run's folder with this configuration and what was fitted for it.
    ///
    /// The configuration is written last and removed first: a folder that has one holds a run.
    ///
    /// # Errors
    /// [`RunError::Exists`] when a run is there and `overwrite` is not set.
    pub fn create(&self, fitted: &Fitted, folder: &Path, overwrite: bool) -> Result<(), RunError> {
        if !overwrite {
            Self::refuse_existing(folder)?;
        }
        // What an older run left must not be taken for this one's.
        remove(folder)?;
        std::fs::create_dir_all(folder).map_err(|source| WriteFileError {
            path: folder.to_owned(),
            source,
        })?;
        fitted.write(folder)?;
        write_toml(&folder.join(CONFIG), self)
    }
}

impl Fitted {
    /// Fits the normalisation to the training part.
    pub fn fit(config: &TrainConfig, train: &Dataset) -> Self {
        Self {
            network: config.network(train),
            schema: train.schema(),
            inputs: Normalisation::of_inputs(train),
            targets: Normalisation::of_targets(train),
        }
    }

    /// A copy of `data` as the network sees it.
    pub fn normalised(&self, data: &Dataset) -> Dataset {
        let mut data = data.clone();
        self.inputs.apply_to_inputs(&mut data);
        if let Some(targets) = &self.targets {
            targets.apply_to_targets(&mut data.targets);
        }
        data
    }

    /// Sequences `[T, I]` as the network sees them.
    pub fn normalised_inputs(&self, data: &Dataset) -> Vec<Array2<f32>> {
        let mut sequences = data.sequences.clone();
        sequences
            .iter_mut()
            .for_each(|sequence| self.inputs.apply(sequence));
        sequences
    }

    /// The network with its last layer changed so that a regression's outputs are in the targets'
    /// own units: `y · deviation + mean`.
    pub fn in_target_units(&self, mut network: Network) -> Network {
        if let (Some(targets), Some(last)) = (&self.targets, network.dense.last_mut()) {
            for (r, (mean, deviation)) in targets.mean.iter().zip(&targets.deviation).enumerate() {
                last.weight.row_mut(r).mapv_inplace(|w| w * deviation);
                last.bias[r] = last.bias[r] * deviation + mean;
            }
        }
        network
    }

    /// Names of the outputs as a model file wants them.
    pub fn output_names(&self) -> &[String] {
        &self.schema.outputs
    }

    /// Writes this into a run's folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), RunError> {
        write_toml(&folder.join(FITTED), self)
    }

    /// Reads it from a run's folder.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join(FITTED);
        let fitted: Self = read_toml(&path)?;
        match fitted.contradiction() {
            None => Ok(fitted),
            Some(problem) => Err(RunError::Malformed { path, problem }),
        }
    }

    /// The first two entries that cannot both be true, in words.
    fn contradiction(&self) -> Option<String> {
        let Self {
            network,
            schema,
            inputs,
            targets,
        } = self;
        let per_step = network.mode == Mode::SequenceToSequence;
        if per_step != schema.task.is_per_step() || targets.is_some() == schema.task.is_class() {
            return Some(format!(
                "schema.task is {}, and network.mode or the table of targets is not for that",
                schema.task.describe()
            ));
        }
        if schema.channels.len() != network.inputs {
            let found = schema.channels.len();
            return Some(format!(
                "network.inputs is {}, but schema.channels has {found} names",
                network.inputs
            ));
        }
        let single =
            schema.task.is_class() && network.head == Head::Sigmoid && network.outputs == 1;
        let names = if single { 2 } else { network.outputs };
        if schema.outputs.len() != names {
            let found = schema.outputs.len();
            return Some(format!(
                "network.outputs is {}, which needs {names} names, but schema.outputs has {found}",
                network.outputs
            ));
        }
        let targets = targets.iter().map(|t| ("targets", t, network.outputs));
        [("inputs", inputs, network.inputs)]
            .into_iter()
            .chain(targets)
            .find_map(|(name, normalisation, length)| {
                let wrong = normalisation.wrong_for(length)?;
                Some(format!("{name}: {wrong}"))
            })
    }
}

/// A finished run, ready for the later stages.
#[derive(Clone, Debug)]
pub struct Run {
    /// The folder.
    pub folder: PathBuf,
    /// What it followed from.
    pub config: RunConfig,
    /// What it fitted.
    pub fitted: Fitted,
    /// The chosen network; a regression's outputs are in the targets' own units.
    pub network: Network,
}

impl Run {
    /// Outputs of the f32 network for `part`, whose sequences are in real units.
    pub fn outputs(&self, part: &Dataset) -> Vec<Array2<f32>> {
        let sequences = self.fitted.normalised_inputs(part);
        self.network.outputs(&views(&sequences))
    }

    /// Opens the run's data, as [`RunConfig::open_data`] does.
    ///
    /// # Errors
    /// When it cannot be read or split, or is no longer of the kind that the run was trained on.
    pub fn open_data(&self) -> Result<Parts, RunError> {
        let data = self.config.open_data()?;
        let place = Place::file(Path::new(&self.config.source));
        data.train.require(&self.fitted.schema, &place)?;
        Ok(data)
    }

    /// Opens a run's folder.
    ///
    /// # Errors
    /// When a file is missing, malformed, or of another shape than the configuration says.
    pub fn open(folder: &Path) -> Result<Self, RunError> {
        Self::with_network(folder, |_, fitted| {
            checkpoint::read_weights(&folder.join(WEIGHTS), &fitted.network)
        })
    }

    /// Opens the folder of a run that may have been stopped: its weights, or the best of its checkpoint.
    ///
    /// # Errors
    /// As [`Run::open`], and when there is no checkpoint yet.
    pub fn open_stopped(folder: &Path) -> Result<Self, RunError> {
        if folder.join(WEIGHTS).exists() {
            return Self::open(folder);
        }
        Self::with_network(folder, |config, fitted| {
            let path = folder.join(CHECKPOINT);
            let state = checkpoint::read(&path, &fitted.network, config.train.optimiser)?;
            Ok(state.chosen().clone())
        })
    }

    fn with_network(
        folder: &Path,
        network: impl FnOnce(&RunConfig, &Fitted) -> Result<Network, CheckpointError>,
    ) -> Result<Self, RunError> {
        let config = RunConfig::read(folder)?;
        let fitted = Fitted::read(folder)?;
        let network = fitted.in_target_units(network(&config, &fitted)?);
        Ok(Self {
            folder: folder.to_owned(),
            config,
            fitted,
            network,
        })
    }
}

/// Whether `other`, the source of a run that was perhaps trained from another directory, is the built-in
/// data or the file that `own` is: by its path from here, by its content or, where it is not found from here,
/// by its name.
fn same_source(own: &str, other: &str) -> bool {
    let file = |source: &str| std::fs::canonicalize(source).ok();
    match (file(own), file(other)) {
        _ if own == other => true,
        (Some(own), Some(other)) => own == other || same_content(&own, &other),
        (Some(own), None) => own.file_name() == Path::new(other).file_name(),
        (None, _) => false,
    }
}

fn same_content(a: &Path, b: &Path) -> bool {
    let bytes = |path: &Path| std::fs::metadata(path).ok().map(|file| file.len());
    let content = |path: &Path| std::fs::read(path).ok();
    bytes(a) == bytes(b) && content(a).is_some_and(|a| Some(a) == content(b))
}

/// Reads a run's log, a record for each epoch.
///
/// # Errors
/// When it is missing, a line of it is no record, or an epoch is not there.
pub fn read_log(folder: &Path) -> Result<Vec<EpochRecord>, RunError> {
    let path = folder.join(LOG);
    let text = std::fs::read_to_string(&path).map_err(|source| RunError::Unreadable {
        path: path.clone(),
        source,
    })?;
    let mut history: Vec<EpochRecord> = Vec::new();
    for (line, record) in text.lines().enumerate() {
        let problem = match serde_json::from_str::<EpochRecord>(record) {
            Ok(record) if record.epoch == line + 1 => {
                history.push(record);
                continue;
            }
            Ok(record) => format!("it is of epoch {}", record.epoch),
            Err(error) => error.to_string(),
        };
        return Err(RunError::Log {
            path,
            line: line + 1,
            problem,
            folder: folder.to_owned(),
        });
    }
    Ok(history)
}

fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T, RunError> {
    config_file::read(path).map_err(|error| match error {
        ConfigError::Unreadable { path, source } => RunError::Unreadable { path, source },
        other => RunError::Config(other),
    })
}

fn write_toml<T: Serialize>(path: &Path, value: &T) -> Result<(), RunError> {
    let text = toml::to_string(value).map_err(|error| RunError::Malformed {
        path: path.to_owned(),
        problem: error.to_string(),
    })?;
    Ok(atomic::write(path, text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::train::Distillation;

    /// A run of the digits whose configuration alone is in `folder`.
    fn write(folder: &Path, source: &str, split: SplitRule) {
        std::fs::create_dir_all(folder).unwrap();
        let train = TrainConfig {
            seed: split.seed,
            validation_share: split.share,
            validation_fold: split.fold,
            ..TrainConfig::default()
        };
        write_toml(&folder.join(CONFIG), &config(source, train)).unwrap();
    }

    fn config(source: &str, train: TrainConfig) -> RunConfig {
        RunConfig {
            source: source.into(),
            data: Options::default(),
            train,
        }
    }

    proptest! {
        #[test]
        fn a_validation_part_is_that_of_the_runs_before(
            (seed, before) in any::<(u32, u32)>(), share in 0.01f64..0.9, by_teacher: bool, by_fold: bool,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let fold = by_fold.then(|| "2/3".parse().unwrap());
            let split = SplitRule { share, fold, seed: before.into() };
            write(folder.path(), "digits", split);
            let run = folder.path().to_owned();
            let mut train = TrainConfig { seed: seed.into(), ..TrainConfig::default() };
            match by_teacher {
                true => train.distillation = Some(Distillation::from_teacher(run)),
                false => train.init = Some(run),
            }
            let known = config("digits", train.clone()).with_known_split().unwrap();
            prop_assert_eq!(known.train.split(), split);
            prop_assert_eq!(known.train.seed, train.seed);
            prop_assert_eq!(known.clone().with_known_split().unwrap(), known);
            // Other data has no part in common, and a run without a validation part keeps none.
            let other = config("adding", train.clone());
            prop_assert_eq!(other.clone().with_known_split().unwrap(), other);
            train.validation_share = 0.0;
            let none = config("digits", train);
            prop_assert_eq!(none.clone().with_known_split().unwrap(), none);
        }
    }

    #[test]
    fn refuses_other_split() {
        let folder = tempfile::tempdir().unwrap();
        let [init, teacher] = ["a", "b"].map(|name| folder.path().join(name));
        write(
            &init,
            "digits",
            SplitRule {
                share: 0.2,
                fold: None,
                seed: 1,
            },
        );
        write(
            &teacher,
            "digits",
            SplitRule {
                share: 0.2,
                fold: None,
                seed: 2,
            },
        );
        let mut train = TrainConfig {
            init: Some(init),
            split_seed: Some(3),
            ..TrainConfig::default()
        };
        let refused = |train: &TrainConfig| {
            let found = config("digits", train.clone()).with_known_split();
            matches!(found, Err(RunError::OtherSplit { .. }))
        };
        assert!(refused(&train));
        train.split_seed = Some(1);
        assert!(!refused(&train));
        train.validation_fold = "1/3".parse().ok();
        assert!(refused(&train));
        train.validation_fold = None;
        train.distillation = Some(Distillation::from_teacher(teacher));
        assert!(refused(&train));
    }

    #[test]
    fn the_same_file_is_known_by_path_content_or_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| -> String {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_string_lossy().into_owned()
        };
        let (own, copy) = (file("d.csv", "a"), file("copy.csv", "a"));
        let other = file("other.csv", "b");
        let roundabout = folder.path().join("..").join(folder.path()).join("d.csv");
        assert!(same_source(&own, &roundabout.to_string_lossy()));
        assert!(same_source(&own, &copy) && !same_source(&own, &other));
        // Trained from another directory
        assert!(same_source(&own, "elsewhere/d.csv") && !same_source(&own, "elsewhere/e.csv"));
        assert!(same_source("digits", "digits") && !same_source("digits", "adding"));
    }

    #[test]
    fn refuses_other_parts() {
        let folder = tempfile::tempdir().unwrap();
        let split = SplitRule {
            share: 0.2,
            fold: None,
            seed: 1,
        };
        write(folder.path(), "data.csv", split);
        let train = TrainConfig {
            init: Some(folder.path().to_owned()),
            ..TrainConfig::default()
        };
        let mut config = config("data.csv", train);
        assert!(config.clone().with_known_split().is_ok());
        config.data.columns.group = "person".into();
        let error = config.with_known_split().unwrap_err().to_string();
        assert!(error.contains("columns.group"), "{error}");
    }
}
