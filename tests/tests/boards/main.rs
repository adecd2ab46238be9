//! The emulated boards against the host. Each file answers one question.
//!
//! It is one program, so that boards are tested side by side and the trained model is made once.

mod applications;
mod cost;
mod device;
mod parity;

/// The program that trains, quantises and exports.
const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");
