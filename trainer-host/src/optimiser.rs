//! Optimisers: from a gradient to the next parameters.
//!
//! With g the gradient, θ the parameters and η the learning rate, at step t = 1, 2, …
//!
//! ```text
//! SGD    v ← μ v + g,   θ ← θ − η v                                                  (O1)
//! Adam   m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
//!        θ ← θ − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)                          (O2)
//! ```
//!
//! (O1) is Polyak's heavy ball as PyTorch writes it; (O2) is Kingma and Ba 2015, Algorithm 1.
//! Both see a network as one flat sequence of parameters, in the order of
//! [`Network::parameters`].

use serde::{Deserialize, Serialize};

use crate::network::Network;

/// Which optimiser, with its constants.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OptimiserConfig {
    /// (O1)
    Sgd {
        /// μ, in 0 up to but not including 1; 0 is plain gradient descent.
        #[serde(default)]
        momentum: f32,
    },
    /// (O2)
    Adam {
        /// β₁, in 0 up to but not including 1.
        #[serde(default = "default_beta1")]
        beta1: f32,
        /// β₂, in 0 up to but not including 1.
        #[serde(default = "default_beta2")]
        beta2: f32,
        /// ε, above 0.
        #[serde(default = "default_epsilon")]
        epsilon: f32,
    },
}

fn default_beta1() -> f32 {
    0.9
}

fn default_beta2() -> f32 {
    0.999
}

fn default_epsilon() -> f32 {
    1e-8
}

impl Default for OptimiserConfig {
    /// Adam with its paper's constants.
    fn default() -> Self {
        Self::Adam {
            beta1: default_beta1(),
            beta2: default_beta2(),
            epsilon: default_epsilon(),
        }
    }
}

impl OptimiserConfig {
    /// The first constant that is out of its range, by name and value.
    pub(crate) fn out_of_range(&self) -> Option<(&'static str, f32)> {
        let below_one = |value: &f32| (0.0..1.0).contains(value);
        match *self {
            Self::Sgd { momentum } => (!below_one(&momentum)).then_some(("momentum", momentum)),
            Self::Adam {
                beta1,
                beta2,
                epsilon,
            } => [("beta1", beta1), ("beta2", beta2)]
                .into_iter()
                .find(|(_, value)| !below_one(value))
                .or_else(|| (!(epsilon > 0.0 && epsilon < 1.0)).then_some(("epsilon", epsilon))),
        }
    }

    fn moments(&self) -> usize {
        match self {
            Self::Sgd { .. } => 1,
            Self::Adam { .. } => 2,
        }
    }
}

/// An optimiser with its memory of past gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimiser {
    config: OptimiserConfig,
    steps: u64,
    /// v of (O1), or m and v of (O2): one value for each parameter.
    moments: Vec<Vec<f32>>,
}

impl Optimiser {
    /// An optimiser that has not seen a gradient, for networks of `parameters` parameters.
    pub fn new(config: OptimiserConfig, parameters: usize) -> Self {
        Self {
            config,
            steps: 0,
            moments: vec![vec![0.0; parameters]; config.moments()],
        }
    }

    /// An optimiser that goes on from `steps` steps and their moments, each of as many values as
    /// the network has parameters; `None` if their number does not fit `config`.
    pub fn resume(config: OptimiserConfig, steps: u64, moments: Vec<Vec<f32>>) -> Option<Self> {
        (moments.len() == config.moments()).then_some(Self {
            config,
            steps,
            moments,
        })
    }

    /// How many updates were made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Its memory: v of (O1), or m and v of (O2), over the flat parameters.
    pub fn moments(&self) -> &[Vec<f32>] {
        &self.moments
    }

