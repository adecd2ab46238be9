//! Over-fitting: the training part is learned much better than the validation part.

use super::curves::Curves;
use super::finding::{Figure, Finding, Kind, Lever, Severity, short, sizes};
use super::fit::standard_error;
use crate::data::Task;
use crate::optimiser::OptimiserConfig;
use crate::train::{CLASS_DROPOUT, CLASS_INPUT_NOISE};

/// Early stopping is advised with this many epochs in a row without an improvement.
const PATIENCE: usize = 10;
/// A gap of less than a tenth of the guess's loss is usual between parts.
const LOSS_GAP: f64 = 0.1;
/// A smaller gap of accuracy makes no difference in use.
const ACCURACY_GAP: f64 = 0.03;
/// With a gap this large, the network will disappoint on other recordings.
const LARGE_GAP: f64 = 0.15;
/// A validation loss that ends at this multiple of its lowest value has risen.
const RISE: f64 = 1.5;

impl Curves<'_> {
    /// Parts that differ in loss and accuracy; else a validation loss that climbs.
    pub(super) fn over_fitting(&self) -> Option<Finding> {
        let validation = self.fit.validation.as_ref()?;
        let train = &self.fit.train;
        // Each part beside its own guess, since the validation rows of a forecast may vary more than earlier rows.
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

    /// Levers that make no two epochs alike.
    fn randomness(&self) -> Vec<Lever> {
        let config = self.config;
        let of_class = self.task == Task::Class;
        let mut levers = Vec::new();
        let dropout =
            f64::from(
                config
                    .dropout
                    .unwrap_or(if of_class { CLASS_DROPOUT } else { 0.0 }),
            );
        if dropout < 0.5 {
            let more = short((dropout + 0.2).min(0.5));
            levers.push(Lever::train(
                &format!("--dropout {more}"),
                "no output can rely on a few units",
            ));
        }
        let noise =
            f64::from(
                config
                    .input_noise
                    .unwrap_or(if of_class { CLASS_INPUT_NOISE } else { 0.0 }),
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
        levers
    }

    /// Levers that the run does not use yet, or uses only a little.
    fn regularisers(&self) -> Vec<Lever> {
        let config = self.config;
        let mut levers = self.randomness();
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
                "ends the run soon after its best epoch, and keeps the weights of that epoch",
            ));
        }
        let hidden: Vec<usize> = config.hidden.iter().map(|h| h.div_ceil(2)).collect();
        if config.init.is_none() && config.hidden.iter().any(|h| *h > 16) {
            levers.push(Lever::train(
                &format!("--hidden {}", sizes(&hidden)),
                "fewer weights that could memorise recordings",
            ));
        }
        levers.push(Lever::look("more recordings, of more persons or machines"));
        levers
    }
}
