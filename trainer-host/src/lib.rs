//! Trains, quantises and exports LSTMs for `lstm-nostd`.
//!
//! Each module uses only those to its left:
//!
//! ```text
//! out_of_range, data, files → compute → network → passes → loss → quantise → optimiser, schedule → train
//! quantise → integers → evaluate → run → report → training_run → diagnose, tune → cli
//! ```
//!
//! [`cost`], [`search`] and [`device`] stand apart. [`cost`] computes what a step costs from the sizes of the
//! layers. [`search`] minimises any function. [`device`] runs models on boards and knows nothing of the rest.
//!
//! A program that only trains and quantises needs none of the command line's dependencies:
//!
//! | feature (all on by default) | what it brings | crates |
//! | --- | --- | --- |
//! | `cli` | [`cli`], the command-line program; implies `plots` | clap, indicatif, ctrlc |
//! | `plots` | [`report`] and the `report.html` of a run | plotters, png, base64 |
//! | `sqlite` | studies in a file | rusqlite |
//! | `postgres` | studies on a PostgreSQL server | postgres, tokio-postgres-rustls |
//! | `serial` | boards on a serial port | serialport |
//!
//! ```toml
//! trainer-host = { version = "0.1", default-features = false }
//! ```

#[cfg(feature = "cli")]
pub mod cli;
pub mod compute;
pub mod cost;
pub mod data;
pub mod device;
pub mod diagnose;
pub mod evaluate;
pub mod files;
pub mod integers;
pub mod loss;
pub mod network;
pub mod optimiser;
pub mod out_of_range;
pub mod passes;
pub mod quantise;
#[cfg(feature = "plots")]
pub mod report;
pub mod run;
pub mod schedule;
pub mod search;
pub mod train;
pub mod training_run;
pub mod tune;
