//! Regression by softmax, as logistic regression does it: its minimum.
//!
//! ```text
//! p = softmax(W x)        W = argmin −(1/n) Σ ln p_class + |W|² / (2 n)                      (BL1)
//! W ← V − (1/L) ∇(V)      V ← W + (k − 1)/(k + 2) (W − W_before)                             (BL2)
//! ```
//!
//! The first element of x is a 1, whose weight is free. The penalty is that of one observation, the usual default. (BL2)
//! begins at 0 and ends when no gradient is above a limit, so the result depends on nothing but the data. L is a bound
//! of the curvature, half the largest eigenvalue of `XᵀX / n` and the penalty's.
//!
//! Sources: Cox 1958, *The regression analysis of binary sequences*, JRSS B 20(2); Nesterov 1983, *A method of solving a
//! convex programming problem with convergence rate O(1/k²)*.

use ndarray::{Array1, Array2, ArrayView1};

/// Iterations of (BL2), at most.
pub const MOST_STEPS: usize = 500;
/// No decision changes once every gradient is below this.
const FLAT: f64 = 1e-5;
/// Steps of the power iteration for L.
const POWER_STEPS: usize = 30;
/// The power iteration comes from below, so the bound is widened.
const MARGIN: f64 = 1.1;

/// The weights of (BL1), `[F, K]`, of rows x, `[N, F]`, whose classes are `truth`, `[N]`.
pub fn minimum(x: &Array2<f64>, truth: &[usize], classes: usize) -> Array2<f64> {
    let penalty = 1.0 / truth.len().max(1) as f64;
    let rate = 1.0 / (0.5 * MARGIN * largest_eigenvalue(x) + penalty);
    let mut weights = Array2::<f64>::zeros((x.ncols(), classes));
    let mut ahead = weights.clone();
    for k in 1..=MOST_STEPS {
        let slope = gradient(x, truth, &ahead, penalty);
        let next = &ahead - &(&slope * rate);
        if slope.iter().all(|g| g.abs() < FLAT) {
            return next;
        }
        let momentum = (k as f64 - 1.0) / (k as f64 + 2.0);
        ahead = &next + &((&next - &weights) * momentum);
        weights = next;
    }
    weights
}

/// The gradient of (BL1).
fn gradient(x: &Array2<f64>, truth: &[usize], weights: &Array2<f64>, penalty: f64) -> Array2<f64> {
    let mut error = x.dot(weights);
    for (mut row, class) in error.rows_mut().into_iter().zip(truth) {
        let largest = row.fold(f64::NEG_INFINITY, |a, b| a.max(*b));
        row.mapv_inplace(|y| (y - largest).exp());
        let sum = row.sum();
        row.mapv_inplace(|p| p / sum);
        row[*class] -= 1.0;
    }
    let mut slope = x.t().dot(&error) / truth.len().max(1) as f64;
    for (mut row, own) in slope.rows_mut().into_iter().zip(weights.rows()).skip(1) {
        row.scaled_add(penalty, &own);
    }
    slope
}

/// The length of a vector, never 0.
fn norm(v: ArrayView1<'_, f64>) -> f64 {
    v.dot(&v).sqrt().max(f64::MIN_POSITIVE)
}

/// Of `XᵀX / n`, by power iteration.
fn largest_eigenvalue(x: &Array2<f64>) -> f64 {
    // The sum of the rows' sizes is along no axis by chance.
    let mut v: Array1<f64> = x.columns().into_iter().map(norm).collect();
    let mut value = 1.0;
    for _ in 0..POWER_STEPS {
        v /= norm(v.view());
        v = x.t().dot(&x.dot(&v)) / x.nrows().max(1) as f64;
        value = norm(v.view());
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Where (BL2) ends the gradient is 0, and a small step in any direction costs more.
        #[test]
        fn the_end_is_the_minimum(values in prop::collection::vec(-1.0f64..1.0, 40), at in 0usize..9) {
            let x = Array2::from_shape_fn((20, 3), |(r, c)| if c == 0 { 1.0 } else { values[2 * r + c - 1] });
            let truth: Vec<usize> = (0..20).map(|n| n % 3).collect();
            let found = minimum(&x, &truth, 3);
            let cost = |w: &Array2<f64>| {
                let y = x.dot(w);
                let fit = y.rows().into_iter().zip(&truth).map(|(row, class)| {
                    row.iter().map(|y| y.exp()).sum::<f64>().ln() - row[*class]
                });
                let size: f64 = w.rows().into_iter().skip(1).map(|row| row.dot(&row)).sum();
                (fit.sum::<f64>() + size / 2.0) / 20.0
            };
            for step in [-0.05, 0.05] {
                let mut other = found.clone();
                other[[at / 3, at % 3]] += step;
                prop_assert!(cost(&found) <= cost(&other) + 1e-9);
            }
        }
    }
}
