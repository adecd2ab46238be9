//! The integers of a quantised run, held to be of the run's own weights and shape.

use std::path::PathBuf;

use lstm_nostd::Parsed;
use lstm_nostd::artifact::{AlignedBytes, ModelFile, WriteError};
use lstm_nostd::kernels::{Order, Scheme};

use crate::run::Run;
use crate::run::quantisations::{self, NotFound, Quantisation, Quantisations, Unreadable, Wanted};
use crate::run::quantised_file::ReadError;

/// Why a run's integers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunIntegersError {
    /// They are there, and of no use.
    #[error("{problem}; `{again}` makes it again, or delete the file")]
    Unusable {
        /// Why, and in which file.
        problem: Problem,
        /// The command that makes them again.
        again: String,
    },
    /// There are none, or others.
    #[error("{}: {problem}; `{make}` makes one", folder.display())]
    NotThere {
        /// The run.
        folder: PathBuf,
        /// What was asked for, and what there is.
        problem: String,
        /// The command that makes them.
        make: String,
    },
    /// No network like this one has the schemes that were asked for.
    #[error("{}: {problem}", folder.display())]
    OtherLayers {
        /// The run.
        folder: PathBuf,
        /// What was asked for, and what layers there are.
        problem: String,
    },
}

/// Why integers are of no use.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// They cannot be read, or are of other weights.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// They make no model.
    #[error("{}: {source}", path.display())]
    NoModel {
        /// The file.
        path: PathBuf,
        /// Why.
        source: WriteError,
    },
    /// They are another network's.
    #[error("{}: it has other channels, outputs or steps than this run", path.display())]
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
    /// Which quantisation this is, where there are several and none was asked for; and those that cannot be read.
    pub notes: Vec<String>,
    /// The command that makes it again.
    again: String,
}

impl RunIntegers {
    /// The model file in another order of weights.
    ///
    /// # Errors
    /// When the order cannot hold it.
    pub fn in_order(&self, order: Order) -> Result<AlignedBytes, RunIntegersError> {
        self.file
            .to_bytes_in(order)
            .map_err(|source| RunIntegersError::Unusable {
                problem: Problem::NoModel {
                    path: self.path.clone(),
                    source,
                },
                again: self.again.clone(),
            })
    }

    /// Those of `one`.
    ///
    /// # Errors
    /// When they are damaged, or not of this run.
    pub fn of(run: &Run, one: Quantisation) -> Result<Self, RunIntegersError> {
        let schemes: Vec<Scheme> = one.stored.file.schemes().collect();
        let network = &run.network.config;
        let again = quantisations::command(&run.folder, network, Some(&one.name), Some(&schemes));
        let (name, path) = (one.name.clone(), one.path.clone());
        match model_file(run, one) {
            Err(problem) => Err(RunIntegersError::Unusable { problem, again }),
            Ok((file, bytes)) => Ok(Self {
                name,
                path,
                bytes,
                file,
                notes: Vec::new(),
                again,
            }),
        }
    }
}

/// What `one` holds, if it is of `run`: fields and bytes of the model file.
fn model_file(run: &Run, one: Quantisation) -> Result<(ModelFile, AlignedBytes), Problem> {
    let path = one.path;
    let mut file = one.stored.of(&path, &run.network)?;
    file.front_end = run.fitted.front_end_tables();
    let bytes = match file.to_bytes() {
        Ok(bytes) => bytes,
        Err(source) => return Err(Problem::NoModel { path, source }),
    };
    let fits = {
        let model = Parsed::parse(&bytes).expect("the writer returns only what parses");
        fits(&model, run)
    };
    match fits {
        true => Ok((file, bytes)),
        false => Err(Problem::OtherShape { path }),
    }
}

/// What is wrong with a file of `run`, and which command makes it again.
pub fn unusable(run: &Run, file: Unreadable) -> RunIntegersError {
    let network = &run.network.config;
    RunIntegersError::Unusable {
        again: quantisations::command(&run.folder, network, file.name.as_deref(), None),
        problem: file.error.into(),
    }
}

/// What is said of each file of `run` that cannot be read.
pub fn left_out(run: &Run, unreadable: Vec<Unreadable>) -> Vec<String> {
    let note = |file| format!("a quantisation is left out: {}", unusable(run, file));
    unreadable.into_iter().map(note).collect()
}

/// The run's integers that are wanted; `None` before `quantise`. Where nothing is said, those of the last file that can be
/// read.
///
/// # Errors
/// When there are none that are wanted, or they are damaged, or not of this run.
pub fn read(run: &Run, wanted: &Wanted) -> Result<Option<RunIntegers>, RunIntegersError> {
    // Who names one does not care whether others can be read.
    let named = wanted.name.as_ref();
    if let Some(found) = named.and_then(|name| quantisations::named(&run.folder, name)) {
        let found = found.map_err(|file| unusable(run, file))?;
        return RunIntegers::of(run, found).map(Some);
    }
    let all = quantisations::all(&run.folder);
    let found =
        (wanted.of(&all, &run.network.config)).map_err(|why| not_found(run, wanted, &why))?;
    let Quantisations {
        readable,
        unreadable,
    } = all;
    let Some(found) = found else {
        let first = unreadable.into_iter().next();
        return first.map_or(Ok(None), |file| Err(unusable(run, file)));
    };
    let mut integers = RunIntegers::of(run, found)?;
    if !wanted.is_said() && readable.len() > 1 {
        let names: Vec<String> = readable.into_iter().map(|one| one.name).collect();
        integers.notes.push(format!(
            "there are quantisations {}; {}, the last one made, is taken, and --quantised NAME takes another",
            names.join(", "),
            integers.name
        ));
    }
    integers.notes.extend(left_out(run, unreadable));
    Ok(Some(integers))
}

/// [`read`] where there must be some.
///
/// # Errors
/// As [`read`], and before `quantise`.
pub fn read_some(run: &Run, wanted: &Wanted) -> Result<RunIntegers, RunIntegersError> {
    let before = || NotFound::Others("is not quantised yet".into());
    read(run, wanted)?.ok_or_else(|| not_found(run, wanted, &before()))
}

fn not_found(run: &Run, wanted: &Wanted, why: &NotFound) -> RunIntegersError {
    let (folder, problem) = (run.folder.clone(), why.to_string());
    match why {
        NotFound::Count(_) => RunIntegersError::OtherLayers { folder, problem },
        NotFound::Others(_) => RunIntegersError::NotThere {
            make: wanted.command(&folder, &run.network.config),
            folder,
            problem,
        },
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
