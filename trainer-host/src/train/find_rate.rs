//! The learning-rate range test (Smith 2017). In one short run, the rate climbs from update to update. The losses show
//! which rate to train with.
//!
//! ```text
//! η_n = lowest (highest / lowest)^(n / (N − 1))                                     (RT1)
//! s_n = Σ_k βᵏ L_{n−k} / Σ_k βᵏ                                                     (RT2)
//! steepest = η_n of the least ds / d ln η before the minimum of s                   (RT3)
//! proposed = η of the minimum of s, divided by 10                                   (RT4)
//! ```
//!
//! At the minimum, the rate begins to do harm, and the smoothed loss (RT2) shows it late. The usual peak rate is a
//! tenth of that rate.

use serde::Serialize;

use super::batches::{Batch, batches};
use super::config::TrainConfig;
use super::error::TrainError;
use super::trainer::initial_network;
use super::validation::check;
use crate::data::Dataset;
use crate::optimiser::{Optimiser, clip_global_norm};
use crate::out_of_range::{OutOfRange, require};
use crate::passes::backward::Backpropagation;

/// β of (RT2).
const SMOOTHING: f64 = 0.9;
/// The test ends when the smoothed loss exceeds its minimum by this factor.
const TOO_HIGH: f64 = 4.0;
/// The factor is not checked during the first updates.
const SETTLING: usize = 10;

/// Which rates are tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RangeTest {
    /// The first rate.
    pub lowest: f32,
    /// The last rate.
    pub highest: f32,
    /// N, at least 20.
    pub updates: usize,
}

impl Default for RangeTest {
    fn default() -> Self {
        Self {
            lowest: 1e-6,
            highest: 10.0,
            updates: 140,
        }
    }
}

/// One update of the test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RatePoint {
    /// (RT1)
    pub rate: f32,
    /// The batch's loss before the update.
    pub loss: f64,
    /// (RT2)
    pub smoothed: f64,
}

/// The result of the test.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RateCurve {
    /// One for each update, until the loss was too high.
    pub points: Vec<RatePoint>,
    /// (RT4); none if no rate lowered the loss.
    pub proposed: Option<f32>,
    /// (RT3); none if no rate lowered the loss.
    pub steepest: Option<f32>,
}

impl RateCurve {
    fn of(points: Vec<RatePoint>) -> Self {
        let by_loss = |a: &usize, b: &usize| points[*a].smoothed.total_cmp(&points[*b].smoothed);
        let lowest = (0..points.len()).min_by(by_loss).unwrap_or(0);
        let slope = |n: usize| {
            let (before, after) = (points[n - 1], points[n + 1]);
            let distance = (f64::from(after.rate) / f64::from(before.rate)).ln();
            (after.smoothed - before.smoothed) / distance
        };
        let steepest = (1..lowest).min_by(|a, b| slope(*a).total_cmp(&slope(*b)));
        Self {
            steepest: steepest.map(|n| points[n].rate),
            proposed: steepest.map(|_| points[lowest].rate / 10.0),
            points,
        }
    }
}

impl RangeTest {
    fn validate(&self) -> Result<(), OutOfRange> {
        require(
            self.lowest.is_finite() && self.lowest > 0.0,
            "lowest",
            self.lowest,
            "a number above 0",
        )?;
        require(
            self.highest.is_finite() && self.highest > self.lowest,
            "highest",
            self.highest,
            "a number above the lowest rate",
        )?;
        require(
            (20..=1_000_000).contains(&self.updates),
            "updates",
            self.updates,
            "20 to 1000000",
        )
    }

    /// The rate of update `n`, from 0: (RT1).
    fn rate(&self, n: usize) -> f32 {
        let ratio = (f64::from(self.highest) / f64::from(self.lowest)).ln();
        let share = n as f64 / (self.updates - 1) as f64;
        (f64::from(self.lowest) * (ratio * share).exp()) as f32
    }
}

/// The points of a test that runs.
struct Climb {
    test: RangeTest,
    points: Vec<RatePoint>,
    /// Numerator and denominator of (RT2).
    sums: (f64, f64),
    lowest: f64,
}

