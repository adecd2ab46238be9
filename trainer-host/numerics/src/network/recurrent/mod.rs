//! What the recurrent layers of a network have in common, whatever their kind.
//!
//! A layer of any kind has `G` gates. Each unit has one row of weights for each gate, and the rows of a gate
//! lie together: row = gate · H + unit. A kind is [`Cell`] in a structure and [`RecurrentLayer`] in a network; what it
//! must know of itself is the trait [`Recurrent`].

pub mod coupled;
pub mod gru;
pub mod gru_before;
pub mod lstm;

use std::ops::{Deref, DerefMut, Range};

use ndarray::{Array, Array1, Array2, ArrayView1, Dimension, s};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use self::gru::GruLayer;
use self::gru_before::GruBeforeLayer;
use self::lstm::LstmLayer;
use crate::network::ParameterKind;
use crate::network::initialisation::{Initialisation, input_weights};
use crate::network::prune::{columns, rows};

/// The kind of a network's recurrent layers, and what is decided of that kind alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Long short-term memory.
    Lstm {
        /// Whether the gates see the cell.
        peepholes: bool,
    },
    /// Gated recurrent unit, reset after the product.
    Gru,
    /// Long short-term memory whose forget gate is one less the input gate.
    Coupled {
        /// Whether the gates see the cell.
        peepholes: bool,
    },
    /// Gated recurrent unit, reset before the product.
    GruBefore,
}

/// The kind of the recurrent layers, as a configuration names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum CellKind {
    /// Long short-term memory.
    #[default]
    Lstm,
    /// Gated recurrent unit: three rows of weights a unit in place of four.
    Gru,
    /// LSTM whose forget gate is one less the input gate: three rows of weights a unit too.
    Coupled,
    /// GRU whose reset gate comes before the product: of imported networks, and no lever of training.
    #[cfg_attr(feature = "cli", clap(skip))]
    GruBefore,
}

impl CellKind {
    /// The kind with what is decided of it alone.
    pub const fn cell(self, peepholes: bool) -> Cell {
        match self {
            Self::Lstm => Cell::Lstm { peepholes },
            Self::Gru => Cell::Gru,
            Self::Coupled => Cell::Coupled { peepholes },
            Self::GruBefore => Cell::GruBefore,
        }
    }
}

/// What a gate does in its cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateRole {
    /// How much of the candidate enters the state.
    Input,
    /// How much of the state stays.
    Forget,
    /// How much of the candidate enters the state, and how much of the state leaves it.
    Coupled,
    /// What may enter the state.
    Candidate,
    /// How much of the state is shown.
    Output,
    /// How much of the state the candidate sees.
    Reset,
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
            lstm_nostd::RecurrentLayer::Gru(_) => Self::Gru,
            lstm_nostd::RecurrentLayer::Coupled(layer) => Self::Coupled {
                peepholes: !layer.peepholes.is_empty(),
            },
            lstm_nostd::RecurrentLayer::GruBefore(_) => Self::GruBefore,
        }
    }

    /// Its name in a configuration.
    pub const fn kind(self) -> CellKind {
        match self {
            Self::Lstm { .. } => CellKind::Lstm,
            Self::Gru => CellKind::Gru,
            Self::Coupled { .. } => CellKind::Coupled,
            Self::GruBefore => CellKind::GruBefore,
        }
    }

    /// The name of the kind, with which the names of its layers and their parameters begin.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lstm { .. } => "lstm",
            Self::Gru => "gru",
            Self::Coupled { .. } => "coupled",
            Self::GruBefore => "gru-before",
        }
    }

    /// The kind that files name, if they name one, with or without peepholes. Files of LSTM networks name none.
    pub(super) fn of_stored(kind: Option<&str>, peepholes: bool) -> Result<Self, String> {
        match kind {
            None => Ok(Self::Lstm { peepholes }),
            Some("gru") => Ok(Self::Gru),
            Some("coupled") => Ok(Self::Coupled { peepholes }),
            Some("gru-before") => Ok(Self::GruBefore),
            Some(kind) => Err(format!(
                "kind {kind:?} of recurrent layers, which this version does not know"
            )),
        }
    }

    /// What [`Cell::of_stored`] reads.
    pub(super) const fn stored_kind(self) -> Option<&'static str> {
        match self {
            Self::Lstm { .. } => None,
            Self::Gru => Some("gru"),
            Self::Coupled { .. } => Some("coupled"),
            Self::GruBefore => Some("gru-before"),
        }
    }

    /// As it is written in text.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Lstm { .. } => "LSTM",
            Self::Gru => "GRU",
            Self::Coupled { .. } => "coupled LSTM",
            Self::GruBefore => "reset-before GRU",
        }
    }

    /// The gates of a layer.
    pub const fn gates(self) -> &'static [Gate] {
        match self {
            Self::Lstm { .. } => &lstm::GATES,
            Self::Gru | Self::GruBefore => &gru::GATES,
            Self::Coupled { .. } => &coupled::GATES,
        }
    }

    /// Whether there are peepholes.
    pub const fn peepholes(self) -> bool {
        match self {
            Self::Lstm { peepholes } | Self::Coupled { peepholes } => peepholes,
            Self::Gru | Self::GruBefore => false,
        }
    }

    /// Values that a layer of `units` hands on.
    pub const fn outputs(self, units: usize) -> usize {
        match self {
            Self::Lstm { .. } | Self::Gru | Self::Coupled { .. } | Self::GruBefore => units,
        }
    }

    /// A layer whose parameters are all zero.
    pub fn zeros(self, inputs: usize, units: usize) -> RecurrentLayer {
        match self {
            Self::Lstm { peepholes } => {
                RecurrentLayer::Lstm(LstmLayer::zeros(self.gates(), inputs, units, peepholes))
            }
            Self::Gru => RecurrentLayer::Gru(GruLayer::zeros(inputs, units)),
            Self::Coupled { peepholes } => {
                RecurrentLayer::Coupled(LstmLayer::zeros(self.gates(), inputs, units, peepholes))
            }
            Self::GruBefore => RecurrentLayer::GruBefore(GruBeforeLayer::zeros(inputs, units)),
        }
    }
}

