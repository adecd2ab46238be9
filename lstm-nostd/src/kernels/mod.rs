//! The arithmetic of a layer: what a backend computes, and which backend this build uses.
//!
//! [`scalar::Scalar`] is the definition, in plain loops; every other backend reproduces it bit for
//! bit. Operands are views of a model file and of a state; their lengths and ranges were checked
//! when the file was parsed.

mod activations;
#[cfg(lstm_cortex_m)]
pub mod cortex_m;
pub mod dense;
pub mod lstm;
pub mod scalar;
mod scheme;
mod weights;
#[cfg(lstm_kernels = "x86")]
pub mod x86;

pub use activations::{
    Activation, I16x4, Width, convert, copy, lanes, lanes_mut, narrow, quads, widen,
};
pub use dense::{DenseParameters, DenseWeights};
pub use lstm::{GateParameters, LstmParameters};
pub use scheme::Scheme;
pub use weights::{
    NibbleBlock, Order, PairedBlock, RowBlock, RowGroup, RowLayout, Weights, grouped_bias_excess,
    offset, pack, pair,
};

/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_cortex_m)]
pub type Active = cortex_m::Core;
/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_kernels = "x86")]
pub type Active = x86::X86;
/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_kernels = "scalar")]
pub type Active = scalar::Scalar;

/// Four int32 values.
pub type I32x4 = [i32; 4];

/// Blocks of four that hold `n` values.
pub const fn blocks(n: usize) -> usize {
    n.div_ceil(4)
}

/// What a backend provides.
pub trait Kernels {
    /// The orders of weights that it reads, the generic one among them.
    const ORDERS: &'static [Order];

    /// One time step of an LSTM layer, equations (A) to (H) of [`scalar`].
    ///
    /// `x` is the layer input in blocks of the layer's width; the hidden state `h`, in blocks of that
    /// width, and `cell: [⌈H/4⌉]` are advanced in place; `next`, as long as `h`, is scratch, for every unit
    /// is computed from the old hidden state. Lanes past `I` are met by zero weights; lanes past `H` of `h`
    /// and `cell` stay as they are.
    ///
    /// Operands that are shorter, which a parsed model's never are, leave the state as it is or advance
    /// it in part.
    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[I16x4],
        h: &mut [I16x4],
        cell: &mut [I32x4],
        next: &mut [I16x4],
    );

    /// Output `row` of a dense layer: equation (E) of [`dense`]. `x: [I]` in blocks of the layer's width.
    fn dense_row(layer: &DenseParameters<'_>, row: usize, x: &[I16x4]) -> i32;
}
