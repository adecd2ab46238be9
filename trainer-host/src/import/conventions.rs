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
//! Sources: PyTorch's `torch.nn.LSTM`, the ONNX operator `LSTM`, Keras' `LSTMCell`, and TensorFlow Lite's operator
//! `UNIDIRECTIONAL_SEQUENCE_LSTM`. Their equations are (1) to (6) of [`crate::network::lstm`].

use ndarray::{Array1, Array2, s};

use super::error::Problem;
use crate::network::GateRole::{self, Candidate, Forget, Input, Output};
use crate::network::lstm::{GATES, LstmLayer, PEEPHOLES};
use crate::network::recurrent::gate_rows;

/// The kind of file that weights are in the order of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// A `state_dict`.
    PyTorch,
    /// The operator `LSTM`.
    Onnx,
    /// The layer `LSTM`.
    Keras,
    /// The operator `UNIDIRECTIONAL_SEQUENCE_LSTM`, its gates' matrices one below the other.
    TensorFlowLite,
}

/// An LSTM's weights as the file has them.
#[derive(Clone, Debug, PartialEq)]
pub struct LstmWeights {
    /// The order that they are in.
    pub convention: Convention,
    /// Input weights.
    pub input: Array2<f32>,
    /// Recurrent weights.
    pub recurrent: Array2<f32>,
    /// Biases, each `[4H]`; the layer adds them.
    pub biases: Vec<Vec<f32>>,
    /// Peephole weights, `[3H]`.
    pub peepholes: Option<Vec<f32>>,
}

impl Convention {
    /// The gates in the order of their blocks of weights.
    const fn gates(self) -> [GateRole; 4] {
        match self {
            Self::PyTorch | Self::Keras | Self::TensorFlowLite => {
                [Input, Forget, Candidate, Output]
            }
            Self::Onnx => [Input, Output, Forget, Candidate],
        }
    }

    /// The gates in the order of their peepholes.
    const fn peepholes(self) -> [GateRole; PEEPHOLES] {
        match self {
            Self::Onnx => [Input, Output, Forget],
            _ => [Input, Forget, Output],
        }
    }

    /// How many biases a gate has, which the layer adds.
    const fn biases(self) -> usize {
        match self {
            Self::PyTorch | Self::Onnx => 2,
            Self::Keras | Self::TensorFlowLite => 1,
        }
    }

    /// Whether a gate's weights are columns.
    const fn is_transposed(self) -> bool {
        matches!(self, Self::Keras)
    }
}

impl LstmWeights {
    /// `layer` in the order of `convention`; a second bias is zero.
    pub(crate) fn of(layer: &LstmLayer, convention: Convention) -> Self {
        let units = layer.w_h.ncols();
        let gates = convention.gates().map(position);
        let ordered = |weights: &Array2<f32>| {
            let blocks = gates.map(|gate| weights.slice(s![gate_rows(gate, units), ..]));
            let rows = ndarray::concatenate(ndarray::Axis(0), &blocks)
                .expect("every gate has as many columns");
            match convention.is_transposed() {
                true => rows.t().as_standard_layout().into_owned(),
                false => rows,
            }
        };
        let bias = gates.map(|gate| layer.bias.slice(s![gate_rows(gate, units)]).to_vec());
        let mut biases = vec![vec![0.0; gates.len() * units]; convention.biases()];
        biases[0] = bias.concat();
        let peepholes = layer.peephole.as_ref().map(|peephole| {
            let rows = convention.peepholes().map(|role| {
                let row = GATES[position(role)].peephole;
                peephole.row(row.expect("it has a peephole")).to_vec()
            });
            rows.concat()
        });
        Self {
            convention,
            input: ordered(&layer.w_x),
            recurrent: ordered(&layer.w_h),
            biases,
            peepholes,
        }
    }

