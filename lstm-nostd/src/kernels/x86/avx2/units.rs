//! (B) to (H) of [`lstm`](crate::kernels::lstm) for eight units in the lanes of a register.
//!
//! A product of two values of 16 bits is `vpmaddwd` with zeros in the upper half of one of them.

use core::arch::x86_64::{
    __m128i, __m256i, _mm_add_epi32, _mm_cvtsi32_si128, _mm_cvtsi128_si64, _mm_extract_epi64,
    _mm_load_sd, _mm_loadh_pd, _mm_loadu_si128, _mm_packs_epi16, _mm_packs_epi32,
    _mm_setzero_si128, _mm_storel_epi64, _mm_storeu_si128, _mm256_abs_epi32, _mm256_add_epi32,
    _mm256_add_epi64, _mm256_and_si256, _mm256_blend_epi32, _mm256_blendv_epi8, _mm256_castpd_ps,
    _mm256_castps_si256, _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_max_epi32, _mm256_min_epi32, _mm256_min_epu32, _mm256_mul_epi32,
    _mm256_mulhi_epu16, _mm256_mullo_epi16, _mm256_permute2x128_si256, _mm256_permutevar8x32_epi32,
    _mm256_set_m128d, _mm256_set_m128i, _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_setr_epi32,
    _mm256_setzero_si256, _mm256_shuffle_ps, _mm256_sign_epi32, _mm256_slli_epi32,
    _mm256_sra_epi32, _mm256_srai_epi32, _mm256_srl_epi32, _mm256_srli_epi16, _mm256_srli_epi32,
    _mm256_srli_epi64, _mm256_storeu_si256, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64,
    _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use crate::activation::{SIGMOID_BITS, SIGMOID_GUARD, Segment, TABLES, TANH_BITS, TANH_GUARD};
use crate::kernels::{Activation, GateParameters, I32x4};

/// Units in a register.
pub(super) const UNITS: usize = 8;

/// Advances the cells of eight units, whose sums of products are `sums`, and returns (D) rounded to `n` bits less, (H)
/// without the clamp.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn lstm(
    (m, n): (u32, u32),
    gates: &[GateParameters; UNITS],
    peepholes: Option<&[[i16; 4]; UNITS]>,
    sums: &[I32x4; UNITS],
    cells: &mut [i32; UNITS],
) -> __m256i {
    let [mut accs, mut mults] = [[_mm_setzero_si128(); UNITS]; 2];
    for (u, [bias, mult]) in gates.iter().enumerate() {
        accs[u] = _mm_add_epi32(load(&sums[u]), load(bias));
        mults[u] = load(mult);
    }
    let [mut acc_i, mut acc_f, acc_g, mut acc_o] = columns(accs);
    let [mult_i, mult_f, mult_g, mult_o] = columns(mults);
    // SAFETY: eight cells, and the load needs no alignment.
    let c = unsafe { _mm256_loadu_si256(cells.as_ptr().cast()) };
    let mut p_o = _mm256_setzero_si256();
    if let Some(peepholes) = peepholes {
        let (p_i, p_f);
        [p_i, p_f, p_o] = peephole_columns(peepholes);
        let old = upper_half(c);
        acc_i = _mm256_add_epi32(acc_i, _mm256_madd_epi16(p_i, old));
        acc_f = _mm256_add_epi32(acc_f, _mm256_madd_epi16(p_f, old));
    }
    // (B)
    let i = sigmoid(mul_high(acc_i, mult_i));
    let f = sigmoid(mul_high(acc_f, mult_f));
    let g = tanh(mul_high(acc_g, mult_g));
    // (C)
    let kept = mul_round16(f, c);
    let new = _mm256_slli_epi32::<1>(_mm256_madd_epi16(i, g));
    let cell = saturating_add(_mm256_slli_epi32::<1>(kept), round_shift(new, m));
    // SAFETY: as above.
    unsafe { _mm256_storeu_si256(cells.as_mut_ptr().cast(), cell) };
    if peepholes.is_some() {
        acc_o = _mm256_add_epi32(acc_o, _mm256_madd_epi16(p_o, upper_half(cell)));
    }
    let o = sigmoid(mul_high(acc_o, mult_o));
    // (D)
    let squashed = tanh(round_shift(cell, 19 - m));
    let hidden = round_shift(_mm256_madd_epi16(o, squashed), 15);
    match n {
        0 => hidden,
        _ => round_shift(hidden, n),
    }
}

/// Types of activations that eight lanes can be narrowed to.
pub(super) trait Narrow: Activation {
    /// [`Activation::saturate`] of eight lanes.
    ///
    /// # Safety
    /// The CPU has the instructions.
    unsafe fn narrow(lanes: __m256i) -> [Self; UNITS];
}

