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
            // Clips below the least scale, or between two multipliers.
            if mult == last {
                continue;
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
pub(super) fn multiplier(scale: f64, gain: f64) -> Option<(i32, f64)> {
    let mult = (scale * gain).ceil();
    (mult < ACCUMULATOR_BOUND).then(|| (mult as i32, mult / gain))
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// A row, and what decides its integers.
    #[derive(Clone, Debug)]
    struct Case {
        t: Vec<f64>,
        least: f64,
        weight_max: f64,
        clipping: Clipping,
        square: Vec<f64>,
        /// Of a rounding by (O1).
        covariance: Option<Array2<f64>>,
        mean: Vec<f64>,
        gain: f64,
        /// The sum of all magnitudes that fits.
        most: f64,
    }

    /// What a row is rounded to.
    type Integers = (i32, Vec<i8>, f64);

    impl Case {
        fn found(&self) -> Option<Row> {
            let curvature = self.covariance.as_ref().map(Curvature::new);
            let rows = RowQuantiser {
                weight_max: self.weight_max,
                clipping: self.clipping,
                square: &self.square,
                curvature: curvature.as_ref().map(|c| (c, self.mean.as_slice())),
                gain: self.gain,
            };
            rows.quantise(&self.t, self.least, |row| self.fits(&row.weights, row.bias))
        }

        fn fits(&self, q: &[i8], bias: f64) -> bool {
            q.iter().map(|q| f64::from(*q).abs()).sum::<f64>() + bias.abs() <= self.most
        }

        fn clips(&self) -> Vec<f64> {
            let mut sorted: Vec<f32> = self.t.iter().map(|t| t.abs() as f32).collect();
            sorted.sort_by(f32::total_cmp);
            let percentile = percentile(&sorted, 0.98);
            match self.clipping {
                Clipping::MinMax => vec![self.largest()],
                Clipping::Percentile => vec![percentile],
                // From all down to a half in steps of a twentieth.
                Clipping::MeanSquaredError => (10..=20)
                    .rev()
                    .map(|twentieths| f64::from(twentieths) / 20.0 * self.largest())
                    .collect(),
            }
        }

        fn largest(&self) -> f64 {
            self.t.iter().map(|t| t.abs()).fold(0.0, f64::max)
        }

        /// (R1)
        fn multiplier(&self, clip: f64) -> f64 {
            (self.least.max(clip / self.weight_max) * self.gain).ceil()
        }

        /// The integers of one multiplier, without (R2), and the error in real units.
        fn nearest(&self, mult: f64) -> (Integers, f64) {
            let q: Vec<i8> = (self.t.iter())
                .map(|t| (t * self.gain / mult).round())
                .map(|q| q.clamp(-self.weight_max, self.weight_max) as i8)
                .collect();
            let error = self.left(&q, mult);
            let error = error.iter().zip(&self.square).map(|(e, s)| e * e * s).sum();
            ((mult as i32, q, 0.0), error)
        }

        /// The integers of one multiplier by (O1), with (R2), and the error in real units.
        fn least_error(&self, covariance: &Array2<f64>, mult: f64) -> (Integers, f64) {
            let curvature = Curvature::new(covariance);
            let scale = mult / self.gain;
            let in_scale: Vec<f64> = self.t.iter().map(|t| t / scale).collect();
            let (q, _) = curvature.round(&in_scale, self.weight_max);
            let left = self.left(&q, mult);
            let bias = left.iter().zip(&self.mean).map(|(e, mean)| e * mean).sum();
            ((mult as i32, q, bias), curvature.error(&left))
        }

        /// What is left of the row beside its integers.
        fn left(&self, q: &[i8], mult: f64) -> Vec<f64> {
            let scale = mult / self.gain;
            (self.t.iter().zip(q))
                .map(|(t, q)| t - f64::from(*q) * scale)
                .collect()
        }

        /// The integers of each clip, with their error.
        fn all(&self) -> Vec<(Integers, f64)> {
            let mults = self.clips().into_iter().map(|clip| self.multiplier(clip));
            mults
                .map(|mult| match &self.covariance {
                    Some(covariance) => self.least_error(covariance, mult),
                    None => self.nearest(mult),
                })
                .collect()
        }

        /// Of all that fit those of least error, the widest first; else the nearest of the full range.
        fn expected(&self) -> Vec<Integers> {
            let all = self.all().into_iter();
            let fitting = all.filter(|((_, q, bias), _)| self.fits(q, *bias));
            let fitting: Vec<_> = fitting.collect();
            let Some(least) = fitting.iter().map(|(_, error)| *error).reduce(f64::min) else {
                return vec![self.nearest(self.multiplier(self.largest())).0];
            };
            // Clips with equal products of integers and scale, such as 6 · 7 and 7 · 6, have one error, which each of
            // the two ways to compute it rounds differently.
            let best = fitting
                .into_iter()
                .filter(|(_, error)| *error <= least * (1.0 + 1e-9));
            best.map(|(integers, _)| integers).collect()
        }
    }

    fn cases() -> impl Strategy<Value = Case> {
        let values = |n: usize| proptest::collection::vec(-1.0f64..1.0, n);
        let row = (2usize..9).prop_flat_map(move |n| {
            // Some inputs count far more than others.
            let square = (0.0f64..1.0).prop_map(|share| share.powi(6));
            let square = proptest::collection::vec(square, n);
            (values(n), square, values(n), values(4 * n))
        });
        let decisions = (
            prop_oneof![
                select(Clipping::ALL.to_vec()),
                Just(Clipping::MeanSquaredError)
            ],
            select(vec![7.0, 7.0, 127.0]),
            prop_oneof![4 => Just(1e-4), 1 => 1e-3f64..0.1],
            4.0f64..20.0,
            (any::<bool>(), select(vec![1.0, 1e-4])),
            prop_oneof![2 => Just(f64::INFINITY), 1 => 0.0f64..1.0],
        );
        (row, decisions).prop_map(
            |(
                (t, square, mean, factors),
                (clipping, weight_max, least, bits, (asks, inputs), share),
            )| {
                let n = t.len();
                let factors = Array2::from_shape_vec((4, n), factors).unwrap();
                Case {
                    most: share * weight_max * n as f64,
                    covariance: asks.then(|| factors.t().dot(&factors) * inputs),
                    gain: 2f64.powf(bits),
                    t,
                    least,
                    weight_max,
                    clipping,
                    square,
                    mean,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_row_has_the_least_error_of_all_clips_that_fit(
            rows in proptest::collection::vec(cases(), 12),
        ) {
            for case in rows {
                let row = case.found().unwrap();
                let expected = case.expected();
                let same = expected.iter().find(|(mult, q, _)| (*mult, q) == (row.mult, &row.weights));
                prop_assert!(same.is_some(), "{row:?} {expected:?}");
                let bias = same.unwrap().2;
                prop_assert_eq!(row.scale, f64::from(row.mult) / case.gain);
                prop_assert!((row.bias - bias).abs() < 1e-12, "{} {bias}", row.bias);
            }
        }

        /// All roundings are as good then.
        #[test]
        fn no_weight_of_inputs_that_never_moved_is_clipped(case in cases()) {
            let case = Case {
                clipping: Clipping::MeanSquaredError,
                square: vec![0.0; case.t.len()],
                covariance: None,
                most: f64::INFINITY,
                ..case
            };
            let wanted = case.multiplier(case.largest());
            prop_assert_eq!(f64::from(case.found().unwrap().mult), wanted);
        }

        /// (R2) over some of the inputs.
        #[test]
        fn a_part_of_the_mean_error_is_that_of_the_later_inputs(case in cases(), first in 0usize..3) {
            let row = case.found().unwrap();
            let left = case.left(&row.weights, row.mult.into());
            let later: f64 = (first..left.len()).map(|j| left[j] * case.mean[j]).sum();
            let expected = if row.bias == 0.0 { 0.0 } else { later };
            let found = row.mean_error(&case.t, &case.mean, first);
            prop_assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn a_multiplier_has_31_bits_or_there_is_none() {
        for clipping in Clipping::ALL {
            let case = |gain: f64| Case {
                t: vec![127.0],
                least: 1.0,
                weight_max: 127.0,
                clipping,
                square: vec![1.0],
                covariance: None,
                mean: vec![0.0],
                gain,
                most: f64::INFINITY,
            };
            let most = f64::from(i32::MAX);
            assert_eq!(case(most).found().unwrap().mult, i32::MAX);
            assert!(case(most + 1.0).found().is_none());
            // The full range is beyond, where its part is not.
            let mut wide = case(most);
            wide.t = (0..100).map(|n| if n == 0 { 200.0 } else { 1.0 }).collect();
            wide.square = vec![1.0; 100];
            let is_clipped = clipping == Clipping::Percentile;
            assert_eq!(wide.found().is_some(), is_clipped, "{clipping:?}");
            wide.most = 0.0;
            assert!(wide.found().is_none(), "{clipping:?}");
        }
    }
}
