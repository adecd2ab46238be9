//! First and second moments of what a layer's rows multiply, `u = [x ⊙ gain; h_{t−1}]`.
//!
//! ```text
//! μ = E[u],  C = E[u uᵀ] − μ μᵀ                                            (M1)
//! ```
//!
//! The mean is taken out of C, since a bias makes up for it.

use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};
use rayon::prelude::*;

/// Sequences whose products are in memory at a time.
const CHUNK: usize = 16;

/// Of the inputs of one layer, `n` in all.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    /// μ of (M1), `[n]`.
    pub(super) mean: Array1<f64>,
    /// C of (M1), `[n, n]`.
    pub(super) covariance: Array2<f64>,
}

/// Sums over rows `u`.
struct Sums {
    rows: f64,
    /// Σ u
    sum: Array1<f64>,
    /// Σ u uᵀ
    products: Array2<f64>,
}

impl Sums {
    fn of(u: &Array2<f64>) -> Self {
        Self {
            rows: u.nrows() as f64,
            sum: u.sum_axis(Axis(0)),
            products: u.t().dot(u),
        }
    }

    fn and(mut self, more: &Self) -> Self {
        self.rows += more.rows;
        self.sum += &more.sum;
        self.products += &more.products;
        self
    }

    fn moments(self) -> Moments {
        // A convolution may have no output in any of them.
        let rows = self.rows.max(1.0);
        let mean = self.sum / rows;
        let column = mean.view().insert_axis(Axis(1));
        let covariance = self.products / rows - column.dot(&column.t());
        Moments { mean, covariance }
    }
}

impl Moments {
    /// Over the rows of all parts, each `[T, n]`, that `part` makes of `items`; the same on any number
    /// of threads.
    pub(super) fn of<T: Sync>(items: &[T], part: impl Fn(&T) -> Array2<f64> + Sync) -> Self {
        let [moments] = Self::of_each(items, |item| [Some(part(item))]);
        moments.expect("every item has the part")
    }

    /// The same of several parts of each item; of those that no item has, nothing.
    pub(super) fn of_each<T: Sync, const N: usize>(
        items: &[T],
        parts: impl Fn(&T) -> [Option<Array2<f64>>; N] + Sync,
    ) -> [Option<Self>; N] {
        let mut totals: [Option<Sums>; N] = [const { None }; N];
        for chunk in items.chunks(CHUNK) {
            let sums: Vec<_> = (chunk.par_iter())
                .map(|item| parts(item).map(|u| u.as_ref().map(Sums::of)))
                .collect();
            for sums in sums {
                for (total, sums) in totals.iter_mut().zip(sums) {
                    *total = match (total.take(), sums) {
                        (Some(total), Some(sums)) => Some(total.and(&sums)),
                        (total, sums) => total.or(sums),
                    };
                }
            }
        }
        assert!(!items.is_empty(), "there is no calibration sequence");
        totals.map(|total| total.map(Sums::moments))
    }

    /// Without a mean that a bias makes up for: `E[u uᵀ]` in the place of C, and no mean.
    pub(super) fn uncentred(&self) -> Self {
        let mean = self.mean.view().insert_axis(Axis(1));
        Self {
            covariance: &self.covariance + &mean.dot(&mean.t()),
            mean: Array1::zeros(self.mean.len()),
        }
    }

    /// With the inputs scaled by `gain`, `[n]`.
    pub(super) fn scaled(&self, gain: &[f64]) -> Self {
        let mut scaled = self.clone();
        for (j, gain_j) in gain.iter().enumerate() {
            scaled.mean[j] *= gain_j;
            for (k, gain_k) in gain.iter().enumerate() {
                scaled.covariance[[j, k]] *= gain_j * gain_k;
            }
        }
        scaled
    }
}

/// `[x_t; h_{t−1}]` of all steps, `[T, I + H]`, from the inputs and hidden states of an LSTM layer.
pub(super) fn with_state_before(
    x: ArrayView2<'_, f32>,
    hidden: ArrayView2<'_, f32>,
) -> Array2<f64> {
    let mut before = Array2::zeros(hidden.dim());
    if let Some(last) = hidden.nrows().checked_sub(1) {
        let earlier = hidden.slice(s![..last, ..]);
        before.slice_mut(s![1.., ..]).assign(&earlier);
    }
    concatenate![Axis(1), x, before].mapv(f64::from)
}

