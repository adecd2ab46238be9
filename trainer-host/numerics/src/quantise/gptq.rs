//! Rounding a row of weights so that its output changes least: GPTQ (Frantar et al. 2022).
//!
//! With the row t in units of its scale s, integers q, and C of [`super::moments`], the error is
//!
//! ```text
//! E(q) = s² (t − q)ᵀ C (t − q)                                             (O1)
//! ```
//!
//! Columns are rounded one after the other, those with the largest variance first; what one leaves is
//! made up for by those still to come, with the upper factor U of C⁻¹ = Uᵀ U:
//!
//! ```text
//! q_j = clamp(round(t_j)),   t_k ← t_k − (t_j − q_j) U_jk / U_jj,  k > j   (O2)
//! ```
//!
//! A descent over single weights follows, from GPTQ's integers and from the nearest ones:
//!
//! ```text
//! q_j ← clamp(q_j + round((C (t − q))_j / C_jj))   while (O1) falls        (O3)
//! ```
//!
//! The better of the two is kept, so that the result is never worse than the nearest integers.

use ndarray::Array2;

use crate::compute::cholesky;

/// What is added to C's diagonal, as a share of its mean, so that it has an inverse.
const DAMPING: f64 = 0.01;
/// Passes of (O3), at most; three or four are usual.
const MAX_PASSES: usize = 20;
/// A change counts if it lowers the error by this share of a weight's own.
const LEAST_GAIN: f64 = 1e-9;

/// C with its factor.
#[derive(Clone, Debug)]
pub(super) struct Curvature {
    /// C with damping, `[n, n]`.
    matrix: Array2<f64>,
    /// Columns in the order of rounding.
    order: Vec<usize>,
    /// U of (O2) in that order, each row divided by its diagonal.
    feedback: Array2<f64>,
}

impl Curvature {
    /// Of a covariance, `[n, n]`.
    pub(super) fn new(covariance: &Array2<f64>) -> Self {
        let n = covariance.nrows();
        let mean = (0..n).map(|j| covariance[[j, j]].max(0.0)).sum::<f64>() / n.max(1) as f64;
        let mut matrix = covariance.clone();
        for j in 0..n {
            // Inputs that never moved leave a tiny diagonal, not none.
            matrix[[j, j]] += (DAMPING * mean).max(1e-12);
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| matrix[[*b, *b]].total_cmp(&matrix[[*a, *a]]));
        let ordered = Array2::from_shape_fn((n, n), |(j, k)| matrix[[order[j], order[k]]]);
        let upper = cholesky::factor(&inverse(&ordered)).reversed_axes();
        let feedback = Array2::from_shape_fn((n, n), |(j, k)| upper[[j, k]] / upper[[j, j]]);
        Self {
            matrix,
            order,
            feedback,
        }
    }

    /// `eᵀ C e`, (O1) for s = 1 and e = t − q.
    pub(super) fn error(&self, e: &[f64]) -> f64 {
        e.iter().zip(self.product(e)).map(|(e, ce)| e * ce).sum()
    }

    fn product(&self, e: &[f64]) -> Vec<f64> {
        let rows = self.matrix.rows().into_iter();
        rows.map(|row| row.iter().zip(e).map(|(c, e)| c * e).sum())
            .collect()
    }

    /// The integers of a row `t`, `[n]` in units of its scale, within ±`most`, and (O1) for s = 1.
    pub(super) fn round(&self, t: &[f64], most: f64) -> (Vec<i8>, f64) {
        let nearest = t.iter().map(|t| t.round().clamp(-most, most)).collect();
        let mut best: Option<(Vec<f64>, f64)> = None;
        for start in [nearest, self.feed_back(t, most)] {
            let found = self.descend(t, start, most);
            if best.as_ref().is_none_or(|best| found.1 < best.1) {
                best = Some(found);
            }
        }
        let (q, error) = best.expect("there are two starts");
        (q.into_iter().map(|q| q as i8).collect(), error)
    }

    /// (O2)
    fn feed_back(&self, t: &[f64], most: f64) -> Vec<f64> {
        let mut rest: Vec<f64> = self.order.iter().map(|j| t[*j]).collect();
        let mut q = vec![0.0; t.len()];
        for (j, &column) in self.order.iter().enumerate() {
            q[column] = rest[j].round().clamp(-most, most);
            let left = rest[j] - q[column];
            let feedback = self.feedback.row(j);
            for (t, share) in rest.iter_mut().zip(feedback).skip(j + 1) {
                *t -= left * share;
            }
        }
        q
    }

