//! What a network says about recordings, with labels or without: outputs, probabilities and decisions.
//!
//! ```text
//! run or model file ──▶ Predictor ──▶ Answer, one a sequence or a step ──▶ table, CSV, JSON lines, NPZ
//!                       f32, integers, device            answers                    formats
//! ```
//!
//! Integers are those of the chip: outputs are exact, and probabilities are what the engine's `probability` gives.

mod answer;
mod arithmetic;
mod formats;
mod predictor;

pub use answer::{Answer, Answers, Meaning};
pub use arithmetic::Arithmetic;
pub use formats::{Format, csv_header, csv_line, json_line, to_csv, to_json_lines, to_npz};
pub use predictor::Predictor;
