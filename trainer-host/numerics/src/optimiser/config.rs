//! The configuration of an optimiser: its kind and its constants.

use serde::{Deserialize, Serialize};

use crate::out_of_range::{OutOfRange, require};

/// Which optimiser, with its constants; equations are those of [`crate::optimiser`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OptimiserConfig {
    /// (U1)
    GradientDescent {
        /// λ, at least 0.
        #[serde(default)]
        weight_decay: f32,
    },
    /// (U2)
    Sgd {
        /// μ, in 0 up to but not including 1.
        #[serde(default = "default_momentum")]
        momentum: f32,
        /// Whether to take the gradient as if the momentum's step had already been made.
        #[serde(default)]
        nesterov: bool,
        /// λ, at least 0.
        #[serde(default)]
        weight_decay: f32,
    },
    /// (U3)
    #[serde(rename = "rmsprop")]
    RmsProp {
        /// α, in 0 up to but not including 1.
        #[serde(default = "default_alpha")]
        alpha: f32,
        /// μ, in 0 up to but not including 1.
        #[serde(default)]
        momentum: f32,
        /// ε, above 0.
        #[serde(default = "default_epsilon")]
        epsilon: f32,
        /// λ, at least 0.
        #[serde(default)]
        weight_decay: f32,
    },
    /// (U4)
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
        /// λ, at least 0.
        #[serde(default)]
        weight_decay: f32,
    },
    /// (U5)
    #[serde(rename = "adamw")]
    AdamW {
        /// β₁, in 0 up to but not including 1.
        #[serde(default = "default_beta1")]
        beta1: f32,
        /// β₂, in 0 up to but not including 1.
        #[serde(default = "default_beta2")]
        beta2: f32,
        /// ε, above 0.
        #[serde(default = "default_epsilon")]
        epsilon: f32,
        /// λ, at least 0.
        #[serde(default = "default_decay")]
        weight_decay: f32,
    },
}

fn default_momentum() -> f32 {
    0.9
}

fn default_alpha() -> f32 {
    0.99
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

fn default_decay() -> f32 {
    0.01
}

/// An optimiser's name in a configuration: (U1) to (U5) of [`crate::optimiser`], in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum OptimiserKind {
    /// No memory of past gradients.
    GradientDescent,
    /// Gradient descent with momentum.
    Sgd,
    /// Each step divided by the root of a running mean of the squared gradient.
    #[cfg_attr(feature = "cli", value(name = "rmsprop"))]
    RmsProp,
    /// Momentum and division by the running mean square, both without bias.
    Adam,
    /// Adam with decoupled weight decay.
    #[cfg_attr(feature = "cli", value(name = "adamw"))]
    AdamW,
}

impl From<OptimiserKind> for OptimiserConfig {
    /// With the constants of its paper or of PyTorch.
    fn from(kind: OptimiserKind) -> Self {
        let (beta1, beta2, epsilon) = (default_beta1(), default_beta2(), default_epsilon());
        match kind {
            OptimiserKind::GradientDescent => Self::GradientDescent { weight_decay: 0.0 },
            OptimiserKind::Sgd => Self::Sgd {
                momentum: default_momentum(),
                nesterov: false,
                weight_decay: 0.0,
            },
            OptimiserKind::RmsProp => Self::RmsProp {
                alpha: default_alpha(),
                momentum: 0.0,
                epsilon,
                weight_decay: 0.0,
            },
            OptimiserKind::Adam => Self::Adam {
                beta1,
                beta2,
                epsilon,
                weight_decay: 0.0,
            },
            OptimiserKind::AdamW => Self::AdamW {
                beta1,
                beta2,
                epsilon,
                weight_decay: default_decay(),
            },
        }
    }
}

impl Default for OptimiserConfig {
    /// Adam with its paper's constants.
    fn default() -> Self {
        OptimiserKind::Adam.into()
    }
}

impl OptimiserConfig {
    /// Its name.
    pub fn kind(&self) -> OptimiserKind {
        match self {
            Self::GradientDescent { .. } => OptimiserKind::GradientDescent,
            Self::Sgd { .. } => OptimiserKind::Sgd,
            Self::RmsProp { .. } => OptimiserKind::RmsProp,
            Self::Adam { .. } => OptimiserKind::Adam,
            Self::AdamW { .. } => OptimiserKind::AdamW,
        }
    }

    /// λ
    pub fn weight_decay(&self) -> f32 {
        match *self {
            Self::GradientDescent { weight_decay }
            | Self::Sgd { weight_decay, .. }
            | Self::RmsProp { weight_decay, .. }
            | Self::Adam { weight_decay, .. }
            | Self::AdamW { weight_decay, .. } => weight_decay,
        }
    }

