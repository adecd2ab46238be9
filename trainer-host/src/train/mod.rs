//! Training: epochs of shuffled mini-batches, the best weights kept by validation.
//!
//! ```text
//! seed, state → augmentation, averaging, distillation → config → structure → derived_defaults, divergence → error → qat
//!   → observer, validation, streams, epoch_sums → batches → trainer → find_rate
//! ```
//!
//! The configuration's seed and the number of the epoch determine everything random. So a run that continues from the
//! state after any epoch ends with the same bits as an uninterrupted run, on any number of threads.

mod augmentation;
mod averaging;
mod batches;
mod config;
mod derived_defaults;
mod distillation;
mod divergence;
mod epoch_sums;
mod error;
mod find_rate;
mod observer;
mod qat;
mod seed;
mod state;
mod streams;
mod structure;
mod trainer;
mod validation;

pub use augmentation::Augmentation;
pub use config::{CLASS_DROPOUT, CLASS_INPUT_NOISE, EarlyStopping, SplitRule, TrainConfig};
pub use derived_defaults::{
    FEW, Recordings, SEVERAL_CHANNELS, SEVERAL_CHANNELS_DROPOUT, UPDATES, VALIDATED,
};
pub use distillation::Distillation;
pub use divergence::Divergence;
pub use error::TrainError;
pub use find_rate::{RangeTest, RateCurve, RatePoint, find_rate};
pub use observer::{BatchProgress, Observer};
pub use qat::{QAT_CLIPPING, QAT_ROUNDING};
pub use state::{Anchor, Best, EpochRecord, TrainState, Validation};
pub use trainer::{Ending, Trainer};
pub use validation::{judge, validate, validate_rounded, validate_streams};