/// `[x_t; r_t ⊙ h_{t−1}]` of all steps, `[T, I + H]`, from the inputs, the reset gates `r`, `[T, H]`, and the states.
pub(super) fn with_reset_state_before(
    x: ArrayView2<'_, f32>,
    r: ArrayView2<'_, f32>,
    states: ArrayView2<'_, f32>,
) -> Array2<f64> {
    let mut u = with_state_before(x, states);
    let mut before = u.slice_mut(s![.., x.ncols()..]);
    before.zip_mut_with(&r, |h, r| *h *= f64::from(*r));
    u
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    proptest! {
        /// Parts of any number of rows, none too, and more of them than are in memory at a time.
        #[test]
        fn moments_are_those_of_all_rows_together(
            lengths in proptest::collection::vec(0usize..4, 1..40), seed in 0usize..1000,
            gain in proptest::collection::vec(-3.0f64..3.0, 3),
        ) {
            let value = |i: usize, t: usize, j: usize| ((seed + i * 7 + t * 5 + j * (3 + i + t)) % 17) as f64 / 4.0;
            let items: Vec<Array2<f64>> = (lengths.iter().enumerate())
                .map(|(i, &rows)| Array2::from_shape_fn((rows, 3), |(t, j)| value(i, t, j)))
                .collect();
            let rows: Vec<Vec<f64>> = items.iter().flat_map(|u| u.rows().into_iter().map(|u| u.to_vec())).collect();
            // Without a row, all is zero.
            let mean_of = |of: &dyn Fn(&[f64]) -> f64| {
                rows.iter().map(|u| of(u)).sum::<f64>() / rows.len().max(1) as f64
            };
            let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
            let moments = Moments::of(&items, Clone::clone);
            let (scaled, uncentred) = (moments.scaled(&gain), moments.uncentred());
            for j in 0..3 {
                let mean = mean_of(&|u| u[j]);
                prop_assert!(close(moments.mean[j], mean));
                prop_assert!(close(scaled.mean[j], mean * gain[j]));
                prop_assert_eq!(uncentred.mean[j], 0.0);
                for k in 0..3 {
                    let product = mean_of(&|u| u[j] * u[k]);
                    let covariance = mean_of(&|u| (u[j] - mean) * (u[k] - mean_of(&|u| u[k])));
                    prop_assert!(close(moments.covariance[[j, k]], covariance));
                    prop_assert!(close(scaled.covariance[[j, k]], covariance * gain[j] * gain[k]));
                    prop_assert!(close(uncentred.covariance[[j, k]], product));
                }
            }
        }
    }

    #[test]
    fn moments_of_four_rows_by_hand() {
        let parts = [
            array![[1.0, 2.0], [3.0, 2.0]],
            array![[1.0, 6.0], [3.0, 6.0]],
        ];
        let moments = Moments::of(&parts, Clone::clone);
        assert_eq!(moments.mean, array![2.0, 4.0]);
        assert_eq!(moments.covariance, array![[1.0, 0.0], [0.0, 4.0]]);
        let scaled = moments.scaled(&[1.0, 0.5]);
        assert_eq!(scaled.mean, array![2.0, 2.0]);
        assert_eq!(scaled.covariance, array![[1.0, 0.0], [0.0, 1.0]]);
    }

    #[test]
    fn parts_beside_one_another_have_the_moments_of_each_alone() {
        let items: Vec<Array2<f64>> = (0..CHUNK + 3)
            .map(|i| Array2::from_shape_fn((3, 2), |(t, j)| (i * 7 + t * 3 + j) as f64 / 3.0))
            .collect();
        let root = |u: &Array2<f64>| u.mapv(f64::sqrt);
        let [plain, none, roots] =
            Moments::of_each(&items, |u| [Some(u.clone()), None, Some(root(u))]);
        assert!(none.is_none());
        for (found, alone) in [
            (plain, Moments::of(&items, Clone::clone)),
            (roots, Moments::of(&items, root)),
        ] {
            let found = found.unwrap();
            assert_eq!(found.mean, alone.mean);
            assert_eq!(found.covariance, alone.covariance);
        }
    }

    #[test]
    fn the_state_of_the_step_before_stands_beside_the_input() {
        let u = with_state_before(
            array![[1.0], [2.0], [3.0]].view(),
            array![[4.0], [5.0], [6.0]].view(),
        );
        assert_eq!(u, array![[1.0, 0.0], [2.0, 4.0], [3.0, 5.0]]);
        let u = with_reset_state_before(
            array![[1.0], [2.0], [3.0]].view(),
            array![[0.25], [0.5], [0.125]].view(),
            array![[4.0], [5.0], [6.0]].view(),
        );
        assert_eq!(u, array![[1.0, 0.0], [2.0, 2.0], [3.0, 0.625]]);
        let none = Array2::<f32>::zeros((0, 1));
        assert_eq!(with_state_before(none.view(), none.view()).dim(), (0, 2));
    }
}
