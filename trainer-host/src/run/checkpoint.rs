//! Weights and training state on disk, as `safetensors` with names like PyTorch's.
//!
//! | tensor | shape |
//! | --- | --- |
//! | `lstm.L.w_x`, `lstm.L.w_h`, `lstm.L.bias` | `[4H, I]`, `[4H, H]`, `[4H]`, gates in the order i, f, g, o |
//! | `lstm.L.peephole` | `[3, H]` for i, f, o; absent without peepholes |
//! | `dense.L.weight`, `dense.L.bias` | `[O, I]`, `[O]` |
//!
//! All are f32. A checkpoint has the same under `network.` and, once there is one, `best.`, the
//! optimiser's memory as `optimiser.N`, a moving average of the weights under `average.`, what a backtracking schedule goes back to under `anchor.`
//! and as `anchor.optimiser.N`, and the rest as JSON in the metadata entry `lstm-nostd`.

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use crate::files::atomic::WriteFileError;
use crate::files::tensors::{self, Tensor, values, vector};
use crate::network::{Network, NetworkConfig, StructureError};
use crate::optimiser::{Optimiser, OptimiserConfig};
use crate::train::{Anchor, Best, EpochRecord, TrainState, Validation};

/// Why weights or a checkpoint cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be opened.
    #[error("{}: cannot be read: {source}; it is written by `trainer-host train`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: {problem}; it does not belong to this run, or was damaged: train again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which tensor.
        problem: String,
    },
}

/// What a checkpoint's tensors do not say.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    optimiser_steps: u64,
    #[serde(default)]
    average: bool,
    history: Vec<EpochRecord>,
    best: Option<BestEpoch>,
    #[serde(default)]
    anchor: Option<AnchorEpoch>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnchorEpoch {
    epoch: usize,
    optimiser_steps: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BestEpoch {
    epoch: usize,
    validation: Validation,
}

/// Writes a network's weights.
///
/// # Errors
/// When the file cannot be written; nothing is left behind then.
pub fn write_weights(path: &Path, network: &Network) -> Result<(), WriteFileError> {
    tensors::write::<()>(path, tensors("", network), None)
}

/// Writes a training state that [`read`] takes up.
///
/// # Errors
/// When the file cannot be written; what was there before stays then.
pub fn write(path: &Path, state: &TrainState) -> Result<(), WriteFileError> {
    let mut all = tensors("network.", &state.network);
    if let Some(best) = &state.best {
        all.extend(tensors("best.", &best.network));
    }
    if let Some(average) = &state.average {
        all.extend(tensors("average.", average));
    }
    all.extend(moments("", &state.optimiser));
    if let Some(anchor) = &state.anchor {
        all.extend(tensors("anchor.", &anchor.network));
        all.extend(moments("anchor.", &anchor.optimiser));
    }
    let progress = Progress {
        optimiser_steps: state.optimiser.steps(),
        average: state.average.is_some(),
        history: state.history.clone(),
        best: (state.best.as_ref()).map(|best| BestEpoch {
            epoch: best.epoch,
            validation: best.validation,
        }),
        anchor: (state.anchor.as_ref()).map(|anchor| AnchorEpoch {
            epoch: anchor.epoch,
            optimiser_steps: anchor.optimiser.steps(),
        }),
    };
    tensors::write(path, all, Some(&progress))
}

fn tensors(prefix: &str, network: &Network) -> Vec<(String, Tensor)> {
    (network.parameters().into_iter())
        .map(|parameter| {
            let mut tensor = vector(parameter.values);
            tensor.shape = parameter.shape;
            (format!("{prefix}{}", parameter.name), tensor)
        })
        .collect()
}

fn moments(prefix: &str, optimiser: &Optimiser) -> Vec<(String, Tensor)> {
    (optimiser.moments().iter().enumerate())
        .map(|(n, values)| (format!("{prefix}optimiser.{n}"), vector(values)))
        .collect()
}

/// Reads the weights of a network of this structure.
///
/// # Errors
/// [`CheckpointError`], with the tensor that is missing, of another shape, or not finite.
pub fn read_weights(path: &Path, config: &NetworkConfig) -> Result<Network, CheckpointError> {
    read_file(path, |bytes| network(&tensors::open(bytes)?, "", config))
}

/// Reads a training state of this structure and optimiser.
///
/// # Errors
/// [`CheckpointError`], with the tensor that is missing, of another shape, or not finite.
pub fn read(
    path: &Path,
    config: &NetworkConfig,
    optimiser: OptimiserConfig,
) -> Result<TrainState, CheckpointError> {
    read_file(path, |bytes| state(bytes, config, optimiser))
}

fn read_file<T>(
    path: &Path,
    parse: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<T, CheckpointError> {
    let bytes = std::fs::read(path).map_err(|source| CheckpointError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    parse(&bytes).map_err(|problem| CheckpointError::Damaged {
        path: path.to_owned(),
        problem,
    })
}

fn network(
    tensors: &SafeTensors<'_>,
    prefix: &str,
    config: &NetworkConfig,
) -> Result<Network, String> {
    let mut network = Network::zeros(config).map_err(|error: StructureError| error.to_string())?;
    let wanted: Vec<(String, Vec<usize>)> = (network.parameters().into_iter())
        .map(|p| (format!("{prefix}{}", p.name), p.shape.to_vec()))
        .collect();
    for ((name, shape), values) in wanted.into_iter().zip(network.values_mut()) {
        values.copy_from_slice(&read_values(tensors, &name, &shape)?);
    }
    Ok(network)
}

fn state(
    bytes: &[u8],
    config: &NetworkConfig,
    optimiser: OptimiserConfig,
) -> Result<TrainState, String> {
    let tensors = tensors::open(bytes)?;
    let progress: Progress = tensors::metadata(bytes, "these are weights, not a checkpoint")?;
    let current = network(&tensors, "network.", config)?;
    let parameters = current.parameter_count();
    let read_optimiser = |prefix: &str, steps: u64| {
        let moments = (0..Optimiser::new(optimiser, 0).moments().len())
            .map(|n| read_values(&tensors, &format!("{prefix}optimiser.{n}"), &[parameters]))
            .collect::<Result<_, _>>()?;
        Optimiser::resume(optimiser, steps, moments)
            .ok_or("the optimiser is another one".to_owned())
    };
    let best = match progress.best {
        Some(BestEpoch { epoch, validation }) => Some(Best {
            epoch,
            validation,
            network: network(&tensors, "best.", config)?,
        }),
        None => None,
    };
    let anchor = match progress.anchor {
        Some(AnchorEpoch {
            epoch,
            optimiser_steps,
        }) => Some(Anchor {
            epoch,
            network: network(&tensors, "anchor.", config)?,
            optimiser: read_optimiser("anchor.", optimiser_steps)?,
        }),
        None => None,
    };
    let average = match progress.average {
        true => Some(network(&tensors, "average.", config)?),
        false => None,
    };
    Ok(TrainState {
        network: current,
        average,
        optimiser: read_optimiser("", progress.optimiser_steps)?,
        history: progress.history,
        best,
        anchor,
    })
}

/// Weights that training can go on from: finite ones.
fn read_values(tensors: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
    let values: Vec<f32> = values(tensors, name, shape)?;
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(format!("{name}: value {at} is {}", values[at])),
        None => Ok(values),
    }
}
