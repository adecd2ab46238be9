//! What `trainer-host inspect` says of each layer of a model file.

use lstm_nostd::{Direction, Parsed};
use serde::Serialize;

use super::table::table;
use crate::network::{Cell, LayerShape};

/// A layer, and what it costs.
#[derive(Debug, Serialize)]
pub(super) struct Layer {
    name: String,
    scheme: &'static str,
    inputs: usize,
    units: usize,
    /// Of a recurrent layer with a projection.
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<usize>,
    peepholes: bool,
    cell_format: Option<String>,
    parameter_bytes: usize,
    pub(super) macs_per_step: usize,
}

/// All layers, first to last.
pub(super) fn layers(model: &Parsed<'_>) -> Vec<Layer> {
    let mut layers = Vec::new();
    let stride = model.stride();
    if let Some(layer) = model.convolution() {
        layers.push(Layer {
            name: "conv.0".into(),
            scheme: layer.scheme().name(),
            inputs: model.inputs(),
            units: layer.outputs(),
            outputs: None,
            peepholes: false,
            cell_format: None,
            parameter_bytes: layer.bytes(),
            macs_per_step: (layer.outputs() * layer.filters.inputs).div_ceil(stride),
        });
    }
    for (l, layer) in model.recurrent_layers().iter().enumerate() {
        let (rows, bytes) = (layer.rows(), layer.bytes());
        let (cell, cell_bits) = (Cell::of(layer), layer.cell_int_bits());
        let shape = LayerShape::recurrent(cell, l, rows.inputs, layer.units());
        let direction = model.direction(l);
        layers.push(Layer {
            name: match direction {
                Direction::Forward => shape.name(),
                Direction::Reverse | Direction::Beside => {
                    format!("{} {}", shape.name(), direction.name())
                }
            },
            scheme: rows.scheme().name(),
            inputs: rows.inputs,
            units: layer.units(),
            outputs: cell.projection(),
            peepholes: cell.peepholes(),
            cell_format: Some(format!("Q{cell_bits}.{}", 31 - cell_bits)),
            parameter_bytes: bytes,
            macs_per_step: shape.multiplications().div_ceil(stride),
        });
    }
    for (l, layer) in model.dense_layers().enumerate() {
        let shape = LayerShape::dense(l, layer.inputs, layer.outputs);
        layers.push(Layer {
            name: shape.name(),
            scheme: layer.scheme().name(),
            inputs: layer.inputs,
            units: shape.units,
            outputs: None,
            peepholes: false,
            cell_format: None,
            parameter_bytes: layer.bytes(),
            macs_per_step: shape.multiplications().div_ceil(stride),
        });
    }
    layers
}

pub(super) fn layers_table(layers: &[Layer]) -> String {
    let rows: Vec<Vec<String>> = layers
        .iter()
        .map(|layer| {
            vec![
                layer.name.clone(),
                layer.scheme.into(),
                layer.inputs.to_string(),
                match layer.outputs {
                    Some(outputs) => format!("{} to {outputs}", layer.units),
                    None => layer.units.to_string(),
                },
                if layer.peepholes { "yes" } else { "" }.into(),
                layer.cell_format.clone().unwrap_or_default(),
                layer.parameter_bytes.to_string(),
                layer.macs_per_step.to_string(),
            ]
        })
        .collect();
    table(
        &[
            "layer",
            "scheme",
            "inputs",
            "units",
            "peepholes",
            "cell",
            "bytes",
            "MAC/step",
        ],
        &rows,
    )
}
