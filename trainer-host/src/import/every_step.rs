//! A file that reads every step of a network with a convolution: its outputs are those of the convolution alone, and
//! here each stands until the next one.

use ndarray::{Array2, Axis};

use crate::network::{Convolution, Mode, NetworkConfig};

/// What is said of a file that reads every step, whose outputs are fewer than its steps.
pub(super) fn standing(conv: &Convolution) -> Option<String> {
    let each = match (conv.stride, conv.first()) {
        (1, 0) => return None,
        (1, _) => "step".to_owned(),
        (stride, _) => format!("{stride} steps"),
    };
    Some(format!(
        "the file has an output at step {}, counted from 0, and every {each} from there; here the outputs stand until the next one",
        conv.first()
    ))
}

/// The rows of `found`, `[T, O]` each, that a file has, and what they are for: below a convolution those of its outputs
/// alone, between which they stand here.
pub(super) fn rows_of_file(
    config: &NetworkConfig,
    found: &[Array2<f32>],
) -> (Vec<Array2<f32>>, String) {
    let conv = match (config.mode, &config.conv) {
        (Mode::SequenceToOne | Mode::SequenceToMean, _) => {
            return (found.to_vec(), "each sequence".into());
        }
        (Mode::SequenceToSequence, None) => return (found.to_vec(), "each step".into()),
        (Mode::SequenceToSequence, Some(conv)) => conv,
    };
    let (first, stride) = (conv.first(), conv.stride);
    let rows = |rows: &Array2<f32>| {
        let moved: Vec<usize> = (first..rows.nrows()).step_by(stride).collect();
        rows.select(Axis(0), &moved)
    };
    let found: Vec<_> = found.iter().map(rows).collect();
    let count = found.iter().map(Array2::nrows).max().unwrap_or(0);
    let each = format!(
        "each output of the convolution (step {first} and every {stride} from there, {count} in all)"
    );
    (found, each)
}
