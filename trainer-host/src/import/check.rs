//! The proof of sameness: this program's outputs against those of the program that the file is from.

use std::path::Path;

use ndarray::{Array2, ArrayD, ArrayViewD, Axis as Dimension, Ix2};
use serde::Serialize;

use super::assemble::Assembled;
use super::error::{ImportError, Problem};
use super::every_step::rows_of_file;
use super::model::{Axis, Source};
use super::npy;
use crate::data::{counted, views};

/// The largest difference of an output that is one of rounding.
pub(super) const TOLERANCE: f64 = 1e-4;
/// The same where the file's own program rounds to eight bits.
pub(super) const INTEGER_TOLERANCE: f64 = 0.08;

/// How near the outputs are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Checked {
    /// Sequences that were compared.
    pub sequences: usize,
    /// Outputs that were compared.
    pub values: usize,
    /// The largest difference.
    pub largest: f64,
    /// The largest that is allowed.
    pub tolerance: f64,
    /// Sequence, step and output of the largest difference, counted as in the array of outputs.
    pub at: [usize; 3],
    /// What the other program gave there.
    pub expected: f64,
    /// What this one gives.
    pub found: f64,
}

impl Checked {
    /// In a line.
    pub fn describe(&self) -> String {
        let [sequence, step, output] = self.at;
        format!(
            "{} of {}; the largest difference is {:.2e} (sequence {sequence}, step {step}, output \
             {output}: {:.6} there, {:.6} here), and {:.0e} is allowed",
            counted(self.values, "output"),
            counted(self.sequences, "sequence"),
            self.largest,
            self.expected,
            self.found,
            self.tolerance
        )
    }
}

/// Compares the outputs for the inputs of one file with those of another; a tolerance of `None` is that of the
/// source.
///
/// # Errors
/// When a file cannot be read, has another shape, or the outputs differ by more than the tolerance.
pub fn check(
    source: &Source,
    assembled: &Assembled,
    [inputs, outputs]: [&Path; 2],
    tolerance: Option<f64>,
) -> Result<Checked, ImportError> {
    let sequences = sequences(source, assembled, inputs)?;
    let expected = npy::read(outputs)?;
    let tolerance = tolerance.unwrap_or(match source.integer {
        true => INTEGER_TOLERANCE,
        false => TOLERANCE,
    });
    let found = outputs_of(assembled, &sequences);
    let checked = compare(source, assembled, &found, expected, tolerance)
        .map_err(|problem| problem.within(outputs))?;
    if checked.largest <= tolerance {
        return Ok(checked);
    }
    let open = match source.notes.is_empty() {
        true => "",
        false => {
            "; the notes above say how the file was taken, and where a flag takes it otherwise"
        }
    };
    let text = format!(
        "not the same network: {}{open}; no run was written",
        checked.describe()
    );
    Err(Problem::Open(text).within(outputs))
}

/// The sequences of an array of inputs, each `[T, I]`, in the order of the file's own axes.
pub(super) fn sequences(
    source: &Source,
    assembled: &Assembled,
    path: &Path,
) -> Result<Vec<Array2<f32>>, ImportError> {
    let array = npy::read(path)?;
    let channels = assembled.network.config.inputs;
    split(source, channels, array).map_err(|problem| problem.within(path))
}

fn split(
    source: &Source,
    channels: usize,
    array: ArrayD<f64>,
) -> Result<Vec<Array2<f32>>, Problem> {
    let shape = array.shape().to_vec();
    let refuse = |why: String| Problem::Open(format!("inputs of shape {shape:?}: {why}"));
    let array = in_order(array, &source.input_axes).map_err(refuse)?;
    let (found, steps) = (array.shape()[2], array.shape()[1]);
    if found != channels || steps == 0 {
        let why = format!(
            "the network reads {channels} channels a step, and these have {found} in {steps} steps"
        );
        return Err(refuse(why));
    }
    let sequences = array.axis_iter(Dimension(0)).enumerate().map(|(s, sequence)| {
        let sequence = sequence.mapv(|value| value as f32);
        let sequence = sequence.into_dimensionality::<Ix2>().expect("two axes are left");
        match source.lengths.as_ref().map(|lengths| lengths.get(s)) {
            None => Ok(sequence),
            Some(Some(length)) if (1..=steps).contains(length) => {
                Ok(sequence.slice_move(ndarray::s![..*length, ..]))
            }
            Some(length) => Err(refuse(format!(
                "the file's sequence_lens say {length:?} steps for sequence {s}, which has {steps}"
            ))),
        }
    });
    let sequences: Vec<Array2<f32>> = sequences.collect::<Result<_, _>>()?;
    let finite = |sequence: &Array2<f32>| sequence.iter().all(|value| value.is_finite());
    match sequences.iter().position(|sequence| !finite(sequence)) {
        Some(s) => Err(refuse(format!(
            "sequence {s} has values that are not finite"
        ))),
        None if sequences.is_empty() => Err(refuse("there is no sequence".into())),
        None => Ok(sequences),
    }
}

