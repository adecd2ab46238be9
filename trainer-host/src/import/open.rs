//! The door: a file of any kind that is known, by its content.

use std::path::Path;

use super::error::{ImportError, Problem};
use super::model::Source;
use super::{keras, onnx, state_dict, tflite};

/// What becomes of an LSTM's outputs over time, where the file does not say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooling {
    /// The last step's are read.
    #[default]
    Last,
    /// Every step's are read.
    Steps,
    /// Their mean is read.
    Mean,
    /// Their maximum is read.
    Max,
}

/// What a file may leave open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// What becomes of the outputs over time; the last step is read where it is not said.
    pub pooling: Option<Pooling>,
    /// No ReLU between linear layers.
    pub linear_head: bool,
    /// Arrays are `[T, B, I]` in place of `[B, T, I]`.
    pub time_first: bool,
    /// Names in the file, or beginnings of names, with what they are here.
    pub map: Vec<(String, String)>,
    /// The output to import, of a file with several.
    pub output: Option<String>,
    /// States that the file takes as inputs begin at zero.
    pub zero_state: bool,
}

/// Reads the network of a file.
///
/// # Errors
/// [`ImportError`] with the layer that a network here cannot hold, or with what is damaged.
pub fn open(path: &Path, hints: &Hints) -> Result<Source, ImportError> {
    if path.is_dir() {
        let why = "a SavedModel is a program, not a list of layers; save it with model.save(\"model.keras\")";
        return Err(Problem::refused("this folder", why).within(path));
    }
    let bytes = bytes(path)?;
    read(&bytes, hints).map_err(|problem| problem.within(path))
}

/// The bytes of a file.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, ImportError> {
    std::fs::read(path).map_err(|source| ImportError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

/// Reads the network in `bytes`.
///
/// # Errors
/// [`Problem`]: the layer that a network here cannot hold, or what is damaged.
pub fn read(bytes: &[u8], hints: &Hints) -> Result<Source, Problem> {
    match bytes {
        [b'P', b'K', 3, 4, ..] => keras::read_archive(bytes, hints),
        [0x89, b'H', b'D', b'F', ..] => keras::read_hdf5(bytes, hints),
        // The length of a header, which may begin as a pickle does.
        [_, _, _, _, 0, 0, 0, 0, b'{', ..] => state_dict::read(bytes, hints),
        [0x80, 2..=5, ..] => Err(pickled()),
        [_, _, _, _, b'T', b'F', b'L', _, ..] => tflite::read(bytes),
        // A message begins with the number of a field: the version of the format, or the graph.
        [0x08 | 0x3a, ..] => onnx::read(bytes, hints),
        _ => Err(Problem::Damaged(
            "it is none of safetensors, ONNX, Keras (.keras, .h5) and TensorFlow Lite".into(),
        )),
    }
}

/// A pickle is a program: reading it would run it.
pub(super) fn pickled() -> Problem {
    Problem::refused(
        "this pickled checkpoint",
        "a pickle is a program and is not run here; write safetensors in Python: \
         `import torch; from safetensors.torch import save_file`, \
         `state = torch.load(\"model.pt\", weights_only=True)`, \
         `save_file({name: tensor.contiguous() for name, tensor in state.items()}, \"model.safetensors\")`",
    )
}
