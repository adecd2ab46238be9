//! One training run, from its configuration to its finished folder.
//!
//! [`TrainingRun::begin`] and [`TrainingRun::resume`] find every error that can be found before anything is
//! written. [`TrainingRun::train`] then keeps checkpoint and log up to date, and ends with weights, figures and a
//! report.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use lstm_nostd::Model;
use serde::Serialize;

use crate::data::generated::Judgement;
use crate::data::{BuiltIn, Dataset, Parts, Schema, Summary, views};
use crate::evaluate::{Outputs, Score, score};
use crate::files::atomic::{self, WriteFileError};
use crate::integers::assemble::check_data;
use crate::integers::stream;
use crate::network::prune::prune;
use crate::network::{Network, NetworkConfig};
#[cfg(feature = "plots")]
use crate::report::run_report;
use crate::run::checkpoint::{self, CheckpointError};
use crate::run::choose::{ChooseError, Request, choose};
use crate::run::{CHECKPOINT, Fitted, LOG, METRICS, REPORT, Run, RunConfig, RunError, WEIGHTS};
use crate::train::{
    BatchProgress, Ending, EpochRecord, Observer, QAT_CLIPPING, QAT_ROUNDING, TrainConfig,
    TrainError, TrainState, Trainer, Validation,
};

/// Final figures of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Metrics {
    /// Its folder.
    pub run: PathBuf,
    /// Its pictures; a build without the feature `plots` makes none.
    pub report: Option<PathBuf>,
    /// Epochs that were trained.
    pub epochs: usize,
    /// Whether these are all epochs, or early stopping ended the run.
    pub ending: Ending,
    /// The epoch whose weights were chosen, from 1; the last one's without a validation part.
    pub best_epoch: Option<usize>,
    /// The loss and accuracy of that epoch on the validation part, as training measures them.
    pub best_validation: Option<Validation>,
    /// Number of the network's parameters.
    pub parameters: usize,
    /// The data that it was trained on.
    pub train_data: Summary,
    /// What produced the scores: f32, or integers of the schemes of quantisation-aware training.
    pub judged_as: String,
    /// Score on the part that chose the weights.
    pub validation: Option<Score>,
    /// Score on the part that chose nothing.
    pub test: Option<Score>,
    /// Test sequences that pass the criterion of a built-in task's paper.
    pub criterion: Option<Judgement>,
}

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
    Limit(#[from] crate::integers::assemble::DataLimit),
    /// Figures cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The integers of a quantisation-aware run cannot be made.
    #[error(transparent)]
    Choose(#[from] ChooseError),
    /// Another run's network cannot be used for this one's data.
    #[error("{}: its {what} differ from those of this run's data; a run to begin with or to learn from has the same channels, outputs and kind of targets", folder.display())]
    OtherSchema {
        /// The other run.
        folder: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// The data was opened with another split than that of the runs that this one starts from or learns from.
    #[error(
        "the data has another split than the runs of init and teacher; open it with RunConfig::with_known_split"
    )]
    SplitAfterData,
    /// The data has changed since the run began.
    #[error("{}: {data} is no longer the data that this run began with; bring that back, or start a new run", folder.display())]
    OtherData {
        /// The run.
        folder: PathBuf,
        /// Its data.
        data: String,
    },
}

/// A run that is ready to train.
#[derive(Debug)]
pub struct TrainingRun {
    folder: PathBuf,
    config: RunConfig,
    data: Parts,
    fitted: Fitted,
    /// The other run's network that it starts from, if there is one.
    initial: Option<Network>,
    begun: Begun,
}

#[derive(Debug)]
enum Begun {
    /// Nothing is written yet; the flag says whether a run in the folder may be replaced.
    New { overwrite: bool },
    /// The run exists; this is the state after its last finished epoch, if there is one.
    Before(Option<Box<TrainState>>),
}

impl TrainingRun {
    /// A new run of `config` in `folder`. Nothing is written yet.
    ///
    /// # Errors
    /// When the configuration or the data does not allow training, or the folder holds a run and `overwrite` is
    /// not set.
    pub fn begin(
        config: RunConfig,
        folder: &Path,
        overwrite: bool,
    ) -> Result<Self, TrainingRunError> {
        // Errors that do not need the data are found before the data is read.
        Self::refuse(&config, folder, overwrite)?;
        let config = config.with_known_split()?;
        let data = config.open_data()?;
        Self::new(config, data, folder, overwrite)
    }

