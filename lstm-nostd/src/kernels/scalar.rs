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

use super::{DenseParameters, GateParameters, I16x4, I32x4, Kernels, LstmParameters, RowBlock};
use crate::activation::{sigmoid, tanh};
use crate::requant::{
    mul_high, round_shift, saturate16, saturate16_symmetric, saturating_shift_left,
};

/// Plain loops, for any core.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

impl Kernels for Scalar {
    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[I16x4],
        h: &[I16x4],
        cell: &mut [I32x4],
        next: &mut [I16x4],
    ) {
        let mut rows = layer.weights.chunks_exact((x.len() + h.len()).max(1));
        let mut gates = layer.gates.iter();
        let mut peepholes = layer.peepholes.iter();
        for (cells, nexts) in cell.iter_mut().zip(next) {
            for (c, h_next) in cells.iter_mut().zip(&mut nexts.0) {
                let (Some(row), Some(gate)) = (rows.next(), gates.next()) else {
                    // Past the last unit of a partly filled block: scratch may hold anything.
                    *h_next = 0;
                    continue;
                };
                let peephole = peepholes.next().copied().unwrap_or_default();
                let acc = gate_products(row, x, h, layer.x_shift);
                *h_next = unit(layer.cell_int_bits, gate, peephole, acc, c);
            }
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
fn gate_products(row: &[RowBlock], x: &[I16x4], h: &[I16x4], x_shift: u32) -> I32x4 {
    let mut blocks = row.iter();
    let mut acc = [0; 4];
    for (x, block) in x.iter().zip(&mut blocks) {
        accumulate(&mut acc, block, x);
    }
    acc = acc.map(|acc| acc << x_shift);
    for (h, block) in h.iter().zip(&mut blocks) {
        accumulate(&mut acc, block, h);
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
pub fn unit(
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
