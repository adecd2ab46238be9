//! The two directions through a network in f32: [`forward`], and [`backward`] through time.
//!
//! ```text
//! lstm_cell, activation_format, dropout → forward → backward
//! ```

pub mod activation_format;
pub mod backward;
pub mod dropout;
pub mod forward;
pub(crate) mod lstm_cell;
