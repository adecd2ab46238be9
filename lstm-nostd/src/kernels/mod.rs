//! The arithmetic of a layer: what a backend computes, and which backend this build uses.
//!
//! [`scalar::Scalar`] is the definition, in plain loops; every other backend reproduces it bit for
//! bit. Operands are views of a model file and of a state; their lengths and ranges were checked
//! when the file was parsed.

mod activations;
#[cfg(any(lstm_kernels = "dsp", lstm_kernels = "mve"))]
mod dense_operands;
mod dense_weights;
#[cfg(lstm_kernels = "dsp")]
pub mod dsp;
#[cfg(lstm_kernels = "mve")]
pub mod mve;
#[cfg(lstm_kernels = "mve")]
mod mve_w8a8;
#[cfg(not(any(lstm_kernels = "scalar", lstm_kernels = "x86")))]
mod operands;
#[cfg(not(any(lstm_kernels = "scalar", lstm_kernels = "x86")))]
mod products;
pub mod scalar;
mod scheme;
#[cfg(not(any(lstm_kernels = "scalar", lstm_kernels = "x86")))]
mod unit;
#[cfg(lstm_kernels = "v6m")]
pub mod v6m;
#[cfg(lstm_kernels = "v7m")]
pub mod v7m;
mod weights;
#[cfg(lstm_kernels = "x86")]
pub mod x86;

pub use activations::{
    Activation, I16x4, Width, convert, copy, lanes, lanes_mut, narrow, quads, widen,
};
pub use dense_weights::DenseWeights;
pub use scheme::Scheme;
pub use weights::{
    NibbleBlock, Order, PairedBlock, RowBlock, RowGroup, RowLayout, Weights, grouped_bias_excess,
    offset, pack, pair,
};

/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_kernels = "dsp")]
pub type Active = dsp::Dsp;
/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_kernels = "mve")]
pub type Active = mve::Mve;
/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_kernels = "v6m")]
pub type Active = v6m::V6m;
/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_kernels = "v7m")]
pub type Active = v7m::V7m;
/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_kernels = "x86")]
pub type Active = x86::X86;
/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_kernels = "scalar")]
pub type Active = scalar::Scalar;

/// Four int32 values.
pub type I32x4 = [i32; 4];

/// Bias and multiplier of the four gates of one unit, in the order i, f, g, o.
pub type GateParameters = [I32x4; 2];

/// Blocks of four that hold `n` values.
pub const fn blocks(n: usize) -> usize {
    n.div_ceil(4)
}

/// The first `hidden` int16 lanes of `h` become those of `next`.
#[inline(always)]
pub fn replace(h: &mut [I16x4], next: &[I16x4], hidden: usize) {
    let mut pairs = h.iter_mut().zip(next);
    for (h, next) in pairs.by_ref().take(hidden / 4) {
        *h = *next;
    }
    if let Some((h, next)) = pairs.next() {
        for (h, next) in h.0.iter_mut().zip(next.0).take(hidden % 4) {
            *h = next;
        }
    }
}

/// The parameters of one LSTM layer as they lie in a model file.
#[derive(Clone, Copy, Debug)]
pub struct LstmParameters<'m> {
    /// Hidden units, `H`.
    pub hidden: usize,
    /// Layer inputs, `I`.
    pub inputs: usize,
    /// Rows in gate order i, f, g, o, in −127..=127 or −7..=7, padded with zeros.
    pub weights: Weights<'m>,
    /// The type of the layer input and of the hidden state.
    pub width: Width,
    /// `[H]`; biases as the order of the weights has them.
    pub gates: &'m [GateParameters],
    /// Peephole weights in gate order i, f, (0), o, in accumulator units per unit of the narrow
    /// cell: `[H]`, or empty without peepholes.
    pub peepholes: &'m [[i16; 4]],
    /// Left shift of the input products, `k` in (A).
    pub x_shift: u32,
    /// Left shift of the recurrent products, `n` in (A) and (H): 0 for int16, 0..=8 for int8.
    pub h_shift: u32,
    /// The shift that brings the layer below to this one's width, see [`convert`]; 0 between equal ones.
    pub input_shift: u32,
    /// Integer bits of the cell, `m` in 1..=15: the cell is `Qm.(31−m)`.
    pub cell_int_bits: u32,
}

/// The parameters of one dense layer as they lie in a model file.
#[derive(Clone, Copy, Debug)]
pub struct DenseParameters<'m> {
    /// Layer inputs, `I`.
    pub inputs: usize,
    /// Outputs, `O`.
    pub outputs: usize,
    /// Rows in −127..=127 or −7..=7, padded with zeros.
    pub weights: DenseWeights<'m>,
    /// The type of the layer input and, in hidden layers, of the output.
    pub width: Width,
    /// Bias and multiplier of each row, `[O]`.
    pub rows: &'m [[i32; 2]],
    /// Saturating left shift after the multiplication.
    pub output_shift: u32,
    /// The shift that brings the layer below to this one's width, see [`convert`]; 0 between equal ones.
    pub input_shift: u32,
}

impl LstmParameters<'_> {
    /// How the layer is quantised.
    pub const fn scheme(&self) -> Scheme {
        match (self.weights, self.width) {
            (Weights::Nibbles(_), _) => Scheme::W4a16,
            (_, Width::Int16) => Scheme::W8a16,
            (_, Width::Int8) => Scheme::W8a8,
        }
    }
}

impl DenseParameters<'_> {
    /// How the layer is quantised.
    pub const fn scheme(&self) -> Scheme {
        match (self.weights, self.width) {
            (DenseWeights::Nibbles(_), _) => Scheme::W4a16,
            (_, Width::Int16) => Scheme::W8a16,
            (_, Width::Int8) => Scheme::W8a8,
        }
    }
}

/// Whether this build has layers that the kernels in assembly leave to [`scalar::Scalar`].
#[cfg(not(any(lstm_kernels = "scalar", lstm_kernels = "x86")))]
const HAS_OTHER_SCHEMES: bool = cfg!(any(feature = "w8a8", feature = "w4a16"));

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

    /// Output `row` of a dense layer: equation (E) of [`scalar`]. `x: [I]` in blocks of the layer's width.
    fn dense_row(layer: &DenseParameters<'_>, row: usize, x: &[I16x4]) -> i32;
}
