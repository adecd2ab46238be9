//! An LSTM layer with a recurrent projection: its parameters where they lie, and what follows from its units.
//!
//! With (A) to (D) of [`super::lstm`], where h is that of the projection:
//!
//! ```text
//! m_u = h' of (D) in int16;  sat±127(round_shift(h', n)) in int8                    Q0.15−n     (PA)
//! h_p = sat(mul_high(Σ_u w[p,u] · m_u + bias_p, mult_p) << shift)                                 (PB)
//! ```
//!
//! (PA) is (H) of an LSTM's unit, and (PB) is (E) of [`super::dense`], narrowed to the layer's width without a ReLU. So a
//! projection is units and dense rows, in every scheme, every order and on every core. h may be larger than one: it is
//! in units of a range that calibration chose, which the weights that meet it hold.

use bytemuck::{Pod, Zeroable};

use super::{
    Block, DenseParameters, I32x4, Kernels, LstmParameters, LstmUnit, Order, Width, copy, dense,
    lstm,
};

/// The parameters of one layer as they lie in a model file.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ProjectedParameters<'m> {
    /// The units. The outputs of their rows are those of the projection: what the rows read of the step before.
    pub lstm: LstmParameters<'m>,
    /// What its rows do not say.
    pub record: &'m ProjectionRecord,
    /// The sections of its rows. A view of them is made in each step, so that a model has room for no more than their place.
    pub(crate) words: &'m [u32],
}

/// What the rows of a projection do not say, as it lies in a model file, 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct ProjectionRecord {
    /// 0..2: outputs `P`, at least 1.
    pub outputs: u16,
    /// 2: 0..=15.
    pub output_shift: u8,
    /// 3: [`Order::code`](super::Order::code), as in a dense layer's record; 0 with fewer than three outputs.
    pub order: u8,
    /// 4..8: the bits of [`ProjectedParameters::unit`], a positive f32.
    pub unit: u32,
}

impl<'m> ProjectedParameters<'m> {
    /// Blocks of scratch that a step needs.
    pub const fn scratch_blocks(&self) -> usize {
        scratch_blocks(self.lstm.hidden_blocks(), self.lstm.rows.outputs)
    }

    /// A row for each output, on what the units show: there is one in a parsed file.
    pub fn projection(&self) -> Option<DenseParameters<'m>> {
        let (rows, order) = (&self.lstm.rows, Order::from_code(self.record.order)?);
        let shifts = (self.record.output_shift.into(), 0);
        let sizes = (self.lstm.units(), rows.outputs);
        DenseParameters::of_words(rows.scheme(), order, sizes, shifts, self.words)
    }

    /// What one is, in real units, of h in Q0.15: `h_real = h · 2^(n−15) · unit`. No step reads it.
    pub const fn unit(&self) -> f32 {
        f32::from_bits(self.record.unit)
    }

    /// Bytes that weights, gates, peepholes and rows take.
    pub const fn bytes(&self) -> usize {
        self.lstm.bytes() + size_of_val(self.words)
    }
}

/// Blocks of scratch of a layer with `hidden` blocks of [`LstmParameters::hidden_blocks`]: these, and the scratch of its
/// units or the values of the projection before they are narrowed.
pub(crate) const fn scratch_blocks(hidden: usize, outputs: usize) -> usize {
    let values = dense::value_blocks(outputs);
    hidden.saturating_add(if hidden > values { hidden } else { values })
}

/// One time step, (A) to (D), (PA) and (PB), by what `K` has for units and for rows. `scratch` is
/// [`ProjectedParameters::scratch_blocks`] long, other operands are those of [`Kernels::lstm_step`].
// Its stack is no part of other layers' steps.
#[inline(never)]
pub fn step<K: Kernels>(
    layer: &ProjectedParameters<'_>,
    (x, h): (&[Block], &mut [Block]),
    cell: &mut [I32x4],
    scratch: &mut [Block],
) {
    project::<K>(layer, h, scratch, |hidden, next| {
        K::lstm_step(&layer.lstm, x, hidden, cell, next);
    });
}

/// [`step`] by definition from the sums of rows that `K` yields; `observer` sees every unit.
#[inline(always)]
pub fn observed_step<K: Kernels>(
    layer: &ProjectedParameters<'_>,
    (x, h): (&[Block], &mut [Block]),
    cell: &mut [I32x4],
    scratch: &mut [Block],
    observer: impl FnMut(usize, &LstmUnit),
) {
    project::<K>(layer, h, scratch, |hidden, next| {
        let operands = (x, hidden);
        lstm::step(&layer.lstm, operands, cell, next, K::row_sums, observer);
    });
}

/// Gives `units` the hidden state to make what the units show of it, and its scratch; then (PB) of that.
#[inline(always)]
fn project<K: Kernels>(
    layer: &ProjectedParameters<'_>,
    h: &mut [Block],
    scratch: &mut [Block],
    units: impl FnOnce(&mut [Block], &mut [Block]),
) {
    let rows = &layer.lstm.rows;
    let Some((hidden, next)) = scratch.split_at_mut_checked(layer.lstm.hidden_blocks()) else {
        return;
    };
    match rows.width.in_build() {
        Width::Int16 => copy::<i16>(h, hidden, rows.outputs),
        Width::Int8 => copy::<i8>(h, hidden, rows.outputs),
    }
    units(hidden, next);
    if let Some(projection) = layer.projection() {
        dense::linear::<K>(&projection, hidden, h, next);
    }
}
