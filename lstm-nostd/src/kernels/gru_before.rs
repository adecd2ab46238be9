//! A GRU layer whose reset gate comes before the product: its parameters where they lie, and what follows from the sums of
//! its rows.
//!
//! For the rows r, z, n of a unit, with its state h in 32 bits, and k and n as in `kernels/rows.rs`:
//!
//! ```text
//! z_r     = sat±32767(mul_high((Σ_j w_x[r,j] · x_j << k) + (Σ_j w_h[r,j] · h_j << n) + bias_r, mult_r))
//!                                                                         Q3.12   (RA)  for r and z
//! v       = sat(round_shift(2 · mul_high(r << 16, h), 16 + n))            Q0.15−n (RB)
//! z_n     = sat±32767(mul_high((Σ_j w_x[n,j] · x_j << k) + (Σ_j w_h[n,j] · v_j << n) + bias_n, mult_n))
//!                                                                         Q3.12   (RC)
//! ```
//!
//! What follows is (GC) and (GD) of [`super::gru`]. The state reset by r is rounded once, to what products read, and takes
//! the place of the hidden state in the candidates' rows. So a step goes over the rows of all units twice: those of r first,
//! which make v, then those of z and n. New states go to `cell` at once, where no product reads them; the hidden state is
//! narrowed from them at the end, when no row needs the old one. v lies in the scratch of the next hidden state.

use bytemuck::{Pod, Zeroable};

use super::gru_cell::{GRU_ROWS, GruUnit, next_state};
use super::{Activation, Block, I32x4, Kernels, RecurrentRows, Width, blocks, lanes_mut};
use crate::activation::{sigmoid, tanh};
use crate::bounded::mul;
use crate::requant::{mul_high, round_shift, saturate16_symmetric};

/// Biases and multipliers of one unit, of r, z and n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct GruBeforeGates {
    /// As the order of the weights has them.
    pub bias: [i32; GRU_ROWS],
    /// From accumulator units to Q3.12.
    pub mult: [i32; GRU_ROWS],
}

/// The parameters of one layer as they lie in a model file.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct GruBeforeParameters<'m> {
    /// The rows r of all units, then their rows z, then their rows n, each in [`GruBeforeParameters::gate_groups`] groups
    /// with zeros behind the last row.
    pub rows: RecurrentRows<'m>,
    /// `[units]`
    pub gates: &'m [GruBeforeGates],
}

impl GruBeforeParameters<'_> {
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

    /// Groups of four rows of one gate.
    #[inline(always)]
    pub const fn gate_groups(&self) -> usize {
        blocks(self.rows.outputs)
    }

    /// Bytes that weights and gates take.
    pub const fn bytes(&self) -> usize {
        self.rows.weights.bytes() + size_of_val(self.gates)
    }
}

/// Units whose sums are made together: a gate's rows of them fill `GROUPS` groups.
pub const UNITS: usize = 32;
const GROUPS: usize = UNITS / 4;

/// One time step, (RA) to (RC), (GC) and (GD), from the sums of rows that `K` yields. `cell` holds the states; other
/// operands are those of [`Kernels::lstm_step`].
#[inline(always)]
pub fn step<K: Kernels>(
    layer: &GruBeforeParameters<'_>,
    (x, h): (&[Block], &mut [Block]),
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    both_passes::<K, false>(layer, (x, h), cell, next, |_, _| ());
}

/// [`step`], while `observer` sees every unit.
#[inline(always)]
pub fn observed_step<K: Kernels>(
    layer: &GruBeforeParameters<'_>,
    (x, h): (&[Block], &mut [Block]),
    cell: &mut [I32x4],
    next: &mut [Block],
    observer: impl FnMut(usize, &GruUnit),
) {
    both_passes::<K, true>(layer, (x, h), cell, next, observer);
}

#[inline(always)]
fn both_passes<K: Kernels, const OBSERVED: bool>(
    layer: &GruBeforeParameters<'_>,
    (x, h): (&[Block], &mut [Block]),
    cell: &mut [I32x4],
    next: &mut [Block],
    observer: impl FnMut(usize, &GruUnit),
) {
    let rows = &layer.rows;
    let narrowing = rows.h_shift.wrapping_add(16) & 31;
    let states = cell.as_flattened_mut();
    match rows.width.in_build() {
        Width::Int16 => reset::<K, i16>(layer, (x, h), states, (next, narrowing)),
        Width::Int8 => reset::<K, i8>(layer, (x, h), states, (next, narrowing)),
    }
    advance::<K, OBSERVED>(layer, (x, h, next), states, observer);
    match rows.width.in_build() {
        Width::Int16 => narrow::<i16>(states, h, (rows.outputs, narrowing)),
        Width::Int8 => narrow::<i8>(states, h, (rows.outputs, narrowing)),
    }
}

