//! Where a run's network came from: this program's training, or a file of another program.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where a run's network came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkOrigin {
    /// This program trained it.
    #[default]
    Trained,
    /// Another program trained it.
    Imported {
        /// The file that it was read from.
        file: PathBuf,
    },
}

impl fmt::Display for NetworkOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trained => write!(f, "trained"),
            Self::Imported { file } => write!(f, "imported from {}", file.display()),
        }
    }
}
