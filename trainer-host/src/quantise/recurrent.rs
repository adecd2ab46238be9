//! Recurrent layers of any kind in the quantiser: the one place where it asks for the kind.

use lstm_nostd::artifact::Lstm;
use lstm_nostd::kernels::{Scheme, Width};

use super::moments::Moments;
use super::{QuantiseError, fake, hidden_format, lstm};
use crate::network::RecurrentLayer;
use crate::passes::activation_format::ActivationFormat;
use crate::quantise::calibrate::RecurrentRanges;
use crate::quantise::magnitudes::Clipping;

/// The integers of a recurrent layer.
#[derive(Clone, Debug, PartialEq)]
pub enum RecurrentIntegers {
    /// Of an LSTM layer.
    Lstm {
        /// As the model file has them.
        integers: Lstm,
        /// What the inputs are multiplied by before the weights: `2^κ / S_j`, `[I]`.
        input_gain: Vec<f64>,
    },
}

/// What decides the formats of a layer, besides its parameters.
pub(super) struct Job<'a> {
    pub(super) name: String,
    pub(super) ranges: &'a RecurrentRanges,
    pub(super) scheme: Scheme,
    pub(super) clipping: Clipping,
    /// Of `[x_t; h_{t−1}]`, for a rounding by output error.
    pub(super) moments: Option<Moments>,
    pub(super) equal_shifts: bool,
}

impl Job<'_> {
    /// The integers of `layer`, which shifts its inputs by `input_shift`, and the input ranges `S_j`, which lie
    /// between `narrowest` and `widest`.
    pub(super) fn quantise(
        &self,
        layer: &RecurrentLayer,
        (input_shift, narrowest, widest): (u8, Vec<f64>, Vec<f64>),
    ) -> Result<(RecurrentIntegers, Vec<f64>), QuantiseError> {
        match layer {
            RecurrentLayer::Lstm(layer) => {
                let quantiser = lstm::Quantiser { layer, job: self };
                let (mut integers, range, input_gain) = quantiser.quantise(narrowest, widest)?;
                integers.input_shift = input_shift;
                let integers = RecurrentIntegers::Lstm {
                    integers,
                    input_gain,
                };
                Ok((integers, range))
            }
        }
    }
}

impl RecurrentIntegers {
    /// The types of the layer.
    pub fn scheme(&self) -> Scheme {
        match self {
            Self::Lstm { integers, .. } => integers.scheme,
        }
    }

    /// The shift of what the layer below hands on.
    pub fn input_shift(&self) -> u8 {
        match self {
            Self::Lstm { integers, .. } => integers.input_shift,
        }
    }

    /// The shift of an int8 hidden state.
    pub fn hidden_shift(&self) -> u8 {
        match self {
            Self::Lstm { integers, .. } => integers.h_shift,
        }
    }

    /// Rows of the input weights and of the recurrent weights.
    pub fn weights(&self) -> [&[Vec<i8>]; 2] {
        match self {
            Self::Lstm { integers, .. } => [&integers.w_x, &integers.w_h],
        }
    }

    /// As a model file has them, if it is an LSTM layer.
    pub fn as_lstm(&self) -> Option<&Lstm> {
        match self {
            Self::Lstm { integers, .. } => Some(integers),
        }
    }

    /// What the integers stand for: (F1).
    pub(super) fn layer(&self) -> RecurrentLayer {
        match self {
            Self::Lstm {
                integers,
                input_gain,
            } => RecurrentLayer::Lstm(fake::lstm(integers, input_gain)),
        }
    }

    /// The step of an int8 hidden state.
    pub(super) fn format(&self) -> Option<ActivationFormat> {
        (self.scheme().width() == Width::Int8).then(|| hidden_format(self.hidden_shift()))
    }
}
