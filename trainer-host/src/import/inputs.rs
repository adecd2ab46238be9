//! An array of inputs alone, as a program in Python saves it.

use std::path::Path;

use ndarray::{Array2, Axis, Ix3};

use super::error::{ImportError, Problem};
use super::npy;
use crate::data::{Dataset, Known, Place, Targets, offset_of};

/// The sequences of an array `[N, T, I]` in `.npy`, or `[N, T]` of one channel, for a model that knows its channels.
/// The targets have no values.
///
/// # Errors
/// When it cannot be read, has another shape, or holds values that are not finite.
pub fn read_array(path: &Path, known: Known<'_>) -> Result<Dataset, ImportError> {
    let array = npy::read(path)?;
    let shape = array.shape().to_vec();
    let refuse =
        |why: String| Problem::Open(format!("inputs of shape {shape:?}: {why}")).within(path);
    let samples = known.schema_of_samples();
    let reading = known.of_samples(samples.as_ref());
    let channels = &reading.schema.channels;
    let array = match array.ndim() == 2 && channels.len() == 1 {
        true => array.insert_axis(Axis(2)),
        false => array,
    };
    let needed = || refuse(format!("needed [N, T, {}]", channels.len()));
    let array = array.into_dimensionality::<Ix3>().map_err(|_| needed())?;
    if array.dim().2 != channels.len() || array.is_empty() {
        return Err(needed());
    }
    let offsets = reading.offsets.unwrap_or_default().to_vec();
    if let Some((at, value)) = array
        .indexed_iter()
        .find(|(_, value)| !(**value as f32).is_finite())
    {
        return Err(refuse(format!("{value} at {at:?} is not finite")));
    }
    let sequence = |sequence: ndarray::ArrayView2<'_, f64>| {
        Array2::from_shape_fn(sequence.dim(), |(t, j)| {
            (sequence[[t, j]] - offset_of(&offsets, j)) as f32
        })
    };
    let sequences: Vec<Array2<f32>> = array.outer_iter().map(sequence).collect();
    let mut data = Dataset {
        channels: channels.clone(),
        targets: Targets::Value(vec![Vec::new(); sequences.len()]),
        offsets,
        sequences,
        ..Dataset::default()
    };
    let features = known.make_features(&mut data, &Place::file(path));
    features.map_err(|error| refuse(error.to_string()))?;
    Ok(data)
}
