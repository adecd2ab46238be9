//! Code that the integration tests share: firmware images, devices, models, and the host's answers.
//!
//! The tests compare every emulated core with the host, bit for bit. They need a compiler for the boards and QEMU;
//! `cargo xtask set-up` installs both.

pub mod boards;
pub mod models;
pub mod reference;
pub mod tiny_model;
