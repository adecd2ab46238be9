//! The specification: every scheme in plain loops (`docs/numerics.md` explains the formats).
//!
//! For the gate rows r = i, f, g, o of unit u, with c16 the upper half of the cell:
//!
//! ```text
//! acc_r = (Σ_j w_x[r,j] · x_j << k) + (Σ_j w_h[r,j] · h_j << n) + bias_r        (A)
//! z_r   = sat±32767(mul_high(acc_r + p_r · c16, mult_r))                 Q3.12   (B)
//! c'    = sat(2 · mul_high(f << 16, c) + round_shift(2 · i · g, m))     Qm.31−m (C)
//! h'    = round_shift(o · tanh(sat±32767(round_shift(c', 19 − m))), 15)   Q0.15  (D)
//! h     = h' in int16;  sat±127(round_shift(h', n)) in int8               Q0.15−n (H)
//! ```
//!
//! The output gate's peephole looks at the new cell, so z_o is computed after (C). Schemes differ in the
//! types of w, x and h alone; int16 activations have n = 0. A dense row is (E) of [`super::dense`].

use super::{
    Activation, DenseParameters, GateParameters, I16x4, I32x4, Kernels, LstmParameters, Order,
    RowBlock, Width, copy, lanes_mut, quads,
};
use crate::activation::{sigmoid, tanh};
use crate::requant::{mul_high, round_shift, saturate16, saturate16_symmetric};

/// Plain loops, for any core.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

impl Kernels for Scalar {
    const ORDERS: &'static [Order] = &Order::ALL;

    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[I16x4],
        h: &mut [I16x4],
        cell: &mut [I32x4],
        next: &mut [I16x4],
    ) {
        observed_step(layer, x, h, cell, next, &mut ());
    }

    // One copy of it is enough for hidden and output layers.
    #[inline(never)]
    fn dense_row(layer: &DenseParameters<'_>, row: usize, x: &[I16x4]) -> i32 {
        let sum = match layer.width.in_build() {
            Width::Int16 => dense_products::<i16>(layer, row, x),
            Width::Int8 => dense_products::<i8>(layer, row, x),
        };
        layer.value(row, sum)
    }
}

/// What one unit computed in one step, before anything was narrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitStep {
    /// (B) without the clamp, of the gates i, f, g, o.
    pub z: I32x4,
    /// (C)
    pub cell: i32,
    /// (D)
    pub hidden: i16,
}

/// Looks on while the specification computes.
pub trait Observer {
    /// Unit `unit` of the layer took a step.
    fn unit(&mut self, unit: usize, step: &UnitStep);
}

/// Does not look.
impl Observer for () {
    #[inline(always)]
    fn unit(&mut self, _: usize, _: &UnitStep) {}
}

/// [`Kernels::lstm_step`] of the specification, looked on by `observer`.
#[inline(always)]
pub fn observed_step(
    layer: &LstmParameters<'_>,
    x: &[I16x4],
    h: &mut [I16x4],
    cell: &mut [I32x4],
    next: &mut [I16x4],
    observer: &mut impl Observer,
) {
    match layer.width.in_build() {
        Width::Int16 => step::<i16>(layer, x, h, cell, next, observer),
        Width::Int8 => step::<i8>(layer, x, h, cell, next, observer),
    }
}

#[inline(always)]
fn step<A: Activation>(
    layer: &LstmParameters<'_>,
    x: &[I16x4],
    h: &mut [I16x4],
    cell: &mut [I32x4],
    next: &mut [I16x4],
    observer: &mut impl Observer,
) {
    let (x, h_old) = (quads::<A>(x), quads::<A>(h));
    units::<A>(layer, cell, next, observer, |unit| {
        gate_products(layer, unit, x, h_old)
    });
    copy::<A>(next, h, layer.hidden);
}

