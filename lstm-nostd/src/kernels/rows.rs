//! The rows of weights of a recurrent layer, whatever its kind, and what they sum up to.
//!
//! ```text
//! input_r     = Σ_j w_x[r,j] · x_j << k
//! recurrent_r = Σ_j w_h[r,j] · h_j << n
//! ```
//!
//! Rows lie in groups of four. The gates of one LSTM unit are a group: (A) of [`super::lstm`] is the total of
//! both sums and a bias. A kind that needs the sums apart, as a GRU does for its candidate, takes them apart.

use core::ops::Range;

use super::weights::{GROUPED, grouped_bias_excess, sums};
use super::{I32x4, RowBlock, RowLayout, Scheme, Weights, Width};
use crate::bounded::add;

/// Rows of weights as they lie in a model file, with the formats of what they meet.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentRows<'m> {
    /// Layer inputs, `I`.
    pub inputs: usize,
    /// Values of the hidden state, `H`: the layer's outputs.
    pub outputs: usize,
    /// Rows in −127..=127 or −7..=7, padded with zeros, in the order of the layer's kind.
    pub weights: Weights<'m>,
    /// The type of the layer input and of the hidden state.
    pub width: Width,
    /// Left shift of the input products, `k`.
    pub x_shift: u32,
    /// Left shift of the recurrent products, `n`: 0 for int16, 0..=8 for int8.
    pub h_shift: u32,
    /// The shift that brings the layer below to this one's width, see [`convert`](super::convert); 0 between
    /// equal ones.
    pub input_shift: u32,
}

/// Sums of products of four rows, shifted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowSums {
    /// With the layer input.
    pub input: I32x4,
    /// With the hidden state.
    pub recurrent: I32x4,
}

impl RowSums {
    /// Input and recurrent sum of each row together.
    #[inline(always)]
    pub fn total(self) -> I32x4 {
        let mut total = self.input;
        for (total, recurrent) in total.iter_mut().zip(self.recurrent) {
            *total = add(*total, recurrent);
        }
        total
    }
}

/// Groups of four rows of a layer of `units` units, each with `rows` rows.
pub const fn row_groups(units: usize, rows: usize) -> usize {
    units.saturating_mul(rows).div_ceil(4)
}

impl<'m> RecurrentRows<'m> {
    /// How the rows are quantised.
    pub const fn scheme(&self) -> Scheme {
        match (self.weights, self.width) {
            (
                Weights::Nibbles(_)
                | Weights::GroupedNibbles(_)
                | Weights::PairedNibbles(_)
                | Weights::OffsetNibbles(_),
                _,
            ) => Scheme::W4a16,
            (_, Width::Int16) => Scheme::W8a16,
            (_, Width::Int8) => Scheme::W8a8,
        }
    }

    /// Where the weights of each row lie.
    #[inline(always)]
    pub fn layout(&self) -> RowLayout {
        let shifts = self.x_shift.cmp(&self.h_shift);
        (self.weights.order()).rows(self.inputs, self.outputs, shifts)
    }

    /// The blocks of group `group` that meet the layer input, with the padding of their part.
    #[inline(always)]
    pub fn input_part(&self, group: usize) -> impl Iterator<Item = RowBlock> + use<'m> {
        let layout = self.layout();
        self.part(group.wrapping_mul(layout.lanes()), layout.x)
    }

    /// The blocks of group `group` that meet the hidden state, with the padding of their part.
    #[inline(always)]
    pub fn recurrent_part(&self, group: usize) -> impl Iterator<Item = RowBlock> + use<'m> {
        let layout = self.layout();
        self.part(group.wrapping_mul(layout.lanes()), layout.h)
    }

    /// What the stored biases of group `group` hold above the biases of the layer's equations.
    #[inline(always)]
    pub fn bias_excess(&self, group: usize) -> I32x4 {
        match GROUPED {
            true => self.excess(group),
            false => [0; 4],
        }
    }

    // One copy of it is enough.
    #[inline(never)]
    fn excess(&self, group: usize) -> I32x4 {
        if !self.weights.order().has_bias_excess() {
            return [0; 4];
        }
        grouped_bias_excess(
            sums(self.input_part(group)),
            sums(self.recurrent_part(group)),
            self.x_shift,
        )
    }

    #[inline(always)]
    fn part(&self, start: usize, part: Range<usize>) -> impl Iterator<Item = RowBlock> + use<'m> {
        let weights = self.weights;
        let (first, len) = (start.wrapping_add(part.start), part.len());
        (0..len.div_ceil(4)).map(move |index| weights.block(first, index, len))
    }
}
