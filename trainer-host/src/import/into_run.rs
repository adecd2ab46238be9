//! An imported network as a run, which every later stage takes as one that was trained here.

use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde::Serialize;

use super::assemble::Assembled;
use super::calibration::{Calibration, drawn, own_schema, with_own_answers};
use super::check::{Checked, sequences};
use super::error::{ImportError, Problem};
use super::model::Source;
use crate::data::{
    self, Dataset, Kind, Known, Normalisation, OpenError, Options, Parts, Place, Schema, counted,
};
use crate::files::atomic::{self, WriteFileError};
use crate::integers::assemble::raw_formats;
use crate::run::{
    CALIBRATION, DataChecksum, Fitted, FolderLock, NetworkOrigin, RunConfig, RunError, WEIGHTS,
    checkpoint,
};
use crate::train::TrainConfig;

/// What an import wrote.
#[derive(Clone, Debug, Serialize)]
pub struct Imported {
    /// The run folder.
    pub run: PathBuf,
    /// The file.
    pub file: PathBuf,
    /// Its kind.
    pub format: &'static str,
    /// The network: inputs, layers, outputs.
    pub network: String,
    /// Number of its parameters.
    pub parameters: usize,
    /// What the file left open, and what was added, a line each.
    pub notes: Vec<String>,
    /// What was read of the data otherwise than it stands, a line each.
    pub data_notes: Vec<String>,
    /// How near the outputs are to those of the other program; absent if that was not checked.
    pub checked: Option<Checked>,
    /// What ranges and raw formats are from.
    pub ranges: String,
}

/// A run's data, and how it becomes the run's.
struct RunData {
    config: RunConfig,
    schema: Schema,
    parts: Parts,
    /// An archive to write into the run folder.
    archive: Option<Vec<u8>>,
    ranges: String,
    /// What was read otherwise than it stands, a line each.
    notes: Vec<String>,
}

