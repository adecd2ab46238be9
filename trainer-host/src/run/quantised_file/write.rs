//! A quantised network to its file.

use std::path::Path;

use lstm_nostd::InputChannel;
use lstm_nostd::artifact::{ModelFile, Recurrent};

use super::{FORMAT, Input, Layer, Metadata, Scale, conv, dense, gru, lstm, projected};
use crate::files::atomic::WriteFileError;
use crate::files::tensors::{self, Element, Tensor, vector};
use crate::network::Network;

/// Writes `file`, the integers of `network`, to `path`, with the number of a run's first quantisation.
///
/// # Errors
/// When the file cannot be written; nothing is left behind then.
pub fn write(path: &Path, file: &ModelFile, network: &Network) -> Result<(), WriteFileError> {
    write_numbered(path, file, network, 1)
}

/// [`write()`] with another number.
pub(in crate::run) fn write_numbered(
    path: &Path,
    file: &ModelFile,
    network: &Network,
    number: u64,
) -> Result<(), WriteFileError> {
    let (tensors, layers) = tensors_and_layers(file);
    let inputs = file.channels.iter().zip(&file.input_names);
    let metadata = Metadata {
        format: FORMAT,
        weights: network.fingerprint(),
        head: file.task.into(),
        mode: file.mode.into(),
        inputs: inputs
            .map(|(channel, name)| Input {
                name: name.clone(),
                shift: channel.shift,
                frac_bits: channel.frac_bits,
            })
            .collect(),
        scales: (file.scales.iter())
            .map(|scale| Scale {
                offset: scale.offset,
                exponent: scale.exponent,
            })
            .collect(),
        layers,
        directions: (file.directions.iter())
            .map(|direction| direction.name().to_owned())
            .collect(),
        output_names: file.output_names.clone(),
        number,
    };
    tensors::write(path, tensors, Some(&metadata))
}

/// Tensors by their names, and the records of layers.
fn tensors_and_layers(file: &ModelFile) -> (Vec<(String, Tensor)>, Vec<Layer>) {
    let channel = |of: fn(&InputChannel) -> i32| file.channels.iter().map(of).collect::<Vec<_>>();
    let mut tensors: Vec<(String, Tensor)> = vec![
        ("input.mean".into(), vector(&channel(|c| c.mean))),
        ("input.fraction".into(), vector(&channel(|c| c.fraction))),
        ("input.mult".into(), vector(&channel(|c| c.mult))),
    ];
    let mut layers = Vec::new();
    if let Some(layer) = &file.conv {
        tensors.extend(conv::tensors(layer, "conv.0"));
        layers.push(Layer::Conv(conv::Record::of(layer)));
    }
    for (l, layer) in file.recurrent.iter().enumerate() {
        let name = format!("{}.{l}", layer.kind().name());
        let (of_layer, record) = recurrent_record(layer, &name);
        tensors.extend(of_layer);
        layers.push(record);
    }
    for (l, layer) in file.dense.iter().enumerate() {
        tensors.extend(dense::tensors(layer, &format!("dense.{l}")));
        layers.push(Layer::Dense(dense::Record::of(layer)));
    }
    let (raw, outputs): (Vec<_>, Vec<_>) = file.golden.iter().cloned().unzip();
    tensors.push(("golden.raw".into(), matrix(&raw)));
    tensors.push(("golden.outputs".into(), matrix(&outputs)));
    (tensors, layers)
}

/// Tensors and record of a recurrent layer.
fn recurrent_record(layer: &Recurrent, name: &str) -> (Vec<(String, Tensor)>, Layer) {
    match layer {
        Recurrent::Lstm(layer) => (
            lstm::tensors(layer, name),
            Layer::Lstm(lstm::Record::of(layer)),
        ),
        Recurrent::Gru(layer) => (
            gru::tensors(layer, name),
            Layer::Gru(gru::Record::of(layer)),
        ),
        Recurrent::Coupled(layer) => (
            lstm::tensors(layer, name),
            Layer::Coupled(lstm::Record::of(layer)),
        ),
        Recurrent::GruBefore(layer) => (
            gru::tensors_before(layer, name),
            Layer::GruBefore(gru::Record::of_before(layer)),
        ),
        Recurrent::Projected(layer) => (
            projected::tensors(layer, name),
            Layer::Projected(projected::Record::of(layer)),
        ),
    }
}

/// A tensor of two dimensions.
pub(super) fn matrix<T: Element>(rows: &[Vec<T>]) -> Tensor {
    let mut tensor = vector(&rows.concat());
    tensor.shape = vec![rows.len(), rows.first().map_or(0, Vec::len)];
    tensor
}
