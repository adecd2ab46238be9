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
//! The better of the two is kept, so that the result is never worse than the nearest integers; of equal ones, that from
//! the nearest integers.

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

    /// `eᵀ C e`
    fn quadratic(c: &Array2<f64>, e: &[f64]) -> f64 {
        c.indexed_iter().map(|((j, k), c)| c * e[j] * e[k]).sum()
    }

    fn distance(t: &[f64], q: &[f64]) -> Vec<f64> {
        t.iter().zip(q).map(|(t, q)| t - q).collect()
    }

    /// With this damped C, and nothing for (O2).
    fn of_matrix(matrix: Array2<f64>) -> Curvature {
        Curvature {
            order: (0..matrix.nrows()).collect(),
            feedback: matrix.clone(),
            matrix,
        }
    }

    /// (O2) from its meaning: each column is rounded from where the error is least, given those before it.
    ///
    /// With errors e of the columns S so far, (O1) is least over the others R where `C_RR e_R = −C_RS e_S`. `None` if a
    /// value is too near to a half to say which integer is the nearest.
    fn conditional_optima(c: &Array2<f64>, t: &[f64], most: f64) -> Option<Vec<f64>> {
        let mut order: Vec<usize> = (0..t.len()).collect();
        order.sort_by(|a, b| c[[*b, *b]].total_cmp(&c[[*a, *a]]));
        let mut q = vec![0.0; t.len()];
        for done in 0..t.len() {
            let (before, rest) = order.split_at(done);
            let block =
                Array2::from_shape_fn((rest.len(), rest.len()), |(j, k)| c[[rest[j], rest[k]]]);
            let right = Array2::from_shape_fn((rest.len(), 1), |(j, _)| {
                -before
                    .iter()
                    .map(|&k| c[[rest[j], k]] * (t[k] - q[k]))
                    .sum::<f64>()
            });
            let wanted = t[rest[0]] - cholesky::solve(&block, right)[[0, 0]];
            if (wanted - wanted.floor() - 0.5).abs() < 1e-6 {
                return None;
            }
            q[rest[0]] = wanted.round().clamp(-most, most);
        }
        Some(q)
    }

    /// Whether (O3) from `q` has a pass in which nothing changes. Not if a value is too near to a half to say.
    fn ends_in_time(c: &Array2<f64>, t: &[f64], mut q: Vec<f64>, most: f64) -> bool {
        for _ in 0..MAX_PASSES {
            let before = q.clone();
            for j in 0..q.len() {
                let slope: f64 = (0..q.len()).map(|k| c[[j, k]] * (t[k] - q[k])).sum();
                let wanted = q[j] + slope / c[[j, j]];
                if (wanted - wanted.floor() - 0.5).abs() < 1e-6 {
                    return false;
                }
                q[j] = wanted.round().clamp(-most, most);
            }
            if q == before {
                return true;
            }
        }
        false
    }

    proptest! {
        #[test]
        fn the_diagonal_is_damped_by_a_share_of_its_mean(
            n in 1usize..8, factors in proptest::collection::vec(-1.0f64..1.0, 1..60), negative in -0.5f64..0.5,
        ) {
            let mut c = correlated(n, &factors);
            // A difference of large sums may be a little below zero.
            c[[0, 0]] += negative;
            let diagonal = c.diag().iter().map(|c| c.max(0.0)).sum::<f64>() / n as f64;
            let damped = Curvature::new(&c).matrix;
            for ((j, k), value) in damped.indexed_iter() {
                let more = if j == k { (diagonal / 100.0).max(1e-12) } else { 0.0 };
                prop_assert!((value - c[[j, k]] - more).abs() < 1e-15);
            }
        }

        #[test]
        fn the_error_is_the_quadratic_form(
            n in 1usize..8, factors in proptest::collection::vec(-1.0f64..1.0, 1..60),
            e in proptest::collection::vec(-2.0f64..2.0, 8),
        ) {
            let curvature = Curvature::new(&correlated(n, &factors));
            let expected = quadratic(&curvature.matrix, &e[..n]);
            prop_assert!((curvature.error(&e[..n]) - expected).abs() < TOLERANCE);
        }

        #[test]
        fn each_column_makes_up_for_those_before_it(
            n in 1usize..9, factors in proptest::collection::vec(-1.0f64..1.0, 9..80),
            t in proptest::collection::vec(-9.0f64..9.0, 9),
        ) {
            let curvature = Curvature::new(&correlated(n, &factors));
            let expected = conditional_optima(&curvature.matrix, &t[..n], 7.0);
            prop_assume!(expected.is_some());
            prop_assert_eq!(Some(curvature.feed_back(&t[..n], 7.0)), expected);
        }

        /// From anywhere, also from far away. Few descents take all passes.
        #[test]
        fn a_descent_ends_where_no_change_of_one_weight_lowers_the_error(
            n in 1usize..12, factors in proptest::collection::vec(-1.0f64..1.0, 24..144),
            t in proptest::collection::vec(-9.0f64..9.0, 12), start in proptest::collection::vec(-7i8..=7, 12),
        ) {
            let curvature = Curvature::new(&correlated(n, &factors));
            let (t, start) = (&t[..n], start[..n].iter().map(|q| f64::from(*q)).collect::<Vec<_>>());
            prop_assume!(ends_in_time(&curvature.matrix, t, start.clone(), 7.0));
            let of = |q: &[f64]| quadratic(&curvature.matrix, &distance(t, q));
            let (q, error) = curvature.descend(t, start.clone(), 7.0);
            prop_assert!((of(&q) - error).abs() < TOLERANCE);
            prop_assert!(error <= of(&start) + TOLERANCE);
            for j in 0..n {
                for other in -7i8..=7 {
                    let mut changed = q.clone();
                    changed[j] = f64::from(other);
                    prop_assert!(of(&changed) >= error - TOLERANCE, "{other} for {} in {j}", q[j]);
                }
            }
        }

        #[test]
        fn the_better_of_both_descents_is_kept(
            n in 2usize..12, factors in proptest::collection::vec(-1.0f64..1.0, 24..144),
            t in proptest::collection::vec(-9.0f64..9.0, 12),
        ) {
            let curvature = Curvature::new(&correlated(n, &factors));
            let t = &t[..n];
            let nearest = t.iter().map(|t| t.round().clamp(-7.0, 7.0)).collect();
            let ends = [nearest, curvature.feed_back(t, 7.0)].map(|start| curvature.descend(t, start, 7.0));
            let (q, error) = curvature.round(t, 7.0);
            prop_assert_eq!(error, ends[0].1.min(ends[1].1));
            let q: Vec<f64> = q.into_iter().map(f64::from).collect();
            prop_assert!(ends.contains(&(q, error)));
        }

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
    fn a_step_that_lowers_nothing_is_not_made() {
        for q in [0.0, 1.0] {
            let (found, error) = of_matrix(Array2::eye(1)).descend(&[0.5], vec![q], 7.0);
            assert_eq!((found, error), (vec![q], 0.25));
        }
    }

    /// From 10¹⁰ t² to 10¹⁰ (1 − t)² it is 10¹⁰ (2 t − 1) less: exactly ten for t = 0.5000000005, which is 10⁻⁹ · 10¹⁰.
    #[test]
    fn a_step_that_lowers_the_error_by_the_least_gain_is_made_and_one_of_half_that_is_not() {
        let t = 0.500_000_000_5;
        assert_eq!(1e10 * t, 5_000_000_005.0);
        assert_eq!(LEAST_GAIN * 1e10, 10.0);
        let curvature = of_matrix(Array2::from_elem((1, 1), 1e10));
        assert_eq!(curvature.descend(&[t], vec![0.0], 7.0).0, [1.0]);
        let t = 0.500_000_000_25;
        assert_eq!(curvature.descend(&[t], vec![0.0], 7.0).0, [0.0]);
    }

    /// The nearest integers are 0 and 0, from where the first one goes to 1; with (O2), the second one does.
    #[test]
    fn of_equally_good_ends_that_from_the_nearest_integers_is_kept() {
        let curvature = Curvature::new(&Array2::ones((2, 2)));
        let t = [0.4, 0.4];
        let nearest = curvature.descend(&t, vec![0.0, 0.0], 7.0);
        let fed_back = curvature.descend(&t, curvature.feed_back(&t, 7.0), 7.0);
        assert_eq!(
            (&nearest.0[..], &fed_back.0[..]),
            (&[1.0, 0.0][..], &[0.0, 1.0][..])
        );
        assert_eq!(nearest.1, fed_back.1);
        assert_eq!(curvature.round(&t, 7.0).0, [1, 0]);
    }

    #[test]
    fn inputs_that_move_together_share_a_remainder() {
        // Ten equal inputs of weight 0.4: each rounds to 0, but the sum is 4.
        let curvature = Curvature::new(&Array2::ones((10, 10)));
        let (q, _) = curvature.round(&[0.4; 10], 127.0);
        assert_eq!(q.iter().map(|q| i32::from(*q)).sum::<i32>(), 4);
    }
}
