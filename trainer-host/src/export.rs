//! From a quantised network to the content of a model file: input stage, names, golden steps.

use lstm_nostd::artifact::{AlignedBytes, ModelFile, WriteError};
use lstm_nostd::{Mode as EngineMode, Model, Task as EngineTask};
use ndarray::ArrayView2;

use crate::input_format::InputFormat;
use crate::integers::{Stream, raw_sequence};
use crate::network::{Head, Mode, NetworkConfig};
use crate::quantise::QuantisedNetwork;

/// Steps that are stored for the device's self-test, at most.
const GOLDEN_STEPS: usize = 16;

/// How real values become the first layer's inputs, channel by channel.
#[derive(Clone, Debug, PartialEq)]
pub struct InputStage<'a> {
    /// Raw formats, `[I]`.
    pub formats: &'a [InputFormat],
    /// Means of the training part, `[I]`.
    pub mean: &'a [f32],
    /// Deviations of the training part, `[I]`.
    pub deviation: &'a [f32],
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
    example: ArrayView2<'_, f32>,
) -> Result<ModelFile, WriteError> {
    let channels = (stage.formats.iter().zip(&quantised.input_range))
        .zip(stage.mean.iter().zip(stage.deviation))
        .map(|((format, range), (mean, deviation))| format.channel(*mean, *deviation, *range))
        .collect();
    let mut file = ModelFile {
        task: match config.head {
            Head::Linear => EngineTask::Linear,
            Head::Sigmoid => EngineTask::Sigmoid,
            Head::Softmax => EngineTask::Softmax,
        },
        mode: match config.mode {
            Mode::SequenceToOne => EngineMode::SequenceToOne,
            Mode::SequenceToSequence => EngineMode::SequenceToSequence,
        },
        output_exponent: quantised.output_exponent,
        channels,
        lstm: quantised.lstm.clone(),
        dense: quantised.dense.clone(),
        input_names: input_names.to_vec(),
        output_names: output_names.to_vec(),
        golden: Vec::new(),
    };
    file.golden = golden_steps(&file.to_bytes()?, stage.formats, example);
    Ok(file)
}

/// What the model answers to the first steps of `example`.
fn golden_steps(
    bytes: &AlignedBytes,
    formats: &[InputFormat],
    example: ArrayView2<'_, f32>,
) -> Vec<(Vec<i32>, Vec<i32>)> {
    let model = Model::parse(bytes).expect("the writer returns only what parses");
    let mut stream = Stream::new(&model);
    let mut steps = raw_sequence(formats, example);
    steps.truncate(GOLDEN_STEPS);
    steps
        .into_iter()
        .map(|raw| {
            let outputs = stream
                .step(&model, &raw)
                .iter()
                .map(|y| y.to_bits())
                .collect();
            (raw, outputs)
        })
        .collect()
}
