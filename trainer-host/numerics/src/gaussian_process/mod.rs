//! A Gaussian process of one noisy quantity over points whose coordinates go from 0 to 1.
//!
//! ```text
//! k(x, x') = s (1 + r + r²/3) e^(−r),   r² = 5 Σ_d (x_d − x'_d)² / ℓ_d²                       (GP1)
//! K        = k(x_i, x_j) + [i = j] (σ² + v_i)                                                 (GP2)
//! mean     m(x) = k(x)ᵀ K⁻¹ y,   variance  s − k(x)ᵀ K⁻¹ k(x)                                 (GP3)
//! fit      least ½ yᵀK⁻¹y + ½ ln |K| + ½ Σ_j ((θ_j − μ_j) / τ_j)²,   θ = ln ℓ_d, ln s, ln σ²   (GP4)
//! ```
//!
//! (GP1) is Matérn's kernel of smoothness 5/2 (Rasmussen and Williams 2006, 4.17), with a length ℓ for each
//! [group](Places) of coordinates. y is standardised: mean 0, deviation 1. v is known noise beyond σ². (GP4) takes steps
//! of which only the sign of the gradient counts (Rprop, Riedmiller and Braun 1993): always as many, from the prior's
//! middle, so that the same observations give the same process.
//!
//! Exponentials and logarithms are those of `libm`, and no sum depends on the CPU, so every machine finds the same bits.

mod matrix;

use matrix::Cholesky;

/// Observations that (GP4) looks at, at most; the least matter most for what comes next.
const MOST_FITTED: usize = 96;
/// Steps of (GP4).
const STEPS: usize = 25;
/// Added to the diagonal, so that equal points do no harm.
const JITTER: f64 = 1e-8;
/// √5
const SQRT_5: f64 = 2.236_067_977_499_79;

/// μ and τ of (GP4).
#[derive(Clone, Copy)]
struct Prior {
    middle: f64,
    width: f64,
    range: (f64, f64),
}

/// Lengths about as long as the interval: a setting matters little until the data say that it does.
const LENGTH: Prior = Prior {
    middle: -0.2,
    width: 0.9,
    range: (-2.5, 3.5),
};
const SCALE: Prior = Prior {
    middle: 0.0,
    width: 1.0,
    range: (-3.0, 3.0),
};
/// σ² about 3 % of the variance.
const NOISE: Prior = Prior {
    middle: -3.5,
    width: 1.2,
    range: (-7.0, 0.5),
};

/// Points as coordinates.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The group of each of the `d` coordinates. A group has one length.
    pub groups: Vec<usize>,
    /// The points' coordinates, one point after the other, `[n, d]`.
    pub coordinates: Vec<f64>,
}

impl Places {
    fn len(&self) -> usize {
        self.coordinates.len() / self.groups.len().max(1)
    }

    fn point(&self, n: usize) -> &[f64] {
        let d = self.groups.len();
        &self.coordinates[n * d..(n + 1) * d]
    }
}

/// What was observed at `n` points.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The points.
    pub places: Places,
    /// y, `[n]`.
    pub values: Vec<f64>,
    /// v, `[n]`, in squares of the unit of y.
    pub known_noise: Vec<f64>,
}

/// (GP3), fitted.
#[derive(Debug)]
pub struct Process {
    observed: Observed,
    kernel: Kernel,
    middle: f64,
    deviation: f64,
    factor: Cholesky,
    /// K⁻¹ y
    weights: Vec<f64>,
}

/// θ of (GP4): ln ℓ of each group, ln s, ln σ².
#[derive(Clone, Debug)]
struct Kernel {
    theta: Vec<f64>,
}

impl Kernel {
    fn priors(&self) -> impl Iterator<Item = Prior> {
        let lengths = self.theta.len() - 2;
        std::iter::repeat_n(LENGTH, lengths).chain([SCALE, NOISE])
    }

    fn middle(groups: usize) -> Self {
        let theta = vec![0.0; groups + 2];
        let kernel = Self { theta };
        let theta = kernel.priors().map(|prior| prior.middle).collect();
        Self { theta }
    }

