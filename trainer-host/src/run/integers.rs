//! The integers of a quantised run, held to be of the run's own weights and shape.

use std::path::PathBuf;

use lstm_nostd::Parsed;
use lstm_nostd::artifact::{AlignedBytes, WriteError};

use crate::run::quantised_file::{self, ReadError};
use crate::run::{QUANTISED, Run};

/// Why a run's integers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunIntegersError {
    /// They cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// They make no model.
    #[error("{}: {source}; make it again with `trainer-host quantise`", path.display())]
    NoModel {
        /// The file.
        path: PathBuf,
        /// Why.
        source: WriteError,
    },
    /// They are another network's.
    #[error("{}: it has other channels, outputs or steps than this run; make it again with `trainer-host quantise`", path.display())]
    OtherShape {
        /// The file.
        path: PathBuf,
    },
}

/// The run's integers as a model file; `None` before `quantise`.
///
/// # Errors
/// When they are damaged, or not of this run.
pub fn read(run: &Run) -> Result<Option<AlignedBytes>, RunIntegersError> {
    let path = run.folder.join(QUANTISED);
    if !path.exists() {
        return Ok(None);
    }
    let mut file = quantised_file::read(&path, &run.network)?;
    file.front_end = run.fitted.front_end_tables();
    let bytes = match file.to_bytes() {
        Ok(bytes) => bytes,
        Err(source) => return Err(RunIntegersError::NoModel { path, source }),
    };
    let fits = {
        let model = Parsed::parse(&bytes).expect("the writer returns only what parses");
        fits(&model, run)
    };
    if !fits {
        return Err(RunIntegersError::OtherShape { path });
    }
    Ok(Some(bytes))
}

/// Whether `model` takes and gives what `run` does.
fn fits(model: &Parsed<'_>, run: &Run) -> bool {
    let schema = &run.fitted.schema;
    let per_step = model.mode().is_per_step();
    model.input_names().eq(&schema.channels)
        && model.output_names().eq(&schema.outputs)
        && model.outputs() == run.network.config.outputs
        && per_step == schema.task.is_per_step()
}
