//! One dense layer: a hidden one with ReLU, or the output layer.

use lstm_nostd::artifact::Dense;
use lstm_nostd::kernels::Scheme;

use super::error::too_large;
use super::gptq::Curvature;
use super::moments::Moments;
use super::row::{Row, RowQuantiser};
use super::{ACCUMULATOR_BOUND, QuantiseError, SMALLEST_SCALE, range_margin};
use crate::network::DenseLayer;
use crate::quantise::magnitudes::Clipping;

/// The largest `output_shift` that the engine takes.
const MAX_OUTPUT_SHIFT: u8 = 15;

/// One layer and what decides its formats.
pub(super) struct Job<'a> {
    pub(super) name: String,
    pub(super) layer: &'a DenseLayer,
    pub(super) scheme: Scheme,
    pub(super) clipping: Clipping,
    pub(super) input_range: f64,
    /// What the outputs of a hidden layer reach.
    pub(super) relu_reach: Option<f64>,
    /// Of the inputs, for a rounding by output error.
    pub(super) moments: Option<Moments>,
}

impl Job<'_> {
    /// The integers, and the range of the outputs, which is the next layer's input range.
    pub(super) fn quantise(&self) -> Result<(Dense, f64), QuantiseError> {
        let layer = self.layer;
        let inputs = layer.weight.ncols();
        let weight_max = f64::from(self.scheme.weight_max());
        // Integer activations of one times their range.
        let full_scale = 2f64.powi(self.scheme.width().bits() as i32 - 1);
        let reaches: Vec<(f64, f64)> = (layer.weight.rows().into_iter().zip(&layer.bias))
            .map(|(row, bias)| {
                let max = row.iter().fold(0.0, |max, w| f64::from(w.abs()).max(max));
                let sum: f64 = row.iter().map(|w| f64::from(w.abs())).sum::<f64>();
                let rounding = 0.5 * full_scale * (row.len() as f64 + 2.0);
                let reach = sum * self.input_range + f64::from(bias.abs());
                let least =
                    (reach * full_scale / (ACCUMULATOR_BOUND - rounding)).max(SMALLEST_SCALE);
                ((max * self.input_range / weight_max).max(least), least)
            })
            .collect();
        let largest = reaches.iter().map(|(scale, _)| *scale).fold(0.0, f64::max);
        // One accumulator unit is s_r·2^(1−b), and the rounded high word drops 32 bits. A hidden layer's
        // outputs are int16 or int8 with y_real = y · range / 2^(b−1), the last layer's are Q15.16.
        let margin = range_margin(self.scheme.width());
        let output_range = self
            .relu_reach
            .map_or(1.0, |reach| (reach * margin).max(largest * 2.5));
        let units_per_one = if self.relu_reach.is_some() {
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
                let row = reaches.iter().position(|(scale, _)| *scale == largest);
                let limit = ACCUMULATOR_BOUND / full_gain * 2f64.powi(i32::from(MAX_OUTPUT_SHIFT));
                too_large(
                    &self.name,
                    row.unwrap_or(0),
                    largest * weight_max,
                    limit * weight_max,
                )
            })?;
        // Weights act on inputs in units of their range. Nearest weights weigh all errors alike.
        let moments = self.moments.as_ref();
        let moments = moments.map(|all| all.scaled(&vec![1.0 / self.input_range; inputs]));
        let curvature = moments
            .as_ref()
            .map(|moments| (Curvature::new(&moments.covariance), moments.mean.to_vec()));
        let rows = RowQuantiser {
            weight_max,
            clipping: self.clipping,
            square: &vec![1.0; inputs],
            curvature: curvature.as_ref().map(|(c, mean)| (c, mean.as_slice())),
            gain: full_gain * 0.5f64.powi(i32::from(output_shift)),
        };
        let mut quantised = Dense {
            scheme: self.scheme,
            output_shift,
            ..Dense::default()
        };
        for (r, &(scale, least)) in reaches.iter().enumerate() {
            let weights = layer.weight.row(r);
            let target: Vec<f64> = (weights.iter())
                .map(|w| f64::from(*w) * self.input_range)
                .collect();
            let bias = |row: &Row| {
                ((f64::from(layer.bias[r]) + row.bias) * full_scale / row.scale).round()
            };
            let fits = |row: &Row| {
                let sum: f64 = row.weights.iter().map(|w| f64::from(*w).abs()).sum();
                full_scale * sum + bias(row).abs() < ACCUMULATOR_BOUND
            };
            let row = rows.quantise(&target, least, fits).ok_or_else(|| {
                too_large(&self.name, r, scale * weight_max, largest * weight_max)
            })?;
            quantised.bias.push(bias(&row) as i32);
            quantised.mult.push(row.mult);
            quantised.weight.push(row.weights);
        }
        Ok((quantised, output_range))
    }
}
