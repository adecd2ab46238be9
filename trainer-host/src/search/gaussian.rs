//! Points by a Gaussian process of the logarithm of the first objective; the others, costs, are known exactly.
//!
//! ```text
//! even trials   x with the greatest E[max(0, t − Y(x))], t the least mean of a finished trial        (GA1)
//! odd trials    x with the greatest expected growth of the area that the front dominates             (GA2)
//!               = Σ_i (cost_i+1 − max(cost_i, cost(x)))⁺ · E[max(0, low_i − Y(x))]
//! ```
//!
//! Y is a [Gaussian process](trainer_numerics::gaussian_process) around what the [priors](super::Prior) expect. low_i is
//! the lowest mean of the finished trials that cost at most cost_i, or the highest of all where none does. With one
//! objective, (GA1) chooses always. A front alone would make the best network worse, since most of its area lies with
//! small networks. With more than one cost, they take turns.
//!
//! The expectation of (GA1) is that of Mockus (1975); (GA2) is the expected hypervolume improvement of Emmerich (2005),
//! of which only one dimension is uncertain here, so that it has a closed form.
//!
//! A stopped trial enters with what a regression over the finished ones expects of it, and with the doubt of that
//! regression. Where folds are trained one after the other, a first regression leads from a fold's values to its error,
//! a second one from the first fold's error to that of all folds. A failed trial enters with the highest value seen.
//! Trials that run are expected to end at their means.
//!
//! Trials of an earlier study may teach the process, see [`taught`](super::taught).
//!
//! Stopped trials are among the points to choose from. To choose one means to go on with it: the process doubts it less
//! than a new point, so it is chosen where its mean is low.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use trainer_numerics::gaussian_process::{Observed, Process};

use super::coordinates::Coordinates;
use super::logarithm::Logarithm;
use super::ranking::best_and_latest;
use super::taught::{self, Taught};
use super::{Domain, Observation, Outcome, Point, Space, pareto};

/// Observations of which fewer than this are finished say too little.
const FEWEST: usize = 3;
/// Observations that enter: so many of the best, and as many of the latest others, less those that are taught.
const MOST: usize = 250;
/// Points at random to choose from.
const ANYWHERE: usize = 250;
/// Draws for them, counting those that are not allowed.
const DRAWS: usize = 3000;
/// Points near good ones to choose from: around so many of the least means and of the front,
const GOOD: usize = 4;
const FRONT: usize = 6;
/// so many for each of these distances.
const NEAR: usize = 3;
const DISTANCES: [f64; 3] = [0.04, 0.1, 0.2];

/// A finished trial: its mean of ln error, and its costs.
struct Finished<'a> {
    point: &'a Point,
    mean: f64,
    costs: &'a [f64],
}

/// The process of a study so far.
pub(super) struct Model<'a> {
    space: &'a Space,
    coordinates: Coordinates<'a>,
    process: Process,
    finished: Vec<Finished<'a>>,
    /// Points of trials that may go on.
    stopped: Vec<&'a Point>,
}

