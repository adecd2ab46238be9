//! The two matrix products of training, over matrices in panels.
//!
//! ```text
//! multiply:  C[r, n] += Σ_k A[r, k] · W[k, n]      rows r of C and A in a given range
//! correlate: C[m, n] += Σ_r A[r, m] · D[r, n]      the gradient of W in the product above
//! ```
//!
//! Both hold a tile of C in registers: up to 12 rows of 2 panels with AVX-512, 6 rows of one panel with AVX2. They
//! broadcast one element of A at a time and multiply it by whole lines of W or D. For each element of C, the sum over k
//! or r is one chain in ascending order, whatever the tile.

use std::ops::Range;

use super::lanes::{Kernel, LANES, Lanes, Line};
use super::panels::Panels;

/// Rows of A and D in one block. [`Correlate`] reads a block for all tiles of C before it takes the next one. For 4H up
/// to 512, a block of both stays in the second-level cache.
const BLOCK_ROWS: usize = 128;
/// Rows of a block where C has at least [`LARGE`] lines: it does not stay in the second-level cache, and each block
/// reads and writes it once.
const LARGE_BLOCK_ROWS: usize = 1024;
/// Lines of half a megabyte.
const LARGE: usize = 8192;

/// `C[c_rows] += A[a_rows] · W`, see the module's documentation. C may have more panels than W, and A more than the rows
/// of W fill: then a run of them enters.
pub(crate) struct Multiply<'a> {
    /// `[R', N]`.
    pub(crate) c: &'a mut Panels,
    /// First row of C.
    pub(crate) c_row: usize,
    /// First panel of C.
    pub(crate) c_panel: usize,
    /// `[R, K]`.
    pub(crate) a: &'a Panels,
    /// Rows of A.
    pub(crate) a_rows: Range<usize>,
    /// First panel of A.
    pub(crate) a_panel: usize,
    /// `[K, N]`.
    pub(crate) w: &'a Panels,
}

impl Kernel for Multiply<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Self {
            c,
            c_row,
            c_panel,
            a,
            a_rows,
            a_panel,
            w,
        } = self;
        let rows = a_rows.len();
        assert!(a_rows.start <= a_rows.end && a_rows.end <= a.rows());
        assert!(c_row + rows <= c.rows());
        assert!(c_panel + w.panels() <= c.panels() && LANES * a_panel + w.rows() <= a.columns());
        if rows == 0 || w.rows() == 0 {
            return;
        }
        let rows_of_c = c.rows();
        let tile = Tile {
            c_panel: rows_of_c,
            c: c.lines_mut()[c_panel * rows_of_c..].as_mut_ptr(),
            a: a.lines()[a_panel * a.rows()..].as_ptr(),
            b: w.lines().as_ptr(),
            b_panel: w.rows(),
            a_segment: a.rows(),
            segments: w.rows().div_ceil(LANES),
            segment: LANES,
            last_segment: w.rows() - (w.rows() - 1) / LANES * LANES,
        };
        for (panel, panels) in blocks(w.panels(), V::TILE.1) {
            for (row, count) in blocks(rows, V::TILE.0) {
                // SAFETY: panels `panel..panel + panels` of W and of C from `c_panel` on exist, rows
                // `row..row + count` of both ranges exist, and segments cover W's rows and as many of A's
                // columns from `a_panel` on (all asserted above).
                unsafe {
                    let tile = Tile {
                        c: tile.c.add(panel * tile.c_panel + c_row + row),
                        a: tile.a.add(a_rows.start + row),
                        b: tile.b.add(panel * tile.b_panel),
                        ..tile
                    };
                    tile.accumulate::<V, ROW_MAJOR>(count, panels);
                }
            }
        }
    }
}

/// `C += A[a_rows]ᵀ · D[d_rows]`, see the module's documentation. D may have more panels than C.
pub(crate) struct Correlate<'a> {
    /// `[M, N]`.
    pub(crate) c: &'a mut Panels,
    /// `[R, M]`.
    pub(crate) a: &'a Panels,
    /// First row of A.
    pub(crate) a_row: usize,
    /// `[R', N]`.
    pub(crate) d: &'a Panels,
    /// Rows of D.
    pub(crate) d_rows: Range<usize>,
    /// First panel of D.
    pub(crate) d_panel: usize,
}

