//! Sums of products of four rows, four or eight groups side by side, so that they share what is done to the activations.
//!
//! ```text
//! int8 × int16   a block of sixteen weights is widened; vpmaddwd with four activations, four times over
//! int8 × int8    two blocks: vpmaddubsw of |x| with w, or with −w − 1 where x is negative, whose pairs fit 16 bits, then
//!                vpmaddwd with ones. So each negative x is added once too often, and taken off the sums
//! int4 × int16   four blocks are shifted by 0, 4, 8 and 12 and masked, which makes inputs 0 and 1, then 2 and 3 of rows
//!                0 and 2, then those of rows 1 and 3; vpmaddwd with the activations 0 and 1 or 2 and 3 of each block.
//!                The nibbles are w + 8, so that 8 · Σx is taken off the sums
//! ```
//!
//! Additions wrap: what a part of a sum is above the end of i32, another part takes back.

use core::arch::x86_64::{
    __m256i, _mm_cvtsi32_si128, _mm_loadl_epi64, _mm_loadu_si128, _mm_set1_epi32, _mm256_abs_epi8,
    _mm256_add_epi32, _mm256_and_si256, _mm256_broadcastq_epi64, _mm256_cmpgt_epi8,
    _mm256_cvtepi8_epi16, _mm256_hadd_epi32, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_maskload_epi64, _mm256_permute2x128_si256,
    _mm256_permute4x64_epi64, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_epi64x,
    _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_shuffle_epi32,
    _mm256_sll_epi32, _mm256_srli_epi16, _mm256_storeu_si256, _mm256_sub_epi32,
    _mm256_unpackhi_epi32, _mm256_unpacklo_epi32, _mm256_xor_si256, _mm256_zextsi128_si256,
};

use crate::kernels::x86::operands::{NARROW, NIBBLES, Operands, Part, WIDE};
use crate::kernels::x86::put;
use crate::kernels::{Activation, Block, I32x4, RecurrentRows, RowBlock, quads};

/// What the sums of these operands are too large by.
#[target_feature(enable = "avx2")]
pub(super) fn excess(operands: &Operands<'_>) -> i32 {
    match operands.kind {
        WIDE => 0,
        NARROW => operands.excess(|x| x.min(0)),
        _ => operands.excess(|x| x << 3),
    }
}

/// The sums of the rows of some groups, from `first` on, with both activations.
///
/// # Safety
/// There are the groups.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn totals(
    operands: &Operands<'_>,
    excess: i32,
    first: usize,
    sums: &mut [I32x4],
) {
    let excess = _mm256_set1_epi32(excess);
    // Groups of int4 weights take two registers each.
    let step = if operands.kind == NIBBLES { 4 } else { 8 };
    for (index, sums) in sums.chunks_mut(step).enumerate() {
        let first = first + step * index;
        // SAFETY: as above.
        unsafe {
            match (operands.kind, sums.len()) {
                (WIDE, 5..) => totals_of::<WIDE, 8>(operands, excess, first, sums),
                (WIDE, _) => totals_of::<WIDE, 4>(operands, excess, first, sums),
                (NARROW, 5..) => totals_of::<NARROW, 8>(operands, excess, first, sums),
                (NARROW, _) => totals_of::<NARROW, 4>(operands, excess, first, sums),
                _ => totals_of::<NIBBLES, 4>(operands, excess, first, sums),
            }
        }
    }
}

/// The sums of up to `N` groups, side by side.
///
/// # Safety
/// `KIND` is the operands' kind, and it has the groups.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn totals_of<const KIND: u8, const N: usize>(
    operands: &Operands<'_>,
    excess: __m256i,
    first: usize,
    totals: &mut [I32x4],
) {
    let count = totals.len();
    // Past the last group, the last one again.
    let groups: [usize; N] = core::array::from_fn(|n| first + n.min(count - 1));
    let mut sums = [[_mm256_setzero_si256(); N]; 2];
    for part in &operands.parts {
        // SAFETY: as above.
        let rows = groups.map(|group| unsafe { operands.row(group, part) });
        // SAFETY: each row has the part's blocks, and the activations have as many times four.
        unsafe {
            match KIND {
                WIDE => wide(&mut sums[0], rows, part),
                NARROW => narrow(&mut sums[0], rows, part),
                _ => nibbles(&mut sums, rows, part),
            }
        }
        if part.shift != 0 {
            let shift = _mm_cvtsi32_si128(part.shift as i32);
            let used = if KIND == NIBBLES { 2 } else { 1 };
            for sum in sums[..used].as_flattened_mut() {
                *sum = _mm256_sll_epi32(*sum, shift);
            }
        }
    }
    let [mut sums, others] = sums;
    if KIND == NIBBLES {
        for (sum, other) in sums.iter_mut().zip(others) {
            *sum = interleaved(*sum, other);
        }
    }
    let mut rows = [[0; 4]; N];
    let pairs = rows.as_chunks_mut::<2>().0.iter_mut();
    for (rows, [a, b]) in pairs.zip(sums.as_chunks().0) {
        let pair = match KIND {
            WIDE => rows_of_pairs(*a, *b),
            _ => rows_of_blocks(*a, *b),
        };
        // SAFETY: the rows of two groups, and the store needs no alignment.
        unsafe { _mm256_storeu_si256(rows.as_mut_ptr().cast(), _mm256_sub_epi32(pair, excess)) };
    }
    put(totals, count, rows);
}

