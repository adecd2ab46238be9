//! Trained networks and interrupted runs as files.
//!
//! ```text
//! FOLDER/model.toml            what the network is, how its inputs are normalised, how it was trained
//! FOLDER/weights.safetensors   f32, row-major: lstm.0.w_x [4H, I], lstm.0.w_h [4H, H],
//!                              lstm.0.bias [4H], lstm.0.peephole [3, H], dense.0.weight [O, I],
//!                              dense.0.bias [O], and so on; gate order i, f, g, o, peepholes i, f, o
//! FOLDER/state.safetensors     a run to go on with: latest.* and best.* as above, and
//!                              optimiser.0, optimiser.1, … over all parameters in that order;
//!                              the history is JSON in the header
//! ```
//!
//! PyTorch's `weight_ih_l0`, `weight_hh_l0` and `bias_ih_l0 + bias_hh_l0` have the layout of `w_x`,
//! `w_h` and `bias`. Each file is written whole or not at all, and `model.toml` after its weights.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::atomic_file::{self, WriteFileError};
use crate::data::{Normalisation, Schema};
use crate::network::{Network, NetworkConfig};
use crate::optimiser::{Optimiser, OptimiserConfig};
use crate::train::{Best, EpochRecord, TrainConfig, TrainState, Validation};

/// The version of `model.toml` that this code writes and reads.
pub const FORMAT: u32 = 1;
const MODEL_FILE: &str = "model.toml";
const WEIGHTS_FILE: &str = "weights.safetensors";
/// The name of a run's state file in its folder.
pub const STATE_FILE: &str = "state.safetensors";
/// Key of the run's record in the header of a state file.
const RECORD: &str = "record";

/// All that is known about a trained network besides its weights: the content of `model.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// [`FORMAT`].
    pub format: u32,
    /// The epoch of the weights, from 1.
    pub epoch: usize,
    /// The structure.
    pub network: NetworkConfig,
    /// Channels, outputs and task of the data.
    pub schema: Schema,
    /// Takes raw inputs to the network's, `[I]`.
    pub inputs: Normalisation,
    /// Takes raw targets to the network's, `[O]`; for a regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Normalisation>,
    /// How it was trained.
    pub training: TrainConfig,
    /// What each epoch brought.
    #[serde(default)]
    pub history: Vec<EpochRecord>,
}

/// A trained network with its description.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Everything but the weights.
    pub description: Description,
    /// The network, over normalised inputs.
    pub network: Network,
}

/// Why a checkpoint or a state could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteFileError),
    /// The folder cannot be made.
    #[error("{}: the folder cannot be made: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is refused.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: FileProblem,
    },
}

/// What is wrong with a file of a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum FileProblem {
    /// It cannot be read.
    #[error("cannot be read: {0}; give the folder that `train` wrote")]
    Read(std::io::Error),
    /// It is no TOML, or has wrong or unknown keys; the message has line and column.
    #[error("is not a model description: {0}")]
    Toml(toml::de::Error),
    /// The description cannot be written as TOML.
    #[error("cannot be expressed in TOML: {0}")]
    ToToml(toml::ser::Error),
    /// It is from another version of the trainer.
    #[error("has format {found}, and this version reads {FORMAT}; train again or use that version")]
    Format {
        /// The file's format.
        found: u32,
    },
    /// Parts of the description contradict each other.
    #[error("contradicts itself: {0}")]
    Inconsistent(String),
    /// It is no safetensors file.
    #[error("is not a safetensors file ({0}); it may be cut short")]
    SafeTensors(SafeTensorError),
    /// A tensor is missing.
    #[error("has no tensor {name}, which the network needs with shape {needed:?}")]
    Missing {
        /// Its name.
        name: String,
        /// The shape it should have.
        needed: Vec<usize>,
    },
    /// A tensor has another shape.
    #[error("tensor {name} has shape {found:?}, and the network needs {needed:?}")]
    Shape {
        /// Its name.
        name: String,
        /// The shape it has.
        found: Vec<usize>,
        /// The shape it should have.
        needed: Vec<usize>,
    },
    /// A tensor has another type.
    #[error("tensor {name} has type {found:?}, and must be F32")]
    Type {
        /// Its name.
        name: String,
        /// The type it has.
        found: Dtype,
    },
    /// A weight is NaN or infinite.
    #[error("tensor {name} has the value {found} at index {index}; weights must be finite")]
    NotFinite {
        /// The tensor's name.
        name: String,
        /// The index in row-major order, from 0.
        index: usize,
        /// The value.
        found: f32,
    },
    /// A tensor that the network does not have.
    #[error("has a tensor {name}, which the network does not have")]
    Unexpected {
        /// Its name.
        name: String,
    },
    /// The record in a state file's header is missing or wrong.
    #[error("is not a training state: {0}")]
    Record(String),
}

