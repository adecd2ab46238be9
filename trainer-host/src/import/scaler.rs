//! The scaler that stood before a network, as the program that trained it had it.

use std::path::Path;

use super::error::{ImportError, Problem};
use super::npy;
use crate::data::Normalisation;

/// Reads mean and deviation of each channel, `x = (raw − mean) / deviation`, from two arrays in `.npy`.
///
/// # Errors
/// When a file cannot be read, the two have different lengths, or values make no scaler.
pub fn read_scaler(mean: &Path, deviation: &Path) -> Result<Normalisation, ImportError> {
    let values = |path: &Path| -> Result<Vec<f32>, ImportError> {
        Ok(npy::read(path)?.iter().map(|value| *value as f32).collect())
    };
    let scaler = Normalisation {
        mean: values(mean)?,
        deviation: values(deviation)?,
        offset: Vec::new(),
    };
    match scaler.wrong_for(scaler.mean.len()) {
        Some(wrong) => Err(Problem::Open(wrong).within(deviation)),
        None => Ok(scaler),
    }
}
