//! Keras: a list of layers as JSON, and their weights in HDF5; `.keras` is a zip of both, `.h5` one file.
//!
//! Sources: `keras/src/saving/saving_lib.py` (`.keras`) and `keras/src/legacy/saving/legacy_h5_format.py` (`.h5`).

mod chain;
mod layers;
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

/// The largest member of an archive that is read.
const LARGEST: u64 = 1 << 30;

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
    let mut member = |name: &str| -> Result<Vec<u8>, Problem> {
        let file = zip
            .by_name(name)
            .map_err(|error| damaged(&format!("{name}: {error}")))?;
        let mut content = Vec::new();
        let read = file.take(LARGEST).read_to_end(&mut content);
        read.map_err(|error| damaged(&format!("{name}: {error}")))?;
        Ok(content)
    };
    let config = json(&member("config.json")?)?;
    let weights = Weights::open_layers(member("model.weights.h5")?)?;
    source("Keras (.keras)", &config, weights, hints)
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
    for layer in chain(model, hints)? {
        reading.layer(layer)?;
    }
    let axes = [Axis::Batch, Axis::Time, Axis::Channel];
    let per_step = !reading.has_last_step();
    let (layers, notes) = reading.finish();
    Ok(Source {
        format,
        layers,
        input_axes: axes.to_vec(),
        output_axes: axes
            .into_iter()
            .filter(|axis| per_step || *axis != Axis::Time)
            .collect(),
        lengths: None,
        integer: false,
        notes,
    })
}
