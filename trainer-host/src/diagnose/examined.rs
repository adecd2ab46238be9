//! A run folder, opened and measured for a diagnosis.

use std::path::{Path, PathBuf};

use lstm_nostd::Model;

use super::activity::LayerActivity;
use super::fit::Fit;
use super::integers::{Integers, Tried};
use super::requantising::Way;
use super::streams::StreamCheck;
use crate::data::{Dataset, Parts, views};
use crate::evaluate::compare;
use crate::integers::layer_error;
use crate::integers::output_error;
use crate::integers::stream;
use crate::quantise::calibrate::evenly_spaced;
use crate::run::choose::choose;
use crate::run::integers::{self, RunIntegers, RunIntegersError};
use crate::run::quantisations::Wanted;
use crate::run::{Fitted, LOG, METRICS, NetworkOrigin, Run, RunConfig, RunError, read_log};
use crate::train::EpochRecord;
use crate::training_run::TrainingRunError;

/// Sequences whose integers are compared layer by layer, at most.
const COMPARED_SEQUENCES: usize = 200;

/// Why a run cannot be diagnosed.
#[derive(Debug, thiserror::Error)]
pub enum DiagnoseError {
    /// Its folder or its data.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It cannot be judged.
    #[error(transparent)]
    Judge(#[from] TrainingRunError),
    /// Its integers.
    #[error(transparent)]
    Integers(#[from] RunIntegersError),
    /// Nothing was trained.
    #[error("{}: no epoch was finished; go on with `trainer-host train --resume {}`, or, if its loss was no longer a number, begin again with a lower --learning-rate", folder.display(), folder.display())]
    NoEpoch {
        /// The run.
        folder: PathBuf,
    },
    /// The log ends before the run did.
    #[error("{}: {METRICS} is of {finished} epochs, and the log of {logged}; `trainer-host train --resume {}` writes the log anew", folder.display(), folder.display())]
    ShortLog {
        /// The run.
        folder: PathBuf,
        /// Epochs of the finished run.
        finished: u64,
        /// Epochs of the log.
        logged: usize,
    },
    /// The figures cannot be read.
    #[error("{}: {problem}; `trainer-host train --resume {}` writes it anew", path.display(), folder.display())]
    Metrics {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// The run.
        folder: PathBuf,
    },
}

/// All that a diagnosis is made from.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The run, with its chosen network, or the best one so far.
    pub run: Run,
    /// One record for each epoch; none of an imported run.
    pub history: Vec<EpochRecord>,
    /// Whether all of the run was done.
    pub finished: bool,
    /// The epoch of the chosen weights, of a finished run with a validation part.
    pub best_epoch: Option<u64>,
    /// Its data, in real units.
    pub data: Parts,
    /// The network on each part.
    pub fit: Fit,
    /// Activity of the LSTM layers over the validation part, or over the training part if there is no validation part.
    pub activity: Vec<LayerActivity>,
    /// The same part as an endless stream; none of a network that answers for whole windows alone.
    pub stream: Option<StreamCheck>,
    /// Of a quantised run whose network runs step by step.
    pub integers: Option<Integers>,
    /// Which of several quantisations these are, if none was asked for; and those that cannot be read.
    pub notes: Vec<String>,
}

impl Examined {
    /// Opens and measures the run in `folder`, which may have been stopped, and its integers that are wanted; `data` is
    /// where its data lies now, if not where the run had it.
    ///
    /// # Errors
    /// When the folder holds no run, a file of it is damaged, its data is not what it was, or no epoch was
    /// finished.
    pub fn open(folder: &Path, data: Option<&str>, wanted: &Wanted) -> Result<Self, DiagnoseError> {
        RunConfig::read(folder)?;
        let is_imported = Fitted::read(folder)?.origin != NetworkOrigin::Trained;
        let (history, finished, best_epoch) = match is_imported && !folder.join(LOG).exists() {
            true => (Vec::new(), true, None),
            false => training(folder)?,
        };
        let mut run = Run::open_stopped(folder)?;
        if let Some(data) = data {
            run.config.name_data(data);
        }
        let data = run.open_data()?;
        let fit = Fit::measure(&run, &data)?;
        let looked_at = data.validation.as_ref().unwrap_or(&data.train);
        let normalised = run.fitted.normalised_inputs(looked_at);
        let activity = LayerActivity::observe(&run.network, &views(&normalised));
        let found = integers::read(&run, wanted)?;
        let notes = (found.as_ref()).map_or_else(Vec::new, |found| found.notes.clone());
        let (stream, integers) = match run.network.config.is_of_windows() {
            true => (None, None),
            false => (
                Some(StreamCheck::measure(&run, looked_at, &data.train)?),
                found.map(|found| measure_integers(&run, &data, found)),
            ),
        };
        Ok(Self {
            run,
            history,
            finished,
            best_epoch,
            data,
            fit,
            activity,
            stream,
            integers,
            notes,
        })
    }
}

/// Each epoch, whether the run did all of them, and the best one.
fn training(folder: &Path) -> Result<(Vec<EpochRecord>, bool, Option<u64>), DiagnoseError> {
    let history = read_log(folder)?;
    if history.is_empty() {
        return Err(DiagnoseError::NoEpoch {
            folder: folder.to_owned(),
        });
    }
    match finished(folder)? {
        None => Ok((history, false, None)),
        Some((epochs, _)) if epochs != history.len() as u64 => Err(DiagnoseError::ShortLog {
            folder: folder.to_owned(),
            finished: epochs,
            logged: history.len(),
        }),
        Some((_, best)) => Ok((history, true, best)),
    }
}

/// Epochs and best epoch of a finished run.
fn finished(folder: &Path) -> Result<Option<(u64, Option<u64>)>, DiagnoseError> {
    let path = folder.join(METRICS);
    if !path.exists() {
        return Ok(None);
    }
    let damaged = |problem: String| DiagnoseError::Metrics {
        path: path.clone(),
        problem,
        folder: folder.to_owned(),
    };
    let text = std::fs::read_to_string(&path).map_err(|error| damaged(error.to_string()))?;
    let metrics: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    let epochs = metrics["epochs"].as_u64();
    let epochs = epochs.ok_or_else(|| damaged("it has no number of epochs".into()))?;
    Ok(Some((epochs, metrics["best_epoch"].as_u64())))
}

fn measure_integers(run: &Run, data: &Parts, found: RunIntegers) -> Integers {
    let model = Model::parse(&found.bytes).expect("the writer returns only what parses");
    let (part, judged): (_, &Dataset) = match &data.validation {
        Some(validation) => ("validation", validation),
        None => ("training", &data.train),
    };
    let exact = run.outputs(judged);
    let compared = |model: &Model<'_>| {
        let found = stream::outputs(model, &judged.recordings());
        compare(judged, &exact, &found)
    };
    let all: Vec<usize> = (0..data.train.len()).collect();
    let few = data.train.select(&evenly_spaced(&all, COMPARED_SEQUENCES));
    let steps: usize = few.sequences.iter().map(|s| s.nrows()).sum();
    let normalised = run.fitted.normalised_inputs(&few);
    let (normalised, real) = (views(&normalised), few.recordings());
    let network = &run.network;
    let units = output_error::Units {
        inputs: &run.fitted.inputs,
        targets: run.fitted.targets.as_ref(),
    };
    let hidden = network.config.hidden.iter();
    let mut integers = Integers {
        name: found.name,
        part,
        comparison: compared(&model),
        layers: layer_error::measure(network, &model, &normalised, &real),
        cells: hidden.map(|units| units * steps).collect(),
        stages: output_error::measure(network, &model, (&normalised, &real), units),
        schemes: model.schemes().collect(),
        tried: Vec::new(),
    };
    if run.config.train.qat.is_none() && integers.finding().is_some() {
        let try_out = |way: Way| -> Option<Tried> {
            let validation = data.validation.as_ref();
            let (run, request) = (run.network_and_fit(), &way.request);
            let chosen = choose(run, &data.train, validation, request).ok()?;
            let model = Model::parse(&chosen.bytes).ok()?;
            Some(way.tried(&compared(&model)))
        };
        integers.tried = integers.ways().into_iter().filter_map(try_out).collect();
    }
    integers
}
