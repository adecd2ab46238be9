//! The weights of a dense layer where they lie: rows of int8 or of int4, two to a byte.
//!
//! An int4 weight w is stored as the nibble w + 8, an even input's in the lower half of its byte.

use super::blocks;

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
        (row * quads..(row + 1) * quads).map(move |index| weights.quad(index))
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