    /// The layer in this program's order.
    ///
    /// # Errors
    /// When sizes do not fit together.
    pub(super) fn layer(&self, name: &str) -> Result<LstmLayer, Problem> {
        let rows = |weights: &Array2<f32>| match self.convention.is_transposed() {
            true => weights.t().as_standard_layout().into_owned(),
            false => weights.clone(),
        };
        let (input, recurrent) = (rows(&self.input), rows(&self.recurrent));
        let units = recurrent.ncols();
        self.require_sizes(name, &input, &recurrent)?;
        let mut layer = LstmLayer::zeros(input.ncols(), units, self.peepholes.is_some());
        for (block, role) in self.convention.gates().into_iter().enumerate() {
            let to = gate_rows(position(role), units);
            let from = gate_rows(block, units);
            (layer.w_x.slice_mut(s![to.clone(), ..])).assign(&input.slice(s![from.clone(), ..]));
            (layer.w_h.slice_mut(s![to.clone(), ..]))
                .assign(&recurrent.slice(s![from.clone(), ..]));
            for bias in &self.biases {
                let bias = Array1::from(bias[from.clone()].to_vec());
                let mut sum = layer.bias.slice_mut(s![to.clone()]);
                sum += &bias;
            }
        }
        if let (Some(from), Some(to)) = (&self.peepholes, &mut layer.peephole) {
            for (block, role) in self.convention.peepholes().into_iter().enumerate() {
                let row = GATES[position(role)].peephole;
                let row = row.expect("input, forget and output gate have peepholes");
                let values = Array1::from(from[gate_rows(block, units)].to_vec());
                to.row_mut(row).assign(&values);
            }
        }
        Ok(layer)
    }

    /// Refuses sizes that are no LSTM's.
    fn require_sizes(
        &self,
        name: &str,
        input: &Array2<f32>,
        recurrent: &Array2<f32>,
    ) -> Result<(), Problem> {
        let units = recurrent.ncols();
        let rows = GATES.len() * units;
        let fits = units > 0
            && recurrent.nrows() == rows
            && input.nrows() == rows
            && input.ncols() > 0
            && self.biases.iter().all(|bias| bias.len() == rows)
            && (self.peepholes.iter()).all(|peepholes| peepholes.len() == PEEPHOLES * units);
        if fits {
            return Ok(());
        }
        let biases: Vec<usize> = self.biases.iter().map(Vec::len).collect();
        Err(Problem::Damaged(format!(
            "{name}: input weights {:?}, recurrent weights {:?}, biases {biases:?} and {} peepholes are no LSTM's",
            self.input.shape(),
            self.recurrent.shape(),
            self.peepholes.as_ref().map_or(0, Vec::len),
        )))
    }
}

/// The place of a gate among this program's.
fn position(role: GateRole) -> usize {
    (GATES.iter().position(|gate| gate.role == role)).expect("an LSTM has a gate of every role")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weights whose value names gate, row and column: gate 0 to 3 for i, f, g, o.
    fn value(role: GateRole, unit: usize, column: usize) -> f32 {
        (position(role) * 100 + unit * 10 + column) as f32
    }

    #[test]
    fn every_convention_gives_the_same_layer() {
        let (inputs, units) = (3, 2);
        let layers: Vec<LstmLayer> = [
            Convention::PyTorch,
            Convention::Onnx,
            Convention::Keras,
            Convention::TensorFlowLite,
        ]
        .map(|convention| {
            let matrix = |columns| {
                let rows = Array2::from_shape_fn((4 * units, columns), |(r, c)| {
                    value(convention.gates()[r / units], r % units, c)
                });
                match convention.is_transposed() {
                    true => rows.t().as_standard_layout().into_owned(),
                    false => rows,
                }
            };
            let bias = (0..4 * units)
                .map(|r| value(convention.gates()[r / units], r % units, 7) / 2.0)
                .collect::<Vec<f32>>();
            let peepholes = (0..3 * units)
                .map(|r| value(convention.peepholes()[r / units], r % units, 9))
                .collect();
            let weights = LstmWeights {
                convention,
                input: matrix(inputs),
                recurrent: matrix(units),
                biases: vec![bias.clone(), bias],
                peepholes: Some(peepholes),
            };
            let layer = weights.layer("lstm").unwrap();
            let back = LstmWeights::of(&layer, convention);
            assert_eq!(back.biases.len(), convention.biases());
            assert_eq!(
                (&back.input, &back.recurrent, &back.peepholes),
                (&weights.input, &weights.recurrent, &weights.peepholes)
            );
            assert_eq!(back.layer("lstm").unwrap(), layer);
            layer
        })
        .into();
        for layer in &layers {
            assert_eq!(layer, &layers[0]);
        }
        assert_eq!(layers[0].w_x[[2 * units + 1, 2]], 212.0);
        assert_eq!(layers[0].bias[3 * units], 307.0);
        let peephole = layers[0].peephole.as_ref().unwrap();
        assert_eq!((peephole[[1, 0]], peephole[[2, 1]]), (109.0, 319.0));
    }

    #[test]
    fn refuses_sizes_of_no_lstm() {
        let weights = LstmWeights {
            convention: Convention::PyTorch,
            input: Array2::zeros((8, 3)),
            recurrent: Array2::zeros((8, 3)),
            biases: vec![],
            peepholes: None,
        };
        assert!(matches!(weights.layer("a"), Err(Problem::Damaged(_))));
    }
}
