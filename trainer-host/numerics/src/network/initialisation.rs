//! How a network's parameters begin.
//!
//! ```text
//! Glorot      W ~ U(−a, a), a = √(6 / (inputs + outputs))                       (I1)
//! He          W ~ U(−a, a), a = √(6 / inputs)                                   (I2)
//! orthogonal  W_h of each gate with W_h W_hᵀ = 1                                (I3)
//! chrono      b_f = ln u, u ~ U(1, T − 1), b_i = −b_f                           (I4)
//! ```
//!
//! (I1) Glorot and Bengio 2010; (I2) He et al. 2015; (I3) Saxe, McClelland and Ganguli 2014; (I4)
//! Tallec and Ollivier 2018, for dependencies of up to T steps. All else is zero.

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use crate::network::{Network, NetworkConfig, StructureError};
use crate::out_of_range::{OutOfRange, require};

/// How the weights of inputs begin: (I1), (I2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum InputWeights {
    /// Uniform; the range follows from the numbers of inputs and outputs.
    #[default]
    Glorot,
    /// Uniform; the range follows from the number of inputs.
    He,
}

/// How the recurrent weights begin: (I3), (I1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum RecurrentWeights {
    /// Orthogonal rows for each gate.
    #[default]
    Orthogonal,
    /// As the glorot of the input weights, gate by gate.
    Glorot,
}

/// How parameters begin, apart from the forget gates' constant bias.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Initialisation {
    /// Weights of inputs, of a convolution and of dense layers.
    pub input: InputWeights,
    /// Recurrent weights.
    pub recurrent: RecurrentWeights,
    /// T of (I4), at least 3; it takes the place of the forget gates' bias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chrono_steps: Option<u32>,
}

impl Initialisation {
    /// Refuses numbers out of their range.
    ///
    /// # Errors
    /// With the number's key.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        let steps = self.chrono_steps.unwrap_or(3);
        require(
            steps >= 3,
            "initialisation.chrono_steps",
            steps,
            "at least 3",
        )
    }

    /// Recurrent weights of one gate of `units`, `[H, H]`.
    pub(crate) fn recurrent_block(&self, units: usize, rng: &mut ChaCha8Rng) -> Array2<f32> {
        match self.recurrent {
            RecurrentWeights::Orthogonal => orthogonal(units, rng),
            RecurrentWeights::Glorot => {
                let mut block = Array2::zeros((units, units));
                input_weights(&mut block, units, InputWeights::Glorot, rng);
                block
            }
        }
    }
}

impl Network {
    /// A network whose initial parameters follow from `config` and `seed`: (I1), (I3), and the
    /// forget gates' biases one.
    pub fn new(config: &NetworkConfig, seed: u64) -> Result<Self, StructureError> {
        Self::initialised(config, Initialisation::default(), 1.0, seed)
    }

    /// A network whose initial parameters follow from all of these.
    ///
    /// # Errors
    /// When a network cannot have this structure.
    pub fn initialised(
        config: &NetworkConfig,
        initialisation: Initialisation,
        forget_bias: f32,
        seed: u64,
    ) -> Result<Self, StructureError> {
        let mut network = Self::zeros(config)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        if let (Some(layer), Some(conv)) = (&mut network.conv, &config.conv) {
            // Each of the K steps of a window feeds as many outputs.
            let outputs = conv.kernel * conv.filters;
            input_weights(&mut layer.weight, outputs, initialisation.input, &mut rng);
        }
        for layer in &mut network.recurrent {
            layer.initialise(initialisation, &mut rng);
        }
        network.set_forget_bias(forget_bias);
        for layer in &mut network.dense {
            let outputs = layer.weight.nrows();
            input_weights(&mut layer.weight, outputs, initialisation.input, &mut rng);
        }
        if let Some(steps) = initialisation.chrono_steps {
            for layer in &mut network.recurrent {
                layer.set_chrono_biases(steps, &mut rng);
            }
        }
        Ok(network)
    }

    /// Sets the biases of the gates that keep the state: larger ones remember for longer to begin with.
    pub fn set_forget_bias(&mut self, value: f32) {
        for layer in &mut self.recurrent {
            layer.set_forget_bias(value);
        }
    }
}

/// (I1) or (I2) for `[rows, inputs]` weights of a layer of `outputs` units.
pub(crate) fn input_weights(
    weights: &mut Array2<f32>,
    outputs: usize,
    kind: InputWeights,
    rng: &mut ChaCha8Rng,
) {
    let fan = match kind {
        InputWeights::Glorot => weights.ncols() + outputs,
        InputWeights::He => weights.ncols(),
    };
    let limit = (6.0 / fan as f32).sqrt();
    weights.mapv_inplace(|_| rng.random_range(-limit..limit));
}

