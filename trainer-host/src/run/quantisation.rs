//! Everything that `quantise` says of a run's integers: as data, whose pictures are
//! [`crate::report::quantisation_page`].

use std::path::PathBuf;

use lstm_nostd::artifact::Recurrent;
use lstm_nostd::kernels::Scheme;
use lstm_nostd::model::{scratch_bytes, state_bytes};
use lstm_nostd::{ArtifactError, Model};
use serde::Serialize;

use crate::cost::{self, Core};
use crate::data::{Dataset, Parts, views};
use crate::evaluate::{Baselines, Comparison, Score, compare};
use crate::integers::clamped::{self, ClampedInput};
use crate::integers::disagreement::{self, Disagreements};
use crate::integers::engine::AnyModel;
use crate::integers::layer_error::{self, LayerError, sqnr_db};
use crate::integers::stream;
use crate::integers::unit_trace::{UnitTrace, unit_traces};
use crate::network::{Network, ParameterKind};
use crate::quantise::calibrate::evenly_spaced;
use crate::run::Run;
use crate::run::choose::{Candidate, Chosen};
use crate::train::TrainConfig;

/// Sequences whose layers are compared, at most: enough for figures that do not change any more.
const COMPARED_SEQUENCES: usize = 200;

/// A layer's integer weights against its f32 ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WeightError {
    /// The layer, as in `lstm.0` or `dense.1`.
    #[serde(rename = "name")]
    pub layer: String,
    /// Its scheme.
    pub scheme: &'static str,
    /// (SQ1) of [`crate::integers::layer_error`] over all its matrices.
    pub sqnr_db: f64,
}

/// What quantising changed for one class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassChange {
    /// Its name.
    #[serde(rename = "name")]
    pub class: String,
    /// How often it occurs.
    pub support: usize,
    /// Share of it that the f32 network finds; `None` if it does not occur.
    pub float_recall: Option<f64>,
    /// Share of it that the integers find.
    pub integer_recall: Option<f64>,
    /// The second less the first.
    pub difference: Option<f64>,
}

/// What the integers need on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Bytes of the model file in the generic order.
    pub file_bytes: usize,
    /// Bytes of state for each stream.
    pub state_bytes: usize,
    /// Bytes of scratch during a step.
    pub scratch_bytes: usize,
    /// Of a network that answers for whole windows alone, which has no state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowMemory>,
}

/// What a window needs while it is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WindowMemory {
    /// Steps of the longest sequence of the data.
    pub steps: usize,
    /// Bytes of the buffer for a window of so many.
    pub buffer_bytes: usize,
}

impl Memory {
    /// Of a model, whose file in the generic order has so many bytes, for sequences of up to `steps` steps.
    pub(super) fn of(model: &AnyModel<'_>, file_bytes: usize, steps: usize) -> Self {
        let window = cost::window_bytes(model, steps);
        let [state_bytes, scratch_bytes] = match window {
            Some(_) => [0, 0],
            None => [
                state_bytes(model.cell_blocks(), model.hidden_blocks()),
                scratch_bytes(model.scratch_blocks()),
            ],
        };
        Self {
            file_bytes,
            state_bytes,
            scratch_bytes,
            window: window.map(|buffer_bytes| WindowMemory {
                steps,
                buffer_bytes,
            }),
        }
    }

    /// Bytes of RAM, without the stack.
    pub fn ram_bytes(&self) -> usize {
        match self.window {
            Some(window) => window.buffer_bytes,
            None => self.state_bytes + self.scratch_bytes,
        }
    }

    /// What RAM is for.
    pub fn ram(&self) -> String {
        match self.window {
            Some(WindowMemory {
                steps,
                buffer_bytes,
            }) => format!(
                "{buffer_bytes} bytes for a window of {steps} steps, the most that the data has"
            ),
            None => format!("{} + {} bytes", self.state_bytes, self.scratch_bytes),
        }
    }
}

/// What a step costs on a core, by [`crate::cost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OnCore {
    /// Its name.
    pub core: &'static str,
    /// Executed instructions of a step, estimated.
    pub instructions: u64,
}

