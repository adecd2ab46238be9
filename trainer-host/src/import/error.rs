//! Why a file cannot be imported.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::run::RunError;

/// A file that cannot be imported, and why.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file was read, and something in it is in the way.
    #[error("{}: {problem}", path.display())]
    In {
        /// The file.
        path: PathBuf,
        /// What is in the way.
        problem: Problem,
    },
    /// The run cannot be written, or its data cannot be opened.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What is in the way of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The file is not what its kind of file must be.
    Damaged(String),
    /// A layer or an operator that a network here cannot hold.
    Refused {
        /// Its name and kind in the file.
        what: String,
        /// What is not taken, and what to do.
        why: String,
    },
    /// A kind of layer that is known and not taken yet.
    Later {
        /// Its name in the file.
        what: String,
        /// Its kind.
        kind: Kind,
    },
    /// The file leaves something open, and a flag says it.
    Open(String),
}

/// Characters of a name or a message that are kept: a file may hold names of any length.
const LONGEST_NAME: usize = 100;
const LONGEST_MESSAGE: usize = 600;

/// A name out of a file, cut where it is long.
pub(super) fn short(name: &str) -> String {
    cut(name, LONGEST_NAME)
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Kinds of layers that readers know and that networks here cannot hold yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An LSTM whose forget gate is one minus its input gate.
    Coupled,
    /// An LSTM whose hidden state is projected.
    Projection,
    /// A layer that runs from the last step to the first.
    Reverse,
    /// Two layers, one in each direction.
    Bidirectional,
    /// A convolution over time.
    Convolution,
    /// Mean over time.
    MeanPooling,
    /// Largest value over time.
    MaxPooling,
}

impl Kind {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Coupled => "an LSTM of TensorFlow Lite with coupled input and forget gate",
            Self::Projection => "an LSTM with projection",
            Self::Reverse => "a layer that runs backwards in time (reverse)",
            Self::Bidirectional => "a bidirectional layer",
            Self::Convolution => "a convolution",
            Self::MeanPooling => "a mean over time (mean pooling)",
            Self::MaxPooling => "a maximum over time (max pooling)",
        }
    }
}

impl Problem {
    /// What a network here cannot hold.
    pub(super) fn refused(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Refused {
            what: what.into(),
            why: why.into(),
        }
    }

    /// A kind that is not taken yet.
    pub(super) fn later(what: impl Into<String>, kind: Kind) -> Self {
        Self::Later {
            what: what.into(),
            kind,
        }
    }

    /// With texts that are no longer than a message can be.
    pub(super) fn short(self) -> Self {
        let cut = |text: String| cut(&text, LONGEST_MESSAGE);
        match self {
            Self::Damaged(text) => Self::Damaged(cut(text)),
            Self::Refused { what, why } => Self::Refused {
                what: cut(what),
                why: cut(why),
            },
            Self::Later { what, kind } => Self::Later {
                what: cut(what),
                kind,
            },
            Self::Open(text) => Self::Open(cut(text)),
        }
    }

    /// With the file that it is in.
    pub(super) fn within(self, path: &Path) -> ImportError {
        ImportError::In {
            path: path.to_owned(),
            problem: self,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Damaged(text) => format!("damaged: {text}"),
            Self::Refused { what, why } => format!("{what}: {why}"),
            Self::Later { what, kind } => format!(
                "{what} is {}, which is not taken yet; LSTM (also with coupled gates), GRU and dense layers are",
                kind.name()
            ),
            Self::Open(text) => text.clone(),
        };
        // A name in a damaged file may hold anything; a message is one line.
        for c in text.chars() {
            match c {
                c if c.is_control() => write!(f, "{}", c.escape_default())?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}