/// (I3): Gaussian rows made orthonormal one after the other, `[n, n]`.
fn orthogonal(n: usize, rng: &mut ChaCha8Rng) -> Array2<f32> {
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(n);
    while rows.len() < n {
        let mut row: Vec<f64> = (0..n).map(|_| rng.sample(StandardNormal)).collect();
        // Twice, since one pass leaves rounding errors of the order of the lost length.
        for _ in 0..2 {
            for done in &rows {
                let along: f64 = row.iter().zip(done).map(|(a, b)| a * b).sum();
                row.iter_mut().zip(done).for_each(|(a, b)| *a -= along * b);
            }
        }
        let length = row.iter().map(|a| a * a).sum::<f64>().sqrt();
        if length > 1e-6 {
            rows.push(row.iter().map(|a| a / length).collect());
        }
    }
    Array2::from_shape_fn((n, n), |(r, k)| rows[r][k] as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::recurrent::gate_rows;
    use crate::network::{Cell, Head, LstmLayer, Mode};
    use ndarray::s;

    fn config() -> NetworkConfig {
        NetworkConfig {
            inputs: 3,
            conv: None,
            directions: Vec::new(),
            hidden: vec![20, 7],
            cell: Cell::Lstm { peepholes: true },
            dense: vec![5],
            outputs: 2,
            head: Head::Softmax,
            mode: Mode::SequenceToOne,
        }
    }

    fn first(network: &Network) -> &LstmLayer {
        network.recurrent[0].as_lstm().unwrap()
    }

    #[test]
    fn recurrent_weights_begin_orthogonal() {
        // f32 rounding of entries below one, summed over 20 of them.
        const ROUNDING: f32 = 1e-6;
        let network = Network::new(&config(), 1).unwrap();
        for layer in &network.recurrent {
            let (units, w_h) = (layer.units(), layer.recurrent_weights());
            for gate in 0..layer.gates().len() {
                let block = w_h.slice(s![gate_rows(gate, units), ..]);
                let product = block.dot(&block.t());
                let error = (&product - &Array2::<f32>::eye(units)).mapv(f32::abs);
                assert!(error.iter().all(|e| *e < ROUNDING));
            }
        }
    }

    #[test]
    fn the_seed_decides_the_weights_and_the_forget_gate_begins_open() {
        let (a, b) = (
            Network::new(&config(), 1).unwrap(),
            Network::new(&config(), 1).unwrap(),
        );
        assert_eq!(a, b);
        assert_ne!(a, Network::new(&config(), 2).unwrap());
        let bias = &first(&a).bias;
        assert!(
            bias.iter()
                .enumerate()
                .all(|(r, b)| *b == f32::from(u8::from((20..40).contains(&r))))
        );
    }

    /// The largest of many uniform values is near the limit, and none is beyond.
    #[test]
    fn weights_fill_their_range_and_no_more() {
        let limits = |input, recurrent| {
            let initialisation = Initialisation {
                input,
                recurrent,
                chrono_steps: None,
            };
            let network = Network::initialised(&config(), initialisation, 1.0, 1).unwrap();
            let largest =
                |values: &Array2<f32>| values.iter().fold(0f32, |max, v| max.max(v.abs()));
            [
                largest(&first(&network).w_x),
                largest(&first(&network).w_h),
                largest(&network.dense[0].weight),
            ]
        };
        let fills = |found: f32, fan: usize| {
            let limit = (6.0 / fan as f32).sqrt();
            assert!(found <= limit && found > 0.85 * limit, "{found} {limit}");
        };
        let [w_x, w_h, dense] = limits(InputWeights::Glorot, RecurrentWeights::Glorot);
        fills(w_x, 3 + 20);
        fills(w_h, 20 + 20);
        fills(dense, 7 + 5);
        let [w_x, w_h, dense] = limits(InputWeights::He, RecurrentWeights::Glorot);
        fills(w_x, 3);
        fills(w_h, 20 + 20);
        fills(dense, 7);
    }

    #[test]
    fn chrono_biases_spread_over_the_logarithm_of_the_steps() {
        let initialisation = Initialisation {
            chrono_steps: Some(101),
            ..Initialisation::default()
        };
        let network = Network::initialised(&config(), initialisation, 1.0, 1).unwrap();
        let bias = &first(&network).bias;
        let forget: Vec<f32> = (20..40).map(|r| bias[r]).collect();
        assert!(forget.iter().all(|b| *b >= 0.0 && *b <= 100f32.ln()));
        // Half of the units remember for more than 50 steps; of 20, all but the unluckiest seed
        // has one on either side.
        assert!(forget.iter().any(|b| *b > 50f32.ln()) && forget.iter().any(|b| *b < 50f32.ln()));
        assert!((0..20).all(|r| bias[r] == -bias[20 + r]));
        assert!((40..80).all(|r| bias[r] == 0.0));
        // Weights are those without.
        let plain = Network::new(&config(), 1).unwrap();
        assert_eq!(first(&network).w_h, first(&plain).w_h);
        assert_eq!(network.dense, plain.dense);
    }

    #[test]
    fn chrono_needs_three_steps() {
        let initialisation = Initialisation {
            chrono_steps: Some(2),
            ..Initialisation::default()
        };
        let error = initialisation.validate().unwrap_err();
        assert_eq!(error.key, "initialisation.chrono_steps");
    }
}
