//! How each kind of file orders gates, lays out matrices and splits biases, and how that becomes this program's
//! order, and back for exports. No other file knows it.
//!
//! | file | weights | gates | biases | peepholes |
//! | --- | --- | --- | --- | --- |
//! | PyTorch | `[4H, I]`, `[4H, H]` | i, f, g, o | two, added | none |
//! | ONNX | `[4H, I]`, `[4H, H]` | i, o, f, g | two, added | i, o, f |
//! | Keras | `[I, 4H]`, `[H, 4H]` | i, f, g, o | one | none |
//! | TensorFlow Lite | `[4H, I]`, `[4H, H]` (a matrix a gate) | i, f, g, o | one | i, f, o |
//! | here | `[4H, I]`, `[4H, H]` | i, f, g, o | one | i, f, o |
//!
//! A GRU has three gates and two biases, which the layer adds but for the candidate's: the reset gate scales its second
//! one. PyTorch has the order r, z, n, as here; ONNX and Keras have z, r, n. In all of them z keeps the state. Where the reset
//! gate comes before the product, ONNX adds both biases of every gate, Keras has one, and PyTorch has no such layer.
//!
//! No file has a layer of three rows with coupled gates. Where they are coupled, the forget gates have the weights of the
//! input gates with the opposite sign; the attribute `input_forget` of ONNX says so too, and the rows of f do not count.
//!
//! PyTorch's LSTM with `proj_size` has a projection, `[P, H]`, and recurrent weights `[4H, P]`.
//!
//! Sources: PyTorch's `torch.nn.LSTM` and `torch.nn.GRU`, the ONNX operators `LSTM` and `GRU`, Keras' `LSTMCell` and
//! `GRUCell`, and TensorFlow Lite's operator `UNIDIRECTIONAL_SEQUENCE_LSTM`. Their equations are (1) to (6) of
//! [`crate::network::lstm`] and (GR1) to (GR4) of [`crate::network::gru`].

use std::ops::Range;

use ndarray::{Array1, Array2, Axis, s};

use super::error::Problem;
use crate::network::GateRole::{self, Candidate, Forget, Input, Output, Reset};
use crate::network::lstm::PEEPHOLES;
use crate::network::recurrent::gate_rows;
use crate::network::{Cell, RecurrentLayer, coupled};

/// The kind of file that weights are in the order of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// A `state_dict`.
    PyTorch,
    /// The operators `LSTM` and `GRU`.
    Onnx,
    /// The layers `LSTM` and `GRU`.
    Keras,
    /// The operator `UNIDIRECTIONAL_SEQUENCE_LSTM`, its gates' matrices one below the other.
    TensorFlowLite,
}

/// The kind of a recurrent layer in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightsKind {
    /// An LSTM.
    Lstm,
    /// A GRU whose reset gate comes after the product.
    Gru,
    /// A GRU whose reset gate comes before the product.
    GruBefore,
}

/// A recurrent layer's weights as the file has them, with G gates.
#[derive(Clone, Debug, PartialEq)]
pub struct RecurrentWeights {
    /// What they are of.
    pub kind: WeightsKind,
    /// The order that they are in.
    pub convention: Convention,
    /// Input weights.
    pub input: Array2<f32>,
    /// Recurrent weights.
    pub recurrent: Array2<f32>,
    /// Biases, each `[G H]`; the layer adds them, but for a GRU's second one of the candidate.
    pub biases: Vec<Vec<f32>>,
    /// Peephole weights, `[3H]`.
    pub peepholes: Option<Vec<f32>>,
    /// Weights of a projection, `[P, H]`.
    pub projection: Option<Array2<f32>>,
}

impl WeightsKind {
    /// The network's kind of layer.
    const fn cell(self, peepholes: bool) -> Cell {
        match self {
            Self::Lstm => Cell::Lstm { peepholes },
            Self::Gru => Cell::Gru,
            Self::GruBefore => Cell::GruBefore,
        }
    }

    /// Of a network's layer.
    const fn of(layer: &RecurrentLayer) -> Self {
        match layer {
            RecurrentLayer::Lstm(_) | RecurrentLayer::Coupled(_) | RecurrentLayer::Projected(_) => {
                Self::Lstm
            }
            RecurrentLayer::Gru(_) => Self::Gru,
            RecurrentLayer::GruBefore(_) => Self::GruBefore,
        }
    }

    /// As it is written in text.
    pub(super) const fn title(self) -> &'static str {
        self.cell(false).title()
    }

    /// The place of a gate among this program's.
    fn position(self, role: GateRole) -> usize {
        let mut gates = self.cell(false).gates().iter();
        (gates.position(|gate| gate.role == role))
            .expect("the kind has a gate of every role in a file")
    }

    /// The row of a gate's peepholes.
    fn peephole_row(self, role: GateRole) -> usize {
        let gate = &self.cell(false).gates()[self.position(role)];
        gate.peephole.expect("the gate has a peephole")
    }
}