    /// [`TrainingRun::begin`] with `data` that was already opened as `config` says. `config` must have the split of
    /// the runs that it names ([`RunConfig::with_known_split`]).
    ///
    /// # Errors
    /// As there.
    pub fn begin_with(
        config: RunConfig,
        data: Parts,
        folder: &Path,
        overwrite: bool,
    ) -> Result<Self, TrainingRunError> {
        Self::refuse(&config, folder, overwrite)?;
        let known = config.clone().with_known_split()?;
        if known != config {
            return Err(TrainingRunError::SplitAfterData);
        }
        Self::new(config, data, folder, overwrite)
    }

    fn refuse(config: &RunConfig, folder: &Path, overwrite: bool) -> Result<(), TrainingRunError> {
        config.train.validate().map_err(TrainError::from)?;
        if !overwrite {
            RunConfig::refuse_existing(folder)?;
        }
        Ok(())
    }

    fn new(
        mut config: RunConfig,
        data: Parts,
        folder: &Path,
        overwrite: bool,
    ) -> Result<Self, TrainingRunError> {
        let (fitted, initial) = match initial(&config.train, &data.train)? {
            Some((fitted, network)) => {
                config.train.take_structure(&network.config);
                (fitted, Some(network))
            }
            None => (Fitted::fit(&config.train, &data.train), None),
        };
        Ok(Self {
            folder: folder.to_owned(),
            config,
            data,
            fitted,
            initial,
            begun: Begun::New { overwrite },
        })
    }

    /// The run in `folder`, ready to continue after its last finished epoch.
    ///
    /// # Errors
    /// When the folder holds no run, or one of other data.
    pub fn resume(folder: &Path) -> Result<Self, TrainingRunError> {
        let data = RunConfig::read(folder)?.open_data()?;
        Self::resume_with(data, folder)
    }

    /// [`TrainingRun::resume`] with `data` that was already opened as the run's configuration says.
    ///
    /// # Errors
    /// As there.
    pub fn resume_with(data: Parts, folder: &Path) -> Result<Self, TrainingRunError> {
        let config = RunConfig::read(folder)?;
        let fitted = Fitted::read(folder)?;
        let path = folder.join(CHECKPOINT);
        // A run that was stopped in its first epoch has no checkpoint yet.
        let state = if path.exists() {
            let state = checkpoint::read(&path, &fitted.network, config.train.optimiser)?;
            Some(Box::new(state))
        } else {
            None
        };
        let initial = match state {
            None => initial(&config.train, &data.train)?.map(|(_, network)| network),
            Some(_) => None,
        };
        // A run that started from another one has that one's normalisation.
        let same = match config.train.init {
            Some(_) => data.train.schema() == fitted.schema,
            None => Fitted::fit(&config.train, &data.train) == fitted,
        };
        if !same {
            return Err(TrainingRunError::OtherData {
                folder: folder.to_owned(),
                data: config.source,
            });
        }
        Ok(Self {
            folder: folder.to_owned(),
            config,
            data,
            fitted,
            initial,
            begun: Begun::Before(state),
        })
    }

    /// The configuration that determines it.
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// The network's structure.
    pub fn structure(&self) -> &NetworkConfig {
        &self.fitted.network
    }

    /// Its data, in real units.
    pub fn data(&self) -> &Parts {
        &self.data
    }

    /// Number of finished epochs.
    pub fn epochs_done(&self) -> usize {
        self.history().len()
    }

    /// The records of the finished epochs.
    pub fn history(&self) -> &[EpochRecord] {
        match &self.begun {
            Begun::Before(Some(state)) => &state.history,
            _ => &[],
        }
    }

