//! Trains, quantises and exports LSTMs for `lstm-nostd`.
//!
//! Each module uses only those to its left:
//!
//! ```text
//! out_of_range → data → compute → network, initialisation, dropout → forward → loss → bptt
//! bptt, optimiser, schedule → train → tensor_file → checkpoint
//! network → calibrate → quantise → export → integers → evaluate, layer_error
//! config_file, run_folder → report → training_run → cli
//! ```
//!
//! [`cost`] and [`device`] stand apart. The one tells what a step costs from the sizes of layers; the
//! other runs models on boards and knows nothing of the rest.
pub mod atomic_file;
pub mod bptt;
pub mod calibrate;
pub mod checkpoint;
pub mod cli;
pub mod compute;
pub mod config_file;
pub mod cost;
pub mod data;
pub mod device;
pub mod dropout;
pub mod evaluate;
pub mod export;
pub mod forward;
pub mod initialisation;
pub mod input_format;
pub mod integers;
pub mod layer_error;
pub mod loss;
pub mod model_file;
pub mod network;
pub mod optimiser;
pub mod out_of_range;
pub mod quantise;
pub mod quantised_file;
pub mod report;
pub mod run_folder;
pub mod schedule;
mod tensor_file;
pub mod train;
pub mod training_run;
