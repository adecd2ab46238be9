//! (Q1) to (Q4) of the quantiser's page and (QP1), (QP2) as plain loops, for layers without clipped weights.

use lstm_nostd::kernels::Width;
use ndarray::Array2;

use super::super::{least_shift, widths};
use super::cases::LayerCase;
use crate::network::RecurrentLayer;

/// A layer in the units that its integers round.
pub(super) struct Plain<'a> {
    pub(super) case: &'a LayerCase,
    /// `[R, I]`
    pub(super) w_x: Array2<f64>,
    /// In units of the layer's own outputs, `[R, O]`.
    pub(super) w_h: Array2<f64>,
    pub(super) bias: Vec<f64>,
    /// 0 where there is none.
    pub(super) recurrent_bias: Vec<f64>,
    /// P 2^m, 0 where there is none.
    pub(super) peephole: Vec<f64>,
    /// `E[h²]` in units of the layer's own outputs.
    hidden_square: Vec<f64>,
    pub(super) weight_max: f64,
    bits: i32,
    /// n
    pub(super) h_shift: i32,
    /// ρ; 1 without a projection.
    pub(super) unit: f64,
}

/// What one κ leads to.
#[derive(Clone, Debug)]
pub(super) struct Formats {
    pub(super) kappa: i32,
    /// S
    pub(super) input_range: Vec<f64>,
    pub(super) scales: Vec<f64>,
    /// (Q4), less where int8 shifts alike are worth more noise.
    pub(super) noise: f64,
}

/// The least n at which int8 covers the reach of what the units show; 0 in int16.
fn h_shift(case: &LayerCase) -> i32 {
    let shown = match &case.layer {
        RecurrentLayer::Projected(_) => &case.ranges.shown,
        _ => &case.ranges.hidden,
    };
    let reach = shown.reach(case.clipping, Width::Int8);
    match case.scheme.width() {
        Width::Int16 => 0,
        Width::Int8 => least_shift(reach).into(),
    }
}

/// R of (QP1), at least 2.5 times the largest scale of a row of the projection, and the range of what the units show.
pub(super) fn ranges_of_projection(case: &LayerCase) -> Option<(f64, f64)> {
    let RecurrentLayer::Projected(layer) = &case.layer else {
        return None;
    };
    let (weight_max, bits) = widths(case.scheme);
    let (margin, shown) = match bits {
        16 => (2.5, 1.0),
        _ => (128.0 / 127.0, 0.5f64.powi(8 - h_shift(case))),
    };
    let largest = (layer.w_r.iter()).fold(0.0f64, |max, w| max.max(f64::from(w.abs())));
    let scale = (largest * shown / weight_max).max(1.0 / 65_536.0);
    let reach = (case.ranges.hidden).reach(case.clipping, case.scheme.width());
    Some(((reach * margin).max(2.5 * scale), shown))
}

/// m: the cell's format holds twice the reach, or at its end the largest.
pub(super) fn cell_int_bits(case: &LayerCase) -> i32 {
    let reach = case.ranges.cell.reach(case.clipping, Width::Int16);
    let mut m = 1;
    while m < 15 && 2.0 * reach >= 2f64.powi(m) {
        m += 1;
    }
    m
}

impl<'a> Plain<'a> {
    pub(super) fn of(case: &'a LayerCase) -> Self {
        // A file has ρ in f32, and the weights are f32 in its units, too.
        let unit = ranges_of_projection(case).map_or(1.0, |(range, shown)| {
            f64::from((range.max(case.least_range) / shown) as f32)
        });
        let (weight_max, bits) = widths(case.scheme);
        let w_h = case.layer.recurrent_weights();
        let rows = w_h.nrows();
        let (bias, recurrent_bias) = biases(&case.layer);
        Self {
            case,
            w_x: case.layer.input_weights().mapv(f64::from),
            w_h: w_h.mapv(|w| f64::from((f64::from(w) * unit) as f32)),
            bias,
            recurrent_bias,
            peephole: peepholes(case, rows),
            hidden_square: (case.ranges.hidden_square.iter())
                .map(|square| square / unit.powi(2))
                .collect(),
            weight_max,
            bits,
            h_shift: h_shift(case),
            unit,
        }
    }

    /// Row `r` in accumulator units of 1: |W_x| S 2^−κ, then |W_h|.
    fn magnitudes(&self, r: usize, range: &[f64], kappa: i32) -> [Vec<f64>; 2] {
        let of_x = self.w_x.row(r).into_iter().zip(range);
        [
            of_x.map(|(w, s)| w.abs() * s * 0.5f64.powi(kappa))
                .collect(),
            self.w_h.row(r).iter().map(|w| w.abs()).collect(),
        ]
    }

    /// The least scale that the accumulator and the peephole of row `r` allow, and the multiplier.
    pub(super) fn least_scale(&self, r: usize, range: &[f64], kappa: i32) -> f64 {
        let [of_x, of_h] = self.magnitudes(r, range, kappa);
        let widest = 2f64.powi(kappa);
        let peephole = self.peephole[r].abs();
        let biases = self.bias[r].abs() + self.recurrent_bias[r].abs();
        let sum = widest * of_x.iter().sum::<f64>() + of_h.iter().sum::<f64>() + peephole + biases;
        // Each weight may be half a unit too large, the peephole and the biases by as much as two more weights. The
        // accumulator holds 2^16 times 2^15.
        let rounding = (widest * of_x.len() as f64 + of_h.len() as f64 + 2.0) / 2.0;
        let smallest = 1.0 / 65_536.0;
        (sum / (65_536.0 - rounding))
            .max(peephole / 32_767.0)
            .max(smallest)
    }