    /// Trains to the end, or until `stop` is set. A stopped run has no figures; [`TrainingRun::resume`] continues it.
    ///
    /// # Errors
    /// When the loss is no longer a number or a file cannot be written. A failure to write a
    /// checkpoint is reported at the end: the weights may still find room.
    pub fn train(
        self,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<Option<Metrics>, TrainingRunError> {
        check_data(&self.data.train)?;
        let train = self.fitted.normalised(&self.data.train);
        let validation = self.data.validation.as_ref();
        let validation = validation.map(|part| self.fitted.normalised(part));
        let config = &self.config.train;
        let (new, state) = match self.begun {
            Begun::New { overwrite } => (Some(overwrite), None),
            Begun::Before(state) => (None, state),
        };
        let mut trainer = match state {
            Some(state) => Trainer::resume(config, &train, validation.as_ref(), *state)?,
            None => match self.initial {
                Some(network) => {
                    Trainer::beginning_with(config, &train, validation.as_ref(), network)?
                }
                None => Trainer::new(config, &train, validation.as_ref())?,
            },
        };
        if let Some(distillation) = &config.distillation {
            let outputs = teach(&distillation.teacher, &self.fitted, &self.data.train)?;
            trainer = trainer.taught_by(outputs);
        }
        // Every error that can be found early has been found; only now is anything written.
        if let Some(overwrite) = new {
            (self.config).create(&self.fitted, &self.folder, overwrite)?;
        }
        let mut recorder = Recorder::new(&self.folder, observer, &trainer.state().history);
        let ending = trainer.run(&mut recorder, stop)?;
        let failure = recorder.failure;
        if ending == Ending::Stopped {
            return failure.map_or(Ok(None), Err);
        }
        let state = trainer.into_state();
        checkpoint::write_weights(&self.folder.join(WEIGHTS), state.chosen())?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        finish(&Run::open(&self.folder)?, &self.data, &state, ending).map(Some)
    }
}

/// Keeps a run's log and checkpoint up to date, and passes every event on.
struct Recorder<'a> {
    folder: &'a Path,
    observer: &'a mut dyn Observer,
    /// The first failure to write.
    failure: Option<TrainingRunError>,
}

impl<'a> Recorder<'a> {
    /// Begins by writing the log of all earlier epochs, because a run that was killed between checkpoint and log
    /// lacks a line.
    fn new(folder: &'a Path, observer: &'a mut dyn Observer, history: &[EpochRecord]) -> Self {
        let begin = || -> Result<(), TrainingRunError> {
            let lines: Vec<String> = history.iter().map(log_line).collect::<Result<_, _>>()?;
            Ok(atomic::write(&folder.join(LOG), lines.concat().as_bytes())?)
        };
        Self {
            folder,
            observer,
            failure: begin().err(),
        }
    }

    fn save(&self, record: &EpochRecord, state: &TrainState) -> Result<(), TrainingRunError> {
        checkpoint::write(&self.folder.join(CHECKPOINT), state)?;
        let path = self.folder.join(LOG);
        let line = log_line(record)?;
        std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut log| log.write_all(line.as_bytes()))
            .map_err(|source| WriteFileError { path, source })?;
        Ok(())
    }
}

fn log_line(record: &EpochRecord) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string(record)? + "\n")
}

impl Observer for Recorder<'_> {
    fn batch(&mut self, progress: &BatchProgress) {
        self.observer.batch(progress);
    }

    fn epoch(&mut self, record: &EpochRecord, state: &TrainState) {
        self.observer.epoch(record, state);
        if self.failure.is_none() {
            self.failure = self.save(record, state).err();
        }
    }
}

/// The network that a run with `init` starts from, and the normalisation that was fitted for it.
fn initial(
    config: &TrainConfig,
    train: &Dataset,
) -> Result<Option<(Fitted, Network)>, TrainingRunError> {
    let Some(folder) = &config.init else {
        return Ok(None);
    };
    let fitted = Fitted::read(folder)?;
    refuse_other(folder, &fitted, &train.schema())?;
    let mut network = checkpoint::read_weights(&folder.join(WEIGHTS), &fitted.network)?;
    if let Some(hidden) = &config.prune_to {
        network = prune(&network, hidden).map_err(TrainError::from)?;
    }
    let network_config = network.config.clone();
    Ok(Some((
        Fitted {
            network: network_config,
            ..fitted
        },
        network,
    )))
}

