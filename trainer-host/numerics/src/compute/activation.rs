//! σ and tanh in f32, 16 values at a time.
//!
//! ```text
//! tanh(x) ≈ u P(u²) / Q(u²)     u = x limited to ±9, P and Q of degree 6 and 3     (AF1)
//! σ(x)    = ½ + ½ tanh(x / 2)                                                      (AF2)
//! ```
//!
//! P and Q fit the ratio to tanh on [0, 9] by weighted minimax (Lawson's method, with weights between absolute and
//! relative error). At 9, 1 − tanh(9) is below half a unit in the last place. Over all of f32, tanh stays within ±1
//! and σ within 0 to 1. Their errors are at most [`MAX_TANH_ERROR`] and [`MAX_SIGMOID_ERROR`].

use super::lanes::{Backend, Kernel, LANES, Lanes, Line};

/// Largest absolute error of tanh: 7 units in the last place just below one (6 with fused
/// multiply-add).
pub const MAX_TANH_ERROR: f32 = 4.2e-7;
/// Largest absolute error of σ: half of tanh's error, and one rounding.
pub const MAX_SIGMOID_ERROR: f32 = 2.4e-7;

const LIMIT: f32 = 9.0;
/// Highest power first.
const P: [f32; 7] = [
    -8.378_564e-14,
    5.230_483_6e-11,
    -2.011_656_2e-8,
    1.112_523_1e-5,
    3.101_024_5e-3,
    0.130_813_34,
    1.0,
];
/// Highest power first.
const Q: [f32; 4] = [2.541_970_1e-4, 2.448_334_4e-2, 0.464_146_55, 1.0];

/// (AF1)
#[inline(always)]
pub(crate) fn tanh<V: Lanes>(x: V) -> V {
    let u = x.limit(LIMIT);
    let square = u.mul(u);
    let p = polynomial(&P, square);
    let q = polynomial(&Q, square);
    u.mul(p).div(q).limit(1.0)
}

/// (AF2)
#[inline(always)]
pub(crate) fn sigmoid<V: Lanes>(x: V) -> V {
    let half = V::splat(0.5);
    tanh(x.mul(half)).mul_add(half, half)
}

/// Horner's scheme.
#[inline(always)]
fn polynomial<V: Lanes, const N: usize>(coefficients: &[f32; N], x: V) -> V {
    let mut sum = V::splat(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        sum = sum.mul_add(x, V::splat(coefficient));
    }
    sum
}

/// Which function [`map`] applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// (AF1)
    Tanh,
    /// (AF2)
    Sigmoid,
}

/// Applies `activation` to every value, exactly as training does.
pub fn map(activation: Activation, values: &mut [f32]) {
    map_on(Backend::detect(), activation, values);
}

fn map_on(backend: Backend, activation: Activation, values: &mut [f32]) {
    for chunk in values.chunks_mut(LANES) {
        let mut line = Line::default();
        line.0[..chunk.len()].copy_from_slice(chunk);
        backend.run(Map {
            activation,
            line: &mut line,
        });
        chunk.copy_from_slice(&line.0[..chunk.len()]);
    }
}

struct Map<'a> {
    activation: Activation,
    line: &'a mut Line,
}

impl Kernel for Map<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let x = V::load(self.line);
        let y = match self.activation {
            Activation::Tanh => tanh(x),
            Activation::Sigmoid => sigmoid(x),
        };
        y.store(self.line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every 4099th bit pattern of f32 (a prime step, so that all exponents and many mantissas
    /// occur), and a dense grid where the functions bend.
    fn inputs() -> Vec<f32> {
        let patterns = (0..=u32::MAX)
            .step_by(4099)
            .map(f32::from_bits)
            .filter(|x| !x.is_nan());
        let grid = (-2_000_000..=2_000_000).map(|i| i as f32 / 200_000.0);
        patterns.chain(grid).collect()
    }

    fn largest_error(backend: Backend, activation: Activation, exact: fn(f64) -> f64) -> f64 {
        let inputs = inputs();
        let mut outputs = inputs.clone();
        map_on(backend, activation, &mut outputs);
        (inputs.iter().zip(&outputs))
            .map(|(&x, &y)| (f64::from(y) - exact(f64::from(x))).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn stays_within_the_stated_errors() {
        for backend in Backend::available() {
            let tanh = largest_error(backend, Activation::Tanh, f64::tanh);
            let sigmoid = largest_error(backend, Activation::Sigmoid, |x| 1.0 / (1.0 + (-x).exp()));
            println!("{backend:?}: tanh {tanh:.2e}, sigmoid {sigmoid:.2e}");
            assert!(tanh <= f64::from(MAX_TANH_ERROR), "{backend:?}: {tanh:e}");
            assert!(
                sigmoid <= f64::from(MAX_SIGMOID_ERROR),
                "{backend:?}: {sigmoid:e}"
            );
        }
    }

    #[test]
    fn stays_in_range_and_lets_nan_pass() {
        for backend in Backend::available() {
            let mut tanh = inputs();
            map_on(backend, Activation::Tanh, &mut tanh);
            assert!(tanh.iter().all(|y| (-1.0..=1.0).contains(y)));
            let mut sigmoid = inputs();
            map_on(backend, Activation::Sigmoid, &mut sigmoid);
            assert!(sigmoid.iter().all(|y| (0.0..=1.0).contains(y)));
            let mut nan = [f32::NAN];
            map_on(backend, Activation::Tanh, &mut nan);
            assert!(nan[0].is_nan(), "{backend:?}");
        }
    }

    #[test]
    fn tanh_is_odd() {
        let mut plus = inputs();
        let mut minus: Vec<f32> = plus.iter().map(|x| -x).collect();
        map(Activation::Tanh, &mut plus);
        map(Activation::Tanh, &mut minus);
        assert!(plus.iter().zip(&minus).all(|(a, b)| *a == -b));
    }
}
