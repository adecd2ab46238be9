//! Why a run cannot begin or go on.

use std::path::PathBuf;

use crate::files::atomic::WriteFileError;
use crate::integers::assemble::DataLimit;
use crate::run::RunError;
use crate::run::checkpoint::CheckpointError;
use crate::run::choose::ChooseError;
use crate::train::TrainError;

/// Why a run cannot begin or continue.
#[derive(Debug, thiserror::Error)]
pub enum TrainingRunError {
    /// Its folder or its data.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Its configuration, or the training itself.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Its checkpoint or weights.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteFileError),
    /// No model file can be made for the data.
    #[error(transparent)]
    Limit(#[from] DataLimit),
    /// Figures cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The integers of a quantisation-aware run cannot be made.
    #[error(transparent)]
    Choose(#[from] ChooseError),
    /// It has done more epochs than it is asked to go on to.
    #[error("{}: {done} epochs are done already; go on to more by --epochs, or start a new run", folder.display())]
    EpochsDone {
        /// The run.
        folder: PathBuf,
        /// Finished epochs.
        done: usize,
    },
    /// Early stopping has ended it, and would end it again at once.
    #[error("{}: early stopping ended this run after epoch {done}, and more epochs would not change that; start a new run with more patience", folder.display())]
    EndedEarly {
        /// The run.
        folder: PathBuf,
        /// Finished epochs.
        done: usize,
    },
    /// Another run's network cannot be used for this one's data.
    #[error("{}: its {what} differ from those of this run's data; a run to begin with or to learn from has the same channels, outputs and kind of targets", folder.display())]
    OtherSchema {
        /// The other run.
        folder: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// A bidirectional layer of the run to begin with has other units each way.
    #[error(
        "{}: a bidirectional layer of its network has more units one way than the other way, and training has as many both ways",
        folder.display()
    )]
    Halves {
        /// The other run.
        folder: PathBuf,
    },
    /// The data was opened with another split than that of the runs that this one starts from or learns from.
    #[error(
        "the data has another split than the runs of init and teacher; open it with RunConfig::with_known_split"
    )]
    SplitAfterData,
}
