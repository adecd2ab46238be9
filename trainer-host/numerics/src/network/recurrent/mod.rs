//! What the recurrent layers of a network have in common, whatever their kind.
//!
//! A layer of any kind has `G` gates. Each unit has one row of weights for each gate, and the rows of a gate
//! lie together: row = gate · H + unit. A kind is [`Cell`] in a structure and [`RecurrentLayer`] in a network; what it
//! must know of itself is the trait [`Recurrent`].

mod cell;
pub mod coupled;
pub mod gru;
pub mod gru_before;
pub mod lstm;
pub mod projected;

use std::ops::{Deref, DerefMut, Range};

use ndarray::{Array, Array1, Array2, ArrayView1, Dimension, s};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

pub use self::cell::{Activation, Cell, CellKind, Gate, GateRole};
use self::gru::GruLayer;
use self::gru_before::GruBeforeLayer;
use self::lstm::LstmLayer;
use self::projected::ProjectedLayer;
use crate::network::ParameterKind;
use crate::network::initialisation::{Initialisation, input_weights};
use crate::network::prune::{columns, rows};

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
    /// Long short-term memory with a recurrent projection.
    Projected(ProjectedLayer),
}

impl RecurrentLayer {
    /// The layer, if it is an LSTM.
    pub fn as_lstm(&self) -> Option<&LstmLayer> {
        match self {
            Self::Lstm(layer) => Some(layer),
            Self::Gru(_) | Self::Coupled(_) | Self::GruBefore(_) | Self::Projected(_) => None,
        }
    }

    /// The layer, if it is an LSTM.
    pub fn as_lstm_mut(&mut self) -> Option<&mut LstmLayer> {
        match self {
            Self::Lstm(layer) => Some(layer),
            Self::Gru(_) | Self::Coupled(_) | Self::GruBefore(_) | Self::Projected(_) => None,
        }
    }

    /// Peephole weights, if the layer has some.
    pub fn peephole(&self) -> Option<&Array2<f32>> {
        match self {
            Self::Lstm(layer) | Self::Coupled(layer) => layer.peephole.as_ref(),
            Self::Projected(layer) => layer.lstm.peephole.as_ref(),
            Self::Gru(_) | Self::GruBefore(_) => None,
        }
    }

    /// Peephole weights, if the layer's kind may have some.
    pub fn peephole_mut(&mut self) -> Option<&mut Option<Array2<f32>>> {
        match self {
            Self::Lstm(layer) | Self::Coupled(layer) => Some(&mut layer.peephole),
            Self::Projected(layer) => Some(&mut layer.lstm.peephole),
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
            Self::Projected(layer) => layer,
        }
    }
}

impl DerefMut for RecurrentLayer {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Lstm(layer) | Self::Coupled(layer) => layer,
            Self::Gru(layer) => layer,
            Self::GruBefore(layer) => layer,
            Self::Projected(layer) => layer,
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

    /// Weights of the layer's own outputs a step before, `[G H, O]`. O is H but with a projection.
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

    /// Keeps these units alone, in ascending order, and what they hand on.
    fn keep_units(&mut self, units: &[usize]) {
        self.keep_rows_of(units);
        let [_, w_h] = self.weights_mut();
        *w_h = columns(w_h, units);
    }

    /// Keeps the rows of these units alone, in ascending order, and what they have of other parameters.
    fn keep_rows_of(&mut self, units: &[usize]) {
        let (all, gates) = (self.units(), self.gates().len());
        let kept: Vec<usize> = (0..gates)
            .flat_map(|gate| units.iter().map(move |u| gate * all + u))
            .collect();
        let [w_x, w_h] = self.weights_mut();
        *w_x = rows(w_x, &kept);
        *w_h = rows(w_h, &kept);
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
