//! Why a device could not be used.

use std::time::Duration;

/// Why a device could not be used; every message names the device and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The address names neither an emulator nor a serial port.
    #[error(
        "`{0}` names no device; write `qemu:MACHINE`, such as `qemu:mps2-an386`, or a serial port, such as \
         `/dev/ttyACM0`"
    )]
    Address(String),
    /// An emulated device needs a firmware image.
    #[error(
        "{device} needs a firmware image; build one with \
         `cargo xtask firmware build --application runner --board {machine}` and name the file that it prints"
    )]
    NoImage {
        /// The device's address.
        device: String,
        /// QEMU's machine.
        machine: String,
    },
    /// The emulator or the serial port cannot be opened.
    #[error("{device} cannot be opened: {reason}")]
    Open {
        /// The device's address.
        device: String,
        /// What the system said, and what to do.
        reason: String,
    },
    /// The connection broke.
    #[error("{device}: the connection broke during `{request}`: {reason}")]
    Broken {
        /// The device's address.
        device: String,
        /// The request that was not answered.
        request: &'static str,
        /// What the system or the emulator said.
        reason: String,
    },
    /// No answer came in time.
    #[error(
        "{device} did not answer `{request}` within {} s{}{}", waited.as_secs(), noise(*damaged), said(remarks)
    )]
    Timeout {
        /// The device's address.
        device: String,
        /// The request that was not answered.
        request: &'static str,
        /// How long it was waited for.
        waited: Duration,
        /// Frames that arrived damaged meanwhile.
        damaged: u64,
        /// What the emulator said so far.
        remarks: String,
    },
    /// An answer arrived, but not one to this request.
    #[error(
        "{device}: the answer to `{request}` is {answer}; was the firmware built from this version?"
    )]
    Unexpected {
        /// The device's address.
        device: String,
        /// The request.
        request: &'static str,
        /// What arrived.
        answer: String,
    },
    /// The firmware has another version of the protocol.
    #[error(
        "{device} speaks version {found}{older} of the protocol and this program version {needed}; build the \
         firmware and this program from the same sources"
    )]
    Protocol {
        /// The device's address.
        device: String,
        /// The firmware's version.
        found: u16,
        /// " or older" where the versions before cannot be distinguished.
        older: &'static str,
        /// This program's version.
        needed: u16,
    },
    /// The device has forgotten the session, and with it model and state.
    #[error(
        "{device} has started anew before `{request}`, or another program uses it: the model and its state are \
         lost; check its power supply and run the command again"
    )]
    Restarted {
        /// The device's address.
        device: String,
        /// The request that was not carried out.
        request: &'static str,
    },
    /// The engine on the device refused the model file.
    #[error("{device} refused the model file: {reason}")]
    Model {
        /// The device's address.
        device: String,
        /// The engine's error.
        reason: String,
    },
    /// The device refused another request.
    #[error("{device} refused `{request}`: {reason}")]
    Refused {
        /// The device's address.
        device: String,
        /// The request.
        request: &'static str,
        /// Why.
        reason: String,
    },
    /// The inputs do not fit the model on the device.
    #[error("{device}: {found} inputs are no whole number of time steps of {inputs}")]
    Inputs {
        /// The device's address.
        device: String,
        /// Number of values.
        found: usize,
        /// Inputs of the model.
        inputs: usize,
    },
}

/// The number of damaged frames as a part of a sentence.
fn noise(damaged: u64) -> String {
    match damaged {
        0 => String::new(),
        _ => format!(
            "; {damaged} frames arrived damaged: the line is too noisy, or its ends differ in baud rate"
        ),
    }
}

/// The emulator's remarks as a part of a sentence.
fn said(remarks: &str) -> String {
    match remarks.trim() {
        "" => String::new(),
        remarks => format!("; it said: {remarks}"),
    }
}
