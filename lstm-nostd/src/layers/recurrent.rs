//! A recurrent layer of any kind: what the walk over a model's layers needs to know of it.
//!
//! A kind is a variant, behind a cargo feature of its name unless it is LSTM, with a file of its name in `kernels/`
//! (its parameters, its equations in integers) and in `artifact/kinds/` (its bytes).

#[cfg(feature = "coupled")]
use super::coupled;
#[cfg(feature = "gru")]
use super::gru;
#[cfg(feature = "gru-before")]
use super::gru_before;
#[cfg(feature = "projection")]
use super::projected;
use super::{LayerSize, lstm};
#[cfg(feature = "gru-before")]
use crate::kernels::GruBeforeParameters;
#[cfg(feature = "gru")]
use crate::kernels::GruParameters;
#[cfg(any(feature = "gru", feature = "gru-before"))]
use crate::kernels::GruUnit;
#[cfg(feature = "projection")]
use crate::kernels::ProjectedParameters;
use crate::kernels::{Block, I32x4, Kernels, LstmParameters, LstmUnit, RecurrentRows};
#[cfg(feature = "coupled")]
use crate::kernels::{CoupledParameters, CoupledUnit};

/// The parameters of one recurrent layer as they lie in a model file.
// Rows and gates lie at the same place in every kind, so that a step asks for the kind once.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub enum RecurrentLayer<'m> {
    /// See [`lstm`].
    Lstm(LstmParameters<'m>),
    /// See [`gru`].
    #[cfg(feature = "gru")]
    Gru(GruParameters<'m>),
    /// See [`coupled`].
    #[cfg(feature = "coupled")]
    Coupled(CoupledParameters<'m>),
    /// See [`gru_before`].
    #[cfg(feature = "gru-before")]
    GruBefore(GruBeforeParameters<'m>),
    /// See [`projected`].
    #[cfg(feature = "projection")]
    Projected(ProjectedParameters<'m>),
}

impl RecurrentLayer<'_> {
    /// The cargo feature that brings this kind of layer; `None` for the LSTM, which is always there.
    pub const fn cargo_feature(&self) -> Option<&'static str> {
        match self {
            Self::Lstm(_) => None,
            #[cfg(feature = "gru")]
            Self::Gru(_) => Some("gru"),
            #[cfg(feature = "coupled")]
            Self::Coupled(_) => Some("coupled"),
            #[cfg(feature = "gru-before")]
            Self::GruBefore(_) => Some("gru-before"),
            #[cfg(feature = "projection")]
            Self::Projected(_) => Some("projection"),
        }
    }
}

/// What one unit computed in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitStep {
    /// Of an LSTM layer, with or without a projection.
    Lstm(LstmUnit),
    /// Of a GRU layer, whichever side of the product its reset gate is on.
    #[cfg(any(feature = "gru", feature = "gru-before"))]
    Gru(GruUnit),
    /// Of a layer with coupled gates.
    #[cfg(feature = "coupled")]
    Coupled(CoupledUnit),
}

impl UnitStep {
    /// What the sums of its gates came to in Q3.12, before the clamp, in the order of the gates.
    pub const fn sums(&self) -> &[i32] {
        match self {
            Self::Lstm(step) => &step.z,
            #[cfg(any(feature = "gru", feature = "gru-before"))]
            Self::Gru(step) => &step.z,
            #[cfg(feature = "coupled")]
            Self::Coupled(step) => &step.z,
        }
    }

    /// Its new 32-bit state.
    pub const fn cell(&self) -> i32 {
        match self {
            Self::Lstm(step) => step.cell,
            #[cfg(any(feature = "gru", feature = "gru-before"))]
            Self::Gru(step) => step.state,
            #[cfg(feature = "coupled")]
            Self::Coupled(step) => step.cell,
        }
    }

    /// What an LSTM unit computed.
    pub const fn as_lstm(&self) -> Option<&LstmUnit> {
        match self {
            Self::Lstm(step) => Some(step),
            #[cfg(any(feature = "gru", feature = "gru-before"))]
            Self::Gru(_) => None,
            #[cfg(feature = "coupled")]
            Self::Coupled(_) => None,
        }
    }
}

impl<'m> RecurrentLayer<'m> {
    /// The kind's name.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Lstm(_) => "lstm",
            #[cfg(feature = "gru")]
            Self::Gru(_) => "gru",
            #[cfg(feature = "coupled")]
            Self::Coupled(_) => "coupled",
            #[cfg(feature = "gru-before")]
            Self::GruBefore(_) => "gru-before",
            #[cfg(feature = "projection")]
            Self::Projected(_) => "projected",
        }
    }

    /// Its rows of weights, with sizes and formats of input and hidden state.
    #[inline(always)]
    pub const fn rows(&self) -> &RecurrentRows<'m> {
        match self {
            Self::Lstm(layer) => &layer.rows,
            #[cfg(feature = "gru")]
            Self::Gru(layer) => &layer.rows,
            #[cfg(feature = "coupled")]
            Self::Coupled(layer) => &layer.rows,
            #[cfg(feature = "gru-before")]
            Self::GruBefore(layer) => &layer.rows,
            #[cfg(feature = "projection")]
            Self::Projected(layer) => &layer.lstm.rows,
        }
    }

    /// Units.
    pub const fn units(&self) -> usize {
        match self {
            Self::Lstm(layer) => layer.units(),
            #[cfg(feature = "gru")]
            Self::Gru(layer) => layer.units(),
            #[cfg(feature = "coupled")]
            Self::Coupled(layer) => layer.units(),
            #[cfg(feature = "gru-before")]
            Self::GruBefore(layer) => layer.units(),
            #[cfg(feature = "projection")]
            Self::Projected(layer) => layer.lstm.units(),
        }
    }

    /// Blocks of four that hold the cells; 0 for a kind without cells.
    #[inline(always)]
    pub const fn cell_blocks(&self) -> usize {
        match self {
            Self::Lstm(layer) => layer.cell_blocks(),
            #[cfg(feature = "gru")]
            Self::Gru(layer) => layer.cell_blocks(),
            #[cfg(feature = "coupled")]
            Self::Coupled(layer) => layer.cell_blocks(),
            #[cfg(feature = "gru-before")]
            Self::GruBefore(layer) => layer.cell_blocks(),
            #[cfg(feature = "projection")]
            Self::Projected(layer) => layer.lstm.cell_blocks(),
        }
    }

    /// Blocks of scratch that a step needs.
    #[inline(always)]
    pub const fn scratch_blocks(&self) -> usize {
        match self {
            #[cfg(feature = "projection")]
            Self::Projected(layer) => layer.scratch_blocks(),
            _ => {
                let rows = self.rows();
                rows.width.blocks(rows.outputs)
            }
        }
    }

    /// What one is, in real units, of the hidden state in Q0.15: `h_real = h · 2^(n−15) · unit`. It is one but with a projection.
    pub const fn hidden_unit(&self) -> f32 {
        match self {
            #[cfg(feature = "projection")]
            Self::Projected(layer) => layer.unit(),
            _ => 1.0,
        }
    }

    /// Integer bits `m` of the 32-bit state that a unit keeps, `Qm.(31−m)`.
    pub const fn cell_int_bits(&self) -> u32 {
        match self {
            Self::Lstm(layer) => layer.cell_int_bits,
            #[cfg(feature = "gru")]
            Self::Gru(_) => 0,
            #[cfg(feature = "coupled")]
            Self::Coupled(layer) => layer.cell_int_bits,
            #[cfg(feature = "gru-before")]
            Self::GruBefore(_) => 0,
            #[cfg(feature = "projection")]
            Self::Projected(layer) => layer.lstm.cell_int_bits,
        }
    }

    /// The layer, if it is an LSTM.
    pub const fn as_lstm(&self) -> Option<&LstmParameters<'m>> {
        match self {
            Self::Lstm(layer) => Some(layer),
            #[cfg(feature = "gru")]
            Self::Gru(_) => None,
            #[cfg(feature = "coupled")]
            Self::Coupled(_) => None,
            #[cfg(feature = "gru-before")]
            Self::GruBefore(_) => None,
            #[cfg(feature = "projection")]
            Self::Projected(_) => None,
        }
    }

    /// Bytes that the parameters take.
    pub const fn bytes(&self) -> usize {
        match self {
            Self::Lstm(layer) => layer.bytes(),
            #[cfg(feature = "gru")]
            Self::Gru(layer) => layer.bytes(),
            #[cfg(feature = "coupled")]
            Self::Coupled(layer) => layer.bytes(),
            #[cfg(feature = "gru-before")]
            Self::GruBefore(layer) => layer.bytes(),
            #[cfg(feature = "projection")]
            Self::Projected(layer) => layer.bytes(),
        }
    }

    /// What it needs of the caller's buffers.
    pub(crate) fn size(&self) -> LayerSize {
        let rows = self.rows();
        LayerSize {
            width: rows.width,
            outputs: rows.outputs,
            cells: self.cell_blocks(),
            scratch: self.scratch_blocks(),
        }
    }

    /// Advances `hidden`, in blocks of the rows' width, and `cell` by the step whose input is `x`.
    ///
    /// `next`, [`RecurrentLayer::scratch_blocks`] long, is scratch: every unit is computed from the old hidden state.
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
            #[cfg(feature = "gru")]
            Self::Gru(layer) => gru::step::<K>(layer, x, hidden, cell, next),
            #[cfg(feature = "coupled")]
            Self::Coupled(layer) => coupled::step::<K>(layer, x, hidden, cell, next),
            #[cfg(feature = "gru-before")]
            Self::GruBefore(layer) => gru_before::step::<K>(layer, x, hidden, cell, next),
            #[cfg(feature = "projection")]
            Self::Projected(layer) => projected::step::<K>(layer, x, hidden, cell, next),
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
            #[cfg(feature = "gru")]
            Self::Gru(layer) => {
                let observer = |unit: usize, step: &GruUnit| observer(unit, &UnitStep::Gru(*step));
                gru::observed_step::<K>(layer, (x, hidden), cell, next, observer);
            }
            #[cfg(feature = "coupled")]
            Self::Coupled(layer) => {
                let observer =
                    |unit: usize, step: &CoupledUnit| observer(unit, &UnitStep::Coupled(*step));
                coupled::observed_step::<K>(layer, (x, hidden), cell, next, observer);
            }
            #[cfg(feature = "gru-before")]
            Self::GruBefore(layer) => {
                let observer = |unit: usize, step: &GruUnit| observer(unit, &UnitStep::Gru(*step));
                gru_before::observed_step::<K>(layer, (x, hidden), cell, next, observer);
            }
            #[cfg(feature = "projection")]
            Self::Projected(layer) => {
                let observer =
                    |unit: usize, step: &LstmUnit| observer(unit, &UnitStep::Lstm(*step));
                projected::observed_step::<K>(layer, (x, hidden), cell, next, observer);
            }
        }
    }
}

