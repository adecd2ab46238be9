//! One LSTM layer of a quantised file; rows are gates in the order i, f, g, o.
//!
//! | tensor | type and shape |
//! | --- | --- |
//! | `lstm.L.w_x`, `lstm.L.w_h` | i8 `[4H, I]`, `[4H, H]` |
//! | `lstm.L.bias`, `lstm.L.mult` | i32 `[4H]` |
//! | `lstm.L.peephole` | i16 `[3, H]` for i, f, o; absent without peepholes |
//!
//! A layer with coupled gates has `coupled.L.*`, without f: three gates, and `[2, H]` peepholes of i, o.

use lstm_nostd::artifact::Lstm;
use lstm_nostd::kernels::Scheme;
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use super::rows::{self, Rows};
use super::{matrix, read_matrix, scheme_name};
use crate::files::tensors::Tensor;
use crate::network::Gate;
use crate::network::lstm::peepholes_of;

/// What the tensors do not say of the layer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    #[serde(with = "scheme_name")]
    scheme: Scheme,
    x_shift: u8,
    h_shift: u8,
    input_shift: u8,
    cell_int_bits: u8,
}

/// The tensors of the layer `name`.
pub(super) fn tensors(layer: &Lstm, name: &str) -> Vec<(String, Tensor)> {
    let mut tensors = rows::tensors(name, [&layer.w_x, &layer.w_h], [&layer.bias, &layer.mult]);
    if !layer.peephole.is_empty() {
        tensors.push((format!("{name}.peephole"), matrix(&layer.peephole)));
    }
    tensors
}

impl Record {
    pub(super) fn of(layer: &Lstm) -> Self {
        Self {
            scheme: layer.scheme,
            x_shift: layer.x_shift,
            h_shift: layer.h_shift,
            input_shift: layer.input_shift,
            cell_int_bits: layer.cell_int_bits,
        }
    }

    /// The layer `name` of this record with these gates, which has `width` inputs and hands on a value of each unit or as many
    /// as are given, and its units.
    pub(super) fn read(
        &self,
        gates: &[Gate],
        tensors: &SafeTensors<'_>,
        name: &str,
        (width, outputs): (usize, Option<usize>),
    ) -> Result<(Lstm, usize), String> {
        let rows = Rows::read(tensors, name, gates.len(), (width, outputs))?;
        let peephole = format!("{name}.peephole");
        let layer = Lstm {
            scheme: self.scheme,
            x_shift: self.x_shift,
            h_shift: self.h_shift,
            input_shift: self.input_shift,
            cell_int_bits: self.cell_int_bits,
            w_x: rows.w_x,
            w_h: rows.w_h,
            bias: rows.bias,
            mult: rows.mult,
            peephole: match tensors.tensor(&peephole) {
                Ok(_) => read_matrix(tensors, &peephole, peepholes_of(gates), rows.units)?,
                Err(_) => Vec::new(),
            },
        };
        Ok((layer, rows.units))
    }
}
