//! The stages of a model: raw inputs to layer inputs, a convolution, recurrent layers, dense layers, outputs to real units.
//!
//! Each is a view of a model file with a function that advances or evaluates it; the arithmetic is
//! in [`crate::kernels`].

#[cfg(feature = "conv")]
pub mod conv;
#[cfg(feature = "coupled")]
pub mod coupled;
pub mod dense;
mod direction;
#[cfg(feature = "gru")]
pub mod gru;
#[cfg(feature = "gru-before")]
pub mod gru_before;
pub mod input;
pub mod lstm;
#[cfg(feature = "mean")]
pub mod mean;
pub mod output;
#[cfg(feature = "projection")]
pub mod projected;
pub mod recurrent;

pub use direction::Direction;
pub use recurrent::{RecurrentLayer, UnitStep};

use crate::kernels::Width;

/// What a layer needs of the caller's buffers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerSize {
    /// The type of its input and, but for the output layer, of its outputs.
    pub(crate) width: Width,
    /// Outputs.
    pub(crate) outputs: usize,
    /// Blocks of cells.
    pub(crate) cells: usize,
    /// Blocks of scratch of a recurrent layer, beside its input.
    pub(crate) scratch: usize,
}

impl LayerSize {
    /// Of a layer whose scratch is as long as its outputs.
    pub(crate) const fn of(width: Width, outputs: usize, cells: usize) -> Self {
        Self {
            width,
            outputs,
            cells,
            scratch: width.blocks(outputs),
        }
    }
}

/// What a convolution needs of the caller's buffers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConvSize {
    /// The type of its inputs and outputs.
    pub(crate) width: Width,
    /// Filters.
    pub(crate) outputs: usize,
    /// Blocks of its state.
    pub(crate) state: usize,
    /// Blocks of scratch beside its outputs, while they are computed.
    pub(crate) values: usize,
}
