//! The project's own commands, as a library that the integration tests build their images with.
//!
//! ```text
//! command → boards → toolchain, set_up → qemu → firmware → test, demo
//! ```

pub mod boards;
pub mod command;
pub mod demo;
pub mod firmware;
pub mod qemu;
pub mod set_up;
pub mod test;
pub mod toolchain;
