//! The integers of one LSTM layer, with or without coupled gates, and what they stand for.

use lstm_nostd::artifact::Lstm;
use lstm_nostd::kernels::{Scheme, Width};
use ndarray::Array2;

use super::Job;
use super::rows::{GATE_GAIN, Rows};
use crate::network::lstm::{gate_of_peephole, peepholes_of};
use crate::network::{Gate, LayerShape, LstmLayer, Recurrent as _};
use crate::quantise::dequantise::matrix;
use crate::quantise::{Q15, QuantiseError};

/// Head-room of the cell's range over the calibrated reach.
const CELL_MARGIN: f64 = 2.0;

/// A layer of this shape whose integers answer nothing, with `peepholes` rows of peepholes. Different shifts take the
/// most bytes.
pub(super) fn empty(shape: &LayerShape, peepholes: usize, scheme: Scheme) -> Lstm {
    let rows = |width: usize| vec![vec![0; width]; shape.rows];
    Lstm {
        scheme,
        x_shift: 1,
        cell_int_bits: 1,
        w_x: rows(shape.inputs),
        w_h: rows(shape.outputs),
        bias: vec![0; shape.rows],
        mult: vec![1; shape.rows],
        peephole: vec![vec![0; shape.units]; peepholes],
        ..Lstm::default()
    }
}

/// (FQ1) of a layer of these gates; `gain` is `2^κ / S_j`, `[I]`.
pub(super) fn real(gates: &'static [Gate], layer: &Lstm, gain: &[f64]) -> LstmLayer {
    let units = layer.mult.len() / gates.len();
    let scale = |r: usize| f64::from(layer.mult[r]) / GATE_GAIN;
    let unit = 0.5f64.powi(layer.cell_int_bits.into());
    LstmLayer {
        gates,
        w_x: matrix(&layer.w_x, |r, j| scale(r) * gain[j]),
        w_h: matrix(&layer.w_h, |r, _| scale(r)),
        bias: (layer.bias.iter().enumerate())
            .map(|(r, bias)| (f64::from(*bias) * scale(r) / Q15) as f32)
            .collect(),
        peephole: (!layer.peephole.is_empty()).then(|| {
            Array2::from_shape_fn((peepholes_of(gates), units), |(p, u)| {
                let row = gate_of_peephole(gates, p) * units + u;
                (f64::from(layer.peephole[p][u]) * scale(row) * unit) as f32
            })
        }),
    }
}

/// The integers of `layer`, the input ranges `S_j`, which lie between `narrowest` and `widest`, and `2^κ / S_j`.
pub(super) fn quantise(
    layer: &LstmLayer,
    job: &Job<'_>,
    (narrowest, widest): (&[f64], &[f64]),
) -> Result<(Lstm, Vec<f64>, Vec<f64>), QuantiseError> {
    let (inputs, hidden) = (layer.w_x.ncols(), layer.units());
    let cell_int_bits = cell_int_bits(job)?;
    let rows = Rows {
        job,
        w_x: &layer.w_x,
        w_h: &layer.w_h,
        bias: &layer.bias,
        peephole: (0..layer.bias.len())
            .map(|r| peephole(layer, r, cell_int_bits))
            .collect(),
        recurrent_bias: vec![0.0; layer.bias.len()],
        candidates: 0..0,
        reset: 0..0,
    };
    let (rows, formats) = rows.quantise(narrowest, widest)?;
    let mut quantised = Lstm {
        scheme: job.scheme,
        x_shift: formats.x_shift,
        h_shift: formats.h_shift,
        cell_int_bits,
        peephole: match layer.peephole {
            Some(_) => vec![Vec::new(); peepholes_of(layer.gates())],
            None => Vec::new(),
        },
        ..Lstm::default()
    };
    for (r, integers) in rows.into_iter().enumerate() {
        let gate = layer.gates()[r / hidden];
        if let Some(p) = gate.peephole.filter(|_| layer.peephole.is_some()) {
            quantised.peephole[p].push(integers.peephole);
        }
        let (of_x, of_h) = integers.row.weights.split_at(inputs);
        quantised.w_x.push(of_x.to_vec());
        quantised.w_h.push(of_h.to_vec());
        quantised.bias.push(integers.bias);
        quantised.mult.push(integers.row.mult);
    }
    Ok((quantised, formats.input_range, formats.gain))
}

/// Integer bits that cover [`CELL_MARGIN`] times the reach of the cells.
fn cell_int_bits(job: &Job<'_>) -> Result<u8, QuantiseError> {
    let cell = &job.ranges.cell;
    let reach = cell.reach(job.clipping, Width::Int16);
    let fits = |&m: &u8| {
        reach * CELL_MARGIN < 2f64.powi(i32::from(m)) || (m == 15 && cell.largest() < 32_768.0)
    };
    (1..=15u8)
        .find(fits)
        .ok_or_else(|| QuantiseError::CellTooLarge {
            layer: job.name.clone(),
            largest: cell.largest(),
        })
}

/// The peephole of row `r` against a cell in units of `2^m`; 0 where there is none.
fn peephole(layer: &LstmLayer, r: usize, m: u8) -> f64 {
    let hidden = layer.units();
    match (&layer.peephole, layer.gates()[r / hidden].peephole) {
        (Some(peephole), Some(p)) => f64::from(peephole[[p, r % hidden]]) * 2f64.powi(m.into()),
        _ => 0.0,
    }
}
