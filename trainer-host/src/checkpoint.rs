//! Weights and training state on disk, as `safetensors` with names like PyTorch's.
//!
//! | tensor | shape |
//! | --- | --- |
//! | `lstm.L.w_x`, `lstm.L.w_h`, `lstm.L.bias` | `[4H, I]`, `[4H, H]`, `[4H]`, gates in the order i, f, g, o |
//! | `lstm.L.peephole` | `[3, H]` for i, f, o; absent without peepholes |
//! | `dense.L.weight`, `dense.L.bias` | `[O, I]`, `[O]` |
//!
//! All are f32. A checkpoint has the same under `network.` and, once there is one, `best.`, the
//! optimiser's memory as `optimiser.N`, and the rest as JSON in the metadata entry `lstm-nostd`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use crate::atomic_file::{self, WriteFileError};
use crate::network::{Network, NetworkConfig, StructureError};
use crate::optimiser::{Optimiser, OptimiserConfig};
use crate::train::{Best, EpochRecord, TrainState, Validation};

/// The key of the metadata.
const KEY: &str = "lstm-nostd";

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
    history: Vec<EpochRecord>,
    best: Option<BestEpoch>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BestEpoch {
    epoch: usize,
    validation: Validation,
}

/// f32 values with their shape, as `safetensors` takes them.
struct Tensor<'a> {
    shape: Vec<usize>,
    values: &'a [f32],
}

impl View for Tensor<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(
            self.values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        )
    }

    fn data_len(&self) -> usize {
        size_of_val(self.values)
    }
}

/// Writes a network's weights.
///
/// # Errors
/// When the file cannot be written; nothing is left behind then.
pub fn write_weights(path: &Path, network: &Network) -> Result<(), WriteFileError> {
    write_tensors(path, tensors("", network), None)
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
    for (n, values) in state.optimiser.moments().iter().enumerate() {
        all.push((
            format!("optimiser.{n}"),
            Tensor {
                shape: vec![values.len()],
                values,
            },
        ));
    }
    let progress = Progress {
        optimiser_steps: state.optimiser.steps(),
        history: state.history.clone(),
        best: (state.best.as_ref()).map(|best| BestEpoch {
            epoch: best.epoch,
            validation: best.validation,
        }),
    };
    let progress = serde_json::to_string(&progress).expect("plain data serialises");
    write_tensors(path, all, Some(HashMap::from([(KEY.to_owned(), progress)])))
}

fn tensors<'a>(prefix: &str, network: &'a Network) -> Vec<(String, Tensor<'a>)> {
    (network.parameters().into_iter())
        .map(|p| {
            (
                format!("{prefix}{}", p.name),
                Tensor {
                    shape: p.shape.to_vec(),
                    values: p.values,
                },
            )
        })
        .collect()
}

fn write_tensors(
    path: &Path,
    tensors: Vec<(String, Tensor<'_>)>,
    metadata: Option<HashMap<String, String>>,
) -> Result<(), WriteFileError> {
    let bytes = safetensors::serialize(tensors, metadata).expect("shapes match their values");
    atomic_file::write(path, &bytes)
}

/// Reads the weights of a network of this structure.
///
/// # Errors
/// [`CheckpointError`], with the tensor that is missing, of another shape, or not finite.
pub fn read_weights(path: &Path, config: &NetworkConfig) -> Result<Network, CheckpointError> {
    read_file(path, |bytes| network(&open(bytes)?, "", config))
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

fn open(bytes: &[u8]) -> Result<SafeTensors<'_>, String> {
    SafeTensors::deserialize(bytes).map_err(|error| format!("not a safetensors file ({error})"))
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
    let tensors = open(bytes)?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let progress = (metadata
        .metadata()
        .as_ref()
        .and_then(|entries| entries.get(KEY)))
    .ok_or_else(|| format!("no metadata {KEY:?}; these are weights, not a checkpoint"))?;
    let progress: Progress =
        serde_json::from_str(progress).map_err(|error| format!("metadata {KEY:?}: {error}"))?;
    let current = network(&tensors, "network.", config)?;
    let parameters = current.parameter_count();
    let moments = (0..Optimiser::new(optimiser, 0).moments().len())
        .map(|n| read_values(&tensors, &format!("optimiser.{n}"), &[parameters]))
        .collect::<Result<_, _>>()?;
    let best = match progress.best {
        Some(BestEpoch { epoch, validation }) => Some(Best {
            epoch,
            validation,
            network: network(&tensors, "best.", config)?,
        }),
        None => None,
    };
    Ok(TrainState {
        network: current,
        optimiser: Optimiser::resume(optimiser, progress.optimiser_steps, moments)
            .ok_or("the optimiser is another one")?,
        history: progress.history,
        best,
    })
}

fn read_values(tensors: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
    let tensor = tensors
        .tensor(name)
        .map_err(|_| format!("no tensor {name:?}"))?;
    if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
        return Err(format!(
            "{name}: found {:?} {:?}, needed F32 {shape:?}",
            tensor.dtype(),
            tensor.shape()
        ));
    }
    let (chunks, _) = tensor.data().as_chunks::<4>();
    let values: Vec<f32> = chunks
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(format!("{name}: value {at} is {}", values[at])),
        None => Ok(values),
    }
}
