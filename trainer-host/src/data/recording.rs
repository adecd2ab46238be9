//! One sequence in real units.

use ndarray::{Array2, ArrayView2};

use super::{Dataset, offset_of};

/// A sequence `[T, I]` as it is stored, and what is to be added to each channel for real units.
#[derive(Clone, Copy, Debug)]
pub struct Recording<'a> {
    stored: ArrayView2<'a, f32>,
    offsets: &'a [f64],
}

impl<'a> Recording<'a> {
    /// The real values of channel `j`, `[T]`, with no digit lost.
    pub fn channel(self, j: usize) -> impl Iterator<Item = f64> + 'a {
        let offset = offset_of(self.offsets, j);
        let stored = self.stored;
        (0..stored.nrows()).map(move |t| f64::from(stored[[t, j]]) + offset)
    }

    /// The real values of each step, `[T][I]`.
    pub fn steps(self) -> impl Iterator<Item = Vec<f64>> + 'a {
        let Self { stored, offsets } = self;
        (0..stored.nrows()).map(move |t| {
            let row = stored.row(t);
            row.iter()
                .enumerate()
                .map(|(j, value)| f64::from(*value) + offset_of(offsets, j))
                .collect()
        })
    }
}

impl<'a> From<&'a Array2<f32>> for Recording<'a> {
    /// Of values without offsets.
    fn from(stored: &'a Array2<f32>) -> Self {
        Self {
            stored: stored.view(),
            offsets: &[],
        }
    }
}

impl Dataset {
    /// Sequence `i` in real units.
    ///
    /// Panics if there is none.
    pub fn recording(&self, i: usize) -> Recording<'_> {
        Recording {
            stored: self.sequences[i].view(),
            offsets: &self.offsets,
        }
    }

    /// Every sequence in real units.
    pub fn recordings(&self) -> Vec<Recording<'_>> {
        (0..self.len()).map(|i| self.recording(i)).collect()
    }
}
