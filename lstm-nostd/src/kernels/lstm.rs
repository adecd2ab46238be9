//! An LSTM layer: its parameters where they lie, and what follows from the sums of its rows.
//!
//! For the gate rows r = i, f, g, o of a unit, with c16 the upper half of its cell:
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
//! types of w, x and h alone; int16 activations have n = 0. `docs/numerics.md` explains the formats.

use super::{Activation, Block, I32x4, RecurrentRows, RowSums, Width, blocks, copy, lanes_mut};
use crate::activation::{sigmoid, tanh};
use crate::bounded::{add, mul, sub};
use crate::requant::{mul_high, round_shift, saturate16, saturate16_symmetric};

/// Bias and multiplier of the four gates of one unit, in the order i, f, g, o.
pub type GateParameters = [I32x4; 2];

/// The parameters of one LSTM layer as they lie in a model file.
// Of every kind, rows and gates lie first: `layers/recurrent.rs` says why.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct LstmParameters<'m> {
    /// Four rows for each unit, in gate order i, f, g, o.
    pub rows: RecurrentRows<'m>,
    /// `[units]`; biases as the order of the weights has them.
    pub gates: &'m [GateParameters],
    /// Peephole weights in gate order i, f, (0), o, in accumulator units per unit of the narrow
    /// cell: `[units]`, or empty without peepholes.
    pub peepholes: &'m [[i16; 4]],
    /// Integer bits of the cell, `m` in 1..=15: the cell is `Qm.(31−m)`.
    pub cell_int_bits: u32,
}

/// What one unit computed in one step, before anything was narrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LstmUnit {
    /// (B) without the clamp, of the gates i, f, g, o.
    pub z: I32x4,
    /// (C)
    pub cell: i32,
    /// (D)
    pub hidden: i16,
}

impl LstmParameters<'_> {
    /// Units: cells, and groups of rows. Each has one output, unless a [projection](super::projected) follows.
    #[inline(always)]
    pub const fn units(&self) -> usize {
        self.gates.len()
    }

    /// Blocks that hold the hidden state before a step, and what the units show after it.
    #[inline(always)]
    pub const fn hidden_blocks(&self) -> usize {
        let (before, after) = (self.rows.outputs, self.units());
        self.rows
            .width
            .blocks(if before > after { before } else { after })
    }

    /// Blocks of four that hold the cells.
    #[inline(always)]
    pub const fn cell_blocks(&self) -> usize {
        blocks(self.units())
    }

    /// Bytes that weights, gates and peepholes take.
    pub const fn bytes(&self) -> usize {
        self.rows.weights.bytes() + size_of_val(self.gates) + size_of_val(self.peepholes)
    }
}

/// The door of a kernel in assembly: whether what it will read and write is there.
#[cfg(lstm_cortex_m)]
impl LstmParameters<'_> {
    /// Whether the layer is whole and the operands of a step are as long as it says.
    #[inline(always)]
    pub(super) fn fits(&self, x: &[Block], h: &[Block], cell: &[I32x4], next: &[Block]) -> bool {
        let (rows, units) = (&self.rows, self.units());
        rows.inputs > 0
            && units > 0
            && rows.weights.block_count().wrapping_mul(4) / units >= rows.layout().lanes()
            && (self.peepholes.is_empty() || self.peepholes.len() >= units)
            && rows.width.fits(rows.inputs, x)
            && rows.width.fits(rows.outputs, h)
            && rows.width.fits(units, h)
            && rows.width.fits(units, next)
            && super::have_room(cell, units)
    }

    /// The peepholes of the first unit, or null without peepholes.
    pub(super) fn first_peepholes(&self) -> *const [i16; 4] {
        if self.peepholes.is_empty() {
            core::ptr::null()
        } else {
            self.peepholes.as_ptr()
        }
    }
}