impl<'a> Model<'a> {
    /// The model of `observations` after an earlier study taught it `taught`, while trials of the points `running` run;
    /// `None` if too few trials are finished.
    pub(super) fn new(
        space: &'a Space,
        taught: &[Taught],
        observations: &'a [Observation],
        running: &[&Point],
    ) -> Option<Self> {
        let entering = best_and_latest(observations, MOST.saturating_sub(taught.len().div_ceil(2)));
        let finished: Vec<(&Observation, &[f64])> = (entering.iter())
            .filter_map(|o| match &o.outcome {
                Outcome::Finished(values) => Some((*o, values.as_slice())),
                _ => None,
            })
            .collect();
        if finished.len() < FEWEST {
            return None;
        }
        let coordinates = match taught {
            [] => Coordinates::of(space),
            _ => Coordinates::of_two_studies(space),
        };
        let logarithm = Logarithm::of(finished.iter().map(|(_, values)| values[0]));
        let mut observed = observed((space, coordinates), &entering, &finished, logarithm);
        let own = (finished.iter()).map(|(o, values)| (&o.point, logarithm.at(values[0])));
        taught::add(&mut observed, taught, &own.collect::<Vec<_>>(), space);
        let mut process = Process::fit(observed)?;
        let places = |points: &mut dyn Iterator<Item = &Point>| -> Vec<Vec<f64>> {
            points.map(|point| coordinates.at(point)).collect()
        };
        process.believe(&places(&mut running.iter().copied()));
        let of_finished = process.at_all(&places(&mut finished.iter().map(|(o, _)| &o.point)));
        let can_go_on = |(n, o): &(usize, &&Observation)| {
            let is_last = || entering[n + 1..].iter().all(|later| later.point != o.point);
            let is_stopped = matches!(o.outcome, Outcome::Stopped { .. });
            is_stopped && !running.contains(&&o.point) && is_last()
        };
        let stopped = entering.iter().enumerate().filter(can_go_on);
        let stopped = stopped.map(|(_, o)| &o.point).collect();
        let count = finished.len();
        let finished = (finished.into_iter().zip(of_finished))
            .map(|((observation, values), (mean, _))| Finished {
                point: &observation.point,
                mean: mean + space.expected(&observation.point, count),
                costs: &values[1..],
            })
            .collect();
        Some(Self {
            space,
            coordinates,
            process,
            finished,
            stopped,
        })
    }

    /// Whether `point` is that of a stopped trial, which may go on.
    pub(super) fn can_go_on(&self, point: &Point) -> bool {
        self.stopped.contains(&point)
    }

    /// Mean and deviation of ln error at each of `points`.
    pub(super) fn expected<'p>(
        &self,
        points: impl Iterator<Item = &'p Point> + Clone,
    ) -> Vec<(f64, f64)> {
        let places: Vec<Vec<f64>> = points
            .clone()
            .map(|point| self.coordinates.at(point))
            .collect();
        let beside = self.process.at_all(&places).into_iter().zip(points);
        beside
            .map(|((mean, deviation), point)| {
                let expected = self.space.expected(point, self.finished.len());
                (mean + expected, deviation)
            })
            .collect()
    }

    /// The point of trial `number`, among those for which `costs` returns their costs.
    pub(super) fn propose(
        &self,
        number: usize,
        rng: &mut impl Rng,
        costs: impl FnMut(&Point) -> Option<Vec<f64>>,
    ) -> Option<Point> {
        let all = self.finished.first().map_or(0, |f| f.costs.len());
        let cost = match (number % 2, all) {
            (0, _) | (_, 0) => None,
            _ => Some(number / 2 % all),
        };
        let mut candidates = self.candidates(cost, rng, costs);
        let expected = self.expected(candidates.iter().map(|(point, _)| point));
        let least = self.least();
        let gains: Vec<(f64, f64)> = (expected.into_iter().zip(&candidates))
            .map(|((mean, deviation), (_, costs))| {
                let gain = match cost {
                    None => below(mean, deviation, least),
                    Some(k) => self.growth(k, mean, deviation, costs[k]),
                };
                // Where nothing is gained, the lower mean.
                (gain, -mean)
            })
            .collect();
        let better = |&a: &usize, &b: &usize| {
            let gain = gains[a].0.total_cmp(&gains[b].0);
            gain.then(gains[a].1.total_cmp(&gains[b].1)).then(b.cmp(&a))
        };
        let best = (0..candidates.len()).max_by(better)?;
        Some(candidates.swap_remove(best).0)
    }

    /// Points to choose from with their costs: at random, those of stopped trials, and near good ones.
    fn candidates(
        &self,
        cost: Option<usize>,
        rng: &mut impl Rng,
        mut costs: impl FnMut(&Point) -> Option<Vec<f64>>,
    ) -> Vec<(Point, Vec<f64>)> {
        let mut with_costs = |point: Point| costs(&point).map(|costs| (point, costs));
        // Priors may be wrong.
        let draws = (0..DRAWS).map(|n| match n % 4 {
            3 => self.space.draw(rng),
            _ => self.space.draw_likely(rng),
        });
        let mut candidates: Vec<_> = draws.filter_map(&mut with_costs).take(ANYWHERE).collect();
        let stopped = self.stopped.iter().map(|&point| point.clone());
        candidates.extend(stopped.filter_map(&mut with_costs));
        for centre in self.centres(cost) {
            for distance in DISTANCES {
                let around = (0..NEAR).map(|_| near(self.space, centre, distance, rng));
                candidates.extend(around.filter_map(&mut with_costs));
            }
        }
        candidates
    }

    /// The least mean of a finished trial.
    fn least(&self) -> f64 {
        let means = self.finished.iter().map(|f| f.mean);
        means.fold(f64::INFINITY, f64::min)
    }

    /// Points to look around at.
    fn centres(&self, cost: Option<usize>) -> Vec<&'a Point> {
        let mut order: Vec<usize> = (0..self.finished.len()).collect();
        let mean = |n: usize| self.finished[n].mean;
        order.sort_by(|&a, &b| mean(a).total_cmp(&mean(b)).then(a.cmp(&b)));
        let mut chosen: Vec<usize> = order.iter().copied().take(GOOD).collect();
        if let Some(k) = cost {
            let values: Vec<Vec<f64>> = (self.finished.iter())
                .map(|f| vec![f.mean, f.costs[k]])
                .collect();
            let front = pareto::fronts(&values);
            let others = order
                .into_iter()
                .filter(|&n| front[n] == 0 && !chosen.contains(&n));
            let others: Vec<usize> = others.take(FRONT).collect();
            chosen.extend(others);
        }
        chosen.into_iter().map(|n| self.finished[n].point).collect()
    }

    /// (GA2) for cost `k`.
    fn growth(&self, k: usize, mean: f64, deviation: f64, cost: f64) -> f64 {
        let mut steps: Vec<(f64, f64)> = (self.finished.iter())
            .map(|f| (f.costs[k], f.mean))
            .collect();
        steps.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut low = steps.iter().map(|s| s.1).fold(f64::NEG_INFINITY, f64::max);
        let mut from = 0.0;
        let mut sum = 0.0;
        for (to, next) in steps {
            let width = to - f64::max(from, cost);
            if width > 0.0 {
                sum += width * below(mean, deviation, low);
            }
            low = low.min(next);
            from = to;
        }
        sum
    }
}

