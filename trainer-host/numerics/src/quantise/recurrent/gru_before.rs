//! The integers of one GRU layer whose reset gate comes before the product, and what they stand for.

use lstm_nostd::artifact::GruBefore;
use lstm_nostd::kernels::Scheme;
use ndarray::Array1;

use super::Job;
use super::rows::{GATE_GAIN, Rows};
use crate::network::{GateRole, GruBeforeLayer, LayerShape, Recurrent as _};
use crate::quantise::dequantise::matrix;
use crate::quantise::{Q15, QuantiseError};

/// A layer of this shape whose integers answer nothing. Different shifts take the most bytes.
pub(super) fn empty(shape: &LayerShape, scheme: Scheme) -> GruBefore {
    let rows = |width: usize| vec![vec![0; width]; shape.rows];
    GruBefore {
        scheme,
        x_shift: 1,
        w_x: rows(shape.inputs),
        w_h: rows(shape.outputs),
        bias: vec![0; shape.rows],
        mult: vec![1; shape.rows],
        ..GruBefore::default()
    }
}

/// (FQ1); `gain` is `2^κ / S_j`, `[I]`.
pub(super) fn real(layer: &GruBefore, gain: &[f64]) -> GruBeforeLayer {
    let scale = |r: usize| f64::from(layer.mult[r]) / GATE_GAIN;
    let biases = layer.bias.iter().enumerate();
    let bias: Array1<f32> = biases
        .map(|(r, bias)| (f64::from(*bias) * scale(r) / Q15) as f32)
        .collect();
    GruBeforeLayer {
        w_x: matrix(&layer.w_x, |r, j| scale(r) * gain[j]),
        w_h: matrix(&layer.w_h, |r, _| scale(r)),
        bias,
    }
}

/// The integers of `layer`, the input ranges `S_j`, which lie between `narrowest` and `widest`, and `2^κ / S_j`.
pub(super) fn quantise(
    layer: &GruBeforeLayer,
    job: &Job<'_>,
    (narrowest, widest): (&[f64], &[f64]),
) -> Result<(GruBefore, Vec<f64>, Vec<f64>), QuantiseError> {
    let candidates = (layer.rows_of(GateRole::Candidate)).expect("a GRU has candidates");
    let zeros = vec![0.0; layer.bias.len()];
    let rows = Rows {
        job,
        w_x: &layer.w_x,
        w_h: &layer.w_h,
        bias: &layer.bias,
        peephole: zeros.clone(),
        recurrent_bias: zeros,
        candidates: 0..0,
        reset: candidates,
    };
    let (rows, formats) = rows.quantise(narrowest, widest)?;
    let mut quantised = GruBefore {
        scheme: job.scheme,
        x_shift: formats.x_shift,
        h_shift: formats.h_shift,
        ..GruBefore::default()
    };
    for integers in rows {
        let (of_x, of_h) = integers.row.weights.split_at(layer.w_x.ncols());
        quantised.w_x.push(of_x.to_vec());
        quantised.w_h.push(of_h.to_vec());
        quantised.bias.push(integers.bias);
        quantised.mult.push(integers.row.mult);
    }
    Ok((quantised, formats.input_range, formats.gain))
}
