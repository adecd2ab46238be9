//! Does the sampler gain what its equations say?

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::super::{Sampler, SearchConfig, propose};
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
    let model = Model::new(&space, &seen, &[]).unwrap();
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

#[test]
fn choices_are_as_far_apart_as_the_ends_of_a_range() {
    let space = space();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for _ in 0..50 {
        let (a, b) = (space.draw(&mut rng), space.draw(&mut rng));
        let kinds = groups(&space).into_iter().zip(
            coordinates(&space, &a)
                .into_iter()
                .zip(coordinates(&space, &b)),
        );
        let apart: f64 = kinds
            .filter(|(group, _)| *group == 0)
            .map(|(_, (a, b))| (a - b) * (a - b))
            .sum();
        let differ = f64::from(u8::from(a["kind"] != b["kind"]));
        assert!((apart - differ).abs() < 1e-12);
    }
}
