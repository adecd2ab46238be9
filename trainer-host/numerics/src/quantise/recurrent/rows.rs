//! (Q1) to (Q4) for the rows of a recurrent layer, whatever its kind.

use std::ops::Range;

use lstm_nostd::kernels::Width;
use ndarray::{Array1, Array2};
use rayon::prelude::*;

use super::Job;
use crate::quantise::calibrate::RecurrentRanges;
use crate::quantise::error::too_large;
use crate::quantise::gptq::Curvature;
use crate::quantise::magnitudes::Magnitudes;
use crate::quantise::moments::Moments;
use crate::quantise::row::{Row, RowQuantiser, multiplier};
use crate::quantise::{
    ACCUMULATOR_BOUND, Plan, Q15, QuantiseError, SMALLEST_SCALE, narrowing_shift, range_margin,
};

/// `mult = s_r · 2²⁹` takes accumulator units to Q3.12 through a product with 32 bits dropped.
pub(super) const GATE_GAIN: f64 = 536_870_912.0;
/// An input range is widened by at most this factor: 10 of an int16 input's 15 bits stay in use.
const fn widest_range(width: Width) -> f64 {
    match width {
        Width::Int16 => 32.0,
        Width::Int8 => 1.0,
    }
}
/// Input ranges below this are taken as this: the channel is constant.
const SMALLEST_RANGE: f64 = 1e-3;
/// The largest `κ` that is tried, and the largest `x_shift` that the engine takes.
const MAX_KAPPA: i32 = 10;
const MAX_X_SHIFT: i32 = 15;

/// The narrowest and widest ranges of the first layer's inputs, and their shift, which is none.
pub(in crate::quantise) fn input_ranges(
    inputs: &[Magnitudes],
    plan: &Plan<'_>,
    width: Width,
) -> (u8, Vec<f64>, Vec<f64>) {
    let reach =
        |magnitudes: &Magnitudes| magnitudes.reach(plan.clipping, width) * range_margin(width);
    let narrowest: Vec<f64> = (inputs.iter().zip(plan.smallest_input_range))
        .map(|(magnitudes, least)| match reach(magnitudes) {
            0.0 => SMALLEST_RANGE,
            range => range.max(*least).max(SMALLEST_RANGE),
        })
        .collect();
    let widest = narrowest.iter().map(|r| r * widest_range(width)).collect();
    (0, narrowest, widest)
}

/// (Q4) may be so much larger with an int8 layer's shifts alike.
const EQUAL_SHIFTS_NOISE: f64 = 1.1;

/// The rows of a layer, and what decides their formats.
pub(super) struct Rows<'a> {
    pub(super) job: &'a Job<'a>,
    /// `[R, I]`
    pub(super) w_x: &'a Array2<f32>,
    /// `[R, H]`
    pub(super) w_h: &'a Array2<f32>,
    /// `[R]`
    pub(super) bias: &'a Array1<f32>,
    /// What else enters a row, against a value of at most one: `[R]`, 0 where there is nothing.
    pub(super) peephole: Vec<f64>,
    /// Biases of recurrent sums that a gate scales with them: `[R]`, 0 where there is none.
    pub(super) recurrent_bias: Vec<f64>,
    /// The rows that have such a bias.
    pub(super) candidates: Range<usize>,
    /// The rows that see the state after a gate has reset it.
    pub(super) reset: Range<usize>,
}

/// Magnitudes in a row that are the same for every κ and every input range.
struct RecurrentRow {
    /// The largest of W_h.
    largest: f64,
    /// Of all W_h.
    sum: f64,
    peephole: f64,
    /// Of all biases.
    bias: f64,
}

/// What the rows of a layer share.
pub(super) struct Formats {
    pub(super) x_shift: u8,
    pub(super) h_shift: u8,
    kappa: i32,
    /// `S_j`
    pub(super) input_range: Vec<f64>,
    /// `2^κ / S_j`: x · gain is what the weights of x multiply, as h is.
    pub(super) gain: Vec<f64>,
}

/// The integers of a row.
pub(super) struct IntegerRow {
    pub(super) row: Row,
    pub(super) bias: i32,
    /// 0 where there is none.
    pub(super) recurrent_bias: i32,
    /// 0 where there is none.
    pub(super) peephole: i16,
}

