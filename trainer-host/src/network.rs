//! The f32 network: stacked peephole LSTM layers, then dense layers.

use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

/// What the last layer's values mean, and so which loss fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// Values as they are (regression; mean squared error).
    Linear,
    /// Independent probabilities (binary cross-entropy).
    Sigmoid,
    /// One class out of several (cross-entropy).
    Softmax,
}

/// Whether there is one output for a sequence, or one for each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The output after the last valid step.
    SequenceToOne,
    /// An output after every step.
    SequenceToSequence,
}

/// The structure of a network; with a seed, it determines the initial weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// Input channels `I`.
    pub inputs: usize,
    /// Hidden units `H` of each LSTM layer, first to last.
    pub hidden: Vec<usize>,
    /// Whether the LSTM layers have peephole connections.
    pub peepholes: bool,
    /// Units of each dense ReLU layer between the last LSTM layer and the output layer.
    pub dense: Vec<usize>,
    /// Outputs `O`.
    pub outputs: usize,
    /// What the outputs mean.
    pub head: Head,
    /// One output a sequence or one a step.
    pub mode: Mode,
}

/// Parameters of one LSTM layer; rows in gate order i, f, g, o.
#[derive(Clone, Debug, PartialEq)]
pub struct LstmLayer {
    /// Input weights, `[4H, I]`.
    pub w_x: Array2<f32>,
    /// Recurrent weights, `[4H, H]`.
    pub w_h: Array2<f32>,
    /// Biases, `[4H]`.
    pub bias: Array1<f32>,
    /// Peephole weights in the order i, f, o, `[3, H]`; absent in a network without peepholes.
    pub peephole: Option<Array2<f32>>,
}

/// Parameters of one dense layer, `y = W x + b`, then ReLU unless it is the last.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseLayer {
    /// Weights, `[O, I]`.
    pub weight: Array2<f32>,
    /// Biases, `[O]`.
    pub bias: Array1<f32>,
}

/// A network's structure and parameters. Its inputs are normalised values.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The structure.
    pub config: NetworkConfig,
    /// LSTM layers, first to last.
    pub lstm: Vec<LstmLayer>,
    /// Dense layers, first to last; the last one is the output layer.
    pub dense: Vec<DenseLayer>,
}
