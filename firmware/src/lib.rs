//! Code that the applications share: the board, the counter, the depth of the stack, the model that the board started
//! with, a model at work, and the server of the link.
//!
//! ```text
//! board → counter, stack → embedded → memory → work → line, windows → started → server
//! ```
#![no_std]

pub mod board;
pub mod counter;
pub mod event;
pub mod line;
pub mod memory;
pub mod server;
pub mod stack;
pub mod started;
#[cfg(feature = "window")]
mod windows;
mod work;

lstm_nostd::include_model! {
    /// The embedded model: the file that `LSTM_MODEL` names, or else `../lstm-nostd/examples/tiny.lstm`.
    pub mod embedded = concat!(env!("OUT_DIR"), "/model.lstm")
}
