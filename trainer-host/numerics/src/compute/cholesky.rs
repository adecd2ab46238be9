//! Cholesky's factor of a positive definite matrix in f64, for what has a closed form.
//!
//! ```text
//! A = L Lᵀ, L lower triangular
//! ```

use ndarray::Array2;

/// The lower factor L of a positive definite A, `[n, n]`.
pub fn factor(a: &Array2<f64>) -> Array2<f64> {
    let n = a.nrows();
    let mut l = Array2::zeros((n, n));
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (l.row(i).iter().zip(l.row(j)).take(j))
                .map(|(x, y)| x * y)
                .sum();
            let rest = a[[i, j]] - known;
            l[[i, j]] = if i == j {
                rest.max(f64::MIN_POSITIVE).sqrt()
            } else {
                rest / l[[j, j]]
            };
        }
    }
    l
}

/// `A⁻¹ B` of a positive definite A, `[n, n]`, and B, `[n, O]`.
pub fn solve(a: &Array2<f64>, mut b: Array2<f64>) -> Array2<f64> {
    let n = a.nrows();
    let l = factor(a);
    for mut column in b.columns_mut() {
        for i in 0..n {
            let known: f64 = (l.row(i).iter().zip(&column).take(i))
                .map(|(l, y)| l * y)
                .sum();
            column[i] = (column[i] - known) / l[[i, i]];
        }
        for i in (0..n).rev() {
            let value = column[i] / l[[i, i]];
            column[i] = value;
            for (below, l) in column.iter_mut().zip(l.row(i)).take(i) {
                *below -= l * value;
            }
        }
    }
    b
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_solution_times_the_matrix_is_the_right_side(
            n in 1usize..8, values in prop::collection::vec(-1.0f64..1.0, 80),
        ) {
            let x = Array2::from_shape_fn((10, n), |(r, c)| values[(r * n + c) % 80]);
            let a = x.t().dot(&x) + Array2::<f64>::eye(n);
            let b = Array2::from_shape_fn((n, 2), |(r, c)| values[(3 * r + c) % 80]);
            let found = a.dot(&solve(&a, b.clone()));
            prop_assert!((found - b).iter().all(|d| d.abs() < 1e-9));
        }
    }
}
