//! Hosts with AVX2.
//!
//! ```text
//! products   sums of products of four or eight groups of rows side by side, 16 or 32 products to an instruction
//! units      what follows from the sums, eight units side by side
//! ```

mod products;
mod units;

use core::arch::x86_64::{
    _mm_add_epi32, _mm_cvtsi128_si32, _mm_shuffle_epi32, _mm256_add_epi32, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_setzero_si256,
};

use products::widened;
use units::{Narrow, UNITS};

use super::cpu::has_avx2;
use super::operands::Operands;
use super::{padded, put};
use crate::kernels::{
    Block, DenseOutputs, DenseParameters, DenseWeights, GateParameters, I32x4, Kernels,
    LstmParameters, Order, RecurrentRows, RowSums, Width, copy, lanes_mut, scalar::Scalar,
    scalar::nth, sums_by_rows,
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
        let mut excess = None;
        move |first, sums| {
            let operands = Operands::of(rows, x, h).filter(|_| has_avx2());
            let operands = operands.as_ref().map(|operands| {
                // SAFETY: the CPU has AVX2.
                let excess = excess.get_or_insert_with(|| unsafe { products::excess(operands) });
                (operands, *excess)
            });
            totals(operands, rows, first, sums, x, h);
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

/// Units whose sums are made before the first of them advances. A unit advances in one long chain of instructions, and
/// those of several registers overlap.
const AHEAD: usize = 4 * UNITS;

/// A step as a whole.
#[target_feature(enable = "avx2")]
fn lstm_step<A: Narrow>(
    layer: &LstmParameters<'_>,
    x: &[Block],
    h: &mut [Block],
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    // `h` stays as it is until all sums are made.
    let operands = Operands::of(&layer.rows, x, h);
    let operands = operands.as_ref().map(|rows| (rows, products::excess(rows)));
    let cells = cell.as_flattened_mut().chunks_mut(AHEAD);
    let lanes = lanes_mut::<A>(next).chunks_mut(AHEAD);
    let gates = layer.gates.chunks(AHEAD);
    for (index, ((gates, cells), lanes)) in gates.zip(cells).zip(lanes).enumerate() {
        let first = AHEAD * index;
        let mut sums = [[0; 4]; AHEAD];
        let some = &mut sums[..gates.len()];
        totals(operands, &layer.rows, first, some, x, h);
        let peepholes = layer.peepholes.get(first..).unwrap_or_default();
        lstm_units(layer, (gates, peepholes), &sums, cells, lanes);
    }
    copy::<A>(next, h, layer.units());
}

lstm_units!("avx2");

/// Sums of groups of rows from `first` on, with both activations and without what the stored biases hold. There are
/// `operands`, with what their sums are too large by, only if the CPU has AVX2.
fn totals(
    operands: Option<(&Operands<'_>, i32)>,
    rows: &RecurrentRows<'_>,
    first: usize,
    sums: &mut [I32x4],
    x: &[Block],
    h: &[Block],
) {
    match operands {
        // SAFETY: the CPU has AVX2, and there are the groups.
        Some((operands, excess)) if operands.has(first + sums.len()) => unsafe {
            products::totals(operands, excess, first, sums);
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
