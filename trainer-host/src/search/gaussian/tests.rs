//! Does the sampler gain what its equations say?

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::super::{FirstFold, Sampler, SearchConfig, propose};
use super::*;

fn space() -> Space {
    let text = "x = { low = 0.0, high = 1.0 }\ny = { low = 1, high = 64, scale = \"log\" }\n\
                kind = { choices = [\"a\", \"b\", \"c\"] }\n\
                z = { low = 0.0, high = 1.0, when = { kind = [\"c\"] } }";
    toml::from_str(text).unwrap()
}

fn number(point: &Point, name: &str) -> f64 {
    point[name].number().unwrap()
}

/// A valley whose bottom depends on a choice, and a deviation of a tenth between trainings.
fn error(point: &Point, seed: u64) -> f64 {
    let choice = match point["kind"].to_string().as_str() {
        "b" => 0.0,
        _ => 0.4,
    };
    let y = number(point, "y").ln() - 3.0;
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ number(point, "x").to_bits());
    let noise: f64 = StandardNormal.sample(&mut rng);
    let depth = choice + 8.0 * (number(point, "x") - 0.3).powi(2) + 0.3 * y * y;
    (depth - 3.0 + 0.1 * noise).exp()
}

/// The points of a search whose cost is y. Some trials are stopped, and some fail.
fn search(sampler: Sampler, seed: u64, trials: usize) -> Vec<Observation> {
    let costs = |point: &Point| vec![number(point, "y")];
    search_by(sampler, seed, trials, costs, |n, values| match n % 7 {
        4 => Outcome::Failed,
        5 => Outcome::Stopped {
            epochs: 2,
            value: 2.0,
        },
        _ => Outcome::Finished(values),
    })
}

fn search_by(
    sampler: Sampler,
    seed: u64,
    trials: usize,
    costs: impl Fn(&Point) -> Vec<f64>,
    outcome: impl Fn(usize, Vec<f64>) -> Outcome,
) -> Vec<Observation> {
    let config = SearchConfig {
        sampler,
        startup: Some(6),
        space: space(),
        ..SearchConfig::default()
    };
    let mut seen: Vec<Observation> = Vec::new();
    for n in 0..trials {
        let (known, last) = seen.split_at(n.saturating_sub(2));
        let running: Vec<&Point> = last.iter().map(|o| &o.point).collect();
        let point = propose(&config, seed, n, known, &running, |p| Some(costs(p))).unwrap();
        let value = error(&point, seed);
        seen.push(Observation {
            outcome: outcome(n, [vec![value], costs(&point)].concat()),
            values: vec![3.0, 2.0, value],
            first_fold: Default::default(),
            point,
        });
    }
    seen
}

#[test]
fn it_finds_lower_places_than_drawing_at_random() {
    let least = |sampler, seed| {
        let finished = |_, values| Outcome::Finished(values);
        let seen = search_by(sampler, seed, 24, |_| Vec::new(), finished);
        let errors = seen.iter().map(|o| error(&o.point, seed));
        errors.fold(f64::INFINITY, f64::min)
    };
    let wins = (0..8)
        .filter(|&seed| least(Sampler::Gaussian, seed) < least(Sampler::Random, seed))
        .count();
    assert!(wins >= 7, "{wins} of 8");
}

#[test]
fn same_seed_and_observations_give_the_same_points() {
    let points = || search(Sampler::Gaussian, 3, 12);
    assert_eq!(points(), points());
}

