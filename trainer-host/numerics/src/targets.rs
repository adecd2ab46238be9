//! What a network learns to say about each sequence.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// The targets of a set of sequences, in their order.
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

impl Default for Targets {
    fn default() -> Self {
        Self::Class(Vec::new())
    }
}

/// The kind of [`Targets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// [`Targets::Class`].
    Class,
    /// [`Targets::ClassPerStep`].
    ClassPerStep,
    /// [`Targets::Value`].
    Value,
    /// [`Targets::ValuePerStep`].
    ValuePerStep,
}

impl Task {
    /// Whether there is a target for each step.
    pub fn is_per_step(self) -> bool {
        matches!(self, Self::ClassPerStep | Self::ValuePerStep)
    }

    /// Whether targets are classes.
    pub fn is_class(self) -> bool {
        matches!(self, Self::Class | Self::ClassPerStep)
    }

    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Class => "one class a sequence",
            Self::ClassPerStep => "a class for each step",
            Self::Value => "values for each sequence",
            Self::ValuePerStep => "values for each step",
        }
    }
}

impl Targets {
    /// The kind of these targets.
    pub fn task(&self) -> Task {
        match self {
            Self::Class(_) => Task::Class,
            Self::ClassPerStep(_) => Task::ClassPerStep,
            Self::Value(_) => Task::Value,
            Self::ValuePerStep(_) => Task::ValuePerStep,
        }
    }
}
