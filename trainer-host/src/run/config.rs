//! All that a run follows from, `config.toml`: its data, how that is read, and how the network is trained.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::{self, BuiltIn, Known, Options, Parts, Place, Task, Unsplit};
use crate::out_of_range::{OutOfRange, require};
use crate::run::config_file;
use crate::run::error::RunError;
use crate::run::fitted::Fitted;
use crate::run::folder::{self, CALIBRATION, CONFIG, FolderLock};
use crate::run::paths;
use crate::train::{SplitRule, TrainConfig};

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

impl RunConfig {
    /// Refuses settings of training that no run has, and layers that run backwards for built-in data whose later steps tell the
    /// answers.
    ///
    /// # Errors
    /// [`OutOfRange`], the first such setting.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        self.train.validate()?;
        let direction = &self.train.direction;
        let tells_later = BuiltIn::named(&self.source).is_some_and(BuiltIn::tells_later);
        require(
            !(tells_later && direction.need_windows()),
            "direction",
            direction,
            "forward for this built-in data: its answers are to follow from earlier steps, and a layer that runs backwards reads \
             the later steps that tell them",
        )
    }

    /// Opens the data and splits the validation part off, as the seed says.
    ///
    /// # Errors
    /// When the data cannot be read or split.
    pub fn open_data(&self) -> Result<Parts, RunError> {
        self.divide(self.read_data()?)
    }

    /// Reads the data, and leaves it to be divided.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read_data(&self) -> Result<Unsplit, RunError> {
        let share = self.train.split().share;
        Ok(Unsplit::read(&self.source, &self.data, share)?)
    }

    /// Splits the validation part off from data that was read as this configuration says.
    ///
    /// # Errors
    /// When it cannot be split.
    pub fn divide(&self, data: Unsplit) -> Result<Parts, RunError> {
        let SplitRule { share, fold, seed } = self.train.split();
        Ok(match fold {
            Some(fold) => data.validation_fold(fold, seed)?,
            None => data.split(share, seed)?,
        })
    }

    /// The same data without variants of sequences, which are for training alone.
    #[must_use]
    pub fn without_variants(mut self) -> Self {
        self.data.signal_variants =
            (self.data.signal_variants.take()).and_then(|all| all.without_variants());
        self
    }

    /// Opens the data of the run in `folder`, for which `fitted` was fitted.
    ///
    /// # Errors
    /// [`RunError::NoData`] when it is not where the run had it, [`RunError::OtherData`] when it is no longer
    /// what the run began with, and when it cannot be read or split.
    pub fn open_data_of(&self, fitted: &Fitted, folder: &Path) -> Result<Parts, RunError> {
        let files = [Some(Path::new(&self.source)), self.data.test.as_deref()];
        let is_built_in = BuiltIn::named(&self.source).is_some();
        let mut files = files.into_iter().skip(usize::from(is_built_in)).flatten();
        if let Some(missing) = files.find(|file| !file.exists()) {
            return Err(RunError::NoData {
                folder: folder.to_owned(),
                data: missing.to_owned(),
            });
        }
        let data = match self.is_own_data(folder) {
            true => self.open_own_data(fitted)?,
            false => self.open_data()?,
        };
        let place = Place::file(Path::new(&self.source));
        data.train.require(&fitted.schema, &place)?;
        self.require_data_of(fitted, folder, &data)?;
        Ok(data)
    }

    /// Whether the data is what an imported run keeps in its folder, with the network's own answers as targets.
    pub(crate) fn is_own_data(&self, folder: &Path) -> bool {
        paths::located(Path::new(&self.source)) == paths::located(&folder.join(CALIBRATION))
    }

    /// Opens that data: the network's answers name some of its classes.
    fn open_own_data(&self, fitted: &Fitted) -> Result<Parts, RunError> {
        let known = Known {
            schema: &fitted.schema,
            front_end: None,
            mean: None,
            offsets: Some(&fitted.inputs.offset),
            unlabelled: false,
        };
        Ok(Parts {
            train: data::open_test(&self.source, &self.data, known)?,
            validation: None,
            test: None,
        })
    }

    /// Refuses data that is not what the run in `folder` began with.
    ///
    /// # Errors
    /// [`RunError::OtherData`]
    pub fn require_data_of(
        &self,
        fitted: &Fitted,
        folder: &Path,
        data: &Parts,
    ) -> Result<(), RunError> {
        if fitted.is_of(data, &self.train) {
            return Ok(());
        }
        Err(RunError::OtherData {
            folder: folder.to_owned(),
            data: self.source.clone(),
        })
    }

    /// Names the data anew, which lies at another place now; a test file that is not where it was is sought
    /// beside it.
    pub fn name_data(&mut self, source: &str) {
        self.source = source.to_owned();
        if let Some(test) = self.data.test.as_mut().filter(|test| !test.exists())
            && let Some(name) = test.file_name()
        {
            *test = Path::new(source).with_file_name(name);
        }
    }

    /// Reads a folder's configuration.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        let mut config: Self = config_file::read(&folder.join(CONFIG))?;
        config.change_paths(|path| paths::from_file_in(folder, path));
        Ok(config)
    }

    /// Seeks in `folder` the files that the working directory does not have.
    pub fn seek_in(&mut self, folder: &Path) {
        self.change_paths(|path| {
            let there = folder.join(path);
            match !path.exists() && there.exists() {
                true => there,
                false => path.to_owned(),
            }
        });
    }

    fn change_paths(&mut self, change: impl Fn(&Path) -> PathBuf) {
        let Self {
            source,
            data,
            train,
        } = self;
        paths::change(Some(source), data, train, change);
    }

    /// The same with paths that do not depend on the working directory.
    pub(super) fn located(&self) -> Self {
        let mut config = self.clone();
        config.change_paths(paths::located);
        config
    }

    /// Whether both say the same, however they write its paths.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self == other || self.located() == other.located()
    }

    /// The same with what such targets decide written out.
    #[must_use]
    pub fn settled(mut self, task: Task) -> Self {
        self.train = self.train.settled(task);
        self
    }

    /// Whether the run in `folder` is of this configuration, whichever of the two leaves defaults out.
    pub fn is_in(&self, folder: &Path) -> bool {
        let (Ok(there), Ok(fitted)) = (Self::read(folder), Fitted::read(folder)) else {
            return false;
        };
        let task = fitted.schema.task;
        let settled = |config: &Self| config.clone().settled(task);
        settled(&there).is_same_as(&settled(self))
    }

    /// Writes this configuration over that of the run in the folder that is locked; what a finished run ends with is
    /// removed, since the run goes on.
    ///
    /// # Errors
    /// When a file cannot be removed or written.
    pub fn rewrite(&self, lock: &FolderLock) -> Result<(), RunError> {
        let folder = lock.folder();
        folder::remove_ending(folder)?;
        self.write(folder)
    }

    fn write(&self, folder: &Path) -> Result<(), RunError> {
        let mut config = self.clone();
        config.change_paths(|path| paths::relative_to(folder, path));
        Ok(config_file::write(&folder.join(CONFIG), &config)?)
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

    /// Begins a new run in `folder`, which is locked, with this configuration and what was fitted for it.
    ///
    /// The configuration is written last and removed first: a folder that has one holds a run.
    ///
    /// # Errors
    /// [`RunError::Exists`] when a run is there and `overwrite` is not set.
    pub fn create(
        &self,
        fitted: &Fitted,
        lock: &FolderLock,
        overwrite: bool,
    ) -> Result<(), RunError> {
        let folder = lock.folder();
        if !overwrite {
            Self::refuse_existing(folder)?;
        }
        // What an older run left must not be taken for this one's.
        folder::remove(folder)?;
        fitted.write(folder)?;
        self.write(folder)
    }
}

