//! A quantised network on disk, between `quantise` and `export`: a `safetensors` file of integers
//! that NumPy and others read.
//!
//! | tensor | type and shape |
//! | --- | --- |
//! | `input.mean`, `input.fraction`, `input.mult` | i32 `[I]` |
//! | `conv.0.*` | in `conv.rs` |
//! | `lstm.L.*`, `coupled.L.*`, `gru.L.*`, `gru-before.L.*`, `projected.L.*` | in `lstm.rs`, `gru.rs`, `projected.rs`; `rows.rs` has what all share |
//! | `dense.L.*` | in `dense.rs` |
//! | `golden.raw`, `golden.outputs` | i32 `[S, I]`, `[S, O]` |
//!
//! The metadata entry `lstm-nostd` holds the rest as JSON: one record for each input and for each layer, the
//! names of outputs, the fingerprint of the f32 weights that the integers came from, and the file's number among
//! quantisations of the run. A further kind of layer brings a file with its record and a line in `Layer`.

mod conv;
mod dense;
mod gru;
mod lstm;
mod projected;
mod rows;
mod scheme_name;
mod write;

use std::path::{Path, PathBuf};

use lstm_nostd::artifact::{Conv, Coupled, Dense, ModelFile, Recurrent};
use lstm_nostd::{Direction, InputChannel, OutputScale};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use crate::files::tensors::{self, Element, values};
use crate::network::{self, Head, Mode, Network};

use write::matrix;
pub use write::write;
pub(super) use write::write_numbered;

/// Of the metadata. Version 1 had a list for each field of a layer, and no number; version 2 had one exponent for
/// all outputs, and shifted inputs before it took their means off.
const FORMAT: u32 = 3;

/// Why a quantised network cannot be read. The message names the file; which command makes it again is for a run to say.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another version of this program wrote the file.
    #[error("{}: another version of trainer-host wrote it (format {found}, and this one reads {FORMAT})", path.display())]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The integers are of other weights.
    #[error("{}: these integers are not of the run's weights, which are newer or another network's", path.display())]
    OtherWeights {
        /// The file.
        path: PathBuf,
    },
    /// The file is no quantised network, or a damaged one.
    #[error("{}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which tensor or field.
        problem: String,
    },
}

/// What the tensors do not say.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    /// [`FORMAT`]
    format: u32,
    /// [`Network::fingerprint`] of what was quantised.
    weights: String,
    head: Head,
    mode: Mode,
    inputs: Vec<Input>,
    /// Of a linear network, `[O]`; else empty.
    scales: Vec<Scale>,
    /// First to last.
    layers: Vec<Layer>,
    /// Names of the directions of recurrent layers; absent if all run forwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    directions: Vec<String>,
    output_names: Vec<String>,
    /// Greater than those of quantisations of the run that were made before; 0 in a file of an earlier version.
    #[serde(default)]
    number: u64,
}

/// The number that every version of the metadata has, or had none.
#[derive(Deserialize)]
struct Version {
    #[serde(default = "first_format")]
    format: u32,
}

fn first_format() -> u32 {
    1
}

/// One input channel.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    name: String,
    shift: u8,
    frac_bits: u8,
}

/// How one output becomes real units.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scale {
    offset: i64,
    exponent: i16,
}

/// One layer, by its kind.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Layer {
    Conv(conv::Record),
    Lstm(lstm::Record),
    Gru(gru::Record),
    Coupled(lstm::Record),
    GruBefore(gru::Record),
    Projected(projected::Record),
    Dense(dense::Record),
}

/// What a file says, or why it says nothing.
enum Parsed {
    /// The integers.
    Integers(Box<Stored>),
    /// Another version's, of that format.
    Other(u32),
}

/// The content of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The integers, without a front end: the run's `model.toml` has its settings.
    pub file: ModelFile,
    /// Greater than those of quantisations of the run that were made before.
    pub number: u64,
    /// [`Network::fingerprint`] of what was quantised.
    weights: String,
}

impl Stored {
    /// Whether these are integers of `network`.
    pub fn is_of(&self, network: &Network) -> bool {
        self.weights == network.fingerprint()
    }

    /// The integers, if they are of `network`; the error names `path`.
    ///
    /// # Errors
    /// [`ReadError::OtherWeights`]
    pub fn of(self, path: &Path, network: &Network) -> Result<ModelFile, ReadError> {
        match self.is_of(network) {
            true => Ok(self.file),
            false => Err(ReadError::OtherWeights {
                path: path.to_owned(),
            }),
        }
    }
}

