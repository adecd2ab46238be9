//! The arithmetic of a layer: what a backend computes, and which backend this build uses.
//!
//! [`scalar::Scalar`] is the definition, in plain loops; every other backend reproduces it bit for
//! bit. Operands are views of a model file and of a state; their lengths and ranges were checked
//! when the file was parsed.

#[cfg(lstm_kernels = "dsp")]
pub mod dsp;
#[cfg(lstm_kernels = "mve")]
pub mod mve;
#[cfg(any(lstm_kernels = "v6m", lstm_kernels = "v7m"))]
pub mod plain;
pub mod scalar;
#[cfg(lstm_kernels = "v6m")]
pub mod v6m;
#[cfg(lstm_kernels = "v7m")]
pub mod v7m;
mod weights;

pub use weights::{Order, PairedBlock, RowBlock, RowGroup, Weights, grouped_bias_excess, pair};

/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_kernels = "dsp")]
pub type Active = dsp::Dsp;
/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_kernels = "mve")]
pub type Active = mve::Mve;
/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_kernels = "v6m")]
pub type Active = v6m::V6M;
/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_kernels = "v7m")]
pub type Active = v7m::V7M;
/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_kernels = "scalar")]
pub type Active = scalar::Scalar;

/// Four int16 values, on an 8-byte boundary for double-word and vector loads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct I16x4(pub [i16; 4]);

/// Four int32 values.
pub type I32x4 = [i32; 4];

/// Bias and multiplier of the four gates of one unit, in the order i, f, g, o.
pub type GateParameters = [I32x4; 2];

/// Blocks of four that hold `n` values.
pub const fn blocks(n: usize) -> usize {
    n.div_ceil(4)
}

/// The parameters of one LSTM layer as they lie in a model file (scheme w8a16).
#[derive(Clone, Copy, Debug)]
pub struct LstmParameters<'m> {
    /// Hidden units, `H`.
    pub hidden: usize,
    /// Layer inputs, `I`.
    pub inputs: usize,
    /// Rows in gate order i, f, g, o, in −127..=127, padded with zeros.
    pub weights: Weights<'m>,
    /// `[H]`; biases as the order of the weights has them.
    pub gates: &'m [GateParameters],
    /// Peephole weights in gate order i, f, (0), o, in accumulator units per unit of the narrow
    /// cell: `[H]`, or empty without peepholes.
    pub peepholes: &'m [[i16; 4]],
    /// Left shift of the input products, `k` in (A).
    pub x_shift: u32,
    /// Integer bits of the cell, `m` in 1..=15: the cell is `Qm.(31−m)`.
    pub cell_int_bits: u32,
}

/// The parameters of one dense layer as they lie in a model file (scheme w8a16).
#[derive(Clone, Copy, Debug)]
pub struct DenseParameters<'m> {
    /// Outputs, `O`.
    pub outputs: usize,
    /// `[O][⌈I/4⌉]`, in −127..=127, padded with zeros.
    pub weights: &'m [[i8; 4]],
    /// Bias and multiplier of each row, `[O]`.
    pub rows: &'m [[i32; 2]],
    /// Saturating left shift after the multiplication.
    pub output_shift: u32,
}

/// What a backend provides.
pub trait Kernels {
    /// The orders of weights that it reads, the generic one among them.
    const ORDERS: &'static [Order];

    /// One time step of an LSTM layer, equations (A) to (D) of [`scalar`].
    ///
    /// `x: [⌈I/4⌉]` layer input; `h: [⌈H/4⌉]` old hidden state, Q0.15; `cell: [⌈H/4⌉]` is
    /// advanced in place; `next: [⌈H/4⌉]` receives the new hidden state. Lanes past `I` are met by
    /// zero weights; lanes past `H` of `cell` and `next` stay as they are.
    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[I16x4],
        h: &[I16x4],
        cell: &mut [I32x4],
        next: &mut [I16x4],
    );

    /// Hands every output of a dense layer to `emit(row, value)`: equation (E) of [`scalar`].
    fn dense(layer: &DenseParameters<'_>, x: &[I16x4], emit: impl FnMut(usize, i32));
}
