//! Post-training quantisation: an f32 network, its calibration and a scheme for each layer in, integers
//! out.
//!
//! The arithmetic that these integers enter is `docs/numerics.md`; here are the choices. `W` is the largest
//! weight of the layer's scheme (127 or 7), b the bits of its activations.
//!
//! ```text
//! s_r  = max(max_j |W_h[r,j]|, max_j |W_x[r,j]| S_j 2^−κ) / W        row scale          (Q1)
//! w_h  = round(W_h / s_r),   w_x = round(W_x S_j 2^−κ / s_r)         weights            (Q2)
//! bias = round(b 2¹⁵ / s_r), p = round(P 2^m / s_r)                  accumulator units  (Q3)
//! E_κ  = Σ_r s_r² (4^κ Σ_j E[x_j²]/S_j² + Σ_j E[h_j²])               rounding noise     (Q4)
//! ```
//!
//! * `S_j`, the range of input channel j, starts as the largest calibrated magnitude. With int16
//!   activations it is then widened as far as no row scale grows: the inputs have bits to spare, the weights
//!   have not, and a wider `S_j` gives column j larger weights, hence less rounding noise (Q4).
//! * `κ`, which the layer's `x_shift` is 16 − b more than, is the one with the least noise `E_κ`.
//! * `n`, the shift of an int8 hidden state, is the least that covers the calibrated values.
//! * `m`, the cell's integer bits, covers twice the largest cell of the calibration.
//! * A row that could overflow its 32-bit accumulator gets a larger scale until it cannot.

use lstm_nostd::artifact::{Dense, Lstm};
use lstm_nostd::kernels::{Scheme, Width};
use ndarray::ArrayView1;

use crate::calibrate::{Calibration, LstmRanges};
use crate::network::{DenseLayer, Head, LstmLayer, Network};

/// Units of Q0.15 in one.
const Q15: f64 = 32_768.0;
/// The largest int8 activation.
const INT8_MAX: f64 = 127.0;
/// `mult = s_r · 2²⁹` takes accumulator units to Q3.12 through a product with 32 bits dropped.
const GATE_GAIN: f64 = 536_870_912.0;
/// Head-room of a range over the calibrated maximum: int8 has no bit to spare for values that may never
/// come.
const fn range_margin(width: Width) -> f64 {
    match width {
        Width::Int16 => 1.25,
        Width::Int8 => 1.0,
    }
}
/// Head-room of the cell's range over the calibrated maximum.
const CELL_MARGIN: f64 = 2.0;
/// An input range is widened by at most this factor: 10 of an int16 input's 15 bits stay in use.
const fn widest_range(width: Width) -> f64 {
    match width {
        Width::Int16 => 32.0,
        Width::Int8 => 1.0,
    }
}
/// Between int8 and int16 of the same range.
const WIDTH_SHIFT: u8 = 8;
/// Input ranges below this are taken as this: the channel is constant.
const SMALLEST_RANGE: f64 = 1e-3;
/// The largest output of a linear network is brought to two to this power.
const OUTPUT_BITS: f64 = 7.0;
/// The largest `κ` that is tried, and the largest `x_shift` that the engine takes.
const MAX_KAPPA: i32 = 10;
const MAX_X_SHIFT: i32 = 15;
/// The largest `output_shift` that the engine takes.
const MAX_OUTPUT_SHIFT: u8 = 15;
/// Smaller row scales would leave the 32-bit multiplier fewer than 13 significant bits.
const SMALLEST_SCALE: f64 = 1.0 / 65_536.0;
/// The bound on a row's accumulator, `docs/numerics.md`.
const ACCUMULATOR_BOUND: f64 = 2_147_483_648.0;

/// Why a network cannot be quantised.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum QuantiseError {
    /// A weight's magnitude is beyond what the integer formats hold.
    #[error(
        "{layer}, row {row}: its weights reach {largest:.3e}, and the scheme holds less than {limit:.0}; train with weight decay, gradient clipping or a smaller learning rate"
    )]
    WeightTooLarge {
        /// The layer, as in `lstm.0` or `dense.1`.
        layer: String,
        /// The row in gate order i, f, g, o, from 0.
        row: usize,
        /// The largest scaled magnitude of the row.
        largest: f64,
        /// The limit on it.
        limit: f64,
    },
    /// A cell grows beyond the widest format.
    #[error(
        "{layer}: its cell reaches {largest:.3e} on the calibration sequences, and the widest cell format ends at 32768; shorten the sequences or train with weight decay"
    )]
    CellTooLarge {
        /// The layer, as in `lstm.0`.
        layer: String,
        /// The largest cell seen.
        largest: f64,
    },
}