impl Convention {
    /// The gates in the order of their blocks of weights.
    const fn gates(self, kind: WeightsKind) -> &'static [GateRole] {
        match (kind, self) {
            (WeightsKind::Lstm, Self::PyTorch | Self::Keras | Self::TensorFlowLite) => {
                &[Input, Forget, Candidate, Output]
            }
            (WeightsKind::Lstm, Self::Onnx) => &[Input, Output, Forget, Candidate],
            (WeightsKind::Gru | WeightsKind::GruBefore, Self::PyTorch | Self::TensorFlowLite) => {
                &[Reset, Forget, Candidate]
            }
            (WeightsKind::Gru | WeightsKind::GruBefore, Self::Onnx | Self::Keras) => {
                &[Forget, Reset, Candidate]
            }
        }
    }

    /// The gates in the order of their peepholes.
    const fn peepholes(self) -> [GateRole; PEEPHOLES] {
        match self {
            Self::Onnx => [Input, Output, Forget],
            _ => [Input, Forget, Output],
        }
    }

    /// How many biases a gate has.
    const fn biases(self, kind: WeightsKind) -> usize {
        match (kind, self) {
            (WeightsKind::Gru, _) | (_, Self::PyTorch | Self::Onnx) => 2,
            (WeightsKind::Lstm | WeightsKind::GruBefore, Self::Keras | Self::TensorFlowLite) => 1,
        }
    }

    /// Whether a gate's weights are columns.
    const fn is_transposed(self) -> bool {
        matches!(self, Self::Keras)
    }
}

impl RecurrentWeights {
    /// `layer` in the order of `convention`. A second bias is zero, but for the candidate's of a GRU. Coupled gates are
    /// those of an LSTM whose forget gates have the weights of the input gates with the opposite sign.
    pub(crate) fn of(layer: &RecurrentLayer, convention: Convention) -> Self {
        let lstm;
        let layer = match layer {
            RecurrentLayer::Coupled(layer) => {
                lstm = RecurrentLayer::Lstm(coupled::expanded(layer));
                &lstm
            }
            layer => layer,
        };
        let (kind, units) = (WeightsKind::of(layer), layer.units());
        let roles = convention.gates(kind);
        let gates: Vec<usize> = roles.iter().map(|role| kind.position(*role)).collect();
        let ordered = |weights: &Array2<f32>| {
            let block = |gate: &usize| weights.slice(s![gate_rows(*gate, units), ..]);
            let blocks: Vec<_> = gates.iter().map(block).collect();
            let rows = ndarray::concatenate(ndarray::Axis(0), &blocks)
                .expect("every gate has as many columns");
            match convention.is_transposed() {
                true => rows.t().as_standard_layout().into_owned(),
                false => rows,
            }
        };
        let (bias, recurrent_bias) = match layer {
            RecurrentLayer::Lstm(layer) | RecurrentLayer::Coupled(layer) => (&layer.bias, None),
            RecurrentLayer::Gru(layer) => (&layer.bias, Some(&layer.recurrent_bias)),
            RecurrentLayer::GruBefore(layer) => (&layer.bias, None),
            RecurrentLayer::Projected(layer) => (&layer.lstm.bias, None),
        };
        let mut biases = vec![vec![0.0; gates.len() * units]; convention.biases(kind)];
        for (block, (role, gate)) in roles.iter().zip(&gates).enumerate() {
            let rows = gate_rows(block, units);
            let of_gate = bias.slice(s![gate_rows(*gate, units)]).to_vec();
            biases[0][rows.clone()].copy_from_slice(&of_gate);
            if let (Candidate, Some(recurrent)) = (role, recurrent_bias) {
                biases[1][rows].copy_from_slice(&recurrent.to_vec());
            }
        }
        let peepholes = layer.peephole().map(|peephole| {
            let rows = convention.peepholes();
            rows.map(|role| peephole.row(kind.peephole_row(role)).to_vec())
                .concat()
        });
        Self {
            kind,
            convention,
            input: ordered(layer.input_weights()),
            recurrent: ordered(layer.recurrent_weights()),
            biases,
            peepholes,
            projection: match layer {
                RecurrentLayer::Projected(layer) => Some(layer.w_r.clone()),
                _ => None,
            },
        }
    }

    /// Units: with a projection the values that it reads, else those that the rows read of the step before.
    fn units(&self) -> usize {
        match &self.projection {
            Some(projection) => projection.ncols(),
            None => self.rows(&self.recurrent).ncols(),
        }
    }

    /// Values that the layer hands on.
    pub(super) fn outputs(&self) -> usize {
        self.rows(&self.recurrent).ncols()
    }

