//! One step of an optimiser; equations are those of [`crate::optimiser`].

use std::ops::Range;

use super::config::OptimiserConfig;
use crate::network::{Network, ParameterKind};

/// An optimiser with its memory of past gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimiser {
    config: OptimiserConfig,
    steps: u64,
    /// v of (U2), v and b of (U3), or m and v of (U4): one value for each parameter.
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

    /// An optimiser that continues after `steps` steps with their moments. Each moment has one value for each
    /// parameter of the network. `None` if the number of moments does not fit `config`.
    pub fn resume(config: OptimiserConfig, steps: u64, moments: Vec<Vec<f32>>) -> Option<Self> {
        (moments.len() == config.moments()).then_some(Self {
            config,
            steps,
            moments,
        })
    }

    /// Number of updates so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Its memory, over the flat parameters: nothing for (U1), v of (U2), v and b of (U3), m and v of (U4) and
    /// (U5).
    pub fn moments(&self) -> &[Vec<f32>] {
        &self.moments
    }

    /// Moves `network` against `gradient` at learning rate `rate`.
    ///
    /// # Panics
    /// If `gradient` or the moments have another size than `network`.
    pub fn update(&mut self, network: &mut Network, gradient: &Network, rate: f32) {
        self.update_with_momentum(network, gradient, rate, None);
    }

    /// [`Optimiser::update`] with a momentum for this step alone. An optimiser without momentum ignores it.
    ///
    /// # Panics
    /// As [`Optimiser::update`].
    pub fn update_with_momentum(
        &mut self,
        network: &mut Network,
        gradient: &Network,
        rate: f32,
        momentum: Option<f32>,
    ) {
        let config = momentum.map_or(self.config, |momentum| self.config.with_momentum(momentum));
        self.steps += 1;
        let mut start = 0;
        for (values, d) in network.values_mut().into_iter().zip(gradient.parameters()) {
            assert_eq!(values.len(), d.values.len());
            let range = start..start + values.len();
            start = range.end;
            let decay = match d.kind {
                ParameterKind::Weight => config.weight_decay(),
                ParameterKind::Bias | ParameterKind::Peephole => 0.0,
            };
            let step = Step {
                gradient: d.values,
                rate,
                decay,
            };
            step.apply(
                config,
                values,
                self.moments.as_mut_slice(),
                (range, self.steps),
            );
        }
    }
}

/// One update of one parameter array.
struct Step<'a> {
    gradient: &'a [f32],
    /// η
    rate: f32,
    /// λ of (U6).
    decay: f32,
}

impl Step<'_> {
    /// Update number `steps` of `values` as `config` says, with the moments in `range`.
    fn apply(
        self,
        config: OptimiserConfig,
        values: &mut [f32],
        moments: &mut [Vec<f32>],
        (range, steps): (Range<usize>, u64),
    ) {
        match (config, moments) {
            (OptimiserConfig::GradientDescent { .. }, []) => self.descend(values),
            (
                OptimiserConfig::Sgd {
                    momentum, nesterov, ..
                },
                [v],
            ) => self.sgd(values, &mut v[range], momentum, nesterov),
            (
                OptimiserConfig::RmsProp {
                    alpha,
                    momentum,
                    epsilon,
                    ..
                },
                [v, b],
            ) => {
                let memory = (&mut v[range.clone()], &mut b[range]);
                self.rmsprop(values, memory, alpha, momentum, epsilon);
            }
            (
                OptimiserConfig::Adam {
                    beta1,
                    beta2,
                    epsilon,
                    ..
                },
                [m, v],
            ) => {
                let constants = AdamStep::at(steps, self.rate, beta1, beta2, epsilon);
                self.adam(values, &mut m[range.clone()], &mut v[range], &constants);
            }
            (
                OptimiserConfig::AdamW {
                    beta1,
                    beta2,
                    epsilon,
                    ..
                },
                [m, v],
            ) => {
                // (U5)
                let kept = 1.0 - self.rate * self.decay;
                values.iter_mut().for_each(|value| *value *= kept);
                let constants = AdamStep::at(steps, self.rate, beta1, beta2, epsilon);
                let step = Step { decay: 0.0, ..self };
                step.adam(values, &mut m[range.clone()], &mut v[range], &constants);
            }
            _ => unreachable!("constructors give each optimiser its moments"),
        }
    }

    /// Each value with its gradient after (U6).
    fn terms<'v>(&self, values: &'v mut [f32]) -> impl Iterator<Item = (&'v mut f32, f32)> {
        let decay = self.decay;
        (values.iter_mut().zip(self.gradient)).map(move |(value, g)| {
            let g = g + decay * *value;
            (value, g)
        })
    }

    /// (U1)
    fn descend(&self, values: &mut [f32]) {
        for (value, g) in self.terms(values) {
            *value -= self.rate * g;
        }
    }

    /// (U2)
    fn sgd(&self, values: &mut [f32], v: &mut [f32], momentum: f32, nesterov: bool) {
        for ((value, g), v) in self.terms(values).zip(v) {
            *v = momentum * *v + g;
            let step = if nesterov { g + momentum * *v } else { *v };
            *value -= self.rate * step;
        }
    }

    /// (U3)
    fn rmsprop(
        &self,
        values: &mut [f32],
        (v, b): (&mut [f32], &mut [f32]),
        alpha: f32,
        momentum: f32,
        epsilon: f32,
    ) {
        for (((value, g), v), b) in self.terms(values).zip(v).zip(b) {
            *v = alpha * *v + (1.0 - alpha) * g * g;
            *b = momentum * *b + g / (v.sqrt() + epsilon);
            *value -= self.rate * *b;
        }
    }

    /// (U4)
    fn adam(&self, values: &mut [f32], m: &mut [f32], v: &mut [f32], constants: &AdamStep) {
        let AdamStep {
            beta1,
            beta2,
            epsilon,
            rate,
            correction,
        } = *constants;
        for (((value, g), m), v) in self.terms(values).zip(m).zip(v) {
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *value -= rate * *m / ((*v * correction).sqrt() + epsilon);
        }
    }
}