/// The integers of a whole network.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantisedNetwork {
    /// Range `S_j` of each input channel in normalised units: `x_real = x · S_j / 2¹⁵`, `[I]`.
    pub input_range: Vec<f64>,
    /// LSTM layers, first to last.
    pub lstm: Vec<Lstm>,
    /// Dense layers, first to last.
    pub dense: Vec<Dense>,
    /// A linear network's values are the outputs times two to this power; 0 for logits.
    pub output_exponent: i8,
}

/// Picks every format of `network` from its `calibration` and rounds its parameters.
///
/// `schemes` are those of the LSTM layers and then of the dense layers. `smallest_input_range[j]` is a lower
/// bound on the first layer's `S_j` (`[I]`, normalised units), which the input stage's multiplier may need.
/// A channel that never moved needs none: it is zero under any multiplier, and a wide range would cost the
/// other channels their weights.
///
/// # Panics
/// When there is not one scheme for each layer.
pub fn quantise(
    network: &Network,
    calibration: &Calibration,
    schemes: &[Scheme],
    smallest_input_range: &[f64],
) -> Result<QuantisedNetwork, QuantiseError> {
    assert_eq!(schemes.len(), network.lstm.len() + network.dense.len());
    let (lstm_schemes, dense_schemes) = schemes.split_at(network.lstm.len());
    let mut lstm: Vec<Lstm> = Vec::new();
    let mut input_range = Vec::new();
    let mut below: Option<Signal> = None;
    let layers = network.lstm.iter().zip(&calibration.lstm);
    for (l, ((layer, ranges), &scheme)) in layers.zip(lstm_schemes).enumerate() {
        let name = format!("lstm.{l}");
        let width = scheme.width();
        let (quantised, range) = match below {
            None => {
                let floor: Vec<f64> = (ranges.input_max.iter().zip(smallest_input_range))
                    .map(|(max, floor)| match max * range_margin(width) {
                        0.0 => SMALLEST_RANGE,
                        range => range.max(*floor).max(SMALLEST_RANGE),
                    })
                    .collect();
                let ceiling = floor
                    .iter()
                    .map(|range| range * widest_range(width))
                    .collect();
                let (quantised, range) =
                    quantise_lstm(&name, layer, ranges, scheme, floor, ceiling)?;
                input_range.clone_from(&range);
                (quantised, range)
            }
            Some(below) => {
                let (input_shift, range) = below.arriving(width);
                let range = vec![range; layer.w_x.ncols()];
                let (mut quantised, range) =
                    quantise_lstm(&name, layer, ranges, scheme, range.clone(), range)?;
                quantised.input_shift = input_shift;
                (quantised, range)
            }
        };
        debug_assert_eq!(range.len(), layer.w_x.ncols());
        below = Some(Signal {
            width,
            range: match width {
                Width::Int16 => 1.0,
                Width::Int8 => 0.5f64.powi(i32::from(WIDTH_SHIFT - quantised.h_shift)),
            },
            largest: ranges.hidden_max,
        });
        lstm.push(quantised);
    }
    let output_exponent = match network.config.head {
        Head::Linear => output_exponent(calibration.output_max),
        Head::Sigmoid | Head::Softmax => 0,
    };
    let mut dense = Vec::new();
    let mut below = below.expect("a network has an LSTM layer");
    for (l, (layer, &scheme)) in network.dense.iter().zip(dense_schemes).enumerate() {
        let relu_max = calibration.dense_max.get(l).copied();
        let name = format!("dense.{l}");
        let (input_shift, range) = below.arriving(scheme.width());
        let shrink = match relu_max {
            Some(_) => 1.0,
            None => 2f32.powi(-i32::from(output_exponent)),
        };
        let scaled = DenseLayer {
            weight: &layer.weight * shrink,
            bias: &layer.bias * shrink,
        };
        let (mut quantised, range) = quantise_dense(&name, &scaled, scheme, range, relu_max)?;
        quantised.input_shift = input_shift;
        dense.push(quantised);
        below = Signal {
            width: scheme.width(),
            range,
            largest: relu_max.unwrap_or(0.0),
        };
    }
    Ok(QuantisedNetwork {
        input_range,
        lstm,
        dense,
        output_exponent,
    })
}

