//! Learning rates over a training run.
//!
//! With p the share of the run's updates that are done, w the warm-up share and η the peak rate:
//!
//! ```text
//! warm-up  η p / w                                       for p < w                    (R1)
//! cosine   η (½ + ½ cos(π (p − w) / (1 − w)))            from there on                (R2)
//! ```
//!
//! (R2) is Loshchilov and Hutter 2017 without restarts.

use serde::{Deserialize, Serialize};

/// How the learning rate moves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Always the peak rate.
    Constant,
    /// (R1), then (R2).
    Cosine {
        /// w, from 0 up to but not including 1.
        #[serde(default = "default_warm_up")]
        warm_up: f32,
    },
}

fn default_warm_up() -> f32 {
    0.05
}

impl Default for Schedule {
    fn default() -> Self {
        Self::Cosine {
            warm_up: default_warm_up(),
        }
    }
}

impl Schedule {
    /// The rate of update `update` (from 0) of `updates`, for a peak rate of `peak`.
    pub fn rate(self, peak: f32, update: usize, updates: usize) -> f32 {
        // The middle of the update: neither the first nor the last one has rate 0.
        let done = (update as f64 + 0.5) / updates.max(1) as f64;
        let factor = match self {
            Self::Constant => 1.0,
            Self::Cosine { warm_up } if done < f64::from(warm_up) => done / f64::from(warm_up),
            Self::Cosine { warm_up } => {
                let warm_up = f64::from(warm_up);
                0.5 + 0.5 * (std::f64::consts::PI * (done - warm_up) / (1.0 - warm_up)).cos()
            }
        };
        (f64::from(peak) * factor) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_climbs_then_falls_to_almost_nothing() {
        let schedule = Schedule::Cosine { warm_up: 0.2 };
        let rates: Vec<f32> = (0..100).map(|u| schedule.rate(2.0, u, 100)).collect();
        assert!(rates[..20].windows(2).all(|pair| pair[0] < pair[1]));
        assert!(rates[20..].windows(2).all(|pair| pair[0] > pair[1]));
        // (R1) at p = 0.095 + 0.005 = ½ w, and (R2) at p = 0.6, half way down.
        assert!((rates[9] - 2.0 * 0.095 / 0.2).abs() < 1e-6);
        assert!(((rates[59] + rates[60]) / 2.0 - 1.0).abs() < 1e-6);
        assert!(rates[99] > 0.0 && rates[99] < 1e-3);
    }

    #[test]
    fn constant_stays() {
        assert_eq!(Schedule::Constant.rate(0.5, 7, 10), 0.5);
    }
}
