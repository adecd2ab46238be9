//! The flag that names a run's data anew.

use crate::run::RunConfig;

/// Where the run's data lies now.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RunData {
    /// The run's data, if it is no longer where the run had it.
    #[arg(long, value_name = "DATA")]
    pub(super) data: Option<String>,
}

impl RunData {
    /// Changes what the flag says.
    pub(super) fn apply(&self, config: &mut RunConfig) {
        if let Some(data) = &self.data {
            config.name_data(data);
        }
    }
}
