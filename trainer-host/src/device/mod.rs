//! A board on the other end of a serial line, emulated or real, that runs models for this program.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use trainer_host::device::{Device, Keep};
//!
//! let image = std::path::Path::new("runner.elf");
//! let mut device = Device::open("qemu:mps2-an386", Some(image))?;
//! device.load(&std::fs::read("digits.lstm")?)?;
//! let run = device.run(&[0; 8 * 8], Keep::LastStep)?;
//! println!("{:?} after {:?} {}", run.outputs, run.cost, device.unit());
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here knows of data sets or training. Modules use only those to their left:
//!
//! ```text
//! error → port → qemu, serial → exchange → client → update
//! ```

mod client;
mod error;
mod exchange;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod noisy_line;
#[cfg(test)]
mod noisy_update;
mod port;
mod qemu;
#[cfg(feature = "serial")]
mod serial;
#[cfg(test)]
pub(crate) mod simulated;
mod update;

pub use client::{CostUnit, Device, DeviceInfo, Heard, Keep, Run, SelfTest};
pub use error::DeviceError;
pub use lstm_link::{ModelInfo, Slots, StackUse};
pub use update::NewModel;