/// The array as batch, time, channel; axes of length one that the file has are taken out, and those that it lacks
/// put in.
fn in_order(array: ArrayD<f64>, axes: &[Axis]) -> Result<ArrayD<f64>, String> {
    if array.ndim() != axes.len() {
        let names: Vec<String> = axes
            .iter()
            .map(|axis| format!("{axis:?}").to_lowercase())
            .collect();
        return Err(format!("needed the axes {}", names.join(", ")));
    }
    let mut array = array;
    let mut axes = axes.to_vec();
    if let Some(half) = axes.iter().position(|axis| *axis == Axis::Half) {
        (array, axes) = side_by_side(array, axes, half);
    }
    for n in (0..axes.len()).rev() {
        if axes[n] == Axis::One && array.shape()[n] == 1 {
            array = array.index_axis_move(Dimension(n), 0);
            axes.remove(n);
        }
    }
    for (place, axis) in [Axis::Batch, Axis::Time, Axis::Channel]
        .into_iter()
        .enumerate()
    {
        match axes.iter().position(|a| *a == axis) {
            Some(at) => {
                array.swap_axes(place, at);
                axes.swap(place, at);
            }
            None => {
                array = array.insert_axis(Dimension(place));
                axes.insert(place, axis);
            }
        }
    }
    match axes.len() {
        3 => Ok(array),
        _ => Err("an axis of the file is longer than one".into()),
    }
}

/// The array with the axis of halves and that of channels as one, halves outside.
fn side_by_side(array: ArrayD<f64>, mut axes: Vec<Axis>, half: usize) -> (ArrayD<f64>, Vec<Axis>) {
    let last = axes.len() - 1;
    let Some(channel) = axes.iter().position(|axis| *axis == Axis::Channel) else {
        return (array, axes);
    };
    let mut order: Vec<usize> = (0..axes.len())
        .filter(|n| *n != half && *n != channel)
        .collect();
    order.extend([half, channel]);
    let array = array.permuted_axes(order.as_slice());
    axes = order[..last].iter().map(|n| axes[*n]).collect();
    axes[last - 1] = Axis::Channel;
    let mut shape = array.shape().to_vec();
    let channels = shape.pop().unwrap_or(1);
    shape[last - 1] *= channels;
    let values: Vec<f64> = array.iter().copied().collect();
    let joined = ArrayD::from_shape_vec(shape, values);
    (joined.expect("axes are joined that are neighbours"), axes)
}

/// The network's outputs as the file's last layer gives them.
pub(super) fn outputs_of(assembled: &Assembled, sequences: &[Array2<f32>]) -> Vec<Array2<f32>> {
    let mut sequences = sequences.to_vec();
    if let Some(inputs) = &assembled.inputs {
        sequences
            .iter_mut()
            .for_each(|sequence| inputs.apply(sequence));
    }
    let outputs = assembled.network.outputs(&views(&sequences));
    outputs
        .iter()
        .map(|rows| assembled.ending.apply(rows))
        .collect()
}

fn compare(
    source: &Source,
    assembled: &Assembled,
    found: &[Array2<f32>],
    expected: ArrayD<f64>,
    tolerance: f64,
) -> Result<Checked, Problem> {
    let config = &assembled.network.config;
    let shape = expected.shape().to_vec();
    let refuse = |why: String| Problem::Open(format!("outputs of shape {shape:?}: {why}"));
    // A single output often comes without its axis.
    let expected = match expected.ndim() + 1 == source.output_axes.len() && config.outputs == 1 {
        true => {
            let at = source
                .output_axes
                .iter()
                .position(|axis| *axis == Axis::Channel);
            expected.insert_axis(Dimension(at.unwrap_or(source.output_axes.len() - 1)))
        }
        false => expected,
    };
    let expected = in_order(expected, &source.output_axes).map_err(refuse)?;
    let (found, each) = rows_of_file(config, found);
    let steps = found.iter().map(Array2::nrows).max().unwrap_or(0);
    let needed = [found.len(), steps, config.outputs];
    if expected.shape() != needed || steps == 0 {
        return Err(refuse(format!(
            "the network gives {} values for {each} of {} sequences",
            config.outputs,
            found.len()
        )));
    }
    Ok(nearness(&found, &expected.view(), tolerance))
}

/// The largest difference and its place.
fn nearness(found: &[Array2<f32>], expected: &ArrayViewD<'_, f64>, tolerance: f64) -> Checked {
    let mut checked = Checked {
        sequences: found.len(),
        values: 0,
        largest: 0.0,
        tolerance,
        at: [0; 3],
        expected: 0.0,
        found: 0.0,
    };
    for (s, rows) in found.iter().enumerate() {
        for ((t, o), value) in rows.indexed_iter() {
            let (value, wanted) = (f64::from(*value), expected[[s, t, o]]);
            let difference = match (value - wanted).abs() {
                difference if difference.is_nan() => f64::INFINITY,
                difference => difference,
            };
            checked.values += 1;
            if checked.values == 1 || difference > checked.largest {
                (checked.largest, checked.at) = (difference, [s, t, o]);
                (checked.expected, checked.found) = (wanted, value);
            }
        }
    }
    checked
}