    /// (O3) from `q`; also (O1) of where it ends.
    fn descend(&self, t: &[f64], mut q: Vec<f64>, most: f64) -> (Vec<f64>, f64) {
        let mut e: Vec<f64> = t.iter().zip(&q).map(|(t, q)| t - q).collect();
        let mut slope = self.product(&e);
        for _ in 0..MAX_PASSES {
            let mut changed = false;
            for j in 0..q.len() {
                let own = self.matrix[[j, j]];
                let to = (q[j] + (slope[j] / own).round()).clamp(-most, most);
                let step = to - q[j];
                // What (O1) changes by; a tie must not go on for ever.
                if step == 0.0 || own * step * step - 2.0 * step * slope[j] > -LEAST_GAIN * own {
                    continue;
                }
                q[j] = to;
                e[j] -= step;
                for (slope, c) in slope.iter_mut().zip(self.matrix.row(j)) {
                    *slope -= step * c;
                }
                changed = true;
            }
            if !changed {
                break;
            }
        }
        let error = self.error(&e);
        (q, error)
    }
}

/// The inverse of a positive definite matrix.
fn inverse(a: &Array2<f64>) -> Array2<f64> {
    let n = a.nrows();
    let l = cholesky::factor(a);
    // L⁻¹, column by column.
    let mut m = Array2::<f64>::zeros((n, n));
    for c in 0..n {
        m[[c, c]] = 1.0 / l[[c, c]];
        for i in c + 1..n {
            let known: f64 = (c..i).map(|k| l[[i, k]] * m[[k, c]]).sum();
            m[[i, c]] = -known / l[[i, i]];
        }
    }
    m.t().dot(&m)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Rounding of the sums themselves.
    const TOLERANCE: f64 = 1e-9;

    /// `[n, n]`, of `factors` random directions and a little of every one.
    fn correlated(n: usize, factors: &[f64]) -> Array2<f64> {
        let rows = (factors.len() / n).max(1);
        let a = Array2::from_shape_fn((rows, n), |(r, j)| {
            factors.get(r * n + j).copied().unwrap_or(0.0)
        });
        a.t().dot(&a) / rows as f64
    }

    proptest! {
        #[test]
        fn no_row_is_worse_than_the_nearest_integers(
            n in 1usize..20,
            factors in proptest::collection::vec(-1.0f64..1.0, 1..200),
            t in proptest::collection::vec(-9.0f64..9.0, 20),
        ) {
            let curvature = Curvature::new(&correlated(n, &factors));
            let t = &t[..n];
            let (q, error) = curvature.round(t, 7.0);
            let distance: Vec<f64> = t.iter().zip(&q).map(|(t, q)| t - f64::from(*q)).collect();
            prop_assert!((curvature.error(&distance) - error).abs() <= TOLERANCE * (1.0 + error));
            let nearest: Vec<f64> = t.iter().map(|t| t - t.round().clamp(-7.0, 7.0)).collect();
            prop_assert!(error <= curvature.error(&nearest) * (1.0 + TOLERANCE) + TOLERANCE);
            prop_assert!(q.iter().all(|q| (-7..=7).contains(q)));
        }

        #[test]
        fn independent_inputs_give_the_nearest_integers(
            t in proptest::collection::vec(-12.0f64..12.0, 1..20),
        ) {
            // Halves may go either way.
            prop_assume!(t.iter().all(|t| (t - t.floor() - 0.5).abs() > 1e-6));
            let curvature = Curvature::new(&Array2::eye(t.len()));
            let nearest: Vec<i8> = t.iter().map(|t| t.round().clamp(-7.0, 7.0) as i8).collect();
            prop_assert_eq!(curvature.round(&t, 7.0).0, nearest);
        }

        #[test]
        fn a_factor_times_itself_is_the_matrix(
            n in 1usize..12,
            factors in proptest::collection::vec(-1.0f64..1.0, 144),
        ) {
            let a = correlated(n, &factors) + 0.1 * Array2::<f64>::eye(n);
            let l = cholesky::factor(&a);
            prop_assert!((l.dot(&l.t()) - &a).iter().all(|d| d.abs() < 1e-9));
            let one = inverse(&a).dot(&a) - Array2::<f64>::eye(n);
            prop_assert!(one.iter().all(|d| d.abs() < 1e-9));
        }
    }

    #[test]
    fn inputs_that_move_together_share_a_remainder() {
        // Ten equal inputs of weight 0.4: each rounds to 0, but the sum is 4.
        let curvature = Curvature::new(&Array2::ones((10, 10)));
        let (q, _) = curvature.round(&[0.4; 10], 127.0);
        assert_eq!(q.iter().map(|q| i32::from(*q)).sum::<i32>(), 4);
    }
}
