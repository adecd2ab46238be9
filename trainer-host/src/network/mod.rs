//! The f32 network: stacked peephole LSTM layers, then dense layers.
//!
//! ```text
//! i_t = σ(W_xi x_t + W_hi h_{t−1} + p_i ⊙ c_{t−1} + b_i)   (1)
//! f_t = σ(W_xf x_t + W_hf h_{t−1} + p_f ⊙ c_{t−1} + b_f)   (2)
//! g_t = tanh(W_xg x_t + W_hg h_{t−1} + b_g)                (3)
//! c_t = f_t ⊙ c_{t−1} + i_t ⊙ g_t                          (4)
//! o_t = σ(W_xo x_t + W_ho h_{t−1} + p_o ⊙ c_t + b_o)       (5)
//! h_t = o_t ⊙ tanh(c_t)                                    (6)
//! y   = W h + b, with ReLU between dense layers            (7)
//! ```
//!
//! Gates are stored in the order i, f, g, o (Gers, Schraudolph and Schmidhuber 2002). How the
//! parameters begin is [`crate::network::initialisation`]; how they are evaluated is [`crate::passes::forward`].

pub mod initialisation;
pub mod prune;
pub mod schemes;

use lstm_nostd::model::{MAX_DENSE_LAYERS, MAX_LSTM_LAYERS};
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

/// Why a network cannot have the structure that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StructureError {
    /// A size is zero or beyond what a microcontroller's model can use.
    #[error("{what} is {found}, and must be between 1 and {largest}")]
    Size {
        /// Which size, as in the configuration.
        what: String,
        /// What it was.
        found: usize,
        /// The largest that is allowed.
        largest: usize,
    },
    /// There must be an LSTM layer.
    #[error("hidden is empty; give at least one LSTM layer, for example hidden = [32]")]
    NoLstmLayer,
    /// Too many layers.
    #[error("there are {found} {kind} layers, and at most {largest} are supported")]
    TooManyLayers {
        /// LSTM or dense.
        kind: &'static str,
        /// How many there were.
        found: usize,
        /// The largest number that is allowed.
        largest: usize,
    },
}

/// The largest size of a layer.
pub const MAX_LAYER_SIZE: usize = 4096;

impl NetworkConfig {
    /// Refuses sizes of zero and absurd ones.
    pub fn validate(&self) -> Result<(), StructureError> {
        if self.hidden.is_empty() {
            return Err(StructureError::NoLstmLayer);
        }
        // What the engine takes, whose dense layers include the output layer.
        for (kind, found, largest) in [
            ("LSTM", self.hidden.len(), MAX_LSTM_LAYERS),
            ("hidden dense", self.dense.len(), MAX_DENSE_LAYERS - 1),
        ] {
            if found > largest {
                return Err(StructureError::TooManyLayers {
                    kind,
                    found,
                    largest,
                });
            }
        }
        let hidden = self
            .hidden
            .iter()
            .enumerate()
            .map(|(l, h)| (format!("hidden[{l}]"), *h));
        let dense = self
            .dense
            .iter()
            .enumerate()
            .map(|(l, n)| (format!("dense[{l}]"), *n));
        let edges = [
            ("inputs".to_owned(), self.inputs),
            ("outputs".to_owned(), self.outputs),
        ];
        for (what, found) in edges.into_iter().chain(hidden).chain(dense) {
            if !(1..=MAX_LAYER_SIZE).contains(&found) {
                return Err(StructureError::Size {
                    what,
                    found,
                    largest: MAX_LAYER_SIZE,
                });
            }
        }
        Ok(())
    }
}

/// What a parameter multiplies, which decides how it is regularised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A matrix of weights.
    Weight,
    /// A bias.
    Bias,
    /// Peephole weights.
    Peephole,
}

/// One parameter array of a network, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter<'a> {
    /// `lstm.0.w_x`, `lstm.0.w_h`, `lstm.0.bias`, `lstm.0.peephole`, `dense.0.weight`,
    /// `dense.0.bias` and so on: the names in a checkpoint.
    pub name: String,
    /// Rows and columns, or a length.
    pub shape: Vec<usize>,
    /// What it multiplies.
    pub kind: ParameterKind,
    /// The values.
    pub values: &'a [f32],
}

impl Network {
    /// A network whose parameters are all zero; gradients have this shape too.
    pub fn zeros(config: &NetworkConfig) -> Result<Self, StructureError> {
        config.validate()?;
        let mut inputs = config.inputs;
        let mut lstm = Vec::new();
        for &hidden in &config.hidden {
            lstm.push(LstmLayer {
                w_x: Array2::zeros((4 * hidden, inputs)),
                w_h: Array2::zeros((4 * hidden, hidden)),
                bias: Array1::zeros(4 * hidden),
                peephole: config.peepholes.then(|| Array2::zeros((3, hidden))),
            });
            inputs = hidden;
        }
        let mut dense = Vec::new();
        for &outputs in config.dense.iter().chain([&config.outputs]) {
            dense.push(DenseLayer {
                weight: Array2::zeros((outputs, inputs)),
                bias: Array1::zeros(outputs),
            });
            inputs = outputs;
        }
        Ok(Self {
            config: config.clone(),
            lstm,
            dense,
        })
    }

