//! The curves of a run, and what several findings need from them: losses, the rate, and common advice.

use super::finding::{Figure, Lever, short, sizes};
use super::fit::Fit;
use crate::data::Task;
use crate::train::{EpochRecord, TrainConfig};

/// Above half of the guess's loss the network does not know its own training part.
pub(super) const UNLEARNED: f64 = 0.5;
/// Below a fifth of the guess's loss, further training gains little.
pub(super) const LITTLE_LEFT: f64 = 0.2;
/// Above this share of the guess's loss the network has learned nothing.
pub(super) const NOTHING_LEARNED: f64 = 0.95;
/// The rate counts as high while it is at least this share of the largest.
const HIGH_RATE: f64 = 0.5;

/// A run's losses, and the facts needed to judge them.
#[derive(Clone, Copy, Debug)]
pub struct Curves<'a> {
    /// How the network was trained.
    pub config: &'a TrainConfig,
    /// One record for each epoch.
    pub history: &'a [EpochRecord],
    /// The chosen network's results on each part.
    pub fit: &'a Fit,
    /// Kind of the targets.
    pub task: Task,
    /// Updates in one epoch.
    pub updates: usize,
    /// Median length of the training sequences, in steps.
    pub median_steps: usize,
    /// Whether the run did all of its epochs.
    pub finished: bool,
    /// The largest share of a gate's activations that are at an end of its range.
    pub saturation: f64,
    /// Whether a forecast learns the change from the last value.
    pub learns_change: bool,
}

/// The middle value; NaN without any.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Curves<'_> {
    /// The training loss of each epoch.
    pub(super) fn losses(&self) -> Vec<f64> {
        self.history
            .iter()
            .map(|record| record.train_loss)
            .collect()
    }

    /// The loss of the constant guess, in the log's unit; if it is unknown, the first epoch's loss.
    pub(super) fn logged_guess(&self) -> f64 {
        let first = self
            .history
            .first()
            .map_or(f64::NAN, |record| record.train_loss);
        self.fit.logged_guess.unwrap_or(first)
    }

    /// The training loss of the chosen network, as a share of the guess's.
    pub(super) fn left(&self) -> Figure {
        Figure::of(
            "training loss of the chosen weights, as a share of a constant guess's",
            self.fit.train.left(),
        )
    }

    /// The same figure, which must be at least `limit`.
    pub(super) fn left_at_least(&self, limit: f64) -> Figure {
        let Figure { name, value, .. } = self.left();
        Figure::at_least(name, value, limit)
    }

    /// The peak learning rate.
    pub(super) fn rate(&self) -> Figure {
        Figure::of("learning rate", f64::from(self.config.learning_rate))
    }

    /// The learning rate divided by `by`.
    pub(super) fn lower_rate(&self, by: f64, why: &str) -> Lever {
        let rate = short(f64::from(self.config.learning_rate) / by);
        Lever::train(&format!("--learning-rate {rate}"), why)
    }

    /// The learning rate multiplied by `by`.
    pub(super) fn rate_times(&self, by: f64, why: &str) -> Lever {
        let rate = short(by * f64::from(self.config.learning_rate));
        Lever::train(&format!("--learning-rate {rate}"), why)
    }

    /// Twice the epochs.
    pub(super) fn more_epochs(&self, why: &str) -> Lever {
        Lever::train(&format!("--epochs {}", 2 * self.config.epochs), why)
    }

    /// Twice the units, unless another run's network sets them.
    pub(super) fn more_units(&self) -> Option<Lever> {
        const MOST: usize = 256;
        let hidden: Vec<usize> = self
            .config
            .hidden
            .iter()
            .map(|h| (2 * h).min(MOST))
            .collect();
        let grows = self.config.init.is_none() && hidden > self.config.hidden;
        grows.then(|| Lever::train(&format!("--hidden {}", sizes(&hidden)), "a larger network"))
    }

    /// Epochs at the beginning up to the first that lowers the rate for good.
    pub(super) fn high_rate(&self) -> &[EpochRecord] {
        let largest = self
            .history
            .iter()
            .map(|r| r.learning_rate)
            .fold(0.0, f32::max);
        let high = |r: &EpochRecord| f64::from(r.learning_rate) >= HIGH_RATE * f64::from(largest);
        let end = self
            .history
            .iter()
            .rposition(high)
            .map_or(0, |last| last + 1);
        &self.history[..end]
    }
}

