//! The arithmetic of `trainer-host`: networks in f32, their training, and their quantising.
//!
//! Knows arrays and targets, and neither files nor runs. Programs use it through `trainer-host`, which exports each of
//! these modules under the same name.
//!
//! Each module uses only those to its left:
//!
//! ```text
//! out_of_range, targets → compute → network → loss → passes → quantise → optimiser, schedule
//! ```
//!
//! [`baseline`] and [`gaussian_process`] stand apart.

pub mod baseline;
pub mod compute;
pub mod gaussian_process;
pub mod loss;
pub mod network;
pub mod optimiser;
pub mod out_of_range;
pub mod passes;
pub mod quantise;
pub mod schedule;
pub mod targets;
