//! What follows from the sums, sixteen units in the lanes of a register.
//!
//! A product of two values of 16 bits is `vpmaddwd` with zeros in the upper half of one of them. Segments of the tables
//! come by `vpermt2d`, 32 of them at a time.
//!
//! Lanes have an order of their own, [`natural`], in which four registers with the rows of four units each are columns
//! after eight instructions.

use core::arch::x86_64::{
    __m512i, __mmask16, _mm_cvtsi32_si128, _mm_storeu_si128, _mm256_storeu_si256, _mm512_abs_epi32,
    _mm512_add_epi32, _mm512_add_epi64, _mm512_and_si512, _mm512_cmplt_epi32_mask,
    _mm512_cvtsepi32_epi8, _mm512_cvtsepi32_epi16, _mm512_loadu_si512, _mm512_madd_epi16,
    _mm512_mask_blend_epi32, _mm512_mask_sub_epi32, _mm512_max_epi32, _mm512_min_epi32,
    _mm512_mul_epi32, _mm512_mulhi_epu16, _mm512_mullo_epi16, _mm512_permutex2var_epi32,
    _mm512_permutexvar_epi32, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_setr_epi32,
    _mm512_setzero_si512, _mm512_shuffle_i64x2, _mm512_slli_epi32, _mm512_sra_epi32,
    _mm512_srai_epi32, _mm512_srli_epi16, _mm512_srli_epi32, _mm512_srli_epi64,
    _mm512_storeu_si512, _mm512_test_epi32_mask, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64, _mm512_xor_si512,
};
#[cfg(any(feature = "gru", feature = "coupled"))]
use core::arch::x86_64::{
    _mm512_i32gather_epi32, _mm512_mask_permutexvar_epi32, _mm512_mullo_epi32, _mm512_sub_epi32,
};

use crate::activation::{SIGMOID_BITS, SIGMOID_GUARD, TABLES, TANH_BITS, TANH_GUARD, Table};
#[cfg(feature = "coupled")]
use crate::kernels::CoupledGates;
#[cfg(feature = "gru")]
use crate::kernels::GruGates;
use crate::kernels::{Activation, GateParameters, I32x4};

/// Units in a register.
pub(super) const UNITS: usize = 16;

/// What lane each unit has, and what unit each lane.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn natural() -> __m512i {
    _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)
}

/// (B) to (H) of [`lstm`](crate::kernels::lstm) without the last clamp, for sixteen units, whose rows have the
/// `sums`. Advances the cells, and returns the new hidden state.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
pub(super) fn lstm(
    (m, n): (u32, u32),
    gates: &[GateParameters; UNITS],
    peepholes: Option<&[[i16; 4]; UNITS]>,
    sums: &[I32x4; UNITS],
    cells: &mut [i32; UNITS],
) -> __m512i {
    let [bias, mult] = parameters(gates);
    let mut accs = bias;
    for (acc, sums) in accs.iter_mut().zip(sums.as_chunks::<4>().0) {
        // SAFETY: four times four values.
        *acc = _mm512_add_epi32(*acc, unsafe { load_at(sums.as_ptr().cast()) });
    }
    let [mut acc_i, mut acc_f, acc_g, mut acc_o] = columns(accs);
    let [mult_i, mult_f, mult_g, mult_o] = columns(mult);
    let c = _mm512_permutexvar_epi32(natural(), load(cells));
    let mut p_o = _mm512_setzero_si512();
    if let Some(peepholes) = peepholes {
        let (p_i, p_f);
        [p_i, p_f, p_o] = peephole_columns(peepholes);
        let old = upper_half(c);
        acc_i = _mm512_add_epi32(acc_i, _mm512_madd_epi16(p_i, old));
        acc_f = _mm512_add_epi32(acc_f, _mm512_madd_epi16(p_f, old));
    }
    // (B)
    let i = sigmoid(mul_high(acc_i, mult_i));
    let f = sigmoid(mul_high(acc_f, mult_f));
    let g = tanh(mul_high(acc_g, mult_g));
    let cell = next_cell(m, [i, f, g], c);
    *cells = values(_mm512_permutexvar_epi32(natural(), cell));
    if peepholes.is_some() {
        acc_o = _mm512_add_epi32(acc_o, _mm512_madd_epi16(p_o, upper_half(cell)));
    }
    let hidden = hidden((m, n), mul_high(acc_o, mult_o), cell);
    _mm512_permutexvar_epi32(natural(), hidden)
}