impl Checkpoint {
    /// Writes both files into `folder`, which is made if it does not exist.
    pub fn save(&self, folder: &Path) -> Result<(), CheckpointError> {
        make_folder(folder)?;
        let path = folder.join(MODEL_FILE);
        let text = toml::to_string(&self.description)
            .map_err(|error| at(&path, FileProblem::ToToml(error)))?;
        let tensors = Tensors::of(&self.network, "");
        write_tensors(&folder.join(WEIGHTS_FILE), &tensors, None)?;
        Ok(atomic_file::write(&path, text.as_bytes())?)
    }

    /// Reads both files from `folder` and checks every tensor against the description.
    pub fn load(folder: &Path) -> Result<Self, CheckpointError> {
        let path = folder.join(MODEL_FILE);
        let description = read(&path)
            .and_then(|bytes| parse_description(&bytes))
            .map_err(|problem| at(&path, problem))?;
        let path = folder.join(WEIGHTS_FILE);
        let network = read(&path)
            .and_then(|bytes| {
                let file = SafeTensors::deserialize(&bytes).map_err(FileProblem::SafeTensors)?;
                let network = read_network(&file, &description.network, "")?;
                let known = network.parameters();
                match file
                    .names()
                    .into_iter()
                    .find(|name| known.iter().all(|p| p.name != **name))
                {
                    Some(name) => Err(FileProblem::Unexpected {
                        name: name.to_owned(),
                    }),
                    None => Ok(network),
                }
            })
            .map_err(|problem| at(&path, problem))?;
        Ok(Self {
            description,
            network,
        })
    }
}

/// The part of a state that is not tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateRecord {
    format: u32,
    optimiser_steps: u64,
    history: Vec<EpochRecord>,
    best: Option<(usize, Validation)>,
}

/// Writes `state` into one file, so that a kill at any moment leaves the old state or the new.
pub fn save_state(path: &Path, state: &TrainState) -> Result<(), CheckpointError> {
    let mut tensors = Tensors::of(&state.network, "latest.");
    if let Some(best) = &state.best {
        tensors.extend(&best.network, "best.");
    }
    for (m, moments) in state.optimiser.moments().iter().enumerate() {
        tensors.push(format!("optimiser.{m}"), vec![moments.len()], moments);
    }
    let record = StateRecord {
        format: FORMAT,
        optimiser_steps: state.optimiser.steps(),
        history: state.history.clone(),
        best: state
            .best
            .as_ref()
            .map(|best| (best.epoch, best.validation)),
    };
    let record = serde_json::to_string(&record)
        .map_err(|error| at(path, FileProblem::Record(error.to_string())))?;
    write_tensors(
        path,
        &tensors,
        Some(HashMap::from([(RECORD.to_owned(), record)])),
    )
}

/// Reads a state of a run that trains `network` with `optimiser`.
pub fn load_state(
    path: &Path,
    network: &NetworkConfig,
    optimiser: OptimiserConfig,
) -> Result<TrainState, CheckpointError> {
    read(path)
        .and_then(|bytes| parse_state(&bytes, network, optimiser))
        .map_err(|problem| at(path, problem))
}

fn parse_state(
    bytes: &[u8],
    config: &NetworkConfig,
    optimiser: OptimiserConfig,
) -> Result<TrainState, FileProblem> {
    let file = SafeTensors::deserialize(bytes).map_err(FileProblem::SafeTensors)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(FileProblem::SafeTensors)?;
    let record = (header.metadata().as_ref())
        .and_then(|metadata| metadata.get(RECORD))
        .ok_or_else(|| FileProblem::Record("its header has no record of a run".into()))?;
    let record: StateRecord =
        serde_json::from_str(record).map_err(|error| FileProblem::Record(error.to_string()))?;
    if record.format != FORMAT {
        return Err(FileProblem::Format {
            found: record.format,
        });
    }
    let network = read_network(&file, config, "latest.")?;
    let parameters = network.parameter_count();
    let fresh = Optimiser::new(optimiser, parameters);
    let moments = (0..fresh.moments().len())
        .map(|m| read_tensor(&file, &format!("optimiser.{m}"), &[parameters]))
        .collect::<Result<Vec<_>, _>>()?;
    let optimiser = Optimiser::resume(optimiser, record.optimiser_steps, moments)
        .ok_or_else(|| FileProblem::Record("its optimiser is another one".into()))?;
    let best = match record.best {
        None => None,
        Some((epoch, validation)) => Some(Best {
            epoch,
            validation,
            network: read_network(&file, config, "best.")?,
        }),
    };
    Ok(TrainState {
        network,
        optimiser,
        history: record.history,
        best,
    })
}

fn parse_description(bytes: &[u8]) -> Result<Description, FileProblem> {
    /// Read first, so that another format is not reported as an unknown key.
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Format { format } = toml::from_slice(bytes).map_err(FileProblem::Toml)?;
    if format != FORMAT {
        return Err(FileProblem::Format { found: format });
    }
    let description: Description = toml::from_slice(bytes).map_err(FileProblem::Toml)?;
    match description.contradiction() {
        Some(text) => Err(FileProblem::Inconsistent(text)),
        None => Ok(description),
    }
}

