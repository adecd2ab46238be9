//! The end of a run: its network is judged, and figures and pictures are written.

#[cfg(feature = "plots")]
use std::path::Path;
use std::path::PathBuf;

use serde::Serialize;

use super::error::TrainingRunError;
use crate::data::generated::Judgement;
use crate::data::{BuiltIn, Dataset, Parts, Summary};
use crate::evaluate::{BaselineScore, Baselines, Outputs, Score, Streams};
use crate::files::atomic;
use crate::files::versioned::Versioned;
use crate::integers::endless::run_streams;
use crate::integers::engine::AnyModel;
use crate::integers::stream;
use crate::passes::activation_format::ActivationFormats;
#[cfg(feature = "plots")]
use crate::report::{JudgedPart, Progress, run_report};
use crate::run::choose::{Request, choose};
use crate::run::side_by_side::Quantised;
#[cfg(feature = "plots")]
use crate::run::side_by_side::side_by_side;
#[cfg(feature = "plots")]
use crate::run::{CHECKPOINT, FolderLock, checkpoint};
use crate::run::{METRICS, REPORT, Run};
use crate::train::{
    Ending, EpochRecord, QAT_CLIPPING, QAT_ROUNDING, TrainConfig, TrainError, TrainState,
    Validation,
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
    /// For a classification: the baselines on the same parts.
    #[serde(skip_serializing_if = "Besides::is_empty")]
    pub baselines: Besides,
    /// Test sequences that pass the criterion of a built-in task's paper.
    pub criterion: Option<Judgement>,
    /// Of a run that is reported again: its quantisations, that which was made last at the end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quantisations: Vec<Quantised>,
}

/// Baselines of a classification, part by part.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Besides {
    /// On the part that chose the weights.
    pub validation: Vec<BaselineScore>,
    /// On the part that chose nothing.
    pub test: Vec<BaselineScore>,
}

impl Besides {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.validation.is_empty() && self.test.is_empty()
    }
}

/// The outputs that judge a run: after quantisation-aware training, those of its integers; after training for streams,
/// those in streams without resets.
pub(crate) fn judged_outputs(
    run: &Run,
    data: &Parts,
    part: &Dataset,
) -> Result<Outputs, TrainingRunError> {
    let streams = (run.config.train.for_streams).then(|| Streams::of(part));
    let Some(schemes) = &run.config.train.qat else {
        return Ok(match &streams {
            None => run.outputs(part),
            Some(streams) => {
                let sequences = run.fitted.normalised_inputs(part);
                let formats = ActivationFormats::default();
                (run.fitted).in_real_units(streams.outputs(&run.network, &formats, &sequences))
            }
        });
    };
    let schemes = schemes.per_layer(&run.network.config);
    let request = Request {
        schemes: schemes.map_err(TrainError::from)?,
        clipping: Some(QAT_CLIPPING),
        rounding: Some(QAT_ROUNDING),
        equal_shifts: false,
    };
    let chosen = choose(run.network_and_fit(), &data.train, None, &request)?;
    let model = AnyModel::parse(&chosen.bytes).expect("the writer returns only what parses");
    Ok(match (&streams, &model) {
        (Some(streams), AnyModel::Steps(model)) => {
            let parts = run_streams(model, streams, &part.recordings());
            parts.into_iter().map(|part| part.outputs).collect()
        }
        _ => stream::outputs(&model, &part.recordings()),
    })
}

/// What [`judged_outputs`] are, in words.
fn judged_as(config: &TrainConfig) -> String {
    let numbers = match &config.qat {
        Some(schemes) => format!("{schemes} integers"),
        None => "f32".into(),
    };
    match config.for_streams {
        true => format!("{numbers}, in streams without resets"),
        false => numbers,
    }
}

/// How training went.
pub(super) struct Course {
    history: Vec<EpochRecord>,
    /// The chosen epoch and its figures, with a validation part.
    best: Option<(usize, Validation)>,
    ending: Ending,
}

impl Course {
    pub(super) fn of(state: TrainState, ending: Ending) -> Self {
        Self {
            best: state.best.map(|best| (best.epoch, best.validation)),
            history: state.history,
            ending,
        }
    }

    /// Of the run in a folder, finished or stopped; of an imported one, nothing is known.
    #[cfg(feature = "plots")]
    fn read(run: &Run) -> Result<Self, TrainingRunError> {
        let path = run.folder.join(CHECKPOINT);
        // A run that was never trained has done all that it should.
        if !path.exists() {
            return Ok(Self {
                history: Vec::new(),
                best: None,
                ending: Ending::Finished,
            });
        }
        let state = checkpoint::read(&path, &run.fitted.network, run.config.train.optimiser)?;
        let metrics = std::fs::read_to_string(run.folder.join(METRICS)).unwrap_or_default();
        let metrics: serde_json::Value = serde_json::from_str(&metrics).unwrap_or_default();
        let ending = serde_json::from_value(metrics["ending"].clone());
        Ok(Self::of(state, ending.unwrap_or(Ending::Stopped)))
    }
}