/// (B) to (H) of all units, whose (A) without the bias comes from `products`; `next` becomes the hidden
/// state.
#[inline(always)]
pub(super) fn units<A: Activation>(
    layer: &LstmParameters<'_>,
    cell: &mut [I32x4],
    next: &mut [I16x4],
    observer: &mut impl Observer,
    mut products: impl FnMut(usize) -> I32x4,
) {
    let mut peepholes = layer.peepholes.iter();
    // The gates end with the last unit, before the padding of the last block of lanes.
    let units = layer.gates.iter().enumerate();
    let lanes = cell.as_flattened_mut().iter_mut().zip(lanes_mut::<A>(next));
    for ((unit, [bias, mult]), (c, h_next)) in units.zip(lanes) {
        let peephole = peepholes.next().copied().unwrap_or_default();
        let mut bias = *bias;
        for (bias, excess) in bias.iter_mut().zip(layer.bias_excess(unit)) {
            *bias -= excess;
        }
        let acc = products(unit);
        let step = advance(layer.cell_int_bits, &[bias, *mult], peephole, acc, *c);
        observer.unit(unit, &step);
        *c = step.cell;
        *h_next = A::saturate(round_shift(step.hidden.into(), layer.h_shift)); // (H)
    }
}

/// The sum in (E) of one row.
#[inline(always)]
fn dense_products<A: Activation>(layer: &DenseParameters<'_>, row: usize, x: &[I16x4]) -> i32 {
    let pairs = layer.weights.row(row, layer.inputs).zip(quads::<A>(x));
    pairs.map(|(w, x)| dot(&w, x)).sum()
}

/// (A) without the bias, for the four gates of one unit.
#[inline(always)]
fn gate_products<A: Activation>(
    layer: &LstmParameters<'_>,
    unit: usize,
    x: &[[A; 4]],
    h: &[[A; 4]],
) -> I32x4 {
    let of_x = products(layer.input_part(unit), x);
    let of_h = products(layer.recurrent_part(unit), h);
    let mut acc = of_x.map(|acc| acc << layer.x_shift);
    for (acc, of_h) in acc.iter_mut().zip(of_h) {
        *acc += of_h << layer.h_shift;
    }
    acc
}

/// The sums of products of one part of four rows. Not inlined, as flash would pay for every copy.
#[inline(never)]
fn products<A: Activation>(blocks: impl Iterator<Item = RowBlock>, x: &[[A; 4]]) -> I32x4 {
    let mut acc = [0; 4];
    for (block, x) in blocks.zip(x) {
        for (acc, row) in acc.iter_mut().zip(&block) {
            *acc += dot(row, x);
        }
    }
    acc
}

#[inline(always)]
fn dot<A: Activation>(w: &[i8; 4], x: &[A; 4]) -> i32 {
    let products = w.iter().zip(x).map(|(w, x)| i32::from(*w) * (*x).into());
    products.sum()
}

/// (B) to (D) for one unit from the products of its rows and its cell.
#[inline(always)]
pub fn advance(
    m: u32,
    [bias, mult]: &GateParameters,
    peephole: [i16; 4],
    acc: I32x4,
    c: i32,
) -> UnitStep {
    // (B)
    let z = |r: usize, c16: i16| {
        let acc = acc[r] + bias[r] + i32::from(peephole[r]) * i32::from(c16);
        mul_high(acc, mult[r])
    };
    let old = narrow(c);
    let [z_i, z_f, z_g] = [z(0, old), z(1, old), z(2, old)];
    let i = sigmoid(saturate16_symmetric(z_i));
    let f = sigmoid(saturate16_symmetric(z_f));
    let g = tanh(saturate16_symmetric(z_g));
    // (C): |i|, |g| ≤ 32767, so that 2·i·g stays below 2³¹; |f · c / 2¹⁶| stays below 2³⁰.
    let kept = 2 * mul_high(i32::from(f) << 16, c);
    let cell = kept.saturating_add(round_shift(2 * i32::from(i) * i32::from(g), m));
    let z_o = z(3, narrow(cell));
    let o = sigmoid(saturate16_symmetric(z_o));
    // (D)
    let squashed = tanh(saturate16_symmetric(round_shift(cell, 19 - m)));
    UnitStep {
        z: [z_i, z_f, z_g, z_o],
        cell,
        hidden: round_shift(i32::from(o) * i32::from(squashed), 15) as i16,
    }
}

/// The upper half of a cell, rounded: `Qm.(15−m)`.
#[inline(always)]
fn narrow(c: i32) -> i16 {
    saturate16(round_shift(c, 16))
}
