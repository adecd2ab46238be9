//! The end of a run: its network is judged, and figures and pictures are written.

use std::path::PathBuf;

use lstm_nostd::Model;
use serde::Serialize;

use super::error::TrainingRunError;
use crate::data::generated::Judgement;
use crate::data::{BuiltIn, Dataset, Parts, Summary};
use crate::evaluate::{BaselineScore, Baselines, Outputs, Score, Streams};
use crate::files::atomic;
use crate::integers::endless::run_streams;
use crate::integers::stream;
use crate::passes::activation_format::ActivationFormats;
#[cfg(feature = "plots")]
use crate::report::run_report;
use crate::run::choose::{Request, choose};
use crate::run::{METRICS, REPORT, Run};
use crate::train::{
    Ending, QAT_CLIPPING, QAT_ROUNDING, TrainConfig, TrainError, TrainState, Validation,
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
    let model = Model::parse(&chosen.bytes).expect("the writer returns only what parses");
    Ok(match &streams {
        None => stream::outputs(&model, &part.recordings()),
        Some(streams) => {
            let parts = run_streams(&model, streams, &part.recordings());
            parts.into_iter().map(|part| part.outputs).collect()
        }
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

/// Judges the chosen network, beside `baselines`, and writes metrics and report.
pub(super) fn finish(
    run: &Run,
    data: &Parts,
    state: &TrainState,
    ending: Ending,
    baselines: &Baselines,
) -> Result<Metrics, TrainingRunError> {
    let judge = |part: Option<&Dataset>| -> Result<Option<Outputs>, TrainingRunError> {
        part.map(|part| judged_outputs(run, data, part)).transpose()
    };
    let validation = judge(data.validation.as_ref())?;
    let validation = (data.validation.as_ref().zip(validation))
        .map(|(part, outputs)| baselines.score(part, &outputs));
    let test_outputs = data.test.as_ref().zip(judge(data.test.as_ref())?);
    let test = test_outputs
        .as_ref()
        .map(|(part, outputs)| baselines.score(part, outputs));
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
        judged_as: judged_as(&run.config.train),
        validation,
        test,
        baselines: Besides {
            validation: judged_beside(baselines, data.validation.as_ref()),
            test: judged_beside(baselines, data.test.as_ref()),
        },
        criterion,
    };
    let json = serde_json::to_string_pretty(&metrics)?;
    atomic::write(&run.folder.join(METRICS), json.as_bytes())?;
    #[cfg(feature = "plots")]
    write_report(run, data, state, &metrics)?;
    Ok(metrics)
}

fn judged_beside(baselines: &Baselines, part: Option<&Dataset>) -> Vec<BaselineScore> {
    part.map_or(Vec::new(), |part| baselines.of_classes(part))
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
        (
            "validation part",
            &metrics.validation,
            metrics.baselines.validation.as_slice(),
        ),
        ("test part", &metrics.test, &metrics.baselines.test),
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
