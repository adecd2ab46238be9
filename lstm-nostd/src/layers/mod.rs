//! The stages of a model: raw inputs to layer inputs, LSTM layers, dense layers.
//!
//! Each is a view of a model file with a function that advances or evaluates it; the arithmetic is
//! in [`crate::kernels`].

pub mod dense;
pub mod input;
pub mod lstm;