    /// Gives the forget gates of an LSTM the weights of its input gates with the opposite sign, which couples them:
    /// σ(−z) = 1 − σ(z). What they had does not count.
    ///
    /// # Errors
    /// When sizes do not fit together.
    pub(super) fn couple(&mut self, name: &str) -> Result<(), Problem> {
        self.require_sizes(name, &self.rows(&self.input), &self.rows(&self.recurrent))?;
        let units = self.units();
        let blocks = |roles: &[GateRole]| {
            [Input, Forget].map(|wanted| {
                let block = roles.iter().position(|role| *role == wanted);
                gate_rows(block.expect("an LSTM has both gates"), units)
            })
        };
        let [from, to] = blocks(self.convention.gates(self.kind));
        let axis = Axis(usize::from(self.convention.is_transposed()));
        for weights in [&mut self.input, &mut self.recurrent] {
            let opposite = -&weights.slice_axis(axis, from.clone().into());
            weights
                .slice_axis_mut(axis, to.clone().into())
                .assign(&opposite);
        }
        for bias in &mut self.biases {
            copy_opposite(bias, &from, &to);
        }
        let [from, to] = blocks(&self.convention.peepholes());
        if let Some(peepholes) = &mut self.peepholes {
            copy_opposite(peepholes, &from, &to);
        }
        Ok(())
    }

    /// A matrix with a gate's weights as rows.
    fn rows(&self, weights: &Array2<f32>) -> Array2<f32> {
        match self.convention.is_transposed() {
            true => weights.t().as_standard_layout().into_owned(),
            false => weights.clone(),
        }
    }

    /// The layer in this program's order.
    ///
    /// # Errors
    /// When sizes do not fit together.
    pub(super) fn layer(&self, name: &str) -> Result<RecurrentLayer, Problem> {
        let (input, recurrent) = (self.rows(&self.input), self.rows(&self.recurrent));
        let units = self.units();
        self.require_sizes(name, &input, &recurrent)?;
        let cell = self.cell();
        let mut layer = cell.zeros(input.ncols(), units);
        for (block, role) in self.convention.gates(self.kind).iter().enumerate() {
            let to = gate_rows(self.kind.position(*role), units);
            let from = gate_rows(block, units);
            let [w_x, w_h] = layer.weights_mut();
            (w_x.slice_mut(s![to.clone(), ..])).assign(&input.slice(s![from.clone(), ..]));
            (w_h.slice_mut(s![to.clone(), ..])).assign(&recurrent.slice(s![from.clone(), ..]));
            for (number, bias) in self.biases.iter().enumerate() {
                let bias = Array1::from(bias[from.clone()].to_vec());
                match &mut layer {
                    // The reset gate scales it.
                    RecurrentLayer::Gru(gru) if number == 1 && *role == Candidate => {
                        gru.recurrent_bias = bias;
                    }
                    layer => {
                        let mut sum = layer.bias_mut().slice_mut(s![to.clone()]);
                        sum += &bias;
                    }
                }
            }
        }
        let peepholes = layer.peephole_mut().and_then(Option::as_mut);
        if let (Some(from), Some(to)) = (&self.peepholes, peepholes) {
            for (block, role) in self.convention.peepholes().into_iter().enumerate() {
                let values = Array1::from(from[gate_rows(block, units)].to_vec());
                to.row_mut(self.kind.peephole_row(role)).assign(&values);
            }
        }
        if let (Some(from), RecurrentLayer::Projected(to)) = (&self.projection, &mut layer) {
            to.w_r.assign(from);
        }
        Ok(layer)
    }

    /// The network's kind of layer.
    fn cell(&self) -> Cell {
        let peepholes = self.peepholes.is_some();
        match &self.projection {
            Some(projection) => Cell::Projected {
                peepholes,
                outputs: projection.nrows(),
            },
            None => self.kind.cell(peepholes),
        }
    }

    /// Refuses sizes that are none of the kind's.
    fn require_sizes(
        &self,
        name: &str,
        input: &Array2<f32>,
        recurrent: &Array2<f32>,
    ) -> Result<(), Problem> {
        let units = self.units();
        let rows = self.convention.gates(self.kind).len() * units;
        let projects =
            |to: &Array2<f32>| self.kind == WeightsKind::Lstm && to.nrows() == recurrent.ncols();
        let fits = units > 0
            && recurrent.ncols() > 0
            && recurrent.nrows() == rows
            && self.projection.as_ref().is_none_or(projects)
            && input.nrows() == rows
            && input.ncols() > 0
            && self.biases.len() <= 2
            && self.biases.iter().all(|bias| bias.len() == rows)
            && (self.peepholes.iter()).all(|peepholes| peepholes.len() == PEEPHOLES * units);
        if fits {
            return Ok(());
        }
        let biases: Vec<usize> = self.biases.iter().map(Vec::len).collect();
        Err(Problem::Damaged(format!(
            "{name}: input weights {:?}, recurrent weights {:?}, biases {biases:?}, {} peepholes and weights {:?} of a projection are none of a {}",
            self.input.shape(),
            self.recurrent.shape(),
            self.peepholes.as_ref().map_or(0, Vec::len),
            self.projection.as_ref().map_or(&[][..], |w| w.shape()),
            self.kind.title(),
        )))
    }
}

/// The values at `to` become those at `from` with the opposite sign.
fn copy_opposite(values: &mut [f32], from: &Range<usize>, to: &Range<usize>) {
    let opposite: Vec<f32> = values[from.clone()].iter().map(|value| -value).collect();
    values[to.clone()].copy_from_slice(&opposite);
}

#[cfg(test)]
mod tests;
