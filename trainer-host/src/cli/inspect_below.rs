//! What `trainer-host inspect` says of what stands before the recurrent layers: a front end, a convolution.

use lstm_nostd::Parsed;
use lstm_nostd::front_end::FrontEnd;
use serde::Serialize;

use super::table::table;
use crate::cost::front_end::SecondOfSignal;
use crate::cost::{Core, Footprint, strided_of};
use crate::network::Convolution;

/// How a model takes fewer steps than its input.
#[derive(Debug, Serialize)]
pub(super) struct Strided {
    /// Steps that a filter looks at.
    kernel: usize,
    /// Steps of the input from one output to the next.
    stride: usize,
    /// The first step with an output, counted from 0.
    first: usize,
    /// Instructions of a step at which the outputs move, and of one between.
    instructions: Vec<(Core, [u64; 2])>,
}

/// How a model makes features of samples.
#[derive(Debug, Serialize)]
pub(super) struct Hearing {
    kind: &'static str,
    /// Moments a second; absent where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    channels: usize,
    frame: usize,
    hop: usize,
    /// Of sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    bands: Option<usize>,
    /// Of motion: what a sample of each channel is.
    #[serde(skip_serializing_if = "Option::is_none")]
    fraction_bits: Option<Vec<i8>>,
    features: usize,
    /// RAM that a stream keeps beside the network's state.
    ram_bytes: usize,
}

/// The model's convolution, and what its steps take on `cores`.
pub(super) fn strided(model: &Parsed<'_>, cores: &[Footprint]) -> Option<Strided> {
    let layer = model.convolution()?;
    let instructions = |found: &Footprint| {
        let cost = strided_of(found.core, model)?;
        let steps = [cost.moving, cost.waiting];
        Some((
            found.core,
            steps.map(|step| step.instructions.round() as u64),
        ))
    };
    Some(Strided {
        kernel: layer.kernel,
        stride: layer.stride,
        first: layer.first,
        instructions: cores.iter().filter_map(instructions).collect(),
    })
}

pub(super) fn strided_text(conv: &Strided) -> String {
    let rows: Vec<Vec<String>> = (conv.instructions.iter())
        .map(|(core, [moving, waiting])| {
            vec![
                core.name().to_owned(),
                moving.to_string(),
                waiting.to_string(),
            ]
        })
        .collect();
    let header = ["core", "a step that moves the outputs", "a step between"];
    format!(
        "\n\nA convolution over {} steps: the outputs move at step {} and at every {} steps from there, and stand between. \
         The estimates above are means over so many steps, for firmware that calls `moved`: a step between then ends early, \
         while `step` computes the dense layers again. Instructions, estimated:\n\n{}",
        conv.kernel,
        conv.first,
        conv.stride,
        table(&header, &rows)
    )
}

/// The model's front end.
pub(super) fn hearing(model: &Parsed<'_>, rate: Option<f64>) -> Option<Hearing> {
    let front_end = model.front_end()?;
    let (bands, fraction_bits) = match front_end {
        FrontEnd::Sound(sound) => (Some(sound.bands()), None),
        FrontEnd::Statistics(statistics) => (None, Some(statistics.fraction_bits().to_vec())),
    };
    Some(Hearing {
        kind: front_end.name(),
        rate,
        channels: front_end.channels(),
        frame: front_end.frame(),
        hop: front_end.hop(),
        bands,
        fraction_bits,
        features: front_end.features(),
        ram_bytes: 2 * front_end.history() + 8 * front_end.work(),
    })
}

/// Moments a second: those that were asked for, or those of the model.
pub(super) fn rate_of(model: &Parsed<'_>, asked: Option<f64>) -> Option<f64> {
    let of_model = || match model.front_end()?.rate_mhz() {
        0 => None,
        rate => Some(rate as f64 / 1000.0),
    };
    asked.or_else(of_model)
}

/// What a second of signal takes on `cores`.
pub(super) fn seconds(model: &Parsed<'_>, cores: &[Footprint], rate: f64) -> Vec<SecondOfSignal> {
    let second = |found: &Footprint| {
        let step = found.instructions as f64;
        SecondOfSignal::of(found.core, model.front_end(), step, rate)
    };
    cores.iter().map(second).collect()
}

pub(super) fn hearing_text(hearing: &Hearing) -> String {
    let rate = hearing.rate.map_or_else(
        || "at a rate that is not known (--rate)".to_owned(),
        |rate| format!("{rate} a second"),
    );
    let more = match (hearing.bands, &hearing.fraction_bits) {
        (Some(bands), _) => format!("{bands} bands"),
        (None, Some(bits)) => {
            let bits: Vec<_> = bits.iter().map(i8::to_string).collect();
            format!(
                "{} channels whose samples have {} fraction bits",
                hearing.channels,
                bits.join(", ")
            )
        }
        (None, None) => String::new(),
    };
    format!(
        "\n\nSamples, {rate}: {} of frames of {} every {}, {more}, {} features, {} bytes of RAM a stream.",
        hearing.kind, hearing.frame, hearing.hop, hearing.features, hearing.ram_bytes,
    )
}

pub(super) fn seconds_text(seconds: &[SecondOfSignal]) -> String {
    let rows: Vec<Vec<String>> = (seconds.iter())
        .map(|second| {
            let sum = second.front_end + second.network;
            let numbers = [second.frame, second.front_end, second.network, sum];
            let numbers = numbers.iter().map(u64::to_string);
            [second.core.name().to_owned()]
                .into_iter()
                .chain(numbers)
                .collect()
        })
        .collect();
    let header = [
        "core",
        "a frame",
        "front end a second",
        "network a second",
        "together",
    ];
    format!(
        "\n\nInstructions for a second of signal, estimated:\n\n{}",
        table(&header, &rows)
    )
}

/// For example ` convolution of 16 filters over 5 steps, stride 2,`.
pub(super) fn conv_text(conv: Option<&Convolution>) -> String {
    let text = |conv: &Convolution| {
        let Convolution {
            filters,
            kernel,
            stride,
            ..
        } = conv;
        format!(" convolution of {filters} filters over {kernel} steps, stride {stride},")
    };
    conv.map_or_else(String::new, text)
}