    fn scale(&self) -> f64 {
        libm::exp(self.theta[self.theta.len() - 2])
    }

    fn noise(&self) -> f64 {
        libm::exp(self.theta[self.theta.len() - 1])
    }

    /// 1/ℓ² of each coordinate.
    fn inverse_squares(&self, groups: &[usize]) -> Vec<f64> {
        let of = |&group: &usize| libm::exp(-2.0 * self.theta[group]);
        groups.iter().map(of).collect()
    }

    /// (GP1)
    fn of(scale: f64, inverse_squares: &[f64], a: &[f64], b: &[f64]) -> f64 {
        let r = distance(inverse_squares, a, b);
        scale * (1.0 + r + r * r / 3.0) * libm::exp(-r)
    }

    /// (GP2), the lower half filled.
    fn matrix(&self, places: &Places, known_noise: &[f64]) -> Vec<f64> {
        let n = places.len();
        let (scale, noise) = (self.scale(), self.noise());
        let inverse_squares = self.inverse_squares(&places.groups);
        let mut matrix = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..i {
                let (a, b) = (places.point(i), places.point(j));
                matrix[i * n + j] = Self::of(scale, &inverse_squares, a, b);
            }
            matrix[i * n + i] = scale + noise + known_noise[i] + JITTER;
        }
        matrix
    }
}

impl Process {
    /// Fits the process to what was observed; `None` if that is nothing.
    pub fn fit(observed: Observed) -> Option<Self> {
        let n = observed.values.len();
        if n == 0 {
            return None;
        }
        let middle = observed.values.iter().sum::<f64>() / n as f64;
        let squares = observed.values.iter().map(|y| (y - middle) * (y - middle));
        let deviation = (squares.sum::<f64>() / n as f64).sqrt().max(1e-6);
        let groups = observed.places.groups.iter().max().map_or(0, |g| g + 1);
        let mut process = Self {
            kernel: Kernel::middle(groups),
            middle,
            deviation,
            factor: Cholesky::default(),
            weights: Vec::new(),
            observed,
        };
        process.kernel = process.fitted();
        process.condition();
        Some(process)
    }

    /// Takes the means at `places`, `[d]` each, for observations there. So the doubt becomes less, and no mean moves.
    pub fn believe(&mut self, places: &[Vec<f64>]) {
        let expected = self.at_all(places);
        for (place, (mean, _)) in places.iter().zip(expected) {
            self.observed.places.coordinates.extend(place);
            self.observed.values.push(mean);
            self.observed.known_noise.push(0.0);
        }
        if !places.is_empty() {
            self.condition();
        }
    }

    /// y and v of (GP2), standardised.
    fn standardised(&self) -> (Vec<f64>, Vec<f64>) {
        let values = (self.observed.values.iter())
            .map(|y| (y - self.middle) / self.deviation)
            .collect();
        let variance = self.deviation * self.deviation;
        let noise = self.observed.known_noise.iter().map(|v| v / variance);
        (values, noise.collect())
    }

    fn condition(&mut self) {
        let (values, noise) = self.standardised();
        let matrix = self.kernel.matrix(&self.observed.places, &noise);
        self.factor = Cholesky::new(matrix, values.len());
        self.weights = self.factor.solve(&values);
    }

