//! The arithmetic of a layer: what a backend computes, and which backend this build uses.
//!
//! Sums of products are a backend's: [`scalar::Scalar`] defines them in plain loops, and every other backend
//! reproduces them bit for bit. What follows from the sums is defined in one file for each kind of layer.
//! Operands are views of a model file and of a state; their lengths and ranges were checked
//! when the file was parsed.

mod activations;
#[cfg(feature = "conv")]
pub mod conv;
#[cfg(lstm_cortex_m)]
pub mod cortex_m;
#[cfg(feature = "coupled")]
pub mod coupled;
pub mod dense;
#[cfg(feature = "sound")]
pub mod fft;
#[cfg(feature = "gru")]
pub mod gru;
#[cfg(feature = "gru-before")]
pub mod gru_before;
#[cfg(any(feature = "gru", feature = "gru-before"))]
mod gru_cell;
pub mod lstm;
#[cfg(feature = "projection")]
pub mod projected;
mod rows;
pub mod scalar;
mod scheme;
mod weights;
#[cfg(lstm_kernels = "x86")]
pub mod x86;

pub use activations::{
    Activation, Block, Width, convert, copy, lanes, lanes_mut, narrow, quads, widen,
};
#[cfg(feature = "conv")]
pub use conv::ConvParameters;
#[cfg(feature = "coupled")]
pub use coupled::{COUPLED_ROWS, CoupledGates, CoupledParameters, CoupledUnit};
pub use dense::{DenseOutputs, DenseParameters, DenseWeights, dense_groups};
#[cfg(feature = "gru")]
pub use gru::{GruGates, GruParameters};
#[cfg(feature = "gru-before")]
pub use gru_before::{GruBeforeGates, GruBeforeParameters};
#[cfg(any(feature = "gru", feature = "gru-before"))]
pub use gru_cell::{GRU_ROWS, GruUnit};
pub use lstm::{GateParameters, LstmParameters, LstmUnit};
#[cfg(feature = "projection")]
pub use projected::{ProjectedParameters, ProjectionRecord};
pub use rows::{RecurrentRows, RowSums, row_groups};
pub use scheme::Scheme;
pub use weights::{
    NibbleBlock, NibbleGroup, NibbleLanes, NibbleWords, Order, PairedBlock, RowBlock, RowGroup,
    RowLayout, Weights, grouped_bias_excess, lane, nibble_pairs, offset, pack, pair, word,
};

/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_cortex_m)]
pub type Active = cortex_m::Core;
/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_kernels = "x86")]
pub type Active = x86::Avx512;
/// The backend of this build; `build.rs` chooses it by the target.
#[cfg(lstm_kernels = "scalar")]
pub type Active = scalar::Scalar;

/// Four int32 values.
pub type I32x4 = [i32; 4];

/// Blocks of four that hold `n` values.
pub const fn blocks(n: usize) -> usize {
    n.div_ceil(4)
}

/// Whether these blocks of four have room for `n` values.
// `as_flattened` has an assertion of the core library.
#[cfg(lstm_cortex_m)]
const fn have_room(blocks: &[I32x4], n: usize) -> bool {
    // A slice has no more bytes than `isize::MAX`.
    blocks.len().wrapping_mul(4) >= n
}

/// Sums of groups of rows from `first` on, group by group: see [`Kernels::group_sums`].
#[cfg(any(
    lstm_kernels = "x86",
    feature = "gru",
    feature = "gru-before",
    feature = "coupled"
))]
#[inline(always)]
fn sums_by_rows<K: Kernels>(
    rows: &RecurrentRows<'_>,
    first: usize,
    sums: &mut [I32x4],
    x: &[Block],
    h: &[Block],
) {
    for (index, sums) in sums.iter_mut().enumerate() {
        let group = first.wrapping_add(index);
        *sums = K::row_sums(rows, group, x, h).total();
        for (sum, excess) in sums.iter_mut().zip(rows.bias_excess(group)) {
            *sum = sum.wrapping_sub(excess);
        }
    }
}

