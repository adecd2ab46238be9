//! Sums of products of four rows, several groups side by side, so that they share what is done to the activations.
//!
//! ```text
//! int8 × int16   a block of sixteen weights is widened; vpmaddwd with four activations, four times over
//! int8 × int8    two blocks: vpmaddubsw of |x| with w · sign(x), whose pairs stay below 2¹⁵, then vpmaddwd with ones
//! int4 × int16   a block of eight bytes is shifted by 0, 4, 8 and 12 and masked; vpmaddwd as above. The nibbles are
//!                w + 8, so that 8 · Σx is taken off the sums
//! ```
//!
//! A weight is never −128, as the parser refuses it. Additions wrap: what a part of a sum is above the end of i32, another part takes back.

use core::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_abs_epi8, _mm256_add_epi32, _mm256_and_si256,
    _mm256_cvtepi8_epi16, _mm256_hadd_epi32, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_permute2x128_si256, _mm256_permute4x64_epi64,
    _mm256_permutevar8x32_epi32, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_epi64x,
    _mm256_setr_epi8, _mm256_setr_epi32, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_shuffle_epi32, _mm256_sign_epi8, _mm256_sllv_epi32, _mm256_srlv_epi32, _mm256_sub_epi32,
    _mm256_unpackhi_epi64, _mm256_unpacklo_epi64, _mm256_zextsi128_si256,
};
use core::ops::Range;

use crate::kernels::x86::{parts, shortest};
use crate::kernels::{
    Activation, Block, NibbleBlock, RecurrentRows, RowBlock, Weights, Width, quads,
};

/// The sums of `N` groups, each as the lanes of a [`RowSums`](crate::kernels::RowSums).
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn row_sums<const N: usize>(
    rows: &RecurrentRows<'_>,
    groups: [usize; N],
    x: &[Block],
    h: &[Block],
) -> [__m256i; N] {
    let [k, n] = [rows.x_shift, rows.h_shift].map(|shift| shift as i32);
    let shifts = _mm256_setr_epi32(k, k, k, k, n, n, n, n);
    let mut sums = unshifted(rows, groups, x, h);
    for sums in &mut sums {
        *sums = _mm256_sllv_epi32(*sums, shifts);
    }
    sums
}

#[target_feature(enable = "avx2")]
#[inline]
fn unshifted<const N: usize>(
    rows: &RecurrentRows<'_>,
    groups: [usize; N],
    x: &[Block],
    h: &[Block],
) -> [__m256i; N] {
    let layout = rows.layout();
    match (rows.weights, rows.width.in_build()) {
        (Weights::Generic(blocks), Width::Int16) => {
            let part = |part: &Range<usize>| parts(blocks, groups, layout.lanes(), part);
            let x = wide(part(&layout.x), quads(x));
            let h = wide(part(&layout.h), quads(h));
            let mut sums = x;
            for (sums, h) in sums.iter_mut().zip(h) {
                *sums = wide_gates(*sums, h);
            }
            sums
        }
        (Weights::Generic(blocks), Width::Int8) => {
            let part = |part: &Range<usize>| parts(blocks, groups, layout.lanes(), part);
            let x = narrow(part(&layout.x), quads(x));
            let h = narrow(part(&layout.h), quads(h));
            let mut sums = x;
            for (sums, h) in sums.iter_mut().zip(h) {
                *sums = narrow_gates(*sums, h);
            }
            sums
        }
        (Weights::Nibbles(blocks), _) => {
            let part = |part: &Range<usize>| parts(blocks, groups, layout.lanes(), part);
            let x = nibbles(part(&layout.x), quads(x));
            let h = nibbles(part(&layout.h), quads(h));
            let mut sums = x;
            for (sums, h) in sums.iter_mut().zip(h) {
                *sums = nibble_gates(*sums, h);
            }
            sums
        }
        (_, width) => {
            let mut sums = [_mm256_setzero_si256(); N];
            for (sums, group) in sums.iter_mut().zip(groups) {
                *sums = match width {
                    Width::Int16 => taken_apart::<i16>(rows, group, x, h),
                    Width::Int8 => taken_apart::<i8>(rows, group, x, h),
                };
            }
            sums
        }
    }
}

/// The sums of a group whose blocks lie in an order for a chip.
#[target_feature(enable = "avx2")]
#[inline]
fn taken_apart<A: Activation>(
    rows: &RecurrentRows<'_>,
    group: usize,
    x: &[Block],
    h: &[Block],
) -> __m256i {
    let products = |blocks: &mut dyn Iterator<Item = RowBlock>, x: &[Block]| {
        let mut sums = _mm256_setzero_si256();
        for (block, x) in blocks.zip(quads::<A>(x)) {
            let x: [i16; 4] = x.map(|x| x.into() as i16);
            sums = _mm256_add_epi32(sums, _mm256_madd_epi16(widened(&block), four(&x)));
        }
        sums
    };
    wide_gates(
        products(&mut rows.input_part(group), x),
        products(&mut rows.recurrent_part(group), h),
    )
}