/// What (U4) needs at one step.
struct AdamStep {
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    /// η / (1 − β₁ᵗ).
    rate: f32,
    /// 1 / (1 − β₂ᵗ).
    correction: f32,
}

impl AdamStep {
    fn at(steps: u64, rate: f32, beta1: f32, beta2: f32, epsilon: f32) -> Self {
        let steps = steps as f64;
        Self {
            beta1,
            beta2,
            epsilon,
            rate: (f64::from(rate) / (1.0 - f64::from(beta1).powf(steps))) as f32,
            correction: (1.0 / (1.0 - f64::from(beta2).powf(steps))) as f32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::OptimiserKind;
    use super::*;
    use crate::network::{Cell, Head, Mode, NetworkConfig};

    fn network() -> Network {
        let config = NetworkConfig {
            inputs: 1,
            conv: None,
            directions: Vec::new(),
            hidden: vec![1],
            cell: Cell::Lstm { peepholes: true },
            dense: vec![],
            outputs: 1,
            head: Head::Linear,
            mode: Mode::SequenceToOne,
        };
        Network::zeros(&config).unwrap()
    }

    /// θ of the last weight and of the last bias after updates with each of `gradients` for both,
    /// from 1.
    fn trajectories(config: OptimiserConfig, rate: f32, gradients: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let set = |network: &mut Network, value| {
            network.dense[0].weight[[0, 0]] = value;
            network.dense[0].bias[0] = value;
        };
        let mut network = network();
        set(&mut network, 1.0);
        let mut optimiser = Optimiser::new(config, network.parameter_count());
        (gradients.iter())
            .map(|g| {
                let mut gradient = self::network();
                set(&mut gradient, *g);
                optimiser.update(&mut network, &gradient, rate);
                let layer = &network.dense[0];
                (layer.weight[[0, 0]], layer.bias[0])
            })
            .unzip()
    }

    /// The same without weight decay, where weights and biases move alike.
    fn trajectory(config: OptimiserConfig, rate: f32, gradients: &[f32]) -> Vec<f32> {
        let (weights, biases) = trajectories(config, rate, gradients);
        assert_eq!(weights, biases);
        weights
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

    fn adam(weight_decay: f32) -> OptimiserConfig {
        OptimiserConfig::Adam {
            beta1: 0.5,
            beta2: 0.75,
            epsilon: 0.5,
            weight_decay,
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
        let found = trajectory(adam(0.0), 1.0, &[2.0, 0.0, -1.0]);
        let [first, second, third] = adam_steps();
        let expected = [
            1.0 - first,
            1.0 - first - second,
            1.0 - first - second - third,
        ];
        assert_close(&found, &expected.map(|v| v as f32));
        assert_close(&found[1..2], &[-0.168_465_2]);
    }

    /// The three steps of the trajectory above, at η = 1.
    fn adam_steps() -> [f64; 3] {
        let v2 = (12.0f64 / 7.0).sqrt();
        let v3 = (52.0f64 / 37.0).sqrt();
        [0.8, (2.0 / 3.0) / (v2 + 0.5), -(2.0 / 7.0) / (v3 + 0.5)]
    }

    /// λ = ½ and η = ½: a weight shrinks to ¾ before each half step of Adam; a bias only steps.
    #[test]
    fn adamw_shrinks_weights_apart_from_adams_step() {
        let config = OptimiserConfig::AdamW {
            beta1: 0.5,
            beta2: 0.75,
            epsilon: 0.5,
            weight_decay: 0.5,
        };
        let (weights, biases) = trajectories(config, 0.5, &[2.0, 0.0, -1.0]);
        let mut weight = 1.0;
        let expected = adam_steps().map(|step| {
            weight = 0.75 * weight - 0.5 * step;
            weight as f32
        });
        assert_close(&weights, &expected);
        // ¾ − ½ · 0.8
        assert_close(&weights[..1], &[0.35]);
        assert_eq!(biases, trajectory(adam(0.0), 0.5, &[2.0, 0.0, -1.0]));
    }

    /// The first step of Adam is the learning rate, whatever the gradient's size (as long as ε is
    /// small beside it).
    #[test]
    fn adam_begins_with_a_step_of_the_learning_rate() {
        let config = OptimiserConfig::default();
        assert_close(&trajectory(config, 0.25, &[2.0]), &[0.75]);
        assert_close(&trajectory(config, 0.25, &[-1e3]), &[1.25]);
    }

    fn sgd(nesterov: bool, weight_decay: f32) -> OptimiserConfig {
        OptimiserConfig::Sgd {
            momentum: 0.5,
            nesterov,
            weight_decay,
        }
    }

    /// η = ¼, gradients 2, 0, −1: θ = ½, ½, ¾.
    #[test]
    fn gradient_descent_follows_a_trajectory_worked_by_hand() {
        let config = OptimiserKind::GradientDescent.into();
        assert_eq!(
            trajectory(config, 0.25, &[2.0, 0.0, -1.0]),
            [0.5, 0.5, 0.75]
        );
    }

    /// μ = ½, η = ¼, gradients 2, 0, −1: v = 2, 1, −½ and θ = ½, ¼, 3/8.
    #[test]
    fn sgd_follows_a_trajectory_worked_by_hand() {
        let found = trajectory(sgd(false, 0.0), 0.25, &[2.0, 0.0, -1.0]);
        assert_eq!(found, [0.5, 0.25, 0.375]);
    }

    /// The same v, and steps g + μ v = 3, ½, −5/4: θ = ¼, ⅛, 7/16.
    #[test]
    fn nesterov_follows_a_trajectory_worked_by_hand() {
        let found = trajectory(sgd(true, 0.0), 0.25, &[2.0, 0.0, -1.0]);
        assert_eq!(found, [0.25, 0.125, 0.4375]);
    }

    /// α = ¾, μ = ½, ε = ½, η = 1, gradients 2, 0, −1:
    ///
    /// v = 1, b = 2 / 1.5 = 4/3, θ = −1/3
    /// v = ¾, b = 2/3, θ = −1
    /// v = 9/16 + ¼ = 13/16, b = 1/3 − 1 / (√(13/16) + ½) = −0.380245, θ = −0.619755
    #[test]
    fn rmsprop_follows_a_trajectory_worked_by_hand() {
        let config = OptimiserConfig::RmsProp {
            alpha: 0.75,
            momentum: 0.5,
            epsilon: 0.5,
            weight_decay: 0.0,
        };
        let found = trajectory(config, 1.0, &[2.0, 0.0, -1.0]);
        assert_close(&found, &[-1.0 / 3.0, -1.0, -0.619_755_1]);
    }

    /// (U2) with μ = ½ for the first step and ¼ for the second: v = 2, ½ + 0, η = ¼, θ = ½, 3/8. An
    /// optimiser without momentum stays without.
    #[test]
    fn a_step_may_have_a_momentum_of_its_own() {
        let steps = |config| {
            let mut network = network();
            let mut optimiser = Optimiser::new(config, network.parameter_count());
            network.dense[0].weight[[0, 0]] = 1.0;
            [(2.0, 0.5), (0.0, 0.25)].map(|(g, momentum)| {
                let mut gradient = self::network();
                gradient.dense[0].weight[[0, 0]] = g;
                optimiser.update_with_momentum(&mut network, &gradient, 0.25, Some(momentum));
                network.dense[0].weight[[0, 0]]
            })
        };
        assert_eq!(steps(sgd(false, 0.0)), [0.5, 0.375]);
        let still = OptimiserConfig::Sgd {
            momentum: 0.0,
            nesterov: false,
            weight_decay: 0.0,
        };
        assert_eq!(steps(still), [0.5, 0.5]);
        for kind in [OptimiserKind::Adam, OptimiserKind::AdamW] {
            let own = OptimiserConfig::from(kind);
            assert_ne!(own.with_momentum(0.5), own);
        }
        let rmsprop = OptimiserConfig::from(OptimiserKind::RmsProp);
        assert_eq!(rmsprop.with_momentum(0.5), rmsprop);
    }

    /// λ = ½, η = ½, no gradient. A weight of 1 under (U6): gradient descent leaves ¾, 9/16;
    /// μ = ½ has v = ½, ¼ + 3/8 and leaves ¾, 7/16. A bias stays.
    #[test]
    fn weight_decay_adds_to_the_gradient_of_weights_alone() {
        let descent = OptimiserConfig::GradientDescent { weight_decay: 0.5 };
        let (weights, biases) = trajectories(descent, 0.5, &[0.0, 0.0]);
        assert_eq!((weights, biases), (vec![0.75, 0.5625], vec![1.0, 1.0]));
        let (weights, biases) = trajectories(sgd(false, 0.5), 0.5, &[0.0, 0.0]);
        assert_eq!((weights, biases), (vec![0.75, 0.4375], vec![1.0, 1.0]));
        // Adam's first step with gradient λ θ = ½: m̂ = ½, √v̂ = ½, so ½ · ½ / (½ + ½).
        let (weights, biases) = trajectories(adam(0.5), 0.5, &[0.0]);
        assert_close(&weights, &[0.75]);
        assert_eq!(biases, [1.0]);
    }
}