/// What a backend provides.
///
/// A kind of recurrent layer is [`Kernels::row_sums`] and what follows from the sums, which is plain code in
/// the file of the kind. Where the whole step pays in assembly, a backend has its own.
pub trait Kernels: Sized {
    /// The orders of weights that it reads, the one that suits it best first, the generic one among them.
    const ORDERS: &'static [Order];

    /// The sums of four rows of a recurrent layer, those of group `group`.
    ///
    /// `x: [I]` is the layer input and `h: [H]` the hidden state, both in blocks of the rows' width. Lanes past
    /// `I` and `H` are met by zero weights.
    #[inline(always)]
    fn row_sums(rows: &RecurrentRows<'_>, group: usize, x: &[Block], h: &[Block]) -> RowSums {
        scalar::Scalar::row_sums(rows, group, x, h)
    }

    /// Sums of groups of rows, those with the layer input `x` and the hidden state `h` together: what it returns makes
    /// those from a group on, as many as there is room for; without what the stored biases hold,
    /// [`RecurrentRows::bias_excess`]. Operands are those of [`Kernels::row_sums`].
    #[cfg(any(feature = "gru", feature = "gru-before", feature = "coupled"))]
    #[inline(always)]
    fn group_sums(
        rows: &RecurrentRows<'_>,
        x: &[Block],
        h: &[Block],
    ) -> impl FnMut(usize, &mut [I32x4]) {
        move |first, sums| sums_by_rows::<Self>(rows, first, sums, x, h)
    }

    /// What follows from the sums of some units of a GRU layer, equations (GA) to (GD) of [`gru`].
    #[cfg(feature = "gru")]
    #[inline(always)]
    fn gru_units<A: Activation>(batch: gru::GruBatch<'_, A>) {
        batch.advance(0, |_, _| ());
    }

    /// What follows from the sums of some units of a layer with coupled gates, equations (UB) to (H) of [`coupled`].
    #[cfg(feature = "coupled")]
    #[inline(always)]
    fn coupled_units<A: Activation>(batch: coupled::CoupledBatch<'_, A>) {
        batch.advance(0, |_, _| ());
    }

    /// One time step of a GRU layer, equations (GA) to (GD) of [`gru`]; `cell` holds the states, other operands are
    /// those of [`Kernels::lstm_step`].
    #[cfg(feature = "gru")]
    #[inline(always)]
    fn gru_step(
        layer: &GruParameters<'_>,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        gru::step::<Self>(layer, (x, h), cell, next);
    }

    /// One time step of an LSTM layer, equations (A) to (H) of [`lstm`].
    ///
    /// `x` is the layer input in blocks of the layer's width; the hidden state `h`, in blocks of that
    /// width, and `cell: [⌈H/4⌉]` are advanced in place; `next`, as long as `h`, is scratch, for every unit
    /// is computed from the old hidden state. Lanes past `I` are met by zero weights; lanes past `H` of `h`
    /// and `cell` stay as they are.
    ///
    /// Operands that are shorter, which a parsed model's never are, leave the state as it is or advance
    /// it in part.
    #[inline(always)]
    fn lstm_step(
        layer: &LstmParameters<'_>,
        x: &[Block],
        h: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        lstm::step(layer, (x, h), cell, next, Self::row_sums, |_, _| ());
    }

    /// Outputs of a dense layer: equation (E) of [`dense`]. `x: [I]` in blocks of the layer's width; lanes past
    /// `I` are met by zero weights.
    #[inline(always)]
    fn dense(layer: &DenseParameters<'_>, x: &[Block], y: &mut DenseOutputs<'_>) {
        scalar::Scalar::dense(layer, x, y);
    }

    /// A stage of the front end's transform, equation (FT3) of [`fft`]; operands as [`fft::stage`] has them.
    #[cfg(feature = "sound")]
    #[inline(always)]
    fn fft_stage(points: &mut [fft::Point], turns: &[fft::Turn]) {
        fft::stage(points, turns);
    }
}
