//! A GRU layer: its parameters where they lie, and what follows from the sums of its rows.
//!
//! For the rows r, z, n of a unit, with its state h in 32 bits:
//!
//! ```text
//! x_r     = Σ_j w_x[r,j] · x_j << k,   h_r = Σ_j w_h[r,j] · h_j << n
//! z_r     = sat±32767(mul_high(x_r + h_r + bias_r, mult_r))               Q3.12   (GA)
//! z_n     = sat±32767(mul_high(x_n + bias_n + 2 · mul_high(r << 16, h_n + bias_hn), mult_n))
//!                                                                         Q3.12   (GB)
//! h'      = sat(2 · mul_high(z << 16, h) + 2 · (2¹⁵ − z) · n)             Q0.31   (GC)
//! h       = sat(round_shift(h', 16)) in int16;  sat±127(round_shift(h', 16 + n)) in int8
//!                                                                         Q0.15−n (GD)
//! ```
//!
//! r = σ(z_r), z = σ(z_z) and n = tanh(z_n) are Q0.15. The reset gate scales the recurrent sum and its bias in
//! accumulator units, before the row's only rounding to Q3.12. The state lasts, so it has 32 bits, in the place of
//! an LSTM's cell; what products read is its narrow copy. `docs/numerics.md` explains the formats.

use bytemuck::{Pod, Zeroable};

use super::{Activation, Block, I32x4, RecurrentRows, Weights, Width, blocks, copy, lanes_mut};
use crate::activation::{sigmoid, tanh};
use crate::bounded::{add, mul};
use crate::requant::{mul_high, round_shift, saturate16_symmetric};

/// Rows of a unit.
pub const GRU_ROWS: usize = 3;

/// Biases and multipliers of one unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct GruGates {
    /// Of r, z and n, and of the recurrent sum of n, as the order of the weights has them.
    pub bias: [i32; 4],
    /// Of r, z and n.
    pub mult: [i32; GRU_ROWS],
}

/// The parameters of one GRU layer as they lie in a model file.
#[derive(Clone, Copy, Debug)]
pub struct GruParameters<'m> {
    /// Sizes and formats, and the input weights: rows r, z, n of each unit, one unit after the other; zeros behind the
    /// last row fill its group.
    pub rows: RecurrentRows<'m>,
    /// The recurrent weights, in the same order of rows.
    pub recurrent: Weights<'m>,
    /// `[units]`
    pub gates: &'m [GruGates],
}

/// What one unit computed in one step, before anything was narrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GruUnit {
    /// (GA) and (GB) without the clamp, of r, z and n.
    pub z: [i32; GRU_ROWS],
    /// (GC)
    pub state: i32,
}

/// Groups of four rows of a layer of `units`.
pub const fn gru_groups(units: usize) -> usize {
    units.saturating_mul(GRU_ROWS).div_ceil(4)
}

impl GruParameters<'_> {
    /// Units, each with one output.
    #[inline(always)]
    pub const fn units(&self) -> usize {
        self.rows.outputs
    }

    /// Blocks of four that hold the states.
    #[inline(always)]
    pub const fn cell_blocks(&self) -> usize {
        blocks(self.units())
    }

    /// The rows that meet the layer input.
    #[inline(always)]
    pub const fn input_rows(&self) -> RecurrentRows<'_> {
        RecurrentRows {
            outputs: 0,
            h_shift: 0,
            ..self.rows
        }
    }

    /// The rows that meet the hidden state, as rows that meet an input.
    #[inline(always)]
    pub const fn recurrent_rows(&self) -> RecurrentRows<'_> {
        RecurrentRows {
            inputs: self.rows.outputs,
            weights: self.recurrent,
            x_shift: self.rows.h_shift,
            outputs: 0,
            h_shift: 0,
            ..self.rows
        }
    }

    /// Bytes that weights and gates take.
    pub const fn bytes(&self) -> usize {
        self.rows.weights.bytes() + self.recurrent.bytes() + size_of_val(self.gates)
    }
}

/// Units whose sums are made together: their rows fill [`GROUPS`] groups.
const UNITS: usize = 16;
const GROUPS: usize = gru_groups(UNITS);

