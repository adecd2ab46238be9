//! Where the settings of training come from: the defaults that suit the recordings, then a file, then `--set`, then
//! the other flags.

use std::path::PathBuf;

use anyhow::Context;

use super::data_args::ReadArgs;
use super::levers::Levers;
use crate::data::{Parts, Unsplit};
use crate::run::config_file::ConfigFile;
use crate::run::{Fitted, NetworkOrigin, RunConfig, runs_in};
use crate::train::{Recordings, TrainConfig};

/// Everything that determines a run.
#[derive(Debug, clap::Args)]
pub(super) struct Settings {
    /// File with recordings (long .csv, UCR .tsv, UEA/sktime .ts, NumPy .npz), a folder of tables or of WAV files, or built-in data:
    /// digits, embedded-reber, adding, temporal-order, temporal-order-3, spike-delays, timed-spikes
    /// [default: the `source` of --config].
    #[arg(value_name = "DATA")]
    source: Option<String>,
    #[command(flatten)]
    file: FileFlags,
    #[command(flatten)]
    levers: Levers,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Configuration")]
struct FileFlags {
    /// File with settings (.toml or .json); flags override it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Override one setting by its key, for example train.schedule.kind=constant.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Settings {
    /// The resulting settings.
    pub(super) fn effective(&self) -> anyhow::Result<ConfigFile> {
        self.over_defaults(&TrainConfig::default())
    }

    /// The resulting settings, over the defaults that suit the recordings, and the recordings. Where the defaults are
    /// not the general ones, a line says which they are.
    pub(super) fn suited(&self) -> anyhow::Result<(ConfigFile, Option<Unsplit>)> {
        let settings = self.effective()?;
        let Some(source) = &settings.source else {
            return Ok((settings, None));
        };
        let data = Unsplit::read(source, &settings.data, settings.train.split().share)?;
        let recordings = Recordings::of(data.undivided()?.iter().map(|set| &**set));
        let train = |defaults: &TrainConfig| self.over_defaults(defaults).map(|s| s.train);
        let defaults = recordings.defaults(train)?;
        let settings = self.over_defaults(&defaults)?;
        if let Some(line) = recordings.derived(&defaults, &settings.train) {
            say!("{line}");
        }
        Ok((settings, Some(data)))
    }

    /// The resulting settings, with `defaults` for training.
    fn over_defaults(&self, defaults: &TrainConfig) -> anyhow::Result<ConfigFile> {
        let file = match &self.file.config {
            Some(path) => ConfigFile::read_over(defaults, path)?,
            None => ConfigFile {
                train: defaults.clone(),
                ..ConfigFile::default()
            },
        };
        let mut settings = file.with_settings(&self.file.set)?;
        settings.source = self.source.clone().or(settings.source);
        self.read.apply(&mut settings.data)?;
        self.levers.clone().apply(&mut settings.train)?;
        settings.train.validate()?;
        Ok(settings)
    }

    /// The resulting settings of a run that already exists.
    pub(super) fn over(self, mut config: RunConfig) -> anyhow::Result<RunConfig> {
        self.read.apply(&mut config.data)?;
        self.levers.apply(&mut config.train)?;
        Ok(config)
    }
}

/// The parts of `data` that `config` asks for; of data that was not read yet, too.
pub(super) fn divided(config: &RunConfig, data: Option<Unsplit>) -> anyhow::Result<Parts> {
    Ok(match data {
        Some(data) => config.divide(data)?,
        None => config.open_data()?,
    })
}

/// A run's configuration; refuses settings without data.
pub(super) fn with_data(settings: ConfigFile) -> anyhow::Result<RunConfig> {
    Ok(RunConfig {
        source: settings.source.context(
            "no data: name a file or built-in data, or set `source` in the configuration file",
        )?,
        data: settings.data,
        train: settings.train,
    })
}

/// Takes the validation split of the runs named by `--init` and `--teacher`, so that no sequence they trained
/// on judges this run. Prints a line if that is not the split asked for.
pub(super) fn with_known_split(config: RunConfig) -> anyhow::Result<RunConfig> {
    let asked = config.train.split();
    let runs = config.other_runs();
    let runs: Vec<String> = runs.iter().map(|run| run.display().to_string()).collect();
    let config = config.with_known_split()?;
    let split = config.train.split();
    if let Some(folder) = &config.train.init {
        let origin = Fitted::read(folder)?.origin;
        if origin != NetworkOrigin::Trained && split.has_validation() {
            say!(
                "warning: {}: the network was {origin}; if the validation part holds what it was trained on, that part judges it too well",
                folder.display()
            );
        }
    }
    if let Some(teacher) = config.train.distillation.as_ref().map(|d| &d.teacher) {
        let teachers = runs_in(teacher).len();
        if teachers > 0 {
            say!(
                "learns from the means of {teachers} runs in {}",
                teacher.display()
            );
        }
    }
    let runs = runs.join(", ");
    if !split.has_validation() && asked.has_validation() {
        say!("no validation part: {runs} was trained on all of the same data");
    } else if split != asked {
        say!("validation part as in {runs}: {split}");
    }
    Ok(config)
}
