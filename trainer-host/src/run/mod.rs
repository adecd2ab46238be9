//! A run: the folder that `train` writes, and that every later stage reads.
//!
//! | file | content |
//! | --- | --- |
//! | `config.toml` | data source and training configuration: all that the run follows from; paths are relative to it |
//! | `model.toml` | what was fitted or found: origin, checksum of the data, network structure, normalisation, raw formats, names |
//! | `weights.safetensors` | the chosen network |
//! | `checkpoint.safetensors` | the state after the last finished epoch, for `--resume` |
//! | `log.jsonl` | one line an epoch |
//! | `metrics.json`, `report.html` | final figures and pictures |
//! | `quantised-NAME.safetensors`, `quantisation-NAME.html` | integers and their report, after `quantise` of a scheme |
//! | `model.lstm` | the model file, after `export` |
//! | `calibration.npz` | inputs of an imported network, with its own answers as targets |
//! | `.lock` | locked by the process that writes the run |

pub mod checkpoint;
pub mod choose;
mod config;
pub mod config_file;
mod data_checksum;
mod error;
pub mod estimate;
mod fitted;
mod folder;
pub mod integers;
mod log;
mod network_origin;
mod other_runs;
mod paths;
pub mod quantisation;
pub mod quantisations;
pub mod quantised_file;
mod several;
pub mod side_by_side;
pub mod toml_text;

use std::path::{Path, PathBuf};

use ndarray::Array2;

use crate::data::{Dataset, Parts, views};
use crate::network::Network;
use crate::run::checkpoint::CheckpointError;

pub use config::RunConfig;
pub use data_checksum::DataChecksum;
pub use error::RunError;
pub use fitted::Fitted;
pub use folder::{
    CALIBRATION, CHECKPOINT, FolderLock, LOG, METRICS, MODEL, QUANTISED, REPORT, WEIGHTS, remove,
};
pub use log::read_log;
pub use network_origin::NetworkOrigin;
pub use several::{run_or_runs, runs_in};

/// A finished run, ready for the later stages.
#[derive(Clone, Debug)]
pub struct Run {
    /// The folder.
    pub folder: PathBuf,
    /// What it followed from.
    pub config: RunConfig,
    /// What it fitted.
    pub fitted: Fitted,
    /// The chosen network; a regression's outputs are in the targets' own units.
    pub network: Network,
}

impl Run {
    /// The network and what was fitted for it.
    pub fn network_and_fit(&self) -> (&Network, &Fitted) {
        (&self.network, &self.fitted)
    }

    /// Outputs of the f32 network for `part`, both in real units.
    pub fn outputs(&self, part: &Dataset) -> Vec<Array2<f32>> {
        let sequences = self.fitted.normalised_inputs(part);
        let outputs = self.network.outputs(&views(&sequences));
        self.fitted.in_real_units(outputs)
    }

    /// Opens the run's data, as [`RunConfig::open_data`] does, but without variants of sequences.
    ///
    /// # Errors
    /// When it cannot be read or split, or is no longer what the run began with.
    pub fn open_data(&self) -> Result<Parts, RunError> {
        let config = self.config.clone().without_variants();
        config.open_data_of(&self.fitted, &self.folder)
    }

    /// Opens a run's folder.
    ///
    /// # Errors
    /// When a file is missing, malformed, or of another shape than the configuration says.
    pub fn open(folder: &Path) -> Result<Self, RunError> {
        Self::with_network(folder, |_, fitted| {
            checkpoint::read_weights(&folder.join(WEIGHTS), &fitted.network)
        })
    }

    /// Opens the folder of a run that may have been stopped: its weights, or the best of its checkpoint.
    ///
    /// # Errors
    /// As [`Run::open`], and when there is no checkpoint yet.
    pub fn open_stopped(folder: &Path) -> Result<Self, RunError> {
        if folder.join(WEIGHTS).exists() {
            return Self::open(folder);
        }
        Self::with_network(folder, |config, fitted| {
            let path = folder.join(CHECKPOINT);
            let state = checkpoint::read(&path, &fitted.network, config.train.optimiser)?;
            Ok(state.chosen().clone())
        })
    }

    fn with_network(
        folder: &Path,
        network: impl FnOnce(&RunConfig, &Fitted) -> Result<Network, CheckpointError>,
    ) -> Result<Self, RunError> {
        let config = RunConfig::read(folder)?;
        let fitted = Fitted::read(folder)?;
        let network = network(&config, &fitted)?;
        Ok(Self {
            folder: folder.to_owned(),
            config,
            fitted,
            network,
        })
    }
}
