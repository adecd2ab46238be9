//! A least-squares fit of relative errors, with few terms.

/// Coefficients c that make `Σ_k c_k · terms(row)_k` closest to `value(row)`, each row's error divided by
/// its value.
///
/// A slight preference for small coefficients (ridge regression) divides the effect between terms that the rows
/// cannot tell apart.
pub(super) fn fit<T>(
    rows: &[T],
    terms: impl Fn(&T) -> Vec<f64>,
    value: impl Fn(&T) -> f64,
) -> Vec<f64> {
    /// Relative to the largest entry on the diagonal, which is 1 for each term after scaling.
    const RIDGE: f64 = 1e-9;
    let weighted = rows.iter().filter(|row| value(row) > 0.0);
    let weighted = weighted.map(|row| {
        let value = value(row);
        terms(row)
            .into_iter()
            .map(|term| term / value)
            .collect::<Vec<_>>()
    });
    let weighted: Vec<Vec<f64>> = weighted.collect();
    let n = weighted.first().map_or(0, Vec::len);
    let scale: Vec<f64> = (0..n)
        .map(|k| {
            weighted
                .iter()
                .map(|row| row[k] * row[k])
                .sum::<f64>()
                .sqrt()
                .max(f64::MIN_POSITIVE)
        })
        .collect();
    // Normal equations of the scaled terms, with the right-hand side as the last column.
    let mut system = vec![vec![0.0; n + 1]; n];
    for row in &weighted {
        for i in 0..n {
            for j in 0..n {
                system[i][j] += row[i] / scale[i] * row[j] / scale[j];
            }
            system[i][n] += row[i] / scale[i];
        }
    }
    for (i, equation) in system.iter_mut().enumerate() {
        equation[i] += RIDGE;
    }
    let solution = solve(system);
    solution
        .iter()
        .zip(scale)
        .map(|(c, scale)| c / scale)
        .collect()
}

/// Gaussian elimination. The matrix is positive definite, so no pivot is zero.
fn solve(mut system: Vec<Vec<f64>>) -> Vec<f64> {
    let n = system.len();
    for i in 0..n {
        let (upper, lower) = system.split_at_mut(i + 1);
        let pivot = &upper[i];
        for equation in lower {
            let factor = equation[i] / pivot[i];
            for (value, pivot) in equation.iter_mut().zip(pivot).skip(i) {
                *value -= factor * pivot;
            }
        }
    }
    let mut solution = vec![0.0; n];
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| system[i][j] * solution[j]).sum();
        solution[i] = (system[i][n] - known) / system[i][i];
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn terms_that_rows_cannot_tell_apart_share_the_effect() {
        let rows = [1.0, 2.0, 5.0];
        let found = fit(&rows, |a| vec![*a, *a], |a| 6.0 * a);
        assert!(found.iter().all(|c| (c - 3.0).abs() < 1e-6), "{found:?}");
        // Small coefficients are preferred, and by little.
        let found = fit(&rows, |a| vec![*a], |a| 6.0 * a)[0];
        assert!((6.0 - 1e-7..6.0).contains(&found), "{found}");
    }

    #[test]
    fn rows_without_a_value_have_no_relative_error_and_are_left_out() {
        let found = fit(&[0.0, 1.0, 2.0], |a| vec![*a], |a| 6.0 * a)[0];
        assert!((found - 6.0).abs() < 1e-6, "{found}");
    }

    #[test]
    fn exact_values_give_their_coefficients() {
        let rows: Vec<(f64, f64)> = (0..12)
            .map(|k| (f64::from(k * k), f64::from(7 - k)))
            .collect();
        let value = |&(a, b): &(f64, f64)| 100.0 + 3.0 * a + 0.5 * b;
        let found = fit(&rows, |&(a, b)| vec![1.0, a, b], value);
        for (found, expected) in found.iter().zip([100.0, 3.0, 0.5]) {
            assert!((found - expected).abs() < 1e-3, "{found} {expected}");
        }
    }
}
