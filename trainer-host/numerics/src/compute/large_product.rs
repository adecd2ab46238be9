//! The product of two large matrices in panels. It serves to measure a machine's peak rate beside other libraries.
//!
//! ```text
//! C[rows of a part] += A[rows of a block, k of a block] · B[k of a block]
//! ```
//!
//! The product takes one block of k and of rows after the other. So a block of A stays in the second-level cache, and a
//! panel of B in the first-level cache.

use ndarray::{Array2, s};
use rayon::prelude::*;

use super::lanes::Backend;
use super::panels::Panels;
use super::product::Multiply;

/// Terms of a sum in one block.
const BLOCK_TERMS: usize = 256;
/// Rows of A in one block, each multiplied by all of B.
const BLOCK_ROWS: usize = 96;

/// `C = A · B`, prepared so that it can be computed repeatedly.
#[derive(Debug)]
pub struct LargeProduct {
    backend: Backend,
    parts: Vec<Part>,
    /// B in blocks of k, each `[BLOCK_TERMS, N]`.
    b: Vec<Panels>,
}

/// The rows that one thread computes.
#[derive(Debug)]
struct Part {
    /// A in blocks of k, each `[rows, BLOCK_TERMS]`.
    a: Vec<Panels>,
    c: Panels,
}

impl LargeProduct {
    /// Prepares `a: [M, K]` times `b: [K, N]`, cut into one part for each thread.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn new(a: &Array2<f32>, b: &Array2<f32>, parts: usize) -> Self {
        assert_eq!(a.ncols(), b.nrows());
        let pack = |matrix: ndarray::ArrayView2<'_, f32>| {
            let mut panels = Panels::zeros(matrix.nrows(), matrix.ncols());
            for (r, row) in matrix.rows().into_iter().enumerate() {
                panels.write_row(r, &row.to_vec());
            }
            panels
        };
        let blocks = |k: usize| k..(k + BLOCK_TERMS).min(b.nrows());
        let starts = || (0..b.nrows()).step_by(BLOCK_TERMS);
        let rows = a.nrows().div_ceil(parts.max(1)).max(1);
        let part = |first: usize| {
            let rows = first..(first + rows).min(a.nrows());
            Part {
                a: starts()
                    .map(|k| pack(a.slice(s![rows.clone(), blocks(k)])))
                    .collect(),
                c: Panels::zeros(rows.len(), b.ncols()),
            }
        };
        Self {
            backend: Backend::detect(),
            parts: (0..a.nrows()).step_by(rows).map(part).collect(),
            b: starts().map(|k| pack(b.slice(s![blocks(k), ..]))).collect(),
        }
    }

    /// Computes C, with one part on each thread.
    pub fn run(&mut self) {
        let (b, backend) = (&self.b, self.backend);
        self.parts.par_iter_mut().for_each(|part| {
            let (rows, columns) = (part.c.rows(), part.c.columns());
            part.c.reset(rows, columns);
            for (a, b) in part.a.iter().zip(b) {
                for first in (0..rows).step_by(BLOCK_ROWS) {
                    backend.run(Multiply {
                        c: &mut part.c,
                        c_row: first,
                        c_panel: 0,
                        a,
                        a_rows: first..(first + BLOCK_ROWS).min(rows),
                        a_panel: 0,
                        w: b,
                    });
                }
            }
        });
    }

    /// Element `[row, column]` of C.
    pub fn get(&self, mut row: usize, column: usize) -> f32 {
        for part in &self.parts {
            if row < part.c.rows() {
                return part.c.get(row, column);
            }
            row -= part.c.rows();
        }
        panic!("the row is below M");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_parts_add_up_to_the_product() {
        // Whole numbers, so that sums are exact in any order.
        let matrix = |rows, columns, seed: usize| {
            Array2::from_shape_fn((rows, columns), |(r, c)| {
                ((r * 31 + c * 17 + seed) % 13) as f32 - 6.0
            })
        };
        let (a, b) = (
            matrix(2 * BLOCK_ROWS + 5, BLOCK_TERMS + 40, 1),
            matrix(BLOCK_TERMS + 40, 50, 2),
        );
        let expected = a.dot(&b);
        for parts in [1, 2, 3] {
            let mut product = LargeProduct::new(&a, &b, parts);
            product.run();
            product.run();
            for ((r, c), value) in expected.indexed_iter() {
                assert_eq!(product.get(r, c), *value);
            }
        }
    }
}
