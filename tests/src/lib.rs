//! Integration tests: host against emulated Cortex-M cores.