/// The closed forms against sums over a fine grid of the normal distribution.
#[test]
fn gains_are_those_of_a_sum_over_the_distribution() {
    let seen = search(Sampler::Random, 1, 12);
    let space = space();
    let model = Model::new(&space, &[], &seen, &[]).unwrap();
    let highest = model.finished.iter().map(|f| f.mean);
    let highest = highest.fold(f64::NEG_INFINITY, f64::max);
    // The area that the front with one more point dominates, between the costs 0 and the highest.
    let dearest = model
        .finished
        .iter()
        .map(|f| f.costs[0])
        .fold(0.0, f64::max);
    let area = |more: Option<(f64, f64)>| {
        let mut steps: Vec<(f64, f64)> = (model.finished.iter())
            .map(|f| (f.costs[0], f.mean))
            .chain(more)
            .filter(|step| step.0 < dearest)
            .collect();
        steps.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let mut low = highest;
        let mut sum = 0.0;
        for (n, step) in steps.iter().enumerate() {
            low = low.min(step.1);
            let to = steps.get(n + 1).map_or(dearest, |next| next.0);
            sum += (to - step.0) * (highest - low);
        }
        sum
    };
    for (mean, deviation, cost) in [(-2.5, 0.3, 5.5), (-1.0, 1.0, 20.5), (-3.0, 0.1, 0.5)] {
        let (mut gain, mut growth) = (0.0, 0.0);
        for k in -4000..4000 {
            let z = (f64::from(k) + 0.5) / 500.0;
            let weight = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt() / 500.0;
            let value = mean + deviation * z;
            gain += weight * (model.least() - value).max(0.0);
            growth += weight * (area(Some((cost, value))) - area(None));
        }
        assert!((below(mean, deviation, model.least()) - gain).abs() < 1e-5);
        let found = model.growth(0, mean, deviation, cost);
        assert!(
            (found - growth).abs() < 1e-4 * growth.max(0.01),
            "{found} {growth}"
        );
    }
}

/// Trials at random. All folds have the trial's ln error and a deviation of a tenth; the first fold's values fall to it.
/// Every third trial trained its first fold alone, and every sixth was stopped in it.
fn first_folds(trials: usize) -> Vec<Observation> {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let space = space();
    (0..trials)
        .map(|n| {
            let point = space.draw(&mut rng);
            let all = error(&point, 4);
            let noise: f64 = StandardNormal.sample(&mut rng);
            let first = 2.0 * all * (0.1 * noise).exp();
            let values = [4.0 * first, 2.0 * first, first];
            let is_stopped = n % 6 == 5;
            Observation {
                outcome: match n % 3 {
                    2 => Outcome::Stopped {
                        epochs: 3,
                        value: first,
                    },
                    _ => Outcome::Finished(vec![all]),
                },
                values: values[..if is_stopped { 2 } else { 3 }].to_vec(),
                first_fold: FirstFold {
                    error: (!is_stopped).then_some(first),
                    has_values: true,
                },
                point,
            }
        })
        .collect()
}

/// What the first fold says of all folds: half of its error here. The variance is that of the noise, 0.1², and the 0.02
/// that each regression adds.
#[test]
fn a_first_fold_tells_what_all_folds_would() {
    let seen = first_folds(60);
    let entering: Vec<&Observation> = seen.iter().collect();
    let finished: Vec<(&Observation, &[f64])> = (seen.iter())
        .filter_map(|o| match &o.outcome {
            Outcome::Finished(values) => Some((o, values.as_slice())),
            _ => None,
        })
        .collect();
    let endings = Endings {
        entering: &entering,
        finished: &finished,
        logarithm: Logarithm::of(finished.iter().map(|(_, values)| values[0])),
    };
    let stopped = seen
        .iter()
        .filter(|o| matches!(o.outcome, Outcome::Stopped { .. }));
    for (n, observation) in stopped.enumerate() {
        let (mean, variance) = endings.expected(observation).unwrap();
        let is_complete = observation.first_fold.error.is_some();
        assert_eq!(is_complete, n % 2 == 0);
        let off = mean - error(&observation.point, 4).ln();
        assert!(off.abs() < 0.45, "{off}");
        // From a fold's values to its error it is exact here, but for the 0.02.
        let expected = if is_complete { 0.03 } else { 0.05 };
        assert!((variance - expected).abs() < 0.015, "{variance}");
        let mut few = endings.finished.to_vec();
        few.truncate(2);
        let of_few = Endings {
            finished: &few,
            ..endings
        };
        assert_eq!(of_few.expected(observation), None);
    }
}

