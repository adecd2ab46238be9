//! Integration tests: host against emulated Cortex-M cores.

pub mod reference;
pub mod tiny_model;
