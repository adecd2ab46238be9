//! The state of one stream: what an LSTM remembers between time steps, owned by the caller.

use crate::kernels::{I16x4, I32x4};

/// Hidden and cell state of all LSTM layers, first to last, in blocks of four units.
///
/// `BLOCKS` is the model's `state_blocks` (more is allowed where a model arrives at run time).
/// Plain data: copy it to fork a stream, keep one for each of several streams, or save it with
/// [`State::to_bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct State<const BLOCKS: usize> {
    /// Cells, `Qm.(31−m)` with each layer's own `m`.
    pub cell: [I32x4; BLOCKS],
    /// Hidden state, Q0.15.
    pub hidden: [I16x4; BLOCKS],
}

/// Bytes of a saved block: four cells and four hidden values.
pub const BYTES_PER_BLOCK: usize = 24;

impl<const BLOCKS: usize> State<BLOCKS> {
    /// The state before the first time step: all zero.
    pub const fn new() -> Self {
        Self {
            cell: [[0; 4]; BLOCKS],
            hidden: [I16x4([0; 4]); BLOCKS],
        }
    }

    /// Back to the state before the first time step.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// The blocks as one saved row each, little-endian: four cells, then four hidden values.
    pub fn to_bytes(&self) -> [[u8; BYTES_PER_BLOCK]; BLOCKS] {
        let mut saved = [[0; BYTES_PER_BLOCK]; BLOCKS];
        for ((bytes, cell), hidden) in saved.iter_mut().zip(&self.cell).zip(&self.hidden) {
            let (cells, hiddens) = bytes.split_at_mut(16);
            for (bytes, c) in cells.as_chunks_mut::<4>().0.iter_mut().zip(cell) {
                *bytes = c.to_le_bytes();
            }
            for (bytes, h) in hiddens.as_chunks_mut::<2>().0.iter_mut().zip(hidden.0) {
                *bytes = h.to_le_bytes();
            }
        }
        saved
    }

    /// The inverse of [`State::to_bytes`]. Any bytes are a valid state.
    pub fn from_bytes(saved: &[[u8; BYTES_PER_BLOCK]; BLOCKS]) -> Self {
        let mut state = Self::new();
        for ((bytes, cell), hidden) in saved.iter().zip(&mut state.cell).zip(&mut state.hidden) {
            let (cells, hiddens) = bytes.split_at(16);
            for (bytes, c) in cells.as_chunks::<4>().0.iter().zip(cell) {
                *c = i32::from_le_bytes(*bytes);
            }
            for (bytes, h) in hiddens.as_chunks::<2>().0.iter().zip(&mut hidden.0) {
                *h = i16::from_le_bytes(*bytes);
            }
        }
        state
    }
}

impl<const BLOCKS: usize> Default for State<BLOCKS> {
    fn default() -> Self {
        Self::new()
    }
}
