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
    Block, DenseOutputs, DenseParameters, I32x4, Kernels, LstmParameters, Order, RecurrentRows,
    RowSums, Width, copy, lanes_mut,
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
        let (rows, units) = (&layer.rows, layer.gates.len());
        // `h` stays as it is until all sums are made.
        let operands = Operands::of(rows, x, h).filter(|rows| rows.has(units) && has_avx512());
        let Some(operands) = operands else {
            return Avx2::lstm_step(layer, x, h, cell, next);
        };
        // SAFETY: the CPU has what the functions need, and there are the groups of all units.
        unsafe {
            match rows.width.in_build() {
                Width::Int16 => lstm_units::<i16>(layer, &operands, cell, next),
                Width::Int8 => lstm_units::<i8>(layer, &operands, cell, next),
            }
        }
        match rows.width.in_build() {
            Width::Int16 => copy::<i16>(next, h, units),
            Width::Int8 => copy::<i8>(next, h, units),
        }
    }

    #[cfg(any(feature = "gru", feature = "gru-before", feature = "coupled"))]
    fn group_sums(
        rows: &RecurrentRows<'_>,
        x: &[Block],
        h: &[Block],
    ) -> impl FnMut(usize, &mut [I32x4]) {
        let mut others = Avx2::group_sums(rows, x, h);
        move |first, sums| match &Operands::of(rows, x, h).filter(|_| has_avx512()) {
            // SAFETY: the CPU has what the functions need, and there are the groups.
            Some(operands) if operands.has(first + sums.len()) => unsafe {
                products::totals(operands, first, sums);
            },
            _ => others(first, sums),
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

/// (A) to (H), sixteen units at a time. Where the last ones are fewer, zeros stand for the others. `next` becomes the
/// hidden state.
///
/// # Safety
/// The operands have a group of rows for each unit.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn lstm_units<A: Narrow>(
    layer: &LstmParameters<'_>,
    operands: &Operands<'_>,
    cell: &mut [I32x4],
    next: &mut [Block],
) {
    let shifts = (layer.cell_int_bits, layer.rows.h_shift);
    let mut peepholes = layer.peepholes.chunks(UNITS);
    let cells = cell.as_flattened_mut().chunks_mut(UNITS);
    let lanes = lanes_mut::<A>(next).chunks_mut(UNITS);
    let gates = layer.gates.chunks(UNITS);
    for (index, ((gates, cells), lanes)) in gates.zip(cells).zip(lanes).enumerate() {
        let count = gates.len();
        let mut sums = [[0; 4]; UNITS];
        // SAFETY: as above.
        unsafe { products::totals(operands, UNITS * index, &mut sums[..count]) };
        let (mut some_gates, mut some_peepholes) = Default::default();
        let gates = padded(gates, &mut some_gates);
        let peepholes = peepholes
            .next()
            .map(|some| padded(some, &mut some_peepholes));
        let mut advanced = *padded(cells, &mut [0; UNITS]);
        let hidden = units::lstm(shifts, gates, peepholes, &sums, &mut advanced);
        put(cells, count, advanced);
        // SAFETY: this function has the instructions.
        put(lanes, count, unsafe { A::narrow(hidden) });
    }
}
