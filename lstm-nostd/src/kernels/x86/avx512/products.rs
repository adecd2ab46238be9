//! Sums of products of four rows, eight groups side by side, so that they share what is done to the activations.
//!
//! ```text
//! int8 × int16   two blocks of sixteen weights are widened; vpdpwssd with eight activations, four times over
//! int8 × int8    four blocks: vpdpbusd of w + 128, as unsigned bytes, with sixteen activations, four times over
//! int4 × int16   eight blocks, whose bytes are put in the order of rows; vpdpbusd of the lower nibbles, then of the upper
//!                ones, with the lower bytes of the activations, which have no sign, and with the upper ones. The nibbles
//!                are w + 8
//! ```
//!
//! Weights are too large by the same for all rows: 128 · Σx or 8 · Σx is taken off the sums. Additions wrap: what a part
//! of a sum is above the end of i32, another part takes back.
//!
//! Functions of the standard library that take a closure, such as `array::map`, do not have the instructions. A closure
//! that uses them would be called and not inlined, so there are loops instead.

use core::arch::x86_64::{
    __m128i, __m512i, _mm_cvtsi32_si128, _mm_loadl_epi64, _mm_loadu_si128, _mm_maskz_loadu_epi32,
    _mm_setr_epi8, _mm256_loadu_si256, _mm256_zextsi128_si256, _mm512_add_epi32, _mm512_and_si512,
    _mm512_broadcast_i32x4, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cvtepi8_epi16,
    _mm512_dpbusd_epi32, _mm512_dpwssd_epi32, _mm512_loadu_si512, _mm512_maskz_loadu_epi32,
    _mm512_maskz_loadu_epi64, _mm512_permutexvar_epi32, _mm512_permutexvar_epi64, _mm512_set1_epi8,
    _mm512_set1_epi32, _mm512_setr_epi32, _mm512_setr_epi64, _mm512_setzero_si512,
    _mm512_shuffle_epi8, _mm512_shuffle_i64x2, _mm512_shuffle_ps, _mm512_sll_epi32,
    _mm512_slli_epi32, _mm512_srli_epi16, _mm512_storeu_si512, _mm512_sub_epi32, _mm512_xor_si512,
    _mm512_zextsi128_si512,
};

use crate::kernels::I32x4;
use crate::kernels::x86::operands::{NARROW, NIBBLES, Operands, Part, WIDE};
use crate::kernels::x86::put;

/// Groups whose products are summed side by side.
const SUMMED: usize = 8;

/// The sums of eight groups, each in sixteen lanes. With int4 weights, `[0]` is of the activations' lower bytes and `[1]`
/// of their upper bytes; otherwise `[1]` stays zero.
type Sums = [[__m512i; SUMMED]; 2];

/// What the sums of these operands are too large by.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn excess(operands: &Operands<'_>) -> i32 {
    match operands.kind {
        WIDE => 0,
        NARROW => operands.excess(|x| x << 7),
        _ => operands.excess(|x| x << 3),
    }
}

/// The sums of the rows of some groups, from `first` on, with both activations.
///
/// # Safety
/// There are the groups.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn totals(
    operands: &Operands<'_>,
    excess: i32,
    first: usize,
    sums: &mut [I32x4],
) {
    let excess = _mm512_set1_epi32(excess);
    for (index, sums) in sums.chunks_mut(SUMMED).enumerate() {
        let count = sums.len();
        // Past the last group, the last one again.
        let group = |n: usize| first + SUMMED * index + n.min(count - 1);
        let groups = core::array::from_fn(group);
        // SAFETY: as above.
        let [lower, upper] = unsafe {
            match operands.kind {
                WIDE => totals_of::<WIDE>(operands, groups),
                NARROW => totals_of::<NARROW>(operands, groups),
                _ => totals_of::<NIBBLES>(operands, groups),
            }
        };
        let mut rows = [[0; 4]; SUMMED];
        // SAFETY: each register has the rows of four groups, and the stores need no alignment.
        unsafe {
            let at = rows.as_mut_ptr();
            _mm512_storeu_si512(at.cast(), _mm512_sub_epi32(lower, excess));
            _mm512_storeu_si512(at.add(4).cast(), _mm512_sub_epi32(upper, excess));
        }
        put(sums, count, rows);
    }
}

