//! A matrix stored as panels of 16 columns.
//!
//! ```text
//! element (row, column) → line (column / 16) · rows + row, lane column % 16
//! ```
//!
//! A panel is a contiguous `[rows, 16]` matrix of cache lines. Lanes beyond the last column begin as zero and stay
//! finite.

use ndarray::Array2;

use super::lanes::{LANES, Line};

/// A `[rows, columns]` matrix in panels of 16 columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Panels {
    rows: usize,
    columns: usize,
    lines: Vec<Line>,
}

impl Panels {
    /// All zeros.
    pub(crate) fn zeros(rows: usize, columns: usize) -> Self {
        let mut panels = Self::default();
        panels.reset(rows, columns);
        panels
    }

    /// Becomes a `[rows, columns]` matrix of zeros. Allocates only if its memory is too small.
    pub(crate) fn reset(&mut self, rows: usize, columns: usize) {
        self.reshape(rows, columns);
        self.lines.fill(Line::default());
    }

    /// Becomes a `[rows, columns]` matrix with arbitrary values. The caller writes every line before it reads it.
    pub(crate) fn reshape(&mut self, rows: usize, columns: usize) {
        self.rows = rows;
        self.columns = columns;
        let lines = rows * columns.div_ceil(LANES);
        self.lines.resize(lines, Line::default());
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Panels that hold the columns.
    pub(crate) fn panels(&self) -> usize {
        self.columns.div_ceil(LANES)
    }

    /// Lines of panel `panel`, one a row.
    pub(crate) fn panel(&self, panel: usize) -> &[Line] {
        &self.lines[panel * self.rows..(panel + 1) * self.rows]
    }

    /// Lines of panel `panel`, one a row.
    pub(crate) fn panel_mut(&mut self, panel: usize) -> &mut [Line] {
        &mut self.lines[panel * self.rows..(panel + 1) * self.rows]
    }

    /// All lines, panel after panel.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// All lines, panel after panel.
    pub(crate) fn lines_mut(&mut self) -> &mut [Line] {
        &mut self.lines
    }

    pub(crate) fn get(&self, row: usize, column: usize) -> f32 {
        self.lines[column / LANES * self.rows + row].0[column % LANES]
    }

    pub(crate) fn set(&mut self, row: usize, column: usize, value: f32) {
        self.lines[column / LANES * self.rows + row].0[column % LANES] = value;
    }

    /// Writes `values` to row `row`.
    pub(crate) fn write_row(&mut self, row: usize, values: &[f32]) {
        assert_eq!(values.len(), self.columns);
        for (panel, values) in values.chunks(LANES).enumerate() {
            self.lines[panel * self.rows + row].0[..values.len()].copy_from_slice(values);
        }
    }

    /// Reads row `row` into `values`.
    pub(crate) fn read_row(&self, row: usize, values: &mut [f32]) {
        assert_eq!(values.len(), self.columns);
        for (panel, values) in values.chunks_mut(LANES).enumerate() {
            values.copy_from_slice(&self.lines[panel * self.rows + row].0[..values.len()]);
        }
    }

    /// The values of row `row`.
    pub(crate) fn row(&self, row: usize) -> Vec<f32> {
        (0..self.columns)
            .map(|column| self.get(row, column))
            .collect()
    }

    /// Writes `values` to column `column`.
    pub(crate) fn write_column(&mut self, column: usize, values: &[f32]) {
        assert_eq!(values.len(), self.rows);
        let lane = column % LANES;
        for (line, value) in self.panel_mut(column / LANES).iter_mut().zip(values) {
            line.0[lane] = *value;
        }
    }

    /// Reads column `column` into `values`.
    pub(crate) fn read_column(&self, column: usize, values: &mut [f32]) {
        assert_eq!(values.len(), self.rows);
        let lane = column % LANES;
        for (line, value) in self.panel(column / LANES).iter().zip(values) {
            *value = line.0[lane];
        }
    }

    /// Adds `other`, of the same shape.
    pub(crate) fn add(&mut self, other: &Self) {
        assert_eq!((self.rows, self.columns), (other.rows, other.columns));
        for (mine, theirs) in self.lines.iter_mut().zip(&other.lines) {
            for (a, b) in mine.0.iter_mut().zip(theirs.0) {
                *a += b;
            }
        }
    }

    /// Multiplies by `other`, of the same shape, element by element.
    pub(crate) fn multiply(&mut self, other: &Self) {
        assert_eq!((self.rows, self.columns), (other.rows, other.columns));
        for (mine, theirs) in self.lines.iter_mut().zip(&other.lines) {
            for (a, b) in mine.0.iter_mut().zip(theirs.0) {
                *a *= b;
            }
        }
    }

    /// Adds the sum over all rows to `sums`, one line for each panel.
    pub(crate) fn sum_rows(&self, sums: &mut [Line]) {
        for (panel, sum) in sums.iter_mut().enumerate() {
            for line in self.panel(panel) {
                for (a, b) in sum.0.iter_mut().zip(line.0) {
                    *a += b;
                }
            }
        }
    }
}

/// The rows of a parameter array.
pub(crate) fn row_slices(weights: &Array2<f32>) -> impl Iterator<Item = &[f32]> {
    let values = weights
        .as_slice()
        .expect("parameters are stored in row-major order");
    values.chunks_exact(weights.ncols())
}

/// Copies row `from` of `source` to row `to` of `target`, which has as many columns.
pub(crate) fn copy_row(source: &Panels, from: usize, target: &mut Panels, to: usize) {
    for panel in 0..source.panels() {
        target.panel_mut(panel)[to] = source.panel(panel)[from];
    }
}

/// Copies row `from` of `source` to the columns from `column` on of row `to` of `target`.
pub(crate) fn copy_to_columns(
    (source, from): (&Panels, usize),
    (target, to): (&mut Panels, usize),
    column: usize,
) {
    let columns = source.columns();
    for panel in 0..source.panels() {
        let line = source.panel(panel)[from];
        let first = panel * LANES;
        if column.is_multiple_of(LANES) {
            target.panel_mut(panel + column / LANES)[to] = line;
            continue;
        }
        for (lane, value) in line.0.iter().take(columns - first).enumerate() {
            target.set(to, column + first + lane, *value);
        }
    }
}

/// Copies the columns from `column` on of row `from` of `source` to row `to` of `target`, as many as that has.
pub(crate) fn copy_from_columns(
    (source, from): (&Panels, usize),
    (target, to): (&mut Panels, usize),
    column: usize,
) {
    let columns = target.columns();
    for panel in 0..target.panels() {
        let first = panel * LANES;
        let line = &mut target.panel_mut(panel)[to];
        *line = Line::default();
        for (lane, value) in line.0.iter_mut().take(columns - first).enumerate() {
            *value = source.get(from, column + first + lane);
        }
    }
}

/// Adds row `from` of `source` to row `to` of `target`, which has as many columns.
pub(crate) fn add_row(source: &Panels, from: usize, target: &mut Panels, to: usize) {
    for panel in 0..source.panels() {
        let line = source.panel(panel)[from];
        let sums = target.panel_mut(panel)[to].0.iter_mut();
        sums.zip(line.0).for_each(|(a, b)| *a += b);
    }
}

/// Writes `line[panel]` to every row.
pub(crate) fn broadcast(lines: &[Line], matrix: &mut Panels) {
    for (panel, line) in lines.iter().enumerate() {
        matrix.panel_mut(panel).fill(*line);
    }
}