/// Reads what [`write()`] wrote for `network`. A front end is not in the file: the run's `model.toml` has its settings.
///
/// # Errors
/// [`ReadError`]; whether the integers make a model is for the model file's parser to say.
pub fn read(path: &Path, network: &Network) -> Result<ModelFile, ReadError> {
    read_stored(path)?.of(path, network)
}

/// Reads a file, whatever network its integers are of.
///
/// # Errors
/// As [`read()`], but for [`ReadError::OtherWeights`].
pub fn read_stored(path: &Path) -> Result<Stored, ReadError> {
    let path = || path.to_owned();
    let bytes = std::fs::read(path()).map_err(|source| ReadError::Unreadable {
        path: path(),
        source,
    })?;
    match parse(&bytes) {
        Ok(Parsed::Integers(stored)) => Ok(*stored),
        Ok(Parsed::Other(found)) => Err(ReadError::OtherFormat {
            path: path(),
            found,
        }),
        Err(problem) => Err(ReadError::Damaged {
            path: path(),
            problem,
        }),
    }
}

/// The number of a file ([`Stored::number`]), of which its head alone is read; `None` where it has none that this version
/// can read.
pub(super) fn number_of(path: &Path) -> Option<u64> {
    #[derive(Deserialize)]
    struct Numbered {
        number: u64,
    }
    tensors::metadata_alone(path).map(|Numbered { number }| number)
}

fn parse(bytes: &[u8]) -> Result<Parsed, String> {
    const NONE: &str = "this is not a quantised network";
    let tensors = tensors::open(bytes)?;
    let Version { format } = tensors::metadata(bytes, NONE)?;
    if format != FORMAT {
        return Ok(Parsed::Other(format));
    }
    let metadata: Metadata = tensors::metadata(bytes, NONE)?;
    let directions = directions(&metadata.directions)?;
    let layers = Layers::read(&tensors, &metadata, &directions)?;
    let file = ModelFile {
        task: metadata.head.into(),
        front_end: None,
        mode: metadata.mode.into(),
        channels: channels(&tensors, &metadata.inputs)?,
        scales: (metadata.scales.iter())
            .map(|scale| OutputScale {
                offset: scale.offset,
                exponent: scale.exponent,
            })
            .collect(),
        golden: golden(&tensors, metadata.inputs.len(), layers.outputs)?,
        conv: layers.conv,
        recurrent: layers.recurrent,
        directions,
        dense: layers.dense,
        input_names: (metadata.inputs.into_iter())
            .map(|input| input.name)
            .collect(),
        output_names: metadata.output_names,
    };
    Ok(Parsed::Integers(Box::new(Stored {
        file,
        number: metadata.number,
        weights: metadata.weights,
    })))
}

/// The layers of a file, first to last.
struct Layers {
    conv: Option<Conv>,
    recurrent: Vec<Recurrent>,
    dense: Vec<Dense>,
    /// Of the last one.
    outputs: usize,
}

impl Layers {
    /// Reads the layers of `metadata`, each on the values of the one before.
    fn read(
        tensors: &SafeTensors<'_>,
        metadata: &Metadata,
        directions: &[Direction],
    ) -> Result<Self, String> {
        let mut width = metadata.inputs.len();
        let (mut conv, mut recurrent, mut dense) = (None, Vec::new(), Vec::new());
        let mut beneath = width;
        for layer in &metadata.layers {
            let l = recurrent.len();
            match layer {
                Layer::Conv(_) if conv.is_some() || l > 0 => {
                    return Err("a convolution stands above another layer".into());
                }
                Layer::Conv(record) => {
                    let layer = record.read(tensors, "conv.0", width)?;
                    width = layer.filters.weight.len();
                    conv = Some(layer);
                }
                Layer::Dense(record) => {
                    let layer = record.read(tensors, &format!("dense.{}", dense.len()), width)?;
                    width = layer.weight.len();
                    dense.push(layer);
                }
                _ if !dense.is_empty() => {
                    return Err(format!("recurrent layer {l} stands above a dense one"));
                }
                record => {
                    let is_beside = directions.get(l) == Some(&Direction::Beside);
                    let inputs = if is_beside { beneath } else { width };
                    let (layer, outputs) = read_recurrent(record, tensors, l, inputs)?;
                    recurrent.push(layer);
                    beneath = inputs;
                    width = if is_beside { width + outputs } else { outputs };
                }
            }
        }
        Ok(Self {
            conv,
            recurrent,
            dense,
            outputs: width,
        })
    }
}

