//! Tests of the emulated boards against the host. Each file answers one question.
//!
//! They are one program, so that boards run side by side and the trained model is made only once.

mod applications;
mod c_library;
mod cost;
mod device;
mod flash;
mod hearing;
mod images;
mod imported;
mod listening;
mod motion;
mod new_firmware;
mod parity;
mod riscv;
mod update;

/// The program that trains, quantises and exports.
const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");
