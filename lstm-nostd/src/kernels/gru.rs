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

use super::gru_cell::{GRU_ROWS, GruUnit, next_state};
use super::{
    Activation, Block, I32x4, Kernels, RecurrentRows, Weights, Width, blocks, copy, lanes_mut,
    row_groups,
};
use crate::activation::{sigmoid, tanh};
use crate::bounded::{add, mul};
use crate::requant::{mul_high, round_shift, saturate16_symmetric};

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
#[repr(C)]
pub struct GruParameters<'m> {
    /// Sizes and formats, and the input weights: rows r, z, n of each unit, one unit after the other; zeros behind the
    /// last row fill its group.
    pub rows: RecurrentRows<'m>,
    /// `[units]`
    pub gates: &'m [GruGates],
    /// The recurrent weights, in the same order of rows.
    pub recurrent: Weights<'m>,
}

impl GruParameters<'_> {
    /// Units, each with one output.
    #[inline(always)]
    pub const fn units(&self) -> usize {
        self.gates.len()
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

/// The door of a kernel in assembly: whether what it will read and write is there.
#[cfg(any(lstm_kernels = "dsp", lstm_kernels = "mve"))]
impl GruParameters<'_> {
    /// Whether the layer is whole and the operands of a step are as long as it says.
    #[inline(never)]
    pub(super) fn fits(&self, x: &[Block], h: &[Block], cell: &[I32x4], next: &[Block]) -> bool {
        let (rows, units) = (&self.rows, self.units());
        let groups = row_groups(units, GRU_ROWS);
        let whole = |rows: &RecurrentRows<'_>| {
            let lanes = rows.layout().lanes().saturating_mul(groups);
            rows.weights.block_count().saturating_mul(4) >= lanes
        };
        rows.inputs > 0
            && units > 0
            && rows.weights.order() == self.recurrent.order()
            && whole(&self.input_rows())
            && whole(&self.recurrent_rows())
            && rows.outputs == units
            && rows.width.fits(rows.inputs, x)
            && rows.width.fits(units, h)
            && rows.width.fits(units, next)
            && super::have_room(cell, units)
    }
}

/// Units whose sums are made together: their rows fill [`GROUPS`] groups.
pub const UNITS: usize = 16;
/// Groups of four rows of [`UNITS`] units.
pub const GROUPS: usize = row_groups(UNITS, GRU_ROWS);

/// Some units, at most [`UNITS`], with the sums of their rows; states and `next` may be longer.
#[derive(Debug)]
pub struct GruBatch<'a, A> {
    /// `[units]`
    pub gates: &'a [GruGates],
    /// With the layer input and with the hidden state, rows r, z, n of each unit.
    pub sums: &'a [[I32x4; GROUPS]; 2],
    /// Q0.31
    pub states: &'a mut [i32],
    /// The new hidden state.
    pub next: &'a mut [A],
    /// The shift of (GD), 16..=24.
    pub narrowing: u32,
}

impl<A: Activation> GruBatch<'_, A> {
    /// Units that all parts have.
    #[inline(always)]
    pub fn count(&self) -> usize {
        let places = self.states.len().min(self.next.len());
        self.gates.len().min(places).min(UNITS)
    }

    /// (GA) to (GD); `observer` sees every unit, the first of which is unit `first` of its layer.
    #[inline(always)]
    pub fn advance(self, first: usize, mut observer: impl FnMut(usize, &GruUnit)) {
        let [input, recurrent] = self.sums;
        let rows = |sums| <[I32x4]>::as_flattened(sums).as_chunks::<GRU_ROWS>().0;
        let sums = rows(input).iter().zip(rows(recurrent));
        let places = self.states.iter_mut().zip(self.next);
        let mut unit = first;
        for ((gates, (input, recurrent)), (state, h_next)) in
            self.gates.iter().zip(sums).zip(places)
        {
            let step = advance(gates, input, recurrent, *state);
            observer(unit, &step);
            unit = unit.wrapping_add(1);
            *state = step.state;
            *h_next = A::saturate(round_shift(step.state, self.narrowing)); // (GD)
        }
    }
}