#[cfg(test)]
pub(in crate::diagnose) mod tests {
    use super::super::activity::tests::noise;
    use super::super::classes::tests::part;
    use super::super::data::tests::fit;
    use super::*;
    use crate::diagnose::PartFit;
    use crate::schedule::ScheduleKind;
    use crate::train::Validation;

    /// What a constant guess costs in all of these runs: ln 3, of three classes.
    pub(in crate::diagnose) const GUESS: f64 = 1.098_612_288_668_11;

    /// A part with this loss, as a share of the guess's, and this accuracy, of 300 sequences of three classes.
    pub(in crate::diagnose) fn fitted(left: f64, accuracy: f64) -> PartFit {
        let right = (100.0 * accuracy).round() as usize;
        let wrong = 100 - right;
        let (part, _) = part(&[&[right, wrong, 0], &[0, right, wrong], &[wrong, 0, right]]);
        PartFit {
            loss: left * GUESS,
            ..part
        }
    }

    /// A run of this configuration with these losses.
    pub(in crate::diagnose) struct Case {
        pub(in crate::diagnose) config: TrainConfig,
        pub(in crate::diagnose) history: Vec<EpochRecord>,
        pub(in crate::diagnose) fit: Fit,
        pub(in crate::diagnose) finished: bool,
        pub(in crate::diagnose) saturation: f64,
    }

    impl Case {
        /// `epochs` epochs whose losses are a function of the epoch from 0, the validation loss a tenth
        /// above the training loss.
        pub(in crate::diagnose) fn new(epochs: usize, loss: impl Fn(usize) -> f64) -> Self {
            let config = TrainConfig {
                epochs,
                schedule: ScheduleKind::Constant.into(),
                ..TrainConfig::default()
            };
            let history: Vec<EpochRecord> = (0..epochs)
                .map(|e| EpochRecord {
                    epoch: e + 1,
                    learning_rate: config.learning_rate,
                    train_loss: loss(e),
                    train_accuracy: None,
                    gradient_norm: 0.5,
                    returned_to: None,
                    validation: Some(Validation {
                        loss: 1.1 * loss(e),
                        accuracy: Some(0.9),
                    }),
                })
                .collect();
            let left = history.last().unwrap().train_loss / GUESS;
            let accuracy = 1.0 - 0.6 * left.min(1.0);
            Self {
                config,
                history,
                fit: fit(
                    fitted(left, accuracy),
                    Some(fitted(1.05 * left, accuracy - 0.01)),
                ),
                finished: true,
                saturation: 0.6,
            }
        }

        pub(in crate::diagnose) fn curves(&self) -> Curves<'_> {
            Curves {
                config: &self.config,
                history: &self.history,
                fit: &self.fit,
                task: Task::Class,
                updates: 40,
                median_steps: 100,
                finished: self.finished,
                saturation: self.saturation,
                learns_change: false,
            }
        }

        pub(in crate::diagnose) fn with_rate(mut self, rate: f32) -> Self {
            self.config.learning_rate = rate;
            self.history
                .iter_mut()
                .for_each(|record| record.learning_rate = rate);
            self
        }
    }

    /// Falls fast, then flattens, with the noise of batches.
    pub(in crate::diagnose) fn healthy() -> Case {
        Case::new(40, |e| {
            GUESS * ((-0.3 * e as f64).exp() + 0.02 + 0.005 * f64::from(noise(e, 1)))
        })
    }
}
