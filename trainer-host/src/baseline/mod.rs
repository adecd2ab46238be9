//! Baselines: the simplest methods that could win, trained on the same training part. A network that does not beat
//! them is not worth its flash.
//!
//! | file | method | for |
//! | --- | --- | --- |
//! | `constant.rs` | always the most frequent class | classes |
//! | `nearest_neighbour.rs` | the nearest training sequence by dynamic time warping (1NN-DTW) | one class a sequence |
//! | `logistic.rs` | logistic regression on simple features | classes |
//! | `persistence.rs` | the last known value | forecasts |
//! | `ridge.rs` | linear regression on the same steps | values |
//!
//! ```text
//! features → constant, nearest_neighbour, logistic, persistence, ridge
//! ```
//!
//! No baseline has a setting that anybody has to choose. Ridge chooses its strength by cross-validation on the training
//! part alone. Each has a bounded cost, so that all of them together take seconds. Each gives outputs for a part of
//! the data, and [`crate::evaluate`] judges them as it judges a network's.

pub mod constant;
mod features;
pub mod logistic;
pub mod nearest_neighbour;
pub mod persistence;
pub mod ridge;

use ndarray::Array2;

/// One row of outputs for each sequence, 1 for the class of the decision and 0 for the others.
fn decisions(classes: usize, decided: impl Iterator<Item = usize>) -> Vec<Array2<f32>> {
    decided
        .map(|class| Array2::from_shape_fn((1, classes), |(_, c)| f32::from(u8::from(c == class))))
        .collect()
}