/// A stopped trial that is by far the best goes on: in a study that does so, unless it runs, and once.
#[test]
fn the_search_goes_on_with_a_good_trial() {
    let mut seen = first_folds(24);
    let good = 5;
    let least = seen.iter().filter_map(|o| o.first_fold.error);
    let least = least.fold(f64::INFINITY, f64::min);
    seen[good].first_fold.error = Some(0.3 * least);
    let config = SearchConfig {
        space: space(),
        first_fold: Some(true),
        ..SearchConfig::default()
    };
    let proposes = |config: &SearchConfig, seen: &[Observation], running: &[&Point]| {
        (0..6).any(|number| {
            let number = 24 + number;
            let point = propose(config, 0, number, seen, running, |_| Some(Vec::new()));
            point.unwrap() == seen[good].point
        })
    };
    assert!(proposes(&config, &seen, &[]));
    assert!(!proposes(&config, &seen, &[&seen[good].point]));
    let old = SearchConfig {
        first_fold: None,
        ..config.clone()
    };
    assert!(!proposes(&old, &seen, &[]));
    let mut finished = seen[good].clone();
    finished.outcome = Outcome::Finished(vec![0.15 * least]);
    seen.push(finished);
    assert!(!proposes(&config, &seen, &[]));
}

/// How far the process of so many trials at random is off at others, root of the mean square, where the best `x` is
/// expected at `likely`; it is at 0.3.
fn off_by(likely: Option<f64>, trials: usize) -> f64 {
    let mut space = space();
    if let Some(x) = likely {
        let prior = super::super::Prior::Near(super::super::Value::Real(x));
        space.parameters.get_mut("x").unwrap().prior = Some(prior);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut draw = |n: usize| {
        let point = space.draw(&mut rng);
        let value = error(&point, n as u64);
        Observation {
            outcome: Outcome::Finished(vec![value, 1.0]),
            values: vec![value],
            first_fold: Default::default(),
            point,
        }
    };
    let seen: Vec<Observation> = (0..trials).map(&mut draw).collect();
    let others: Vec<Point> = (0..200).map(|n| draw(n).point).collect();
    let model = Model::new(&space, &[], &seen, &[]).unwrap();
    let expected = model.expected(others.iter()).into_iter().zip(&others);
    // Without noise.
    let squares = expected.map(|((mean, _), point)| {
        let y = number(point, "y").ln() - 3.0;
        let choice = if point["kind"].to_string() == "b" {
            0.0
        } else {
            0.4
        };
        let truth = choice + 8.0 * (number(point, "x") - 0.3).powi(2) + 0.3 * y * y - 3.0;
        (mean - truth).powi(2)
    });
    (squares.sum::<f64>() / others.len() as f64).sqrt()
}

/// A true prior says much where trials are few; a wrong one is outvoted.
#[test]
fn a_prior_counts_until_trials_say_more() {
    let [alone, told, misled] = [None, Some(0.3), Some(0.9)].map(|x| off_by(x, 6));
    assert!(told < 0.95 * alone.min(misled), "{told} {alone} {misled}");
    let [alone, told, misled] = [None, Some(0.3), Some(0.9)].map(|x| off_by(x, 80));
    assert!(
        told < 1.1 * alone && misled < 1.3 * alone,
        "{told} {alone} {misled}"
    );
}

/// A shallow valley where a prior expects the best value, and a deep one at the other end.
#[test]
fn a_search_leaves_the_valley_that_a_wrong_prior_names() {
    let text = "x = { low = 0.0, high = 1.0, prior = 0.0 }\ny = { low = 0.0, high = 1.0 }";
    let config = SearchConfig {
        space: toml::from_str(text).unwrap(),
        ..SearchConfig::default()
    };
    let ln_error = |point: &Point| {
        let (x, y) = (number(point, "x"), number(point, "y"));
        let valley = |depth: f64, at: f64| depth * (-((x - at) / 0.2).powi(2)).exp();
        (y - 0.5).powi(2) - valley(0.5, 0.15) - valley(2.0, 0.9)
    };
    let arrives = |seed: &u64| {
        let mut seen: Vec<Observation> = Vec::new();
        for n in 0..40 {
            let point = propose(&config, *seed, n, &seen, &[], |_| Some(vec![])).unwrap();
            seen.push(Observation {
                outcome: Outcome::Finished(vec![ln_error(&point).exp()]),
                values: Vec::new(),
                first_fold: FirstFold::default(),
                point,
            });
        }
        seen.iter().any(|o| ln_error(&o.point) < -1.5)
    };
    let arrived = (0..6).filter(arrives).count();
    assert!(arrived >= 5, "{arrived} of 6");
}