/// One time step, (A) to (H), from the sums of rows that `sums` yields; operands as
/// [`Kernels::lstm_step`](super::Kernels::lstm_step) has them. `observer` sees every unit.
#[inline(always)]
pub fn step(
    layer: &LstmParameters<'_>,
    (x, h): (&[Block], &mut [Block]),
    cell: &mut [I32x4],
    next: &mut [Block],
    sums: impl Fn(&RecurrentRows<'_>, usize, &[Block], &[Block]) -> RowSums,
    observer: impl FnMut(usize, &LstmUnit),
) {
    let total = |unit: usize| sums(&layer.rows, unit, x, h).total();
    match layer.rows.width.in_build() {
        Width::Int16 => {
            units::<i16>(layer, cell, next, total, observer);
            copy::<i16>(next, h, layer.units());
        }
        Width::Int8 => {
            units::<i8>(layer, cell, next, total, observer);
            copy::<i8>(next, h, layer.units());
        }
    }
}

/// (B) to (H) of all units, whose (A) without the bias comes from `total`; `next` becomes the hidden
/// state.
#[inline(always)]
pub(super) fn units<A: Activation>(
    layer: &LstmParameters<'_>,
    cell: &mut [I32x4],
    next: &mut [Block],
    mut total: impl FnMut(usize) -> I32x4,
    mut observer: impl FnMut(usize, &LstmUnit),
) {
    let mut peepholes = layer.peepholes.iter();
    // The gates end with the last unit, before the padding of the last block of lanes.
    let units = layer.gates.iter().enumerate();
    let lanes = cell.as_flattened_mut().iter_mut().zip(lanes_mut::<A>(next));
    for ((unit, [bias, mult]), (c, h_next)) in units.zip(lanes) {
        let peephole = peepholes.next().copied().unwrap_or_default();
        let mut bias = *bias;
        for (bias, excess) in bias.iter_mut().zip(layer.rows.bias_excess(unit)) {
            *bias = sub(*bias, excess);
        }
        let acc = total(unit);
        let step = advance(layer.cell_int_bits, &[bias, *mult], peephole, acc, *c);
        observer(unit, &step);
        *c = step.cell;
        *h_next = A::saturate(round_shift(step.hidden.into(), layer.rows.h_shift)); // (H)
    }
}

/// (B) to (D) for one unit from the products of its rows and its cell.
// On Helium only layers in another order come here, and flash would pay for every copy.
#[cfg_attr(lstm_kernels = "mve", inline(never))]
#[cfg_attr(not(lstm_kernels = "mve"), inline(always))]
pub fn advance(
    m: u32,
    [bias, mult]: &GateParameters,
    peephole: [i16; 4],
    acc: I32x4,
    c: i32,
) -> LstmUnit {
    // (B)
    let z = |r: usize, c16: i16| {
        let peephole = i32::from(peephole[r]) * i32::from(c16);
        let acc = add(add(acc[r], bias[r]), peephole);
        mul_high(acc, mult[r])
    };
    let old = upper_half(c);
    let [z_i, z_f, z_g] = [z(0, old), z(1, old), z(2, old)];
    let i = sigmoid(saturate16_symmetric(z_i));
    let f = sigmoid(saturate16_symmetric(z_f));
    let g = tanh(saturate16_symmetric(z_g));
    let cell = next_cell(m, [i.into(), f.into(), g.into()], c);
    let z_o = z(3, upper_half(cell));
    LstmUnit {
        z: [z_i, z_f, z_g, z_o],
        cell,
        hidden: hidden(m, z_o, cell),
    }
}

/// (C) of the activated gates i, f, g.
#[inline(always)]
pub(super) fn next_cell(m: u32, [i, f, g]: [i32; 3], c: i32) -> i32 {
    // |i|, |g| ≤ 32767, so that 2·i·g stays below 2³¹; |f · c / 2¹⁶| stays below 2³⁰.
    let kept = mul(2, mul_high(f << 16, c));
    let new = mul(mul(2, i), g);
    kept.saturating_add(round_shift(new, m))
}

/// (D) of the output gate's sum.
#[inline(always)]
pub(super) fn hidden(m: u32, z_o: i32, cell: i32) -> i16 {
    let o = sigmoid(saturate16_symmetric(z_o));
    let squashed = tanh(saturate16_symmetric(round_shift(
        cell,
        19u32.wrapping_sub(m),
    )));
    round_shift(i32::from(o) * i32::from(squashed), 15) as i16
}

/// The upper half of a cell, rounded: `Qm.(15−m)`.
#[inline(always)]
pub(super) fn upper_half(c: i32) -> i16 {
    saturate16(round_shift(c, 16))
}