/// One time step, (GA) to (GD), by what `K` has for them. `cell` holds the states; other operands are those of
/// [`Kernels::lstm_step`].
#[inline(always)]
pub fn step<K: Kernels>(
    layer: &GruParameters<'_>,
    (x, h): (&[Block], &mut [Block]),
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    match layer.rows.width.in_build() {
        Width::Int16 => {
            batches::<K, i16>(layer, (x, h), cell, next, |_, batch| K::gru_units(batch));
            copy::<i16>(next, h, layer.rows.outputs);
        }
        Width::Int8 => {
            batches::<K, i8>(layer, (x, h), cell, next, |_, batch| K::gru_units(batch));
            copy::<i8>(next, h, layer.rows.outputs);
        }
    }
}

/// [`step`] by definition from the sums of rows that `K` yields; `observer` sees every unit.
#[inline(always)]
pub fn observed_step<K: Kernels>(
    layer: &GruParameters<'_>,
    (x, h): (&[Block], &mut [Block]),
    cell: &mut [I32x4],
    next: &mut [Block],
    mut observer: impl FnMut(usize, &GruUnit),
) {
    match layer.rows.width.in_build() {
        Width::Int16 => {
            batches::<K, i16>(layer, (x, h), cell, next, |first, batch| {
                batch.advance(first, &mut observer);
            });
            copy::<i16>(next, h, layer.rows.outputs);
        }
        Width::Int8 => {
            batches::<K, i8>(layer, (x, h), cell, next, |first, batch| {
                batch.advance(first, &mut observer);
            });
            copy::<i8>(next, h, layer.rows.outputs);
        }
    }
}

/// The units of a layer batch by batch, with their sums; `advance` gets the first unit's number.
#[inline(always)]
fn batches<K: Kernels, A: Activation>(
    layer: &GruParameters<'_>,
    (x, h): (&[Block], &[Block]),
    cell: &mut [I32x4],
    next: &mut [Block],
    mut advance: impl FnMut(usize, GruBatch<'_, A>),
) {
    let (of_input, of_hidden) = (layer.input_rows(), layer.recurrent_rows());
    let (mut input_sums, mut hidden_sums) = (
        K::group_sums(&of_input, x, &[]),
        K::group_sums(&of_hidden, h, &[]),
    );
    let narrowing = layer.rows.h_shift.wrapping_add(16) & 31;
    let mut states = cell.as_flattened_mut().chunks_mut(UNITS);
    let mut lanes = lanes_mut::<A>(next).chunks_mut(UNITS);
    let (mut group, mut first) = (0usize, 0usize);
    let mut sums = [[[0; 4]; GROUPS]; 2];
    // The gates end with the last unit, before the padding of the last block of lanes.
    for gates in layer.gates.chunks(UNITS) {
        let (Some(states), Some(next)) = (states.next(), lanes.next()) else {
            return;
        };
        let groups = row_groups(gates.len(), GRU_ROWS);
        let [input, recurrent] = &mut sums;
        if let (Some(input), Some(recurrent)) =
            (input.get_mut(..groups), recurrent.get_mut(..groups))
        {
            input_sums(group, input);
            hidden_sums(group, recurrent);
        }
        group = group.wrapping_add(groups);
        let batch = GruBatch {
            gates,
            sums: &sums,
            states,
            next,
            narrowing,
        };
        advance(first, batch);
        first = first.wrapping_add(UNITS);
    }
}

/// (GA) to (GC) for one unit from the sums of its rows and its state.
///
/// Sums and stored biases may wrap, where an order moves a part from one to the other; together they do not.
// On Helium only layers in another order come here, and flash would pay for every copy.
#[cfg_attr(lstm_kernels = "mve", inline(never))]
#[cfg_attr(not(lstm_kernels = "mve"), inline(always))]
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
    GruUnit {
        z: [z_r, z_z, z_n],
        state: next_state(z, n, h),
    }
}
