//! Findings about progress, from the losses over the epochs: nothing learned, too little, not yet enough, or no better
//! than a guess. This file also fixes which finding of the curves explains which other one.
//!
//! Each loss is a share of the constant guess's loss, which is known before training. 1 means that the network learned
//! nothing, 0 that it learned everything.

use super::curves::{Curves, LITTLE_LEFT, NOTHING_LEARNED, UNLEARNED};
use super::finding::{Figure, Finding, Kind, Lever, Severity};
use crate::data::Task;

/// Nine of ten epochs lower the loss. With a rate that is nearly too high, fewer do.
const STEADY: f64 = 0.9;
/// A curve whose last quarter holds a tenth of the fall or more has not flattened.
const LATE_FALL: f64 = 0.1;
/// A curve of fewer epochs has no shape.
const SHAPED: usize = 5;

/// All findings of the curves. A finding that the learning rate explains is left out.
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

impl Curves<'_> {
    fn no_progress(&self) -> Option<Finding> {
        let found = Finding::when(
            Kind::NoProgress,
            Severity::Severe,
            "The loss stays at that of a constant guess: the network has learned nothing.",
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
                .advise([Lever::look("check whether labels and recordings belong together, and whether the channels can separate the classes")]),
        )
    }

    fn under_fitting(&self) -> Option<Finding> {
        // What comes next is seldom known any better.
        let severity = match self.fit.train.persistence() {
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
                .advise([Lever::look(
                    "or the channels contain no more information than this",
                )]),
        )
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
                "share of the fall that the last quarter of these epochs brought",
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
        Some(
            found
                .advise([self.more_epochs("more time")])
                .advise([self.rate_times(3.0, "larger steps")])
                .advise([Lever::find_rate("says how high the rate may be")]),
        )
    }

    fn no_better_than_guessing(&self) -> Option<Finding> {
        let (part, fit) = self.fit.judged();
        if let Some((mse, simplest)) = fit.persistence() {
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
            return Some(found.advise(change).advise([Lever::look(
                "a longer --look-back, if the forecast value has a period longer than the window",
            )]));
        }
        let (accuracy, guess) = fit.accuracy.zip(fit.guess_accuracy)?;
        // If the loss made no progress at all, another finding says so.
        let learned = self.fit.train.left() < NOTHING_LEARNED;
        let found = Finding::when(
            Kind::NoBetterThanGuessing,
            Severity::Severe,
            "A constant decision for the most frequent class is right as often.",
            vec![
                Figure::at_most(format!("accuracy on the {part} part"), accuracy, guess),
                Figure::of("share of the most frequent class", guess),
            ],
        )
        .filter(|_| learned)?;
        let weights = (self.config.loss.class_weights.is_none()).then(|| {
            Lever::train(
                "--class-weights balanced",
                "rare classes count as much as frequent ones",
            )
        });
        Some(
            found
                .advise(weights)
                .advise([self.more_epochs("more time")]),
        )
    }

    fn unfinished(&self) -> Option<Finding> {
        let done = self.history.len() as f64;
        Finding::when(
            Kind::Unfinished,
            Severity::Note,
            "The run was stopped, or its loss was no longer a number. `train --resume` continues it, or says why it cannot.",
            vec![
                Figure::at_most("epochs that are done", done, self.config.epochs as f64),
                Figure::of("epochs asked for", self.config.epochs as f64),
            ],
        )
        .filter(|_| !self.finished)
    }
}

#[cfg(test)]
pub(in crate::diagnose) mod tests {
    use super::super::activity::tests::noise;
    use super::super::curves::tests::{Case, GUESS, fitted, healthy};
    use super::super::data::tests::fit;
    use super::*;
    use crate::diagnose::{Fit, PartFit};
    use crate::evaluate::{Beside, Errors, Score, ValueScore};

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
                fit: forecast(1.2, 1.0, 1.3),
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

    /// Parts of a forecast with this error beside persistence's and ridge's.
    pub(in crate::diagnose) fn forecast(mse: f64, persistence: f64, ridge: f64) -> Fit {
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
            baselines: Vec::new(),
            score: Score::Values(ValueScore {
                values: 300,
                errors: errors(mse),
                beside: Beside {
                    persistence: Some(errors(persistence)),
                    ridge: Some(errors(ridge)),
                    ..Beside::default()
                },
                outputs: Vec::new(),
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
                fit: forecast(0.9, 1.0, 1.3),
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
        let mut fit = forecast(0.8, 1.0, 1.3);
        fit.train.loss = 0.7;
        let found = found(&Case { fit, ..healthy() });
        assert_eq!(
            (found[0].kind, found[0].severity),
            (Kind::UnderFitting, Severity::Note)
        );
    }

    /// With 97 % of one class the guess costs 0.13, and every network begins at ln 2.
    #[test]
    fn first_epochs_of_unequal_classes_are_no_sign_of_the_rate() {
        let mut case = Case::new(15, |e| 0.69 * (-0.15 * e as f64).exp() + 0.05);
        case.fit.logged_guess = Some(0.13);
        let blames = |case: &Case| {
            let mut kinds = found(case).into_iter().map(|finding| finding.kind);
            kinds.any(|kind| kind == Kind::LearningRateTooHigh)
        };
        case.fit.logged_blank = Some(0.13);
        assert!(blames(&case));
        case.fit.logged_blank = Some(0.69);
        assert!(!blames(&case));
    }

    #[test]
    fn sgd_moves_by_the_gradient_and_not_by_the_rate() {
        let mut case = Case::new(1, |_| GUESS * 1.01).with_rate(1e-5);
        case.config.optimiser = crate::optimiser::OptimiserKind::Sgd.into();
        assert_eq!(found(&case)[0].kind, Kind::NoProgress);
    }
}
