//! Kernels for Cortex-M: one file of Rust and one of assembly for each core, and what they share.
//!
//! ```text
//! narrow     (H) of int8 activations
//! dense      dense layers, for all cores but those with Helium, which have `mve_dense`
//! fft        a stage of the front end's transform, for cores with the DSP extension
//! layout     holds the offsets of assembly to those of Rust
//! gru        GRU layers of M3: what follows from sums
//! coupled    layers with coupled gates of ARMv7-M, the same
//! stored     sums of rows that go to memory, for GRU layers of M0 and M3, those with the reset gate before the product,
//!            and layers with coupled gates
//! groups     loops over groups of sixteen weights (Helium)
//! shared.s, activation.s   macros that several cores have in common
//! ```

#[cfg(all(feature = "coupled", any(lstm_kernels = "dsp", lstm_kernels = "v7m")))]
mod coupled;
#[cfg(not(lstm_kernels = "mve"))]
mod dense;
#[cfg(lstm_kernels = "dsp")]
pub mod dsp;
#[cfg(all(feature = "gru", lstm_kernels = "dsp"))]
mod dsp_gru;
#[cfg(all(feature = "sound", lstm_kernels = "dsp"))]
mod fft;
#[cfg(lstm_kernels = "mve")]
mod groups;
#[cfg(all(feature = "gru", lstm_kernels = "v7m"))]
mod gru;
mod layout;
#[cfg(lstm_kernels = "mve")]
pub mod mve;
#[cfg(all(any(feature = "coupled", feature = "gru-before"), lstm_kernels = "mve"))]
mod mve_coupled;
#[cfg(lstm_kernels = "mve")]
mod mve_dense;
#[cfg(all(feature = "gru", lstm_kernels = "mve"))]
mod mve_gru;
#[cfg(lstm_kernels = "mve")]
mod mve_w8a8;
#[cfg(not(lstm_kernels = "mve"))]
mod narrow;
#[cfg(any(
    feature = "coupled",
    feature = "gru-before",
    all(feature = "gru", any(lstm_kernels = "v6m", lstm_kernels = "v7m"))
))]
mod stored;
#[cfg(lstm_kernels = "v6m")]
pub mod v6m;
#[cfg(lstm_kernels = "v7m")]
pub mod v7m;

#[cfg(not(any(lstm_kernels = "mve", lstm_kernels = "dsp")))]
use super::{Block, Width, blocks};

/// The core of this build; `build.rs` of the crate chooses it by the target.
#[cfg(lstm_kernels = "dsp")]
pub type Core = dsp::Dsp;
/// The core of this build; `build.rs` of the crate chooses it by the target.
#[cfg(lstm_kernels = "mve")]
pub type Core = mve::Mve;
/// The core of this build; `build.rs` of the crate chooses it by the target.
#[cfg(lstm_kernels = "v6m")]
pub type Core = v6m::V6m;
/// The core of this build; `build.rs` of the crate chooses it by the target.
#[cfg(lstm_kernels = "v7m")]
pub type Core = v7m::V7m;

/// A place in the assembly, which a frame leads to. Nothing in Rust calls it.
type Place = unsafe extern "C" fn();

/// First and past the last byte of `len` activations in blocks of four.
#[cfg(not(any(lstm_kernels = "mve", lstm_kernels = "dsp")))]
#[inline(always)]
fn fours(start: *const Block, len: usize, width: Width) -> [*const u8; 2] {
    let start = start.cast::<u8>();
    let bytes = match width.in_build() {
        Width::Int16 => 8,
        Width::Int8 => 4,
    };
    [start, start.wrapping_add(blocks(len).wrapping_mul(bytes))]
}

/// Blocks of 2^`bits` weights in a row: those of the inputs, and those of the hidden state.
#[cfg(not(any(lstm_kernels = "mve", lstm_kernels = "dsp")))]
#[inline(always)]
fn row_blocks(rows: &super::RecurrentRows<'_>, bits: u32) -> usize {
    // The mask changes nothing and shows that the shift is in range.
    let bits = bits & 3;
    let blocks = |len: usize| len.wrapping_add((1 << bits) - 1) >> bits;
    blocks(rows.inputs).wrapping_add(blocks(rows.outputs))
}