impl Kernel for Correlate<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Self {
            c,
            a,
            a_row,
            d,
            d_rows,
            d_panel,
        } = self;
        assert!(d_rows.start <= d_rows.end && d_rows.end <= d.rows());
        assert!(a_row + d_rows.len() <= a.rows());
        assert!(c.rows() == a.columns() && d_panel + c.panels() <= d.panels());
        let tile = Tile {
            c: c.lines_mut().as_mut_ptr(),
            c_panel: c.rows(),
            a: a.lines().as_ptr(),
            b: d.lines()[d_panel * d.rows()..].as_ptr(),
            b_panel: d.rows(),
            a_segment: 0,
            segments: 1,
            segment: 0,
            last_segment: 0,
        };
        let block_rows = match c.panels() * c.rows() {
            LARGE.. => LARGE_BLOCK_ROWS,
            _ => BLOCK_ROWS,
        };
        for (start, depth) in blocks(d_rows.len(), block_rows) {
            for (panel, panels) in blocks(c.panels(), V::TILE.1) {
                for a_panel in 0..a.panels() {
                    let first = a_panel * LANES;
                    for (lane, count) in blocks(LANES.min(a.columns() - first), V::TILE.0) {
                        // SAFETY: panels `panel..panel + panels` of C and of D from `d_panel` on exist; C has a row for
                        // each of A's columns, and A's line has 16 lanes; rows
                        // `start..start + depth` of both ranges exist (asserted above).
                        unsafe {
                            let line = tile.a.add(a_panel * a.rows() + a_row + start);
                            let tile = Tile {
                                c: tile.c.add(panel * tile.c_panel + first + lane),
                                a: line.cast::<f32>().add(lane).cast(),
                                b: tile.b.add(panel * tile.b_panel + d_rows.start + start),
                                last_segment: depth,
                                ..tile
                            };
                            tile.accumulate::<V, COLUMN_MAJOR>(count, panels);
                        }
                    }
                }
            }
        }
    }
}

/// Cuts `0..total` into the fewest blocks of at most `largest`, with sizes as equal as possible. Returns pairs of start
/// and length.
#[inline(always)]
fn blocks(total: usize, largest: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let left = total - start;
        let length = left.div_ceil(left.div_ceil(largest).max(1));
        start += length;
        (length > 0).then_some((start - length, length))
    })
}

/// A's elements for one k lie in one lane of consecutive lines.
const ROW_MAJOR: bool = true;
/// A's elements for one k lie in consecutive lanes of one line.
const COLUMN_MAJOR: bool = false;

/// Where a tile of C and its factors lie; strides in lines.
#[derive(Clone, Copy)]
struct Tile {
    c: *mut Line,
    c_panel: usize,
    a: *const Line,
    a_segment: usize,
    b: *const Line,
    b_panel: usize,
    /// The sum runs over `segments − 1` segments of `segment` terms and one of `last_segment`.
    segments: usize,
    segment: usize,
    last_segment: usize,
}

impl Tile {
    /// Picks the code for `rows` and `panels`, both within [`Lanes::TILE`].
    ///
    /// # Safety
    /// As [`Tile::sum`].
    #[inline(always)]
    unsafe fn accumulate<V: Lanes, const ROWS_FIRST: bool>(self, rows: usize, panels: usize) {
        macro_rules! pick {
            ($($r:literal)+) => {
                match (rows, panels) {
                    $(
                        // SAFETY: the caller's promise.
                        ($r, 1) if $r <= V::TILE.0 => unsafe { self.sum::<V, $r, 1, ROWS_FIRST>() },
                        // SAFETY: the caller's promise.
                        ($r, 2) if $r <= V::TILE.0 && 2 <= V::TILE.1 => unsafe {
                            self.sum::<V, $r, 2, ROWS_FIRST>()
                        },
                    )+
                    _ => unreachable!("a tile is at most Lanes::TILE"),
                }
            };
        }
        pick!(1 2 3 4 5 6 7 8 9 10 11 12);
    }