    /// Moves `network` against `gradient` at learning rate `rate`.
    ///
    /// # Panics
    /// If `gradient` or the moments have another size than `network`.
    pub fn update(&mut self, network: &mut Network, gradient: &Network, rate: f32) {
        self.steps += 1;
        let mut start = 0;
        for (values, d) in network.values_mut().into_iter().zip(gradient.parameters()) {
            assert_eq!(values.len(), d.values.len());
            let range = start..start + values.len();
            start = range.end;
            match (self.config, self.moments.as_mut_slice()) {
                (OptimiserConfig::Sgd { momentum }, [v]) => {
                    sgd(values, d.values, &mut v[range], rate, momentum);
                }
                (
                    OptimiserConfig::Adam {
                        beta1,
                        beta2,
                        epsilon,
                    },
                    [m, v],
                ) => {
                    let steps = self.steps as f64;
                    let constants = AdamStep {
                        beta1,
                        beta2,
                        epsilon,
                        rate: (f64::from(rate) / (1.0 - f64::from(beta1).powf(steps))) as f32,
                        correction: (1.0 / (1.0 - f64::from(beta2).powf(steps))) as f32,
                    };
                    adam(
                        values,
                        d.values,
                        &mut m[range.clone()],
                        &mut v[range],
                        &constants,
                    );
                }
                _ => unreachable!("constructors give each optimiser its moments"),
            }
        }
    }
}

/// (O1)
fn sgd(values: &mut [f32], gradient: &[f32], v: &mut [f32], rate: f32, momentum: f32) {
    for ((value, g), v) in values.iter_mut().zip(gradient).zip(v) {
        *v = momentum * *v + g;
        *value -= rate * *v;
    }
}

/// What (O2) needs at one step.
struct AdamStep {
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    /// η / (1 − β₁ᵗ).
    rate: f32,
    /// 1 / (1 − β₂ᵗ).
    correction: f32,
}

/// (O2)
fn adam(values: &mut [f32], gradient: &[f32], m: &mut [f32], v: &mut [f32], step: &AdamStep) {
    for (((value, g), m), v) in values.iter_mut().zip(gradient).zip(m).zip(v) {
        *m = step.beta1 * *m + (1.0 - step.beta1) * g;
        *v = step.beta2 * *v + (1.0 - step.beta2) * g * g;
        *value -= step.rate * *m / ((*v * step.correction).sqrt() + step.epsilon);
    }
}

