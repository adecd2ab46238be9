//! Search in a space of settings for the points with the least objectives. Nothing here knows about networks.
//!
//! A [`Space`] lists the settings. [`propose`] returns the next [`Point`] to try: at random, or from the results of
//! earlier points, by a tree-structured Parzen estimator ([`tpe`]) or a Gaussian process (`gaussian.rs`). [`Stopping`]
//! decides which trials to stop early, [`pareto`] which trials no other one beats, [`handover`] which finalist a search
//! hands over, [`fidelity`] whether one fold says enough, [`importance`] which settings mattered, [`belief`] what the
//! process expects of each setting's values, [`Prior`] what is expected before any trial, and [`taught`] what the process
//! learns from an earlier study.
//!
//! Everything here is a function of its arguments: same seed and same observations, same answer.

pub mod belief;
mod config;
mod coordinates;
mod domain;
pub mod fidelity;
mod gaussian;
pub mod handover;
pub mod importance;
mod logarithm;
pub mod pareto;
mod parzen;
mod point;
mod prior;
mod ranking;
mod space;
mod stopping;
pub mod taught;
pub mod tpe;

pub use config::{Objective, Sampler, SearchConfig};
pub use domain::{Domain, Scale};
pub use point::{Point, Value, in_one_line, short_name};
pub use prior::Prior;
pub use space::{Parameter, Space, SpaceError};
pub use stopping::{Progress, Stopping, stops};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// How a trial ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was trained to its end, with these objectives. All are minimised; the first counts most.
    Finished(Vec<f64>),
    /// It was stopped after `epochs` with the loss or error `value`, or only its first fold was trained.
    Stopped {
        /// Epochs that it was trained for.
        epochs: usize,
        /// Its lowest value until then.
        value: f64,
    },
    /// It failed: its loss was no longer a number.
    Failed,
}

/// A point and its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The settings.
    pub point: Point,
    /// How its trial ended.
    pub outcome: Outcome,
    /// Its value after each epoch; empty where that is not known.
    pub values: Vec<f64>,
    /// What is known of its first fold alone.
    pub first_fold: FirstFold,
}

impl Observation {
    /// Whether its trial was trained to its end.
    pub fn is_finished(&self) -> bool {
        matches!(self.outcome, Outcome::Finished(_))
    }
}

/// What is known of the first of several folds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FirstFold {
    /// Its error, once it was trained to its end.
    pub error: Option<f64>,
    /// Whether the trial's values are of this fold. Otherwise they are means over all folds.
    pub has_values: bool,
}

/// No point that is allowed was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "none of {tries} points of the search space fits the limits; allow more, or widen the space towards smaller networks"
)]
pub struct NothingFits {
    /// Points that were tried.
    pub tries: usize,
}

/// Points that are drawn before giving up.
const TRIES: usize = 20_000;
/// So many of them are near likely values. Of later ones every other is even, as likely points may all be taken, or not
/// fit.
const LIKELY: usize = 100;
/// Draws that may hit taken points. After this many, a taken point is tried again.
const TAKEN: usize = 1000;