    /// `C += A · B` for `R` rows and `P` panels.
    ///
    /// # Safety
    /// `c` has `R` lines in each of `P` panels, `b` a line for each term of the sum in each of `P`
    /// panels, and `a` the `R` elements of each term.
    #[inline(always)]
    unsafe fn sum<V: Lanes, const R: usize, const P: usize, const ROWS_FIRST: bool>(self) {
        let (row_step, term_step) = if ROWS_FIRST { (LANES, 1) } else { (1, LANES) };
        let mut sums = [[V::splat(0.0); P]; R];
        for (r, sums) in sums.iter_mut().enumerate() {
            for (p, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the caller's promise about `c`.
                *sum = V::load(unsafe { &*self.c.add(p * self.c_panel + r) });
            }
        }
        let mut b = self.b;
        for segment in 0..self.segments {
            let terms = if segment + 1 < self.segments {
                self.segment
            } else {
                self.last_segment
            };
            // SAFETY: the caller's promise about `a`.
            let mut a = unsafe { self.a.add(segment * self.a_segment) }.cast::<f32>();
            for _ in 0..terms {
                let mut factors = [V::splat(0.0); P];
                for (p, factor) in factors.iter_mut().enumerate() {
                    // SAFETY: the caller's promise about `b`.
                    *factor = V::load(unsafe { &*b.add(p * self.b_panel) });
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: the caller's promise about `a`.
                    let element = V::splat(unsafe { *a.add(r * row_step) });
                    for (sum, factor) in sums.iter_mut().zip(factors) {
                        *sum = element.mul_add(factor, *sum);
                    }
                }
                // In wrapping arithmetic, since the last step leaves the matrix.
                a = a.wrapping_add(term_step);
                b = b.wrapping_add(1);
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (p, sum) in sums.iter().enumerate() {
                // SAFETY: the caller's promise about `c`.
                sum.store(unsafe { &mut *self.c.add(p * self.c_panel + r) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::Backend;
    use super::*;
    use proptest::prelude::*;

    /// Whole numbers, so that sums are exact in any order.
    fn matrix(rows: usize, columns: usize, seed: usize) -> Panels {
        let mut matrix = Panels::zeros(rows, columns);
        for row in 0..rows {
            for column in 0..columns {
                let value = (row * 31 + column * 17 + seed * 7) % 13;
                matrix.set(row, column, value as f32 - 6.0);
            }
        }
        matrix
    }

    fn values(matrix: &Panels) -> Vec<Vec<f32>> {
        let row = |r| (0..matrix.columns()).map(|c| matrix.get(r, c)).collect();
        (0..matrix.rows()).map(row).collect()
    }

    proptest! {
        #[test]
        fn products_equal_their_definition(
            rows in 0usize..40,
            depth in 1usize..50,
            columns in 1usize..70,
            c_row in 0usize..3,
            a_row in 0usize..3,
            (c_panel, a_panel) in (0usize..3, 0usize..3),
            seed: u8,
        ) {
            let seed = usize::from(seed);
            let (c_first, a_first) = (LANES * c_panel, LANES * a_panel);
            let a = matrix(a_row + rows, a_first + depth, seed);
            let w = matrix(depth, columns, seed + 1);
            let d = matrix(c_row + rows, c_first + columns, seed + 2);
            for backend in Backend::available() {
                let mut c = d.clone();
                let a_rows = a_row..a_row + rows;
                backend.run(Multiply { c: &mut c, c_row, c_panel, a: &a, a_rows, a_panel, w: &w });
                let mut expected = values(&d);
                for (r, row) in expected[c_row..].iter_mut().enumerate() {
                    for (n, sum) in row[c_first..].iter_mut().enumerate() {
                        let term = |k| a.get(a_row + r, a_first + k) * w.get(k, n);
                        *sum += (0..depth).map(term).sum::<f32>();
                    }
                }
                prop_assert_eq!(values(&c), expected, "multiply, {:?}", backend);

                let w = matrix(a_first + depth, columns, seed + 3);
                let mut c = w.clone();
                let (d_rows, d_panel) = (c_row..c_row + rows, c_panel);
                backend.run(Correlate { c: &mut c, a: &a, a_row, d: &d, d_rows, d_panel });
                let mut expected = values(&w);
                for (m, row) in expected.iter_mut().enumerate() {
                    for (n, sum) in row.iter_mut().enumerate() {
                        let term = |r| a.get(a_row + r, m) * d.get(c_row + r, c_first + n);
                        *sum += (0..rows).map(term).sum::<f32>();
                    }
                }
                prop_assert_eq!(values(&c), expected, "correlate, {:?}", backend);
            }
        }
    }

    #[test]
    fn correlating_more_rows_than_a_block_goes_through_all() {
        // A small C, and one of `LARGE` lines.
        for (block, columns, width) in [(3 * BLOCK_ROWS, 20, 40), (LARGE_BLOCK_ROWS, 256, 512)] {
            let rows = block + 5;
            let (a, d) = (matrix(rows, columns, 1), matrix(rows, width, 2));
            for backend in Backend::available() {
                let mut c = Panels::zeros(columns, width);
                assert_eq!(c.panels() * c.rows() >= LARGE, block == LARGE_BLOCK_ROWS);
                backend.run(Correlate {
                    c: &mut c,
                    a: &a,
                    a_row: 0,
                    d: &d,
                    d_rows: 0..rows,
                    d_panel: 0,
                });
                for (m, n) in [(0, 0), (columns - 1, width - 1), (7, 16)] {
                    let sum: f32 = (0..rows).map(|r| a.get(r, m) * d.get(r, n)).sum();
                    assert_eq!(c.get(m, n), sum, "{backend:?}");
                }
            }
        }
    }

    #[test]
    fn blocks_cover_everything_evenly() {
        assert_eq!(blocks(13, 6).collect::<Vec<_>>(), [(0, 5), (5, 4), (9, 4)]);
        assert_eq!(blocks(0, 6).count(), 0);
    }
}
