//! Flags that say where a study lies.

use std::path::{Path, PathBuf};

use crate::tune::database::Storage;
use crate::tune::study::Study;

/// A study's name, which must also do as a folder's name.
fn study_name(name: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if name.chars().all(is_plain) && name.chars().any(char::is_alphanumeric) {
        return Ok(name.to_owned());
    }
    Err("a study's name consists of letters, digits, `-`, `_` and `.`".into())
}

/// A study.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Study")]
pub(super) struct PlaceArgs {
    /// Where the study lies: a file, or a server that machines share (postgres://user:password@host/database).
    #[arg(long, value_name = "FILE|URL", default_value = "study.db")]
    storage: Storage,
    /// Name of the study; a storage holds any number of studies.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = study_name)]
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

    /// Opens the existing study. Creates no file, and no tables in another program's file. Data that the working directory
    /// does not have is sought beside the study's file.
    pub(super) fn open(&self) -> anyhow::Result<Study> {
        if let Storage::File(path) = &self.storage {
            anyhow::ensure!(
                path.is_file(),
                "{}: there is no such file; `trainer-host tune DATA --storage FILE` begins a study",
                path.display()
            );
        }
        let mut study = Study::open(self.storage.open_existing()?, &self.study)?;
        if let Storage::File(path) = &self.storage
            && let Some(folder) = path.parent()
        {
            study.definition.config.seek_in(folder);
        }
        Ok(study)
    }

    /// The folder for the runs of the study's trials: in `out`, or beside the study's file.
    pub(super) fn folder(&self, out: Option<&Path>) -> PathBuf {
        let folder = match (out, &self.storage) {
            (Some(out), _) => out.to_owned(),
            (None, Storage::File(path)) => {
                let mut name = path.as_os_str().to_owned();
                name.push(".trials");
                PathBuf::from(name)
            }
            (None, Storage::Server(_)) => PathBuf::from("tune-trials"),
        };
        folder.join(&self.study)
    }
}
