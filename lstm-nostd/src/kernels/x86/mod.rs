//! Hosts, for fast evaluation of whole data sets in the same integers.
//!
//! ```text
//! cpu        what the CPU has; it is asked once
//! operands   rows of weights and activations as the kernels read them
//! avx2       AVX2
//! avx512     AVX-512 with VNNI
//! ```
//!
//! The kernels of each instruction set use those of the one before where the CPU lacks it, down to the specification.
//! Weights in the generic order are read as they lie. Blocks of other orders are taken apart first, which takes
//! several times as long: a host that runs a model for long had better write it in the generic order.
#![allow(unsafe_code)]

/// `lstm_units` with these instructions. The module has the `units` of a register, with their `Narrow` and `UNITS`, and
/// `AHEAD`. A generic function could not have the instructions of its caller.
macro_rules! lstm_units {
    ($instructions:literal) => {
        /// (B) to (H) of some units. Where the last ones do not fill a register, zeros stand for the others.
        #[target_feature(enable = $instructions)]
        #[inline]
        fn lstm_units<A: Narrow>(
            layer: &LstmParameters<'_>,
            (gates, peepholes): (&[GateParameters], &[[i16; 4]]),
            sums: &[I32x4; AHEAD],
            cells: &mut [i32],
            lanes: &mut [A],
        ) {
            let shifts = (layer.cell_int_bits, layer.rows.h_shift);
            let places = (cells.as_chunks_mut().0.iter_mut()).zip(lanes.as_chunks_mut().0);
            let units = gates.as_chunks().0.iter().zip(sums.as_chunks().0);
            let mut whole_peepholes = peepholes.as_chunks().0.iter();
            for ((gates, sums), (cells, lanes)) in units.zip(places) {
                let hidden = units::lstm(shifts, gates, whole_peepholes.next(), sums, cells);
                // SAFETY: this function has the instructions.
                *lanes = unsafe { A::narrow(hidden) };
            }
            let (whole, count) = (gates.len() / UNITS, gates.len() % UNITS);
            if let (1.., Some(sums)) = (count, sums.as_chunks().0.get(whole)) {
                let first = whole * UNITS;
                let (cells, lanes) = (&mut cells[first..], &mut lanes[first..]);
                let (mut some_gates, mut some_peepholes) = Default::default();
                let gates = padded(&gates[first..], &mut some_gates);
                let peepholes = peepholes
                    .get(first..)
                    .map(|some| padded(some, &mut some_peepholes));
                let mut advanced = *padded(cells, &mut [0; UNITS]);
                let hidden = units::lstm(shifts, gates, peepholes, sums, &mut advanced);
                put(cells, count, advanced);
                // SAFETY: this function has the instructions.
                put(lanes, count, unsafe { A::narrow(hidden) });
            }
        }
    };
}

mod avx2;
mod avx512;
mod cpu;
mod operands;

pub use avx2::Avx2;
pub use avx512::Avx512;

/// The first `N` of `values`, or as many as there are at the front of `zeros`.
#[inline(always)]
fn padded<'a, T: Copy, const N: usize>(values: &'a [T], zeros: &'a mut [T; N]) -> &'a [T; N] {
    values.first_chunk().unwrap_or_else(|| {
        for (place, value) in zeros.iter_mut().zip(values) {
            *place = *value;
        }
        zeros
    })
}

/// Stores the first `count` of `N` values.
#[inline(always)]
fn put<T: Copy, const N: usize>(places: &mut [T], count: usize, values: [T; N]) {
    match places.first_chunk_mut() {
        Some(places) if count >= N => *places = values,
        _ => {
            let pairs = places.iter_mut().zip(values);
            pairs.take(count).for_each(|(place, value)| *place = value);
        }
    }
}