/// What a layer hands upwards: `real = value · range / 2^(b − 1)`.
#[derive(Clone, Copy)]
struct Signal {
    width: Width,
    range: f64,
    /// Largest calibrated magnitude.
    largest: f64,
}

impl Signal {
    /// The shift that brings it to another width, and its range there.
    fn arriving(self, width: Width) -> (u8, f64) {
        match (self.width, width) {
            (Width::Int8, Width::Int16) => (WIDTH_SHIFT, self.range),
            (Width::Int16, Width::Int8) => {
                let shift = narrowing_shift(self.largest / self.range);
                let smaller = 0.5f64.powi(i32::from(WIDTH_SHIFT - shift));
                (shift, self.range * smaller)
            }
            (Width::Int16, Width::Int16) | (Width::Int8, Width::Int8) => (0, self.range),
        }
    }
}

/// The least shift at which int8 covers `largest`, a fraction of the int16 range.
fn narrowing_shift(largest: f64) -> u8 {
    (0..WIDTH_SHIFT)
        .find(|&n| largest * Q15 <= INT8_MAX * 2f64.powi(n.into()))
        .unwrap_or(WIDTH_SHIFT)
}

/// The exponent that brings the largest output to 2⁷..2⁸: 23 bits of it, and room for 128 times as
/// much, in Q15.16. Its power of two is an f32.
fn output_exponent(largest: f64) -> i8 {
    let magnitude = largest.max(f64::MIN_POSITIVE).log2().ceil();
    (magnitude - OUTPUT_BITS).clamp(-126.0, 126.0) as i8
}

fn quantise_lstm(
    name: &str,
    layer: &LstmLayer,
    ranges: &LstmRanges,
    scheme: Scheme,
    narrowest: Vec<f64>,
    widest: Vec<f64>,
) -> Result<(Lstm, Vec<f64>), QuantiseError> {
    let m = cell_int_bits(ranges.cell_max).ok_or_else(|| QuantiseError::CellTooLarge {
        layer: name.to_owned(),
        largest: ranges.cell_max,
    })?;
    let weight_max = f64::from(scheme.weight_max());
    // An int8 input counts 2⁸ times as much as an int16 one of the same range.
    let least_shift = 16 - scheme.width().bits() as i32;
    let kappas = -least_shift..=MAX_KAPPA.min(MAX_X_SHIFT - least_shift);
    let (kappa, input_range, scales) = kappas
        .map(|k| {
            let scales = row_scales(layer, weight_max, &narrowest, k, m);
            let range = widen(layer, weight_max, &narrowest, &widest, k, &scales);
            // Wider weights may cost accumulator head-room; the scales see the final ranges.
            let scales = row_scales(layer, weight_max, &range, k, m);
            (k, range, scales)
        })
        .min_by(|a, b| noise(ranges, a).total_cmp(&noise(ranges, b)))
        .expect("at least one shift is tried");

    let hidden = layer.w_h.ncols();
    let rows = 4 * hidden;
    let input_gain: Vec<f64> = input_range
        .iter()
        .map(|range| range * 0.5f64.powi(kappa))
        .collect();
    let mut quantised = Lstm {
        scheme,
        x_shift: (kappa + least_shift) as u8,
        h_shift: match scheme.width() {
            Width::Int16 => 0,
            Width::Int8 => narrowing_shift(ranges.hidden_max),
        },
        input_shift: 0,
        cell_int_bits: m,
        w_x: Vec::with_capacity(rows),
        w_h: Vec::with_capacity(rows),
        bias: Vec::with_capacity(rows),
        mult: Vec::with_capacity(rows),
        peephole: Vec::new(),
    };
    for (r, &wanted) in scales.iter().enumerate() {
        let (mult, scale) = multiplier(wanted, GATE_GAIN)
            .ok_or_else(|| too_large(name, r, wanted * weight_max, 4.0 * weight_max))?;
        quantised
            .w_x
            .push(round_row(layer.w_x.row(r), weight_max, |j| {
                input_gain[j] / scale
            }));
        quantised
            .w_h
            .push(round_row(layer.w_h.row(r), weight_max, |_| 1.0 / scale));
        quantised
            .bias
            .push((f64::from(layer.bias[r]) * Q15 / scale).round() as i32);
        quantised.mult.push(mult);
    }
    if let Some(peephole) = &layer.peephole {
        for (p, gate) in [0, 1, 3].into_iter().enumerate() {
            let row = (0..hidden).map(|u| {
                let scale = f64::from(quantised.mult[gate * hidden + u]) / GATE_GAIN;
                let value = f64::from(peephole[[p, u]]) * 2f64.powi(i32::from(m)) / scale;
                value.round().clamp(-32_767.0, 32_767.0) as i16
            });
            quantised.peephole.push(row.collect());
        }
    }
    Ok((quantised, input_range))
}