    /// (GP4), on the least of the values.
    fn fitted(&self) -> Kernel {
        let (values, noise) = self.standardised();
        let mut least: Vec<usize> = (0..values.len()).collect();
        least.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
        least.truncate(MOST_FITTED);
        least.sort_unstable();
        let all = &self.observed.places;
        let places = Places {
            groups: all.groups.clone(),
            coordinates: (least.iter())
                .flat_map(|&n| all.point(n).to_vec())
                .collect(),
        };
        let pick = |of: &[f64]| -> Vec<f64> { least.iter().map(|&n| of[n]).collect() };
        let (values, noise) = (pick(&values), pick(&noise));
        let mut kernel = self.kernel.clone();
        let mut step = vec![0.3_f64; kernel.theta.len()];
        let mut before = vec![0.0_f64; kernel.theta.len()];
        for _ in 0..STEPS {
            let gradient = gradient(&kernel, &places, &values, &noise);
            let priors: Vec<Prior> = kernel.priors().collect();
            for (j, prior) in priors.into_iter().enumerate() {
                let turn = gradient[j] * before[j];
                if turn > 0.0 {
                    step[j] = (1.2 * step[j]).min(1.0);
                } else if turn < 0.0 {
                    step[j] *= 0.5;
                }
                let (low, high) = prior.range;
                let move_by = if gradient[j] == 0.0 {
                    0.0
                } else {
                    step[j] * gradient[j].signum()
                };
                kernel.theta[j] = (kernel.theta[j] - move_by).clamp(low, high);
                before[j] = gradient[j];
            }
        }
        kernel
    }

    /// (GP3) at a place, `[d]`: mean and standard deviation, without σ².
    pub fn at(&self, place: &[f64]) -> (f64, f64) {
        self.at_all(std::slice::from_ref(&place)).swap_remove(0)
    }

    /// (GP3) at many places, `[d]` each.
    pub fn at_all<P: AsRef<[f64]>>(&self, places: &[P]) -> Vec<(f64, f64)> {
        let n = self.observed.values.len();
        let scale = self.kernel.scale();
        let inverse_squares = self.kernel.inverse_squares(&self.observed.places.groups);
        let count = places.len();
        if count == 0 {
            return Vec::new();
        }
        // [n, places]
        let mut k = vec![0.0; n * count];
        for i in 0..n {
            let seen = self.observed.places.point(i);
            for (place, k) in places.iter().zip(&mut k[i * count..]) {
                *k = Kernel::of(scale, &inverse_squares, seen, place.as_ref());
            }
        }
        let mut means = vec![0.0; count];
        for (row, weight) in k.chunks_exact(count).zip(&self.weights) {
            for (mean, k) in means.iter_mut().zip(row) {
                *mean += k * weight;
            }
        }
        self.factor.solve_lower(&mut k, count);
        let mut known = vec![0.0; count];
        for row in k.chunks_exact(count) {
            for (known, v) in known.iter_mut().zip(row) {
                *known += v * v;
            }
        }
        let pairs = means.iter().zip(&known);
        pairs
            .map(|(mean, known)| {
                let deviation = (scale - known).max(1e-9).sqrt();
                (
                    self.middle + self.deviation * mean,
                    self.deviation * deviation,
                )
            })
            .collect()
    }
}

/// r of (GP1).
fn distance(inverse_squares: &[f64], a: &[f64], b: &[f64]) -> f64 {
    let mut sum = 0.0;
    for ((a, b), inverse) in a.iter().zip(b).zip(inverse_squares) {
        sum += (a - b) * (a - b) * inverse;
    }
    SQRT_5 * sum.sqrt()
}