/// The sums of eight groups with both activations: the rows of four groups, then those of the other four.
///
/// # Safety
/// `KIND` is the operands' kind, and it has the groups.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
unsafe fn totals_of<const KIND: u8>(
    operands: &Operands<'_>,
    groups: [usize; SUMMED],
) -> [__m512i; 2] {
    let mut sums = [[_mm512_setzero_si512(); SUMMED]; 2];
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
                *sum = _mm512_sll_epi32(*sum, shift);
            }
        }
    }
    let [mut sums, upper] = sums;
    if KIND == NIBBLES {
        for (sum, upper) in sums.iter_mut().zip(upper) {
            *sum = _mm512_add_epi32(*sum, _mm512_slli_epi32::<8>(upper));
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    match KIND {
        WIDE => [rows_of_pairs([a, b, c, d]), rows_of_pairs([e, f, g, h])],
        _ => [rows_of_blocks([a, b, c, d]), rows_of_blocks([e, f, g, h])],
    }
}

/// Adds lanes `[i, i, f, f, g, g, o, o]` of each group, twice: the even and the odd pairs of inputs of a gate.
///
/// # Safety
/// From each row on there are the part's blocks, of sixteen bytes, and it has eight bytes of activations for each.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
unsafe fn wide(sums: &mut [__m512i; SUMMED], rows: [*const u8; SUMMED], part: &Part<'_>) {
    let x = part.activations.as_ptr();
    for index in 0..part.blocks / 2 {
        // SAFETY: there are two blocks for each index; loads need no alignment.
        unsafe {
            let x = four_times(_mm_loadu_si128(x.add(16 * index).cast()));
            for (sum, row) in sums.iter_mut().zip(rows) {
                let block = _mm512_cvtepi8_epi16(_mm256_loadu_si256(row.add(32 * index).cast()));
                *sum = _mm512_dpwssd_epi32(*sum, block, x);
            }
        }
    }
    if !part.blocks.is_multiple_of(2) {
        let index = part.blocks - 1;
        // SAFETY: the last block; zeros follow it.
        unsafe {
            let x = four_times(_mm_loadl_epi64(x.add(8 * index).cast()));
            for (sum, row) in sums.iter_mut().zip(rows) {
                let block = _mm256_zextsi128_si256(_mm_loadu_si128(row.add(16 * index).cast()));
                *sum = _mm512_dpwssd_epi32(*sum, _mm512_cvtepi8_epi16(block), x);
            }
        }
    }
}

/// Adds lanes `[i, f, g, o]` of each group, four times.
///
/// # Safety
/// From each row on there are the part's blocks, of eight bytes, and it has eight bytes of activations for each.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
unsafe fn nibbles(sums: &mut Sums, rows: [*const u8; SUMMED], part: &Part<'_>) {
    let [lower, upper] = sums;
    let nibble = _mm512_set1_epi8(15);
    // Of two blocks, the bytes of i, then those of f, g and o.
    let in_rows = _mm_setr_epi8(0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 12, 14, 5, 7, 13, 15);
    let in_rows = _mm512_broadcast_i32x4(in_rows);
    let mut start = 0;
    while start < part.blocks {
        let here = mask_of((part.blocks - start).min(8));
        // SAFETY: the mask has no more lanes than there are blocks of eight bytes; loads need no alignment.
        let x = unsafe {
            _mm512_maskz_loadu_epi64(here, part.activations.as_ptr().add(8 * start).cast())
        };
        // These bytes of two blocks, for each of four rows.
        let bytes =
            |places: [u8; 4]| _mm512_shuffle_epi8(x, _mm512_set1_epi32(i32::from_ne_bytes(places)));
        let lower_01 = bytes([0, 2, 8, 10]);
        let lower_23 = bytes([4, 6, 12, 14]);
        let upper_01 = bytes([1, 3, 9, 11]);
        let upper_23 = bytes([5, 7, 13, 15]);
        for ((lower, upper), row) in lower.iter_mut().zip(&mut *upper).zip(rows) {
            // SAFETY: as above.
            let w = unsafe { _mm512_maskz_loadu_epi64(here, row.add(8 * start).cast()) };
            let w = _mm512_shuffle_epi8(w, in_rows);
            let w_01 = _mm512_and_si512(w, nibble);
            let w_23 = _mm512_and_si512(_mm512_srli_epi16::<4>(w), nibble);
            *lower = _mm512_dpbusd_epi32(*lower, lower_01, w_01);
            *upper = _mm512_dpbusd_epi32(*upper, w_01, upper_01);
            *lower = _mm512_dpbusd_epi32(*lower, lower_23, w_23);
            *upper = _mm512_dpbusd_epi32(*upper, w_23, upper_23);
        }
        start += 8;
    }
}

/// The first lanes.
#[inline(always)]
const fn mask_of(lanes: usize) -> u8 {
    0xff >> (8 - lanes)
}

/// Adds lanes `[i, f, g, o]` of each group, four times.
///
/// # Safety
/// From each row on there are the part's blocks, of sixteen bytes, and it has four bytes of activations for each.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
unsafe fn narrow(sums: &mut [__m512i; SUMMED], rows: [*const u8; SUMMED], part: &Part<'_>) {
    let x = part.activations.as_ptr();
    let offset = _mm512_set1_epi8(-128);
    for index in 0..part.blocks / 4 {
        // SAFETY: there are four blocks for each index; loads need no alignment.
        unsafe {
            let x = each_four_times(_mm_loadu_si128(x.add(16 * index).cast()));
            for (sum, row) in sums.iter_mut().zip(rows) {
                let blocks = _mm512_loadu_si512(row.add(64 * index).cast());
                *sum = _mm512_dpbusd_epi32(*sum, _mm512_xor_si512(blocks, offset), x);
            }
        }
    }
    let left = part.blocks % 4;
    if left != 0 {
        let index = part.blocks / 4;
        let lanes = (1 << (4 * left)) - 1;
        // SAFETY: as many blocks as are left, four lanes each.
        unsafe {
            let x = _mm_maskz_loadu_epi32((1 << left) - 1, x.add(16 * index).cast());
            let x = each_four_times(x);
            for (sum, row) in sums.iter_mut().zip(rows) {
                let blocks = _mm512_maskz_loadu_epi32(lanes, row.add(64 * index).cast());
                *sum = _mm512_dpbusd_epi32(*sum, _mm512_xor_si512(blocks, offset), x);
            }
        }
    }
}

/// The rows of four groups, one after the other, from lanes as [`wide`] has them.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn rows_of_pairs([a, b, c, d]: [__m512i; 4]) -> __m512i {
    // [i, i, f, f, g, g, o, o] of two groups, then [i, f, i, f, g, o, g, o] of all, by pairs of groups.
    let (ac, bd) = (halves(a, c), halves(b, d));
    let (ac, bd) = (_mm512_castsi512_ps(ac), _mm512_castsi512_ps(bd));
    let sums = _mm512_add_epi32(
        _mm512_castps_si512(_mm512_shuffle_ps::<0b10_00_10_00>(ac, bd)),
        _mm512_castps_si512(_mm512_shuffle_ps::<0b11_01_11_01>(ac, bd)),
    );
    _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 1, 3, 4, 6, 5, 7), sums)
}

/// The rows of four groups, one after the other, from lanes as [`narrow`] has them.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn rows_of_blocks([a, b, c, d]: [__m512i; 4]) -> __m512i {
    let (ab, cd) = (halves(a, b), halves(c, d));
    _mm512_add_epi32(
        _mm512_shuffle_i64x2::<0b10_00_10_00>(ab, cd),
        _mm512_shuffle_i64x2::<0b11_01_11_01>(ab, cd),
    )
}

/// The halves of `a` added, then those of `b`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn halves(a: __m512i, b: __m512i) -> __m512i {
    _mm512_add_epi32(
        _mm512_shuffle_i64x2::<0b01_00_01_00>(a, b),
        _mm512_shuffle_i64x2::<0b11_10_11_10>(a, b),
    )
}

/// Each of four words four times.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn each_four_times(words: __m128i) -> __m512i {
    let places = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    _mm512_permutexvar_epi32(places, _mm512_zextsi128_si512(words))
}

/// The first four 16-bit lanes four times, then the next four.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn four_times(x: __m128i) -> __m512i {
    let places = _mm512_setr_epi64(0, 0, 0, 0, 1, 1, 1, 1);
    _mm512_permutexvar_epi64(places, _mm512_zextsi128_si512(x))
}
