//! One LSTM layer with a recurrent projection of a quantised file.
//!
//! | tensor | type and shape |
//! | --- | --- |
//! | `projected.L.*` | as an LSTM's, with `w_h` `[4H, P]` |
//! | `projected.L.projection.*` | as a dense layer's of `P` outputs on `H` inputs |

use lstm_nostd::artifact::Projected;
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use super::{dense, lstm};
use crate::files::tensors::Tensor;
use crate::network::lstm::GATES;

/// What the tensors do not say of the layer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    units: lstm::Record,
    projection: dense::Record,
    /// What one is, in real units, of an output in Q0.15.
    output_unit: f32,
}

/// The tensors of the layer `name`.
pub(super) fn tensors(layer: &Projected, name: &str) -> Vec<(String, Tensor)> {
    let mut tensors = lstm::tensors(layer, name);
    tensors.extend(dense::tensors(&layer.projection, &projection(name)));
    tensors
}

fn projection(name: &str) -> String {
    format!("{name}.projection")
}

impl Record {
    pub(super) fn of(layer: &Projected) -> Self {
        Self {
            units: lstm::Record::of(layer),
            projection: dense::Record::of(&layer.projection),
            output_unit: layer.unit,
        }
    }

    /// The layer `name` of this record, which has `width` inputs, and its outputs.
    pub(super) fn read(
        &self,
        tensors: &SafeTensors<'_>,
        name: &str,
        width: usize,
    ) -> Result<(Projected, usize), String> {
        let outputs = dense::outputs(tensors, &projection(name))?;
        let sizes = (width, Some(outputs));
        let (lstm, units) = self.units.read(&GATES, tensors, name, sizes)?;
        let projection = self.projection.read(tensors, &projection(name), units)?;
        let layer = Projected {
            lstm,
            projection,
            unit: self.output_unit,
        };
        Ok((layer, outputs))
    }
}