/// Judges the run in `folder`, which may have been stopped, and writes its report anew; `data` is where its data lies
/// now, if not where the run had it. Returns what the page shows, and what of the data was read otherwise than it
/// stands.
///
/// # Errors
/// When the folder holds no run or is being written, or a file cannot be read or written.
#[cfg(feature = "plots")]
pub fn report(
    folder: &Path,
    data: Option<&str>,
) -> Result<(Metrics, Vec<String>), TrainingRunError> {
    let mut run = Run::open_stopped(folder)?;
    let _lock = FolderLock::take(folder)?;
    if let Some(data) = data {
        run.config.name_data(data);
    }
    let data = run.open_data()?;
    let course = Course::read(&run)?;
    let baselines = Baselines::fit(&data.train);
    let mut judged = judge(&run, &data, &course, &baselines)?;
    let (quantised, notes) = side_by_side(&run, &data, &baselines);
    judged.metrics.quantisations = quantised;
    write_report(&run, &data, &course, &judged)?;
    let notes = data.notes().into_iter().chain(notes);
    Ok((judged.metrics, notes.collect()))
}

/// Judges the chosen network, beside `baselines`, and writes metrics and report.
pub(super) fn finish(
    run: &Run,
    data: &Parts,
    course: &Course,
    baselines: &Baselines,
) -> Result<Metrics, TrainingRunError> {
    let judged = judge(run, data, course, baselines)?;
    let json = Versioned::of(&judged.metrics).to_json()?;
    atomic::write(&run.folder.join(METRICS), json.as_bytes())?;
    #[cfg(feature = "plots")]
    write_report(run, data, course, &judged)?;
    Ok(judged.metrics)
}

/// What the chosen network says, and how good that is.
struct Judged {
    metrics: Metrics,
    /// Of the parts that there are.
    #[cfg_attr(not(feature = "plots"), expect(dead_code, reason = "for the report"))]
    validation: Option<Outputs>,
    #[cfg_attr(not(feature = "plots"), expect(dead_code, reason = "for the report"))]
    test: Option<Outputs>,
    /// What ridge regression says of the last part of a forecast.
    #[cfg_attr(not(feature = "plots"), expect(dead_code, reason = "for the report"))]
    linear: Option<Outputs>,
}

/// The figures of the chosen network.
fn judge(
    run: &Run,
    data: &Parts,
    course: &Course,
    baselines: &Baselines,
) -> Result<Judged, TrainingRunError> {
    let outputs = |part: Option<&Dataset>| -> Result<Option<Outputs>, TrainingRunError> {
        part.map(|part| judged_outputs(run, data, part)).transpose()
    };
    let score = |part: &Option<Dataset>, outputs: &Option<Outputs>| {
        let both = part.as_ref().zip(outputs.as_ref());
        both.map(|(part, outputs)| baselines.score(part, outputs))
    };
    let validation = outputs(data.validation.as_ref())?;
    let test = outputs(data.test.as_ref())?;
    let criterion = (data.test.as_ref().zip(test.as_ref()))
        .and_then(|(part, outputs)| BuiltIn::named(&run.config.source)?.judge(part, outputs));
    let metrics = Metrics {
        run: run.folder.clone(),
        report: cfg!(feature = "plots").then(|| run.folder.join(REPORT)),
        epochs: course.history.len(),
        ending: course.ending,
        best_epoch: course.best.map(|(epoch, _)| epoch),
        best_validation: course.best.map(|(_, validation)| validation),
        parameters: run.network.parameter_count(),
        train_data: data.train.summary(),
        judged_as: judged_as(&run.config.train),
        validation: score(&data.validation, &validation),
        test: score(&data.test, &test),
        baselines: Besides {
            validation: judged_beside(baselines, data.validation.as_ref()),
            test: judged_beside(baselines, data.test.as_ref()),
        },
        criterion,
        quantisations: Vec::new(),
    };
    let (_, last) = data.last_judged();
    Ok(Judged {
        linear: (last.origin.as_ref()).and_then(|_| baselines.linear(last)),
        metrics,
        validation,
        test,
    })
}

fn judged_beside(baselines: &Baselines, part: Option<&Dataset>) -> Vec<BaselineScore> {
    part.map_or(Vec::new(), |part| baselines.of_classes(part))
}

/// Writes the page that shows the run.
#[cfg(feature = "plots")]
fn write_report(
    run: &Run,
    data: &Parts,
    course: &Course,
    judged: &Judged,
) -> Result<(), TrainingRunError> {
    let metrics = &judged.metrics;
    let part = |name, data, outputs, score, baselines| {
        Some(JudgedPart {
            name,
            data: Option::as_ref(data)?,
            outputs: Option::as_ref(outputs)?,
            score: Option::as_ref(score)?,
            baselines,
            judged_as: &metrics.judged_as,
            linear: judged.linear.as_ref(),
        })
    };
    let beside = &metrics.baselines;
    let parts = [
        part(
            "validation part",
            &data.validation,
            &judged.validation,
            &metrics.validation,
            beside.validation.as_slice(),
        ),
        part(
            "test part",
            &data.test,
            &judged.test,
            &metrics.test,
            &beside.test,
        ),
    ];
    let parts: Vec<JudgedPart<'_>> = parts.into_iter().flatten().collect();
    let progress = Progress {
        history: &course.history,
        best: metrics.best_epoch,
        ending: match course.ending {
            Ending::Finished => "finished",
            Ending::Early => "stopped early, since the validation loss no longer improved",
            Ending::Diverged => "ended because training diverged",
            Ending::Stopped => "stopped before its end",
        },
    };
    let page = run_report(run, data, &progress, (&parts, &metrics.quantisations));
    Ok(atomic::write(&run.folder.join(REPORT), page.as_bytes())?)
}