/// What `quantise` found.
#[derive(Clone, Debug, Serialize)]
pub struct QuantisationReport {
    /// Its name among the run's quantisations.
    pub name: String,
    /// The integers.
    pub file: PathBuf,
    /// The pictures.
    pub report: PathBuf,
    /// Of the convolution, if there is one, then of the recurrent layers, then of the dense layers.
    pub schemes: Vec<&'static str>,
    /// How ranges follow from what was observed.
    pub calibration: &'static str,
    /// How weights became integers.
    pub rounding: &'static str,
    /// The run whose f32 network the outputs are compared with, if it is another one.
    pub reference: Option<PathBuf>,
    /// What was tried on held-out training data, if there was a choice.
    pub candidates: Vec<Candidate>,
    /// Which part the accuracy is of.
    pub part: &'static str,
    /// Scores and agreement.
    pub comparison: Comparison,
    /// Channels with values in that part that the integers cannot hold.
    pub clamped_inputs: Vec<ClampedInput>,
    /// Class by class, for a classification.
    pub classes: Vec<ClassChange>,
    /// Where decisions differ.
    pub disagreements: Disagreements,
    /// Of the recurrent layers.
    pub layers: Vec<LayerError>,
    /// Of all layers.
    pub weights: Vec<WeightError>,
    /// Of each recurrent layer.
    pub cell_formats: Vec<String>,
    /// Of each recurrent layer.
    pub x_shifts: Vec<u8>,
    /// What a device needs.
    pub memory: Memory,
    /// A step on each core.
    pub cores: Vec<OnCore>,
    /// Units to draw, over the first sequence of the part.
    pub traces: Vec<UnitTrace>,
}

/// Where results are written.
#[derive(Clone, Debug)]
pub struct Files {
    /// The quantisation's name.
    pub name: String,
    /// The integers.
    pub integers: PathBuf,
    /// The pictures.
    pub report: PathBuf,
}

/// Said in place of what each layer's integers do, of a network of whole windows.
pub const NOT_FOLLOWED: &str =
    "A layer runs backwards, so integers are not followed layer by layer and step by step.";

/// Runs f32 network and integers over the run's data and compares them.
///
/// # Errors
/// When the integers are no model.
pub fn measure(
    run: &Run,
    data: &Parts,
    schemes: &[Scheme],
    chosen: Chosen,
    files: Files,
) -> Result<QuantisationReport, ArtifactError> {
    let model = AnyModel::parse(&chosen.bytes)?;
    // Layers that run backwards are not followed step by step.
    let layers = (model.steps()).map_or_else(Vec::new, |model| layer_errors(run, data, model));
    let (part, judged) = data.last_judged();
    let reference = reference(run);
    let other = reference.as_ref().unwrap_or(run);
    let found = stream::outputs(&model, &judged.recordings());
    let comparison = compare(judged, &other.outputs(judged), &found)
        .beside(&Baselines::of_values(&data.train), judged);
    let fake = chosen.quantised.fake(&run.network.config).network;
    let fake = run.fitted.in_normalised_units(&fake);
    let recurrent = &chosen.file.recurrent;
    Ok(QuantisationReport {
        name: files.name,
        file: files.integers,
        report: files.report,
        schemes: schemes.iter().map(|scheme| scheme.name()).collect(),
        calibration: chosen.clipping.name(),
        rounding: chosen.rounding.name(),
        candidates: chosen.candidates,
        part,
        clamped_inputs: clamped::count(&model, &judged.recordings()),
        classes: class_changes(&comparison),
        disagreements: (model.steps())
            .map(|model| disagreements(run, other, model, judged, &layers))
            .unwrap_or_default(),
        comparison,
        layers,
        weights: weight_errors(&run.network, &fake, schemes),
        cell_formats: (recurrent.iter().map(Recurrent::cell_int_bits))
            .map(|m| format!("Q{m}.{}", 31 - m))
            .collect(),
        x_shifts: recurrent.iter().map(Recurrent::x_shift).collect(),
        memory: Memory::of(&model, chosen.bytes.len(), data.longest()),
        cores: steps_on_cores(&model),
        traces: (model.steps()).map_or_else(Vec::new, |model| traces(run, model, judged)),
        reference: reference.map(|run| run.folder),
    })
}