/// Adds lanes `[i, i, f, f | g, g, o, o]` of each group: the even and the odd pairs of inputs of a gate.
///
/// # Safety
/// From each row on there are the part's blocks, of sixteen bytes, and it has eight bytes of activations for each.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn wide<const N: usize>(sums: &mut [__m256i; N], rows: [*const u8; N], part: &Part<'_>) {
    let x = part.activations.as_ptr();
    for index in 0..part.blocks {
        // SAFETY: there is a block for each index; loads need no alignment.
        unsafe {
            let x = _mm256_broadcastq_epi64(_mm_loadl_epi64(x.add(8 * index).cast()));
            for (sum, row) in sums.iter_mut().zip(rows) {
                let block = _mm256_cvtepi8_epi16(_mm_loadu_si128(row.add(16 * index).cast()));
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(block, x));
            }
        }
    }
}

/// Adds lanes `[i, f, g, o | i, f, g, o]` of each group: the even blocks and the odd ones.
///
/// # Safety
/// From each row on there are the part's blocks, of sixteen bytes, and it has four bytes of activations for each.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn narrow<const N: usize>(sums: &mut [__m256i; N], rows: [*const u8; N], part: &Part<'_>) {
    let x = part.activations.as_ptr();
    let ones = _mm256_set1_epi16(1);
    // Four bytes over and over, and the next four in the upper half.
    let spread = _mm256_setr_epi8(
        0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, //
        4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7,
    );
    let negative = |x: __m256i| _mm256_cmpgt_epi8(_mm256_setzero_si256(), x);
    let products = |weights: __m256i, x: __m256i| {
        let weights = _mm256_xor_si256(weights, negative(x));
        _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(x), weights), ones)
    };
    for index in 0..part.blocks / 2 {
        // SAFETY: there are two blocks for each index; loads need no alignment.
        unsafe {
            let x = _mm256_broadcastq_epi64(_mm_loadl_epi64(x.add(8 * index).cast()));
            let x = _mm256_shuffle_epi8(x, spread);
            for (sum, row) in sums.iter_mut().zip(rows) {
                let blocks = _mm256_loadu_si256(row.add(32 * index).cast());
                *sum = _mm256_add_epi32(*sum, products(blocks, x));
            }
        }
    }
    if !part.blocks.is_multiple_of(2) {
        let index = part.blocks - 1;
        // SAFETY: the last block; zeros follow it.
        unsafe {
            let x = x.add(4 * index).cast::<i32>().read_unaligned();
            let x = _mm256_zextsi128_si256(_mm_set1_epi32(x));
            for (sum, row) in sums.iter_mut().zip(rows) {
                let block = _mm_loadu_si128(row.add(16 * index).cast());
                *sum = _mm256_add_epi32(*sum, products(_mm256_zextsi128_si256(block), x));
            }
        }
    }
}

