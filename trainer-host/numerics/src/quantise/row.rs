//! One row of weights to integers: its scale, its rounding, and what its bias makes up for.
//!
//! ```text
//! s = max(v_min, c / W)              c: largest, percentile, or the clip of least error   (R1)
//! b' = b + Σ_j (t_j − s q_j) μ_j     the mean error of a rounding by (O1) goes to the bias (R2)
//! ```

use super::ACCUMULATOR_BOUND;
use super::gptq::Curvature;
use crate::quantise::magnitudes::{Clipping, percentile};

/// Share of a row's weights that a percentile covers: all but one or two of some fifty.
const COVERED: f64 = 0.98;
/// Shares of the largest weight that are tried as the clip of least error.
const CLIPS: [f64; 11] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5];

/// How the rows of a layer become integers.
pub(super) struct RowQuantiser<'a> {
    /// The largest integer weight, W.
    pub(super) weight_max: f64,
    pub(super) clipping: Clipping,
    /// Mean square of each input, `[n]`: what a weight's own error costs.
    pub(super) square: &'a [f64],
    /// For rounding by (O1), with the inputs' means: [`super::moments`].
    pub(super) curvature: Option<(&'a Curvature, &'a [f64])>,
    /// Multipliers are integers of scale · gain.
    pub(super) gain: f64,
}

/// The integers of one row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) weights: Vec<i8>,
    pub(super) mult: i32,
    /// What `mult` stands for exactly.
    pub(super) scale: f64,
    /// What is added to the bias, (R2).
    pub(super) bias: f64,
}

impl Row {
    /// The part of (R2) that the inputs from `first` on make up, for the row `t` and their means; 0 where nothing was
    /// added.
    pub(super) fn mean_error(&self, t: &[f64], mean: &[f64], first: usize) -> f64 {
        if self.bias == 0.0 {
            return 0.0;
        }
        let weights = self.weights.iter().zip(t).zip(mean).skip(first);
        weights
            .map(|((q, t), mean)| (t - f64::from(*q) * self.scale) * mean)
            .sum()
    }
}

impl RowQuantiser<'_> {
    /// The integers of the row `t`, `[n]` in real units, with a scale of at least `least`; `None` when
    /// its multiplier would leave 32 bits. A rounding that `fits` refuses gives way to the nearest
    /// integers of the full range, whose `least` the caller chose so that they fit.
    pub(super) fn quantise(
        &self,
        t: &[f64],
        least: f64,
        fits: impl Fn(&Row) -> bool,
    ) -> Option<Row> {
        let largest = t.iter().fold(0.0f64, |max, t| max.max(t.abs()));
        let clips = match self.clipping {
            Clipping::MinMax => vec![largest],
            Clipping::Percentile => {
                let mut sorted: Vec<f32> = t.iter().map(|t| t.abs() as f32).collect();
                sorted.sort_unstable_by(f32::total_cmp);
                vec![percentile(&sorted, COVERED)]
            }
            Clipping::MeanSquaredError => CLIPS.map(|share| share * largest).into(),
        };
        // (R1)
        let scales = clips.iter().map(|clip| (clip / self.weight_max).max(least));
        let mut best: Option<(Row, f64)> = None;
        let mut last = 0;
        for wanted in scales {
            let (mult, scale) = multiplier(wanted, self.gain)?;
            if mult == last {
                break;
            }
            last = mult;
            let (row, error) = match self.curvature {
                Some((curvature, mean)) => self.least_error(t, (mult, scale), curvature, mean),
                None => self.nearest(t, (mult, scale)),
            };
            if best.as_ref().is_none_or(|best| error < best.1) && fits(&row) {
                best = Some((row, error));
            }
        }
        match best {
            Some((row, _)) => Some(row),
            None => {
                let full = multiplier((largest / self.weight_max).max(least), self.gain)?;
                Some(self.nearest(t, full).0)
            }
        }
    }

    fn nearest(&self, t: &[f64], (mult, scale): (i32, f64)) -> (Row, f64) {
        let most = self.weight_max;
        let rounded = t.iter().map(|t| (t / scale).round().clamp(-most, most));
        let weights: Vec<i8> = rounded.map(|q| q as i8).collect();
        let errors = (t.iter().zip(&weights).zip(self.square))
            .map(|((t, q), square)| (t - f64::from(*q) * scale).powi(2) * square);
        let error = errors.sum();
        let row = Row {
            weights,
            mult,
            scale,
            bias: 0.0,
        };
        (row, error)
    }

    fn least_error(
        &self,
        t: &[f64],
        (mult, scale): (i32, f64),
        curvature: &Curvature,
        mean: &[f64],
    ) -> (Row, f64) {
        let in_scale: Vec<f64> = t.iter().map(|t| t / scale).collect();
        let (weights, error) = curvature.round(&in_scale, self.weight_max);
        // (R2)
        let bias = (t.iter().zip(&weights).zip(mean))
            .map(|((t, q), mean)| (t - f64::from(*q) * scale) * mean)
            .sum();
        let row = Row {
            weights,
            mult,
            scale,
            bias,
        };
        (row, error * scale * scale)
    }
}

/// The integer multiplier of a scale, rounded up, and the scale that it stands for exactly.
fn multiplier(scale: f64, gain: f64) -> Option<(i32, f64)> {
    let mult = (scale * gain).ceil();
    (mult < ACCUMULATOR_BOUND).then(|| (mult as i32, mult / gain))
}
