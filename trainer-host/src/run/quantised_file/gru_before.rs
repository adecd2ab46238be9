//! One GRU layer of a quantised file whose reset gate comes before the product; rows are gates in the order r, z, n.
//!
//! | tensor | type and shape |
//! | --- | --- |
//! | `gru-before.L.w_x`, `gru-before.L.w_h` | i8 `[3H, I]`, `[3H, H]` |
//! | `gru-before.L.bias`, `gru-before.L.mult` | i32 `[3H]` |

use lstm_nostd::artifact::GruBefore;
use lstm_nostd::kernels::{GRU_ROWS, Scheme};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use super::{matrix, read_matrix, scheme_name, units_of};
use crate::files::tensors::{Tensor, values, vector};

/// What the tensors do not say of the layer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    #[serde(with = "scheme_name")]
    scheme: Scheme,
    x_shift: u8,
    h_shift: u8,
    input_shift: u8,
}

/// The tensors of the layer `name`.
pub(super) fn tensors(layer: &GruBefore, name: &str) -> Vec<(String, Tensor)> {
    vec![
        (format!("{name}.w_x"), matrix(&layer.w_x)),
        (format!("{name}.w_h"), matrix(&layer.w_h)),
        (format!("{name}.bias"), vector(&layer.bias)),
        (format!("{name}.mult"), vector(&layer.mult)),
    ]
}

impl Record {
    pub(super) fn of(layer: &GruBefore) -> Self {
        Self {
            scheme: layer.scheme,
            x_shift: layer.x_shift,
            h_shift: layer.h_shift,
            input_shift: layer.input_shift,
        }
    }

    /// The layer `name` of this record, which has `width` inputs.
    pub(super) fn read(
        &self,
        tensors: &SafeTensors<'_>,
        name: &str,
        width: usize,
    ) -> Result<GruBefore, String> {
        let part = |part: &str| format!("{name}.{part}");
        let units = units_of(tensors, &part("w_h"), GRU_ROWS)?;
        let rows = GRU_ROWS * units;
        Ok(GruBefore {
            scheme: self.scheme,
            x_shift: self.x_shift,
            h_shift: self.h_shift,
            input_shift: self.input_shift,
            w_x: read_matrix(tensors, &part("w_x"), rows, width)?,
            w_h: read_matrix(tensors, &part("w_h"), rows, units)?,
            bias: values(tensors, &part("bias"), &[rows])?,
            mult: values(tensors, &part("mult"), &[rows])?,
        })
    }
}
