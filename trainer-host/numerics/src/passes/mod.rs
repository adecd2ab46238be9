//! The two directions through a network in f32: [`forward`], and [`backward`] through time.
//!
//! ```text
//! example, perturbation, steps, activation_format, dropout → recurrent (lstm_cell, gru_cell, gru_before_cell → pass, back),
//!   mean, dense, window → window_back, convolution → forward → outputs → trace, carried → shard → backward
//! ```
//!
//! A kind of recurrent layer has files of its own in `recurrent/`, which is the only place that asks for the kind.

pub mod activation_format;
pub mod backward;
pub mod carried;
mod convolution;
mod dense;
pub mod dropout;
pub mod example;
pub mod forward;
mod mean;
mod outputs;
pub mod perturbation;
mod recurrent;
mod shard;
mod steps;
pub mod trace;
mod window;
mod window_back;
