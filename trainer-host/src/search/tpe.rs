//! The tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kégl 2011).
//!
//! ```text
//! good    the best ⌈0.15 n⌉ of n observations, at most 25; with several objectives by front and room
//! next    x that maximises ln p_good(x) − ln p_bad(x) among 24 draws from p_good              (TPE1)
//! ```
//!
//! `parzen.rs` has the densities, each over all settings together. A stopped trial ranks below every finished one. A
//! failed trial ranks below all others.
//!
//! The crate `optimizer` has such an estimator too. It identifies a setting by its range alone, so it takes two
//! settings with the same range for one, and it has no flat kernel.

use rand::Rng;

use super::parzen::Density;
use super::ranking::ranked;
use super::{Observation, Outcome, Point, Space};

/// Share of the observations that count as good.
const GOOD: f64 = 0.15;
/// Largest number of good observations.
const MOST_GOOD: usize = 25;
/// Draws to choose from.
const CANDIDATES: usize = 24;
/// Draws in all, counting those that are not allowed.
const DRAWS: usize = 1000;

/// The two densities.
#[derive(Debug)]
pub struct Estimator<'a> {
    good: Density<'a>,
    bad: Density<'a>,
}

impl<'a> Estimator<'a> {
    /// The densities of `observations`; `None` if no trial is finished yet.
    pub fn new(space: &'a Space, observations: &'a [Observation]) -> Option<Self> {
        let finished = (observations.iter())
            .filter(|o| matches!(o.outcome, Outcome::Finished(_)))
            .count();
        let good = (GOOD * observations.len() as f64).ceil() as usize;
        let good = good.min(MOST_GOOD).min(finished);
        if good == 0 {
            return None;
        }
        let order = ranked(observations, usize::MAX);
        let points = |which: &[usize]| which.iter().map(|&n| &observations[n].point).collect();
        let (good, bad) = order.split_at(good);
        Some(Self {
            good: Density::new(space, points(good)),
            bad: Density::new(space, points(bad)),
        })
    }

    /// (TPE1), among points that `wanted` accepts; `None` when none of the draws is one.
    pub fn propose(&self, rng: &mut impl Rng, wanted: impl FnMut(&Point) -> bool) -> Option<Point> {
        let draws = (0..DRAWS).map(|_| self.good.draw(rng));
        let scored = (draws.filter(wanted))
            .take(CANDIDATES)
            .map(|point| (self.good.ln(&point) - self.bad.ln(&point), point));
        scored
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, point)| point)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Sampler, SearchConfig, propose};
    use super::*;

    fn space() -> Space {
        let mut text = String::new();
        for d in 0..4 {
            text += &format!("x{d} = {{ low = 0.0, high = 1.0 }}\n");
        }
        toml::from_str(&(text + "kind = { choices = [\"a\", \"b\", \"c\"] }\n")).unwrap()
    }

    /// A bowl whose place depends on a choice, of which one is best.
    fn bowl(point: &Point) -> f64 {
        let centre = match point["kind"].to_string().as_str() {
            "a" => 0.2,
            "b" => 0.7,
            _ => 0.5,
        };
        let floor = if centre == 0.7 { 0.0 } else { 0.1 };
        let x = |d: usize| point[&format!("x{d}")].number().unwrap();
        // The first setting matters most.
        floor
            + (0..4)
                .map(|d| (x(d) - centre).powi(2) / (1 + 3 * d) as f64)
                .sum::<f64>()
    }

    fn best(sampler: Sampler, seed: u64, trials: usize) -> f64 {
        let config = SearchConfig {
            sampler,
            space: space(),
            ..SearchConfig::default()
        };
        let mut seen: Vec<Observation> = Vec::new();
        for number in 0..trials {
            let point = propose(&config, seed, number, &seen, &[], |_| Some(vec![])).unwrap();
            let outcome = Outcome::Finished(vec![bowl(&point)]);
            seen.push(Observation {
                point,
                outcome,
                values: Vec::new(),
                first_fold: Default::default(),
            });
        }
        let value = |o: &Observation| bowl(&o.point);
        seen.iter().map(value).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn it_finds_lower_places_than_drawing_at_random() {
        let seeds = 0..20;
        let wins = seeds
            .filter(|&seed| best(Sampler::Tpe, seed, 40) < best(Sampler::Random, seed, 40))
            .count();
        assert!(wins >= 16, "{wins} of 20");
    }

    #[test]
    fn same_seed_and_observations_give_the_same_point() {
        assert_eq!(
            best(Sampler::Tpe, 3, 25).to_bits(),
            best(Sampler::Tpe, 3, 25).to_bits()
        );
    }

    #[test]
    fn only_allowed_points_are_proposed() {
        let config = SearchConfig {
            space: space(),
            ..SearchConfig::default()
        };
        let small = |point: &Point| point["x0"].number().unwrap() < 0.05;
        let mut seen = Vec::new();
        for number in 0..30 {
            let point = propose(&config, 1, number, &seen, &[], |point| {
                small(point).then(Vec::new)
            })
            .unwrap();
            assert!(small(&point));
            let outcome = Outcome::Finished(vec![bowl(&point)]);
            seen.push(Observation {
                point,
                outcome,
                values: Vec::new(),
                first_fold: Default::default(),
            });
        }
        assert!(propose(&config, 1, 30, &seen, &[], |_| None).is_err());
    }

    #[test]
    fn stopped_and_failed_trials_repel() {
        let config = SearchConfig {
            space: toml::from_str("x = { low = 0.0, high = 1.0 }").unwrap(),
            sampler: Sampler::Tpe,
            startup: Some(0),
            ..SearchConfig::default()
        };
        let at = |x: f64, outcome| Observation {
            point: [("x".to_owned(), super::super::Value::Real(x))].into(),
            outcome,
            values: Vec::new(),
            first_fold: Default::default(),
        };
        let mut seen = vec![
            at(0.1, Outcome::Finished(vec![1.0])),
            at(0.5, Outcome::Failed),
        ];
        for k in 0..6 {
            let x = 0.6 + 0.06 * f64::from(k);
            seen.push(at(
                x,
                Outcome::Stopped {
                    epochs: 1,
                    value: 0.1,
                },
            ));
        }
        let low = (0..20)
            .filter(|&n| {
                propose(&config, 5, n, &seen, &[], |_| Some(vec![])).unwrap()["x"]
                    .number()
                    .unwrap()
                    < 0.4
            })
            .count();
        assert!(low >= 18, "{low} of 20");
    }
}
