//! Labelled sets of sequences: files, built-in data and generated tasks, and what is done to them
//! before training.
//!
//! [`open()`] is the door: it turns a path or a built-in name into [`Parts`]. What it refuses, it
//! refuses with a [`DataError`] that says where, what, and what to do.

mod built_in;
mod dataset;
pub mod digits;
mod error;
mod fill;
mod folds;
mod forecast;
mod format;
pub mod generated;
mod long_csv;
mod normalise;
mod npz;
mod npz_element;
mod open;
mod records;
mod sktime_ts;
mod split;
mod summary;
mod text;
mod time_stamp;
mod ucr_tsv;
mod write_csv;

pub use built_in::BuiltIn;
pub use dataset::{Dataset, Schema, Targets, Task, views};
pub use error::{DataError, Place, Problem};
pub use fill::Fill;
pub use folds::{Fold, folds};
pub use forecast::{Forecast, Origin};
pub use long_csv::Columns;
pub use normalise::Normalisation;
pub use open::{
    Known, OpenError, Options, Parts, open, open_fold, open_split, open_test, open_validation_fold,
};
pub use split::{Split, SplitError, split};
pub use summary::{Lengths, Output, Summary};
pub use write_csv::to_long_csv;