impl Climb {
    /// Takes the loss and the gradient's norm before the next update. Returns the rate of that update, or `None`
    /// if the test is over.
    fn next(&mut self, loss: f64, norm: f64) -> Option<f32> {
        let (sum, weight) = self.sums;
        self.sums = (SMOOTHING * sum + loss, SMOOTHING * weight + 1.0);
        let smoothed = self.sums.0 / self.sums.1;
        let diverged = !(smoothed.is_finite() && norm.is_finite());
        let settled = self.points.len() > SETTLING;
        if diverged || settled && smoothed > TOO_HIGH * self.lowest {
            return None;
        }
        self.lowest = self.lowest.min(smoothed);
        let rate = self.test.rate(self.points.len());
        self.points.push(RatePoint {
            rate,
            loss,
            smoothed,
        });
        (self.points.len() < self.test.updates).then_some(rate)
    }
}

/// Runs the test on normalised data. Initial weights, batches, loss, noise and optimiser are those of `config`;
/// the same seed gives the same curve.
///
/// # Errors
/// When the configuration, the data or the rates cannot be used.
pub fn find_rate(
    config: &TrainConfig,
    train: &Dataset,
    test: RangeTest,
) -> Result<RateCurve, TrainError> {
    config.validate()?;
    check("training", train, train)?;
    config.validate_for(train, true)?;
    test.validate()?;
    let mut network = initial_network(config, train)?;
    let mut optimiser = Optimiser::new(config.optimiser, network.parameter_count());
    let objective = config.loss.objective(&train.targets, train.outputs.len())?;
    let mut backpropagation = Backpropagation::new(&network, objective, config.perturbation(train));
    let mut climb = Climb {
        test,
        points: Vec::new(),
        sums: (0.0, 0.0),
        lowest: f64::INFINITY,
    };
    for epoch in 1.. {
        // Training for streams resets every sequence at its beginning, too (ST2).
        for indices in batches(config, train, epoch) {
            let batch = Batch::of(config, train, &indices, epoch);
            let examples = batch.examples(None);
            let window = config.truncate.unwrap_or(batch.longest());
            for w in 0..batch.longest().div_ceil(window) {
                let steps = w * window..(w + 1) * window;
                let found = backpropagation.window(&network, &examples, steps);
                let norm = clip_global_norm(found.gradient, config.clip_limit());
                let Some(rate) = climb.next(found.loss, norm) else {
                    return Ok(RateCurve::of(climb.points));
                };
                optimiser.update(&mut network, found.gradient, rate);
            }
        }
    }
    unreachable!("the loop ends by its updates")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loss that falls by 1 a decade from 10⁻³ to 10⁻¹, twice as fast around 10⁻², and rises
    /// from there.
    #[test]
    fn the_proposal_is_a_decade_below_the_minimum() {
        let points: Vec<RatePoint> = (0..=50)
            .map(|n| {
                let decade = -5.0 + f64::from(n) * 0.1;
                let smoothed = match decade {
                    d if d < -3.0 => 5.0,
                    d if d < -2.25 => 5.0 - (d + 3.0),
                    d if d < -1.75 => 4.25 - 2.0 * (d + 2.25),
                    d if d < -1.0 => 3.25 - (d + 1.75),
                    d => 2.5 + 3.0 * (d + 1.0),
                };
                RatePoint {
                    rate: 10f64.powf(decade) as f32,
                    loss: smoothed,
                    smoothed,
                }
            })
            .collect();
        let curve = RateCurve::of(points);
        assert!((curve.proposed.unwrap() - 0.01).abs() < 1e-4, "{curve:?}");
        let steepest = curve.steepest.unwrap().log10();
        assert!((-2.25..=-1.75).contains(&steepest), "{steepest}");
    }

    #[test]
    fn a_loss_that_only_rises_gives_no_proposal() {
        let points = (1..30).map(|n| RatePoint {
            rate: n as f32,
            loss: f64::from(n),
            smoothed: f64::from(n),
        });
        let curve = RateCurve::of(points.collect());
        assert_eq!((curve.proposed, curve.steepest), (None, None));
    }
}
