//! The data of an imported run: what its ranges and raw formats are taken from. It never changes the function.
//!
//! A run has data with targets. Inputs alone get the network's own answers as targets, and are kept in the run folder
//! ([`crate::run::CALIBRATION`]); scores on them say how far integers agree with f32.

use std::io::Cursor;
use std::path::PathBuf;

use ndarray::{Array1, Array2, Array3, s};
use ndarray_npy::{NpzWriter, WriteNpzError};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::assemble::Assembled;
use crate::data::{Options, Schema, views};
use crate::evaluate::decide;
use crate::network::Head;

/// Where the ranges of an imported network come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Calibration {
    /// Inputs as the file takes them: an array in `.npy`.
    Inputs(PathBuf),
    /// Data that `train` reads.
    Data {
        /// A path or built-in data.
        source: String,
        /// How it is read.
        options: Box<Options>,
    },
    /// Nothing: ranges are guessed from inputs that are drawn.
    Guessed,
}

/// Sequences and steps that are drawn where no inputs are given.
const DRAWN: (usize, usize) = (32, 48);
/// What a drawn step has in common with the one before it.
const MEMORY: f32 = 0.8;

/// Inputs drawn from a normal distribution of mean 0 and deviation 1 after the input stage, with some memory from step
/// to step.
pub(super) fn drawn(assembled: &Assembled) -> Vec<Array2<f32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let channels = assembled.network.config.inputs;
    let (sequences, steps) = DRAWN;
    (0..sequences)
        .map(|_| {
            let mut sequence = Array2::zeros((steps, channels));
            let mut last = Array1::<f32>::zeros(channels);
            for mut row in sequence.rows_mut() {
                last.mapv_inplace(|x| {
                    let new: f32 = StandardNormal.sample(&mut rng);
                    MEMORY * x + (1.0 - MEMORY * MEMORY).sqrt() * new
                });
                row.assign(&last);
            }
            if let Some(inputs) = &assembled.inputs {
                inputs.invert(&mut sequence);
            }
            sequence
        })
        .collect()
}

/// The names of channels and outputs of data whose targets are the network's own answers.
pub(super) fn own_schema(assembled: &Assembled) -> Schema {
    let config = &assembled.network.config;
    let task = config.head.task(config.mode);
    let numbered = |letter: &str, count: usize| -> Vec<String> {
        (0..count).map(|n| format!("{letter}{n}")).collect()
    };
    let outputs = match (task.is_class(), config.outputs) {
        (true, 1) => numbered("", 2),
        (true, classes) => numbered("", classes),
        (false, 1) => vec!["y".into()],
        (false, values) => numbered("y", values),
    };
    Schema {
        channels: numbered("x", config.inputs),
        outputs,
        task,
    }
}

/// An NPZ archive of these sequences, each `[T, I]` in real units, with the network's own answers as targets.
pub(super) fn with_own_answers(
    assembled: &Assembled,
    sequences: &[Array2<f32>],
) -> Result<Vec<u8>, WriteNpzError> {
    let mut normalised = sequences.to_vec();
    if let Some(inputs) = &assembled.inputs {
        normalised
            .iter_mut()
            .for_each(|sequence| inputs.apply(sequence));
    }
    let answers = assembled.network.outputs(&views(&normalised));
    let config = &assembled.network.config;
    let steps = sequences.iter().map(Array2::nrows).max().unwrap_or(0);
    let mut x = Array3::<f32>::zeros((sequences.len(), steps, config.inputs));
    for (mut padded, sequence) in x.outer_iter_mut().zip(sequences) {
        padded
            .slice_mut(s![..sequence.nrows(), ..])
            .assign(sequence);
    }
    let lengths: Array1<i64> = sequences
        .iter()
        .map(|sequence| sequence.nrows() as i64)
        .collect();
    let mut archive = Cursor::new(Vec::new());
    let mut npz = NpzWriter::new_compressed(&mut archive);
    npz.add_array("X_train", &x)?;
    npz.add_array("lengths_train", &lengths)?;
    let rows = if config.mode.is_per_step() { steps } else { 1 };
    let mut y = Array3::<f32>::zeros((sequences.len(), rows, config.outputs));
    for (mut padded, answer) in y.outer_iter_mut().zip(&answers) {
        padded.slice_mut(s![..answer.nrows(), ..]).assign(answer);
    }
    match (config.head, config.mode.is_per_step()) {
        (Head::Linear, false) => {
            npz.add_array("y_train", &y.slice(s![.., 0, ..]).to_owned())?;
        }
        (Head::Linear, true) => npz.add_array("y_train", &y)?,
        (_, per_step) => {
            let decisions = Array2::from_shape_fn((sequences.len(), rows), |(n, t)| {
                decide(y.slice(s![n, t, ..])) as i64
            });
            match per_step {
                false => npz.add_array("y_train", &decisions.column(0).to_owned())?,
                true => npz.add_array("y_train", &decisions)?,
            }
        }
    }
    npz.finish()?;
    Ok(archive.into_inner())
}
