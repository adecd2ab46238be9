//! The integers of one GRU layer, and what they stand for.

use lstm_nostd::artifact::Gru;
use lstm_nostd::kernels::Scheme;
use ndarray::Array1;

use super::Job;
use super::rows::{GATE_GAIN, Rows};
use crate::network::gru::GATES;
use crate::network::{GateRole, GruLayer, LayerShape, Recurrent as _};
use crate::quantise::dequantise::matrix;
use crate::quantise::{Q15, QuantiseError};

/// A layer of this shape whose integers answer nothing. Different shifts take the most bytes.
pub(super) fn empty(shape: &LayerShape, scheme: Scheme) -> Gru {
    let rows = |width: usize| vec![vec![0; width]; shape.rows];
    Gru {
        scheme,
        x_shift: 1,
        w_x: rows(shape.inputs),
        w_h: rows(shape.outputs),
        bias: vec![0; shape.rows],
        recurrent_bias: vec![0; shape.units],
        mult: vec![1; shape.rows],
        ..Gru::default()
    }
}

/// (FQ1); `gain` is `2^κ / S_j`, `[I]`.
pub(super) fn real(layer: &Gru, gain: &[f64]) -> GruLayer {
    let units = layer.recurrent_bias.len();
    let first = layer.mult.len() - units;
    let scale = |r: usize| f64::from(layer.mult[r]) / GATE_GAIN;
    let biases = |values: &[i32], first: usize| -> Array1<f32> {
        (values.iter().enumerate())
            .map(|(r, bias)| (f64::from(*bias) * scale(first + r) / Q15) as f32)
            .collect()
    };
    GruLayer {
        w_x: matrix(&layer.w_x, |r, j| scale(r) * gain[j]),
        w_h: matrix(&layer.w_h, |r, _| scale(r)),
        bias: biases(&layer.bias, 0),
        // The candidates are the last gate.
        recurrent_bias: biases(&layer.recurrent_bias, first),
    }
}

/// The integers of `layer`, the input ranges `S_j`, which lie between `narrowest` and `widest`, and `2^κ / S_j`.
pub(super) fn quantise(
    layer: &GruLayer,
    job: &Job<'_>,
    (narrowest, widest): (&[f64], &[f64]),
) -> Result<(Gru, Vec<f64>, Vec<f64>), QuantiseError> {
    let candidates = (layer.rows_of(GateRole::Candidate)).expect("a GRU has candidates");
    let mut recurrent_bias = vec![0.0; layer.bias.len()];
    for (bias, value) in (recurrent_bias[candidates.clone()].iter_mut()).zip(&layer.recurrent_bias)
    {
        *bias = f64::from(*value);
    }
    let rows = Rows {
        job,
        w_x: &layer.w_x,
        w_h: &layer.w_h,
        bias: &layer.bias,
        peephole: vec![0.0; layer.bias.len()],
        recurrent_bias,
        candidates: candidates.clone(),
        reset: 0..0,
    };
    let (rows, formats) = rows.quantise(narrowest, widest)?;
    let mut quantised = Gru {
        scheme: job.scheme,
        x_shift: formats.x_shift,
        h_shift: formats.h_shift,
        ..Gru::default()
    };
    for (r, integers) in rows.into_iter().enumerate() {
        let (of_x, of_h) = integers.row.weights.split_at(layer.w_x.ncols());
        quantised.w_x.push(of_x.to_vec());
        quantised.w_h.push(of_h.to_vec());
        quantised.bias.push(integers.bias);
        quantised.mult.push(integers.row.mult);
        if candidates.contains(&r) {
            quantised.recurrent_bias.push(integers.recurrent_bias);
        }
    }
    debug_assert_eq!(quantised.mult.len(), GATES.len() * candidates.len());
    Ok((quantised, formats.input_range, formats.gain))
}