/// Lanes `[i, i, f, f | g, g, o, o]` of each row of blocks: the even inputs and the odd ones of a gate.
#[target_feature(enable = "avx2")]
#[inline]
fn wide<const N: usize>(rows: [&[RowBlock]; N], x: &[[i16; 4]]) -> [__m256i; N] {
    let mut sums = [_mm256_setzero_si256(); N];
    for (index, x) in x[..shortest(&rows, x)].iter().enumerate() {
        let x = four(x);
        for (sum, row) in sums.iter_mut().zip(rows) {
            // SAFETY: no row is shorter than the activations that are left.
            let block = unsafe { row.get_unchecked(index) };
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(widened(block), x));
        }
    }
    sums
}

#[target_feature(enable = "avx2")]
#[inline]
fn wide_gates(x: __m256i, h: __m256i) -> __m256i {
    _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(x, h))
}

/// Lanes `[i, f, g, o | i, f, g, o]` of each row of blocks: the even blocks and the odd ones.
#[target_feature(enable = "avx2")]
#[inline]
fn narrow<const N: usize>(rows: [&[RowBlock]; N], x: &[[i8; 4]]) -> [__m256i; N] {
    let mut sums = [_mm256_setzero_si256(); N];
    let x = &x[..shortest(&rows, x)];
    let (pairs, last) = x.as_chunks::<2>();
    let ones = _mm256_set1_epi16(1);
    // Four bytes over and over, and the next four in the upper half.
    let spread = _mm256_setr_epi8(
        0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, //
        4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7,
    );
    let added = |sum: __m256i, weights: __m256i, x: __m256i| {
        let products = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(weights, x));
        _mm256_add_epi32(sum, _mm256_madd_epi16(products, ones))
    };
    for (index, x) in pairs.iter().enumerate() {
        let x = _mm256_set1_epi64x(bytemuck::cast(*x));
        let x = _mm256_shuffle_epi8(x, spread);
        for (sum, row) in sums.iter_mut().zip(rows) {
            // SAFETY: no row is shorter than the activations, which have two for each index; the load needs no
            // alignment.
            let weights = unsafe { _mm256_loadu_si256(row.as_ptr().add(2 * index).cast()) };
            *sum = added(*sum, weights, x);
        }
    }
    for x in last {
        let x = _mm256_set1_epi32(bytemuck::cast(*x));
        for (sum, row) in sums.iter_mut().zip(rows) {
            // SAFETY: no row is shorter than the activations.
            let weights = sixteen(unsafe { row.get_unchecked(2 * pairs.len()) });
            *sum = added(*sum, _mm256_zextsi128_si256(weights), x);
        }
    }
    sums
}

#[target_feature(enable = "avx2")]
#[inline]
fn narrow_gates(x: __m256i, h: __m256i) -> __m256i {
    let lower = _mm256_permute2x128_si256::<0x20>(x, h);
    let upper = _mm256_permute2x128_si256::<0x31>(x, h);
    _mm256_add_epi32(lower, upper)
}

/// Lanes `[i, g, i, g | f, o, f, o]` of each row of blocks: two neighbouring inputs, and the two after them.
#[target_feature(enable = "avx2")]
#[inline]
fn nibbles<const N: usize>(rows: [&[NibbleBlock]; N], x: &[[i16; 4]]) -> [__m256i; N] {
    let mut sums = [_mm256_setzero_si256(); N];
    let mut eights = _mm256_setzero_si256();
    let shifts = _mm256_setr_epi32(0, 0, 4, 4, 8, 8, 12, 12);
    let mask = _mm256_set1_epi32(0x000f_000f);
    let eight = _mm256_set1_epi16(8);
    for (index, x) in x[..shortest(&rows, x)].iter().enumerate() {
        // Inputs 0 and 1 twice, then 2 and 3 twice.
        let x = _mm256_shuffle_epi32::<0b01_01_00_00>(four(x));
        eights = _mm256_add_epi32(eights, _mm256_madd_epi16(eight, x));
        for (sum, row) in sums.iter_mut().zip(rows) {
            // SAFETY: no row is shorter than the activations that are left.
            let block = unsafe { row.get_unchecked(index) };
            let block = _mm256_set1_epi64x(bytemuck::cast(*block));
            let weights = _mm256_and_si256(_mm256_srlv_epi32(block, shifts), mask);
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(weights, x));
        }
    }
    for sum in &mut sums {
        *sum = _mm256_sub_epi32(*sum, eights);
    }
    sums
}

#[target_feature(enable = "avx2")]
#[inline]
fn nibble_gates(x: __m256i, h: __m256i) -> __m256i {
    // [i, g, i, g | f, o, f, o], of x and then of h.
    let sums = _mm256_add_epi32(_mm256_unpacklo_epi64(x, h), _mm256_unpackhi_epi64(x, h));
    _mm256_permutevar8x32_epi32(sums, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
}

/// Four activations, four times over.
#[target_feature(enable = "avx2")]
#[inline]
fn four(x: &[i16; 4]) -> __m256i {
    _mm256_set1_epi64x(bytemuck::cast(*x))
}

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn widened(block: &RowBlock) -> __m256i {
    _mm256_cvtepi8_epi16(sixteen(block))
}

#[target_feature(enable = "avx2")]
#[inline]
fn sixteen(block: &RowBlock) -> __m128i {
    // SAFETY: a block is sixteen bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
}
