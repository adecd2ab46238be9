//! Trains, quantises and exports LSTMs for `lstm-nostd`.
//!
//! Each module uses only those above it:
//!
//! ```text
//! data → network → bptt → optimiser → train → checkpoint → quantise → export → evaluate → report → cli
//! ```
pub mod data;
pub mod network;