/// (C) of the activated gates i, f, g.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn next_cell(m: u32, [i, f, g]: [__m512i; 3], c: __m512i) -> __m512i {
    let kept = _mm512_slli_epi32::<1>(mul_round16(f, c));
    let new = _mm512_slli_epi32::<1>(_mm512_madd_epi16(i, g));
    saturating_add(kept, round_shift(new, m))
}

/// (D) of the output gate's sum, rounded as in (H).
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn hidden((m, n): (u32, u32), z_o: __m512i, cell: __m512i) -> __m512i {
    let squashed = tanh(round_shift(cell, 19 - m));
    let hidden = round_shift(_mm512_madd_epi16(sigmoid(z_o), squashed), 15);
    match n {
        0 => hidden,
        _ => round_shift(hidden, n),
    }
}

/// (UB) to (H) of [`coupled`](crate::kernels::coupled) without the last clamp, for sixteen units. `sums` are those of rows
/// i, g, o of each unit. Advances the cells, and returns the new hidden state.
#[cfg(feature = "coupled")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
pub(super) fn coupled(
    (m, n): (u32, u32),
    gates: &[CoupledGates; UNITS],
    peepholes: Option<&[[i16; 2]; UNITS]>,
    sums: &[I32x4; 3 * UNITS / 4],
    cells: &mut [i32; UNITS],
) -> [i32; UNITS] {
    let [i, g, o] = thirds(sums);
    let gates: &[[i32; 6]; UNITS] = bytemuck::cast_ref(gates);
    let mut acc_i = _mm512_add_epi32(i, column::<6, 0>(gates));
    let acc_g = _mm512_add_epi32(g, column::<6, 1>(gates));
    let mut acc_o = _mm512_add_epi32(o, column::<6, 2>(gates));
    let c = load(cells);
    let mut p_o = _mm512_setzero_si512();
    if let Some(peepholes) = peepholes {
        // SAFETY: sixteen times four bytes.
        let both = unsafe { load_at(peepholes.as_ptr().cast()) };
        let p_i = _mm512_and_si512(both, _mm512_set1_epi32(0xffff));
        p_o = _mm512_srli_epi32::<16>(both);
        acc_i = _mm512_add_epi32(acc_i, _mm512_madd_epi16(p_i, upper_half(c)));
    }
    let i = sigmoid(mul_high(acc_i, column::<6, 3>(gates)));
    let g = tanh(mul_high(acc_g, column::<6, 4>(gates)));
    // (UC)
    let f = _mm512_sub_epi32(_mm512_set1_epi32(1 << 15), i);
    let cell = next_cell(m, [i, f, g], c);
    *cells = values(cell);
    if peepholes.is_some() {
        acc_o = _mm512_add_epi32(acc_o, _mm512_madd_epi16(p_o, upper_half(cell)));
    }
    values(hidden((m, n), mul_high(acc_o, column::<6, 5>(gates)), cell))
}

