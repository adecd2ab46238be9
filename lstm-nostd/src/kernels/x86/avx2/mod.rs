//! Hosts with AVX2.
//!
//! ```text
//! products   sums of products of four groups of rows side by side, 16 or 32 products to an instruction
//! units      what follows from the sums, eight units side by side
//! ```

mod products;
mod units;

use core::arch::x86_64::{
    _mm_add_epi32, _mm_cvtsi128_si32, _mm_shuffle_epi32, _mm256_add_epi32, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_setzero_si256,
};

use products::widened;

use super::cpu::has_avx2;
use super::operands::Operands;
use super::{padded, put};
use crate::kernels::{
    Activation, Block, DenseOutputs, DenseParameters, DenseWeights, I32x4, Kernels, LstmParameters,
    Order, RecurrentRows, RowSums, Width, copy, lanes_mut, scalar::Scalar, scalar::nth,
    sums_by_rows,
};

/// The kernels of this file; the specification on a CPU without AVX2.
#[derive(Clone, Copy, Debug)]
pub struct Avx2;

impl Kernels for Avx2 {
    const ORDERS: &'static [Order] = &Order::ALL;

    fn row_sums(rows: &RecurrentRows<'_>, group: usize, x: &[Block], h: &[Block]) -> RowSums {
        if !has_avx2() {
            return Scalar::row_sums(rows, group, x, h);
        }
        // SAFETY: the CPU has AVX2.
        let [input, recurrent] = unsafe {
            match rows.width.in_build() {
                Width::Int16 => products::taken_apart::<i16>(rows, group, x, h),
                Width::Int8 => products::taken_apart::<i8>(rows, group, x, h),
            }
        };
        RowSums {
            input: input.map(|sum| sum << rows.x_shift),
            recurrent: recurrent.map(|sum| sum << rows.h_shift),
        }
    }

    #[cfg(any(feature = "gru", feature = "gru-before", feature = "coupled"))]
    fn group_sums(
        rows: &RecurrentRows<'_>,
        x: &[Block],
        h: &[Block],
    ) -> impl FnMut(usize, &mut [I32x4]) {
        move |first, sums| {
            let operands = Operands::of(rows, x, h).filter(|_| has_avx2());
            totals(operands.as_ref(), rows, first, sums, x, h);
        }
    }

    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        if !has_avx2() {
            return Scalar::lstm_step(layer, x, h, cell, next);
        }
        // SAFETY: the CPU has AVX2.
        unsafe {
            match layer.rows.width.in_build() {
                Width::Int16 => lstm_step::<i16>(layer, x, h, cell, next),
                Width::Int8 => lstm_step::<i8>(layer, x, h, cell, next),
            }
        }
    }

    fn dense(layer: &DenseParameters<'_>, x: &[Block], y: &mut DenseOutputs<'_>) {
        let (DenseWeights::Int8(weights), Width::Int16, 0) =
            (layer.weights, layer.width, layer.group_count())
        else {
            return Scalar::dense(layer, x, y);
        };
        if !has_avx2() {
            return Scalar::dense(layer, x, y);
        }
        let count = layer.inputs.div_ceil(4);
        for row in 0..layer.outputs {
            // SAFETY: the CPU has AVX2.
            let sum = unsafe { dense_products(nth(weights, row, count), x) };
            layer.put(row, &[sum], y);
        }
    }
}

/// A step as a whole, eight units at a time. Where the last ones are fewer, zeros stand for the others.
#[target_feature(enable = "avx2")]
fn lstm_step<A: Activation>(
    layer: &LstmParameters<'_>,
    x: &[Block],
    h: &mut [Block],
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    let rows = &layer.rows;
    // `h` stays as it is until all sums are made.
    let operands = Operands::of(rows, x, h);
    let shifts = (layer.cell_int_bits, rows.h_shift);
    let cells = cell.as_flattened_mut().chunks_mut(8);
    let lanes = lanes_mut::<A>(next).chunks_mut(8);
    for (index, (cells, lanes)) in cells.zip(lanes).enumerate() {
        let first = 8 * index;
        let count = layer.gates.len().saturating_sub(first).min(8);
        let mut sums = [[0; 4]; 8];
        totals(operands.as_ref(), rows, first, &mut sums[..count], x, h);
        let (mut gates, mut peepholes) = Default::default();
        let gates = padded(layer.gates.get(first..).unwrap_or_default(), &mut gates);
        let peepholes = padded(
            layer.peepholes.get(first..).unwrap_or_default(),
            &mut peepholes,
        );
        let mut advanced = *padded(cells, &mut [0; 8]);
        let hidden = units::advance(shifts, gates, peepholes, &sums, &mut advanced);
        put(cells, count, advanced);
        put(lanes, count, hidden.map(A::saturate));
    }
    copy::<A>(next, h, layer.units());
}

/// Sums of groups of rows from `first` on, with both activations and without what the stored biases hold. There are
/// `operands` only if the CPU has AVX2.
fn totals(
    operands: Option<&Operands<'_>>,
    rows: &RecurrentRows<'_>,
    first: usize,
    sums: &mut [I32x4],
    x: &[Block],
    h: &[Block],
) {
    match operands {
        // SAFETY: the CPU has AVX2, and there are the groups.
        Some(operands) if operands.has(first + sums.len()) => unsafe {
            products::totals(operands, first, sums);
        },
        _ => sums_by_rows::<Avx2>(rows, first, sums, x, h),
    }
}

/// The products of a row of four weights for each block.
#[target_feature(enable = "avx2")]
fn dense_products(weights: &[[i8; 4]], x: &[Block]) -> i32 {
    let (groups, rest) = weights.as_chunks::<4>();
    let (x_groups, x_rest) = x.split_at_checked(4 * groups.len()).unwrap_or((x, &[]));
    let mut sums = _mm256_setzero_si256();
    for (weights, x) in groups.iter().zip(x_groups.as_chunks::<4>().0) {
        // SAFETY: four blocks are 32 bytes, and the load needs no alignment.
        let x = unsafe { _mm256_loadu_si256(x.as_ptr().cast()) };
        let products = _mm256_madd_epi16(widened(weights), x);
        sums = _mm256_add_epi32(sums, products);
    }
    let halves = _mm_add_epi32(
        _mm256_castsi256_si128(sums),
        _mm256_extracti128_si256::<1>(sums),
    );
    let quarters = _mm_add_epi32(halves, _mm_shuffle_epi32::<0b00_00_11_10>(halves));
    let sum = _mm_add_epi32(quarters, _mm_shuffle_epi32::<0b00_00_00_01>(quarters));
    let rest = rest.iter().zip(x_rest).map(|(w, x)| {
        let products = w.iter().zip(x.0).map(|(w, x)| i32::from(*w) * i32::from(x));
        products.sum::<i32>()
    });
    _mm_cvtsi128_si32(sum) + rest.sum::<i32>()
}
