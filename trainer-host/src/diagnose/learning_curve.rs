//! What the losses over the epochs say of the learning rate, the length of the run, and how well the
//! network fits.
//!
//! Losses are compared with that of a constant guess, whose value is known before training: 1 of it is
//! nothing learned, 0 everything.

use super::finding::{Figure, Finding, Kind, Lever, Severity, short, sizes};
use super::fit::{Fit, PartFit};
use crate::data::Task;
use crate::optimiser::OptimiserConfig;
use crate::train::{EpochRecord, TrainConfig};

/// While the rate is high: a training loss above the guess's by more than rounding and noise: a network whose output weights
/// were all 0 would do better, so the updates overshoot.
const ABOVE_GUESS: f64 = 1.05;
/// A loss of so many times the lowest before it is a jump; the noise of batches is far smaller.
const JUMP: f64 = 1.5;
/// Jumps by less than this share of the guess's loss are those of a loss that is next to 0.
const VISIBLE: f64 = 0.05;
/// One jump in a run can be a rare batch; one in ten epochs is the rate.
const JUMPING_EPOCHS: f64 = 0.1;
/// Adam and RMSprop move a weight by about the rate in an update, at most. Initial weights are some tenths
/// in size, and a network is not reached by moving them by less.
const REACH: f64 = 0.1;
/// So little of the guess's loss removed is nothing learned.
const NOTHING_LEARNED: f64 = 0.95;
/// Half of what a guess costs is a network that does not know its own training part.
const UNLEARNED: f64 = 0.5;
/// Below a fifth of the guess's loss more of the same brings little.
const LITTLE_LEFT: f64 = 0.2;
/// Nine of ten epochs lower the loss: a rate that is anywhere near too high has more that do not.
const STEADY: f64 = 0.9;
/// A quarter of the epochs with a tenth of the fall or more: the curve has not flattened.
const LATE_FALL: f64 = 0.1;
/// Fewer epochs have no shape.
const SHAPED: usize = 5;
/// The rate counts as high while it is at least this share of the largest.
const HIGH_RATE: f64 = 0.5;
/// Epochs in a row without an improvement that early stopping is advised with.
const PATIENCE: usize = 10;
/// A gap of less than a tenth of the guess's loss is usual between parts.
const LOSS_GAP: f64 = 0.1;
/// Smaller gaps of accuracy are of no use to anyone.
const ACCURACY_GAP: f64 = 0.03;
/// From here on a gap means that the network will disappoint on other recordings.
const LARGE_GAP: f64 = 0.15;
/// A validation loss that ends so many times above its lowest value.
const RISE: f64 = 1.5;

/// What the curves are judged with.
#[derive(Clone, Copy, Debug)]
pub struct Curves<'a> {
    /// How it was trained.
    pub config: &'a TrainConfig,
    /// One record for each epoch.
    pub history: &'a [EpochRecord],
    /// The chosen network on each part.
    pub fit: &'a Fit,
    /// Kind of the targets.
    pub task: Task,
    /// Of an epoch.
    pub updates: usize,
    /// Steps of the middle training sequence.
    pub median_steps: usize,
    /// Whether all of the run was done.
    pub finished: bool,
    /// The largest share of a gate's activations that are at an end of its range.
    pub saturation: f64,
    /// Whether a forecast learns the change from the last value.
    pub learns_change: bool,
}

