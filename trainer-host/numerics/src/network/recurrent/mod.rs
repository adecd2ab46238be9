//! What the recurrent layers of a network have in common, whatever their kind.
//!
//! A layer of any kind has `G` gates. Each unit has one row of weights for each gate, and the rows of a gate
//! lie together: row = gate · H + unit. A kind is [`Cell`] in a structure and [`RecurrentLayer`] in a network; what it
//! must know of itself is the trait [`Recurrent`].

pub mod lstm;

use std::ops::{Deref, DerefMut, Range};

use ndarray::{Array, Array2, ArrayView1, Dimension};
use rand_chacha::ChaCha8Rng;

use self::lstm::LstmLayer;
use crate::network::ParameterKind;
use crate::network::initialisation::Initialisation;

/// The kind of a network's recurrent layers, and what is decided of that kind alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Long short-term memory.
    Lstm {
        /// Whether the gates see the cell.
        peepholes: bool,
    },
}

/// What a gate does in its cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateRole {
    /// How much of the candidate enters the state.
    Input,
    /// How much of the state stays.
    Forget,
    /// What may enter the state.
    Candidate,
    /// How much of the state is shown.
    Output,
}

/// What a gate's sum goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// σ, 0 to 1.
    Sigmoid,
    /// tanh, −1 to 1.
    Tanh,
}

impl Activation {
    /// The ends of its values.
    pub const fn range(self) -> (f32, f32) {
        match self {
            Self::Sigmoid => (0.0, 1.0),
            Self::Tanh => (-1.0, 1.0),
        }
    }
}

/// A gate of a kind of layer, in the order in which its rows are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// What it does.
    pub role: GateRole,
    /// Its letter in the equations.
    pub letter: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// What its sum goes through.
    pub activation: Activation,
    /// The row of its weights in the layer's peepholes, if it has some.
    pub peephole: Option<usize>,
}

impl Cell {
    /// The kind of a layer in a model file.
    pub const fn of(layer: &lstm_nostd::RecurrentLayer<'_>) -> Self {
        match layer {
            lstm_nostd::RecurrentLayer::Lstm(layer) => Self::Lstm {
                peepholes: !layer.peepholes.is_empty(),
            },
        }
    }

    /// The name of the kind, with which the names of its layers and their parameters begin.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lstm { .. } => "lstm",
        }
    }

    /// The kind that files name, if they name one, with or without peepholes. Files of LSTM networks name none.
    pub(super) fn of_stored(kind: Option<&str>, peepholes: bool) -> Result<Self, String> {
        match kind {
            None => Ok(Self::Lstm { peepholes }),
            Some(kind) => Err(format!(
                "kind {kind:?} of recurrent layers, which this version does not know"
            )),
        }
    }

    /// What [`Cell::of_stored`] reads.
    pub(super) const fn stored_kind(self) -> Option<&'static str> {
        match self {
            Self::Lstm { .. } => None,
        }
    }

    /// As it is written in text.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Lstm { .. } => "LSTM",
        }
    }

    /// The gates of a layer.
    pub const fn gates(self) -> &'static [Gate] {
        match self {
            Self::Lstm { .. } => &lstm::GATES,
        }
    }

    /// Whether there are peepholes.
    pub const fn peepholes(self) -> bool {
        match self {
            Self::Lstm { peepholes } => peepholes,
        }
    }

    /// Values that a layer of `units` hands on.
    pub const fn outputs(self, units: usize) -> usize {
        match self {
            Self::Lstm { .. } => units,
        }
    }

    /// A layer whose parameters are all zero.
    pub fn zeros(self, inputs: usize, units: usize) -> RecurrentLayer {
        match self {
            Self::Lstm { peepholes } => {
                RecurrentLayer::Lstm(LstmLayer::zeros(inputs, units, peepholes))
            }
        }
    }
}

/// A recurrent layer of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum RecurrentLayer {
    /// Long short-term memory.
    Lstm(LstmLayer),
}

impl RecurrentLayer {
    /// The layer, if it is an LSTM.
    pub fn as_lstm(&self) -> Option<&LstmLayer> {
        match self {
            Self::Lstm(layer) => Some(layer),
        }
    }