impl Narrow for i16 {
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn narrow(lanes: __m256i) -> [Self; UNITS] {
        let mut narrowed = [0; UNITS];
        // SAFETY: sixteen bytes, and the store needs no alignment.
        unsafe { _mm_storeu_si128(narrowed.as_mut_ptr().cast(), in_16_bits(lanes)) };
        narrowed
    }
}

impl Narrow for i8 {
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn narrow(lanes: __m256i) -> [Self; UNITS] {
        let mut narrowed = [0; UNITS];
        let lanes = in_16_bits(_mm256_max_epi32(lanes, _mm256_set1_epi32(-127)));
        // SAFETY: eight bytes, and the store needs no alignment.
        unsafe { _mm_storel_epi64(narrowed.as_mut_ptr().cast(), _mm_packs_epi16(lanes, lanes)) };
        narrowed
    }
}

/// Lanes saturated to 16 bits.
#[target_feature(enable = "avx2")]
#[inline]
fn in_16_bits(lanes: __m256i) -> __m128i {
    _mm_packs_epi32(
        _mm256_castsi256_si128(lanes),
        _mm256_extracti128_si256::<1>(lanes),
    )
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(values: &I32x4) -> __m128i {
    // SAFETY: sixteen bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(values.as_ptr().cast()) }
}

/// Column r of the result has value r of each row.
#[target_feature(enable = "avx2")]
#[inline]
fn columns(rows: [__m128i; UNITS]) -> [__m256i; 4] {
    let both = |u: usize| _mm256_set_m128i(rows[u + 4], rows[u]);
    let (a, b, c, d) = (both(0), both(1), both(2), both(3));
    let (ab_01, ab_23) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let (cd_01, cd_23) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    [
        _mm256_unpacklo_epi64(ab_01, cd_01),
        _mm256_unpackhi_epi64(ab_01, cd_01),
        _mm256_unpacklo_epi64(ab_23, cd_23),
        _mm256_unpackhi_epi64(ab_23, cd_23),
    ]
}

/// Peepholes of i, f and o in the lower halves of lanes, and zeros in the upper ones.
#[target_feature(enable = "avx2")]
#[inline]
fn peephole_columns(peepholes: &[[i16; 4]; UNITS]) -> [__m256i; 3] {
    // The gates i and f of four units, then g and o.
    let apart = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
    let four = |first: usize| {
        // SAFETY: 32 bytes from `first` on, and the load needs no alignment.
        let four = unsafe { _mm256_loadu_si256(peepholes.as_ptr().add(first).cast()) };
        _mm256_permutevar8x32_epi32(four, apart)
    };
    let (lower, upper) = (four(0), four(4));
    let input_forget = _mm256_permute2x128_si256::<0x20>(lower, upper);
    let cell_output = _mm256_permute2x128_si256::<0x31>(lower, upper);
    [
        _mm256_and_si256(input_forget, _mm256_set1_epi32(0xffff)),
        _mm256_srli_epi32::<16>(input_forget),
        _mm256_srli_epi32::<16>(cell_output),
    ]
}

/// [`requant::round_shift`](crate::requant::round_shift) for `shift` in 1..=31; by 1, the value must be less than
/// the largest.
#[target_feature(enable = "avx2")]
#[inline]
fn round_shift(value: __m256i, shift: u32) -> __m256i {
    let all_but_one = _mm_cvtsi32_si128(shift as i32 - 1);
    let shifted = _mm256_sra_epi32(value, all_but_one);
    _mm256_srai_epi32::<1>(_mm256_add_epi32(shifted, _mm256_set1_epi32(1)))
}

/// [`requant::mul_high`](crate::requant::mul_high)
#[target_feature(enable = "avx2")]
#[inline]
fn mul_high(a: __m256i, b: __m256i) -> __m256i {
    let half = _mm256_set1_epi64x(1 << 31);
    let even = _mm256_add_epi64(_mm256_mul_epi32(a, b), half);
    let (a, b) = (_mm256_srli_epi64::<32>(a), _mm256_srli_epi64::<32>(b));
    let odd = _mm256_add_epi64(_mm256_mul_epi32(a, b), half);
    _mm256_blend_epi32::<0b1010_1010>(_mm256_srli_epi64::<32>(even), odd)
}

/// `round(f · c / 2¹⁶)` for f in 0..=32767.
#[target_feature(enable = "avx2")]
#[inline]
fn mul_round16(f: __m256i, c: __m256i) -> __m256i {
    let upper = _mm256_madd_epi16(_mm256_slli_epi32::<16>(f), c);
    // The upper half of f is zero, and so is that of both products.
    let lower = _mm256_mulhi_epu16(f, c);
    let half = _mm256_srli_epi16::<15>(_mm256_mullo_epi16(f, c));
    _mm256_add_epi32(upper, _mm256_add_epi32(lower, half))
}

/// A cell in 16 bits, as of [`lstm::advance`](crate::kernels::lstm::advance).
#[target_feature(enable = "avx2")]
#[inline]
fn upper_half(c: __m256i) -> __m256i {
    _mm256_min_epi32(round_shift(c, 16), _mm256_set1_epi32(0x7fff))
}

#[target_feature(enable = "avx2")]
#[inline]
fn saturating_add(a: __m256i, b: __m256i) -> __m256i {
    let sum = _mm256_add_epi32(a, b);
    let end = _mm256_xor_si256(_mm256_srai_epi32::<31>(a), _mm256_set1_epi32(i32::MAX));
    // The sign is neither term's.
    let over = _mm256_and_si256(_mm256_xor_si256(sum, a), _mm256_xor_si256(sum, b));
    _mm256_blendv_epi8(sum, end, _mm256_srai_epi32::<31>(over))
}

/// [`activation::sigmoid_clamped`](crate::activation::sigmoid_clamped)
#[target_feature(enable = "avx2")]
#[inline]
fn sigmoid(z: __m256i) -> __m256i {
    let y = evaluate::<SIGMOID_BITS, SIGMOID_GUARD, 64>(&SIGMOID, z);
    _mm256_add_epi32(_mm256_set1_epi32(16_384), y)
}

/// [`activation::tanh_clamped`](crate::activation::tanh_clamped)
#[target_feature(enable = "avx2")]
#[inline]
fn tanh(z: __m256i) -> __m256i {
    evaluate::<TANH_BITS, TANH_GUARD, 128>(&TANH, z)
}

/// (T1) with the sign of z, for |z| < 2³¹. At z = 0 both tables have zero.
#[target_feature(enable = "avx2")]
#[inline]
fn evaluate<const BITS: u32, const GUARD: u32, const SEGMENTS: usize>(
    table: &Pairs<SEGMENTS>,
    z: __m256i,
) -> __m256i {
    let (bits, guard) = const { (BITS as i32, GUARD as i32) };
    let u = _mm256_min_epu32(_mm256_abs_epi32(z), _mm256_set1_epi32(0x7fff));
    let t = _mm256_and_si256(u, _mm256_set1_epi32((1 << bits) - 1));
    let k = _mm256_srl_epi32(u, _mm_cvtsi32_si128(bits));
    const { assert!(0x7fff >> BITS < SEGMENTS) }
    // SAFETY: `u` is at most 0x7fff, so that `k` is less than `SEGMENTS`.
    let [base, slope] = unsafe { table.at(k) };
    let tilted = _mm256_add_epi32(slope, _mm256_madd_epi16(slope, t));
    // ⌊tilted · t / 2¹⁶⌋ by halves of `tilted`.
    let upper = _mm256_madd_epi16(tilted, _mm256_slli_epi32::<16>(t));
    let lower = _mm256_mulhi_epu16(tilted, t);
    let y = _mm256_add_epi32(base, _mm256_add_epi32(upper, lower));
    _mm256_sign_epi32(_mm256_sra_epi32(y, _mm_cvtsi32_si128(guard)), z)
}

/// Value and slope of each segment side by side, for one aligned load of eight bytes.
#[repr(align(8))]
struct Pairs<const SEGMENTS: usize>([Segment; SEGMENTS]);

static SIGMOID: Pairs<64> = Pairs(TABLES.sigmoid.pairs());
static TANH: Pairs<128> = Pairs(TABLES.tanh.pairs());

impl<const SEGMENTS: usize> Pairs<SEGMENTS> {
    /// Values and slopes of the segments `k`. Eight loads of eight bytes take less
    /// time than two gather loads.
    ///
    /// # Safety
    /// Each of `k` is less than `SEGMENTS`.
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn at(&self, k: __m256i) -> [__m256i; 2] {
        let table = self.0.as_ptr().cast::<f64>();
        // Two places to a word.
        let four = |k: __m128i| {
            let (a, b) = (
                _mm_cvtsi128_si64(k) as u64,
                _mm_extract_epi64::<1>(k) as u64,
            );
            let places = [a as u32, (a >> 32) as u32, b as u32, (b >> 32) as u32];
            // SAFETY: the caller gives segments of the table, which begins on an 8-byte boundary.
            unsafe {
                let at = places.map(|place| table.add(place as usize));
                [
                    _mm_loadh_pd(_mm_load_sd(at[0]), at[1]),
                    _mm_loadh_pd(_mm_load_sd(at[2]), at[3]),
                ]
            }
        };
        let [a, b] = four(_mm256_castsi256_si128(k));
        let [c, d] = four(_mm256_extracti128_si256::<1>(k));
        // Lanes 0, 1, 4, 5, and the others.
        let a = _mm256_castpd_ps(_mm256_set_m128d(c, a));
        let b = _mm256_castpd_ps(_mm256_set_m128d(d, b));
        [
            _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(a, b)),
            _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(a, b)),
        ]
    }
}
