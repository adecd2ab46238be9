//! The little linear algebra that a Gaussian process needs, in one order of sums on every machine.

/// L of K = L Lᵀ, `[n, n]`, the lower half filled.
#[derive(Clone, Debug, Default)]
pub(super) struct Cholesky {
    n: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// The factor of a symmetric positive matrix whose lower half is filled. A pivot that rounding made negative
    /// becomes tiny.
    pub(super) fn new(mut matrix: Vec<f64>, n: usize) -> Self {
        for i in 0..n {
            for j in 0..=i {
                let (a, b) = (i * n, j * n);
                let sum: f64 = dot(&matrix[a..a + j], &matrix[b..b + j]);
                let rest = matrix[a + j] - sum;
                matrix[a + j] = if i == j {
                    rest.max(1e-12).sqrt()
                } else {
                    rest / matrix[b + j]
                };
            }
        }
        Self { n, lower: matrix }
    }

    /// L⁻¹ of each column of `right`, `[n, columns]`, in place.
    pub(super) fn solve_lower(&self, right: &mut [f64], columns: usize) {
        let n = self.n;
        for i in 0..n {
            let (solved, rest) = right.split_at_mut(i * columns);
            let row = &mut rest[..columns];
            for (j, known) in solved.chunks_exact(columns).enumerate() {
                let factor = self.lower[i * n + j];
                for (value, known) in row.iter_mut().zip(known) {
                    *value -= factor * known;
                }
            }
            let pivot = self.lower[i * n + i];
            row.iter_mut().for_each(|value| *value /= pivot);
        }
    }

    /// K⁻¹ `right`
    pub(super) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let n = self.n;
        let mut solution = right.to_vec();
        self.solve_lower(&mut solution, 1);
        for i in (0..n).rev() {
            solution[i] /= self.lower[i * n + i];
            let value = solution[i];
            let row = &self.lower[i * n..i * n + i];
            for (solution, factor) in solution.iter_mut().zip(row) {
                *solution -= factor * value;
            }
        }
        solution
    }

    /// K⁻¹, `[n, n]`, the lower half filled.
    pub(super) fn inverse(&self) -> Vec<f64> {
        let n = self.n;
        // L⁻ᵀ, row by row: row j holds column j of L⁻¹.
        let mut columns = vec![0.0; n * n];
        for j in 0..n {
            let column = &mut columns[j * n..(j + 1) * n];
            column[j] = 1.0 / self.lower[j * n + j];
            for i in j + 1..n {
                let sum = dot(&self.lower[i * n + j..i * n + i], &column[j..i]);
                column[i] = -sum / self.lower[i * n + i];
            }
        }
        let mut inverse = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let (a, b) = (
                    &columns[i * n + i..(i + 1) * n],
                    &columns[j * n + i..(j + 1) * n],
                );
                inverse[i * n + j] = dot(a, b);
            }
        }
        inverse
    }

    /// ½ ln |K|
    #[cfg(test)]
    pub(super) fn half_log_determinant(&self) -> f64 {
        (0..self.n)
            .map(|i| libm::log(self.lower[i * self.n + i]))
            .sum()
    }
}

/// Four sums side by side, so that a CPU need not wait for each addition.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a, a_rest) = a.as_chunks::<4>();
    let (b, b_rest) = b.as_chunks::<4>();
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        let n = 7;
        let value = |i: usize, j: usize| {
            let distance = i.abs_diff(j) as f64;
            libm::exp(-0.3 * distance) + if i == j { 0.1 } else { 0.0 }
        };
        let matrix: Vec<f64> = (0..n * n).map(|k| value(k / n, k % n)).collect();
        let factor = Cholesky::new(matrix, n);
        let inverse = factor.inverse();
        let full = |i: usize, j: usize| inverse[i.max(j) * n + i.min(j)];
        for i in 0..n {
            let unit: Vec<f64> = (0..n).map(|j| f64::from(u8::from(i == j))).collect();
            let solved = factor.solve(&unit);
            for j in 0..n {
                let product: f64 = (0..n).map(|k| value(i, k) * full(k, j)).sum();
                assert!((product - unit[j]).abs() < 1e-12);
                assert!((solved[j] - full(i, j)).abs() < 1e-12);
            }
        }
    }
}
