//! A dense layer: its parameters where they lie, and what follows from the sum of a row.
//!
//! ```text
//! y_r = sat(mul_high(Σ_j w[r,j] · x_j + bias_r, mult_r) << shift)                                (E)
//! ```
//!
//! In [`Order::Generic`] weights are rows of int8, or of int4, two to a byte: a weight w is stored as the nibble
//! w + 8, an even input's in the lower half of its byte. In other orders groups of four rows come first, which lie
//! as the input part of four recurrent rows does, so that the same loops sum them. One or two rows that are left
//! follow as in the generic order; three are padded to a group.

use core::cmp::Ordering;

use fixed::types::I16F16;

use super::{Activation, Order, RecurrentRows, Scheme, Weights, Width, blocks};
#[cfg(any(feature = "conv", feature = "projection"))]
use super::{Block, Kernels, lanes_mut};
use crate::requant::{mul_high, saturating_shift_left};

/// The parameters of one dense layer as they lie in a model file.
#[derive(Clone, Copy, Debug)]
pub struct DenseParameters<'m> {
    /// Layer inputs, `I`.
    pub inputs: usize,
    /// Outputs, `O`.
    pub outputs: usize,
    /// The rows that lie in groups, with those that pad the last one; none in generic order.
    pub groups: Weights<'m>,
    /// The other rows, in −127..=127 or −7..=7, padded with zeros.
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

/// Groups of four rows of a dense layer whose weights lie in `order`.
pub const fn dense_groups(order: Order, outputs: usize) -> usize {
    match order {
        Order::Generic => 0,
        _ => outputs.saturating_add(1) / 4,
    }
}

impl<'m> DenseParameters<'m> {
    /// Words of the sections of rows in `order`: of those in groups, of the others, and of biases and multipliers. `sizes` are
    /// inputs and outputs.
    pub(crate) fn words(
        scheme: Scheme,
        order: Order,
        (inputs, outputs): (usize, usize),
    ) -> [usize; 3] {
        let groups = dense_groups(order, outputs);
        let lanes = order.rows(inputs, 0, Ordering::Equal).lanes();
        let rest = outputs.saturating_sub(groups.saturating_mul(4));
        let row = match scheme {
            Scheme::W4a16 => inputs.div_ceil(8),
            Scheme::W8a16 | Scheme::W8a8 => blocks(inputs),
        };
        [
            Weights::words(scheme, groups, lanes),
            row.saturating_mul(rest),
            outputs.saturating_mul(2),
        ]
    }

    /// The layer whose sections these words are, with the shifts of output and input; none if there are others.
    pub(crate) fn of_words(
        scheme: Scheme,
        order: Order,
        sizes: (usize, usize),
        (output_shift, input_shift): (u32, u32),
        words: &'m [u32],
    ) -> Option<Self> {
        let [groups, rest, _] = Self::words(scheme, order, sizes);
        let (groups, words) = words.split_at_checked(groups)?;
        let (rest, rows) = words.split_at_checked(rest)?;
        Some(Self {
            inputs: sizes.0,
            outputs: sizes.1,
            groups: Weights::of(scheme, order, groups)?,
            weights: match scheme {
                Scheme::W8a16 | Scheme::W8a8 => {
                    DenseWeights::Int8(bytemuck::try_cast_slice(rest).ok()?)
                }
                Scheme::W4a16 => DenseWeights::Nibbles(bytemuck::try_cast_slice(rest).ok()?),
            },
            width: scheme.width(),
            rows: bytemuck::try_cast_slice(rows).ok()?,
            output_shift,
            input_shift,
        })
    }

    /// How the layer is quantised.
    pub const fn scheme(&self) -> Scheme {
        match (self.weights, self.width) {
            (DenseWeights::Nibbles(_), _) => Scheme::W4a16,
            (_, Width::Int16) => Scheme::W8a16,
            (_, Width::Int8) => Scheme::W8a8,
        }
    }

    /// How the weights are ordered.
    pub const fn order(&self) -> Order {
        self.groups.order()
    }

    /// Bytes that weights and rows take.
    pub const fn bytes(&self) -> usize {
        self.groups.bytes() + self.weights.bytes() + size_of_val(self.rows)
    }