/// (GA) to (GD) of [`gru`](crate::kernels::gru) without the last clamp, for sixteen units. `sums` are those of rows r, z,
/// n of each unit with the layer input and with the hidden state. Advances the states, and returns the new hidden state.
#[cfg(feature = "gru")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
pub(super) fn gru(
    gates: &[GruGates; UNITS],
    [input, recurrent]: &[[I32x4; 3 * UNITS / 4]; 2],
    states: &mut [i32; UNITS],
    narrowing: u32,
) -> [i32; UNITS] {
    let ([x_r, x_z, x_n], [h_r, h_z, h_n]) = (thirds(input), thirds(recurrent));
    let gates: &[[i32; 7]; UNITS] = bytemuck::cast_ref(gates);
    // (GA)
    let gate = |x: __m512i, h: __m512i, bias: __m512i, mult: __m512i| {
        let acc = _mm512_add_epi32(_mm512_add_epi32(x, h), bias);
        sigmoid(mul_high(acc, mult))
    };
    let r = gate(x_r, h_r, column::<7, 0>(gates), column::<7, 4>(gates));
    let z = gate(x_z, h_z, column::<7, 1>(gates), column::<7, 5>(gates));
    // (GB)
    let recurrent = _mm512_add_epi32(h_n, column::<7, 3>(gates));
    let reset = _mm512_slli_epi32::<1>(mul_round16(r, recurrent));
    let input = _mm512_add_epi32(x_n, column::<7, 2>(gates));
    let n = tanh(mul_high(
        _mm512_add_epi32(input, reset),
        column::<7, 6>(gates),
    ));
    // (GC)
    let kept = _mm512_slli_epi32::<1>(mul_round16(z, load(states)));
    let rest = _mm512_sub_epi32(_mm512_set1_epi32(1 << 15), z);
    let new = _mm512_slli_epi32::<1>(_mm512_mullo_epi32(rest, n));
    let state = saturating_add(kept, new);
    *states = values(state);
    values(round_shift(state, narrowing))
}

/// Every third value from the first, the second and the third on.
#[cfg(any(feature = "gru", feature = "coupled"))]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn thirds(values: &[I32x4; 3 * UNITS / 4]) -> [__m512i; 3] {
    let start = values.as_ptr().cast::<i32>();
    // SAFETY: three times sixteen values.
    let (a, b, c) = unsafe {
        (
            load_at(start),
            load_at(start.add(16)),
            load_at(start.add(32)),
        )
    };
    let first = _mm512_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 42, 45);
    let pick = |places: __m512i| {
        let of_ab = _mm512_permutex2var_epi32(a, places, b);
        // Values from 32 on lie in c. The instruction looks at the lowest four bits.
        let in_c = _mm512_test_epi32_mask(places, _mm512_set1_epi32(32));
        _mm512_mask_permutexvar_epi32(of_ab, in_c, places, c)
    };
    let one = _mm512_set1_epi32(1);
    let second = _mm512_add_epi32(first, one);
    [
        pick(first),
        pick(second),
        pick(_mm512_add_epi32(second, one)),
    ]
}

/// Value `AT` of each of sixteen rows.
#[cfg(any(feature = "gru", feature = "coupled"))]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn column<const N: usize, const AT: usize>(rows: &[[i32; N]; UNITS]) -> __m512i {
    let places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let places = _mm512_mullo_epi32(places, _mm512_set1_epi32(N as i32));
    // SAFETY: there are sixteen rows of `N` values, and `AT` is less than `N`.
    unsafe { _mm512_i32gather_epi32::<4>(places, rows.as_ptr().cast::<i32>().add(AT)) }
}

/// Types of activations that sixteen lanes can be narrowed to.
pub(super) trait Narrow: Activation {
    /// [`Activation::saturate`] of sixteen lanes.
    ///
    /// # Safety
    /// The CPU has the instructions.
    unsafe fn narrow(lanes: __m512i) -> [Self; UNITS];
}

impl Narrow for i16 {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    #[inline]
    unsafe fn narrow(lanes: __m512i) -> [Self; UNITS] {
        let mut narrowed = [0; UNITS];
        let lanes = _mm512_cvtsepi32_epi16(lanes);
        // SAFETY: 32 bytes, and the store needs no alignment.
        unsafe { _mm256_storeu_si256(narrowed.as_mut_ptr().cast(), lanes) };
        narrowed
    }
}

impl Narrow for i8 {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    #[inline]
    unsafe fn narrow(lanes: __m512i) -> [Self; UNITS] {
        let mut narrowed = [0; UNITS];
        let lanes = _mm512_cvtsepi32_epi8(_mm512_max_epi32(lanes, _mm512_set1_epi32(-127)));
        // SAFETY: sixteen bytes, and the store needs no alignment.
        unsafe { _mm_storeu_si128(narrowed.as_mut_ptr().cast(), lanes) };
        narrowed
    }
}