/// Directions by their names.
fn directions(names: &[String]) -> Result<Vec<Direction>, String> {
    let direction = |name: &String| {
        Direction::from_name(name).ok_or_else(|| format!("direction {name:?} is unknown"))
    };
    names.iter().map(direction).collect()
}

/// Recurrent layer `l`, which reads `width` values, and the values that it hands on.
fn read_recurrent(
    record: &Layer,
    tensors: &SafeTensors<'_>,
    l: usize,
    width: usize,
) -> Result<(Recurrent, usize), String> {
    Ok(match record {
        Layer::Lstm(record) => {
            let gates = &network::lstm::GATES;
            let (layer, units) =
                record.read(gates, tensors, &format!("lstm.{l}"), (width, None))?;
            (Recurrent::Lstm(layer), units)
        }
        Layer::Gru(record) => {
            let (layer, units) = record.read(tensors, &format!("gru.{l}"), width)?;
            (Recurrent::Gru(layer), units)
        }
        Layer::Coupled(record) => {
            let gates = &network::coupled::GATES;
            let (layer, units) =
                record.read(gates, tensors, &format!("coupled.{l}"), (width, None))?;
            (Recurrent::Coupled(Coupled(layer)), units)
        }
        Layer::GruBefore(record) => {
            let (layer, units) = record.read_before(tensors, &format!("gru-before.{l}"), width)?;
            (Recurrent::GruBefore(layer), units)
        }
        Layer::Projected(record) => {
            let (layer, outputs) = record.read(tensors, &format!("projected.{l}"), width)?;
            (Recurrent::Projected(layer), outputs)
        }
        Layer::Conv(_) | Layer::Dense(_) => {
            return Err(format!("layer {l} is no recurrent one"));
        }
    })
}

/// The input stage.
fn channels(tensors: &SafeTensors<'_>, inputs: &[Input]) -> Result<Vec<InputChannel>, String> {
    let mean: Vec<i32> = values(tensors, "input.mean", &[inputs.len()])?;
    let fraction: Vec<i32> = values(tensors, "input.fraction", &[inputs.len()])?;
    let mult: Vec<i32> = values(tensors, "input.mult", &[inputs.len()])?;
    let integers = mean.into_iter().zip(fraction).zip(mult);
    Ok((inputs.iter().zip(integers))
        .map(|(input, ((mean, fraction), mult))| InputChannel {
            mean,
            fraction,
            mult,
            shift: input.shift,
            frac_bits: input.frac_bits,
        })
        .collect())
}

/// Raw inputs `[I]` and outputs `[O]` of a step.
type GoldenStep = (Vec<i32>, Vec<i32>);

/// The golden steps.
fn golden(
    tensors: &SafeTensors<'_>,
    inputs: usize,
    outputs: usize,
) -> Result<Vec<GoldenStep>, String> {
    let steps = rows_of(tensors, "golden.raw")?;
    if steps == 0 {
        return Ok(Vec::new());
    }
    let raw = read_matrix(tensors, "golden.raw", steps, inputs)?;
    let outputs = read_matrix(tensors, "golden.outputs", steps, outputs)?;
    Ok(raw.into_iter().zip(outputs).collect())
}

/// Units of a layer whose recurrent weights are the tensor `name`, with so many rows a unit.
fn units_of(tensors: &SafeTensors<'_>, name: &str, rows: usize) -> Result<usize, String> {
    let found = rows_of(tensors, name)?;
    if found == 0 || !found.is_multiple_of(rows) {
        return Err(format!("{name}: found {found} rows, needed {rows} a unit"));
    }
    Ok(found / rows)
}

fn rows_of(tensors: &SafeTensors<'_>, name: &str) -> Result<usize, String> {
    let tensor = tensors
        .tensor(name)
        .map_err(|_| format!("no tensor {name:?}"))?;
    Ok(tensor.shape().first().copied().unwrap_or(0))
}

fn read_matrix<T: Element>(
    tensors: &SafeTensors<'_>,
    name: &str,
    rows: usize,
    columns: usize,
) -> Result<Vec<Vec<T>>, String> {
    if rows == 0 || columns == 0 {
        return Err(format!(
            "{name}: needed {rows} × {columns} values, and none is no layer"
        ));
    }
    let all = values(tensors, name, &[rows, columns])?;
    Ok(all.chunks(columns).map(<[T]>::to_vec).collect())
}

#[cfg(test)]
pub(super) mod tests;
