//! A density over a space, as a mixture of one kernel for each of some points and a flat one.
//!
//! ```text
//! p(x) = 1/(n + 1) · (flat(x) + Σ_i Π_d k(x_d; x_id))                                          (Z1)
//! number   k(u; v) = φ((u − v)/s) / s / (Φ((1 − v)/s) − Φ(−v/s)),  s = 0.2 n^(−1/(D + 4))       (Z2)
//! choice   k(c; d) = ([c = d] + 1/(n + 1)) / (1 + C/(n + 1))                                   (Z3)
//! ```
//!
//! u, v are places from 0 to 1 ([`Domain::place`](super::Domain::place)), D settings, C choices; a
//! setting that a kernel's point does not have is flat in it. Kernels of several settings at once
//! as in BOHB and Optuna's multivariate estimator (Falkner, Klein and Hutter 2018), s by Scott's rule,
//! a flat kernel and (Z3) as Watanabe (2023, arXiv 2304.11127) finds best for few points.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::point::Point;
use super::space::{Parameter, Space};

/// (Z2)'s s for one point in one dimension, as a share of the interval.
const WIDTH: f64 = 0.2;
/// The narrowest s, so that a density never vanishes beside its points.
const NARROWEST: f64 = 0.01;

/// (Z1)
#[derive(Debug)]
pub(super) struct Density<'a> {
    space: &'a Space,
    points: Vec<&'a Point>,
    width: f64,
}

impl<'a> Density<'a> {
    pub(super) fn new(space: &'a Space, points: Vec<&'a Point>) -> Self {
        let dimensions = space.parameters.len() as f64;
        let n = (points.len() as f64).max(1.0);
        Self {
            space,
            points,
            width: (WIDTH * n.powf(-1.0 / (dimensions + 4.0))).max(NARROWEST),
        }
    }

    fn smoothing(&self) -> f64 {
        1.0 / (self.points.len() as f64 + 1.0)
    }

    /// A point at random.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> Point {
        let kernel = rng.random_range(0..=self.points.len());
        let centre = self.points.get(kernel);
        self.space.point(|name, parameter| {
            let at = centre.and_then(|point| parameter.domain.place(point.get(name)?));
            match at {
                Some(at) => self.near(at, parameter, rng),
                None => rng.random::<f64>(),
            }
        })
    }

    /// A place at random by the kernel at `at`.
    fn near(&self, at: f64, parameter: &Parameter, rng: &mut impl Rng) -> f64 {
        match parameter.domain.choices() {
            Some(choices) => {
                let other = choices as f64 * self.smoothing();
                let stay = rng.random::<f64>() * (1.0 + other) < 1.0;
                if stay { at } else { rng.random::<f64>() }
            }
            None => loop {
                let step: f64 = StandardNormal.sample(rng);
                let place = at + self.width * step;
                if (0.0..=1.0).contains(&place) {
                    return place;
                }
            },
        }
    }

    /// ln p(x).
    pub(super) fn ln(&self, x: &Point) -> f64 {
        let coordinates: Vec<(&str, &Parameter, f64)> = (self.space.parameters.iter())
            .filter_map(|(name, parameter)| {
                Some((
                    name.as_str(),
                    parameter,
                    parameter.domain.place(x.get(name)?)?,
                ))
            })
            .collect();
        let flat = |parameter: &Parameter| match parameter.domain.choices() {
            Some(choices) => -(choices as f64).ln(),
            None => 0.0,
        };
        let kernel = |point: Option<&&Point>| -> f64 {
            let along = |&(name, parameter, u): &(&str, &Parameter, f64)| match point
                .and_then(|point| parameter.domain.place(point.get(name)?))
            {
                Some(v) => self.ln_kernel(parameter, u, v),
                None => flat(parameter),
            };
            coordinates.iter().map(along).sum()
        };
        let kernels: Vec<f64> = (0..=self.points.len())
            .map(|n| kernel(self.points.get(n)))
            .collect();
        let largest = kernels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = kernels.iter().map(|k| (k - largest).exp()).sum();
        largest + sum.ln() - (kernels.len() as f64).ln()
    }

    /// (Z2) or (Z3).
    fn ln_kernel(&self, parameter: &Parameter, u: f64, v: f64) -> f64 {
        match parameter.domain.choices() {
            Some(choices) => {
                let smoothing = self.smoothing();
                let same = f64::from(u8::from(u == v));
                ((same + smoothing) / (1.0 + choices as f64 * smoothing)).ln()
            }
            None => {
                let s = self.width;
                let z = (u - v) / s;
                let inside = cumulative((1.0 - v) / s) - cumulative(-v / s);
                -0.5 * z * z - (s * (2.0 * std::f64::consts::PI).sqrt() * inside).ln()
            }
        }
    }
}

/// Φ
fn cumulative(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn space() -> Space {
        toml::from_str(
            "a = { low = 0.0, high = 2.0 }\nb = { choices = [1, 2, 3] }\n\
             c = { low = 1.0, high = 100.0, scale = \"log\", when = { b = [2] } }",
        )
        .unwrap()
    }

    fn points(space: &Space) -> Vec<Point> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        (0..5).map(|_| space.draw(&mut rng)).collect()
    }

    /// The density's own draws have the density's own frequencies.
    #[test]
    fn draws_follow_the_density() {
        let space = space();
        let points = points(&space);
        let density = Density::new(&space, points.iter().collect());
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        // By importance: the mean of 1/p over draws from p is the volume, 3 choices of which one has c.
        let n = 40_000;
        let mut volume = [0.0; 2];
        for _ in 0..n {
            let point = density.draw(&mut rng);
            volume[usize::from(point.contains_key("c"))] +=
                (-density.ln(&point)).exp() / f64::from(n);
        }
        assert!((volume[0] - 2.0).abs() < 0.1, "{volume:?}");
        assert!((volume[1] - 1.0).abs() < 0.1, "{volume:?}");
    }

    #[test]
    fn it_is_highest_near_its_points() {
        let space = space();
        let points = points(&space);
        let density = Density::new(&space, points.iter().collect());
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mean: f64 = (0..200)
            .map(|_| density.ln(&space.draw(&mut rng)))
            .sum::<f64>()
            / 200.0;
        assert!(points.iter().all(|point| density.ln(point) > mean));
    }
}