impl Description {
    /// What does not fit together, if anything.
    fn contradiction(&self) -> Option<String> {
        if let Err(error) = self.network.validate() {
            return Some(format!("network: {error}"));
        }
        let (inputs, outputs) = (self.network.inputs, self.network.outputs);
        let classes = self.schema.outputs.len();
        let sizes = [
            ("schema.channels", self.schema.channels.len(), inputs),
            ("inputs.mean", self.inputs.mean.len(), inputs),
            ("inputs.deviation", self.inputs.deviation.len(), inputs),
            // One sigmoid output tells two classes apart.
            (
                "schema.outputs",
                classes,
                if outputs == 1 && classes == 2 {
                    2
                } else {
                    outputs
                },
            ),
        ];
        let targets = self.targets.iter().flat_map(|targets| {
            let sizes = [
                ("targets.mean", &targets.mean),
                ("targets.deviation", &targets.deviation),
            ];
            sizes.map(|(key, values)| (key, values.len(), outputs))
        });
        if let Some((key, found, needed)) = sizes
            .into_iter()
            .chain(targets)
            .find(|(_, found, needed)| found != needed)
        {
            return Some(format!(
                "{key} has {found} entries, and the network needs {needed}"
            ));
        }
        let normalisations = [Some(&self.inputs), self.targets.as_ref()];
        for normalisation in normalisations.into_iter().flatten() {
            let bad_mean = normalisation.mean.iter().any(|mean| !mean.is_finite());
            if bad_mean
                || normalisation
                    .deviation
                    .iter()
                    .any(|d| !(d.is_finite() && *d > 0.0))
            {
                return Some("a mean is not finite or a deviation not positive".into());
            }
        }
        None
    }
}

/// Named arrays as bytes.
#[derive(Default)]
struct Tensors(Vec<(String, Vec<usize>, Vec<u8>)>);

impl Tensors {
    fn of(network: &Network, prefix: &str) -> Self {
        let mut tensors = Self::default();
        tensors.extend(network, prefix);
        tensors
    }

    fn extend(&mut self, network: &Network, prefix: &str) {
        for parameter in network.parameters() {
            self.push(
                format!("{prefix}{}", parameter.name),
                parameter.shape,
                parameter.values,
            );
        }
    }

    fn push(&mut self, name: String, shape: Vec<usize>, values: &[f32]) {
        let bytes = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.0.push((name, shape, bytes));
    }
}

fn write_tensors(
    path: &Path,
    tensors: &Tensors,
    header: Option<HashMap<String, String>>,
) -> Result<(), CheckpointError> {
    let refuse = |error| at(path, FileProblem::SafeTensors(error));
    let views = (tensors.0.iter())
        .map(|(name, shape, bytes)| {
            Ok((
                name.as_str(),
                TensorView::new(Dtype::F32, shape.clone(), bytes)?,
            ))
        })
        .collect::<Result<Vec<_>, SafeTensorError>>()
        .map_err(refuse)?;
    let bytes = safetensors::serialize(views, header).map_err(refuse)?;
    Ok(atomic_file::write(path, &bytes)?)
}

fn read_network(
    file: &SafeTensors<'_>,
    config: &NetworkConfig,
    prefix: &str,
) -> Result<Network, FileProblem> {
    let mut network = Network::zeros(config)
        .map_err(|error| FileProblem::Inconsistent(format!("network: {error}")))?;
    let values = (network.parameters().iter())
        .map(|p| read_tensor(file, &format!("{prefix}{}", p.name), &p.shape))
        .collect::<Result<Vec<_>, _>>()?;
    for (target, values) in network.values_mut().into_iter().zip(&values) {
        target.copy_from_slice(values);
    }
    Ok(network)
}

fn read_tensor(
    file: &SafeTensors<'_>,
    name: &str,
    needed: &[usize],
) -> Result<Vec<f32>, FileProblem> {
    let name = name.to_owned();
    let Ok(tensor) = file.tensor(&name) else {
        return Err(FileProblem::Missing {
            name,
            needed: needed.to_vec(),
        });
    };
    if tensor.shape() != needed {
        let found = tensor.shape().to_vec();
        return Err(FileProblem::Shape {
            name,
            found,
            needed: needed.to_vec(),
        });
    }
    if tensor.dtype() != Dtype::F32 {
        return Err(FileProblem::Type {
            name,
            found: tensor.dtype(),
        });
    }
    let (chunks, _) = tensor.data().as_chunks::<4>();
    let values: Vec<f32> = chunks
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(FileProblem::NotFinite {
            name,
            index,
            found: values[index],
        }),
        None => Ok(values),
    }
}

fn make_folder(path: &Path) -> Result<(), CheckpointError> {
    std::fs::create_dir_all(path).map_err(|source| CheckpointError::Folder {
        path: path.to_owned(),
        source,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, FileProblem> {
    std::fs::read(path).map_err(FileProblem::Read)
}

fn at(path: &Path, problem: FileProblem) -> CheckpointError {
    CheckpointError::File {
        path: path.to_owned(),
        problem,
    }
}