/// Biases and multipliers of four units in each register.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn parameters(gates: &[GateParameters; UNITS]) -> [[__m512i; 4]; 2] {
    let [mut bias, mut mult] = [[_mm512_setzero_si512(); 4]; 2];
    let (four, _) = gates.as_flattened().as_flattened().as_chunks::<32>();
    for ((units, bias), mult) in four.iter().zip(&mut bias).zip(&mut mult) {
        // SAFETY: twice sixteen values.
        let (a, b) = unsafe { (load_at(units.as_ptr()), load_at(units.as_ptr().add(16))) };
        *bias = _mm512_shuffle_i64x2::<0b10_00_10_00>(a, b);
        *mult = _mm512_shuffle_i64x2::<0b11_01_11_01>(a, b);
    }
    [bias, mult]
}

/// Column r of the result has row r of each unit, in lanes as of [`natural`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn columns([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (ab_01, ab_23) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (cd_01, cd_23) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    [
        _mm512_unpacklo_epi64(ab_01, cd_01),
        _mm512_unpackhi_epi64(ab_01, cd_01),
        _mm512_unpacklo_epi64(ab_23, cd_23),
        _mm512_unpackhi_epi64(ab_23, cd_23),
    ]
}

/// Peepholes of i, f and o in the lower halves of lanes, and zeros in the upper ones.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn peephole_columns(peepholes: &[[i16; 4]; UNITS]) -> [__m512i; 3] {
    let start = peepholes.as_ptr().cast::<i32>();
    // The gates i and f of a unit in a word, then g and o.
    // SAFETY: sixteen times two words.
    let (a, b) = unsafe { (load_at(start), load_at(start.add(16))) };
    let unit = _mm512_slli_epi32::<1>(natural());
    let input_forget = _mm512_permutex2var_epi32(a, unit, b);
    let next = _mm512_add_epi32(unit, _mm512_set1_epi32(1));
    let cell_output = _mm512_permutex2var_epi32(a, next, b);
    [
        _mm512_and_si512(input_forget, _mm512_set1_epi32(0xffff)),
        _mm512_srli_epi32::<16>(input_forget),
        _mm512_srli_epi32::<16>(cell_output),
    ]
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn load(values: &[i32; UNITS]) -> __m512i {
    // SAFETY: sixteen values.
    unsafe { load_at(values.as_ptr()) }
}