    /// The layer, if it is an LSTM.
    pub fn as_lstm_mut(&mut self) -> Option<&mut LstmLayer> {
        match self {
            Self::Lstm(layer) => Some(layer),
        }
    }
}

impl Deref for RecurrentLayer {
    type Target = dyn Recurrent;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Lstm(layer) => layer,
        }
    }
}

impl DerefMut for RecurrentLayer {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Lstm(layer) => layer,
        }
    }
}

/// One parameter array of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerParameter<'a> {
    /// Its name within the layer, for example `w_x`.
    pub part: &'static str,
    /// Rows and columns, or a length.
    pub shape: Vec<usize>,
    /// What it multiplies.
    pub kind: ParameterKind,
    /// The values in row-major order.
    pub values: &'a [f32],
}

impl<'a> LayerParameter<'a> {
    pub(crate) fn of<D: Dimension>(
        part: &'static str,
        kind: ParameterKind,
        array: &'a Array<f32, D>,
    ) -> Self {
        Self {
            part,
            shape: array.shape().to_vec(),
            kind,
            values: array
                .as_slice()
                .expect("parameters are stored in row-major order"),
        }
    }
}

/// The values of a parameter array.
pub(crate) fn values_of<D: Dimension>(array: &mut Array<f32, D>) -> &mut [f32] {
    array
        .as_slice_mut()
        .expect("parameters are stored in row-major order")
}

/// What a kind of recurrent layer knows of its parameters.
pub trait Recurrent {
    /// The layer's kind.
    fn cell(&self) -> Cell;

    /// Weights of the inputs, `[G H, I]`.
    fn input_weights(&self) -> &Array2<f32>;

    /// Weights of the layer's own outputs a step before, `[G H, O]`.
    fn recurrent_weights(&self) -> &Array2<f32>;

    /// The weights of the inputs and of the layer's own outputs.
    fn weights_mut(&mut self) -> [&mut Array2<f32>; 2];

    /// All parameter arrays, in a fixed order.
    fn parameters(&self) -> Vec<LayerParameter<'_>>;

    /// The values of all parameters, in the order of [`Recurrent::parameters`].
    fn values_mut(&mut self) -> Vec<&mut [f32]>;

    /// Gives the weights the values that they begin with.
    fn initialise(&mut self, initialisation: Initialisation, rng: &mut ChaCha8Rng);

    /// Sets the biases of the gates that keep the state.
    fn set_forget_bias(&mut self, value: f32);

    /// Sets the biases that make the layer remember for up to `steps` steps.
    fn set_chrono_biases(&mut self, steps: u32, rng: &mut ChaCha8Rng);

    /// Keeps these units alone, in ascending order.
    fn keep_units(&mut self, units: &[usize]);

    /// Keeps these inputs alone, in ascending order.
    fn keep_inputs(&mut self, inputs: &[usize]);

    /// The gates, in the order of their rows.
    fn gates(&self) -> &'static [Gate] {
        self.cell().gates()
    }

    /// Inputs `I`.
    fn inputs(&self) -> usize {
        self.input_weights().ncols()
    }

    /// Units `H`.
    fn units(&self) -> usize {
        self.input_weights().nrows() / self.gates().len()
    }

    /// Values that it hands on.
    fn outputs(&self) -> usize {
        self.recurrent_weights().ncols()
    }

    /// Sum of the squared weights that lead into unit `u`.
    fn square_into(&self, u: usize) -> f64 {
        let rows = (0..self.gates().len()).map(|gate| gate * self.units() + u);
        rows.map(|r| square(self.input_weights().row(r)) + square(self.recurrent_weights().row(r)))
            .sum()
    }
}

/// The rows of gate number `gate` in a layer of `units`.
pub const fn gate_rows(gate: usize, units: usize) -> Range<usize> {
    gate * units..(gate + 1) * units
}

/// Sum of squares.
pub fn square(values: ArrayView1<'_, f32>) -> f64 {
    values.iter().map(|w| f64::from(*w).powi(2)).sum()
}
