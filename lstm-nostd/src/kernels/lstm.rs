//! The parameters of an LSTM layer where they lie, and the door of a kernel in assembly.

use core::ops::Range;

use super::weights::{GROUPED, grouped_bias_excess, sums};
#[cfg(lstm_cortex_m)]
use super::{I16x4, blocks};
use super::{I32x4, Order, RowBlock, RowLayout, Scheme, Weights, Width};

/// Bias and multiplier of the four gates of one unit, in the order i, f, g, o.
pub type GateParameters = [I32x4; 2];

/// The parameters of one LSTM layer as they lie in a model file.
#[derive(Clone, Copy, Debug)]
pub struct LstmParameters<'m> {
    /// Hidden units, `H`.
    pub hidden: usize,
    /// Layer inputs, `I`.
    pub inputs: usize,
    /// Rows in gate order i, f, g, o, in −127..=127 or −7..=7, padded with zeros.
    pub weights: Weights<'m>,
    /// The type of the layer input and of the hidden state.
    pub width: Width,
    /// `[H]`; biases as the order of the weights has them.
    pub gates: &'m [GateParameters],
    /// Peephole weights in gate order i, f, (0), o, in accumulator units per unit of the narrow
    /// cell: `[H]`, or empty without peepholes.
    pub peepholes: &'m [[i16; 4]],
    /// Left shift of the input products, `k` in (A).
    pub x_shift: u32,
    /// Left shift of the recurrent products, `n` in (A) and (H): 0 for int16, 0..=8 for int8.
    pub h_shift: u32,
    /// The shift that brings the layer below to this one's width, see [`convert`](super::convert); 0 between
    /// equal ones.
    pub input_shift: u32,
    /// Integer bits of the cell, `m` in 1..=15: the cell is `Qm.(31−m)`.
    pub cell_int_bits: u32,
}

impl<'m> LstmParameters<'m> {
    /// How the layer is quantised.
    pub const fn scheme(&self) -> Scheme {
        match (self.weights, self.width) {
            (Weights::Nibbles(_), _) => Scheme::W4a16,
            (_, Width::Int16) => Scheme::W8a16,
            (_, Width::Int8) => Scheme::W8a8,
        }
    }

    /// Where the weights of a unit's rows lie.
    #[inline(always)]
    pub fn rows(&self) -> RowLayout {
        let shifts = self.x_shift.cmp(&self.h_shift);
        (self.weights.order()).rows(self.inputs, self.hidden, shifts)
    }

    /// The blocks of unit `unit` that meet the layer input, with the padding of its part.
    #[inline(always)]
    pub fn input_part(&self, unit: usize) -> impl Iterator<Item = RowBlock> + use<'m> {
        let rows = self.rows();
        self.part(unit * rows.lanes(), rows.x)
    }

    /// The blocks of unit `unit` that meet the hidden state, with the padding of its part.
    #[inline(always)]
    pub fn recurrent_part(&self, unit: usize) -> impl Iterator<Item = RowBlock> + use<'m> {
        let rows = self.rows();
        self.part(unit * rows.lanes(), rows.h)
    }

    /// What the stored biases of unit `unit` hold above the biases of (A).
    #[inline(always)]
    pub fn bias_excess(&self, unit: usize) -> I32x4 {
        match self.weights.order() {
            Order::Grouped if GROUPED => grouped_bias_excess(
                sums(self.input_part(unit)),
                sums(self.recurrent_part(unit)),
                self.x_shift,
            ),
            _ => [0; 4],
        }
    }

    #[inline(always)]
    fn part(&self, start: usize, part: Range<usize>) -> impl Iterator<Item = RowBlock> + use<'m> {
        let weights = self.weights;
        let (first, len) = (start + part.start, part.len());
        (0..len.div_ceil(4)).map(move |index| weights.block(first, index, len))
    }
}

/// The door of a kernel in assembly: whether what it will read and write is there.
#[cfg(lstm_cortex_m)]
impl LstmParameters<'_> {
    /// Whether the layer is whole and the operands of a step are as long as it says.
    #[inline(always)]
    pub(super) fn fits(&self, x: &[I16x4], h: &[I16x4], cell: &[I32x4], next: &[I16x4]) -> bool {
        let (lanes, cells) = (self.width.blocks(self.hidden), blocks(self.hidden));
        self.inputs > 0
            && self.hidden > 0
            && 4 * self.weights.block_count() / self.hidden >= self.rows().lanes()
            && self.gates.len() >= self.hidden
            && (self.peepholes.is_empty() || self.peepholes.len() >= self.hidden)
            && x.len() >= self.width.blocks(self.inputs)
            && h.len() >= lanes
            && cell.len() >= cells
            && next.len() >= lanes
    }

    /// The peepholes of the first unit, or null without peepholes.
    pub(super) fn first_peepholes(&self) -> *const [i16; 4] {
        if self.peepholes.is_empty() {
            core::ptr::null()
        } else {
            self.peepholes.as_ptr()
        }
    }
}