/// (Q1), made larger where the bias, the peephole or the accumulator bound asks for it.
fn row_scales(
    layer: &LstmLayer,
    weight_max: f64,
    input_range: &[f64],
    kappa: i32,
    m: u8,
) -> Vec<f64> {
    let hidden = layer.w_h.ncols();
    let shrink = 0.5f64.powi(kappa);
    (0..4 * hidden)
        .map(|r| {
            let scaled = |(w, range): (&f32, &f64)| f64::from(*w).abs() * range * shrink;
            let x = layer.w_x.row(r);
            let x_max = x.iter().zip(input_range).map(scaled).fold(0.0, f64::max);
            let x_sum: f64 = x.iter().zip(input_range).map(scaled).sum();
            let h_max = layer
                .w_h
                .row(r)
                .iter()
                .fold(0.0, |max, w| f64::from(w.abs()).max(max));
            let h_sum: f64 = layer.w_h.row(r).iter().map(|w| f64::from(w.abs())).sum();
            let peephole = match (
                &layer.peephole,
                [Some(0), Some(1), None, Some(2)][r / hidden],
            ) {
                (Some(peephole), Some(p)) => f64::from(peephole[[p, r % hidden]]).abs(),
                _ => 0.0,
            } * 2f64.powi(i32::from(m));
            let bias = f64::from(layer.bias[r]).abs();
            // Everything the accumulator may hold, in real units; rounding adds up to half a unit
            // a weight.
            let reach = x_sum / shrink + h_sum + peephole + bias;
            let rounding = 0.5 * Q15 * (x.len() as f64 / shrink + hidden as f64 + 2.0);
            (x_max.max(h_max) / weight_max)
                .max(peephole / 32_767.0)
                .max(reach * Q15 / (ACCUMULATOR_BOUND - rounding).max(1.0))
                .max(SMALLEST_SCALE)
        })
        .collect()
}

/// Widens each `S_j` as far as every row keeps its scale.
fn widen(
    layer: &LstmLayer,
    weight_max: f64,
    narrowest: &[f64],
    widest: &[f64],
    kappa: i32,
    scales: &[f64],
) -> Vec<f64> {
    let grow = 2f64.powi(kappa);
    (narrowest.iter().zip(widest).enumerate())
        .map(|(j, (&from, &to))| {
            let column = layer.w_x.column(j);
            let room = (column.iter().zip(scales))
                .map(|(w, scale)| weight_max * scale * grow / f64::from(w.abs()).max(1e-30))
                .fold(f64::INFINITY, f64::min);
            room.clamp(from, to)
        })
        .collect()
}

/// (Q4)
fn noise(ranges: &LstmRanges, (kappa, input_range, scales): &(i32, Vec<f64>, Vec<f64>)) -> f64 {
    let x: f64 = (ranges.input_square.iter().zip(input_range))
        .map(|(square, range)| square / (range * range))
        .sum();
    let h: f64 = ranges.hidden_square.iter().sum();
    let per_row = x * 4f64.powi(*kappa) + h;
    scales.iter().map(|scale| scale * scale * per_row).sum()
}

/// Integer bits that cover [`CELL_MARGIN`] times the largest cell; none beyond 15.
fn cell_int_bits(cell_max: f64) -> Option<u8> {
    (1..=15u8).find(|&m| {
        cell_max * CELL_MARGIN < 2f64.powi(i32::from(m)) || (m == 15 && cell_max < 32_768.0)
    })
}

