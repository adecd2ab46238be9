//! Sensors for `lstm-nostd` by `embedded-hal` 1.0. `no_std`, no heap.
//!
//! A [`Sensor`] gives counts, as its data sheet has them. A network that was trained on counts takes them as they are.
//! A [`Sampler`] reads a sensor at a fixed rate into a queue, from which the network takes one sample a step:
//!
//! ```text
//! static QUEUE: queue of the last samples
//! interrupt of a timer, or a loop:   sampler.poll(counter.now(), &mut sensor, &mut producer)
//! main loop:                         while let Some(sample) = consumer.dequeue() { recogniser.step(&…) }
//! ```
//!
//! | sensor | bus | driver |
//! | --- | --- | --- |
//! | [`lsm303agr::Lsm303agr`], on the micro:bit | I²C | the crate `lsm303agr`, behind the cargo feature of that name |
//! | [`adxl345::Adxl345`] | SPI | its few registers, here |
//! | [`lsm303dlhc::Lsm303dlhc`], a magnetometer, which QEMU has too | I²C | its few registers, here |
//! | [`moved::Moved`] | none | a program moves it, for examples and tests |
//!
//! [`magnitude`] adds a channel that does not depend on how the device is held, by the exact root or by the quick one of
//! the crate `micromath`.
#![no_std]
#![deny(unsafe_code)]

pub mod adxl345;
#[cfg(feature = "lsm303agr")]
pub mod lsm303agr;
pub mod lsm303dlhc;
pub mod magnitude;
pub mod moved;
mod sampler;

pub use sampler::{Polled, Sampler};

/// A sensor with `CHANNELS` channels.
pub trait Sensor<const CHANNELS: usize> {
    /// What the bus or the driver says.
    type Error;

    /// The present value of each channel in counts.
    ///
    /// # Errors
    /// When the sensor does not answer.
    fn read(&mut self) -> Result<[i16; CHANNELS], Self::Error>;
}
