//! The specification: scheme w8a16 in plain loops (`docs/numerics.md` explains the formats).
//!
//! For the gate rows r = i, f, g, o of unit u, with c16 the upper half of the cell:
//!
//! ```text
//! acc_r = ((Σ_j w_x[r,j] · x_j) << k) + Σ_j w_h[r,j] · h_j + bias_r             (A)
//! z_r   = sat±32767(mul_high(acc_r + p_r · c16, mult_r))                 Q3.12   (B)
//! c'    = sat(2 · mul_high(f << 16, c) + round_shift(2 · i · g, m))     Qm.31−m (C)
//! h'    = round_shift(o · tanh(sat±32767(round_shift(c', 19 − m))), 15)   Q0.15  (D)
//! ```
//!
//! The output gate's peephole looks at the new cell, so z_o is computed after (C).
//!
//! ```text
//! y_r   = sat(mul_high(Σ_j w[r,j] · x_j + bias_r, mult_r) << shift)              (E)
//! ```

use super::{
    DenseParameters, GateParameters, I16x4, I32x4, Kernels, LstmParameters, Order, RowBlock,
};
use crate::activation::{sigmoid, tanh};
use crate::requant::{
    mul_high, round_shift, saturate16, saturate16_symmetric, saturating_shift_left,
};

/// Plain loops, for any core.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

impl Kernels for Scalar {
    const ORDERS: &'static [Order] = &Order::ALL;

    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[I16x4],
        h: &[I16x4],
        cell: &mut [I32x4],
        next: &mut [I16x4],
    ) {
        let lanes = cell.iter_mut().zip(next);
        let lanes = lanes.flat_map(|(cells, nexts)| cells.iter_mut().zip(&mut nexts.0));
        let mut peepholes = layer.peepholes.iter();
        // The gates end with the last unit, before the padding of the last block of lanes.
        for ((unit, [bias, mult]), (c, h_next)) in layer.gates.iter().enumerate().zip(lanes) {
            let peephole = peepholes.next().copied().unwrap_or_default();
            let mut bias = *bias;
            for (bias, excess) in bias.iter_mut().zip(layer.bias_excess(unit)) {
                *bias -= excess;
            }
            let acc = gate_products(layer, unit, x, h);
            *h_next = advance(layer.cell_int_bits, &[bias, *mult], peephole, acc, c);
        }
    }

    fn dense(layer: &DenseParameters<'_>, x: &[I16x4], mut emit: impl FnMut(usize, i32)) {
        let rows = layer.weights.chunks_exact(x.len().max(1)).zip(layer.rows);
        for (r, (weights, [bias, mult])) in rows.enumerate() {
            let mut acc = *bias;
            for (w, x) in weights.iter().zip(x) {
                acc += w
                    .iter()
                    .zip(x.0)
                    .map(|(w, x)| i32::from(*w) * i32::from(x))
                    .sum::<i32>();
            }
            emit(
                r,
                saturating_shift_left(mul_high(acc, *mult), layer.output_shift),
            ); // (E)
        }
    }
}

/// (A) without the bias, for the four gates of one unit.
#[inline(always)]
fn gate_products(layer: &LstmParameters<'_>, unit: usize, x: &[I16x4], h: &[I16x4]) -> I32x4 {
    let mut acc = [0; 4];
    for (block, x) in layer.input_part(unit).zip(x) {
        accumulate(&mut acc, &block, x);
    }
    acc = acc.map(|acc| acc << layer.x_shift);
    for (block, h) in layer.recurrent_part(unit).zip(h) {
        accumulate(&mut acc, &block, h);
    }
    acc
}

#[inline(always)]
fn accumulate(acc: &mut I32x4, block: &RowBlock, x: &I16x4) {
    for (acc, row) in acc.iter_mut().zip(block) {
        for (w, x) in row.iter().zip(&x.0) {
            *acc += i32::from(*w) * i32::from(*x);
        }
    }
}

/// (A) to (D) for one unit from the products of its rows: advances `c`, returns the new h.
#[inline(always)]
pub fn advance(
    m: u32,
    [bias, mult]: &GateParameters,
    peephole: [i16; 4],
    acc: I32x4,
    c: &mut i32,
) -> i16 {
    // (B)
    let z = |r: usize, c16: i16| {
        let acc = acc[r] + bias[r] + i32::from(peephole[r]) * i32::from(c16);
        saturate16_symmetric(mul_high(acc, mult[r]))
    };
    let old = narrow(*c);
    let i = sigmoid(z(0, old));
    let f = sigmoid(z(1, old));
    let g = tanh(z(2, old));
    // (C): |i|, |g| ≤ 32767, so that 2·i·g stays below 2³¹; |f · c / 2¹⁶| stays below 2³⁰.
    let kept = 2 * mul_high(i32::from(f) << 16, *c);
    *c = kept.saturating_add(round_shift(2 * i32::from(i) * i32::from(g), m));
    let o = sigmoid(z(3, narrow(*c)));
    // (D)
    let squashed = tanh(saturate16_symmetric(round_shift(*c, 19 - m)));
    round_shift(i32::from(o) * i32::from(squashed), 15) as i16
}

/// The upper half of a cell, rounded: `Qm.(15−m)`.
#[inline(always)]
fn narrow(c: i32) -> i16 {
    saturate16(round_shift(c, 16))
}
