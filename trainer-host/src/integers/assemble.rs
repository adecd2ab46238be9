//! From a quantised network to the content of a model file: input stage, names, golden steps.

use lstm_nostd::artifact::{AlignedBytes, MAX_NAME_BYTES, ModelFile, WriteError};
use lstm_nostd::front_end::Tables;
use lstm_nostd::kernels::Width;

use crate::data::{Dataset, Recording};
use crate::integers::engine::{AnyModel, Engine as _};
use crate::integers::input_format::{InputFormat, RawRangeError, choose_formats};
use crate::integers::stream::{Stream, raw_sequence};
use crate::network::{Convolution, Head, NetworkConfig};
use crate::quantise::QuantisedNetwork;

/// Steps that are stored for the device's self-test, at most, of a model without a convolution.
const GOLDEN_STEPS: usize = 16;

/// Steps that are stored for the device's self-test, at most. They hold three outputs of a convolution, so that the
/// self-test runs all layers.
pub fn most_golden_steps(conv: Option<&Convolution>) -> usize {
    let of_conv = conv.map_or(0, |conv| conv.first() + 2 * conv.stride + 1);
    of_conv.max(GOLDEN_STEPS)
}

/// Why no model file can be made for data.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DataLimit {
    /// A channel's values are too large for raw integers.
    #[error(transparent)]
    RawRange(#[from] RawRangeError),
    /// The name of a channel or an output has too many bytes.
    #[error(
        "the name {start:?}… has {bytes} bytes, and a model file holds names of {MAX_NAME_BYTES}; shorten it in the data"
    )]
    LongName {
        /// How it begins.
        start: String,
        /// Its length.
        bytes: usize,
    },
}

/// The raw format of every channel, whose `means` are the device's; refuses data whose values or names no model file holds, before a
/// network is trained on it.
///
/// # Errors
/// [`DataLimit`], with the channel or name.
pub fn raw_formats(train: &Dataset, means: &[f64]) -> Result<Vec<InputFormat>, DataLimit> {
    let mut names = train.channels.iter().chain(&train.outputs);
    if let Some(name) = names.find(|name| name.len() > MAX_NAME_BYTES) {
        return Err(DataLimit::LongName {
            start: name.chars().take(20).collect(),
            bytes: name.len(),
        });
    }
    Ok(choose_formats(&train.channels, &train.recordings(), means)?)
}

/// How real values become the first layer's inputs, channel by channel.
#[derive(Clone, Debug, PartialEq)]
pub struct InputStage<'a> {
    /// Raw formats, `[I]`.
    pub formats: &'a [InputFormat],
    /// Means of the training part, `[I]`.
    pub mean: &'a [f64],
    /// Deviations of the training part, `[I]`.
    pub deviation: &'a [f32],
    /// What makes raw inputs of samples.
    pub front_end: Option<Tables>,
}

/// Puts a model file together; `example`, `[T, I]` in real values, provides the golden steps.
///
/// # Errors
/// [`WriteError`] when the network does not fit the file format.
pub fn assemble(
    config: &NetworkConfig,
    quantised: &QuantisedNetwork,
    stage: &InputStage<'_>,
    (input_names, output_names): (&[String], &[String]),
    example: Recording<'_>,
) -> Result<ModelFile, WriteError> {
    let first = quantised.recurrent.first().map(|layer| layer.scheme());
    let width = (quantised.conv.as_ref())
        .map(|conv| conv.content.filters.scheme)
        .or(first)
        .map_or(Width::Int16, |scheme| scheme.width());
    let channels = (stage.formats.iter().zip(&quantised.input_range))
        .zip(stage.mean.iter().zip(stage.deviation))
        .map(|((format, range), (mean, deviation))| {
            format.channel(*mean, *deviation, *range, width)
        })
        .collect();
    let mut file = ModelFile {
        task: config.head.into(),
        front_end: stage.front_end.clone(),
        mode: config.mode.into(),
        channels,
        scales: match config.head {
            Head::Linear => quantised
                .outputs
                .iter()
                .map(|output| output.scale)
                .collect(),
            Head::Sigmoid | Head::Softmax => Vec::new(),
        },
        conv: (quantised.conv.as_ref()).map(|conv| conv.content.clone()),
        recurrent: quantised.recurrent_content(),
        directions: config.directions.clone(),
        dense: quantised.dense.clone(),
        input_names: input_names.to_vec(),
        output_names: output_names.to_vec(),
        golden: Vec::new(),
    };
    let mut steps = raw_sequence(stage.formats, example);
    steps.truncate(most_golden_steps(config.conv.as_ref()));
    file.golden = golden_steps(&file.to_bytes()?, steps);
    Ok(file)
}

/// The raw `steps`, `[T][I]`, each with what the model answers to it.
fn golden_steps(bytes: &AlignedBytes, steps: Vec<Vec<i32>>) -> Vec<(Vec<i32>, Vec<i32>)> {
    let model = AnyModel::parse(bytes).expect("the writer returns only what parses");
    let Some(model) = model.steps() else {
        return golden_window(&model, steps);
    };
    let mut stream = Stream::new(model);
    steps
        .into_iter()
        .map(|raw| {
            let outputs = stream
                .step(model, &raw)
                .iter()
                .map(|y| y.to_bits())
                .collect();
            (raw, outputs)
        })
        .collect()
}

/// The raw steps of a window with the answer to each, or with that to the whole at the last one and zeros before.
fn golden_window(model: &AnyModel<'_>, steps: Vec<Vec<i32>>) -> Vec<(Vec<i32>, Vec<i32>)> {
    if steps.is_empty() {
        return Vec::new();
    }
    let answers = model.answers(&steps);
    let before = steps.len() - answers.len();
    let zeros = std::iter::repeat_n(vec![0; model.outputs()], before);
    steps.into_iter().zip(zeros.chain(answers)).collect()
}