/// Everything that the curves say. The rate comes first, since what it explains is not said again.
pub(super) fn findings(curves: &Curves<'_>) -> Vec<Finding> {
    let rate = (curves.rate_too_low()).or_else(|| curves.rate_too_high());
    let over_fitting = curves.over_fitting();
    let mut found: Vec<Finding> = Vec::new();
    if rate.is_none() {
        found.extend(curves.no_progress());
        // More training on its own would only widen the gap.
        if found.is_empty() && over_fitting.is_none() {
            found.extend(curves.under_fitting());
            found.extend(curves.still_improving());
        }
    }
    found.extend(rate);
    found.extend(curves.no_better_than_guessing());
    found.extend(over_fitting);
    found.extend(curves.unfinished());
    found
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Curves<'_> {
    fn losses(&self) -> Vec<f64> {
        self.history
            .iter()
            .map(|record| record.train_loss)
            .collect()
    }

    /// The loss that others are compared with, as the log counts it; without one, the first epoch's.
    fn logged_guess(&self) -> f64 {
        let first = self
            .history
            .first()
            .map_or(f64::NAN, |record| record.train_loss);
        self.fit.logged_guess.unwrap_or(first)
    }

    /// The training loss of the chosen network, as a share of the guess's.
    fn left(&self) -> Figure {
        Figure::of(
            "training loss of the chosen weights, as a share of a constant guess's",
            self.fit.train.left(),
        )
    }

    fn left_at_least(&self, limit: f64) -> Figure {
        let Figure { name, value, .. } = self.left();
        Figure::at_least(name, value, limit)
    }

    fn rate(&self) -> Figure {
        Figure::of("learning rate", f64::from(self.config.learning_rate))
    }

    fn lower_rate(&self, by: f64, why: &str) -> Lever {
        let rate = short(f64::from(self.config.learning_rate) / by);
        Lever::train(&format!("--learning-rate {rate}"), why)
    }

    fn more_epochs(&self, why: &str) -> Lever {
        Lever::train(&format!("--epochs {}", 2 * self.config.epochs), why)
    }

    /// Twice the units, unless another run's network sets them.
    fn more_units(&self) -> Option<Lever> {
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

    fn rate_too_high(&self) -> Option<Finding> {
        let kind = Kind::LearningRateTooHigh;
        let losses = self.losses();
        let norm = Figure::of(
            "median norm of the gradient before clipping",
            median(self.history.iter().map(|r| r.gradient_norm)),
        );
        let high = self.high_rate();
        let typical = median(high.iter().map(|record| record.train_loss));
        let above = (self.fit.logged_guess).and_then(|guess| {
            Finding::when(
                kind,
                Severity::Severe,
                "The updates overshoot: the training loss stays above what a constant guess costs.",
                vec![
                    Figure::at_least(
                        "median training loss of the epochs with a high rate",
                        typical,
                        ABOVE_GUESS * guess,
                    ),
                    Figure::of("loss of a constant guess", guess),
                    self.rate(),
                    norm.clone(),
                ],
            )
        });
        let jumps = self.jumps();
        let count = jumps.iter().filter(|jump| **jump).count();
        let ended_in_one = !self.finished && jumps.last() == Some(&true);
        let share = count as f64 / jumps.len().max(1) as f64;
        let jumping = || {
            let figure = Figure::at_least(
                "share of the epochs whose loss jumps above an earlier one",
                share,
                JUMPING_EPOCHS,
            );
            let two = Figure::at_least("epochs that jump", count as f64, 2.0);
            Finding::when(
                kind,
                Severity::Warning,
                "The training loss jumps from epoch to epoch instead of falling.",
                vec![figure, two, self.rate(), norm.clone()],
            )
        };
        let diverging = || {
            let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
            let last = losses.last().copied().unwrap_or(f64::NAN);
            Finding::when(
                kind,
                Severity::Severe,
                "The training loss was climbing when the run ended before its time.",
                vec![
                    Figure::at_least(
                        "last training loss, as a multiple of the lowest",
                        last / lowest,
                        JUMP,
                    ),
                    self.rate(),
                    norm.clone(),
                ],
            )
            .filter(|_| ended_in_one)
        };
        let steep = || {
            Finding::when(
                kind,
                Severity::Severe,
                "The updates overshoot: gradients stay far above what they are clipped to, and the training part is not learned.",
                vec![
                    Figure::at_least(
                        "share of the epochs with a mean norm far above clipping",
                        super::gradients::exploding_share(self.config, self.history),
                        super::gradients::MOST_EPOCHS,
                    ),
                    self.left_at_least(UNLEARNED),
                    self.rate(),
                    norm.clone(),
                ],
            )
        };
        let saturated = || {
            let severity = if self.fit.train.left() >= UNLEARNED {
                Severity::Severe
            } else {
                Severity::Warning
            };
            Finding::when(
                kind,
                severity,
                "Large steps have driven a gate to the ends of its range, and the training part is not learned.",
                vec![
                    Figure::at_least(
                        "largest share of a gate's activations that are at an end",
                        self.saturation,
                        super::gates::SATURATED,
                    ),
                    self.left_at_least(LITTLE_LEFT),
                    self.rate(),
                ],
            )
        };
        let found = (above.or_else(diverging).or_else(steep))
            .or_else(saturated)
            .or_else(jumping)?;
        let by = if found.severity == Severity::Severe {
            10.0
        } else {
            3.0
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

    /// Whether a weight moves by about the rate in an update, whatever the gradient's size.
    fn steps_are_rates(&self) -> bool {
        matches!(
            self.config.optimiser,
            OptimiserConfig::Adam { .. }
                | OptimiserConfig::AdamW { .. }
                | OptimiserConfig::RmsProp { .. }
        )
    }

    fn rate_too_low(&self) -> Option<Finding> {
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
            "The weights could hardly move away from where they began.",
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
        // A rate that moves a weight by 1 in the epochs that there are, within what usually works.
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

    fn no_progress(&self) -> Option<Finding> {
        let found = Finding::when(
            Kind::NoProgress,
            Severity::Severe,
            "The loss never left that of a constant guess: the network has learned nothing.",
            vec![
                self.left_at_least(NOTHING_LEARNED),
                self.rate(),
                Figure::of("steps of the middle sequence", self.median_steps as f64),
            ],
        )?;
        /// Cells with a forget-gate bias of 1 remember for some three steps.
        const LONG: usize = 20;
        let long = self.median_steps >= LONG && self.config.init.is_none();
        let remember = (long && self.config.forget_bias < 3.0).then(|| {
            Lever::train(
                "--forget-bias 3",
                "cells that remember for twenty steps from the beginning",
            )
        });
        let chrono = (long && self.config.initialisation.chrono_steps.is_none()).then(|| {
            Lever::train(
                &format!("--chrono-steps {}", self.median_steps),
                "memories of all lengths from the beginning",
            )
        });
        Some(
            found
                .advise(remember)
                .advise(chrono)
                .advise([Lever::find_rate("measures which rates lower the loss at all")])
                .advise([self.more_epochs("some tasks stay on a plateau for long")])
                .advise([Lever::look("look whether labels and recordings belong together, and whether the channels tell the classes apart")]),
        )
    }

    fn under_fitting(&self) -> Option<Finding> {
        // What comes next is seldom known any better.
        let severity = match persistence(&self.fit.train) {
            Some(_) => Severity::Note,
            None => Severity::Warning,
        };
        let accuracy = self
            .fit
            .train
            .accuracy
            .map(|a| Figure::of("accuracy on the training part", a));
        let mut evidence = vec![self.left_at_least(UNLEARNED)];
        evidence.extend(accuracy);
        let found = Finding::when(
            Kind::UnderFitting,
            severity,
            "Not even the training part is learned.",
            evidence,
        )?;
        let noise = self.config.input_noise;
        let dropout = self.config.dropout;
        let by_default = self.task == Task::Class;
        let regularised =
            noise.map_or(by_default, |n| n > 0.0) || dropout.map_or(by_default, |d| d > 0.0);
        let bare = regularised.then(|| {
            Lever::train(
                "--input-noise 0 --dropout 0",
                "nothing that makes learning harder",
            )
        });
        Some(
            found
                .advise([self.more_epochs("more time")])
                .advise(self.more_units())
                .advise([Lever::find_rate("says which rates lower the loss fastest")])
                .advise(bare)
                .advise([Lever::look("or the channels do not tell more than this")]),
        )
    }

    /// Epochs at the beginning up to the first that lowers the rate for good.
    fn high_rate(&self) -> &[EpochRecord] {
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

    fn still_improving(&self) -> Option<Finding> {
        let epochs = self.high_rate();
        if epochs.len() < SHAPED {
            return None;
        }
        let loss = |e: usize| epochs[e].train_loss;
        let last = epochs.len() - 1;
        let falls = (0..last).filter(|e| loss(e + 1) < loss(*e)).count() as f64 / last as f64;
        let late = loss(last - last.div_ceil(4)) - loss(last);
        let share = late / (loss(0) - loss(last)).max(f64::MIN_POSITIVE);
        let best = (self.history.iter())
            .filter_map(|record| Some((record.epoch, record.validation?.loss)))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        let mut evidence = vec![
            Figure::at_least(
                "share of the epochs with a high rate that lowered the training loss",
                falls,
                STEADY,
            ),
            Figure::at_least(
                "share of that fall in the last quarter of them",
                share,
                LATE_FALL,
            ),
            self.left_at_least(LITTLE_LEFT),
            Figure::of("epochs with a high rate", epochs.len() as f64),
            self.rate(),
        ];
        evidence.extend(
            best.map(|(epoch, _)| Figure::of("epoch of the lowest validation loss", epoch as f64)),
        );
        let found = Finding::when(
            Kind::StillImproving,
            Severity::Warning,
            "The loss still fell steadily when the rate was lowered or the run ended: too few epochs, or too low a rate.",
            evidence,
        )?;
        let rate = short(3.0 * f64::from(self.config.learning_rate));
        Some(
            found
                .advise([self.more_epochs("more time")])
                .advise([Lever::train(
                    &format!("--learning-rate {rate}"),
                    "larger steps",
                )])
                .advise([Lever::find_rate("says how high the rate may be")]),
        )
    }

    fn no_better_than_guessing(&self) -> Option<Finding> {
        let (part, fit) = self.fit.judged();
        if let Some(persistence) = persistence(fit) {
            let (mse, simplest) = persistence;
            let found = Finding::when(
                Kind::NoBetterThanGuessing,
                Severity::Severe,
                "The forecast is no better than repeating the last value.",
                vec![Figure::at_least(
                    format!(
                        "mean squared error on the {part} part, as a multiple of persistence's"
                    ),
                    mse / simplest,
                    1.0,
                )],
            )?;
            let change = (!self.learns_change)
                .then(|| Lever::train("--change", "learns the change instead of the value"));
            return Some(found.advise(change).advise([
                Lever::look("a longer --look-back, if what is foretold has a period that the window does not hold"),
            ]));
        }
        let (accuracy, guess) = fit.accuracy.zip(fit.guess_accuracy)?;
        // Without any progress of the loss this has been said.
        let learned = self.fit.train.left() < NOTHING_LEARNED;
        let found = Finding::when(
            Kind::NoBetterThanGuessing,
            Severity::Severe,
            "Always deciding for the commonest class is right as often.",
            vec![
                Figure::at_most(format!("accuracy on the {part} part"), accuracy, guess),
                Figure::of("share of the commonest class", guess),
            ],
        )
        .filter(|_| learned)?;
        let weights = (self.config.loss.class_weights.is_none()).then(|| {
            Lever::train(
                "--class-weights balanced",
                "rare classes count as much as the commonest",
            )
        });
        Some(
            found
                .advise(weights)
                .advise([self.more_epochs("more time")]),
        )
    }

    fn over_fitting(&self) -> Option<Finding> {
        let validation = self.fit.validation.as_ref()?;
        let train = &self.fit.train;
        // Each beside its own guess: the validation rows of a forecast may vary more than those before.
        let gap = validation.left() - train.left();
        let loss_gap = Figure::at_least(
            "validation loss less training loss, each as a share of a constant guess's",
            gap,
            LOSS_GAP,
        );
        let (evidence, size) = match train.accuracy.zip(validation.accuracy) {
            Some((on_train, on_validation)) => {
                let difference = on_train - on_validation;
                let chance = 2.0 * standard_error(on_validation, validation.sequences);
                let figures = vec![
                    Figure::at_least(
                        "accuracy on the training part less that on the validation part",
                        difference,
                        ACCURACY_GAP.max(chance),
                    ),
                    Figure::of("accuracy on the training part", on_train),
                    Figure::of("accuracy on the validation part", on_validation),
                    loss_gap,
                ];
                (figures, difference)
            }
            None => (vec![loss_gap], gap / 2.0),
        };
        let severity = if size >= LARGE_GAP {
            Severity::Severe
        } else {
            Severity::Warning
        };
        let by_gap = Finding::when(
            Kind::OverFitting,
            severity,
            "The training part is learned much better than the validation part.",
            evidence,
        );
        let found = by_gap.or_else(|| self.rising_validation_loss())?;
        Some(found.advise(self.regularisers()))
    }

    fn rising_validation_loss(&self) -> Option<Finding> {
        let losses: Vec<f64> = self
            .history
            .iter()
            .filter_map(|r| Some(r.validation?.loss))
            .collect();
        let last = *losses.last()?;
        let (best, lowest) = losses
            .iter()
            .copied()
            .enumerate()
            .min_by(|a, b| a.1.total_cmp(&b.1))?;
        let train = (
            self.history[best].train_loss,
            self.history.last()?.train_loss,
        );
        Finding::when(
            Kind::OverFitting,
            Severity::Warning,
            "The validation loss climbs while the training loss falls.",
            vec![
                Figure::at_least(
                    "last validation loss, as a multiple of the lowest",
                    last / lowest,
                    RISE,
                ),
                Figure::at_least(
                    "last validation loss less the lowest",
                    last - lowest,
                    LOSS_GAP * self.fit.train.guess_loss,
                ),
                Figure::at_most("last training loss", train.1, train.0),
                Figure::of("epoch of the lowest validation loss", (best + 1) as f64),
                Figure::of("epochs", losses.len() as f64),
            ],
        )
    }

    /// What is not in use yet, or only a little.
    fn regularisers(&self) -> Vec<Lever> {
        let config = self.config;
        let of_class = self.task == Task::Class;
        let mut levers = Vec::new();
        let dropout = f64::from(config.dropout.unwrap_or(if of_class { 0.2 } else { 0.0 }));
        if dropout < 0.5 {
            let more = short((dropout + 0.2).min(0.5));
            levers.push(Lever::train(
                &format!("--dropout {more}"),
                "no output may rely on a few units",
            ));
        }
        let noise = f64::from(
            config
                .input_noise
                .unwrap_or(if of_class { 0.3 } else { 0.0 }),
        );
        if of_class && noise < 0.5 {
            levers.push(Lever::train(
                &format!("--input-noise {}", short(noise + 0.2)),
                "no two epochs see the same recordings",
            ));
        }
        let shift = self.median_steps / 20;
        if of_class && shift > 0 && config.augmentation.time_shift == 0 {
            levers.push(Lever::train(
                &format!("--time-shift {shift}"),
                "events come earlier and later",
            ));
        }
        let decays = matches!(config.optimiser, OptimiserConfig::AdamW { weight_decay, .. } if weight_decay > 0.05);
        if !decays {
            levers.push(Lever::train(
                "--optimiser adamw --weight-decay 0.1",
                "smaller weights",
            ));
        }
        let losses = self
            .history
            .iter()
            .filter_map(|r| Some((r.epoch, r.validation?.loss)));
        let best = losses.min_by(|a, b| a.1.total_cmp(&b.1));
        let since = best.map_or(0, |(epoch, _)| self.history.len() - epoch);
        if config.early_stopping.is_none() && since >= PATIENCE {
            levers.push(Lever::train(
                &format!("--early-stopping {PATIENCE}"),
                "ends the run soon after its best epoch, and keeps the weights of that",
            ));
        }
        let hidden: Vec<usize> = config.hidden.iter().map(|h| h.div_ceil(2)).collect();
        if config.init.is_none() && config.hidden.iter().any(|h| *h > 16) {
            levers.push(Lever::train(
                &format!("--hidden {}", sizes(&hidden)),
                "fewer weights to learn recordings by heart with",
            ));
        }
        levers.push(Lever::look("more recordings, of more persons or machines"));
        levers
    }

    fn unfinished(&self) -> Option<Finding> {
        let done = self.history.len() as f64;
        Finding::when(
            Kind::Unfinished,
            Severity::Note,
            "The run was stopped, or its loss was no longer a number: `train --resume` goes on with it, and says which.",
            vec![
                Figure::at_most("epochs that are done", done, self.config.epochs as f64),
                Figure::of("epochs asked for", self.config.epochs as f64),
            ],
        )
        .filter(|_| !self.finished)
    }
}

/// Mean squared error of a forecast, and of persistence, over all outputs.
fn persistence(fit: &PartFit) -> Option<(f64, f64)> {
    let crate::evaluate::Score::Values(score) = &fit.score else {
        return None;
    };
    let standardised = score.standardised.zip(score.standardised_persistence);
    let (errors, simplest) = standardised.or(Some((score.errors, score.persistence?)))?;
    Some((errors.mse, simplest.mse))
}

/// Standard error of an accuracy over `count` sequences, with two right and two wrong ones added, so that
/// all right is no certainty (Agresti and Coull 1998).
pub(super) fn standard_error(accuracy: f64, count: usize) -> f64 {
    let count = count as f64;
    let share = (accuracy * count + 2.0) / (count + 4.0);
    (share * (1.0 - share) / (count + 4.0)).sqrt()
}

#[cfg(test)]
pub(in crate::diagnose) mod tests {
    use super::super::activity::tests::noise;
    use super::super::classes::tests::part;
    use super::super::data::tests::fit;
    use super::*;
    use crate::evaluate::{Errors, Score, ValueScore};
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

        fn with_rate(mut self, rate: f32) -> Self {
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

    fn found(case: &Case) -> Vec<Finding> {
        findings(&case.curves())
    }

    /// What is found in runs that have one illness.
    pub(in crate::diagnose) fn ill() -> Vec<(Kind, Vec<Finding>)> {
        let mut cases = Vec::new();
        let mut ill = |kind, case: Case| cases.push((kind, found(&case)));
        ill(
            Kind::LearningRateTooHigh,
            Case::new(20, |e| GUESS * (1.5 + 0.3 * f64::from(noise(e, 1)))).with_rate(1.0),
        );
        let jumping = |e: usize| {
            GUESS
                * if e % 5 == 4 {
                    0.6
                } else {
                    0.3 / (1.0 + e as f64)
                }
        };
        ill(
            Kind::LearningRateTooHigh,
            Case {
                fit: healthy().fit,
                ..Case::new(24, jumping)
            },
        );
        ill(
            Kind::LearningRateTooLow,
            Case::new(1, |_| GUESS * 1.01).with_rate(1e-5),
        );
        ill(
            Kind::NoProgress,
            Case::new(20, |e| GUESS * (1.0 + 0.01 * f64::from(noise(e, 1)))),
        );
        ill(
            Kind::UnderFitting,
            Case::new(40, |e| {
                GUESS * (0.4 * (-0.5 * e as f64).exp() + 0.6 + 0.005 * f64::from(noise(e, 1)))
            }),
        );
        ill(
            Kind::StillImproving,
            Case::new(20, |e| GUESS * (1.0 - 0.03 * e as f64)),
        );
        let apart = Case {
            fit: fit(fitted(0.02, 1.0), Some(fitted(0.7, 0.78))),
            ..healthy()
        };
        ill(Kind::OverFitting, apart);
        let mut rising = healthy();
        for (e, record) in rising.history.iter_mut().enumerate().skip(10) {
            record.validation.as_mut().unwrap().loss = 0.2 + 0.02 * e as f64;
        }
        ill(Kind::OverFitting, rising);
        let guessing = Case {
            fit: fit(
                fitted(0.4, 0.6),
                Some(PartFit {
                    guess_accuracy: Some(0.62),
                    ..fitted(0.45, 0.6)
                }),
            ),
            ..healthy()
        };
        ill(Kind::NoBetterThanGuessing, guessing);
        ill(
            Kind::NoBetterThanGuessing,
            Case {
                fit: forecast(1.2, 1.0),
                ..healthy()
            },
        );
        let mut stopped = healthy();
        stopped.config.epochs = 60;
        ill(
            Kind::Unfinished,
            Case {
                finished: false,
                ..stopped
            },
        );
        cases
    }

    /// Parts of a forecast with this error beside persistence's.
    fn forecast(mse: f64, persistence: f64) -> Fit {
        let errors = |mse| Errors {
            mse,
            mae: mse,
            r2: Some(0.8),
        };
        let part = PartFit {
            loss: 0.2,
            accuracy: None,
            guess_loss: 1.0,
            guess_accuracy: None,
            sequences: 300,
            groups: None,
            score: Score::Values(ValueScore {
                values: 300,
                errors: errors(mse),
                standardised: None,
                persistence: Some(errors(persistence)),
                standardised_persistence: None,
                outputs: Vec::new(),
                traces: Vec::new(),
            }),
        };
        fit(part.clone(), Some(part))
    }

    #[test]
    fn each_illness_is_found_alone() {
        for (n, (kind, found)) in ill().into_iter().enumerate() {
            assert_eq!(
                found.iter().map(|f| f.kind).collect::<Vec<_>>(),
                [kind],
                "case {n}"
            );
        }
    }

    #[test]
    fn a_run_that_flattens_is_healthy() {
        assert_eq!(found(&healthy()), []);
        assert_eq!(
            found(&Case {
                fit: forecast(0.9, 1.0),
                ..healthy()
            }),
            []
        );
    }

    #[test]
    fn what_the_rate_explains_is_not_said_again() {
        // Above the guess's loss is no progress either.
        let case = Case::new(6, |_| 3.0 * GUESS).with_rate(1.0);
        let found = found(&case);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].advice[0].flags, ["--learning-rate", "0.1"]);
    }

    #[test]
    fn a_stopped_run_whose_loss_climbs_has_too_high_a_rate() {
        let mut case = Case::new(20, |e| {
            if e == 19 {
                0.8
            } else {
                GUESS / (1.0 + e as f64)
            }
        });
        case.fit = healthy().fit;
        assert_eq!(found(&case), [], "one jump of twenty is no pattern");
        case.config.epochs = 40;
        case.finished = false;
        let kinds: Vec<Kind> = found(&case).iter().map(|f| f.kind).collect();
        assert_eq!(kinds, [Kind::LearningRateTooHigh, Kind::Unfinished]);
    }

    #[test]
    fn steep_gradients_explain_what_is_not_learned() {
        let flat = |e: usize| GUESS * (0.7 + 0.005 * f64::from(noise(e, 1)));
        let mut case = Case::new(10, flat);
        assert_eq!(found(&case)[0].kind, Kind::UnderFitting);
        (case.history.iter_mut()).for_each(|record| record.gradient_norm = 300.0);
        let kinds: Vec<Kind> = found(&case).iter().map(|f| f.kind).collect();
        assert_eq!(kinds, [Kind::LearningRateTooHigh]);
    }

    #[test]
    fn saturated_gates_explain_what_is_not_learned_and_harm_no_other() {
        let flat = |e: usize| GUESS * (0.4 + 0.005 * f64::from(noise(e, 1)));
        let mut case = Case::new(10, flat).with_rate(0.3);
        assert_eq!(found(&case), []);
        case.saturation = 0.95;
        let kinds: Vec<Kind> = found(&case).iter().map(|f| f.kind).collect();
        assert_eq!(kinds, [Kind::LearningRateTooHigh]);
        let learned = Case {
            saturation: 0.95,
            ..healthy()
        };
        assert_eq!(found(&learned), []);
    }

    #[test]
    fn what_over_fits_is_not_told_to_train_longer() {
        let flat = |e: usize| GUESS * (0.6 + 0.005 * f64::from(noise(e, 1)));
        let mut case = Case::new(10, flat);
        assert_eq!(found(&case)[0].kind, Kind::UnderFitting);
        case.fit.validation = Some(fitted(0.95, 0.4));
        let kinds: Vec<Kind> = found(&case).iter().map(|f| f.kind).collect();
        assert_eq!(kinds, [Kind::OverFitting]);
    }

    #[test]
    fn a_forecast_that_knows_little_more_is_but_noted() {
        let mut fit = forecast(0.8, 1.0);
        fit.train.loss = 0.7;
        let found = found(&Case { fit, ..healthy() });
        assert_eq!(
            (found[0].kind, found[0].severity),
            (Kind::UnderFitting, Severity::Note)
        );
    }

    #[test]
    fn sgd_moves_by_the_gradient_and_not_by_the_rate() {
        let mut case = Case::new(1, |_| GUESS * 1.01).with_rate(1e-5);
        case.config.optimiser = crate::optimiser::OptimiserKind::Sgd.into();
        assert_eq!(found(&case)[0].kind, Kind::NoProgress);
    }
}