/// One time step, (GA) to (GD), from the sums of rows that `sums` yields as
/// [`Kernels::group_sums`](super::Kernels::group_sums) does. `cell` holds the states; other operands are those of
/// [`Kernels::lstm_step`](super::Kernels::lstm_step). `observer` sees every unit.
#[inline(always)]
pub fn step(
    layer: &GruParameters<'_>,
    (x, h): (&[Block], &mut [Block]),
    cell: &mut [I32x4],
    next: &mut [Block],
    sums: impl Fn(&RecurrentRows<'_>, usize, &[Block], &mut [I32x4]),
    observer: impl FnMut(usize, &GruUnit),
) {
    let (of_input, of_hidden) = (layer.input_rows(), layer.recurrent_rows());
    let both = |first: usize, input: &mut [I32x4], recurrent: &mut [I32x4]| {
        sums(&of_input, first, x, input);
        sums(&of_hidden, first, h, recurrent);
    };
    match layer.rows.width.in_build() {
        Width::Int16 => {
            units::<i16>(layer, cell, next, both, observer);
            copy::<i16>(next, h, layer.rows.outputs);
        }
        Width::Int8 => {
            units::<i8>(layer, cell, next, both, observer);
            copy::<i8>(next, h, layer.rows.outputs);
        }
    }
}

/// (GA) to (GD) of all units; `sums` makes the sums of some groups with the layer input and with the hidden state, and
/// `next` becomes the hidden state.
#[inline(always)]
fn units<A: Activation>(
    layer: &GruParameters<'_>,
    cell: &mut [I32x4],
    next: &mut [Block],
    sums: impl Fn(usize, &mut [I32x4], &mut [I32x4]),
    mut observer: impl FnMut(usize, &GruUnit),
) {
    let narrowing = layer.rows.h_shift.wrapping_add(16) & 31;
    let states = cell.as_flattened_mut().chunks_mut(UNITS);
    let lanes = lanes_mut::<A>(next).chunks_mut(UNITS);
    // The gates end with the last unit, before the padding of the last block of lanes.
    let parts = layer.gates.chunks(UNITS).zip(states.zip(lanes));
    let (mut group, mut unit) = (0usize, 0usize);
    for (gates, (states, lanes)) in parts {
        let (mut input, mut recurrent) = ([[0; 4]; GROUPS], [[0; 4]; GROUPS]);
        let groups = gru_groups(gates.len());
        if let (Some(input), Some(recurrent)) =
            (input.get_mut(..groups), recurrent.get_mut(..groups))
        {
            sums(group, input, recurrent);
        }
        group = group.wrapping_add(groups);
        let of_input = input.as_flattened().as_chunks::<GRU_ROWS>().0;
        let of_hidden = recurrent.as_flattened().as_chunks::<GRU_ROWS>().0;
        let sums = of_input.iter().zip(of_hidden);
        let places = states.iter_mut().zip(lanes);
        for ((gates, (input, recurrent)), (state, h_next)) in gates.iter().zip(sums).zip(places) {
            let step = advance(gates, input, recurrent, *state);
            observer(unit, &step);
            unit = unit.wrapping_add(1);
            *state = step.state;
            *h_next = A::saturate(round_shift(step.state, narrowing)); // (GD)
        }
    }
}

/// (GA) to (GC) for one unit from the sums of its rows and its state.
///
/// Sums and stored biases may wrap, where an order moves a part from one to the other; together they do not.
#[inline(always)]
fn advance(
    GruGates { bias, mult }: &GruGates,
    input: &[i32; GRU_ROWS],
    recurrent: &[i32; GRU_ROWS],
    h: i32,
) -> GruUnit {
    // (GA)
    let gate = |r: usize| {
        let acc = input[r].wrapping_add(recurrent[r]).wrapping_add(bias[r]);
        mul_high(acc, mult[r])
    };
    let [z_r, z_z] = [gate(0), gate(1)];
    let r = sigmoid(saturate16_symmetric(z_r));
    let z = sigmoid(saturate16_symmetric(z_z));
    // (GB): |2 · mul_high(r << 16, a)| ≤ |a| + 1, which the parser's bound leaves room for.
    let input = input[2].wrapping_add(bias[2]);
    let recurrent = recurrent[2].wrapping_add(bias[3]);
    let reset = mul(2, mul_high(i32::from(r) << 16, recurrent));
    let z_n = mul_high(add(input, reset), mult[2]);
    let n = tanh(saturate16_symmetric(z_n));
    // (GC): 2 · 2¹⁵ · |n| stays below 2³¹.
    let kept = mul(2, mul_high(i32::from(z) << 16, h));
    let new = mul(2 * (32_768 - i32::from(z)), i32::from(n));
    GruUnit {
        z: [z_r, z_z, z_n],
        state: kept.saturating_add(new),
    }
}
