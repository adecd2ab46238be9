//! Variants of a training sequence that mean the same.
//!
//! ```text
//! time shift   x'_t = x_{t − s}, s ~ U{−S, …, S}, the first or last step repeated     (G1)
//! scaling      x'_{t,j} = a_j x_{t,j}, a_j ~ N(1, σ²), one for a sequence and channel (G2)
//! jitter       x'_{t,j} = x_{t,j} + N(0, σ²): the input noise of [`crate::passes::backward`]      (G3)
//! ```
//!
//! After Um et al. 2017, on normalised inputs. A time shift moves events against the targets of
//! single steps and of forecasts, so it is for sequences with one target of their own.

use ndarray::{Array2, ArrayView2, Axis};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use crate::out_of_range::{OutOfRange, require};
use crate::passes::dropout::stream;

/// How training sequences are varied; the default leaves them alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// S of (G1), in steps.
    pub time_shift: usize,
    /// σ of (G2), at least 0.
    pub scaling: f32,
}

impl Augmentation {
    /// Refuses numbers out of their range.
    ///
    /// # Errors
    /// With the number's key.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        require(
            self.scaling >= 0.0 && self.scaling.is_finite(),
            "augmentation.scaling",
            self.scaling,
            "at least 0",
        )
    }

    /// Whether it changes anything.
    pub fn is_active(&self) -> bool {
        *self != Self::default()
    }

    /// The variant of `sequence`, `[T, I]` with `T ≥ 1`, that follows from `seed`.
    pub fn apply(&self, sequence: ArrayView2<'_, f32>, seed: u64) -> Array2<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream::AUGMENTATION);
        // No further than leaves one step of the sequence itself.
        let steps = sequence.nrows() as i64;
        let most = i64::try_from(self.time_shift).map_or(steps - 1, |most| most.min(steps - 1));
        let shift = rng.random_range(-most..=most);
        // (G1)
        let from: Vec<usize> = (0..steps)
            .map(|t| (t - shift).clamp(0, steps - 1) as usize)
            .collect();
        let mut varied = sequence.select(Axis(0), &from);
        if self.scaling > 0.0 {
            for mut channel in varied.columns_mut() {
                // (G2)
                let factor = 1.0 + self.scaling * rng.sample::<f32, _>(StandardNormal);
                channel.mapv_inplace(|x| factor * x);
            }
        }
        varied
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// `[10, 2]`: t and −1.
    fn ramp() -> Array2<f32> {
        Array2::from_shape_fn((10, 2), |(t, j)| if j == 0 { t as f32 } else { -1.0 })
    }

    #[test]
    fn shifts_repeat_the_edge_and_reach_both_ends() {
        let augmentation = Augmentation {
            time_shift: 2,
            scaling: 0.0,
        };
        let mut seen = [0; 5];
        for seed in 0..200 {
            let varied = augmentation.apply(ramp().view(), seed);
            let shift = 5.0 - varied[[5, 0]];
            seen[(shift + 2.0) as usize] += 1;
            for t in 0..10 {
                let expected = (t as f32 - shift).clamp(0.0, 9.0);
                assert_eq!(varied.row(t), array![expected, -1.0]);
            }
        }
        // Each of five shifts 40 times of 200, with a deviation of 6.
        assert!(
            seen.iter().all(|count| (10..=70).contains(count)),
            "{seen:?}"
        );
    }

    #[test]
    fn a_shift_leaves_a_step_of_the_sequence() {
        let augmentation = Augmentation {
            time_shift: usize::MAX,
            scaling: 0.0,
        };
        let one = array![[3.0, 4.0]];
        assert_eq!(augmentation.apply(one.view(), 1), one);
        for seed in 0..50 {
            let varied = augmentation.apply(ramp().view(), seed);
            assert!(varied.column(0).iter().any(|x| *x == varied[[0, 0]]));
        }
    }

    #[test]
    fn scaling_has_one_factor_for_each_channel() {
        let augmentation = Augmentation {
            time_shift: 0,
            scaling: 0.2,
        };
        let factors: Vec<[f32; 2]> = (0..400)
            .map(|seed| {
                let varied = augmentation.apply(ramp().view(), seed);
                let [a, b] = [varied[[1, 0]], -varied[[1, 1]]];
                for t in 0..10 {
                    assert!((varied[[t, 0]] - a * t as f32).abs() < 1e-5);
                    assert_eq!(varied[[t, 1]], -b);
                }
                [a, b]
            })
            .collect();
        // The mean of 800 deviates by 0.007, their deviation by 0.005.
        let all: Vec<f64> = factors.iter().flatten().map(|f| f64::from(*f)).collect();
        let mean = all.iter().sum::<f64>() / 800.0;
        let deviation = (all.iter().map(|f| (f - mean).powi(2)).sum::<f64>() / 800.0).sqrt();
        assert!((mean - 1.0).abs() < 0.035 && (deviation - 0.2).abs() < 0.025);
        assert!(factors.iter().any(|[a, b]| a != b));
    }

    #[test]
    fn refuses_scaling_below_zero() {
        let augmentation = Augmentation {
            time_shift: 0,
            scaling: -0.1,
        };
        let error = augmentation.validate().unwrap_err();
        assert_eq!(error.key, "augmentation.scaling");
    }
}
