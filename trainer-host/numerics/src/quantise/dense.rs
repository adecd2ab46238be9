//! One dense layer: a hidden one with ReLU, or the output layer.

use lstm_nostd::artifact::Dense;
use lstm_nostd::kernels::Scheme;

use super::error::too_large;
use super::gptq::Curvature;
use super::moments::Moments;
use super::row::{Row, RowQuantiser};
use super::{ACCUMULATOR_BOUND, QuantiseError, SMALLEST_SCALE, Width, range_margin};
use crate::network::DenseLayer;
use crate::quantise::magnitudes::Clipping;

/// The largest `output_shift` that the engine takes.
const MAX_OUTPUT_SHIFT: u8 = 15;
/// The range of int16 outputs of a hidden layer over the reach of the f32 network: a bit more than inputs have, since
/// int4 weights lead to outputs that the f32 network never had.
const OUTPUT_MARGIN_INT16: f64 = 2.5;

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
        let full_scale = self.full_scale();
        let (scales, largest) = self.all_scales();
        // One accumulator unit is s_r·2^(1−b), and the rounded high word drops 32 bits. A hidden layer's
        // outputs are int16 or int8 with y_real = y · range / 2^(b−1), the last layer's are Q15.16.
        let output_range = self.range_of(largest);
        let units_per_one = if self.relu_reach.is_some() {
            full_scale / output_range
        } else {
            65_536.0
        };
        let full_gain = 2f64.powi(32) / full_scale * units_per_one;
        let output_shift = self.output_shift(&scales, largest, full_gain)?;
        // Weights act on inputs in units of their range. Nearest weights weigh all errors alike.
        let moments = self.moments.as_ref();
        let moments = moments.map(|all| all.scaled(&vec![1.0 / self.input_range; inputs]));
        let curvature = moments
            .as_ref()
            .map(|moments| (Curvature::new(&moments.covariance), moments.mean.to_vec()));
        let rows = RowQuantiser {
            weight_max: f64::from(self.scheme.weight_max()),
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
        for (r, &scales) in scales.iter().enumerate() {
            let (row, bias) = self.row(r, scales, largest, &rows)?;
            quantised.bias.push(bias);
            quantised.mult.push(row.mult);
            quantised.weight.push(row.weights);
        }
        Ok((quantised, output_range))
    }

    /// The range of the outputs.
    pub(super) fn output_range(&self) -> f64 {
        self.range_of(self.all_scales().1)
    }

    /// The range of the outputs, where this is the largest scale of a row.
    fn range_of(&self, largest: f64) -> f64 {
        let margin = output_margin(self.scheme.width());
        let range = |reach: f64| (reach * margin).max(largest * 2.5);
        self.relu_reach.map_or(1.0, range)
    }

    /// The scales of all rows, with the least of each, and the largest one.
    fn all_scales(&self) -> (Vec<(f64, f64)>, f64) {
        let scales: Vec<(f64, f64)> = (0..self.layer.bias.len()).map(|r| self.scales(r)).collect();
        let largest = scales.iter().map(|(scale, _)| *scale).fold(0.0, f64::max);
        (scales, largest)
    }

    /// Integer activations of one times their range.
    fn full_scale(&self) -> f64 {
        2f64.powi(self.scheme.width().bits() as i32 - 1)
    }

    /// The scale of row `r`, and the least that its accumulator allows.
    fn scales(&self, r: usize) -> (f64, f64) {
        let (row, bias) = (self.layer.weight.row(r), self.layer.bias[r]);
        let (full_scale, weight_max) = (self.full_scale(), f64::from(self.scheme.weight_max()));
        let max = row.iter().fold(0.0, |max, w| f64::from(w.abs()).max(max));
        let sum: f64 = row.iter().map(|w| f64::from(w.abs())).sum::<f64>();
        let rounding = 0.5 * full_scale * (row.len() as f64 + 2.0);
        let reach = sum * self.input_range + f64::from(bias.abs());
        let least = (reach * full_scale / (ACCUMULATOR_BOUND - rounding)).max(SMALLEST_SCALE);
        ((max * self.input_range / weight_max).max(least), least)
    }

    /// The least shift at which the largest scale's multiplier has 32 bits.
    fn output_shift(
        &self,
        scales: &[(f64, f64)],
        largest: f64,
        full_gain: f64,
    ) -> Result<u8, QuantiseError> {
        let fits = |&shift: &u8| {
            (largest * full_gain * 0.5f64.powi(i32::from(shift))).ceil() < ACCUMULATOR_BOUND
        };
        (0..=MAX_OUTPUT_SHIFT).find(fits).ok_or_else(|| {
            let row = scales.iter().position(|(scale, _)| *scale == largest);
            let limit = ACCUMULATOR_BOUND / full_gain * 2f64.powi(i32::from(MAX_OUTPUT_SHIFT));
            self.refused(row.unwrap_or(0), largest, limit)
        })
    }

    /// Row `r`, whose scale is not below `limit`.
    fn refused(&self, r: usize, scale: f64, limit: f64) -> QuantiseError {
        let weight_max = f64::from(self.scheme.weight_max());
        too_large(&self.name, r, scale * weight_max, limit * weight_max)
    }

    /// The integers of row `r` of these scales.
    fn row(
        &self,
        r: usize,
        (scale, least): (f64, f64),
        largest: f64,
        rows: &RowQuantiser<'_>,
    ) -> Result<(Row, i32), QuantiseError> {
        let layer = self.layer;
        let full_scale = self.full_scale();
        let target: Vec<f64> = (layer.weight.row(r).iter())
            .map(|w| f64::from(*w) * self.input_range)
            .collect();
        let bias =
            |row: &Row| ((f64::from(layer.bias[r]) + row.bias) * full_scale / row.scale).round();
        let fits = |row: &Row| {
            let sum: f64 = row.weights.iter().map(|w| f64::from(*w).abs()).sum();
            full_scale * sum + bias(row).abs() < ACCUMULATOR_BOUND
        };
        let row =
            (rows.quantise(&target, least, fits)).ok_or_else(|| self.refused(r, scale, largest))?;
        let bias = bias(&row) as i32;
        Ok((row, bias))
    }
}

/// The range of a hidden layer's outputs over the reach of the f32 network.
pub(super) const fn output_margin(width: Width) -> f64 {
    match width {
        Width::Int16 => OUTPUT_MARGIN_INT16,
        Width::Int8 => range_margin(width),
    }
}
