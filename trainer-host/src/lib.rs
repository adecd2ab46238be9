//! Trains, quantises and exports LSTMs for `lstm-nostd`.
//!
//! Each module uses only those to its left:
//!
//! ```text
//! out_of_range → data → compute → network, initialisation, dropout, activation_format → forward
//! forward → loss → bptt;  forward → magnitudes, calibrate → quantise;  network → prune, schemes
//! bptt, quantise, prune, schemes, optimiser, schedule → train → tensor_file → checkpoint
//! quantise → export → integers → evaluate, layer_error, unit_trace, disagreement
//! config_file, run_folder → run_integers, choose → quantisation_report → report → training_run
//! training_run → diagnose, tune → cli
//! ```
//!
//! [`cost`], [`search`] and [`device`] stand apart. The first tells what a step costs from the sizes of
//! layers; the second finds low places of any function; the third runs models on boards and knows nothing
//! of the rest.
pub mod activation_format;
pub mod atomic_file;
pub mod bptt;
pub mod calibrate;
pub mod checkpoint;
pub mod choose;
pub mod cli;
pub mod compute;
pub mod config_file;
pub mod cost;
pub mod data;
pub mod device;
pub mod diagnose;
pub mod disagreement;
pub mod dropout;
pub mod evaluate;
pub mod export;
pub mod forward;
pub mod initialisation;
pub mod input_format;
pub mod integers;
pub mod layer_error;
pub mod loss;
pub mod magnitudes;
pub mod model_file;
pub mod network;
pub mod optimiser;
pub mod out_of_range;
pub mod prune;
pub mod quantisation_report;
pub mod quantise;
pub mod quantised_file;
pub mod quantity;
pub mod report;
pub mod run_folder;
pub mod run_integers;
pub mod schedule;
pub mod schemes;
pub mod search;
mod tensor_file;
pub mod train;
pub mod training_run;
pub mod tune;
pub mod unit_trace;