/// Writes the run of an imported network into `folder`.
///
/// # Errors
/// When the data cannot be read or does not fit the network, the folder holds a run and `overwrite` is not set, or a
/// file cannot be written.
pub fn write_run(
    (file, source): (&Path, &Source),
    assembled: &Assembled,
    calibration: &Calibration,
    checked: Option<Checked>,
    (folder, overwrite): (&Path, bool),
) -> Result<Imported, ImportError> {
    if !overwrite {
        RunConfig::refuse_existing(folder)?;
    }
    let data = run_data((file, source), assembled, calibration, folder)?;
    let network = &assembled.network;
    let (channels, outputs) = (network.config.inputs, network.config.outputs);
    let train = &data.parts.train;
    let inputs = (assembled.inputs.clone()).unwrap_or_else(|| Normalisation::unchanged(channels));
    let raw = raw_formats(train, &inputs.real_means());
    let fitted = Fitted {
        origin: NetworkOrigin::Imported {
            file: file.to_owned(),
        },
        data: Some(DataChecksum::of(&data.parts)),
        network: network.config.clone(),
        targets: (!data.schema.task.is_class()).then(|| Normalisation::unchanged(outputs)),
        schema: data.schema,
        values: None,
        front_end: train.front_end.clone(),
        inputs,
        raw: raw.map_err(|error| Problem::Open(error.to_string()).within(file))?,
    };
    let lock = FolderLock::take(folder)?;
    data.config.create(&fitted, &lock, overwrite)?;
    if let Some(archive) = &data.archive {
        write(&folder.join(CALIBRATION), archive)?;
    }
    checkpoint::write_weights(&folder.join(WEIGHTS), network).map_err(RunError::from)?;
    Ok(Imported {
        run: folder.to_owned(),
        file: file.to_owned(),
        format: source.format,
        network: describe(assembled),
        parameters: network.parameter_count(),
        notes: assembled.notes.clone(),
        data_notes: data.notes,
        checked,
        ranges: data.ranges,
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ImportError> {
    Ok(atomic::write(path, bytes).map_err(RunError::from)?)
}

/// Inputs, layers and outputs in words.
fn describe(assembled: &Assembled) -> String {
    let config = &assembled.network.config;
    let sizes = |sizes: &[usize]| {
        let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
        sizes.join(", ")
    };
    let dense = match config.dense.is_empty() {
        true => String::new(),
        false => format!(", dense layers of {}", sizes(&config.dense)),
    };
    let recurrent = match config.is_of_windows() {
        true => config.recurrent_text(),
        false => sizes(&config.hidden),
    };
    format!(
        "{} inputs, {}{} layers of {}{dense}, {} outputs ({}, {})",
        config.inputs,
        config.cell.title(),
        if config.cell.peepholes() {
            " (peepholes)"
        } else {
            ""
        },
        recurrent,
        config.outputs,
        config.head.name(),
        config.mode.describe()
    )
}

fn run_data(
    (file, source): (&Path, &Source),
    assembled: &Assembled,
    calibration: &Calibration,
    folder: &Path,
) -> Result<RunData, ImportError> {
    match calibration {
        Calibration::Inputs(path) => {
            let sequences = sequences(source, assembled, path)?;
            let ranges = format!(
                "{} of {}",
                counted(sequences.len(), "sequence"),
                path.display()
            );
            own_data(assembled, &sequences, folder, ranges)
        }
        Calibration::Guessed => {
            let sequences = drawn(assembled);
            let what = match assembled.inputs {
                Some(_) => "drawn with mean and deviation of the file's input stage",
                None => "drawn with mean 0 and deviation 1",
            };
            own_data(
                assembled,
                &sequences,
                folder,
                format!("guessed, from inputs {what}"),
            )
        }
        Calibration::Data { source, options } => labelled(source, options, assembled, folder)
            .map_err(|error| match error {
                ImportError::In { problem, .. } => problem.within(Path::new(source)),
                other => other,
            }),
    }
    .and_then(|data| match data.parts.train.is_empty() {
        true => Err(Problem::Open("no sequence to take ranges from".into()).within(file)),
        false => Ok(data),
    })
}

/// A run's configuration for this network.
fn config(assembled: &Assembled, source: String, data: Options) -> RunConfig {
    let mut train = TrainConfig::default();
    train.take_structure(&assembled.network.config);
    RunConfig {
        source,
        data,
        train,
    }
}

/// Data that `train` reads. Where its targets are not the network's, its inputs alone are used.
fn labelled(
    source: &str,
    options: &Options,
    assembled: &Assembled,
    folder: &Path,
) -> Result<RunData, ImportError> {
    let own = own_schema(assembled);
    let with_task = |task| {
        let options = Options {
            task,
            ..options.clone()
        };
        let config = config(assembled, source.to_owned(), options);
        config.open_data().map(|parts| (config, parts))
    };
    let of_network = match own.task.is_class() {
        true => Kind::Classes,
        false => Kind::Values,
    };
    let read = with_task(options.task);
    // Where the data leaves in doubt what its targets are, the network says it.
    let read = read.or_else(|error| with_task(Some(of_network)).map_err(|_| error));
    let (config, parts) = match read {
        Ok(read) => read,
        Err(error) => return inputs_alone(source, options, assembled, folder, error),
    };
    let notes = parts.notes();
    let schema = parts.train.schema();
    let place = || Path::new(source);
    if schema.channels.len() != own.channels.len() {
        let text = format!(
            "it has {} channels, and the network reads {}; give data with the network's channels",
            schema.channels.len(),
            own.channels.len()
        );
        return Err(Problem::Open(text).within(place()));
    }
    let fits = schema.task == own.task && schema.outputs.len() == own.outputs.len();
    if fits {
        let ranges = format!("{} of {source}", counted(parts.train.len(), "sequence"));
        return Ok(RunData {
            config,
            schema,
            parts,
            archive: None,
            ranges,
            notes,
        });
    }
    let ranges = format!(
        "{} of {source}; its targets ({}, {}) are not the network's ({}, {}), so that its inputs alone are used",
        counted(parts.train.len(), "sequence"),
        schema.task.describe(),
        schema.outputs.len(),
        own.task.describe(),
        own.outputs.len()
    );
    let data = own_data(assembled, &parts.train.sequences, folder, ranges)?;
    Ok(RunData { notes, ..data })
}

/// Data whose labels cannot be read for the reason `error`, if its inputs can.
fn inputs_alone(
    source: &str,
    options: &Options,
    assembled: &Assembled,
    folder: &Path,
    error: RunError,
) -> Result<RunData, ImportError> {
    let Some(inputs) = unlabelled(source, options, &own_schema(assembled)) else {
        return Err(error.into());
    };
    let ranges = format!(
        "{} of {source}, without labels",
        counted(inputs.len(), "sequence")
    );
    let mut data = own_data(assembled, &inputs.sequences, folder, ranges)?;
    data.notes = inputs.notes;
    if !has_no_labels(&error) {
        data.notes.push(format!("inputs alone are used: {error}"));
    }
    Ok(data)
}

/// Whether the error is that there is no column or array of labels.
fn has_no_labels(error: &RunError) -> bool {
    let (RunError::Data(error) | RunError::Open(OpenError::Data(error))) = error else {
        return false;
    };
    use data::Problem::{MissingColumn, MissingMember, NoLabels};
    matches!(
        *error.problem,
        MissingColumn { .. } | MissingMember { .. } | NoLabels { .. }
    )
}

/// The sequences of data without labels.
fn unlabelled(source: &str, options: &Options, own: &Schema) -> Option<Dataset> {
    let known = Known {
        schema: own,
        front_end: None,
        mean: None,
        offsets: Some(&[]),
        unlabelled: true,
    };
    data::open_test(source, options, known).ok()
}

/// Inputs alone, with the network's own answers.
fn own_data(
    assembled: &Assembled,
    sequences: &[Array2<f32>],
    folder: &Path,
    ranges: String,
) -> Result<RunData, ImportError> {
    let path = folder.join(CALIBRATION);
    let failed = |problem: String| Problem::Open(problem).within(&path);
    let archive = with_own_answers(assembled, sequences).map_err(|e| failed(e.to_string()))?;
    let schema = own_schema(assembled);
    let mut config = config(
        assembled,
        path.to_string_lossy().into_owned(),
        Options::default(),
    );
    // Nothing is chosen by it.
    config.train.validation_share = 0.0;
    // The file is read back before anything is written to the run folder.
    let elsewhere = tempfile::tempdir().map_err(|source| {
        let path = std::env::temp_dir();
        RunError::from(WriteFileError { path, source })
    })?;
    let copy = elsewhere.path().join(CALIBRATION);
    write(&copy, &archive)?;
    let known = Known {
        schema: &schema,
        front_end: None,
        mean: None,
        offsets: Some(&[]),
        unlabelled: false,
    };
    let train = data::open_test(&copy.to_string_lossy(), &Options::default(), known)
        .map_err(RunError::from)?;
    train
        .require(&schema, &Place::file(&path))
        .map_err(RunError::from)?;
    let parts = Parts {
        train,
        validation: None,
        test: None,
    };
    let archive = Some(archive);
    Ok(RunData {
        config,
        schema,
        parts,
        archive,
        ranges,
        notes: Vec::new(),
    })
}
