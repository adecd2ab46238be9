//! Model files on a host: read whole, on the boundary that the engine needs.

use std::path::{Path, PathBuf};

use lstm_nostd::artifact::{AlignedBytes, ModelFile, WriteError};
use lstm_nostd::kernels::Order;
use lstm_nostd::{ArtifactError, Parsed};

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// It cannot be read.
    #[error("{}: cannot be read: {source}; make it with `trainer-host export`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The engine refuses it.
    #[error("{}: {source}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        source: ArtifactError,
    },
}

/// Reads a model file; what is returned parses.
///
/// # Errors
/// When it cannot be read, or the engine refuses it.
pub fn read(path: &Path) -> Result<AlignedBytes, ModelFileError> {
    let bytes = std::fs::read(path).map_err(|source| ModelFileError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let bytes = AlignedBytes::from(bytes.as_slice());
    Parsed::parse(&bytes).map_err(|source| ModelFileError::Refused {
        path: path.to_owned(),
        source,
    })?;
    Ok(bytes)
}

/// The same integers with their weights in this order.
///
/// # Errors
/// When the layers cannot be written in it.
pub fn in_order(model: &Parsed<'_>, order: Order) -> Result<AlignedBytes, WriteError> {
    ModelFile::from(model).to_bytes_in(order)
}