    /// With `value` as μ of (U2) and (U3), or as β₁ of (U4) and (U5). A zero stays zero.
    pub fn with_momentum(mut self, value: f32) -> Self {
        match &mut self {
            Self::GradientDescent { .. } => {}
            Self::Sgd { momentum: own, .. }
            | Self::RmsProp { momentum: own, .. }
            | Self::Adam { beta1: own, .. }
            | Self::AdamW { beta1: own, .. } => {
                if *own > 0.0 {
                    *own = value;
                }
            }
        }
        self
    }

    /// λ, for writing.
    pub fn weight_decay_mut(&mut self) -> &mut f32 {
        match self {
            Self::GradientDescent { weight_decay }
            | Self::Sgd { weight_decay, .. }
            | Self::RmsProp { weight_decay, .. }
            | Self::Adam { weight_decay, .. }
            | Self::AdamW { weight_decay, .. } => weight_decay,
        }
    }

    /// μ, for writing, if there is one.
    pub fn momentum_mut(&mut self) -> Option<&mut f32> {
        match self {
            Self::Sgd { momentum, .. } | Self::RmsProp { momentum, .. } => Some(momentum),
            _ => None,
        }
    }

    /// Refuses constants out of their range.
    ///
    /// # Errors
    /// With the constant's key.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        let decay = self.weight_decay();
        require(
            (0.0..=1.0).contains(&decay),
            "optimiser.weight_decay",
            decay,
            "from 0 to 1",
        )?;
        match *self {
            Self::GradientDescent { .. } => Ok(()),
            Self::Sgd {
                momentum, nesterov, ..
            } => {
                below_one("optimiser.momentum", momentum)?;
                require(
                    !nesterov || momentum > 0.0,
                    "optimiser.momentum",
                    momentum,
                    "above 0 for nesterov",
                )
            }
            Self::RmsProp {
                alpha,
                momentum,
                epsilon,
                ..
            } => {
                below_one("optimiser.alpha", alpha)?;
                below_one("optimiser.momentum", momentum)?;
                epsilon_fits(epsilon)
            }
            Self::Adam {
                beta1,
                beta2,
                epsilon,
                ..
            }
            | Self::AdamW {
                beta1,
                beta2,
                epsilon,
                ..
            } => {
                below_one("optimiser.beta1", beta1)?;
                below_one("optimiser.beta2", beta2)?;
                epsilon_fits(epsilon)
            }
        }
    }

    /// Number of values that the optimiser remembers for each parameter.
    pub(super) fn moments(&self) -> usize {
        match self {
            Self::GradientDescent { .. } => 0,
            Self::Sgd { .. } => 1,
            Self::RmsProp { .. } | Self::Adam { .. } | Self::AdamW { .. } => 2,
        }
    }
}

fn below_one(key: &'static str, value: f32) -> Result<(), OutOfRange> {
    let fits = (0.0..1.0).contains(&value);
    require(fits, key, value, "at least 0 and below 1")
}

fn epsilon_fits(value: f32) -> Result<(), OutOfRange> {
    let fits = value > 0.0 && value < 1.0;
    require(fits, "optimiser.epsilon", value, "above 0 and below 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_out_of_range_are_named() {
        let cases = [
            (
                OptimiserConfig::Adam {
                    beta1: 0.9,
                    beta2: 1.0,
                    epsilon: 1e-8,
                    weight_decay: 0.0,
                },
                "optimiser.beta2",
            ),
            (
                OptimiserConfig::Sgd {
                    momentum: f32::NAN,
                    nesterov: false,
                    weight_decay: 0.0,
                },
                "optimiser.momentum",
            ),
            (
                OptimiserConfig::Sgd {
                    momentum: 0.0,
                    nesterov: true,
                    weight_decay: 0.0,
                },
                "optimiser.momentum",
            ),
            (
                OptimiserConfig::RmsProp {
                    alpha: 0.9,
                    momentum: 0.0,
                    epsilon: 0.0,
                    weight_decay: 0.0,
                },
                "optimiser.epsilon",
            ),
            (
                OptimiserConfig::GradientDescent { weight_decay: -0.1 },
                "optimiser.weight_decay",
            ),
        ];
        for (config, key) in cases {
            assert_eq!(config.validate().unwrap_err().key, key);
        }
        assert_eq!(OptimiserConfig::default().validate(), Ok(()));
    }

    #[test]
    #[cfg(feature = "cli")]
    fn a_kind_alone_has_the_defaults() {
        use clap::ValueEnum;
        for kind in OptimiserKind::value_variants() {
            let name = kind.to_possible_value().unwrap();
            let text = format!("kind = \"{}\"", name.get_name());
            let config: OptimiserConfig = toml::from_str(&text).unwrap();
            assert_eq!(config, (*kind).into());
            assert_eq!(config.kind(), *kind);
            assert_eq!(config.validate(), Ok(()));
        }
        let error = toml::from_str::<OptimiserConfig>("kind = \"adam\"\nmomentum = 0.9");
        assert!(error.unwrap_err().to_string().contains("momentum"));
    }
}
