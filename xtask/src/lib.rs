//! The project's own commands, as a library that the integration tests build their images with.
//!
//! ```text
//! command → boards, sizes → toolchain, set_up → qemu → firmware, trainer, data_sets → bench, demo, accuracy, tuning → test
//! ```

pub mod accuracy;
pub mod bench;
pub mod boards;
pub mod command;
pub mod data_sets;
pub mod demo;
pub mod firmware;
pub mod qemu;
pub mod set_up;
pub mod sizes;
pub mod test;
pub mod toolchain;
pub mod trainer;
pub mod tuning;
