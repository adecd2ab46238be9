//! The settings of a run: the defaults, then a file, then `--set`, then the other flags.

use std::path::PathBuf;

use super::data_args::ReadArgs;
use super::levers::Levers;
use crate::config_file::ConfigFile;

/// Where settings come from.
#[derive(Debug, Default, clap::Args)]
pub(super) struct SettingsArgs {
    /// File with settings (.toml or .json); flags override it.
    #[arg(long, value_name = "FILE", help_heading = "Configuration")]
    config: Option<PathBuf>,
    /// Override one setting of the file by its key: --set train.schedule.kind=constant.
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Configuration")]
    set: Vec<String>,
    #[command(flatten)]
    pub(super) levers: Levers,
    #[command(flatten)]
    pub(super) read: ReadArgs,
}

impl SettingsArgs {
    /// The settings that result; `source` is the data that the command line names.
    ///
    /// # Errors
    /// When the file or a setting cannot be understood, or a number is out of its range.
    pub(super) fn settings(self, source: Option<String>) -> anyhow::Result<ConfigFile> {
        let file = match &self.config {
            Some(path) => ConfigFile::read(path)?,
            None => ConfigFile::default(),
        };
        let mut settings = file.with_settings(&self.set)?;
        if source.is_some() {
            settings.source = source;
        }
        self.read.apply(&mut settings.data);
        self.levers.apply(&mut settings.train)?;
        settings.train.validate()?;
        Ok(settings)
    }
}
