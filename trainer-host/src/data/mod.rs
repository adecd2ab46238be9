//! Labelled sets of sequences: files, built-in data and generated tasks, and what is done to them
//! before training.
//!
//! [`open`] is the door: it turns a path or a built-in name into [`Parts`]. What it refuses, it
//! refuses with a [`DataError`] that says where, what, and what to do.

mod dataset;
mod error;
mod npz;
mod npz_element;
mod open;
mod records;

pub use dataset::{Dataset, Schema, Targets, Task};
pub use error::{DataError, Place, Problem};
pub use open::{Options, Parts, open, open_test};
