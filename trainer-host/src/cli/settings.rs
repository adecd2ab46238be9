//! Where the settings of training come from: the defaults, then a file, then `--set`, then the other
//! flags.

use std::path::PathBuf;

use anyhow::Context;

use super::data_args::ReadArgs;
use super::levers::Levers;
use crate::run::RunConfig;
use crate::run::config_file::ConfigFile;

/// Everything that determines a run.
#[derive(Debug, clap::Args)]
pub(super) struct Settings {
    /// File with recordings (long .csv, UCR .tsv, UEA/sktime .ts, NumPy .npz), or built-in data:
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
    pub(super) fn effective(self) -> anyhow::Result<ConfigFile> {
        let file = match &self.file.config {
            Some(path) => ConfigFile::read(path)?,
            None => ConfigFile::default(),
        };
        let mut settings = file.with_settings(&self.file.set)?;
        settings.source = self.source.or(settings.source);
        self.read.apply(&mut settings.data)?;
        self.levers.apply(&mut settings.train)?;
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
