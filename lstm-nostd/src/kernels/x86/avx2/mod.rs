//! Hosts with AVX2.
//!
//! ```text
//! products   sums of products of four groups of rows side by side, 16 or 32 products to an instruction
//! units      what follows from the sums, eight units side by side
//! ```

mod products;
mod units;

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_setr_epi32, _mm_setzero_si128,
    _mm_shuffle_epi32, _mm_sub_epi32, _mm256_add_epi32, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_setzero_si256,
    _mm256_storeu_si256,
};

use products::widened;

use super::cpu::has_avx2;
use super::{padded, put};
use crate::kernels::{
    Activation, Block, DenseOutputs, DenseParameters, DenseWeights, I32x4, Kernels, LstmParameters,
    Order, RecurrentRows, RowSums, Width, copy, lanes_mut, scalar::Scalar, scalar::nth,
};

/// Units whose products are summed side by side.
const SUMMED: usize = 4;

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
        unsafe { row_sums(rows, group, x, h) }
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

/// [`Kernels::row_sums`]
#[target_feature(enable = "avx2")]
fn row_sums(rows: &RecurrentRows<'_>, group: usize, x: &[Block], h: &[Block]) -> RowSums {
    let [sums] = products::row_sums(rows, [group], x, h);
    let mut lanes = [[0; 4]; 2];
    // SAFETY: 32 bytes, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sums) };
    let [input, recurrent] = lanes;
    RowSums { input, recurrent }
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
    let shifts = (layer.cell_int_bits, rows.h_shift);
    let cells = cell.as_flattened_mut().chunks_mut(8);
    let lanes = lanes_mut::<A>(next).chunks_mut(8);
    for (index, (cells, lanes)) in cells.zip(lanes).enumerate() {
        let first = 8 * index;
        let count = layer.gates.len().saturating_sub(first).min(8);
        let sums = totals(rows, first, count, x, h);
        let (mut gates, mut peepholes) = Default::default();
        let gates = padded(layer.gates.get(first..).unwrap_or_default(), &mut gates);
        let peepholes = padded(
            layer.peepholes.get(first..).unwrap_or_default(),
            &mut peepholes,
        );
        let mut advanced = *padded(cells, &mut [0; 8]);
        let hidden = units::advance(shifts, gates, peepholes, sums, &mut advanced);
        put(cells, count, advanced);
        put(lanes, count, hidden.map(A::saturate));
    }
    copy::<A>(next, h, rows.outputs);
}

/// (A) without the biases of `count` units from `first` on, at most eight.
#[target_feature(enable = "avx2")]
#[inline]
fn totals(
    rows: &RecurrentRows<'_>,
    first: usize,
    count: usize,
    x: &[Block],
    h: &[Block],
) -> [__m128i; 8] {
    let mut totals = [_mm_setzero_si128(); 8];
    for (part, totals) in totals.as_chunks_mut::<SUMMED>().0.iter_mut().enumerate() {
        if SUMMED * part >= count {
            break;
        }
        // Past the last unit, the last one again.
        let unit = |n: usize| first + (SUMMED * part + n).min(count - 1);
        let units = core::array::from_fn(unit);
        let sums = products::row_sums::<SUMMED>(rows, units, x, h);
        for ((total, sums), unit) in totals.iter_mut().zip(sums).zip(units) {
            *total = _mm_add_epi32(
                _mm256_castsi256_si128(sums),
                _mm256_extracti128_si256::<1>(sums),
            );
            if rows.weights.order().has_bias_excess() {
                let [i, f, g, o] = rows.bias_excess(unit);
                *total = _mm_sub_epi32(*total, _mm_setr_epi32(i, f, g, o));
            }
        }
    }
    totals
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
