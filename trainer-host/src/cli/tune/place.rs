//! Flags that say where a study lies.

use std::path::PathBuf;

use crate::tune::database::Storage;
use crate::tune::study::Study;

/// A study.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Study")]
pub(super) struct PlaceArgs {
    /// Where it lies: a file, or a server that machines share, as postgres://user:password@host/database.
    #[arg(long, value_name = "FILE|URL", default_value = "study.db")]
    storage: Storage,
    /// Its name; a storage holds any number of studies.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(super) study: String,
}

impl PlaceArgs {
    pub(super) fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Another study of the same storage.
    pub(super) fn named(&self, study: &str) -> Self {
        Self {
            study: study.to_owned(),
            ..self.clone()
        }
    }

    /// The study that is there. Looking makes no file.
    pub(super) fn open(&self) -> anyhow::Result<Study> {
        if let Storage::File(path) = &self.storage {
            anyhow::ensure!(
                path.is_file(),
                "{}: there is no such file; `trainer-host tune DATA --storage FILE` begins a study",
                path.display()
            );
        }
        Ok(Study::open(self.storage.open()?, &self.study)?)
    }

    /// Where runs of its trials lie unless another folder is named: beside its file.
    pub(super) fn default_folder(&self) -> PathBuf {
        let folder = match &self.storage {
            Storage::File(path) => path.with_extension("trials"),
            Storage::Server(_) => PathBuf::from("tune-trials"),
        };
        folder.join(&self.study)
    }
}