/// Quantises one dense layer: a hidden one with ReLU whose outputs reach `relu_max`, or the output
/// layer. Also returns the range of its outputs, the next layer's input range.
fn quantise_dense(
    name: &str,
    layer: &DenseLayer,
    scheme: Scheme,
    input_range: f64,
    relu_max: Option<f64>,
) -> Result<(Dense, f64), QuantiseError> {
    let weight_max = f64::from(scheme.weight_max());
    // Integer activations of one times their range.
    let full_scale = 2f64.powi(scheme.width().bits() as i32 - 1);
    let scales: Vec<f64> = (layer.weight.rows().into_iter().zip(&layer.bias))
        .map(|(row, bias)| {
            let max = row.iter().fold(0.0, |max, w| f64::from(w.abs()).max(max)) * input_range;
            let sum: f64 = row.iter().map(|w| f64::from(w.abs())).sum::<f64>() * input_range;
            let rounding = 0.5 * full_scale * (row.len() as f64 + 2.0);
            (max / weight_max)
                .max((sum + f64::from(bias.abs())) * full_scale / (ACCUMULATOR_BOUND - rounding))
                .max(SMALLEST_SCALE)
        })
        .collect();
    let largest = scales.iter().copied().fold(0.0, f64::max);
    // One accumulator unit is s_r·2^(1−b), and the rounded high word drops 32 bits. A hidden layer's
    // outputs are int16 or int8 with y_real = y · range / 2^(b−1), the last layer's are Q15.16.
    let margin = range_margin(scheme.width());
    let output_range = relu_max.map_or(1.0, |max| (max * margin).max(largest * 2.5));
    let units_per_one = if relu_max.is_some() {
        full_scale / output_range
    } else {
        65_536.0
    };
    let full_gain = 2f64.powi(32) / full_scale * units_per_one;
    let output_shift = (0..=MAX_OUTPUT_SHIFT)
        .find(|&shift| {
            (largest * full_gain * 0.5f64.powi(i32::from(shift))).ceil() < ACCUMULATOR_BOUND
        })
        .ok_or_else(|| {
            let row = scales
                .iter()
                .position(|scale| *scale == largest)
                .unwrap_or(0);
            let limit = ACCUMULATOR_BOUND / full_gain * 2f64.powi(i32::from(MAX_OUTPUT_SHIFT));
            too_large(name, row, largest * weight_max, limit * weight_max)
        })?;
    let gain = full_gain * 0.5f64.powi(i32::from(output_shift));
    let mut quantised = Dense {
        scheme,
        input_shift: 0,
        weight: Vec::new(),
        bias: Vec::new(),
        mult: Vec::new(),
        output_shift,
    };
    for (r, &wanted) in scales.iter().enumerate() {
        let (mult, scale) = multiplier(wanted, gain)
            .ok_or_else(|| too_large(name, r, wanted * weight_max, largest * weight_max))?;
        quantised
            .weight
            .push(round_row(layer.weight.row(r), weight_max, |_| {
                input_range / scale
            }));
        quantised
            .bias
            .push((f64::from(layer.bias[r]) * full_scale / scale).round() as i32);
        quantised.mult.push(mult);
    }
    Ok((quantised, output_range))
}

/// The integer multiplier of a scale, rounded up, and the scale that it stands for exactly.
fn multiplier(scale: f64, gain: f64) -> Option<(i32, f64)> {
    let mult = (scale * gain).ceil();
    (mult < ACCUMULATOR_BOUND).then(|| (mult as i32, mult / gain))
}

fn round_row(row: ArrayView1<'_, f32>, weight_max: f64, gain: impl Fn(usize) -> f64) -> Vec<i8> {
    (row.iter().enumerate())
        .map(|(j, w)| {
            (f64::from(*w) * gain(j))
                .round()
                .clamp(-weight_max, weight_max) as i8
        })
        .collect()
}

fn too_large(layer: &str, row: usize, largest: f64, limit: f64) -> QuantiseError {
    QuantiseError::WeightTooLarge {
        layer: layer.to_owned(),
        row,
        largest,
        limit,
    }
}
