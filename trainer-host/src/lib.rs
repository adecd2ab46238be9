//! Trains, quantises and exports LSTM and GRU networks for `lstm-nostd`.
//!
//! A network from data to a model file, without the command line:
//!
//! ```
//! # use std::sync::atomic::AtomicBool;
//! use lstm_nostd::Model;
//! use lstm_nostd::kernels::Scheme;
//! use trainer_host::data::{self, Options};
//! use trainer_host::evaluate::score;
//! use trainer_host::integers::stream;
//! use trainer_host::run::Fitted;
//! use trainer_host::run::choose::{Request, choose};
//! use trainer_host::train::{TrainConfig, Trainer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let parts = data::open("digits", &Options::default())?; // or a file of recordings
//! let config = TrainConfig { hidden: vec![8], epochs: 2, ..TrainConfig::default() };
//! let fitted = Fitted::fit(&config, &parts.train)?; // normalisation and raw formats
//! let train = fitted.normalised(&parts.train);
//! let mut trainer = Trainer::new(&config, &train, None)?;
//! trainer.run(&mut (), &AtomicBool::new(false))?;
//! let network = trainer.into_state().chosen().clone();
//!
//! let schemes = vec![Scheme::W8a16; network.config.layer_count()];
//! let request = Request { schemes, clipping: None, rounding: None, equal_shifts: false };
//! let chosen = choose((&network, &fitted), &parts.train, None, &request)?;
//! let model = Model::parse(&chosen.bytes)?; // the integers that every chip computes
//! let test = parts.test.expect("the digits have a test part");
//! println!("{}", score(&test, &stream::outputs(&model, &test.recordings())).describe());
//! std::fs::write(std::env::temp_dir().join("digits.lstm"), &*chosen.bytes)?;
//! # Ok(())
//! # }
//! ```
//!
//! [`training_run::TrainingRun`] does the same with a run folder: checkpoints, log, report, resuming.
//!
//! Each module uses only those to its left:
//!
//! ```text
//! trainer-numerics: out_of_range, targets → compute → network → loss → passes → quantise → optimiser, schedule
//! data, files → baseline → evaluate → train → integers → run → import, exports, predict, recogniser, report → training_run → diagnose, tune → cli
//! ```
//!
//! [`cost`] computes what a step costs from the sizes of the layers, and [`device`] runs models on boards; both stand
//! apart. [`search`] minimises any function. It uses [`cost`], and of trainer-numerics `out_of_range` and
//! `gaussian_process`, which stands apart there as `baseline` does. [`new_firmware`] stands before `cli`, and uses
//! [`cost`], [`data`], [`files`], [`integers`] and [`recogniser`].
//!
//! A program that only trains and quantises needs none of the command line's dependencies:
//!
//! | feature (all on by default) | what it brings | crates |
//! | --- | --- | --- |
//! | `cli` | [`cli`], the command-line program; implies `import` and `plots` | clap, indicatif, ctrlc |
//! | `import` | [`import`], networks that other programs trained, and [`exports`], networks for them | prost, hdf5-reader |
//! | `plots` | [`report`], the `report.html` of a run, and its curves for TensorBoard | png, base64, prost |
//! | `sqlite` | studies in a file | rusqlite |
//! | `postgres` | studies on a PostgreSQL server | tokio, tokio-postgres, tokio-postgres-rustls, rustls, futures-util |
//! | `serial` | boards on a serial port | serialport |
//!
//! ```toml
//! trainer-host = { version = "0.1", default-features = false }
//! ```

pub mod baseline;
#[cfg(feature = "cli")]
pub mod cli;
pub mod cost;
pub mod data;
pub mod device;
pub mod diagnose;
pub mod evaluate;
#[cfg(feature = "import")]
pub mod exports;
pub mod files;
#[cfg(feature = "import")]
pub mod import;
pub mod integers;
pub mod new_firmware;
pub mod predict;
pub mod recogniser;
#[cfg(feature = "plots")]
pub mod report;
pub mod run;
pub mod search;
pub mod train;
pub mod training_run;
pub mod tune;

pub use trainer_numerics::{
    compute, loss, network, optimiser, out_of_range, passes, quantise, schedule,
};
