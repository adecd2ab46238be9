//! An LSTM layer with coupled gates, f = 1 − i: its parameters where they lie, and what follows from the sums of its rows.
//!
//! For the rows r = i, g, o of a unit, with c16 the upper half of its cell, p_g = 0, and m, k and n as in [`super::lstm`]:
//!
//! ```text
//! acc_r = (Σ_j w_x[r,j] · x_j << k) + (Σ_j w_h[r,j] · h_j << n) + bias_r        (UA)
//! z_r   = sat±32767(mul_high(acc_r + p_r · c16, mult_r))                 Q3.12   (UB)
//! f     = 2¹⁵ − i                                                        Q0.15   (UC)
//! ```
//!
//! What follows is (C), (D) and (H) of [`super::lstm`]. Since σ(−z) = 2¹⁵ − σ(z) in the table too, (UC) is the forget
//! gate of the sum −z_i. The rows of all units lie one after the other in groups of four, which have rows of two units
//! or more: a unit has three.

use bytemuck::{Pod, Zeroable};

use super::lstm::{hidden, next_cell, upper_half};
use super::{
    Activation, Block, I32x4, Kernels, RecurrentRows, Width, blocks, copy, lanes_mut, row_groups,
};
use crate::activation::{sigmoid, tanh};
use crate::bounded::{add, sub};
use crate::requant::{mul_high, round_shift, saturate16_symmetric};

/// Rows of a unit.
pub const COUPLED_ROWS: usize = 3;

/// Biases and multipliers of one unit, of i, g and o.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct CoupledGates {
    /// As the order of the weights has them.
    pub bias: [i32; COUPLED_ROWS],
    /// From accumulator units to Q3.12.
    pub mult: [i32; COUPLED_ROWS],
}

/// The parameters of one layer as they lie in a model file.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct CoupledParameters<'m> {
    /// Rows i, g, o of each unit, one unit after the other; zeros behind the last row fill its group.
    pub rows: RecurrentRows<'m>,
    /// `[units]`
    pub gates: &'m [CoupledGates],
    /// Peephole weights of i and o, in accumulator units per unit of the narrow cell: `[units]`, or empty without
    /// peepholes.
    pub peepholes: &'m [[i16; 2]],
    /// Integer bits of the cell, `m` in 1..=15: the cell is `Qm.(31−m)`.
    pub cell_int_bits: u32,
}

/// What one unit computed in one step, before anything was narrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoupledUnit {
    /// (UB) without the clamp, of i, g and o.
    pub z: [i32; COUPLED_ROWS],
    /// (C)
    pub cell: i32,
    /// (D)
    pub hidden: i16,
}

impl CoupledParameters<'_> {
    /// Units, each with one output.
    #[inline(always)]
    pub const fn units(&self) -> usize {
        self.gates.len()
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

/// Units whose sums are made together: their rows fill [`GROUPS`] groups.
pub const UNITS: usize = 32;
/// Groups of four rows of [`UNITS`] units.
pub const GROUPS: usize = row_groups(UNITS, COUPLED_ROWS);

/// Some units, at most [`UNITS`], with the sums of their rows; cells and `next` may be longer.
#[derive(Debug)]
pub struct CoupledBatch<'a, A> {
    /// `[units]`
    pub gates: &'a [CoupledGates],
    /// `[units]`, or empty
    pub peepholes: &'a [[i16; 2]],
    /// (UA) without the biases, rows i, g, o of each unit.
    pub sums: &'a [I32x4; GROUPS],
    /// `Qm.(31−m)`
    pub cells: &'a mut [i32],
    /// The new hidden state.
    pub next: &'a mut [A],
    /// `m`
    pub cell_int_bits: u32,
    /// `n`
    pub h_shift: u32,
}

impl<A: Activation> CoupledBatch<'_, A> {
    /// Units that all parts have.
    #[inline(always)]
    pub fn count(&self) -> usize {
        let places = self.cells.len().min(self.next.len());
        self.gates.len().min(places).min(UNITS)
    }

    /// (UB) to (H); `observer` sees every unit, the first of which is unit `first` of its layer.
    #[inline(always)]
    pub fn advance(self, first: usize, mut observer: impl FnMut(usize, &CoupledUnit)) {
        let sums = <[I32x4]>::as_flattened(self.sums)
            .as_chunks::<COUPLED_ROWS>()
            .0;
        let mut peepholes = self.peepholes.iter();
        let places = self.cells.iter_mut().zip(self.next);
        let mut unit = first;
        for ((gates, sums), (c, h_next)) in self.gates.iter().zip(sums).zip(places) {
            let peephole = peepholes.next().copied().unwrap_or_default();
            let step = advance(self.cell_int_bits, gates, peephole, sums, *c);
            observer(unit, &step);
            unit = unit.wrapping_add(1);
            *c = step.cell;
            *h_next = A::saturate(round_shift(step.hidden.into(), self.h_shift)); // (H)
        }
    }
}