/// The point of trial `number`, one for which `costs` returns its objectives but the first, while trials of the points
/// `running` run. It differs from theirs and from those of `observations`, unless the space has hardly any others. But
/// [`Sampler::Gaussian`] may also propose to go on with a trial that was stopped: then the point is that trial's.
///
/// The points of `config.first` come first. The rest of the first `startup` trials, and all trials of a random
/// search, are drawn at random. Only a random search ignores [priors](Prior).
///
/// # Errors
/// [`NothingFits`]
pub fn propose(
    config: &SearchConfig,
    seed: u64,
    number: usize,
    observations: &[Observation],
    running: &[&Point],
    mut costs: impl FnMut(&Point) -> Option<Vec<f64>>,
) -> Result<Point, NothingFits> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number as u64);
    if let Some(first) = config.first.get(number)
        && costs(first).is_some()
    {
        return Ok(first.clone());
    }
    let is_new =
        |point: &Point| !running.contains(&point) && observations.iter().all(|o| o.point != *point);
    if number >= config.startup() {
        let point = match config.sampler {
            Sampler::Random => None,
            Sampler::Tpe => tpe::Estimator::new(&config.space, observations)
                .and_then(|e| e.propose(&mut rng, |p| is_new(p) && costs(p).is_some())),
            Sampler::Gaussian => {
                let SearchConfig { space, taught, .. } = config;
                let model = gaussian::Model::new(space, taught, observations, running);
                model.and_then(|model| {
                    let goes_on = config.continues_trials();
                    let is_allowed = |p: &Point| is_new(p) || goes_on && model.can_go_on(p);
                    let allowed = |p: &Point| is_allowed(p).then(|| costs(p)).flatten();
                    model.propose(number, &mut rng, allowed)
                })
            }
        };
        if let Some(point) = point {
            return Ok(point);
        }
    }
    let draws = (0..TRIES).map(|n| match config.sampler {
        Sampler::Tpe | Sampler::Gaussian if n < LIKELY || n % 2 == 0 => {
            config.space.draw_likely(&mut rng)
        }
        _ => config.space.draw(&mut rng),
    });
    let mut again = None;
    for point in draws.filter(|point| costs(point).is_some()).take(TAKEN) {
        if is_new(&point) {
            return Ok(point);
        }
        again.get_or_insert(point);
    }
    again.ok_or(NothingFits { tries: TRIES })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_point_is_tried_twice_while_there_are_others() {
        let space: Space =
            toml::from_str("a = { choices = [1, 2, 3] }\nb = { low = 1, high = 2 }").unwrap();
        for sampler in [Sampler::Random, Sampler::Tpe, Sampler::Gaussian] {
            let config = SearchConfig {
                sampler,
                startup: Some(3),
                space: space.clone(),
                ..SearchConfig::default()
            };
            let points = || {
                let mut points: Vec<Point> = Vec::new();
                for number in 0..7 {
                    // Results come late, as those of trials that run side by side.
                    let known = points.iter().take(number.max(2) - 2);
                    let observations: Vec<Observation> = known
                        .map(|point| Observation {
                            point: point.clone(),
                            outcome: Outcome::Finished(vec![point["b"].number().unwrap()]),
                            values: Vec::new(),
                            first_fold: FirstFold::default(),
                        })
                        .collect();
                    let running: Vec<&Point> = points.iter().skip(observations.len()).collect();
                    let point = propose(&config, 3, number, &observations, &running, |_| {
                        Some(vec![])
                    });
                    points.push(point.unwrap());
                }
                points
            };
            let found = points();
            assert_eq!(found, points());
            for number in 0..6 {
                assert!(
                    !found[..number].contains(&found[number]),
                    "{sampler:?} {found:?}"
                );
            }
            // There are six.
            assert!(found[..6].contains(&found[6]));
        }
    }

    /// Though all but a few are far from the likely one.
    #[test]
    fn every_point_is_tried_once_whatever_is_likely() {
        for sampler in [Sampler::Tpe, Sampler::Gaussian] {
            let config = SearchConfig {
                sampler,
                space: toml::from_str("a = { low = 1, high = 30, prior = 1 }").unwrap(),
                ..SearchConfig::default()
            };
            let mut seen: Vec<Observation> = Vec::new();
            for number in 0..30 {
                let point = propose(&config, 5, number, &seen, &[], |_| Some(vec![])).unwrap();
                assert!(
                    seen.iter().all(|o| o.point != point),
                    "{sampler:?} {number}"
                );
                let value = point["a"].number().unwrap();
                seen.push(Observation {
                    outcome: Outcome::Finished(vec![value]),
                    values: Vec::new(),
                    first_fold: FirstFold::default(),
                    point,
                });
            }
        }
    }

    /// A chip that hardly any likely point fits.
    #[test]
    fn points_that_are_not_likely_are_found_too() {
        let config = SearchConfig {
            space: toml::from_str("a = { low = 0.0, high = 1.0, prior = 1.0 }").unwrap(),
            ..SearchConfig::default()
        };
        let costs = |point: &Point| (point["a"].number()? < 0.02).then(Vec::new);
        assert!(propose(&config, 1, 0, &[], &[], costs).is_ok());
    }
}
