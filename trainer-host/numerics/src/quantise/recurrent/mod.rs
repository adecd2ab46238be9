//! Recurrent layers of any kind in the quantiser: the one place where it asks for the kind.

mod gru;
mod gru_before;
mod lstm;
mod projected;
mod rows;

use lstm_nostd::artifact::{Coupled, Recurrent};
use lstm_nostd::kernels::{Scheme, Width};

pub(super) use rows::input_ranges;

use super::moments::Moments;
use super::{QuantiseError, hidden_format};
use crate::network::lstm::peepholes_of;
use crate::network::{self, Cell, LayerShape, RecurrentLayer};
use crate::passes::activation_format::ActivationFormat;
use crate::quantise::calibrate::RecurrentRanges;
use crate::quantise::magnitudes::Clipping;

/// The integers of a recurrent layer.
#[derive(Clone, Debug, PartialEq)]
pub struct RecurrentIntegers {
    /// As the model file has them.
    pub content: Recurrent,
    /// What the inputs are multiplied by before the weights: `2^κ / S_j`, `[I]`.
    pub input_gain: Vec<f64>,
}

/// What decides the formats of a layer, besides its parameters.
pub(super) struct Job<'a> {
    pub(super) name: String,
    pub(super) ranges: &'a RecurrentRanges,
    pub(super) scheme: Scheme,
    pub(super) clipping: Clipping,
    /// Of `[x_t; h_{t−1}]`, for a rounding by output error.
    pub(super) moments: Option<Moments>,
    /// Of `[x_t; r_t ⊙ h_{t−1}]`, for the candidates of a kind that see that, where `moments` are.
    pub(super) reset_moments: Option<Moments>,
    /// Of what the units show, for the rows of a projection, where `moments` are.
    pub(super) shown_moments: Option<Moments>,
    pub(super) equal_shifts: bool,
    /// What the range of its outputs is at least: that of the half beside it, whose outputs stand in the same format; 0 without.
    pub(super) least_range: f64,
}

/// The range that the outputs of a layer need, if its weights have a say in that.
pub(super) fn least_range(
    layer: &RecurrentLayer,
    ranges: &RecurrentRanges,
    scheme: Scheme,
    clipping: Clipping,
) -> f64 {
    match layer {
        RecurrentLayer::Projected(layer) => projected::least_range(layer, ranges, scheme, clipping),
        _ => 0.0,
    }
}

impl Job<'_> {
    /// The integers of `layer`, which shifts its inputs by `input_shift`, and the input ranges `S_j`, which lie
    /// between `narrowest` and `widest`.
    pub(super) fn quantise(
        &self,
        layer: &RecurrentLayer,
        (input_shift, narrowest, widest): (u8, Vec<f64>, Vec<f64>),
    ) -> Result<(RecurrentIntegers, Vec<f64>), QuantiseError> {
        let (content, range, input_gain) = match layer {
            RecurrentLayer::Lstm(layer) => {
                let ranges = (narrowest.as_slice(), widest.as_slice());
                let (mut integers, range, input_gain) = lstm::quantise(layer, self, ranges)?;
                integers.input_shift = input_shift;
                (Recurrent::Lstm(integers), range, input_gain)
            }
            RecurrentLayer::Gru(layer) => {
                let ranges = (narrowest.as_slice(), widest.as_slice());
                let (mut integers, range, input_gain) = gru::quantise(layer, self, ranges)?;
                integers.input_shift = input_shift;
                (Recurrent::Gru(integers), range, input_gain)
            }
            RecurrentLayer::Coupled(layer) => {
                let ranges = (narrowest.as_slice(), widest.as_slice());
                let (mut integers, range, input_gain) = lstm::quantise(layer, self, ranges)?;
                integers.input_shift = input_shift;
                (Recurrent::Coupled(Coupled(integers)), range, input_gain)
            }
            RecurrentLayer::GruBefore(layer) => {
                let ranges = (narrowest.as_slice(), widest.as_slice());
                let (mut integers, range, input_gain) = gru_before::quantise(layer, self, ranges)?;
                integers.input_shift = input_shift;
                (Recurrent::GruBefore(integers), range, input_gain)
            }
            RecurrentLayer::Projected(layer) => {
                let ranges = (narrowest.as_slice(), widest.as_slice());
                let (mut integers, range, input_gain) = projected::quantise(layer, self, ranges)?;
                integers.lstm.input_shift = input_shift;
                (Recurrent::Projected(integers), range, input_gain)
            }
        };
        let integers = RecurrentIntegers {
            content,
            input_gain,
        };
        Ok((integers, range))
    }
}