#[cfg(test)]
#[cfg(all(
    feature = "write",
    feature = "gru",
    feature = "gru-before",
    feature = "coupled",
    feature = "projection"
))]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::Model;
    use crate::artifact::{LayerKind, ModelFile, RandomModel, Recurrent};
    use crate::kernels::scalar::Scalar;

    /// Each kind with its names: its own, and the one of its cargo feature.
    const KINDS: [(LayerKind, &str, Option<&str>); 5] = [
        (LayerKind::Lstm, "lstm", None),
        (LayerKind::Gru, "gru", Some("gru")),
        (LayerKind::Coupled, "coupled", Some("coupled")),
        (LayerKind::GruBefore, "gru-before", Some("gru-before")),
        (LayerKind::Projected, "projected", Some("projection")),
    ];

    /// A layer of this kind with 3 inputs and 8 units, and four outputs if it has a projection.
    fn file(kind: LayerKind) -> ModelFile {
        let shape = RandomModel {
            inputs: 3,
            hidden: vec![8],
            kinds: vec![kind],
            outputs: 2,
            projection: Some(4),
            seed: 3,
            ..RandomModel::default()
        };
        shape.build()
    }

    #[test]
    fn a_layer_is_what_its_file_says() {
        for (kind, name, feature) in KINDS {
            let mut file = file(kind);
            if let Recurrent::Projected(layer) = &mut file.recurrent[0] {
                layer.unit = 2.5;
            }
            let bytes = file.to_bytes().unwrap();
            let model = Model::parse(&bytes).unwrap();
            let layer = &model.recurrent_layers()[0];
            assert_eq!((layer.kind(), layer.cargo_feature()), (name, feature));
            assert_eq!(layer.units(), 8, "{name}");
            assert_eq!(layer.as_lstm().is_some(), kind == LayerKind::Lstm, "{name}");
            let (cell_int_bits, unit) = match &file.recurrent[0] {
                Recurrent::Lstm(layer) => (layer.cell_int_bits, 1.0),
                Recurrent::Coupled(layer) => (layer.cell_int_bits, 1.0),
                Recurrent::Projected(layer) => (layer.lstm.cell_int_bits, 2.5),
                Recurrent::Gru(_) | Recurrent::GruBefore(_) => (0, 1.0),
            };
            assert_eq!(layer.cell_int_bits(), u32::from(cell_int_bits), "{name}");
            assert_eq!(layer.hidden_unit(), unit, "{name}");
            // Three or four gates read 3 inputs and 4 or 8 values of the step before; each has a bias.
            let rest = bytes.len() - layer.bytes();
            assert!(layer.bytes() >= 3 * 8 * (3 + 4 + 4), "{name}");
            assert!((100..400).contains(&rest), "{name}: {rest}");
        }
    }

    #[test]
    fn an_observer_sees_the_state_that_a_step_leaves() {
        for (kind, name, _) in KINDS {
            let bytes = file(kind).to_bytes().unwrap();
            let model = Model::parse(&bytes).unwrap();
            let layer = &model.recurrent_layers()[0];
            let rows = layer.rows();
            let zeros = vec![Block::ZERO; rows.width.blocks(rows.outputs)];
            let (mut hidden, mut expected) = (zeros.clone(), zeros.clone());
            let mut cell = vec![[0; 4]; layer.cell_blocks()];
            let mut expected_cell = cell.clone();
            let mut next = vec![Block::ZERO; layer.scratch_blocks()];
            let x = [Block([20_000, -12_000, 9_000, 0])];
            let mut seen = Vec::new();
            layer.observed_step::<Scalar>(&x, &mut hidden, &mut cell, &mut next, |unit, step| {
                assert_eq!(
                    step.as_lstm().is_some(),
                    name == "lstm" || name == "projected"
                );
                seen.push((unit, step.cell()));
            });
            layer.step::<Scalar>(&x, &mut expected, &mut expected_cell, &mut next);
            assert_ne!(hidden, zeros, "{name}");
            assert_eq!((&hidden, &cell), (&expected, &expected_cell), "{name}");
            let states = cell.as_flattened().iter().copied().enumerate();
            assert_eq!(seen, states.collect::<Vec<_>>(), "{name}");
        }
    }
}
