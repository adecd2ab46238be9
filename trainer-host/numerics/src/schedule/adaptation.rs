//! How the validation loss changes the rate, or ends the run.
//!
//! Everything here follows from the losses of the finished epochs. A run that continues from a checkpoint computes the
//! same from its history.

use super::config::Schedule;

/// Watches for improvements of a loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Monitor {
    lowest: f64,
    /// Epochs since the lowest loss, or since the last reset.
    since: usize,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            lowest: f64::INFINITY,
            since: 0,
        }
    }
}

impl Monitor {
    /// Takes the loss of the next epoch. Returns whether it is lower than all before by more than `min_delta`.
    pub fn observe(&mut self, loss: f64, min_delta: f64) -> bool {
        let improved = loss < self.lowest - min_delta;
        if improved {
            self.lowest = loss;
            self.since = 0;
        } else {
            self.since += 1;
        }
        improved
    }

    /// Epochs in a row without an improvement.
    pub fn since(&self) -> usize {
        self.since
    }
}

/// The verdict of (LR6) and (LR7) on an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The loss is lower than before.
    Improved,
    /// It is not lower, but patience is left.
    Waiting,
    /// The rate falls, and (LR7) returns to the best weights.
    Lowered,
}

/// The state of (LR6) and (LR7).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adaptation {
    monitor: Monitor,
    scale: f64,
}

impl Default for Adaptation {
    fn default() -> Self {
        Self {
            monitor: Monitor::default(),
            scale: 1.0,
        }
    }
}

impl Adaptation {
    /// γⁿ
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Takes the validation loss of the next epoch. Other schedules never lower the rate here.
    pub fn observe(&mut self, schedule: Schedule, loss: f64) -> Verdict {
        let (Schedule::Plateau {
            factor,
            patience,
            min_delta,
            ..
        }
        | Schedule::Backtracking {
            factor,
            patience,
            min_delta,
            ..
        }) = schedule
        else {
            return Verdict::Waiting;
        };
        if self.monitor.observe(loss, min_delta) {
            return Verdict::Improved;
        }
        if self.monitor.since < patience {
            return Verdict::Waiting;
        }
        self.monitor.since = 0;
        self.scale *= f64::from(factor);
        Verdict::Lowered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equal_loss_is_no_improvement() {
        let mut monitor = Monitor::default();
        for (loss, improved, since) in [
            (0.5, true, 0),
            (0.5, false, 1),
            (0.75, false, 2),
            (0.25, true, 0),
        ] {
            assert_eq!(monitor.observe(loss, 0.0), improved);
            assert_eq!(monitor.since(), since);
        }
    }

    #[test]
    fn the_rate_is_lowered_after_patience_without_an_improvement() {
        use Verdict::{Improved, Lowered, Waiting};
        let schedule = Schedule::Plateau {
            factor: 0.5,
            patience: 2,
            min_delta: 0.1,
            lowest_rate: 0.0,
        };
        let mut adaptation = Adaptation::default();
        // 0.95 is no improvement on 1 by more than 0.1, and what counts is the 1.
        for (loss, verdict, scale) in [
            (1.0, Improved, 1.0),
            (0.95, Waiting, 1.0),
            (0.85, Improved, 1.0),
            (f64::NAN, Waiting, 1.0),
            (0.85, Lowered, 0.5),
            (0.85, Waiting, 0.5),
            (0.8, Lowered, 0.25),
            (0.7, Improved, 0.25),
        ] {
            assert_eq!(adaptation.observe(schedule, loss), verdict, "{loss}");
            assert_eq!(adaptation.scale(), scale);
        }
    }
}
