//! What the integration tests share: firmware images, devices, models, and the host's answers.
//!
//! The tests hold every emulated core to the host, bit for bit. They need a compiler for the boards and
//! QEMU, which `cargo xtask set-up` installs.

pub mod boards;
pub mod models;
pub mod reference;
pub mod tiny_model;
