//! The specification: sums of products of every scheme in plain loops.
//!
//! What follows from the sums is in the file of each kind of layer, [`lstm`](super::lstm) and
//! [`dense`](super::dense). `docs/numerics.md` explains the formats.

use super::{
    Activation, Block, DenseParameters, I32x4, Kernels, Order, RecurrentRows, RowBlock, RowSums,
    Width, quads,
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

    // One copy of it is enough for hidden and output layers.
    #[inline(never)]
    fn dense_row(layer: &DenseParameters<'_>, row: usize, x: &[Block]) -> i32 {
        let sum = match layer.width.in_build() {
            Width::Int16 => dense_products::<i16>(layer, row, x),
            Width::Int8 => dense_products::<i8>(layer, row, x),
        };
        layer.value(row, sum)
    }
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

/// The sum in (E) of one row.
#[inline(always)]
fn dense_products<A: Activation>(layer: &DenseParameters<'_>, row: usize, x: &[Block]) -> i32 {
    let pairs = layer.weights.row(row, layer.inputs).zip(quads::<A>(x));
    pairs.fold(0, |sum, (w, x)| add(sum, dot(&w, x)))
}

#[inline(always)]
fn dot<A: Activation>(w: &[i8; 4], x: &[A; 4]) -> i32 {
    let products = w.iter().zip(x).map(|(w, x)| i32::from(*w) * (*x).into());
    products.fold(0, add)
}