/// ∂/∂θ of (GP4).
fn gradient(kernel: &Kernel, places: &Places, values: &[f64], noise: &[f64]) -> Vec<f64> {
    let n = values.len();
    let factor = Cholesky::new(kernel.matrix(places, noise), n);
    let weights = factor.solve(values);
    let inverse = factor.inverse();
    let (scale, sigma) = (kernel.scale(), kernel.noise());
    let inverse_squares = kernel.inverse_squares(&places.groups);
    let mut gradient = vec![0.0; kernel.theta.len()];
    let last = gradient.len() - 1;
    for i in 0..n {
        for j in 0..i {
            let (a, b) = (places.point(i), places.point(j));
            let r = distance(&inverse_squares, a, b);
            let decay = scale * libm::exp(-r);
            // Twice ½, since the matrix is symmetric.
            let pull = weights[i] * weights[j] - inverse[i * n + j];
            gradient[last - 1] -= pull * decay * (1.0 + r + r * r / 3.0);
            // ∂k/∂ln ℓ = s 5/3 (1 + r) e^(−r) (x − x')² / ℓ²
            let pull = pull * decay * (5.0 / 3.0) * (1.0 + r);
            for (d, &group) in places.groups.iter().enumerate() {
                let distance = (a[d] - b[d]) * (a[d] - b[d]) * inverse_squares[d];
                gradient[group] -= pull * distance;
            }
        }
        let pull = weights[i] * weights[i] - inverse[i * n + i];
        gradient[last - 1] -= 0.5 * pull * scale;
        gradient[last] -= 0.5 * pull * sigma;
    }
    for ((gradient, theta), prior) in gradient.iter_mut().zip(&kernel.theta).zip(kernel.priors()) {
        *gradient += (theta - prior.middle) / (prior.width * prior.width);
    }
    gradient
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places that fill the square evenly, and a value for each.
    fn observed(n: usize, value: impl Fn(f64, f64) -> f64) -> Observed {
        let coordinates: Vec<f64> = (0..n)
            .flat_map(|i| [(i as f64 * 0.618).fract(), (i as f64 * 0.755).fract()])
            .collect();
        Observed {
            values: coordinates.chunks(2).map(|x| value(x[0], x[1])).collect(),
            known_noise: vec![0.0; n],
            places: Places {
                groups: vec![0, 1],
                coordinates,
            },
        }
    }

    fn loss(kernel: &Kernel, seen: &Observed) -> f64 {
        let n = seen.values.len();
        let factor = Cholesky::new(kernel.matrix(&seen.places, &seen.known_noise), n);
        let weights = factor.solve(&seen.values);
        let fit: f64 = weights.iter().zip(&seen.values).map(|(a, b)| a * b).sum();
        let prior = kernel.theta.iter().zip(kernel.priors());
        let prior = prior.map(|(theta, p)| ((theta - p.middle) / p.width).powi(2));
        0.5 * fit + factor.half_log_determinant() + 0.5 * prior.sum::<f64>()
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let seen = observed(12, |x, y| (3.0 * x).sin() + y);
        let mut kernel = Kernel::middle(2);
        kernel.theta = vec![-0.4, 0.3, 0.2, -2.0];
        let found = gradient(&kernel, &seen.places, &seen.values, &seen.known_noise);
        for j in 0..4 {
            let loss_at = |by: f64| {
                let mut moved = kernel.clone();
                moved.theta[j] += by;
                loss(&moved, &seen)
            };
            let expected = (loss_at(1e-5) - loss_at(-1e-5)) / 2e-5;
            assert!(
                (found[j] - expected).abs() < 1e-6,
                "{j}: {found:?} {expected}"
            );
        }
    }

    #[test]
    fn it_finds_what_matters_and_what_is_between() {
        let process = Process::fit(observed(40, |x, _| (4.0 * x).sin())).unwrap();
        let theta = &process.kernel.theta;
        assert!(
            theta[0] < theta[1] - 1.0,
            "the second does not matter: {theta:?}"
        );
        for x in [0.11, 0.52, 0.87] {
            let (mean, deviation) = process.at(&[x, 0.5]);
            assert!((mean - (4.0 * x).sin()).abs() < 0.05, "{x}: {mean}");
            assert!(deviation < 0.1, "{deviation}");
        }
    }

    #[test]
    fn noise_is_taken_for_noise() {
        // Neighbours differ at random.
        let coin = |x: f64, y: f64| ((x * 7919.0 + y * 104_729.0).fract() - 0.5) * 4.0;
        let process = Process::fit(observed(60, coin)).unwrap();
        let (mean, _) = process.at(&[0.5, 0.5]);
        assert!(mean.abs() < 0.6, "{mean}");
    }

    #[test]
    fn what_is_believed_narrows_the_doubt_and_moves_no_mean() {
        let mut process = Process::fit(observed(8, |x, y| x + y)).unwrap();
        let before = process.at(&[0.9, 0.1]);
        process.believe(&[vec![0.9, 0.1]]);
        let after = process.at(&[0.9, 0.1]);
        assert!((before.0 - after.0).abs() < 1e-6);
        assert!(after.1 < 0.7 * before.1, "{before:?} {after:?}");
    }
}