/// A step of `model` on each core.
pub(super) fn steps_on_cores(model: &AnyModel<'_>) -> Vec<OnCore> {
    let step = |core: Core| OnCore {
        core: core.name(),
        instructions: cost::step_of(core, model).instructions.round() as u64,
    };
    Core::ALL.into_iter().map(step).collect()
}

/// Each recurrent layer's integers against f32, over some of the training part.
fn layer_errors(run: &Run, data: &Parts, model: &Model<'_>) -> Vec<LayerError> {
    let all: Vec<usize> = (0..data.train.len()).collect();
    let compared = data.train.select(&evenly_spaced(&all, COMPARED_SEQUENCES));
    let normalised = run.fitted.normalised_inputs(&compared);
    let (normalised, real) = (views(&normalised), compared.recordings());
    layer_error::measure(&run.network, model, &normalised, &real)
}

/// Where the decisions of `other`'s f32 network and of the run's integers differ; nothing where hidden states
/// cannot be compared unit by unit.
fn disagreements(
    run: &Run,
    other: &Run,
    model: &Model<'_>,
    judged: &Dataset,
    layers: &[LayerError],
) -> Disagreements {
    if other.network.config != run.network.config {
        return Disagreements::default();
    }
    let rms: Vec<f64> = layers.iter().map(|layer| layer.hidden_rms).collect();
    let inputs = other.fitted.normalised_inputs(judged);
    disagreement::find(&other.network, model, (judged, &inputs), &rms)
}

/// Units to draw, over the first sequence.
fn traces(run: &Run, model: &Model<'_>, judged: &Dataset) -> Vec<UnitTrace> {
    if judged.is_empty() {
        return Vec::new();
    }
    let first = judged.select(&[0]);
    let normalised = run.fitted.normalised_inputs(&first);
    unit_traces(
        &run.network,
        model,
        normalised[0].view(),
        first.recording(0),
    )
}

/// The network before quantisation-aware training, if that was fine-tuning of a run that is still there:
/// the f32 weights of the fine-tuned run are no network to compare with.
pub(super) fn reference(run: &Run) -> Option<Run> {
    let TrainConfig { qat, init, .. } = &run.config.train;
    let before = Run::open(init.as_ref().filter(|_| qat.is_some())?).ok()?;
    (before.fitted.schema == run.fitted.schema).then_some(before)
}

fn weight_errors(exact: &Network, fake: &Network, schemes: &[Scheme]) -> Vec<WeightError> {
    let layer_of = |name: &str| {
        name.rsplit_once('.')
            .map_or("", |(layer, _)| layer)
            .to_owned()
    };
    let mut errors: Vec<(String, f64, f64)> = Vec::new();
    for (exact, fake) in exact.parameters().into_iter().zip(fake.parameters()) {
        let layer = layer_of(&exact.name);
        if errors.last().is_none_or(|(last, _, _)| *last != layer) {
            errors.push((layer, 0.0, 0.0));
        }
        // Biases and peepholes are much finer than weights, and their ranges say nothing of those.
        if exact.kind == ParameterKind::Weight
            && let Some((_, signal, noise)) = errors.last_mut()
        {
            for (w, integer) in exact.values.iter().zip(fake.values) {
                *signal += f64::from(*w).powi(2);
                *noise += f64::from(w - integer).powi(2);
            }
        }
    }
    (errors.into_iter().zip(schemes))
        .map(|((layer, signal, noise), scheme)| WeightError {
            layer,
            scheme: scheme.name(),
            sqnr_db: sqnr_db(signal, noise),
        })
        .collect()
}

fn class_changes(comparison: &Comparison) -> Vec<ClassChange> {
    let (Score::Classes(float), Score::Classes(integer)) = (&comparison.float, &comparison.integer)
    else {
        return Vec::new();
    };
    (float.classes.iter().zip(&integer.classes))
        .map(|(float, integer)| ClassChange {
            class: float.name.clone(),
            support: float.support,
            float_recall: float.recall,
            integer_recall: integer.recall,
            difference: float.recall.zip(integer.recall).map(|(a, b)| b - a),
        })
        .collect()
}
