//! The kinds of layers in a model file: the one place where its reader and its writer ask for the kind.
//!
//! One file here reads, checks and writes one kind. A convolution stands below all recurrent layers, dense layers stand above
//! them; a recurrent layer is of the kind that its record states.

#[cfg(feature = "conv")]
pub mod conv;
#[cfg(feature = "coupled")]
pub mod coupled;
pub mod dense;
#[cfg(feature = "gru")]
pub mod gru;
#[cfg(feature = "gru-before")]
pub mod gru_before;
pub mod lstm;
#[cfg(feature = "projection")]
pub mod projected;

use super::cursor::Reader;
#[cfg(feature = "write")]
use super::header::OLDEST_VERSION;
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
    /// Gated recurrent unit.
    Gru,
    /// LSTM with coupled gates, with or without peepholes.
    Coupled,
    /// Convolution over time.
    Conv,
    /// Gated recurrent unit whose reset gate comes before the product.
    GruBefore,
    /// LSTM with a recurrent projection, with or without peepholes.
    Projected,
}

impl LayerKind {
    /// The number of the kind in a model file.
    pub const fn code(self) -> u8 {
        match self {
            Self::Lstm => 1,
            Self::Dense => 2,
            Self::Gru => 3,
            Self::Coupled => 4,
            Self::Conv => 8,
            Self::GruBefore => 5,
            Self::Projected => 6,
        }
    }

    /// Its name in messages: `lstm`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lstm => "lstm",
            Self::Dense => "dense",
            Self::Gru => "gru",
            Self::Coupled => "coupled",
            Self::Conv => "conv",
            Self::GruBefore => "gru-before",
            Self::Projected => "projected",
        }
    }

    /// Whether this build has layers of the kind; a cargo feature for each but LSTM and dense decides.
    pub(super) const fn is_built_in(self) -> bool {
        match self {
            Self::Lstm | Self::Dense => true,
            Self::Gru => cfg!(feature = "gru"),
            Self::Coupled => cfg!(feature = "coupled"),
            Self::Conv => cfg!(feature = "conv"),
            Self::GruBefore => cfg!(feature = "gru-before"),
            Self::Projected => cfg!(feature = "projection"),
        }
    }

    /// The first version of model files that has the kind.
    #[cfg(feature = "write")]
    pub(super) const fn since(self) -> u16 {
        match self {
            Self::Lstm | Self::Dense => OLDEST_VERSION,
            Self::Gru => 4,
            Self::Coupled => 5,
            Self::Conv => 7,
            Self::GruBefore => 6,
            Self::Projected => 11,
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
        const GRU: u8 = LayerKind::Gru.code();
        const COUPLED: u8 = LayerKind::Coupled.code();
        #[cfg(not(feature = "conv"))]
        const CONV: u8 = LayerKind::Conv.code();
        const GRU_BEFORE: u8 = LayerKind::GruBefore.code();
        const PROJECTED: u8 = LayerKind::Projected.code();
        let head: &LayerHead = self.clone().record()?;
        match head.kind {
            LSTM => self.layer(place, index).map(RecurrentLayer::Lstm),
            #[cfg(feature = "gru")]
            GRU => self.layer(place, index).map(RecurrentLayer::Gru),
            #[cfg(not(feature = "gru"))]
            GRU => Err(Stop::from(LayerError::Feature).at(LayerKind::Gru, index)),
            #[cfg(feature = "coupled")]
            COUPLED => self.layer(place, index).map(RecurrentLayer::Coupled),
            #[cfg(not(feature = "coupled"))]
            COUPLED => Err(Stop::from(LayerError::Feature).at(LayerKind::Coupled, index)),
            // With the feature, a convolution at its place was read before.
            #[cfg(not(feature = "conv"))]
            CONV => Err(Stop::from(LayerError::Feature).at(LayerKind::Conv, index)),
            #[cfg(feature = "gru-before")]
            GRU_BEFORE => self.layer(place, index).map(RecurrentLayer::GruBefore),
            #[cfg(not(feature = "gru-before"))]
            GRU_BEFORE => Err(Stop::from(LayerError::Feature).at(LayerKind::GruBefore, index)),
            #[cfg(feature = "projection")]
            PROJECTED => self.layer(place, index).map(RecurrentLayer::Projected),
            #[cfg(not(feature = "projection"))]
            PROJECTED => Err(Stop::from(LayerError::Feature).at(LayerKind::Projected, index)),
            kind => Err(no_kind(kind).at(LayerKind::Lstm, index)),
        }
    }
}

