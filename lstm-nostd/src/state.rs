//! The state of one stream: what a model remembers between time steps, owned by the caller.

use crate::kernels::{Block, I32x4};

/// Hidden and cell state of all recurrent layers, first to last.
///
/// `CELLS` is the model's `cell_blocks` and `HIDDEN` its `hidden_blocks` (more is allowed where a model
/// arrives at run time). Plain data: copy it to fork a stream, keep one for each of several streams, or
/// save its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct State<const CELLS: usize, const HIDDEN: usize> {
    /// Cells in blocks of four units, `Qm.(31−m)` with each layer's own `m`.
    pub cell: [I32x4; CELLS],
    /// Hidden state in blocks of four units, Q0.15, or of eight in layers with int8 activations; then the last inputs of a
    /// convolution, if there is one.
    pub hidden: [Block; HIDDEN],
}

impl<const CELLS: usize, const HIDDEN: usize> State<CELLS, HIDDEN> {
    /// The state before the first time step: all zero.
    pub const fn new() -> Self {
        Self {
            cell: [[0; 4]; CELLS],
            hidden: [Block::ZERO; HIDDEN],
        }
    }

    /// Back to the state before the first time step.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// The bytes to save, little-endian: cells, then hidden state, 16 `CELLS` and 8 `HIDDEN` bytes.
    pub fn bytes(&self) -> [&[u8]; 2] {
        [
            bytemuck::cast_slice(&self.cell),
            bytemuck::cast_slice(&self.hidden),
        ]
    }

    /// The same bytes, to write what was saved. Any bytes are a valid state.
    pub fn bytes_mut(&mut self) -> [&mut [u8]; 2] {
        [
            bytemuck::cast_slice_mut(&mut self.cell),
            bytemuck::cast_slice_mut(&mut self.hidden),
        ]
    }
}

impl<const CELLS: usize, const HIDDEN: usize> Default for State<CELLS, HIDDEN> {
    fn default() -> Self {
        Self::new()
    }
}
