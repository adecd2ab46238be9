//! A dense layer: its parameters where they lie, and what follows from the sum of a row.
//!
//! ```text
//! y_r = sat(mul_high(Σ_j w[r,j] · x_j + bias_r, mult_r) << shift)                                (E)
//! ```
//!
//! Weights are rows of int8, or of int4, two to a byte: a weight w is stored as the nibble w + 8, an even
//! input's in the lower half of its byte.

use super::{Scheme, Width, blocks};
use crate::bounded::add;
use crate::requant::{mul_high, saturating_shift_left};

/// The parameters of one dense layer as they lie in a model file.
#[derive(Clone, Copy, Debug)]
pub struct DenseParameters<'m> {
    /// Layer inputs, `I`.
    pub inputs: usize,
    /// Outputs, `O`.
    pub outputs: usize,
    /// Rows in −127..=127 or −7..=7, padded with zeros.
    pub weights: DenseWeights<'m>,
    /// The type of the layer input and, in hidden layers, of the output.
    pub width: Width,
    /// Bias and multiplier of each row, `[O]`.
    pub rows: &'m [[i32; 2]],
    /// Saturating left shift after the multiplication.
    pub output_shift: u32,
    /// The shift that brings the layer below to this one's width, see [`convert`](super::convert); 0 between
    /// equal ones.
    pub input_shift: u32,
}

impl DenseParameters<'_> {
    /// How the layer is quantised.
    pub const fn scheme(&self) -> Scheme {
        match (self.weights, self.width) {
            (DenseWeights::Nibbles(_), _) => Scheme::W4a16,
            (_, Width::Int16) => Scheme::W8a16,
            (_, Width::Int8) => Scheme::W8a8,
        }
    }

    /// (E) from the sum of row `row`; 0 past the last row.
    #[inline(always)]
    pub fn value(&self, row: usize, sum: i32) -> i32 {
        let [bias, mult] = self.rows.get(row).copied().unwrap_or_default();
        saturating_shift_left(mul_high(add(sum, bias), mult), self.output_shift)
    }
}

/// The weights of a dense layer where they lie.
#[derive(Clone, Copy, Debug)]
pub enum DenseWeights<'m> {
    /// `[O][⌈I/4⌉]`
    Int8(&'m [[i8; 4]]),
    /// `[O][⌈I/8⌉]`
    Nibbles(&'m [[u8; 4]]),
}

impl<'m> DenseWeights<'m> {
    /// Bytes that they take.
    pub const fn bytes(&self) -> usize {
        match self {
            Self::Int8(quads) => size_of_val(*quads),
            Self::Nibbles(words) => size_of_val(*words),
        }
    }

    /// Row `row` of a layer with `inputs` inputs, four weights at a time; int4 rows have whole bytes of
    /// padding, and so may be one longer than ⌈I/4⌉.
    #[inline(always)]
    pub fn row(&self, row: usize, inputs: usize) -> impl Iterator<Item = [i8; 4]> + use<'m> {
        let weights = *self;
        let quads = match self {
            Self::Int8(_) => blocks(inputs),
            Self::Nibbles(_) => 2 * inputs.div_ceil(8),
        };
        let first = row.wrapping_mul(quads);
        (0..quads).map(move |index| weights.quad(first.wrapping_add(index)))
    }

    /// Four weights, counted over all rows; zeros past the end.
    #[inline(always)]
    fn quad(&self, index: usize) -> [i8; 4] {
        match self {
            Self::Int8(quads) => quads.get(index).copied().unwrap_or_default(),
            Self::Nibbles(_) if !cfg!(feature = "w4a16") => [0; 4],
            Self::Nibbles(words) => words
                .get(index / 2)
                .map(|word| {
                    let [_, _, upper @ ..] = word;
                    let [a, b] = if index.is_multiple_of(2) {
                        [word[0], word[1]]
                    } else {
                        *upper
                    };
                    [a & 15, a >> 4, b & 15, b >> 4].map(|nibble| nibble as i8 - 8)
                })
                .unwrap_or_default(),
        }
    }
}
