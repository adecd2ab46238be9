//! Training: epochs of shuffled mini-batches, the best weights kept by validation.
//!
//! ```text
//! config → error, state, observer → batches, validation → trainer
//! ```
//!
//! Everything that is random follows from the configuration's seed and the number of the epoch, so
//! that a run which goes on from the state after any epoch ends with the same bits as one that was
//! never interrupted, on any number of threads.

mod batches;
mod config;
mod error;
mod observer;
mod state;
mod trainer;
mod validation;

pub use config::TrainConfig;
pub use error::TrainError;
pub use observer::{BatchProgress, Observer};
pub use state::{Best, EpochRecord, TrainState, Validation};
pub use trainer::{Ending, Trainer};
pub use validation::validate;
