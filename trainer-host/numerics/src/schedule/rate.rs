//! The learning rate and the momentum at one update. Equations are those of [`crate::schedule`].

use std::f64::consts::PI;

use super::config::Schedule;

/// The progress of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// e, the number of finished epochs.
    pub epochs: usize,
    /// p, in 0 to 1: the middle of the update, so that neither the first nor the last has rate 0.
    pub done: f64,
    /// γⁿ of (LR6) and (LR7).
    pub scale: f64,
}

impl Schedule {
    /// The rate at `at`, for a peak rate of `peak`.
    pub fn rate(self, peak: f32, at: Position) -> f32 {
        let done = at.done;
        let factor = match self {
            Self::Constant => 1.0,
            Self::Cosine { warm_up } if done < f64::from(warm_up) => done / f64::from(warm_up),
            Self::Cosine { warm_up } => {
                let warm_up = f64::from(warm_up);
                0.5 + 0.5 * (PI * (done - warm_up) / (1.0 - warm_up)).cos()
            }
            Self::Step { every, factor } => {
                f64::from(factor).powf((at.epochs / every.max(1)) as f64)
            }
            Self::Exponential { factor } => f64::from(factor).powf(at.epochs as f64),
            Self::OneCycle {
                warm_up,
                start,
                end,
                ..
            } => one_cycle([start, 1.0, end], warm_up, done),
            Self::Plateau { lowest_rate, .. } | Self::Backtracking { lowest_rate, .. } => {
                at.scale.max(f64::from(lowest_rate) / f64::from(peak))
            }
        };
        (f64::from(peak) * factor) as f32
    }

    /// The momentum at `at`, if it is not the optimiser's own: (LR8).
    pub fn momentum(self, at: Position) -> Option<f32> {
        match self {
            Self::OneCycle {
                warm_up,
                low_momentum: low,
                high_momentum: high,
                ..
            } => Some(one_cycle([high, low, high], warm_up, at.done) as f32),
            _ => None,
        }
    }
}