/// One time step, (UA) to (H), by what `K` has for them; operands are those of [`Kernels::lstm_step`].
#[inline(always)]
pub fn step<K: Kernels>(
    layer: &CoupledParameters<'_>,
    (x, h): (&[Block], &mut [Block]),
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    match layer.rows.width.in_build() {
        Width::Int16 => {
            batches::<K, i16>(layer, (x, h), cell, next, |_, batch| {
                K::coupled_units(batch)
            });
            copy::<i16>(next, h, layer.rows.outputs);
        }
        Width::Int8 => {
            batches::<K, i8>(layer, (x, h), cell, next, |_, batch| {
                K::coupled_units(batch)
            });
            copy::<i8>(next, h, layer.rows.outputs);
        }
    }
}

/// [`step`] by definition from the sums of rows that `K` yields; `observer` sees every unit.
#[inline(always)]
pub fn observed_step<K: Kernels>(
    layer: &CoupledParameters<'_>,
    (x, h): (&[Block], &mut [Block]),
    cell: &mut [I32x4],
    next: &mut [Block],
    mut observer: impl FnMut(usize, &CoupledUnit),
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
    layer: &CoupledParameters<'_>,
    (x, h): (&[Block], &[Block]),
    cell: &mut [I32x4],
    next: &mut [Block],
    mut advance: impl FnMut(usize, CoupledBatch<'_, A>),
) {
    let mut make_sums = K::group_sums(&layer.rows, x, h);
    let mut cells = cell.as_flattened_mut().chunks_mut(UNITS);
    let mut lanes = lanes_mut::<A>(next).chunks_mut(UNITS);
    let mut peepholes = layer.peepholes.chunks(UNITS);
    let (mut group, mut first) = (0usize, 0usize);
    let mut sums = [[0; 4]; GROUPS];
    // The gates end with the last unit, before the padding of the last block of lanes.
    for gates in layer.gates.chunks(UNITS) {
        let (Some(cells), Some(next)) = (cells.next(), lanes.next()) else {
            return;
        };
        let groups = row_groups(gates.len(), COUPLED_ROWS);
        if let Some(sums) = sums.get_mut(..groups) {
            make_sums(group, sums);
        }
        group = group.wrapping_add(groups);
        let batch = CoupledBatch {
            gates,
            peepholes: peepholes.next().unwrap_or_default(),
            sums: &sums,
            cells,
            next,
            cell_int_bits: layer.cell_int_bits,
            h_shift: layer.rows.h_shift,
        };
        advance(first, batch);
        first = first.wrapping_add(UNITS);
    }
}

/// (UB) to (D) for one unit from the sums of its rows and its cell.
///
/// Sums and stored biases may wrap, where an order moves a part from one to the other; together they do not.
// On Helium only layers in another order come here, and flash would pay for every copy.
#[cfg_attr(lstm_kernels = "mve", inline(never))]
#[cfg_attr(not(lstm_kernels = "mve"), inline(always))]
fn advance(
    m: u32,
    CoupledGates { bias, mult }: &CoupledGates,
    [p_i, p_o]: [i16; 2],
    sums: &[i32; COUPLED_ROWS],
    c: i32,
) -> CoupledUnit {
    // (UB)
    let z = |r: usize, peephole: i16, c16: i16| {
        let acc = sums[r].wrapping_add(bias[r]);
        mul_high(add(acc, i32::from(peephole) * i32::from(c16)), mult[r])
    };
    let [z_i, z_g] = [z(0, p_i, upper_half(c)), z(1, 0, 0)];
    let i = i32::from(sigmoid(saturate16_symmetric(z_i)));
    let g = i32::from(tanh(saturate16_symmetric(z_g)));
    // (UC)
    let cell = next_cell(m, [i, sub(1 << 15, i), g], c);
    let z_o = z(2, p_o, upper_half(cell));
    CoupledUnit {
        z: [z_i, z_g, z_o],
        cell,
        hidden: hidden(m, z_o, cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (UC): no sum of i lets f leave 16 bits, and f is the gate of the opposite sum.
    #[test]
    fn one_less_the_input_gate_is_the_gate_of_the_opposite_sum() {
        for z in -32_767..=32_767 {
            let f = 32_768 - i32::from(sigmoid(z));
            assert_eq!(f, i32::from(sigmoid(-z)), "{z}");
        }
    }
}