/// A teacher's outputs for the training part, normalised like the targets.
fn teach(folder: &Path, fitted: &Fitted, train: &Dataset) -> Result<Outputs, TrainingRunError> {
    let teacher = Run::open(folder)?;
    refuse_other(folder, &teacher.fitted, &fitted.schema)?;
    if teacher.network.config.outputs != fitted.network.outputs {
        return Err(TrainingRunError::OtherSchema {
            folder: folder.to_owned(),
            what: "number of outputs",
        });
    }
    let mut outputs = teacher.outputs(train);
    if let Some(targets) = &fitted.targets {
        outputs.iter_mut().for_each(|values| targets.apply(values));
    }
    Ok(outputs)
}

fn refuse_other(folder: &Path, other: &Fitted, schema: &Schema) -> Result<(), TrainingRunError> {
    let what = if other.schema.channels != schema.channels {
        "channels"
    } else if other.schema.outputs != schema.outputs {
        "outputs"
    } else if other.schema.task != schema.task {
        "targets"
    } else {
        return Ok(());
    };
    Err(TrainingRunError::OtherSchema {
        folder: folder.to_owned(),
        what,
    })
}

/// The outputs that judge a run. After quantisation-aware training, its integers compute them.
pub(crate) fn judged_outputs(
    run: &Run,
    data: &Parts,
    part: &Dataset,
) -> Result<Outputs, TrainingRunError> {
    let Some(schemes) = &run.config.train.qat else {
        return Ok(run.outputs(part));
    };
    let schemes = schemes.per_layer(&run.network.config);
    let request = Request {
        schemes: schemes.map_err(TrainError::from)?,
        clipping: Some(QAT_CLIPPING),
        rounding: Some(QAT_ROUNDING),
        equal_shifts: false,
    };
    let chosen = choose(run, &data.train, None, &request)?;
    let model = Model::parse(&chosen.bytes).expect("the writer returns only what parses");
    Ok(stream::outputs(&model, &views(&part.sequences)))
}

/// Judges the chosen network and writes metrics and report.
fn finish(
    run: &Run,
    data: &Parts,
    state: &TrainState,
    ending: Ending,
) -> Result<Metrics, TrainingRunError> {
    let judge = |part: Option<&Dataset>| -> Result<Option<Outputs>, TrainingRunError> {
        part.map(|part| judged_outputs(run, data, part)).transpose()
    };
    let validation = judge(data.validation.as_ref())?;
    let validation =
        (data.validation.as_ref().zip(validation)).map(|(part, outputs)| score(part, &outputs));
    let test_outputs = data.test.as_ref().zip(judge(data.test.as_ref())?);
    let test = test_outputs
        .as_ref()
        .map(|(part, outputs)| score(part, outputs));
    let criterion = test_outputs
        .as_ref()
        .and_then(|(part, outputs)| BuiltIn::named(&run.config.source)?.judge(part, outputs));
    let metrics = Metrics {
        run: run.folder.clone(),
        report: cfg!(feature = "plots").then(|| run.folder.join(REPORT)),
        epochs: state.epochs(),
        ending,
        best_epoch: state.best.as_ref().map(|best| best.epoch),
        best_validation: state.best.as_ref().map(|best| best.validation),
        parameters: run.network.parameter_count(),
        train_data: data.train.summary(),
        judged_as: (run.config.train.qat.as_ref()).map_or("f32".into(), ToString::to_string),
        validation,
        test,
        criterion,
    };
    let json = serde_json::to_string_pretty(&metrics)?;
    atomic::write(&run.folder.join(METRICS), json.as_bytes())?;
    #[cfg(feature = "plots")]
    write_report(run, data, state, &metrics)?;
    Ok(metrics)
}

/// Writes the page that shows the run.
#[cfg(feature = "plots")]
fn write_report(
    run: &Run,
    data: &Parts,
    state: &TrainState,
    metrics: &Metrics,
) -> Result<(), TrainingRunError> {
    let scores = [
        ("validation part", &metrics.validation),
        ("test part", &metrics.test),
    ];
    let shown = data.validation.as_ref().unwrap_or(&data.train);
    let page = run_report(
        run,
        &run.fitted.normalised_inputs(shown),
        &state.history,
        &scores,
    );
    Ok(atomic::write(&run.folder.join(REPORT), page.as_bytes())?)
}
