//! The integers of a quantised run, held to be of the run's own weights and shape.

use std::path::{Path, PathBuf};

use lstm_nostd::Parsed;
use lstm_nostd::artifact::{AlignedBytes, ModelFile, WriteError};
use lstm_nostd::kernels::Order;

use crate::run::Run;
use crate::run::quantisations::{self, Quantisation, Wanted};
use crate::run::quantised_file::ReadError;

/// Why a run's integers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunIntegersError {
    /// They cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There are others.
    #[error("{}: {problem}; make it with `trainer-host quantise`", folder.display())]
    NotThere {
        /// The run.
        folder: PathBuf,
        /// What was asked for, and what there is.
        problem: String,
    },
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

/// The integers of one of a run's quantisations.
#[derive(Clone, Debug)]
pub struct RunIntegers {
    /// Name of the quantisation.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// The model file, in the generic order.
    pub bytes: AlignedBytes,
    /// What the model file is made of.
    pub file: ModelFile,
    /// Names of all quantisations of the run, if there are several and none was asked for.
    pub several: Vec<String>,
}

impl RunIntegers {
    /// Which quantisation was taken, in words, where there are several and none was asked for.
    pub fn note(&self) -> Option<String> {
        (!self.several.is_empty()).then(|| {
            format!(
                "note: there are quantisations {}; {}, the last one made, is taken, and --quantised NAME takes another",
                self.several.join(", "),
                self.name
            )
        })
    }

    /// The model file in another order of weights.
    ///
    /// # Errors
    /// When the order cannot hold it.
    pub fn in_order(&self, order: Order) -> Result<AlignedBytes, RunIntegersError> {
        self.file
            .to_bytes_in(order)
            .map_err(|source| RunIntegersError::NoModel {
                path: self.path.clone(),
                source,
            })
    }

    /// Those of `one`.
    ///
    /// # Errors
    /// When they are damaged, or not of this run.
    pub fn of(run: &Run, one: Quantisation) -> Result<Self, RunIntegersError> {
        let Quantisation { name, path, stored } = one;
        let mut file = stored.of(&path, &run.network)?;
        file.front_end = run.fitted.front_end_tables();
        let bytes = match file.to_bytes() {
            Ok(bytes) => bytes,
            Err(source) => return Err(RunIntegersError::NoModel { path, source }),
        };
        let fits = {
            let model = Parsed::parse(&bytes).expect("the writer returns only what parses");
            fits(&model, run)
        };
        match fits {
            false => Err(RunIntegersError::OtherShape { path }),
            true => Ok(Self {
                name,
                path,
                bytes,
                file,
                several: Vec::new(),
            }),
        }
    }
}

/// The run's integers that are wanted; `None` before `quantise`.
///
/// # Errors
/// When there are none that are wanted, or they are damaged, or not of this run.
pub fn read(run: &Run, wanted: &Wanted) -> Result<Option<RunIntegers>, RunIntegersError> {
    // Who names one does not care whether others can be read.
    let named = wanted.name.as_ref();
    if let Some(found) = named.and_then(|name| quantisations::named(&run.folder, name)) {
        return RunIntegers::of(run, found?).map(Some);
    }
    let all = quantisations::all(&run.folder)?;
    let several: Vec<String> = match wanted.is_said() || all.len() < 2 {
        true => Vec::new(),
        false => all.iter().map(|one| one.name.clone()).collect(),
    };
    let found = wanted.of(all, &run.network.config).map_err(|problem| {
        let folder = run.folder.clone();
        RunIntegersError::NotThere { folder, problem }
    })?;
    let Some(found) = found else { return Ok(None) };
    let integers = RunIntegers::of(run, found)?;
    Ok(Some(RunIntegers {
        several,
        ..integers
    }))
}

/// [`read`] where there must be some.
///
/// # Errors
/// As [`read`], and before `quantise`.
pub fn read_some(run: &Run, wanted: &Wanted) -> Result<RunIntegers, RunIntegersError> {
    read(run, wanted)?.ok_or_else(|| not_quantised(&run.folder))
}

fn not_quantised(folder: &Path) -> RunIntegersError {
    RunIntegersError::NotThere {
        folder: folder.to_owned(),
        problem: "is not quantised yet".into(),
    }
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
