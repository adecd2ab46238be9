//! One GRU layer of a quantised file; rows are gates in the order r, z, n.
//!
//! | tensor | type and shape |
//! | --- | --- |
//! | `gru.L.w_x`, `gru.L.w_h` | i8 `[3H, I]`, `[3H, H]` |
//! | `gru.L.bias`, `gru.L.mult` | i32 `[3H]` |
//! | `gru.L.recurrent_bias` | i32 `[H]`, of the candidates |
//!
//! A layer whose reset gate comes before the product has `gru-before.L.*`, without a recurrent bias.

use lstm_nostd::artifact::{Gru, GruBefore};
use lstm_nostd::kernels::{GRU_ROWS, Scheme};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use super::rows::{self, Rows};
use super::scheme_name;
use crate::files::tensors::{Tensor, values, vector};

/// What the tensors do not say of a layer of either kind.
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
pub(super) fn tensors(layer: &Gru, name: &str) -> Vec<(String, Tensor)> {
    let mut tensors = rows::tensors(name, [&layer.w_x, &layer.w_h], [&layer.bias, &layer.mult]);
    tensors.push((
        format!("{name}.recurrent_bias"),
        vector(&layer.recurrent_bias),
    ));
    tensors
}

/// The tensors of the layer `name`, whose reset gate comes before the product.
pub(super) fn tensors_before(layer: &GruBefore, name: &str) -> Vec<(String, Tensor)> {
    rows::tensors(name, [&layer.w_x, &layer.w_h], [&layer.bias, &layer.mult])
}

impl Record {
    pub(super) fn of(layer: &Gru) -> Self {
        Self {
            scheme: layer.scheme,
            x_shift: layer.x_shift,
            h_shift: layer.h_shift,
            input_shift: layer.input_shift,
        }
    }

    pub(super) fn of_before(layer: &GruBefore) -> Self {
        Self {
            scheme: layer.scheme,
            x_shift: layer.x_shift,
            h_shift: layer.h_shift,
            input_shift: layer.input_shift,
        }
    }

    /// The layer `name` of this record, which has `width` inputs, and its units.
    pub(super) fn read(
        &self,
        tensors: &SafeTensors<'_>,
        name: &str,
        width: usize,
    ) -> Result<(Gru, usize), String> {
        let rows = Rows::read(tensors, name, GRU_ROWS, (width, None))?;
        let recurrent_bias = values(tensors, &format!("{name}.recurrent_bias"), &[rows.units])?;
        let layer = Gru {
            scheme: self.scheme,
            x_shift: self.x_shift,
            h_shift: self.h_shift,
            input_shift: self.input_shift,
            w_x: rows.w_x,
            w_h: rows.w_h,
            bias: rows.bias,
            recurrent_bias,
            mult: rows.mult,
        };
        Ok((layer, rows.units))
    }

    /// The same of a layer whose reset gate comes before the product.
    pub(super) fn read_before(
        &self,
        tensors: &SafeTensors<'_>,
        name: &str,
        width: usize,
    ) -> Result<(GruBefore, usize), String> {
        let rows = Rows::read(tensors, name, GRU_ROWS, (width, None))?;
        let layer = GruBefore {
            scheme: self.scheme,
            x_shift: self.x_shift,
            h_shift: self.h_shift,
            input_shift: self.input_shift,
            w_x: rows.w_x,
            w_h: rows.w_h,
            bias: rows.bias,
            mult: rows.mult,
        };
        Ok((layer, rows.units))
    }
}