/// A half cosine from the first to the second of `values` while `done < warm_up`, and then one from the second to the
/// third.
fn one_cycle(values: [f32; 3], warm_up: f32, done: f64) -> f64 {
    let ([first, second, third], warm_up) = (values.map(f64::from), f64::from(warm_up));
    let cosine = |a: f64, b: f64, x: f64| b + (a - b) * (0.5 + 0.5 * (PI * x).cos());
    if done < warm_up {
        cosine(first, second, done / warm_up)
    } else {
        cosine(second, third, (done - warm_up) / (1.0 - warm_up))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::ScheduleKind;

    /// Rates of 100 updates in 10 epochs.
    fn rates(schedule: Schedule, peak: f32) -> Vec<f32> {
        let position = |update: usize| Position {
            epochs: update / 10,
            done: (update as f64 + 0.5) / 100.0,
            scale: 1.0,
        };
        (0..100).map(|u| schedule.rate(peak, position(u))).collect()
    }

    fn assert_close(found: f32, expected: f64) {
        let error = (f64::from(found) - expected).abs();
        assert!(error < 1e-6 * expected.abs(), "{found}, {expected}");
    }

    #[test]
    fn cosine_climbs_then_falls_to_almost_nothing() {
        let rates = rates(Schedule::Cosine { warm_up: 0.2 }, 2.0);
        assert!(rates[..20].windows(2).all(|pair| pair[0] < pair[1]));
        assert!(rates[20..].windows(2).all(|pair| pair[0] > pair[1]));
        // (LR1) at p = 0.095 + 0.005 = ½ w, and (LR2) at p = 0.6, half way down.
        assert!((rates[9] - 2.0 * 0.095 / 0.2).abs() < 1e-6);
        assert!(((rates[59] + rates[60]) / 2.0 - 1.0).abs() < 1e-6);
        assert!(rates[99] > 0.0 && rates[99] < 1e-3);
    }

    #[test]
    fn without_a_warm_up_the_peak_comes_first() {
        let at = Position {
            epochs: 0,
            done: 0.0,
            scale: 1.0,
        };
        let one_cycle: Schedule = toml::from_str("kind = 'one-cycle'\nwarm_up = 0.0").unwrap();
        for schedule in [Schedule::Cosine { warm_up: 0.0 }, one_cycle] {
            assert_eq!(schedule.rate(0.25, at), 0.25);
        }
    }

    #[test]
    fn constant_stays() {
        assert_eq!(rates(Schedule::Constant, 0.5), [0.5; 100]);
    }

    #[test]
    fn steps_and_powers_fall_by_their_factor() {
        let steps = rates(
            Schedule::Step {
                every: 3,
                factor: 0.5,
            },
            1.0,
        );
        for (epoch, rate) in [
            (0, 1.0),
            (2, 1.0),
            (3, 0.5),
            (5, 0.5),
            (6, 0.25),
            (9, 0.125),
        ] {
            assert_eq!(steps[10 * epoch..10 * epoch + 10], [rate; 10], "{epoch}");
        }
        let powers = rates(Schedule::Exponential { factor: 0.5 }, 1.0);
        for epoch in 0..10 {
            let rate = 0.5f32.powi(epoch);
            assert_eq!(powers[10 * epoch as usize..][..10], [rate; 10]);
        }
    }

    /// Peak 1, start 0.04, end 0.01, w = 0.3. At p = 0.155, x = 0.516667: cos(π x) = −0.052336,
    /// so 1 − 0.96 · (½ − 0.026168) = 0.545121; at p = 0.655, x = 0.507143: cos(π x) = −0.022438,
    /// so 0.01 + 0.99 · (½ − 0.011219) = 0.493893.
    #[test]
    fn one_cycle_climbs_to_its_peak_and_falls_below_its_start() {
        let schedule = Schedule::OneCycle {
            warm_up: 0.3,
            start: 0.04,
            end: 0.01,
            low_momentum: 0.85,
            high_momentum: 0.95,
        };
        let rates = rates(schedule, 1.0);
        assert!(rates[..30].windows(2).all(|pair| pair[0] < pair[1]));
        assert!(rates[30..].windows(2).all(|pair| pair[0] > pair[1]));
        assert!((rates[15] - 0.545_121).abs() < 1e-5, "{}", rates[15]);
        assert!((rates[65] - 0.493_893).abs() < 1e-5, "{}", rates[65]);
        assert!(rates[0] > 0.04 && rates[0] < 0.05 && rates[99] < 0.011);
    }

    /// w = 0.25, momentum 0.5 to 0.9: half way up and half way down it is 0.7.
    #[test]
    fn momentum_falls_while_the_rate_of_one_cycle_climbs() {
        let schedule: Schedule = toml::from_str(
            "kind = 'one-cycle'\nwarm_up = 0.25\nlow_momentum = 0.5\nhigh_momentum = 0.9",
        )
        .unwrap();
        let at = |done| Position {
            epochs: 0,
            done,
            scale: 1.0,
        };
        for (done, expected) in [
            (0.0, 0.9),
            (0.125, 0.7),
            (0.25, 0.5),
            (0.625, 0.7),
            (1.0, 0.9),
        ] {
            assert_close(schedule.momentum(at(done)).unwrap(), expected);
        }
        // PyTorch's, at both ends.
        let default = Schedule::from(ScheduleKind::OneCycle);
        assert_eq!(default.momentum(at(0.0)), Some(0.95));
        assert_eq!(default.momentum(at(f64::from(0.3f32))), Some(0.85));
        assert_eq!(Schedule::default().momentum(at(0.5)), None);
    }

    #[test]
    fn a_lowered_rate_stops_at_its_lowest() {
        let schedule = Schedule::Plateau {
            factor: 0.5,
            patience: 1,
            min_delta: 0.0,
            lowest_rate: 0.001,
        };
        let at = |scale| Position {
            epochs: 3,
            done: 0.5,
            scale,
        };
        assert_close(schedule.rate(0.01, at(0.25)), 0.0025);
        assert_close(schedule.rate(0.01, at(0.01)), 0.001);
    }
}
