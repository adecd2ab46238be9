//! Keras: a list of layers as JSON, and their weights in HDF5; `.keras` is a zip of both, `.h5` one file.
//!
//! Sources: `keras/src/saving/saving_lib.py` (`.keras`) and `keras/src/legacy/saving/legacy_h5_format.py` (`.h5`).

mod chain;
mod convolution;
mod layers;
mod recurrent;
mod settings;
mod weights;

use std::io::{Cursor, Read};

use serde_json::Value;
use zip::ZipArchive;

use self::chain::chain;
use self::layers::Reading;
use self::weights::Weights;
use super::error::Problem;
use super::model::{Axis, Source};
use super::open::{Hints, pickled};

/// A member of an archive is at most so many times the archive, for its compression.
const COMPRESSION: u64 = 64;
/// The largest configuration.
const LARGEST_CONFIG: u64 = 16 << 20;

/// Reads the network of a `.keras` archive; PyTorch's checkpoints are archives too, and refused.
///
/// # Errors
/// [`Problem`]
pub(super) fn read_archive(bytes: &[u8], hints: &Hints) -> Result<Source, Problem> {
    let damaged = |error: &dyn std::fmt::Display| Problem::Damaged(format!("zip: {error}"));
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
    if zip.file_names().any(|name| name.ends_with(".pkl")) {
        return Err(pickled());
    }
    if !zip.file_names().any(|name| name == "config.json") {
        return Err(no_keras(zip.file_names()));
    }
    let whole = (bytes.len() as u64).saturating_mul(COMPRESSION);
    let mut member = |name: &str, largest: u64| -> Result<Vec<u8>, Problem> {
        let file = zip
            .by_name(name)
            .map_err(|error| damaged(&format!("{name}: {error}")))?;
        let mut content = Vec::new();
        let read = file.take(largest + 1).read_to_end(&mut content);
        read.map_err(|error| damaged(&format!("{name}: {error}")))?;
        match content.len() as u64 <= largest {
            true => Ok(content),
            false => Err(damaged(&format!("{name} is larger than {largest} bytes"))),
        }
    };
    let config = json(&member("config.json", whole.min(LARGEST_CONFIG))?)?;
    let weights = Weights::open_layers(member("model.weights.h5", whole)?)?;
    source("Keras (.keras)", &config, weights, hints)
}

/// What an archive is that has no configuration of a model.
fn no_keras<'a>(mut names: impl Iterator<Item = &'a str>) -> Problem {
    match names.any(|name| name.ends_with(".npy")) {
        true => Problem::refused(
            "this archive of arrays (.npz)",
            "it is not read; write the network as .onnx or .safetensors (of a run: trainer-host export)",
        ),
        false => Problem::refused(
            "this zip archive",
            "there is no config.json in it, so that it is no Keras model (.keras)",
        ),
    }
}

/// Reads the network of an `.h5` file.
///
/// # Errors
/// [`Problem`]
pub(super) fn read_hdf5(bytes: &[u8], hints: &Hints) -> Result<Source, Problem> {
    let (config, weights) = Weights::open_model(bytes.to_vec())?;
    source("Keras (.h5)", &json(config.as_bytes())?, weights, hints)
}

fn json(bytes: &[u8]) -> Result<Value, Problem> {
    let config = serde_json::from_slice(bytes);
    config.map_err(|error| Problem::Damaged(format!("the model's configuration: {error}")))
}

fn source(
    format: &'static str,
    model: &Value,
    weights: Weights,
    hints: &Hints,
) -> Result<Source, Problem> {
    let mut reading = Reading::new(weights);
    for link in chain(model, hints)? {
        reading.layer(link)?;
    }
    let axes = [Axis::Batch, Axis::Time, Axis::Channel];
    let per_step = !reading.is_pooled();
    let channels = reading.channels();
    let (layers, notes) = reading.finish();
    Ok(Source {
        format,
        layers,
        channels,
        input_axes: axes.to_vec(),
        output_axes: axes
            .into_iter()
            .filter(|axis| per_step || *axis != Axis::Time)
            .collect(),
        lengths: None,
        integer: false,
        advice: "",
        notes,
    })
}
