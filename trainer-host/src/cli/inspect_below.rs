//! What `trainer-host inspect` says of what stands before the recurrent layers: a front end, a convolution.

use lstm_nostd::Model;
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
    rate: u32,
    frame: usize,
    hop: usize,
    bands: usize,
    features: usize,
    /// RAM that a stream keeps beside the network's state.
    ram_bytes: usize,
    /// On the cores of the estimates.
    seconds: Vec<SecondOfSignal>,
}

/// The model's convolution, and what its steps take on `cores`.
pub(super) fn strided(model: &Model<'_>, cores: &[Footprint]) -> Option<Strided> {
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

/// The model's front end, and what it takes on `cores`.
pub(super) fn hearing(model: &Model<'_>, cores: &[Footprint]) -> Option<Hearing> {
    let front_end = model.front_end()?;
    let second =
        |found: &Footprint| SecondOfSignal::of(found.core, front_end, found.instructions as f64);
    Some(Hearing {
        kind: front_end.kind().name(),
        rate: front_end.rate(),
        frame: front_end.frame(),
        hop: front_end.hop(),
        bands: front_end.bands(),
        features: front_end.features(),
        ram_bytes: 2 * front_end.history() + 8 * front_end.work(),
        seconds: cores.iter().map(second).collect(),
    })
}

pub(super) fn hearing_text(hearing: &Hearing) -> String {
    let rows: Vec<Vec<String>> = (hearing.seconds.iter())
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
        "\n\nSamples, {} a second: {} of frames of {} every {}, {} bands, {} features, {} bytes of RAM a stream.\n\
         Instructions, estimated:\n\n{}",
        hearing.rate,
        hearing.kind,
        hearing.frame,
        hearing.hop,
        hearing.bands,
        hearing.features,
        hearing.ram_bytes,
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
