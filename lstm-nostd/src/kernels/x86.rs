//! Hosts with AVX2, for fast evaluation of whole data sets in the same integers: `vpmaddwd`.
//!
//! A block of the generic order, four gates by four inputs, is one load that is widened to sixteen int16.
//! Four activations, four times over, are multiplied with it, and neighbouring products added: eight int32,
//! two for each gate. A block of sixteen products takes four instructions. Blocks of other orders are taken
//! apart first. The elementwise part is that of the specification.
//!
//! The CPU is asked once whether it has AVX2; without it the specification runs.
#![allow(unsafe_code)]

use core::arch::x86_64::{
    __cpuid, __cpuid_count, __m128i, __m256i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_loadu_si128,
    _mm_shuffle_epi32, _mm256_add_epi32, _mm256_castsi256_si128, _mm256_cvtepi8_epi16,
    _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi64x,
    _mm256_setzero_si256, _mm256_storeu_si256, _xgetbv,
};
use core::ops::Range;
use core::sync::atomic::{AtomicU8, Ordering};

use super::{
    Activation, Block, DenseOutputs, DenseParameters, DenseWeights, I32x4, Kernels, LstmParameters,
    Order, RecurrentRows, RowBlock, RowSums, Weights, Width, copy, lstm, quads, scalar::Scalar,
    scalar::nth,
};

/// The kernels of this file.
#[derive(Clone, Copy, Debug)]
pub struct X86;

impl Kernels for X86 {
    const ORDERS: &'static [Order] = &Order::ALL;

    fn row_sums(rows: &RecurrentRows<'_>, group: usize, x: &[Block], h: &[Block]) -> RowSums {
        if !has_avx2() {
            return Scalar::row_sums(rows, group, x, h);
        }
        // SAFETY: the CPU has AVX2.
        unsafe {
            match rows.width.in_build() {
                Width::Int16 => group_sums::<i16>(rows, group, x, h),
                Width::Int8 => group_sums::<i8>(rows, group, x, h),
            }
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

/// A step as a whole, so that the CPU is not asked for each unit.
#[target_feature(enable = "avx2")]
fn lstm_step<A: Activation>(
    layer: &LstmParameters<'_>,
    x: &[Block],
    h: &mut [Block],
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    let total = |unit: usize| group_sums::<A>(&layer.rows, unit, x, h).total();
    lstm::units::<A>(layer, cell, next, total, |_, _| ());
    copy::<A>(next, h, layer.rows.outputs);
}

/// [`Kernels::row_sums`] with activations of one type.
#[target_feature(enable = "avx2")]
fn group_sums<A: Activation>(
    rows: &RecurrentRows<'_>,
    group: usize,
    x: &[Block],
    h: &[Block],
) -> RowSums {
    let (x, h) = (quads::<A>(x), quads::<A>(h));
    let (input, recurrent) = match rows.weights {
        Weights::Generic(blocks) => {
            let layout = rows.layout();
            let start = group * (layout.lanes() / 4);
            let part = |part: Range<usize>| {
                let blocks = blocks.get(start + part.start / 4..start + part.end / 4);
                blocks.unwrap_or_default().iter().copied()
            };
            (products(part(layout.x), x), products(part(layout.h), h))
        }
        _ => (
            products(rows.input_part(group), x),
            products(rows.recurrent_part(group), h),
        ),
    };
    RowSums {
        input: input.map(|sum| sum << rows.x_shift),
        recurrent: recurrent.map(|sum| sum << rows.h_shift),
    }
}

/// The sums of products of one part of four rows.
#[target_feature(enable = "avx2")]
fn products<A: Activation>(blocks: impl Iterator<Item = RowBlock>, x: &[[A; 4]]) -> I32x4 {
    let mut sums = _mm256_setzero_si256();
    for (block, x) in blocks.zip(x) {
        let x = x.map(|x| i64::from(x.into() as u16));
        let four = x[0] | x[1] << 16 | x[2] << 32 | x[3] << 48;
        let products = _mm256_madd_epi16(widened(block.as_flattened()), _mm256_set1_epi64x(four));
        sums = _mm256_add_epi32(sums, products);
    }
    let mut pairs = [[0i32; 2]; 4];
    // SAFETY: 32 bytes, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(pairs.as_mut_ptr().cast::<__m256i>(), sums) };
    pairs.map(|[even, odd]| even + odd)
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
        let products = _mm256_madd_epi16(widened(weights.as_flattened()), x);
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

/// Sixteen int8 as int16; the slice must have sixteen.
#[target_feature(enable = "avx2")]
fn widened(bytes: &[i8]) -> __m256i {
    let mut sixteen = [0; 16];
    sixteen.copy_from_slice(bytes);
    // SAFETY: sixteen bytes, and the load needs no alignment.
    let sixteen: __m128i = unsafe { _mm_loadu_si128(sixteen.as_ptr().cast()) };
    _mm256_cvtepi8_epi16(sixteen)
}

/// Whether CPU and operating system have AVX2.
fn has_avx2() -> bool {
    const UNKNOWN: u8 = 2;
    static ANSWER: AtomicU8 = AtomicU8::new(UNKNOWN);
    match ANSWER.load(Ordering::Relaxed) {
        UNKNOWN => {
            let answer = ask_for_avx2();
            ANSWER.store(answer.into(), Ordering::Relaxed);
            answer
        }
        answer => answer == 1,
    }
}

/// As Intel's manual has it: the instructions, and registers that the operating system saves.
fn ask_for_avx2() -> bool {
    const SAVES_REGISTERS: u32 = 1 << 27;
    const AVX: u32 = 1 << 28;
    const AVX2: u32 = 1 << 5;
    const XMM_AND_YMM: u64 = 0b110;
    if __cpuid(0).eax < 7 {
        return false;
    }
    let features = __cpuid(1).ecx;
    features & (SAVES_REGISTERS | AVX) == SAVES_REGISTERS | AVX
        && __cpuid_count(7, 0).ebx & AVX2 != 0
        // SAFETY: the instruction exists where the operating system saves registers with it.
        && unsafe { _xgetbv(0) } & XMM_AND_YMM == XMM_AND_YMM
}
