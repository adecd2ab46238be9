//! The rows of weights that recurrent layers of every kind have: a row for each gate and unit.

use safetensors::SafeTensors;

use super::{matrix, read_matrix, units_of};
use crate::files::tensors::{Tensor, values, vector};

/// Rows of G gates, those of a gate one after the other.
pub(super) struct Rows {
    /// H
    pub(super) units: usize,
    /// `[G H, I]`
    pub(super) w_x: Vec<Vec<i8>>,
    /// `[G H, O]`, where O is H but with a projection
    pub(super) w_h: Vec<Vec<i8>>,
    /// `[G H]`
    pub(super) bias: Vec<i32>,
    /// `[G H]`
    pub(super) mult: Vec<i32>,
}

impl Rows {
    /// Those of the layer `name`, which has `width` inputs, and as many outputs as units if none are given.
    pub(super) fn read(
        tensors: &SafeTensors<'_>,
        name: &str,
        gates: usize,
        (width, outputs): (usize, Option<usize>),
    ) -> Result<Self, String> {
        let part = |part: &str| format!("{name}.{part}");
        let units = units_of(tensors, &part("w_h"), gates)?;
        let rows = gates * units;
        Ok(Self {
            units,
            w_x: read_matrix(tensors, &part("w_x"), rows, width)?,
            w_h: read_matrix(tensors, &part("w_h"), rows, outputs.unwrap_or(units))?,
            bias: values(tensors, &part("bias"), &[rows])?,
            mult: values(tensors, &part("mult"), &[rows])?,
        })
    }
}

/// Tensors of the layer `name`: input and recurrent weights, biases and multipliers.
pub(super) fn tensors(
    name: &str,
    [w_x, w_h]: [&[Vec<i8>]; 2],
    [bias, mult]: [&[i32]; 2],
) -> Vec<(String, Tensor)> {
    vec![
        (format!("{name}.w_x"), matrix(w_x)),
        (format!("{name}.w_h"), matrix(w_h)),
        (format!("{name}.bias"), vector(bias)),
        (format!("{name}.mult"), vector(mult)),
    ]
}
