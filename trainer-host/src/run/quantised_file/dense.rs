//! One dense layer of a quantised file.
//!
//! | tensor | type and shape |
//! | --- | --- |
//! | `dense.L.weight` | i8 `[O, I]` |
//! | `dense.L.bias`, `dense.L.mult` | i32 `[O]` |

use lstm_nostd::artifact::Dense;
use lstm_nostd::kernels::Scheme;
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use super::{matrix, read_matrix, rows_of, scheme_name};
use crate::files::tensors::{Tensor, values, vector};

/// What the tensors do not say of the layer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    #[serde(with = "scheme_name")]
    scheme: Scheme,
    input_shift: u8,
    output_shift: u8,
}

/// The tensors of the layer `name`.
pub(super) fn tensors(layer: &Dense, name: &str) -> Vec<(String, Tensor)> {
    vec![
        (format!("{name}.weight"), matrix(&layer.weight)),
        (format!("{name}.bias"), vector(&layer.bias)),
        (format!("{name}.mult"), vector(&layer.mult)),
    ]
}

/// Outputs of the layer `name`.
pub(super) fn outputs(tensors: &SafeTensors<'_>, name: &str) -> Result<usize, String> {
    rows_of(tensors, &format!("{name}.weight"))
}

impl Record {
    pub(super) fn of(layer: &Dense) -> Self {
        Self {
            scheme: layer.scheme,
            input_shift: layer.input_shift,
            output_shift: layer.output_shift,
        }
    }

    /// The layer `name` of this record, which has `width` inputs.
    pub(super) fn read(
        &self,
        tensors: &SafeTensors<'_>,
        name: &str,
        width: usize,
    ) -> Result<Dense, String> {
        let part = |part: &str| format!("{name}.{part}");
        let rows = outputs(tensors, name)?;
        Ok(Dense {
            scheme: self.scheme,
            input_shift: self.input_shift,
            output_shift: self.output_shift,
            weight: read_matrix(tensors, &part("weight"), rows, width)?,
            bias: values(tensors, &part("bias"), &[rows])?,
            mult: values(tensors, &part("mult"), &[rows])?,
        })
    }
}
