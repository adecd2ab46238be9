//! The project's own commands, as a library that the integration tests build their images with.
//!
//! ```text
//! command, logged, spread → boards, locks, packages, sizes → toolchain, set_up → qemu → firmware → c_library, riscv, trainer, data_sets → bench, demo, accuracy, tuning, variants, search_bench, fuzz, mutants, torture → test
//! ```

pub mod accuracy;
pub mod bench;
pub mod boards;
pub mod c_library;
pub mod command;
pub mod data_sets;
pub mod demo;
pub mod firmware;
pub mod fuzz;
pub mod locks;
pub mod logged;
pub mod mutants;
pub mod packages;
pub mod qemu;
pub mod riscv;
pub mod search_bench;
pub mod set_up;
pub mod sizes;
pub mod spread;
pub mod test;
pub mod toolchain;
pub mod torture;
pub mod trainer;
pub mod tuning;
pub mod variants;
