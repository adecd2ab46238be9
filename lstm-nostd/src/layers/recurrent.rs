//! A recurrent layer of any kind: what the walk over a model's layers needs to know of it.
//!
//! A further kind is one more variant, behind a cargo feature of its name, with a file of its name in
//! `kernels/` (its parameters, its equations in integers) and in `artifact/kinds/` (its bytes).

use super::{LayerSize, lstm};
use crate::kernels::{Block, I32x4, Kernels, LstmParameters, LstmUnit, RecurrentRows};

/// The parameters of one recurrent layer as they lie in a model file.
#[derive(Clone, Copy, Debug)]
pub enum RecurrentLayer<'m> {
    /// See [`lstm`].
    Lstm(LstmParameters<'m>),
}

/// What one unit computed in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitStep {
    /// Of an LSTM layer.
    Lstm(LstmUnit),
}

impl UnitStep {
    /// What the sums of its gates came to in Q3.12, before the clamp, in the order of the gates.
    pub const fn sums(&self) -> &[i32] {
        match self {
            Self::Lstm(step) => &step.z,
        }
    }

    /// Its new 32-bit state.
    pub const fn cell(&self) -> i32 {
        match self {
            Self::Lstm(step) => step.cell,
        }
    }

    /// What an LSTM unit computed.
    pub const fn as_lstm(&self) -> Option<&LstmUnit> {
        match self {
            Self::Lstm(step) => Some(step),
        }
    }
}

impl<'m> RecurrentLayer<'m> {
    /// The kind's name.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Lstm(_) => "lstm",
        }
    }

    /// Its rows of weights, with sizes and formats of input and hidden state.
    #[inline(always)]
    pub const fn rows(&self) -> &RecurrentRows<'m> {
        match self {
            Self::Lstm(layer) => &layer.rows,
        }
    }

    /// Units.
    pub const fn units(&self) -> usize {
        match self {
            Self::Lstm(layer) => layer.units(),
        }
    }

    /// Blocks of four that hold the cells; 0 for a kind without cells.
    #[inline(always)]
    pub const fn cell_blocks(&self) -> usize {
        match self {
            Self::Lstm(layer) => layer.cell_blocks(),
        }
    }

    /// Integer bits `m` of the 32-bit state that a unit keeps, `Qm.(31−m)`.
    pub const fn cell_int_bits(&self) -> u32 {
        match self {
            Self::Lstm(layer) => layer.cell_int_bits,
        }
    }

    /// The layer, if it is an LSTM.
    pub const fn as_lstm(&self) -> Option<&LstmParameters<'m>> {
        match self {
            Self::Lstm(layer) => Some(layer),
        }
    }

    /// Bytes that the parameters take.
    pub const fn bytes(&self) -> usize {
        match self {
            Self::Lstm(layer) => layer.bytes(),
        }
    }

    /// What it needs of the caller's buffers.
    pub(crate) fn size(&self) -> LayerSize {
        LayerSize {
            width: self.rows().width,
            outputs: self.rows().outputs,
            cells: self.cell_blocks(),
        }
    }

    /// Advances `hidden`, in blocks of the rows' width, and `cell` by the step whose input is `x`.
    ///
    /// `next`, as long as `hidden`, is scratch: every unit is computed from the old hidden state.
    #[inline(always)]
    pub fn step<K: Kernels>(
        &self,
        x: &[Block],
        hidden: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
    ) {
        match self {
            Self::Lstm(layer) => lstm::step::<K>(layer, x, hidden, cell, next),
        }
    }

    /// [`RecurrentLayer::step`] by definition, while `observer` sees each unit.
    pub fn observed_step<K: Kernels>(
        &self,
        x: &[Block],
        hidden: &mut [Block],
        cell: &mut [I32x4],
        next: &mut [Block],
        mut observer: impl FnMut(usize, &UnitStep),
    ) {
        match self {
            Self::Lstm(layer) => {
                let observer =
                    |unit: usize, step: &LstmUnit| observer(unit, &UnitStep::Lstm(*step));
                lstm::observed_step::<K>(layer, (x, hidden), cell, next, observer);
            }
        }
    }
}
