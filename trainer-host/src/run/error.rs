//! Why a run cannot be read or written.

use std::path::PathBuf;

use crate::data::{DataError, OpenError};
use crate::files::atomic::WriteFileError;
use crate::run::checkpoint::CheckpointError;
use crate::run::config_file::ConfigError;
use crate::run::network_origin::NetworkOrigin;
use crate::train::SplitRule;

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
    /// The data is not where the run had it.
    #[error("{}: is not there, and was the data of {} when that run began; name its new place by --data, or change it in {}", data.display(), folder.display(), folder.join("config.toml").display())]
    NoData {
        /// The run.
        folder: PathBuf,
        /// The file that is missing.
        data: PathBuf,
    },
    /// The data is not what the run began with.
    #[error("{}: {data} is no longer the data that this run began with; bring that back, name it by --data, or start a new run", folder.display())]
    OtherData {
        /// The run.
        folder: PathBuf,
        /// Its data.
        data: String,
    },
    /// Another process works in the folder.
    #[error("{}: another process is at work in this run folder; wait for it to end, or choose another folder", folder.display())]
    Busy {
        /// The run.
        folder: PathBuf,
    },
    /// The network was not trained here.
    #[error("{}: this run's network was {origin}, so that there is no training to go on with; train from it by `trainer-host train DATA --init {} --out NEW_RUN`", folder.display(), folder.display())]
    NotTrained {
        /// The run.
        folder: PathBuf,
        /// Where the network came from.
        origin: NetworkOrigin,
    },
    /// A run to begin with or to learn from was trained on this run's validation part.
    #[error("{}: was trained on some of this run's validation part: it split off {split}, and this run {own}; leave --split-seed and --validation-fold out, begin with and learn from runs of one split (`train --seeds` gives all runs one by --split-seed 0), or take no validation part by --validation-share 0", folder.display())]
    OtherSplit {
        /// The other run.
        folder: PathBuf,
        /// Its split.
        split: SplitRule,
        /// This run's.
        own: SplitRule,
    },
    /// A file, where a run's folder would be.
    #[error("{}: is a file, and a run is a folder; choose another name", folder.display())]
    NotAFolder {
        /// The file.
        folder: PathBuf,
    },
    /// A folder of several runs, where one is needed.
    #[error("{}: holds several runs; name one of them, for example {}", folder.display(), one.display())]
    SeveralRuns {
        /// The folder.
        folder: PathBuf,
        /// One of its runs.
        one: PathBuf,
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

impl From<ConfigError> for RunError {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Unreadable { path, source } => Self::Unreadable { path, source },
            other => Self::Config(other),
        }
    }
}
