//! The errors of a regression as one table: a row for each output and one for all, a column for each figure that is known.

use super::{Beside, Errors, ValueScore};

/// A column: its name, whose errors, and which figure.
type Column = (
    &'static str,
    fn(&Errors, &Beside) -> Option<Errors>,
    fn(&Errors) -> Option<f64>,
);

/// Every column that there may be.
const COLUMNS: [Column; 9] = [
    ("MSE", |own, _| Some(*own), |e| Some(e.mse)),
    ("MAE", |own, _| Some(*own), |e| Some(e.mae)),
    ("R²", |own, _| Some(*own), |e| e.r2),
    ("persistence MSE", |_, b| b.persistence, |e| Some(e.mse)),
    ("ridge MSE", |_, b| b.ridge, |e| Some(e.mse)),
    ("std. MSE", |_, b| b.standardised, |e| Some(e.mse)),
    ("std. MAE", |_, b| b.standardised, |e| Some(e.mae)),
    (
        "std. persistence MSE",
        |_, b| b.standardised_persistence,
        |e| Some(e.mse),
    ),
    (
        "std. ridge MSE",
        |_, b| b.standardised_ridge,
        |e| Some(e.mse),
    ),
];

/// The table of errors of a [`ValueScore`].
#[derive(Clone, Debug, PartialEq)]
pub struct ValueTable {
    /// Names of the columns.
    pub header: Vec<&'static str>,
    /// Name of the output, and its figures.
    pub rows: Vec<(String, Vec<Option<f64>>)>,
}

impl ValueScore {
    /// Its table; the last row is that of all outputs.
    pub fn table(&self) -> ValueTable {
        // What no baseline or training part says has no column.
        let columns: Vec<&Column> = (COLUMNS.iter())
            .filter(|(_, of, _)| of(&self.errors, &self.beside).is_some())
            .collect();
        let row = |name: &str, errors: &Errors, beside: &Beside| {
            let figures = columns.iter();
            let figures = figures.map(|(_, of, figure)| figure(&of(errors, beside)?));
            (name.to_owned(), figures.collect())
        };
        let outputs = self.outputs.iter();
        let outputs = outputs.map(|output| row(&output.name, &output.errors, &output.beside));
        ValueTable {
            rows: outputs
                .chain([row("all", &self.errors, &self.beside)])
                .collect(),
            header: columns.iter().map(|(name, ..)| *name).collect(),
        }
    }
}
