//! Matrices of integers as the f32 values that they stand for.

use ndarray::Array2;

/// `rows` in units of `unit(row, column)`.
pub(super) fn matrix(rows: &[Vec<i8>], unit: impl Fn(usize, usize) -> f64) -> Array2<f32> {
    let columns = rows.first().map_or(0, Vec::len);
    Array2::from_shape_fn((rows.len(), columns), |(r, j)| {
        (f64::from(rows[r][j]) * unit(r, j)) as f32
    })
}
