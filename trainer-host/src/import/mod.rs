//! Networks that other programs trained: a file in, a run folder out.
//!
//! ```text
//! file ──▶ container ──▶ Source, layers as the file has them ──▶ Network ──▶ run folder
//!          state_dict       model              conventions, assemble    check     into_run
//! ```
//!
//! A container's reader (`state_dict`, `onnx`, `keras`, `tflite`) turns a file into [`Source`] and
//! knows nothing of this program's networks. Gate orders, bias conventions and transposes are converted in
//! `conventions` alone. What a network here cannot hold is refused by its name in the file; nothing is guessed.

mod assemble;
mod budget;
mod calibration;
mod check;
mod conventions;
mod described;
mod ending;
mod error;
mod every_step;
mod half;
mod inputs;
mod into_run;
mod keras;
mod limits;
mod linear;
mod model;
mod npy;
pub(crate) mod onnx;
mod open;
mod scaler;
mod state_dict;
#[cfg(test)]
mod tests;
mod tflite;

pub use assemble::{Assembled, assemble};
pub use calibration::Calibration;
pub use check::{Checked, check};
pub use conventions::{Convention, RecurrentWeights, WeightsKind};
pub use described::Described;
pub use ending::Ending;
pub use error::{ImportError, Kind, Problem};
pub use inputs::read_array;
pub use into_run::{Imported, write_run};
pub use model::{Axis, Layer, NamedLayer, Source};
pub use open::{Hints, Pooling, open, read};
pub use scaler::read_scaler;