/// # Safety
/// There are sixteen values. They need no alignment.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
unsafe fn load_at(values: *const i32) -> __m512i {
    // SAFETY: as above.
    unsafe { _mm512_loadu_si512(values.cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn values(lanes: __m512i) -> [i32; UNITS] {
    let mut values = [0; UNITS];
    // SAFETY: sixteen values, and the store needs no alignment.
    unsafe { _mm512_storeu_si512(values.as_mut_ptr().cast(), lanes) };
    values
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn negative(values: __m512i) -> __mmask16 {
    _mm512_cmplt_epi32_mask(values, _mm512_setzero_si512())
}

/// [`requant::round_shift`](crate::requant::round_shift) for `shift` in 1..=31; by 1, the value must be less than
/// the largest.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn round_shift(value: __m512i, shift: u32) -> __m512i {
    let all_but_one = _mm_cvtsi32_si128(shift as i32 - 1);
    let shifted = _mm512_sra_epi32(value, all_but_one);
    _mm512_srai_epi32::<1>(_mm512_add_epi32(shifted, _mm512_set1_epi32(1)))
}

/// [`requant::mul_high`](crate::requant::mul_high)
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn mul_high(a: __m512i, b: __m512i) -> __m512i {
    let half = _mm512_set1_epi64(1 << 31);
    let even = _mm512_add_epi64(_mm512_mul_epi32(a, b), half);
    let (a, b) = (_mm512_srli_epi64::<32>(a), _mm512_srli_epi64::<32>(b));
    let odd = _mm512_add_epi64(_mm512_mul_epi32(a, b), half);
    _mm512_mask_blend_epi32(0b1010_1010_1010_1010, _mm512_srli_epi64::<32>(even), odd)
}

/// `round(f · c / 2¹⁶)` for f in 0..=32767.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn mul_round16(f: __m512i, c: __m512i) -> __m512i {
    let upper = _mm512_madd_epi16(_mm512_slli_epi32::<16>(f), c);
    // The upper half of f is zero, and so is that of both products.
    let lower = _mm512_mulhi_epu16(f, c);
    let half = _mm512_srli_epi16::<15>(_mm512_mullo_epi16(f, c));
    _mm512_add_epi32(upper, _mm512_add_epi32(lower, half))
}

/// A cell in 16 bits, as of [`lstm::advance`](crate::kernels::lstm::advance).
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn upper_half(c: __m512i) -> __m512i {
    _mm512_min_epi32(round_shift(c, 16), _mm512_set1_epi32(0x7fff))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn saturating_add(a: __m512i, b: __m512i) -> __m512i {
    let sum = _mm512_add_epi32(a, b);
    let end = _mm512_xor_si512(_mm512_srai_epi32::<31>(a), _mm512_set1_epi32(i32::MAX));
    // The sign is neither term's.
    let over = _mm512_and_si512(_mm512_xor_si512(sum, a), _mm512_xor_si512(sum, b));
    _mm512_mask_blend_epi32(negative(over), sum, end)
}

/// [`activation::sigmoid_clamped`](crate::activation::sigmoid_clamped)
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn sigmoid(z: __m512i) -> __m512i {
    let y = evaluate::<SIGMOID_BITS, SIGMOID_GUARD, 64>(&TABLES.sigmoid, z);
    _mm512_add_epi32(_mm512_set1_epi32(16_384), y)
}

/// [`activation::tanh_clamped`](crate::activation::tanh_clamped)
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn tanh(z: __m512i) -> __m512i {
    evaluate::<TANH_BITS, TANH_GUARD, 128>(&TABLES.tanh, z)
}

/// (T1) with the sign of z, for |z| < 2³¹.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
fn evaluate<const BITS: u32, const GUARD: u32, const SEGMENTS: usize>(
    table: &Table<SEGMENTS>,
    z: __m512i,
) -> __m512i {
    let u = _mm512_min_epi32(_mm512_abs_epi32(z), _mm512_set1_epi32(0x7fff));
    let t = _mm512_and_si512(u, _mm512_set1_epi32((1 << BITS) - 1));
    let k = _mm512_srli_epi32::<BITS>(u);
    let [bases, slopes] = table.columns();
    // SAFETY: the columns have as many values.
    let (base, slope) = unsafe {
        (
            segments::<SEGMENTS>(bases, k),
            segments::<SEGMENTS>(slopes, k),
        )
    };
    let tilted = _mm512_add_epi32(slope, _mm512_madd_epi16(slope, t));
    // ⌊tilted · t / 2¹⁶⌋ by halves of `tilted`.
    let upper = _mm512_madd_epi16(tilted, _mm512_slli_epi32::<16>(t));
    let lower = _mm512_mulhi_epu16(tilted, t);
    let y = _mm512_add_epi32(base, _mm512_add_epi32(upper, lower));
    let y = _mm512_srai_epi32::<GUARD>(y);
    _mm512_mask_sub_epi32(y, negative(z), _mm512_setzero_si512(), y)
}

/// Values of a column at `k`, which is less than `SEGMENTS`.
///
/// # Safety
/// The column has `SEGMENTS` values, 64 or 128.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
unsafe fn segments<const SEGMENTS: usize>(column: *const i32, k: __m512i) -> __m512i {
    let upper = _mm512_test_epi32_mask(k, _mm512_set1_epi32(32));
    // The instruction looks at the lowest five bits of `k`.
    let of_64 = |column: *const i32| {
        // SAFETY: the column has 64 values from here on.
        let [a, b, c, d] = unsafe {
            [
                _mm512_loadu_si512(column.cast()),
                _mm512_loadu_si512(column.add(16).cast()),
                _mm512_loadu_si512(column.add(32).cast()),
                _mm512_loadu_si512(column.add(48).cast()),
            ]
        };
        let lower = _mm512_permutex2var_epi32(a, k, b);
        _mm512_mask_blend_epi32(upper, lower, _mm512_permutex2var_epi32(c, k, d))
    };
    if SEGMENTS == 64 {
        return of_64(column);
    }
    let last = _mm512_test_epi32_mask(k, _mm512_set1_epi32(64));
    // SAFETY: the column has 64 values more.
    let rest = unsafe { column.add(64) };
    _mm512_mask_blend_epi32(last, of_64(column), of_64(rest))
}
