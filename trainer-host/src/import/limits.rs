//! The limits of a network, held before arrays of its sizes are made.

pub(super) use lstm_nostd::model::{MAX_DENSE_LAYERS, MAX_RECURRENT_LAYERS};

use super::error::Problem;
use crate::network::MAX_LAYER_SIZE;

/// Refuses more values a step than a layer here can have, and none.
pub(super) fn require_size(name: &str, size: usize) -> Result<(), Problem> {
    match size {
        1..=MAX_LAYER_SIZE => Ok(()),
        _ => Err(Problem::refused(
            name,
            format!("it reads or gives {size} values, and a layer here has 1 to {MAX_LAYER_SIZE}"),
        )),
    }
}

/// Refuses one layer more than a network here can have, which are `most`.
pub(super) fn require_room(name: &str, layers: usize, most: usize) -> Result<(), Problem> {
    match layers < most {
        true => Ok(()),
        false => Err(Problem::refused(
            name,
            format!("too deep: a network here has at most {most} layers of its kind"),
        )),
    }
}