/// A layer of this shape whose integers answer nothing, as large as any of its shape in a model file.
pub fn empty(cell: Cell, shape: &LayerShape, scheme: Scheme) -> Recurrent {
    let peepholes = match cell.peepholes() {
        true => peepholes_of(cell.gates()),
        false => 0,
    };
    match cell {
        Cell::Lstm { .. } => Recurrent::Lstm(lstm::empty(shape, peepholes, scheme)),
        Cell::Gru => Recurrent::Gru(gru::empty(shape, scheme)),
        Cell::Coupled { .. } => Recurrent::Coupled(Coupled(lstm::empty(shape, peepholes, scheme))),
        Cell::GruBefore => Recurrent::GruBefore(gru_before::empty(shape, scheme)),
        Cell::Projected { .. } => Recurrent::Projected(projected::empty(shape, peepholes, scheme)),
    }
}

impl RecurrentIntegers {
    /// The types of the layer.
    pub fn scheme(&self) -> Scheme {
        self.content.scheme()
    }

    /// The shift of what the layer below hands on.
    pub fn input_shift(&self) -> u8 {
        self.content.input_shift()
    }

    /// What one is, in real units, of h in the format that an accumulator and a mean over time have it in: one, but with a
    /// projection.
    pub fn hidden_unit(&self) -> f64 {
        match &self.content {
            Recurrent::Projected(layer) => layer.unit.into(),
            _ => 1.0,
        }
    }

    /// Range of what the layer hands on: `h_real = h · range / 2^(b−1)`.
    pub fn output_range(&self) -> f64 {
        let width = self.scheme().width();
        self.hidden_unit() * projected::shown_range(width, self.content.h_shift())
    }

    /// Rows of the input weights and of the recurrent weights.
    pub fn weights(&self) -> [&[Vec<i8>]; 2] {
        self.content.weights()
    }

    /// What the integers stand for: (FQ1).
    pub(super) fn layer(&self) -> RecurrentLayer {
        match &self.content {
            Recurrent::Lstm(integers) => RecurrentLayer::Lstm(lstm::real(
                &network::lstm::GATES,
                integers,
                &self.input_gain,
            )),
            Recurrent::Gru(integers) => RecurrentLayer::Gru(gru::real(integers, &self.input_gain)),
            Recurrent::GruBefore(integers) => {
                RecurrentLayer::GruBefore(gru_before::real(integers, &self.input_gain))
            }
            Recurrent::Projected(integers) => {
                RecurrentLayer::Projected(projected::real(integers, &self.input_gain))
            }
            Recurrent::Coupled(integers) => RecurrentLayer::Coupled(lstm::real(
                &network::coupled::GATES,
                integers,
                &self.input_gain,
            )),
        }
    }

    /// The step of an int8 hidden state.
    pub(super) fn format(&self) -> Option<ActivationFormat> {
        (self.scheme().width() == Width::Int8).then(|| ActivationFormat {
            step: (self.output_range() / 128.0) as f32,
        })
    }

    /// The step of what the units of an int8 layer with a projection show.
    pub(super) fn shown_format(&self) -> Option<ActivationFormat> {
        let is_shown = matches!(self.content, Recurrent::Projected(_));
        (is_shown && self.scheme().width() == Width::Int8)
            .then(|| hidden_format(self.content.h_shift()))
    }
}
