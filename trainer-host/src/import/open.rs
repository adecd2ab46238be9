//! The door: a file of any kind that is known, by its content.

use std::path::Path;

use super::error::{ImportError, Problem};
use super::model::Source;
use super::{keras, onnx, state_dict, tflite};
use crate::network::{self, Padding};

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
    /// Steps from one output of a convolution to the next.
    pub conv_stride: Option<usize>,
    /// What stands before the first step of a convolution.
    pub conv_padding: Option<Padding>,
    /// Groups of a convolution; only 1 is taken.
    pub conv_groups: Option<usize>,
    /// Data follows, whose channels are held against the network's.
    pub has_data: bool,
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
        [b'P', b'K', 3, 4, ..] => hints.used(&["--output"], keras::read_archive(bytes, hints)?),
        [0x89, b'H', b'D', b'F', ..] => hints.used(&["--output"], keras::read_hdf5(bytes, hints)?),
        // The length of a header, which may begin as a pickle does.
        [_, _, _, _, 0, 0, 0, 0, b'{', ..] => hints.used(
            &[
                "--map",
                "--linear-head",
                "--time-first",
                "--conv-stride",
                "--conv-padding",
                "--conv-groups",
                POOLING,
            ],
            state_dict::read(bytes, hints)?,
        ),
        [0x80, 2..=5, ..] => Err(pickled()),
        [_, _, _, _, b'T', b'F', b'L', _, ..] => hints.used(&[], tflite::read(bytes)?),
        // A message begins with the number of a field: the version of the format, or the graph.
        [0x08 | 0x3a, ..] => hints.used(&["--output", "--zero-state"], onnx::read(bytes, hints)?),
        _ => Err(Problem::refused(
            "this file",
            "it is none of safetensors, ONNX, Keras (.keras, .h5) and TensorFlow Lite",
        )),
    }
}

/// The flags that say what is read over time.
const POOLING: &str = "--steps or --pooling";

impl Hints {
    /// `source`, of a file of a kind that leaves open what `used` say. Another hint would have no effect, so it is
    /// refused, but for what is read over time, which may be as the file says.
    fn used(&self, used: &[&str], source: Source) -> Result<Source, Problem> {
        let given = [
            ("--map", !self.map.is_empty()),
            ("--linear-head", self.linear_head),
            ("--time-first", self.time_first),
            ("--output", self.output.is_some()),
            ("--zero-state", self.zero_state),
            ("--conv-stride", self.conv_stride.is_some()),
            ("--conv-padding", self.conv_padding.is_some()),
            ("--conv-groups", self.conv_groups.is_some()),
            (
                POOLING,
                self.pooling
                    .is_some_and(|pooling| pooling != source.pooling()),
            ),
        ];
        match given
            .iter()
            .find(|(flag, given)| *given && !used.contains(flag))
        {
            None => Ok(source),
            Some((flag, _)) => Err(Problem::Open(format!(
                "{flag}: a file of this kind ({}) says that itself; leave the flag out",
                source.format
            ))),
        }
    }
}

impl Source {
    /// What its layers read over time.
    fn pooling(&self) -> Pooling {
        let mut layers = self.layers.iter();
        match layers.find_map(|layer| layer.layer.pooling()) {
            Some(network::Pooling::Last) => Pooling::Last,
            Some(network::Pooling::Mean) => Pooling::Mean,
            None => Pooling::Steps,
        }
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
