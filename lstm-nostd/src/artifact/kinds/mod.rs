//! The kinds of layers in a model file: the one place where its reader and its writer ask for the kind.
//!
//! One file here reads, checks and writes one kind. Dense layers stand above all recurrent ones; a recurrent
//! layer is of the kind that its record states.

pub mod dense;
pub mod lstm;

use super::cursor::Reader;
use super::layer::{LayerHead, Place, Stop};
use super::{ArtifactError, LayerError};
use crate::layers::RecurrentLayer;

/// What a layer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// LSTM, with or without peepholes.
    Lstm,
    /// Dense: with ReLU, or the output layer.
    Dense,
}

impl LayerKind {
    /// The number of the kind in a model file.
    pub const fn code(self) -> u8 {
        match self {
            Self::Lstm => 1,
            Self::Dense => 2,
        }
    }

    /// Its name in messages: `lstm`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lstm => "lstm",
            Self::Dense => "dense",
        }
    }
}

impl<'m> Reader<'m> {
    /// The next record at `place`, which becomes that of the layer above; `index` counts recurrent layers.
    pub(super) fn recurrent_layer(
        &mut self,
        place: &mut Place,
        index: usize,
    ) -> Result<RecurrentLayer<'m>, ArtifactError> {
        const LSTM: u8 = LayerKind::Lstm.code();
        let head: &LayerHead = self.clone().record()?;
        match head.kind {
            LSTM => self.layer(place, index).map(RecurrentLayer::Lstm),
            kind => Err(no_kind(kind).at(LayerKind::Lstm, index)),
        }
    }
}

/// No recurrent layer has this number.
fn no_kind(found: u8) -> Stop {
    let lstm = LayerKind::Lstm.code().into();
    Stop::Layer(LayerError::Field {
        field: "kind",
        found: found.into(),
        allowed: (lstm, lstm),
    })
}

#[cfg(feature = "write")]
pub use content::Recurrent;

#[cfg(feature = "write")]
mod content {
    use alloc::vec::Vec;

    use super::LayerKind;
    use super::lstm::Lstm;
    use crate::artifact::layer::Content;
    use crate::kernels::Scheme;
    use crate::layers::RecurrentLayer;

    /// The integers of one recurrent layer, by its kind.
    #[derive(Clone, Debug, PartialEq)]
    pub enum Recurrent {
        /// Long short-term memory.
        Lstm(Lstm),
    }

    impl Recurrent {
        /// Its kind.
        pub fn kind(&self) -> LayerKind {
            self.content().kind()
        }

        /// How it is quantised.
        pub fn scheme(&self) -> Scheme {
            match self {
                Self::Lstm(layer) => layer.scheme,
            }
        }

        /// Left shift of the input products, `k`.
        pub fn x_shift(&self) -> u8 {
            match self {
                Self::Lstm(layer) => layer.x_shift,
            }
        }

        /// int8 activations: the hidden state is Q0.(15−n), 0..=8; else 0.
        pub fn h_shift(&self) -> u8 {
            match self {
                Self::Lstm(layer) => layer.h_shift,
            }
        }

        /// Above a layer with activations of the other width: the shift between them, 0..=8; else 0.
        pub fn input_shift(&self) -> u8 {
            match self {
                Self::Lstm(layer) => layer.input_shift,
            }
        }

        /// Integer bits `m` of the 32-bit state that a unit keeps, `Qm.(31−m)`.
        pub fn cell_int_bits(&self) -> u8 {
            match self {
                Self::Lstm(layer) => layer.cell_int_bits,
            }
        }

        /// Rows of the input weights, `[I]` each, and of the recurrent weights, `[H]` each.
        pub fn weights(&self) -> [&[Vec<i8>]; 2] {
            match self {
                Self::Lstm(layer) => [&layer.w_x, &layer.w_h],
            }
        }

        /// The layer, if it is an LSTM.
        pub fn as_lstm(&self) -> Option<&Lstm> {
            match self {
                Self::Lstm(layer) => Some(layer),
            }
        }

        /// The layer, if it is an LSTM.
        pub fn as_lstm_mut(&mut self) -> Option<&mut Lstm> {
            match self {
                Self::Lstm(layer) => Some(layer),
            }
        }

        /// What the writer needs of it.
        pub(in crate::artifact) fn content(&self) -> &dyn Content {
            match self {
                Self::Lstm(layer) => layer,
            }
        }
    }

    impl From<&RecurrentLayer<'_>> for Recurrent {
        /// The content of a parsed layer.
        fn from(layer: &RecurrentLayer<'_>) -> Self {
            match layer {
                RecurrentLayer::Lstm(layer) => Self::Lstm(layer.into()),
            }
        }
    }
}
