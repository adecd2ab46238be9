//! What a file holds, in the file's own conventions: a chain of layers from the input to the output.
//!
//! Every reader makes a [`Source`]. A new kind of layer is a variant of [`Layer`]: readers fill it, and
//! [`super::assemble`] puts it into a network.

use ndarray::Array2;

use super::conventions::RecurrentWeights;

/// An axis of an array of inputs or outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Sequences.
    Batch,
    /// Steps.
    Time,
    /// Channels, units or outputs.
    Channel,
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
    /// A recurrent layer over time, with an output for each step.
    Recurrent(RecurrentWeights),
    /// Keeps the last step alone.
    LastStep,
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
