//! A convolution over time with a stride, below the recurrent layers.
//!
//! ```text
//! y_n = σ(Σ_k W_k x_{t−K+1+k} + b)    t = first + n S, with x before the start = 0             (CV)
//! ```
//!
//! σ is ReLU or nothing. The recurrent layers take a step for each y_n. The outputs stand until they take the next one, so
//! that a network has outputs at each step of its input, with a convolution or without.
//!
//! `[W_0 | … | W_{K−1}]` is one matrix, `[F, K · C]`, which meets the last K steps one after the other, the oldest first: a
//! [`DenseLayer`](crate::network::DenseLayer) holds the parameters.

use std::str::FromStr;

use ndarray::{Array2, ArrayView2, s};
use serde::{Deserialize, Serialize};

use crate::network::Network;

/// The largest kernel and stride.
pub const MAX_CONV_STEPS: usize = 64;

/// What follows the sum of a filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum ConvActivation {
    /// Negative values become zero.
    #[default]
    Relu,
    /// Nothing.
    None,
}

/// What stands before the first step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Padding {
    /// K − 1 steps of zeros: the first output comes with the first step.
    #[default]
    Causal,
    /// Nothing: the first output comes with step K − 1, counted from 0. Until then the outputs are those of a fresh state.
    Valid,
}

impl Padding {
    /// As in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Causal => "causal",
            Self::Valid => "valid",
        }
    }
}

impl From<Padding> for &'static str {
    fn from(padding: Padding) -> Self {
        padding.name()
    }
}

/// Why an output whose convolution is padded with "same" cannot be computed in a stream.
pub const LATER_STEPS: &str =
    "an output follows from later steps, which a stream does not know yet";

impl FromStr for Padding {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = [Self::Causal, Self::Valid];
        let found = all.into_iter().find(|padding| padding.name() == name);
        found.ok_or_else(|| {
            format!(
                "no padding {name:?}; there are \"causal\" and \"valid\", whose outputs follow from earlier steps alone; \
                 with \"same\" {LATER_STEPS}"
            )
        })
    }
}

impl TryFrom<String> for Padding {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

/// The shape of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Convolution {
    /// Filters, `F`: values that it hands on.
    pub filters: usize,
    /// Steps that a filter looks at, `K`.
    pub kernel: usize,
    /// Steps from one output to the next, `S`.
    pub stride: usize,
    /// What follows the sums.
    pub activation: ConvActivation,
    /// What stands before the first step.
    pub padding: Padding,
}

impl Default for Convolution {
    fn default() -> Self {
        Self {
            filters: 16,
            kernel: 5,
            stride: 2,
            activation: ConvActivation::default(),
            padding: Padding::default(),
        }
    }
}

impl Convolution {
    /// The first step that has an output, counted from 0.
    pub fn first(&self) -> usize {
        match self.padding {
            Padding::Causal => 0,
            Padding::Valid => self.kernel - 1,
        }
    }

    /// Outputs in `steps` steps, if the first one comes after `wait` more steps.
    pub fn outputs_in(&self, steps: usize, wait: usize) -> usize {
        match steps.checked_sub(wait + 1) {
            Some(rest) => rest / self.stride + 1,
            None => 0,
        }
    }

    /// The windows of a sequence, `[T, C]`, from its beginning: `[N, K · C]`, with zeros before the first step.
    pub fn windows(&self, sequence: ArrayView2<'_, f32>) -> Array2<f32> {
        let (steps, channels) = sequence.dim();
        let outputs = self.outputs_in(steps, self.first());
        let mut windows = Array2::zeros((outputs, self.kernel * channels));
        for n in 0..outputs {
            let end = self.first() + n * self.stride + 1;
            let start = end.saturating_sub(self.kernel);
            let known = sequence.slice(s![start..end, ..]);
            let known = known.iter().copied();
            let padding = (self.kernel - (end - start)) * channels;
            let row = windows.row_mut(n);
            row.into_iter()
                .skip(padding)
                .zip(known)
                .for_each(|(to, from)| *to = from);
        }
        windows
    }
}

impl Network {
    /// The convolution's outputs over a normalised sequence, `[T, C]` to `[N, F]`; none of a network without one.
    pub fn filtered(&self, sequence: ArrayView2<'_, f32>) -> Option<Array2<f32>> {
        let (conv, layer) = (self.config.conv?, self.conv.as_ref()?);
        let windows = conv.windows(sequence);
        Some(match conv.activation {
            ConvActivation::Relu => layer.rectified(&windows),
            ConvActivation::None => layer.values(&windows),
        })
    }
}
