//! Trains, quantises and exports LSTMs for `lstm-nostd`.
//!
//! Each module uses only those to its left:
//!
//! ```text
//! out_of_range, data, files → compute → network → passes → loss → quantise → optimiser, schedule → train
//! quantise → integers → evaluate → run → report → training_run → diagnose, tune → cli
//! ```
//!
//! [`cost`], [`search`] and [`device`] stand apart. The first tells what a step costs from the sizes of
//! layers; the second finds low places of any function; the third runs models on boards and knows nothing
//! of the rest.

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
pub mod report;
pub mod run;
pub mod schedule;
pub mod search;
pub mod train;
pub mod training_run;
pub mod tune;