    /// (Q1)
    pub(super) fn scale(&self, r: usize, range: &[f64], kappa: i32) -> f64 {
        let all = self.magnitudes(r, range, kappa).concat();
        let largest = all.into_iter().fold(0.0, f64::max);
        (largest / self.weight_max).max(self.least_scale(r, range, kappa))
    }

    fn scales(&self, range: &[f64], kappa: i32) -> Vec<f64> {
        let rows = 0..self.bias.len();
        rows.map(|r| self.scale(r, range, kappa)).collect()
    }

    /// S, as wide as no row's scale notices.
    fn widened(&self, kappa: i32) -> Vec<f64> {
        let (narrowest, widest) = (&self.case.narrowest, &self.case.widest);
        let scales = self.scales(narrowest, kappa);
        let mut range = widest.clone();
        for ((r, j), w) in self.w_x.indexed_iter() {
            // The S at which |W| S 2^−κ is W s.
            if w.abs() > 0.0 {
                let most = self.weight_max * scales[r] * 2f64.powi(kappa) / w.abs();
                range[j] = range[j].min(most).max(narrowest[j]);
            }
        }
        range
    }

    fn noise(&self, range: &[f64], scales: &[f64], kappa: i32) -> f64 {
        let of_x = (self.case.ranges.input_square.iter().zip(range)).map(|(x, s)| x / s.powi(2));
        let each = 4f64.powi(kappa) * of_x.sum::<f64>() + self.hidden_square.iter().sum::<f64>();
        scales.iter().map(|s| s.powi(2) * each).sum()
    }

    /// Every κ that is tried: x_shift = κ + 16 − b is 0 to 15, and κ at most 10.
    pub(super) fn all_formats(&self) -> Vec<Formats> {
        let shifts = 0..=(10 + 16 - self.bits).min(15);
        shifts
            .map(|x_shift| {
                let kappa = x_shift - (16 - self.bits);
                let input_range = self.widened(kappa);
                let scales = self.scales(&input_range, kappa);
                let noise = self.noise(&input_range, &scales, kappa);
                let allowance = match self.bits == 8 && x_shift == self.h_shift {
                    true if self.case.equal_shifts => f64::INFINITY,
                    true => 1.1,
                    false => 1.0,
                };
                Formats {
                    kappa,
                    input_range,
                    scales,
                    noise: noise / allowance,
                }
            })
            .collect()
    }

    /// Of least noise among those whose scales are below 4, which multipliers hold, if there are any.
    pub(super) fn least_noise(&self) -> Formats {
        let all = self.all_formats();
        let fit = |formats: &&Formats| formats.scales.iter().all(|scale| *scale < 4.0);
        let fitting: Vec<&Formats> = all.iter().filter(fit).collect();
        let among = match fitting.is_empty() {
            true => all.iter().collect(),
            false => fitting,
        };
        let best = among.into_iter().min_by(|a, b| a.noise.total_cmp(&b.noise));
        best.unwrap().clone()
    }

    /// Row `r` in real units of the accumulator: W_x S 2^−κ, then W_h.
    pub(super) fn row(&self, r: usize, range: &[f64], kappa: i32) -> Vec<f64> {
        let of_x = self.w_x.row(r).into_iter().zip(range);
        of_x.map(|(w, s)| w * s * 0.5f64.powi(kappa))
            .chain(self.w_h.row(r).iter().copied())
            .collect()
    }

    /// Mean square of what each weight of a row meets.
    pub(super) fn squares(&self, range: &[f64], kappa: i32) -> Vec<f64> {
        let of_x = self.case.ranges.input_square.iter().zip(range);
        of_x.map(|(x, s)| x * 4f64.powi(kappa) / s.powi(2))
            .chain(self.hidden_square.iter().copied())
            .collect()
    }
}

/// Biases, and those of recurrent sums.
fn biases(layer: &RecurrentLayer) -> (Vec<f64>, Vec<f64>) {
    let all = |values: &ndarray::Array1<f32>| values.iter().map(|b| f64::from(*b)).collect();
    match layer {
        RecurrentLayer::Lstm(layer) | RecurrentLayer::Coupled(layer) => {
            (all(&layer.bias), vec![0.0; layer.bias.len()])
        }
        RecurrentLayer::Projected(layer) => {
            (all(&layer.lstm.bias), vec![0.0; layer.lstm.bias.len()])
        }
        RecurrentLayer::GruBefore(layer) => (all(&layer.bias), vec![0.0; layer.bias.len()]),
        RecurrentLayer::Gru(layer) => {
            let candidates: Vec<f64> = all(&layer.recurrent_bias);
            // Rows of r and z have none.
            let none = vec![0.0; 2 * candidates.len()];
            (all(&layer.bias), [none, candidates].concat())
        }
    }
}

/// P 2^m by rows: i, f, g, o have those of i, f and o; coupled gates i, g, o those of i and o.
fn peepholes(case: &LayerCase, rows: usize) -> Vec<f64> {
    let units = case.layer.units();
    let gates: &[usize] = match &case.layer {
        RecurrentLayer::Coupled(_) => &[0, 2],
        _ => &[0, 1, 3],
    };
    let mut all = vec![0.0; rows];
    if let Some(peephole) = case.layer.peephole() {
        for ((p, u), value) in peephole.indexed_iter() {
            all[gates[p] * units + u] = f64::from(*value) * 2f64.powi(cell_int_bits(case));
        }
    }
    all
}
