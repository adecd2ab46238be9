//! A learning rate that is too high or too low, by the losses, the gradients and the gates.

use super::curves::{Curves, LITTLE_LEFT, UNLEARNED, median};
use super::finding::{Figure, Finding, Kind, Lever, Severity, short};
use super::{gates, gradients};
use crate::optimiser::OptimiserConfig;

/// A training loss above this multiple of what a network costs that knows nothing is more than rounding and noise, so the
/// updates overshoot.
const ABOVE_GUESS: f64 = 1.05;
/// A loss of this multiple of the lowest before it is a jump; the noise of batches is far smaller.
const JUMP: f64 = 1.5;
/// A jump by less than this share of the guess's loss does not count: the loss is next to 0.
const VISIBLE: f64 = 0.05;
/// A single jump in a run can come from a rare batch. One jump in ten epochs comes from the rate.
const JUMPING_EPOCHS: f64 = 0.1;
/// In one update, Adam and RMSprop move a weight by about the rate at most. Initial weights are a few tenths in size,
/// so weights that moved by less are practically still the initial ones.
const REACH: f64 = 0.1;

impl Curves<'_> {
    /// Epochs whose loss is well above the lowest before them.
    fn jumps(&self) -> Vec<bool> {
        let visible = VISIBLE * self.logged_guess();
        let mut lowest = f64::INFINITY;
        let jump = |loss: f64| {
            let jumped = loss >= JUMP * lowest && loss - lowest >= visible;
            lowest = lowest.min(loss);
            jumped
        };
        self.losses().into_iter().map(jump).collect()
    }

    /// Several signs of one cause: the first that shows is the finding, the severe ones before the others.
    pub(super) fn rate_too_high(&self) -> Option<Finding> {
        let found = (self.above_guess())
            .or_else(|| self.diverging())
            .or_else(|| self.steep())
            .or_else(|| self.saturated())
            .or_else(|| self.jumping())?;
        let by = match found.severity {
            Severity::Severe => 10.0,
            Severity::Warning | Severity::Note => 3.0,
        };
        let clip = (self.config.clip_norm == 0.0).then(|| {
            Lever::train(
                "--clip-norm 1",
                "limits the step that a rare steep gradient makes",
            )
        });
        Some(
            found
                .advise([self.lower_rate(by, "smaller steps")])
                .advise([Lever::find_rate(
                    "measures which rates lower the loss on this data",
                )])
                .advise(clip),
        )
    }

    fn gradient_norm(&self) -> Figure {
        Figure::of(
            "median norm of the gradient before clipping",
            median(self.history.iter().map(|r| r.gradient_norm)),
        )
    }

    /// The loss stays above a constant guess's while the rate is high, and above that of outputs of 0, where a network
    /// begins: with unequal classes, each network's first epochs are above the guess.
    fn above_guess(&self) -> Option<Finding> {
        let guess = self.fit.logged_guess?;
        let blank = self.fit.logged_blank.unwrap_or(guess);
        let high = self.high_rate().iter();
        let typical = median(high.map(|record| record.train_loss));
        Finding::when(
            Kind::LearningRateTooHigh,
            Severity::Severe,
            "The updates overshoot: the training loss stays above that of a constant guess.",
            vec![
                Figure::at_least(
                    "median training loss of the epochs with a high rate",
                    typical,
                    ABOVE_GUESS * guess.max(blank),
                ),
                Figure::of("loss of a constant guess", guess),
                Figure::of("loss of outputs that are all 0", blank),
                self.rate(),
                self.gradient_norm(),
            ],
        )
    }

    /// A stopped run ends in a jump.
    fn diverging(&self) -> Option<Finding> {
        if self.finished || self.jumps().last() != Some(&true) {
            return None;
        }
        let losses = self.losses();
        let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
        let last = losses.last().copied().unwrap_or(f64::NAN);
        Finding::when(
            Kind::LearningRateTooHigh,
            Severity::Severe,
            "The training loss was climbing when the run ended early.",
            vec![
                Figure::at_least(
                    "last training loss, as a multiple of the lowest",
                    last / lowest,
                    JUMP,
                ),
                self.rate(),
                self.gradient_norm(),
            ],
        )
    }

    /// Gradients far above clipping, with the training part not learned.
    fn steep(&self) -> Option<Finding> {
        Finding::when(
            Kind::LearningRateTooHigh,
            Severity::Severe,
            "The updates overshoot: gradients stay far above the clipping limit, and the training part is not learned.",
            vec![
                Figure::at_least(
                    "share of the epochs with a mean norm far above clipping",
                    gradients::exploding_share(self.config, self.history),
                    gradients::MOST_EPOCHS,
                ),
                self.left_at_least(UNLEARNED),
                self.rate(),
                self.gradient_norm(),
            ],
        )
    }

    /// A gate at the ends of its range, with the training part not learned.
    fn saturated(&self) -> Option<Finding> {
        let severity = if self.fit.train.left() >= UNLEARNED {
            Severity::Severe
        } else {
            Severity::Warning
        };
        Finding::when(
            Kind::LearningRateTooHigh,
            severity,
            "Large steps have driven a gate to the ends of its range, and the training part is not learned.",
            vec![
                Figure::at_least(
                    "largest share of a gate's activations that are at an end",
                    self.saturation,
                    gates::SATURATED,
                ),
                self.left_at_least(LITTLE_LEFT),
                self.rate(),
            ],
        )
    }

    /// One epoch in ten jumps.
    fn jumping(&self) -> Option<Finding> {
        let jumps = self.jumps();
        let count = jumps.iter().filter(|jump| **jump).count();
        let share = count as f64 / jumps.len().max(1) as f64;
        Finding::when(
            Kind::LearningRateTooHigh,
            Severity::Warning,
            "The training loss jumps from epoch to epoch instead of falling.",
            vec![
                Figure::at_least(
                    "share of the epochs whose loss jumps above an earlier one",
                    share,
                    JUMPING_EPOCHS,
                ),
                Figure::at_least("epochs that jump", count as f64, 2.0),
                self.rate(),
                self.gradient_norm(),
            ],
        )
    }

    /// Whether a weight moves by about the rate in an update, whatever the gradient's size.
    fn steps_are_rates(&self) -> bool {
        matches!(
            self.config.optimiser,
            OptimiserConfig::Adam { .. }
                | OptimiserConfig::AdamW { .. }
                | OptimiserConfig::RmsProp { .. }
        )
    }

    /// The rates of all updates add up to less than a weight has to move.
    pub(super) fn rate_too_low(&self) -> Option<Finding> {
        if !self.steps_are_rates() {
            return None;
        }
        let rates = self
            .history
            .iter()
            .map(|record| f64::from(record.learning_rate));
        let reach = rates.sum::<f64>() * self.updates as f64;
        let found = Finding::when(
            Kind::LearningRateTooLow,
            Severity::Severe,
            "The weights could hardly move away from their initial values.",
            vec![
                Figure::at_most(
                    "distance that a weight could move, sum of the rates of all updates",
                    reach,
                    REACH,
                ),
                self.left_at_least(UNLEARNED),
                self.rate(),
                Figure::of("updates", (self.updates * self.history.len()) as f64),
            ],
        )?;
        // A rate that moves a weight by 1 over all epochs, within the usual limits.
        let rate = f64::from(self.config.learning_rate);
        let wanted = (rate / reach.max(1e-12)).clamp(1e-3, 1e-2);
        let higher = (wanted > 1.5 * rate).then(|| {
            Lever::train(
                &format!("--learning-rate {}", short(wanted)),
                "larger steps",
            )
        });
        Some(
            found
                .advise(higher)
                .advise([self.more_epochs("more of them")])
                .advise([Lever::find_rate(
                    "measures which rates lower the loss on this data",
                )]),
        )
    }
}