/// (RA) of r, and (RB): the states that the candidates' rows see.
#[inline(always)]
fn reset<K: Kernels, A: Activation>(
    layer: &GruBeforeParameters<'_>,
    (x, h): (&[Block], &[Block]),
    states: &[i32],
    (v, narrowing): (&mut [Block], u32),
) {
    let mut states = states.chunks(UNITS);
    let mut lanes = lanes_mut::<A>(v).chunks_mut(UNITS);
    let mut sums = [[0; 4]; GROUPS];
    let mut group = 0usize;
    // The gates end with the last unit, before the padding of the last block of lanes.
    for gates in layer.gates.chunks(UNITS) {
        let (Some(states), Some(v)) = (states.next(), lanes.next()) else {
            return;
        };
        let groups = blocks(gates.len());
        make_sums::<K>(&layer.rows, (x, h), group, sums.get_mut(..groups));
        group = group.wrapping_add(groups);
        let units = gates.iter().zip(sums.as_flattened());
        for ((gates, sum), (state, v)) in units.zip(states.iter().zip(v)) {
            let r = i32::from(sigmoid(saturate16_symmetric(gate(gates, 0, *sum))));
            let reset = mul(2, mul_high(r << 16, *state));
            *v = A::saturate(round_shift(reset, narrowing)); // (RB)
        }
    }
}

/// (RA) of z, (RC) and (GC): the new states. Sums of r serve an observer alone.
#[inline(always)]
fn advance<K: Kernels, const OBSERVED: bool>(
    layer: &GruBeforeParameters<'_>,
    (x, h, v): (&[Block], &[Block], &[Block]),
    states: &mut [i32],
    mut observer: impl FnMut(usize, &GruUnit),
) {
    let rows = &layer.rows;
    let mut states = states.chunks_mut(UNITS);
    let [mut of_r, mut of_z, mut of_n] = [[[0; 4]; GROUPS]; GRU_ROWS];
    let (mut group, mut unit) = (0usize, 0usize);
    for gates in layer.gates.chunks(UNITS) {
        let Some(states) = states.next() else { return };
        let groups = blocks(gates.len());
        if OBSERVED {
            make_sums::<K>(rows, (x, h), group, of_r.get_mut(..groups));
        }
        let group_of_z = group.wrapping_add(layer.gate_groups());
        make_sums::<K>(rows, (x, h), group_of_z, of_z.get_mut(..groups));
        let group_of_n = group_of_z.wrapping_add(layer.gate_groups());
        make_sums::<K>(rows, (x, v), group_of_n, of_n.get_mut(..groups));
        group = group.wrapping_add(groups);
        let of_z_and_n = of_z.as_flattened().iter().zip(of_n.as_flattened());
        let sums = of_r.as_flattened().iter().zip(of_z_and_n);
        for ((gates, state), (of_r, (of_z, of_n))) in gates.iter().zip(states).zip(sums) {
            let [z_z, z_n] = [gate(gates, 1, *of_z), gate(gates, 2, *of_n)];
            let z = sigmoid(saturate16_symmetric(z_z));
            let n = tanh(saturate16_symmetric(z_n));
            *state = next_state(z, n, *state);
            if OBSERVED {
                let step = GruUnit {
                    z: [gate(gates, 0, *of_r), z_z, z_n],
                    state: *state,
                };
                observer(unit, &step);
                unit = unit.wrapping_add(1);
            }
        }
    }
}

/// (GD) of `count` units.
#[inline(always)]
fn narrow<A: Activation>(states: &[i32], h: &mut [Block], (count, narrowing): (usize, u32)) {
    let places = lanes_mut::<A>(h).iter_mut().zip(states);
    for (h, state) in places.take(count) {
        *h = A::saturate(round_shift(*state, narrowing));
    }
}

/// The sums of the groups from `first` on, as many as there is room for.
// One copy of it is enough for both passes.
#[inline(never)]
fn make_sums<K: Kernels>(
    rows: &RecurrentRows<'_>,
    (x, h): (&[Block], &[Block]),
    first: usize,
    sums: Option<&mut [I32x4]>,
) {
    if let Some(sums) = sums {
        K::group_sums(rows, x, h)(first, sums);
    }
}

/// (RA) or (RC) without the clamp, of gate `r` whose row sums up to `sum`.
///
/// Sums and stored biases may wrap, where an order moves a part from one to the other; together they do not.
#[inline(always)]
fn gate(GruBeforeGates { bias, mult }: &GruBeforeGates, r: usize, sum: i32) -> i32 {
    mul_high(sum.wrapping_add(bias[r]), mult[r])
}