/// No recurrent layer has this number.
fn no_kind(found: u8) -> Stop {
    let [first, last] = [LayerKind::Lstm, LayerKind::Projected].map(|kind| kind.code().into());
    Stop::Layer(LayerError::Field {
        field: "kind",
        found: found.into(),
        allowed: (first, last),
    })
}

#[cfg(feature = "write")]
pub use content::Recurrent;
#[cfg(feature = "write")]
use content::zeros;

#[cfg(feature = "write")]
mod content {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::LayerKind;
    #[cfg(feature = "coupled")]
    use super::coupled::Coupled;
    #[cfg(feature = "gru")]
    use super::gru::Gru;
    #[cfg(feature = "gru-before")]
    use super::gru_before::GruBefore;
    use super::lstm::Lstm;
    #[cfg(feature = "projection")]
    use super::projected::Projected;
    use crate::artifact::layer::Content;
    use crate::kernels::Scheme;
    use crate::layers::RecurrentLayer;

    /// The integers of one recurrent layer, by its kind.
    #[derive(Clone, Debug, PartialEq)]
    pub enum Recurrent {
        /// Long short-term memory.
        Lstm(Lstm),
        /// Gated recurrent unit.
        #[cfg(feature = "gru")]
        Gru(Gru),
        /// Long short-term memory with coupled gates.
        #[cfg(feature = "coupled")]
        Coupled(Coupled),
        /// Gated recurrent unit whose reset gate comes before the product.
        #[cfg(feature = "gru-before")]
        GruBefore(GruBefore),
        /// Long short-term memory with a recurrent projection.
        #[cfg(feature = "projection")]
        Projected(Projected),
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
                #[cfg(feature = "gru")]
                Self::Gru(layer) => layer.scheme,
                #[cfg(feature = "coupled")]
                Self::Coupled(layer) => layer.scheme,
                #[cfg(feature = "gru-before")]
                Self::GruBefore(layer) => layer.scheme,
                #[cfg(feature = "projection")]
                Self::Projected(layer) => layer.scheme,
            }
        }

        /// Left shift of the input products, `k`.
        pub fn x_shift(&self) -> u8 {
            match self {
                Self::Lstm(layer) => layer.x_shift,
                #[cfg(feature = "gru")]
                Self::Gru(layer) => layer.x_shift,
                #[cfg(feature = "coupled")]
                Self::Coupled(layer) => layer.x_shift,
                #[cfg(feature = "gru-before")]
                Self::GruBefore(layer) => layer.x_shift,
                #[cfg(feature = "projection")]
                Self::Projected(layer) => layer.x_shift,
            }
        }

        /// int8 activations: the hidden state is Q0.(15−n), 0..=8; else 0.
        pub fn h_shift(&self) -> u8 {
            match self {
                Self::Lstm(layer) => layer.h_shift,
                #[cfg(feature = "gru")]
                Self::Gru(layer) => layer.h_shift,
                #[cfg(feature = "coupled")]
                Self::Coupled(layer) => layer.h_shift,
                #[cfg(feature = "gru-before")]
                Self::GruBefore(layer) => layer.h_shift,
                #[cfg(feature = "projection")]
                Self::Projected(layer) => layer.h_shift,
            }
        }

        /// Above a layer with activations of the other width: the shift between them, 0..=8; else 0.
        pub fn input_shift(&self) -> u8 {
            match self {
                Self::Lstm(layer) => layer.input_shift,
                #[cfg(feature = "gru")]
                Self::Gru(layer) => layer.input_shift,
                #[cfg(feature = "coupled")]
                Self::Coupled(layer) => layer.input_shift,
                #[cfg(feature = "gru-before")]
                Self::GruBefore(layer) => layer.input_shift,
                #[cfg(feature = "projection")]
                Self::Projected(layer) => layer.input_shift,
            }
        }

        /// Integer bits `m` of the 32-bit state that a unit keeps, `Qm.(31−m)`.
        pub fn cell_int_bits(&self) -> u8 {
            match self {
                Self::Lstm(layer) => layer.cell_int_bits,
                #[cfg(feature = "gru")]
                Self::Gru(_) => 0,
                #[cfg(feature = "coupled")]
                Self::Coupled(layer) => layer.cell_int_bits,
                #[cfg(feature = "gru-before")]
                Self::GruBefore(_) => 0,
                #[cfg(feature = "projection")]
                Self::Projected(layer) => layer.cell_int_bits,
            }
        }

        /// Values that it hands on.
        pub fn outputs(&self) -> usize {
            self.content().size().outputs
        }

        /// Rows of the input weights, `[I]` each, and of the recurrent weights, `[O]` each.
        pub fn weights(&self) -> [&[Vec<i8>]; 2] {
            match self {
                Self::Lstm(layer) => [&layer.w_x, &layer.w_h],
                #[cfg(feature = "gru")]
                Self::Gru(layer) => [&layer.w_x, &layer.w_h],
                #[cfg(feature = "coupled")]
                Self::Coupled(layer) => [&layer.w_x, &layer.w_h],
                #[cfg(feature = "gru-before")]
                Self::GruBefore(layer) => [&layer.w_x, &layer.w_h],
                #[cfg(feature = "projection")]
                Self::Projected(layer) => [&layer.w_x, &layer.w_h],
            }
        }

        /// The layer, if it is an LSTM.
        pub fn as_lstm(&self) -> Option<&Lstm> {
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

        /// The layer, if it is an LSTM.
        pub fn as_lstm_mut(&mut self) -> Option<&mut Lstm> {
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

        /// A layer of the same shape in this scheme whose weights and biases are zero, with nothing to convert below.
        pub fn without_weights(&self, scheme: Scheme) -> Self {
            match self {
                Self::Lstm(layer) => Self::Lstm(layer.without_weights(scheme)),
                #[cfg(feature = "gru")]
                Self::Gru(layer) => Self::Gru(Gru {
                    scheme,
                    h_shift: 0,
                    input_shift: 0,
                    w_x: zeros(&layer.w_x),
                    w_h: zeros(&layer.w_h),
                    bias: vec![0; layer.bias.len()],
                    recurrent_bias: vec![0; layer.recurrent_bias.len()],
                    ..layer.clone()
                }),
                #[cfg(feature = "coupled")]
                Self::Coupled(layer) => Self::Coupled(Coupled(layer.without_weights(scheme))),
                #[cfg(feature = "gru-before")]
                Self::GruBefore(layer) => Self::GruBefore(layer.without_weights(scheme)),
                #[cfg(feature = "projection")]
                Self::Projected(layer) => Self::Projected(layer.without_weights(scheme)),
            }
        }

        /// What the writer needs of it.
        pub(in crate::artifact) fn content(&self) -> &dyn Content {
            match self {
                Self::Lstm(layer) => layer,
                #[cfg(feature = "gru")]
                Self::Gru(layer) => layer,
                #[cfg(feature = "coupled")]
                Self::Coupled(layer) => layer,
                #[cfg(feature = "gru-before")]
                Self::GruBefore(layer) => layer,
                #[cfg(feature = "projection")]
                Self::Projected(layer) => layer,
            }
        }
    }

    /// Zeros in the shape of these rows.
    pub(super) fn zeros<T: Copy + Default>(rows: &[Vec<T>]) -> Vec<Vec<T>> {
        rows.iter()
            .map(|row| vec![T::default(); row.len()])
            .collect()
    }

    impl From<&RecurrentLayer<'_>> for Recurrent {
        /// The content of a parsed layer.
        fn from(layer: &RecurrentLayer<'_>) -> Self {
            match layer {
                RecurrentLayer::Lstm(layer) => Self::Lstm(layer.into()),
                #[cfg(feature = "gru")]
                RecurrentLayer::Gru(layer) => Self::Gru(layer.into()),
                #[cfg(feature = "coupled")]
                RecurrentLayer::Coupled(layer) => Self::Coupled(layer.into()),
                #[cfg(feature = "gru-before")]
                RecurrentLayer::GruBefore(layer) => Self::GruBefore(layer.into()),
                #[cfg(feature = "projection")]
                RecurrentLayer::Projected(layer) => Self::Projected(layer.into()),
            }
        }
    }
}
