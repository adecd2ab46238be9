//! Labelled sets of sequences: files, built-in data and generated tasks, and what is done to them
//! before training.
//!
//! [`open()`] is the door: it turns a path or a built-in name into [`Parts`]. What it refuses, it
//! refuses with a [`DataError`] that says where, what, and what to do.

mod built_in;
mod columns;
mod counter;
mod dataset;
mod differences;
pub mod digits;
mod error;
mod field_problem;
mod fields;
mod fill;
mod folds;
mod forecast;
mod forecast_windows;
mod front_end;
pub mod generated;
mod layouts;
mod normalise;
mod offsets;
mod open;
mod options;
mod origin;
mod problem;
mod recording;
mod records;
mod runs;
mod signal_variants;
mod sound_problem;
mod split;
mod split_error;
mod split_time;
mod statistics;
mod step_lines;
mod summary;
mod table;
mod task;
mod text;
mod time_gaps;
mod time_stamp;
mod unsplit;
mod windows;
mod write_csv;

pub use built_in::BuiltIn;
pub use columns::Columns;
pub use dataset::{Dataset, Schema, views};
pub use error::{DataError, Place, Problem};
pub use fill::Fill;
pub use folds::{Fold, folds};
pub use forecast::Forecast;
pub use front_end::{ChannelStatistic, Features, FrameWindow, FrontEnd};
pub use normalise::Normalisation;
pub(crate) use offsets::offset_of;
pub use open::{Known, OpenError, open, open_split, open_test};
pub use options::Options;
pub use origin::{Moment, Origin, TimeUnit};
pub use recording::Recording;
pub use signal_variants::SignalVariants;
pub use sound_problem::SoundProblem;
pub use split::{Split, split};
pub use split_error::SplitError;
pub use step_lines::{StepLine, StepLines};
pub(crate) use summary::counted;
pub use summary::{Lengths, Output, Summary};
pub use task::Kind;
pub use trainer_numerics::targets::{Targets, Task};
pub use unsplit::{Parts, Unsplit};
pub use windows::Window;
pub use write_csv::to_long_csv;