    /// The groups as rows of a recurrent layer without a hidden state.
    #[inline(always)]
    pub const fn group_rows(&self) -> RecurrentRows<'m> {
        RecurrentRows {
            inputs: self.inputs,
            outputs: 0,
            weights: self.groups,
            width: self.width,
            x_shift: 0,
            h_shift: 0,
            input_shift: 0,
        }
    }

    /// Groups of four rows.
    #[inline(always)]
    pub const fn group_count(&self) -> usize {
        dense_groups(self.order(), self.outputs)
    }

    /// Rows that lie in groups, with those that pad the last one.
    #[inline(always)]
    pub const fn grouped_rows(&self) -> usize {
        self.group_count().saturating_mul(4)
    }

    /// Stores (E) of the rows from `first` on, as many as there are `sums`; past the last row nothing. Sums lack
    /// what the stored biases hold.
    #[inline(always)]
    pub fn put(&self, first: usize, sums: &[i32], y: &mut DenseOutputs<'_>) {
        let rows = self.rows.get(first..).unwrap_or_default();
        let values = rows.iter().zip(sums).map(|([bias, mult], sum)| {
            let value = mul_high(sum.wrapping_add(*bias), *mult);
            saturating_shift_left(value, self.output_shift)
        });
        y.put(first, values);
    }
}

/// Where the outputs of a dense layer go.
#[derive(Debug)]
pub enum DenseOutputs<'a> {
    /// Of the output layer, as they are.
    Values(&'a mut [I16F16]),
    /// Of a hidden layer, with ReLU.
    Int16(&'a mut [i16]),
    /// Of a hidden layer, with ReLU.
    Int8(&'a mut [i8]),
}

impl DenseOutputs<'_> {
    /// Stores (E) of the rows from `first` on; rows past the end go nowhere.
    #[inline(always)]
    fn put(&mut self, first: usize, values: impl Iterator<Item = i32>) {
        fn store<Y>(y: &mut [Y], first: usize, values: impl Iterator<Item = Y>) {
            let y = y.get_mut(first..).unwrap_or_default();
            y.iter_mut().zip(values).for_each(|(y, value)| *y = value);
        }
        fn relu<A: Activation>(value: i32) -> A {
            A::saturate(value.max(0))
        }
        match self {
            Self::Values(y) => store(y, first, values.map(I16F16::from_bits)),
            Self::Int16(y) => store(y, first, values.map(relu)),
            Self::Int8(y) if cfg!(feature = "w8a8") => store(y, first, values.map(relu)),
            Self::Int8(_) => {}
        }
    }
}

/// Outputs of a layer without ReLU that others read: (E), saturated to `y: [O]` in blocks of the layer's width. `free` is
/// scratch of `value_blocks`.
#[cfg(any(feature = "conv", feature = "projection"))]
#[inline(always)]
pub fn linear<K: Kernels>(
    layer: &DenseParameters<'_>,
    x: &[Block],
    y: &mut [Block],
    free: &mut [Block],
) {
    // Blocks are eight bytes on an 8-byte boundary, so that the cast never fails.
    let values: &mut [I16F16] = bytemuck::try_cast_slice_mut(free).unwrap_or_default();
    let values = values.get_mut(..layer.outputs).unwrap_or_default();
    K::dense(layer, x, &mut DenseOutputs::Values(values));
    match layer.width.in_build() {
        Width::Int16 => narrow(values, lanes_mut::<i16>(y)),
        Width::Int8 => narrow(values, lanes_mut::<i8>(y)),
    }
}

/// Blocks of scratch that [`linear`] needs: the values before they are narrowed.
#[cfg(any(feature = "conv", feature = "projection"))]
pub(crate) const fn value_blocks(outputs: usize) -> usize {
    outputs.div_ceil(2)
}

// `zip` is a call on Cortex-M0, and with debug assertions one that may panic.
#[cfg(any(feature = "conv", feature = "projection"))]
#[inline(always)]
fn narrow<A: Activation>(values: &[I16F16], y: &mut [A]) {
    let mut values = values.iter();
    for y in y {
        let Some(value) = values.next() else { break };
        *y = A::saturate(value.to_bits());
    }
}

/// The weights of four inputs in the lower half of a word.
#[inline(always)]
pub(super) fn nibbles(half: u32) -> [i8; 4] {
    [0, 4, 8, 12].map(|bit| (half >> bit & 15) as i8 - 8)
}

/// Rows of weights of a dense layer where they lie, one after the other.
#[derive(Clone, Copy, Debug)]
pub enum DenseWeights<'m> {
    /// `[rows][⌈I/4⌉]`
    Int8(&'m [[i8; 4]]),
    /// `[rows][⌈I/8⌉]`
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
                .map(|word| nibbles(u32::from_le_bytes(*word) >> (index % 2 * 16)))
                .unwrap_or_default(),
        }
    }
}