/// Whether `other`, the source of a run that was perhaps trained from another directory, is the built-in
/// data or the file that `own` is: by its path from here, by its content or, where it is not found from here,
/// by its name.
pub(super) fn same_source(own: &str, other: &str) -> bool {
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
        config_file::write(&folder.join(CONFIG), &config(source, train)).unwrap();
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
    fn a_moved_run_and_its_data_are_found_together() {
        let root = tempfile::tempdir().unwrap();
        let (before, after) = (root.path().join("a"), root.path().join("b"));
        std::fs::create_dir_all(before.join("runs")).unwrap();
        for file in ["d.csv", "t.csv"] {
            std::fs::write(before.join(file), "").unwrap();
        }
        let source = before.join("d.csv").to_string_lossy().into_owned();
        let mut config = config(&source, TrainConfig::default());
        config.data.test = Some(before.join("t.csv"));
        let data = data::open("digits", &Options::default()).unwrap();
        let fitted = Fitted::fit(&config.train, &data.train).unwrap();
        let run = before.join("runs/r");
        let lock = FolderLock::take(&run).unwrap();
        config.create(&fitted, &lock, false).unwrap();
        drop(lock);
        assert!(config.is_in(&run));
        std::fs::rename(&before, &after).unwrap();
        let mut found = RunConfig::read(&after.join("runs/r")).unwrap();
        assert_eq!(
            paths::located(Path::new(&found.source)),
            paths::located(&after.join("d.csv"))
        );
        // The data alone moves on, and the test file with it.
        let last = root.path().join("c");
        std::fs::create_dir(&last).unwrap();
        for file in ["d.csv", "t.csv"] {
            std::fs::rename(after.join(file), last.join(file)).unwrap();
        }
        let error = found.open_data_of(&fitted, &run).unwrap_err();
        assert!(matches!(error, RunError::NoData { .. }), "{error}");
        found.name_data(&last.join("d.csv").to_string_lossy());
        assert_eq!(found.data.test, Some(last.join("t.csv")));
    }

    #[test]
    fn refuses_other_parts() {
        let folder = tempfile::tempdir().unwrap();
        let split = SplitRule {
            share: 0.2,
            fold: None,
            seed: 1,
        };
        let data = folder.path().join("data.csv");
        std::fs::write(&data, "").unwrap();
        let data = data.to_string_lossy();
        write(folder.path(), &data, split);
        let train = TrainConfig {
            init: Some(folder.path().to_owned()),
            ..TrainConfig::default()
        };
        let mut config = config(&data, train);
        assert!(config.clone().with_known_split().is_ok());
        config.data.columns.group = "person".into();
        let error = config.with_known_split().unwrap_err().to_string();
        assert!(error.contains("columns.group"), "{error}");
    }
}
