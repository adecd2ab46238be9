//! Divergence: updates that are too large throw the weights further off each time, until the network is worse than none.
//!
//! ```text
//! Σ_b n_b L_b  >  1000 · N · max(1, L_0) · max(1, τ²)                                          (DV1)
//! ```
//!
//! L_b is the mean loss of batch b with n_b sequences, N the number of training sequences, L_0 the loss of outputs
//! that are all zero, and τ a teacher's temperature, which scales losses by its square. Targets are standardised and
//! outputs of zero give each class the same probability, so L_0 is what a network reaches that has learnt nothing. No
//! loss is negative: once the sum is over the limit, the mean over the epoch cannot come back below it, so divergence
//! is found within the epoch. A loss that is no number is divergence as well.

use super::config::TrainConfig;
use crate::data::Dataset;
use crate::loss::{Objective, Target};

/// So many times worse than outputs of zero.
const FACTOR: f64 = 1000.0;

/// Where training diverged.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("training diverged: the loss became {loss:.3e} in epoch {epoch}, batch {batch}")]
pub struct Divergence {
    /// From 1.
    pub epoch: usize,
    /// From 1.
    pub batch: usize,
    /// The mean loss of this batch, or of the validation part after it.
    pub loss: f64,
}

/// The limit of (DV1) for the mean loss of an epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct LossLimit {
    /// N times the highest mean.
    sum: f64,
}

impl LossLimit {
    /// The limit for training with `objective` on `train`.
    pub(super) fn new(config: &TrainConfig, train: &Dataset, objective: &Objective) -> Self {
        let temperature = (config.distillation.as_ref()).map_or(1.0, |d| f64::from(d.temperature));
        let nothing_learnt = loss_of_zeros(train, objective).max(1.0);
        let highest = FACTOR * nothing_learnt * (temperature * temperature).max(1.0);
        Self {
            sum: train.len() as f64 * highest,
        }
    }

    /// Whether the sum over the sequences of an epoch so far, each counted with its batch's mean loss, is over the
    /// limit.
    pub(super) fn is_exceeded_by(self, sum: f64) -> bool {
        // A sum that is no number is over every limit.
        !sum.is_finite() || sum > self.sum
    }
}

/// Mean loss of outputs that are all zero.
fn loss_of_zeros(data: &Dataset, objective: &Objective) -> f64 {
    let zeros = vec![0.0; data.outputs.len()];
    let mut gradient = zeros.clone();
    let is_per_step = data.targets.task().is_per_step();
    let (mut sum, mut rows) = (0.0, 0usize);
    for (s, sequence) in data.sequences.iter().enumerate() {
        let target = Target::of(&data.targets, s);
        for t in 0..if is_per_step { sequence.nrows() } else { 1 } {
            sum += objective.row(&zeros, target.expected(t), &mut gradient);
            rows += 1;
        }
    }
    sum / rows.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Options, open};

    /// ln 10 a decision on ten classes.
    #[test]
    fn a_network_that_knows_nothing_is_far_below_the_limit() {
        let train = open("digits", &Options::default()).unwrap().train;
        let config = TrainConfig::default();
        let objective = config
            .loss
            .objective(&train.targets, train.outputs.len())
            .unwrap();
        let nothing = loss_of_zeros(&train, &objective);
        assert!((nothing - 10f64.ln()).abs() < 1e-6, "{nothing}");
        let limit = LossLimit::new(&config, &train, &objective);
        let sum = train.len() as f64 * nothing;
        assert!(!limit.is_exceeded_by(0.9 * FACTOR * sum));
        assert!(limit.is_exceeded_by(1.1 * FACTOR * sum));
        assert!(limit.is_exceeded_by(f64::NAN) && limit.is_exceeded_by(f64::INFINITY));
    }
}
