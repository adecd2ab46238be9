//! A labelled set of sequences, wherever it came from.

use ndarray::Array2;

/// A set of sequences that share channels, with one target (or one per step) each.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Name of each input channel, `[I]`.
    pub channels: Vec<String>,
    /// One `[T, I]` array a sequence; `T ≥ 1` varies from sequence to sequence.
    pub sequences: Vec<Array2<f32>>,
    /// What the network is to say about each sequence.
    pub targets: Targets,
    /// Name of each class, or of each output of a regression, `[O]`.
    pub outputs: Vec<String>,
    /// The group (person, machine) that each sequence came from, if known; splits keep groups whole.
    pub groups: Option<Vec<String>>,
}

/// The targets of a [`Dataset`], in the order of its sequences.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Sequence to one class: an index into `outputs`.
    Class(Vec<usize>),
    /// Sequence to sequence: a class for each step, each `[T]`.
    ClassPerStep(Vec<Vec<usize>>),
    /// Sequence to one vector of values, each `[O]`.
    Value(Vec<Vec<f32>>),
    /// Sequence to sequence: values for each step, each `[T, O]`.
    ValuePerStep(Vec<Array2<f32>>),
}