    /// All parameters in a fixed order: layer by layer, as named in [`Parameter::name`].
    pub fn parameters(&self) -> Vec<Parameter<'_>> {
        use ParameterKind::{Bias, Peephole, Weight};
        let mut all = Vec::new();
        let mut push = |name: String, shape: &[usize], kind, values: Option<_>| {
            let values = values.expect("parameters are stored in row-major order");
            all.push(Parameter {
                name,
                shape: shape.to_vec(),
                kind,
                values,
            });
        };
        for (l, layer) in self.lstm.iter().enumerate() {
            push(
                format!("lstm.{l}.w_x"),
                layer.w_x.shape(),
                Weight,
                layer.w_x.as_slice(),
            );
            push(
                format!("lstm.{l}.w_h"),
                layer.w_h.shape(),
                Weight,
                layer.w_h.as_slice(),
            );
            push(
                format!("lstm.{l}.bias"),
                layer.bias.shape(),
                Bias,
                layer.bias.as_slice(),
            );
            if let Some(p) = &layer.peephole {
                push(
                    format!("lstm.{l}.peephole"),
                    p.shape(),
                    Peephole,
                    p.as_slice(),
                );
            }
        }
        for (l, layer) in self.dense.iter().enumerate() {
            push(
                format!("dense.{l}.weight"),
                layer.weight.shape(),
                Weight,
                layer.weight.as_slice(),
            );
            push(
                format!("dense.{l}.bias"),
                layer.bias.shape(),
                Bias,
                layer.bias.as_slice(),
            );
        }
        all
    }

    /// The values of all parameters, in the order of [`Network::parameters`].
    pub fn values_mut(&mut self) -> Vec<&mut [f32]> {
        let mut all = Vec::new();
        for layer in &mut self.lstm {
            all.push(layer.w_x.as_slice_mut());
            all.push(layer.w_h.as_slice_mut());
            all.push(layer.bias.as_slice_mut());
            if let Some(peephole) = &mut layer.peephole {
                all.push(peephole.as_slice_mut());
            }
        }
        for layer in &mut self.dense {
            all.push(layer.weight.as_slice_mut());
            all.push(layer.bias.as_slice_mut());
        }
        let row_major =
            |values: Option<_>| values.expect("parameters are stored in row-major order");
        all.into_iter().map(row_major).collect()
    }

    /// A checksum of all parameters with their names: CRC-64/XZ in hexadecimal.
    pub fn fingerprint(&self) -> String {
        let crc = crc::Crc::<u64>::new(&crc::CRC_64_XZ);
        let mut digest = crc.digest();
        for parameter in self.parameters() {
            digest.update(parameter.name.as_bytes());
            for value in parameter.values {
                digest.update(&value.to_le_bytes());
            }
        }
        format!("{:016x}", digest.finalize())
    }

    /// How many parameters there are.
    pub fn parameter_count(&self) -> usize {
        self.parameters()
            .iter()
            .map(|parameter| parameter.values.len())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> NetworkConfig {
        NetworkConfig {
            inputs: 3,
            hidden: vec![20, 7],
            peepholes: true,
            dense: vec![5],
            outputs: 2,
            head: Head::Softmax,
            mode: Mode::SequenceToOne,
        }
    }

    #[test]
    fn names_and_values_come_in_the_same_order() {
        let mut network = Network::new(&config(), 1).unwrap();
        let lengths: Vec<usize> = network
            .parameters()
            .iter()
            .map(|p| p.values.len())
            .collect();
        assert_eq!(
            lengths,
            network
                .values_mut()
                .iter()
                .map(|v| v.len())
                .collect::<Vec<_>>()
        );
        let names: Vec<String> = network.parameters().into_iter().map(|p| p.name).collect();
        assert_eq!(names[3], "lstm.0.peephole");
        assert_eq!(names.last().unwrap(), "dense.1.bias");
    }

    #[test]
    fn every_parameter_changes_the_fingerprint() {
        let network = Network::new(&config(), 1).unwrap();
        let mut seen = std::collections::BTreeSet::from([network.fingerprint()]);
        for p in 0..network.parameters().len() {
            let mut changed = network.clone();
            changed.values_mut()[p][0] += 1.0;
            assert!(seen.insert(changed.fingerprint()));
        }
        assert_eq!(network.fingerprint(), network.clone().fingerprint());
    }

    #[test]
    fn refuses_more_layers_than_the_engine_runs() {
        let most = |hidden: usize, dense: usize| NetworkConfig {
            hidden: vec![2; hidden],
            dense: vec![2; dense],
            ..config()
        };
        assert_eq!(most(4, 3).validate(), Ok(()));
        for (config, kind) in [(most(5, 0), "LSTM"), (most(1, 4), "hidden dense")] {
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(kind), "{message}");
        }
    }

    #[test]
    fn refuses_sizes_of_zero_and_no_layers() {
        let no_layer = NetworkConfig {
            hidden: vec![],
            ..config()
        };
        assert_eq!(
            Network::new(&no_layer, 1).unwrap_err(),
            StructureError::NoLstmLayer
        );
        let no_units = NetworkConfig {
            hidden: vec![4, 0],
            ..config()
        };
        let message = Network::new(&no_units, 1).unwrap_err().to_string();
        assert!(message.contains("hidden[1] is 0"), "{message}");
    }
}
