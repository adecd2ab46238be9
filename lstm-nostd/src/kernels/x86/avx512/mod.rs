//! Hosts with AVX-512 and VNNI.
//!
//! ```text
//! products   sums of products of eight groups of rows side by side, 32 or 64 products to an instruction
//! units      what follows from the sums, sixteen units side by side
//! ```

mod products;
mod units;

use super::avx2::Avx2;
use super::cpu::has_avx512;
use super::operands::Operands;
use super::{padded, put};
#[cfg(any(feature = "gru", feature = "coupled"))]
use crate::kernels::Activation;
#[cfg(feature = "coupled")]
use crate::kernels::coupled::CoupledBatch;
#[cfg(feature = "gru")]
use crate::kernels::gru::GruBatch;
use crate::kernels::{
    Block, DenseOutputs, DenseParameters, GateParameters, I32x4, Kernels, LstmParameters, Order,
    RecurrentRows, RowSums, Width, copy, lanes_mut,
};
use units::{Narrow, UNITS};

/// The kernels of this file; those with AVX2 on a CPU without AVX-512 and VNNI, and for orders of weights that chips
/// have.
#[derive(Clone, Copy, Debug)]
pub struct Avx512;

impl Kernels for Avx512 {
    const ORDERS: &'static [Order] = &Order::ALL;

    fn row_sums(rows: &RecurrentRows<'_>, group: usize, x: &[Block], h: &[Block]) -> RowSums {
        Avx2::row_sums(rows, group, x, h)
    }

    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        if !has_avx512() {
            return Avx2::lstm_step(layer, x, h, cell, next);
        }
        // SAFETY: the CPU has what the functions need.
        unsafe {
            match layer.rows.width.in_build() {
                Width::Int16 => lstm_step::<i16>(layer, x, h, cell, next),
                Width::Int8 => lstm_step::<i8>(layer, x, h, cell, next),
            }
        }
    }

    #[cfg(any(feature = "gru", feature = "gru-before", feature = "coupled"))]
    fn group_sums(
        rows: &RecurrentRows<'_>,
        x: &[Block],
        h: &[Block],
    ) -> impl FnMut(usize, &mut [I32x4]) {
        let (mut excess, mut of_avx2) = (None, Avx2::group_sums(rows, x, h));
        move |first, sums| match &Operands::of(rows, x, h).filter(|_| has_avx512()) {
            // SAFETY: the CPU has what the functions need, and there are the groups.
            Some(operands) if operands.has(first + sums.len()) => unsafe {
                let excess = *excess.get_or_insert_with(|| products::excess(operands));
                products::totals(operands, excess, first, sums);
            },
            _ => of_avx2(first, sums),
        }
    }

    #[cfg(feature = "gru")]
    fn gru_units<A: Activation>(batch: GruBatch<'_, A>) {
        if !has_avx512() {
            return Avx2::gru_units(batch);
        }
        let count = batch.count();
        let mut zeros = Default::default();
        let gates = padded(batch.gates, &mut zeros);
        let mut states = *padded(batch.states, &mut [0; UNITS]);
        // SAFETY: the CPU has what the function needs.
        let hidden = unsafe { units::gru(gates, batch.sums, &mut states, batch.narrowing) };
        put(batch.states, count, states);
        put(batch.next, count, hidden.map(A::saturate));
    }

    #[cfg(feature = "coupled")]
    fn coupled_units<A: Activation>(batch: CoupledBatch<'_, A>) {
        if !has_avx512() {
            return Avx2::coupled_units(batch);
        }
        let shifts = (batch.cell_int_bits, batch.h_shift);
        let gates = batch.gates[..batch.count()].chunks(UNITS);
        let cells = batch.cells.chunks_mut(UNITS);
        let lanes = batch.next.chunks_mut(UNITS);
        let mut peepholes = batch.peepholes.chunks(UNITS);
        let (sums, _) = batch.sums.as_chunks();
        for (((gates, sums), cells), lanes) in gates.zip(sums).zip(cells).zip(lanes) {
            let count = gates.len();
            let (mut some_gates, mut some_peepholes) = Default::default();
            let gates = padded(gates, &mut some_gates);
            let peepholes = peepholes
                .next()
                .map(|some| padded(some, &mut some_peepholes));
            let mut advanced = *padded(cells, &mut [0; UNITS]);
            // SAFETY: the CPU has what the function needs.
            let hidden = unsafe { units::coupled(shifts, gates, peepholes, sums, &mut advanced) };
            put(cells, count, advanced);
            put(lanes, count, hidden.map(A::saturate));
        }
    }

    fn dense(layer: &DenseParameters<'_>, x: &[Block], y: &mut DenseOutputs<'_>) {
        Avx2::dense(layer, x, y);
    }
}

/// Units whose sums are made before the first of them advances. A unit advances in one long chain of instructions, and
/// those of several registers overlap.
const AHEAD: usize = 2 * UNITS;

/// (A) to (H).
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn lstm_step<A: Narrow>(
    layer: &LstmParameters<'_>,
    x: &[Block],
    h: &mut [Block],
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    let units = layer.units();
    // `h` stays as it is until all sums are made.
    let Some(operands) = Operands::of(&layer.rows, x, h).filter(|rows| rows.has(units)) else {
        return Avx2::lstm_step(layer, x, h, cell, next);
    };
    let excess = products::excess(&operands);
    let cells = cell.as_flattened_mut().chunks_mut(AHEAD);
    let lanes = lanes_mut::<A>(next).chunks_mut(AHEAD);
    let gates = layer.gates.chunks(AHEAD);
    for (index, ((gates, cells), lanes)) in gates.zip(cells).zip(lanes).enumerate() {
        let first = AHEAD * index;
        let mut sums = [[0; 4]; AHEAD];
        // SAFETY: there is a group of rows for each unit.
        unsafe { products::totals(&operands, excess, first, &mut sums[..gates.len()]) };
        let peepholes = layer.peepholes.get(first..).unwrap_or_default();
        lstm_units(layer, (gates, peepholes), &sums, cells, lanes);
    }
    copy::<A>(next, h, units);
}

lstm_units!("avx512f,avx512bw,avx512vl,avx512vnni");
