//! Trains, quantises and exports LSTMs for `lstm-nostd`.
//!
//! Each module uses only those above it:
//!
//! ```text
//! data → compute → network → forward → bptt → optimiser → train → checkpoint → quantise → export → evaluate → report → cli
//! ```
pub mod atomic_file;
pub mod bptt;
pub mod checkpoint;
pub mod compute;
pub mod data;
mod dropout;
pub mod forward;
pub mod loss;
pub mod network;
pub mod optimiser;
pub mod schedule;
pub mod train;
