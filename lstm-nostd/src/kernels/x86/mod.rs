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
