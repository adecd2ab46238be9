//! What a file holds, in the file's own conventions: a chain of layers from the input to the output.
//!
//! Every reader makes a [`Source`]. A new kind of layer is a variant of [`Layer`]: readers fill it, and
//! [`super::assemble`] puts it into a network.

use ndarray::Array2;

use super::conventions::RecurrentWeights;
use crate::network::convolution::LATER_STEPS;
use crate::network::{Padding, Pooling};

/// An axis of an array of inputs or outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Sequences.
    Batch,
    /// Steps.
    Time,
    /// Channels, units or outputs.
    Channel,
    /// The two halves of a layer that runs both ways.
    Half,
    /// An axis of length one.
    One,
}

/// A network as a file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The kind of the file, for people.
    pub format: &'static str,
    /// From the input to the output.
    pub layers: Vec<NamedLayer>,
    /// Channels that the file says its input has, where it does.
    pub channels: Option<usize>,
    /// The order of the axes of an array of inputs.
    pub input_axes: Vec<Axis>,
    /// The order of the axes of an array of outputs.
    pub output_axes: Vec<Axis>,
    /// Valid steps of each sequence of a batch, where the file fixes them.
    pub lengths: Option<Vec<usize>>,
    /// Whether weights are integers times a scale, so that the other program's own outputs are rounded.
    pub integer: bool,
    /// What helps when layers do not fit together: the end of a message, or nothing.
    pub advice: &'static str,
    /// What the file left open, and how it was taken; what a reader should know. A line each.
    pub notes: Vec<String>,
}

/// A layer with its name in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedLayer {
    /// For messages.
    pub name: String,
    /// What it does.
    pub layer: Layer,
}

/// A convolution over time.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvWeights {
    /// `[F, K · C]`, the oldest step first.
    pub weight: Array2<f32>,
    /// `[F]`; zero if absent.
    pub bias: Option<Vec<f32>>,
    /// Steps that a filter looks at, `K`.
    pub kernel: usize,
    /// Steps from one output to the next.
    pub stride: usize,
    /// What stands before the first step.
    pub padding: Padding,
}

impl ConvWeights {
    /// Of `shape` filters, kernel and channels, with `value(f, k, c)`.
    pub(super) fn new(
        (filters, kernel, channels): (usize, usize, usize),
        value: impl Fn(usize, usize, usize) -> f32,
        bias: Option<Vec<f32>>,
        (stride, padding): (usize, Padding),
    ) -> Self {
        let at = |(f, j): (usize, usize)| value(f, j / channels.max(1), j % channels.max(1));
        Self {
            weight: Array2::from_shape_fn((filters, kernel * channels), at),
            bias,
            kernel,
            stride,
            padding,
        }
    }

    /// Of weights `[F, C, K]`, as PyTorch and ONNX have them.
    pub(super) fn channels_first(
        (filters, channels, kernel): (usize, usize, usize),
        values: &[f32],
        bias: Option<Vec<f32>>,
        steps: (usize, Padding),
    ) -> Self {
        let value = |f: usize, k: usize, c: usize| values[(f * channels + c) * kernel + k];
        Self::new((filters, kernel, channels), value, bias, steps)
    }

    /// Channels, `C`.
    pub(super) fn channels(&self) -> usize {
        self.weight.ncols() / self.kernel.max(1)
    }
}

/// Why padding on both sides is refused.
pub(super) fn why_not_same_padding() -> String {
    format!(
        "it pads the end of a sequence too (padding \"same\"), so that {LATER_STEPS}; \"causal\" and \"valid\" are taken"
    )
}

/// What a layer does with each step's values.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// `y = scale ⊙ x + offset`, each `[C]`, or `[1]` for all channels.
    Affine {
        /// Factors.
        scale: Vec<f64>,
        /// Summands.
        offset: Vec<f64>,
    },
    /// `y = W x + b`.
    Dense {
        /// `[O, I]`
        weight: Array2<f32>,
        /// `[O]`; zero if absent.
        bias: Option<Vec<f32>>,
    },
    /// `y_n = Σ_k W_k x_{t−K+1+k} + b` over time, with an output once in a stride.
    Convolution(ConvWeights),
    /// A recurrent layer over time, with an output for each step.
    Recurrent(RecurrentWeights),
    /// The same from the last step to the first; its outputs are in the order of time.
    Reverse(RecurrentWeights),
    /// Two of them on the same inputs, forwards and in reverse, whose outputs of each step stand side by side.
    Both(Box<[RecurrentWeights; 2]>),
    /// Keeps the last step alone.
    LastStep,
    /// Keeps of each half of a layer the outputs after its own last step, which is the first one in time for a half that runs
    /// in reverse.
    OwnLastStep,
    /// Keeps the mean of all steps.
    Mean,
    /// `max(x, 0)`
    Relu,
    /// Probabilities of classes.
    Softmax,
    /// Logarithms of the probabilities of classes.
    LogSoftmax,
    /// Independent probabilities.
    Sigmoid,
}

impl Layer {
    /// With its name.
    pub(super) fn named(self, name: impl Into<String>) -> NamedLayer {
        NamedLayer {
            name: name.into(),
            layer: self,
        }
    }

    /// What it keeps of the steps; `None` for a layer that keeps each of them.
    pub(super) const fn pooling(&self) -> Option<Pooling> {
        match self {
            Self::LastStep | Self::OwnLastStep => Some(Pooling::Last),
            Self::Mean => Some(Pooling::Mean),
            _ => None,
        }
    }

    /// `y = (x − mean) / deviation`
    pub(super) fn normalisation(mean: &[f64], deviation: &[f64]) -> Self {
        Self::Affine {
            scale: deviation.iter().map(|deviation| 1.0 / deviation).collect(),
            offset: (mean.iter().zip(deviation))
                .map(|(mean, deviation)| -mean / deviation)
                .collect(),
        }
    }
}