/// What the process is fitted to: ln of the first objective of each of `entering`, as far as it is known, less what the
/// priors expect.
fn observed(
    (space, coordinates): (&Space, Coordinates<'_>),
    entering: &[&Observation],
    finished: &[(&Observation, &[f64])],
    logarithm: Logarithm,
) -> Observed {
    let highest = (finished.iter())
        .map(|(_, values)| logarithm.at(values[0]))
        .fold(f64::NEG_INFINITY, f64::max);
    let endings = Endings {
        entering,
        finished,
        logarithm,
    };
    let mut observed = Observed::default();
    observed.places.groups = coordinates.groups();
    for observation in entering {
        let value = match &observation.outcome {
            Outcome::Finished(values) => Some((logarithm.at(values[0]), 0.0)),
            Outcome::Stopped { .. } => endings.expected(observation),
            Outcome::Failed => Some((highest, 0.0)),
        };
        if let Some((value, noise)) = value {
            let expected = space.expected(&observation.point, finished.len());
            observed.values.push(value - expected);
            observed.known_noise.push(noise);
            let place = coordinates.at(&observation.point);
            observed.places.coordinates.extend(place);
        }
    }
    observed
}

/// How trials end, to tell what stopped ones would have ended with.
#[derive(Clone, Copy)]
struct Endings<'a> {
    entering: &'a [&'a Observation],
    finished: &'a [(&'a Observation, &'a [f64])],
    logarithm: Logarithm,
}

