//! The specification: sums of products of every scheme in plain loops.
//!
//! What follows from the sums is in the file of each kind of layer, [`lstm`](super::lstm) and
//! [`dense`](super::dense). `docs/numerics.md` explains the formats.

use super::dense::nibbles;
use super::{
    Activation, Block, DenseOutputs, DenseParameters, DenseWeights, I32x4, Kernels, Order,
    RecurrentRows, RowBlock, RowSums, Width, blocks, quads,
};
use crate::bounded::{add, shl};

/// Plain loops, for any core.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

impl Kernels for Scalar {
    const ORDERS: &'static [Order] = &Order::ALL;

    #[inline(always)]
    fn row_sums(rows: &RecurrentRows<'_>, group: usize, x: &[Block], h: &[Block]) -> RowSums {
        match rows.width.in_build() {
            Width::Int16 => group_sums::<i16>(rows, group, x, h),
            Width::Int8 => group_sums::<i8>(rows, group, x, h),
        }
    }

    fn dense(layer: &DenseParameters<'_>, x: &[Block], y: &mut DenseOutputs<'_>) {
        let rows = layer.group_rows();
        for group in 0..layer.group_count() {
            let mut sums = Self::row_sums(&rows, group, x, &[]).input;
            for (sum, excess) in sums.iter_mut().zip(rows.bias_excess(group)) {
                *sum = sum.wrapping_sub(excess);
            }
            layer.put(group.saturating_mul(4), &sums, y);
        }
        dense_rest(layer, x, y);
    }
}

/// Outputs of the rows of a dense layer that lie in no group.
// One copy of it is enough for hidden and output layers.
#[inline(never)]
pub(super) fn dense_rest(layer: &DenseParameters<'_>, x: &[Block], y: &mut DenseOutputs<'_>) {
    let grouped = layer.grouped_rows();
    for index in 0..layer.outputs.saturating_sub(grouped) {
        let sum = match (layer.weights, layer.width.in_build()) {
            (DenseWeights::Nibbles(words), _) => {
                nibble_sum(nth(words, index, layer.inputs.div_ceil(8)), x)
            }
            (DenseWeights::Int8(quads), width) => {
                let quads = nth(quads, index, blocks(layer.inputs));
                match width {
                    Width::Int16 => row_sum::<i16>(quads, x),
                    Width::Int8 => row_sum::<i8>(quads, x),
                }
            }
        };
        layer.put(grouped.saturating_add(index), &[sum], y);
    }
}

/// Part `index` of parts of `len` elements.
#[inline(always)]
pub(super) fn nth<T>(all: &[T], index: usize, len: usize) -> &[T] {
    let rest = all.get(index.saturating_mul(len)..);
    rest.and_then(|rest| rest.get(..len)).unwrap_or_default()
}

/// The sum in (E) of a row of int8.
#[inline(always)]
fn row_sum<A: Activation>(row: &[[i8; 4]], x: &[Block]) -> i32 {
    let mut x = quads::<A>(x).iter();
    let mut sum = 0;
    for w in row {
        let Some(x) = x.next() else { break };
        sum = add(sum, dot(w, x));
    }
    sum
}

/// The sum in (E) of a row of int4, whose padding may lie past the last lanes.
#[inline(always)]
fn nibble_sum(row: &[[u8; 4]], x: &[Block]) -> i32 {
    if !cfg!(feature = "w4a16") {
        return 0;
    }
    let mut x = quads::<i16>(x).iter();
    let mut sum = 0;
    for word in row {
        let word = u32::from_le_bytes(*word);
        for half in [word, word >> 16] {
            let Some(x) = x.next() else { break };
            sum = add(sum, dot(&nibbles(half), x));
        }
    }
    sum
}

/// [`Kernels::row_sums`] with activations of one type.
#[inline(always)]
fn group_sums<A: Activation>(
    rows: &RecurrentRows<'_>,
    group: usize,
    x: &[Block],
    h: &[Block],
) -> RowSums {
    let input = products(rows.input_part(group), quads::<A>(x));
    let recurrent = products(rows.recurrent_part(group), quads::<A>(h));
    RowSums {
        input: input.map(|sum| shl(sum, rows.x_shift)),
        recurrent: recurrent.map(|sum| shl(sum, rows.h_shift)),
    }
}

/// The sums of products of one part of four rows. Not inlined, as flash would pay for every copy.
#[inline(never)]
fn products<A: Activation>(blocks: impl Iterator<Item = RowBlock>, x: &[[A; 4]]) -> I32x4 {
    let mut acc = [0; 4];
    let mut x = x.iter();
    for block in blocks {
        let Some(x) = x.next() else { break };
        for (acc, row) in acc.iter_mut().zip(&block) {
            *acc = add(*acc, dot(row, x));
        }
    }
    acc
}

#[inline(always)]
fn dot<A: Activation>(w: &[i8; 4], x: &[A; 4]) -> i32 {
    let products = w.iter().zip(x).map(|(w, x)| i32::from(*w) * (*x).into());
    products.fold(0, add)
}