/// A recurrent layer of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum RecurrentLayer {
    /// Long short-term memory.
    Lstm(LstmLayer),
    /// Gated recurrent unit.
    Gru(GruLayer),
    /// Long short-term memory with the gates of [`coupled::GATES`].
    Coupled(LstmLayer),
    /// Gated recurrent unit whose reset gate comes before the product.
    GruBefore(GruBeforeLayer),
}

impl RecurrentLayer {
    /// The layer, if it is an LSTM.
    pub fn as_lstm(&self) -> Option<&LstmLayer> {
        match self {
            Self::Lstm(layer) => Some(layer),
            Self::Gru(_) | Self::Coupled(_) | Self::GruBefore(_) => None,
        }
    }

    /// The layer, if it is an LSTM.
    pub fn as_lstm_mut(&mut self) -> Option<&mut LstmLayer> {
        match self {
            Self::Lstm(layer) => Some(layer),
            Self::Gru(_) | Self::Coupled(_) | Self::GruBefore(_) => None,
        }
    }

    /// Peephole weights, if the layer has some.
    pub fn peephole(&self) -> Option<&Array2<f32>> {
        match self {
            Self::Lstm(layer) | Self::Coupled(layer) => layer.peephole.as_ref(),
            Self::Gru(_) | Self::GruBefore(_) => None,
        }
    }

    /// Peephole weights, if the layer's kind may have some.
    pub fn peephole_mut(&mut self) -> Option<&mut Option<Array2<f32>>> {
        match self {
            Self::Lstm(layer) | Self::Coupled(layer) => Some(&mut layer.peephole),
            Self::Gru(_) | Self::GruBefore(_) => None,
        }
    }
}

impl Deref for RecurrentLayer {
    type Target = dyn Recurrent;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Lstm(layer) | Self::Coupled(layer) => layer,
            Self::Gru(layer) => layer,
            Self::GruBefore(layer) => layer,
        }
    }
}

impl DerefMut for RecurrentLayer {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Lstm(layer) | Self::Coupled(layer) => layer,
            Self::Gru(layer) => layer,
            Self::GruBefore(layer) => layer,
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

    /// Biases of the gates, `[G H]`.
    fn bias_mut(&mut self) -> &mut Array1<f32>;

    /// Keeps, of the parameters without rows of inputs, those of these units alone, in ascending order.
    fn keep_other_units(&mut self, units: &[usize]);

    /// Gives the weights the values that they begin with.
    fn initialise(&mut self, initialisation: Initialisation, rng: &mut ChaCha8Rng) {
        let (units, gates) = (self.units(), self.gates().len());
        let [w_x, w_h] = self.weights_mut();
        input_weights(w_x, units, initialisation.input, rng);
        for gate in 0..gates {
            let block = initialisation.recurrent_block(units, rng);
            w_h.slice_mut(s![gate_rows(gate, units), ..]).assign(&block);
        }
    }

    /// Sets the biases of the gates that keep the state, and those of coupled gates to the opposite. A larger bias remembers for longer to begin with, about
    /// `exp(bias)` steps (Gers, Schmidhuber and Cummins 2000).
    fn set_forget_bias(&mut self, value: f32) {
        let keepers = [(GateRole::Forget, value), (GateRole::Coupled, -value)];
        for (role, value) in keepers {
            if let Some(rows) = self.rows_of(role) {
                self.bias_mut().slice_mut(s![rows]).fill(value);
            }
        }
    }

    /// Sets the biases that make the layer remember for up to `steps` steps.
    fn set_chrono_biases(&mut self, steps: u32, rng: &mut ChaCha8Rng) {
        let signs = [
            (GateRole::Input, -1.0),
            (GateRole::Forget, 1.0),
            (GateRole::Coupled, -1.0),
        ];
        let gates = signs.map(|(role, sign)| (self.rows_of(role), sign));
        for unit in 0..self.units() {
            let bias = rng.random_range(1.0..(steps - 1) as f32).ln();
            for (rows, sign) in &gates {
                if let Some(rows) = rows {
                    self.bias_mut()[rows.start + unit] = sign * bias;
                }
            }
        }
    }

    /// Keeps these units alone, in ascending order.
    fn keep_units(&mut self, units: &[usize]) {
        let (all, gates) = (self.units(), self.gates().len());
        let kept: Vec<usize> = (0..gates)
            .flat_map(|gate| units.iter().map(move |u| gate * all + u))
            .collect();
        let [w_x, w_h] = self.weights_mut();
        *w_x = rows(w_x, &kept);
        *w_h = columns(&rows(w_h, &kept), units);
        let bias = self.bias_mut();
        *bias = kept.iter().map(|r| bias[*r]).collect();
        self.keep_other_units(units);
    }

    /// Keeps these inputs alone, in ascending order.
    fn keep_inputs(&mut self, inputs: &[usize]) {
        let [w_x, _] = self.weights_mut();
        *w_x = columns(w_x, inputs);
    }

    /// The rows of the gate of this role, if there is one.
    fn rows_of(&self, role: GateRole) -> Option<Range<usize>> {
        let gate = (self.gates().iter()).position(|gate| gate.role == role)?;
        Some(gate_rows(gate, self.units()))
    }

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