impl Endings<'_> {
    /// The ln error that a stopped trial would have ended with, and the variance of that. `None` where fewer than three
    /// trials came as far.
    fn expected(&self, stopped: &Observation) -> Option<(f64, f64)> {
        let first_fold = stopped.first_fold;
        if let Some(error) = first_fold.error {
            return Some(self.of_all_folds()?.at(self.logarithm.at(error)));
        }
        let (epochs, lowest) = (stopped.values.len(), lowest(&stopped.values));
        let of = |o: &Observation, ending: f64| {
            let is_alike = o.first_fold.has_values == first_fold.has_values;
            let values = o
                .values
                .get(..epochs)
                .filter(|v| is_alike && !v.is_empty())?;
            Some((self::lowest(values), self.logarithm.at(ending)))
        };
        if !first_fold.has_values {
            let pairs = self.finished.iter().filter_map(|(o, ends)| of(o, ends[0]));
            return Some(Line::through(pairs.collect())?.at(lowest));
        }
        let pairs = (self.entering.iter()).filter_map(|o| of(o, o.first_fold.error?));
        let (of_fold, variance) = Line::through(pairs.collect())?.at(lowest);
        let line = self.of_all_folds()?;
        let (mean, doubt) = line.at(of_fold);
        Some((mean, doubt + line.slope * line.slope * variance))
    }

    /// From ln error of the first fold to that of all folds.
    fn of_all_folds(&self) -> Option<Line> {
        let pairs = self.finished.iter().filter_map(|(o, ends)| {
            let first = self.logarithm.at(o.first_fold.error?);
            Some((first, self.logarithm.at(ends[0])))
        });
        Line::through(pairs.collect())
    }
}

/// ln of the lowest value.
fn lowest(values: &[f64]) -> f64 {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    libm::log(least.max(1e-12))
}

/// A regression whose slope is drawn to 1.
struct Line {
    n: f64,
    middle: (f64, f64),
    spread: f64,
    slope: f64,
    variance: f64,
}

impl Line {
    /// `None` of fewer than three pairs.
    fn through(pairs: Vec<(f64, f64)>) -> Option<Self> {
        if pairs.len() < FEWEST {
            return None;
        }
        let n = pairs.len() as f64;
        let (x, y) = (
            pairs.iter().map(|p| p.0).sum::<f64>() / n,
            pairs.iter().map(|p| p.1).sum::<f64>() / n,
        );
        let spread: f64 = pairs.iter().map(|p| (p.0 - x) * (p.0 - x)).sum();
        let product: f64 = pairs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
        let slope = (product + 1.0) / (spread + 1.0);
        let rest = |p: &(f64, f64)| p.1 - y - slope * (p.0 - x);
        let rests: f64 = pairs.iter().map(|p| rest(p) * rest(p)).sum();
        Some(Self {
            n,
            middle: (x, y),
            spread,
            slope,
            variance: rests / (n - 2.0).max(1.0) + 0.02,
        })
    }

    /// y at x, and its variance.
    fn at(&self, x: f64) -> (f64, f64) {
        let off = x - self.middle.0;
        let doubt = 1.0 + 1.0 / self.n + off * off / (self.spread + 1.0);
        (self.middle.1 + self.slope * off, self.variance * doubt)
    }
}

/// The expected amount by which a normal value is below `than`.
fn below(mean: f64, deviation: f64, than: f64) -> f64 {
    let z = (than - mean) / deviation;
    let density = libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt();
    let share = 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2);
    deviation * (z * share + density)
}

/// A point at about `distance` from `centre` in each setting; a choice changes with that probability.
fn near(space: &Space, centre: &Point, distance: f64, rng: &mut impl Rng) -> Point {
    space.point(|name, parameter| {
        let at = centre.get(name).and_then(|v| parameter.domain.place(v));
        let (any, normal): (f64, f64) = (rng.random(), StandardNormal.sample(rng));
        match (at, &parameter.domain) {
            (None, _) => any,
            (Some(at), Domain::Choices(_)) => {
                if rng.random::<f64>() < distance {
                    any
                } else {
                    at
                }
            }
            (Some(at), _) => (at + distance * normal).clamp(0.0, 1.0),
        }
    })
}

#[cfg(test)]
mod tests;