/// Adds lanes `[i, g]` of each group, four times, and `[f, o]` in the other half of `sums`.
///
/// # Safety
/// From each row on there are the part's blocks, of eight bytes, and it has eight bytes of activations for each.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn nibbles<const N: usize>(
    sums: &mut [[__m256i; N]; 2],
    rows: [*const u8; N],
    part: &Part<'_>,
) {
    let x = part.activations.as_ptr();
    let whole = part.blocks / 4;
    for index in 0..whole {
        // SAFETY: there are four blocks for each index; loads need no alignment.
        unsafe {
            let x = _mm256_loadu_si256(x.add(32 * index).cast());
            let mut weights = [x; N];
            for (weights, row) in weights.iter_mut().zip(rows) {
                *weights = _mm256_loadu_si256(row.add(32 * index).cast());
            }
            four_blocks(sums, weights, x);
        }
    }
    if !part.blocks.is_multiple_of(4) {
        // Ones for the blocks that are there.
        const ONES: [i64; 7] = [-1, -1, -1, 0, 0, 0, 0];
        // SAFETY: the mask has no more lanes of eight bytes than blocks are left.
        unsafe {
            let left = part.blocks % 4;
            let here = _mm256_loadu_si256(ONES.as_ptr().add(3 - left).cast());
            let x = _mm256_maskload_epi64(x.add(32 * whole).cast(), here);
            let mut weights = [x; N];
            for (weights, row) in weights.iter_mut().zip(rows) {
                *weights = _mm256_maskload_epi64(row.add(32 * whole).cast(), here);
            }
            four_blocks(sums, weights, x);
        }
    }
}

/// What [`nibbles`] adds for four blocks of each group.
#[target_feature(enable = "avx2")]
#[inline]
fn four_blocks<const N: usize>(sums: &mut [[__m256i; N]; 2], weights: [__m256i; N], x: __m256i) {
    let [of_i_g, of_f_o] = sums;
    let nibble = _mm256_set1_epi16(15);
    let x_01 = _mm256_shuffle_epi32::<0b10_10_00_00>(x);
    let x_23 = _mm256_shuffle_epi32::<0b11_11_01_01>(x);
    let add = |sum: &mut __m256i, w: __m256i, x: __m256i| {
        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(w, x));
    };
    for ((i_g, f_o), w) in of_i_g.iter_mut().zip(of_f_o).zip(weights) {
        let masked = |w: __m256i| _mm256_and_si256(w, nibble);
        add(i_g, masked(w), x_01);
        add(i_g, masked(_mm256_srli_epi16::<4>(w)), x_23);
        add(f_o, masked(_mm256_srli_epi16::<8>(w)), x_01);
        add(f_o, _mm256_srli_epi16::<12>(w), x_23);
    }
}

/// `[i, f, g, o]` of even and odd blocks from `[i, g]` and `[f, o]` of all blocks.
#[target_feature(enable = "avx2")]
#[inline]
fn interleaved(of_i_g: __m256i, of_f_o: __m256i) -> __m256i {
    _mm256_add_epi32(
        _mm256_unpacklo_epi32(of_i_g, of_f_o),
        _mm256_unpackhi_epi32(of_i_g, of_f_o),
    )
}

/// The rows of two groups, one after the other, from lanes as [`wide`] has them.
#[target_feature(enable = "avx2")]
#[inline]
fn rows_of_pairs(a: __m256i, b: __m256i) -> __m256i {
    _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(a, b))
}

/// The rows of two groups, one after the other, from lanes as [`narrow`] has them.
#[target_feature(enable = "avx2")]
#[inline]
fn rows_of_blocks(a: __m256i, b: __m256i) -> __m256i {
    _mm256_add_epi32(
        _mm256_permute2x128_si256::<0x20>(a, b),
        _mm256_permute2x128_si256::<0x31>(a, b),
    )
}

/// The sums of a group whose blocks lie in any order, with the layer input and then with the hidden state, not shifted.
#[target_feature(enable = "avx2")]
pub(super) fn taken_apart<A: Activation>(
    rows: &RecurrentRows<'_>,
    group: usize,
    x: &[Block],
    h: &[Block],
) -> [I32x4; 2] {
    let products = |blocks: &mut dyn Iterator<Item = RowBlock>, x: &[Block]| {
        let mut sums = _mm256_setzero_si256();
        for (block, x) in blocks.zip(quads::<A>(x)) {
            let x: [i16; 4] = x.map(|x| x.into() as i16);
            let x = _mm256_set1_epi64x(bytemuck::cast(x));
            sums = _mm256_add_epi32(sums, _mm256_madd_epi16(widened(&block), x));
        }
        sums
    };
    let input = products(&mut rows.input_part(group), x);
    let recurrent = products(&mut rows.recurrent_part(group), h);
    let mut sums = [[0; 4]; 2];
    // SAFETY: 32 bytes, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), rows_of_pairs(input, recurrent)) };
    sums
}

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn widened(block: &RowBlock) -> __m256i {
    // SAFETY: a block is sixteen bytes, and the load needs no alignment.
    _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(block.as_ptr().cast()) })
}