/// Scales `gradient` so that its Euclidean norm over all parameters is at most `limit`
/// (Pascanu, Mikolov and Bengio 2013); returns the norm before.
pub fn clip_global_norm(gradient: &mut Network, limit: f32) -> f64 {
    let squares = gradient
        .parameters()
        .into_iter()
        .flat_map(|parameter| parameter.values);
    let norm = squares.map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
    if norm > f64::from(limit) {
        let scale = (f64::from(limit) / norm) as f32;
        for values in gradient.values_mut() {
            values.iter_mut().for_each(|g| *g *= scale);
        }
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Head, Mode, NetworkConfig};

    fn network() -> Network {
        let config = NetworkConfig {
            inputs: 1,
            hidden: vec![1],
            peepholes: true,
            dense: vec![],
            outputs: 1,
            head: Head::Linear,
            mode: Mode::SequenceToOne,
        };
        Network::zeros(&config).unwrap()
    }

    /// θ of the last bias after updates with each of `gradients`, from 1.
    fn trajectory(config: OptimiserConfig, rate: f32, gradients: &[f32]) -> Vec<f32> {
        let mut network = network();
        network.dense[0].bias[0] = 1.0;
        let mut optimiser = Optimiser::new(config, network.parameter_count());
        (gradients.iter())
            .map(|g| {
                let mut gradient = self::network();
                gradient.dense[0].bias[0] = *g;
                optimiser.update(&mut network, &gradient, rate);
                network.dense[0].bias[0]
            })
            .collect()
    }

    /// Rounding of a few f32 operations on values near one.
    const ROUNDING: f32 = 3e-7;

    fn assert_close(found: &[f32], expected: &[f32]) {
        for (a, b) in found.iter().zip(expected) {
            assert!(
                (a - b).abs() <= ROUNDING,
                "{found:?}, expected {expected:?}"
            );
        }
    }

    /// β₁ = ½, β₂ = ¾, ε = ½, η = 1, gradients 2, 0, −1:
    ///
    /// t = 1: m = 1, v = 1; m̂ = 1 / ½ = 2, v̂ = 1 / ¼ = 4; θ = 1 − 2 / (2 + ½) = 0.2
    /// t = 2: m = ½, v = ¾; m̂ = ½ / ¾ = 2/3, v̂ = ¾ / (7/16) = 12/7, √v̂ = 1.309307;
    ///        θ = 0.2 − 0.666667 / 1.809307 = −0.168465
    /// t = 3: m = ¼ − ½ = −¼, v = 9/16 + ¼ = 13/16; m̂ = −¼ / (7/8) = −2/7,
    ///        v̂ = (13/16) / (37/64) = 52/37, √v̂ = 1.185498; θ = −0.168465 + 0.285714 / 1.685498
    ///        = 0.001048
    #[test]
    fn adam_follows_a_trajectory_worked_by_hand() {
        let config = OptimiserConfig::Adam {
            beta1: 0.5,
            beta2: 0.75,
            epsilon: 0.5,
        };
        let found = trajectory(config, 1.0, &[2.0, 0.0, -1.0]);
        let v2 = (12.0f64 / 7.0).sqrt();
        let v3 = (52.0f64 / 37.0).sqrt();
        let second = 0.2 - (2.0 / 3.0) / (v2 + 0.5);
        let third = second + (2.0 / 7.0) / (v3 + 0.5);
        assert_close(&found, &[0.2, second as f32, third as f32]);
        assert_close(&[second as f32], &[-0.168_465_2]);
    }

    /// The first step of Adam is the learning rate, whatever the gradient's size (as long as ε is small beside it).
    #[test]
    fn adam_begins_with_a_step_of_the_learning_rate() {
        assert_close(
            &trajectory(OptimiserConfig::default(), 0.25, &[2.0]),
            &[0.75],
        );
        assert_close(
            &trajectory(OptimiserConfig::default(), 0.25, &[-1e3]),
            &[1.25],
        );
    }

    /// μ = ½, η = ¼, gradients 2, 0, −1: v = 2, 1, −½ and θ = ½, ¼, 3/8.
    #[test]
    fn sgd_follows_a_trajectory_worked_by_hand() {
        let found = trajectory(
            OptimiserConfig::Sgd { momentum: 0.5 },
            0.25,
            &[2.0, 0.0, -1.0],
        );
        assert_eq!(found, [0.5, 0.25, 0.375]);
    }

    #[test]
    fn clipping_keeps_the_direction_and_limits_the_norm() {
        let mut gradient = network();
        gradient.dense[0].bias[0] = 3.0;
        gradient.lstm[0].w_h[[0, 0]] = 4.0;
        assert_eq!(clip_global_norm(&mut gradient, 10.0), 5.0);
        assert_eq!(gradient.dense[0].bias[0], 3.0);
        assert_eq!(clip_global_norm(&mut gradient, 1.0), 5.0);
        assert_close(
            &[gradient.dense[0].bias[0], gradient.lstm[0].w_h[[0, 0]]],
            &[0.6, 0.8],
        );
    }

    #[test]
    fn constants_out_of_range_are_named() {
        let config = OptimiserConfig::Adam {
            beta1: 0.9,
            beta2: 1.0,
            epsilon: 1e-8,
        };
        assert_eq!(config.out_of_range(), Some(("beta2", 1.0)));
        assert_eq!(
            OptimiserConfig::Sgd { momentum: f32::NAN }
                .out_of_range()
                .unwrap()
                .0,
            "momentum"
        );
        assert_eq!(OptimiserConfig::default().out_of_range(), None);
    }
}