impl Rows<'_> {
    /// The integers of each row, and the formats that all share.
    pub(super) fn quantise(
        &self,
        narrowest: &[f64],
        widest: &[f64],
    ) -> Result<(Vec<IntegerRow>, Formats), QuantiseError> {
        let ranges = self.job.ranges;
        let recurrent: Vec<RecurrentRow> = (0..self.bias.len())
            .map(|r| self.recurrent_row(r))
            .collect();
        let formats = self.formats(&recurrent, narrowest, widest);
        let gain = &formats.gain;
        let square: Vec<f64> = (ranges.input_square.iter().zip(gain))
            .map(|(square, gain)| square * gain * gain)
            .chain(ranges.hidden_square.iter().copied())
            .collect();
        let curvature = |moments: &Moments| {
            let of_hidden = vec![1.0; self.w_h.ncols()];
            let all: Vec<f64> = gain.iter().copied().chain(of_hidden).collect();
            let moments = moments.scaled(&all);
            (Curvature::new(&moments.covariance), moments.mean.to_vec())
        };
        let of_state = self.job.moments.as_ref().map(curvature);
        let of_reset = self.job.reset_moments.as_ref().map(curvature);
        let [rows, reset_rows] = [&of_state, &of_reset].map(|curvature| RowQuantiser {
            weight_max: f64::from(self.job.scheme.weight_max()),
            clipping: self.job.clipping,
            square: &square,
            curvature: curvature.as_ref().map(|(c, mean)| (c, mean.as_slice())),
            gain: GATE_GAIN,
        });
        // Rows do not know of one another.
        let found: Vec<Result<IntegerRow, QuantiseError>> = (0..self.bias.len())
            .into_par_iter()
            .map(|r| match self.reset.contains(&r) {
                true => self.row(r, &recurrent[r], &formats, &reset_rows),
                false => self.row(r, &recurrent[r], &formats, &rows),
            })
            .collect();
        let rows = found.into_iter().collect::<Result<_, _>>()?;
        Ok((rows, formats))
    }

    /// The shifts and input ranges of least noise (Q4) among those whose scales have multipliers, if any have.
    fn formats(&self, recurrent: &[RecurrentRow], narrowest: &[f64], widest: &[f64]) -> Formats {
        let ranges = self.job.ranges;
        let width = self.job.scheme.width();
        let weight_max = f64::from(self.job.scheme.weight_max());
        // An int8 input counts 2⁸ times as much as an int16 one of the same range.
        let least_shift = 16 - width.bits() as i32;
        let h_shift = match width {
            Width::Int16 => 0,
            Width::Int8 => narrowing_shift(ranges.hidden.reach(self.job.clipping, Width::Int8)),
        };
        let allowance = |kappa: i32| match width {
            Width::Int8 if kappa + least_shift != i32::from(h_shift) => 1.0,
            Width::Int8 if self.job.equal_shifts => f64::INFINITY,
            Width::Int8 => EQUAL_SHIFTS_NOISE,
            Width::Int16 => 1.0,
        };
        let (_, kappa, input_range) = (-least_shift..=MAX_KAPPA.min(MAX_X_SHIFT - least_shift))
            .map(|k| {
                let scales = self.row_scales(recurrent, narrowest, k);
                let range = widen(self.w_x, weight_max, narrowest, widest, k, &scales);
                // Wider weights may cost accumulator head-room; the scales see the final ranges.
                let scales = self.row_scales(recurrent, &range, k);
                let is_refused = (scales.iter()).any(|s| multiplier(*s, GATE_GAIN).is_none());
                let noise = noise(ranges, k, &range, &scales) / allowance(k);
                ((is_refused, noise), k, range)
            })
            .min_by(|((a, noise_a), ..), ((b, noise_b), ..)| {
                a.cmp(b).then(noise_a.total_cmp(noise_b))
            })
            .expect("at least one shift is tried");
        Formats {
            x_shift: (kappa + least_shift) as u8,
            h_shift,
            kappa,
            gain: input_range.iter().map(|s| 2f64.powi(kappa) / s).collect(),
            input_range,
        }
    }

    /// The integers of row `r`: the scale that the accumulator holds, and what is nearest by it.
    fn row(
        &self,
        r: usize,
        recurrent: &RecurrentRow,
        formats: &Formats,
        rows: &RowQuantiser<'_>,
    ) -> Result<IntegerRow, QuantiseError> {
        let of_x = self.w_x.row(r).into_iter().zip(&formats.gain);
        let target: Vec<f64> = (of_x.map(|(w, gain)| f64::from(*w) / gain))
            .chain(self.w_h.row(r).iter().map(|w| f64::from(*w)))
            .collect();
        let bias = f64::from(self.bias[r]);
        let (peephole, recurrent_bias) = (self.peephole[r], self.recurrent_bias[r]);
        let mean = rows.curvature.map(|(_, mean)| mean);
        let integers = |row: &Row| {
            // A gate scales the mean error of the recurrent part as it scales the part.
            let of_hidden = match mean {
                Some(mean) if self.has_recurrent_bias(r) => {
                    row.mean_error(&target, mean, formats.gain.len())
                }
                _ => 0.0,
            };
            let in_units = |bias: f64| (bias * Q15 / row.scale).round();
            let biases = [
                in_units(bias + row.bias - of_hidden),
                in_units(recurrent_bias + of_hidden),
            ];
            let peephole = (peephole / row.scale).round().clamp(-32_767.0, 32_767.0);
            (biases, peephole)
        };
        let fits = |row: &Row| {
            let sum = |w: &[i8]| w.iter().map(|w| f64::from(*w).abs()).sum::<f64>();
            let (biases, peephole) = integers(row);
            let (of_x, of_h) = row.weights.split_at(formats.gain.len());
            let values = 2f64.powi(formats.kappa) * sum(of_x) + sum(of_h) + peephole.abs();
            // The product of a gate may round away from zero.
            Q15 * values + biases[0].abs() + biases[1].abs() + 1.0 < ACCUMULATOR_BOUND
        };
        let least = self.least_scale(r, recurrent, &formats.input_range, formats.kappa);
        let row = rows.quantise(&target, least, fits).ok_or_else(|| {
            let largest = (target.iter()).fold(least * rows.weight_max, |max, t| t.abs().max(max));
            too_large(&self.job.name, r, largest, 4.0 * rows.weight_max)
        })?;
        let ([bias, recurrent_bias], peephole) = integers(&row);
        Ok(IntegerRow {
            row,
            bias: bias as i32,
            recurrent_bias: recurrent_bias as i32,
            peephole: peephole as i16,
        })
    }

    fn recurrent_row(&self, r: usize) -> RecurrentRow {
        let h = self.w_h.row(r);
        RecurrentRow {
            largest: h.iter().fold(0.0, |max, w| f64::from(w.abs()).max(max)),
            sum: h.iter().map(|w| f64::from(w.abs())).sum(),
            peephole: self.peephole[r].abs(),
            bias: f64::from(self.bias[r]).abs() + self.recurrent_bias[r].abs(),
        }
    }

    /// Whether the recurrent sum of row `r` has a bias of its own.
    fn has_recurrent_bias(&self, r: usize) -> bool {
        self.candidates.contains(&r)
    }

    /// (Q1), made larger where [`Rows::least_scale`] asks for it.
    fn row_scales(&self, recurrent: &[RecurrentRow], input_range: &[f64], kappa: i32) -> Vec<f64> {
        let weight_max = f64::from(self.job.scheme.weight_max());
        let shrink = 0.5f64.powi(kappa);
        (recurrent.iter().enumerate())
            .map(|(r, row)| {
                let x = self.w_x.row(r);
                let x_max = (x.iter().zip(input_range))
                    .map(|(w, range)| f64::from(*w).abs() * range * shrink)
                    .fold(0.0, f64::max);
                let least = self.least_scale(r, row, input_range, kappa);
                (x_max.max(row.largest) / weight_max).max(least)
            })
            .collect()
    }

    /// What the peephole and the accumulator of row `r` need.
    fn least_scale(&self, r: usize, row: &RecurrentRow, input_range: &[f64], kappa: i32) -> f64 {
        let (x, hidden) = (self.w_x.row(r), self.w_h.ncols());
        let shrink = 0.5f64.powi(kappa);
        let x_sum: f64 = (x.iter().zip(input_range))
            .map(|(w, range)| f64::from(*w).abs() * range)
            .sum();
        // Everything the accumulator may hold, in real units; rounding adds up to half a unit a weight.
        let reach = x_sum + row.sum + row.peephole + row.bias;
        let rounding = 0.5 * Q15 * (x.len() as f64 / shrink + hidden as f64 + 2.0);
        (row.peephole / 32_767.0)
            .max(reach * Q15 / (ACCUMULATOR_BOUND - rounding).max(1.0))
            .max(SMALLEST_SCALE)
    }
}

/// Widens each `S_j` as far as every row keeps its scale.
fn widen(
    w_x: &Array2<f32>,
    weight_max: f64,
    narrowest: &[f64],
    widest: &[f64],
    kappa: i32,
    scales: &[f64],
) -> Vec<f64> {
    let grow = 2f64.powi(kappa);
    (narrowest.iter().zip(widest).enumerate())
        .map(|(j, (&from, &to))| {
            let column = w_x.column(j);
            let room = (column.iter().zip(scales))
                .map(|(w, scale)| weight_max * scale * grow / f64::from(w.abs()).max(1e-30))
                .fold(f64::INFINITY, f64::min);
            room.clamp(from, to)
        })
        .collect()
}

/// (Q4)
fn noise(ranges: &RecurrentRanges, kappa: i32, input_range: &[f64], scales: &[f64]) -> f64 {
    let x: f64 = (ranges.input_square.iter().zip(input_range))
        .map(|(square, range)| square / (range * range))
        .sum();
    let h: f64 = ranges.hidden_square.iter().sum();
    let per_row = x * 4f64.powi(kappa) + h;
    scales.iter().map(|scale| scale * scale * per_row).sum()
}
