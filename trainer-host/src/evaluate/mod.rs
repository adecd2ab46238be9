//! Scores of a model's outputs over a data set, in f32 or in integers, and of the baselines beside it.

mod baselines;
mod classes;
mod comparison;
mod roc;
mod spread;
mod stream;
mod value_table;
mod values;

use ndarray::{Array2, ArrayView1};
use serde::Serialize;

pub use baselines::{BaselineScore, Baselines};
pub use classes::{ClassFigures, ClassScore, GroupScore};
pub use comparison::{Comparison, compare, variance};
pub use roc::{AtThreshold, Roc};
pub use spread::Spread;
pub use stream::{CellGrowth, StreamScore, Streams};
pub use value_table::ValueTable;
pub use values::{Beside, Errors, JudgedValue, OutputScore, ValueScore, judged, values_of};

use crate::data::{Dataset, Targets};

/// Outputs before the head for each sequence: `[1, O]` for sequence to one, `[T, O]` otherwise.
pub type Outputs = Vec<Array2<f32>>;

/// How well the outputs match the targets.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Score {
    /// Of a classification.
    Classes(ClassScore),
    /// Of a regression or forecast.
    Values(ValueScore),
}

impl Score {
    /// The main figures in one line, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Classes(score) => score.describe(),
            Self::Values(score) => score.describe(),
        }
    }
}

/// The class that one row of outputs decides for: the first largest of several outputs, or the sign of a single one.
pub fn decide<T: PartialOrd + Default>(outputs: ArrayView1<'_, T>) -> usize {
    if outputs.len() == 1 {
        return usize::from(outputs[0] > T::default());
    }
    let mut best = 0;
    for (class, value) in outputs.iter().enumerate() {
        if *value > outputs[best] {
            best = class;
        }
    }
    best
}

/// Judges `outputs` against the targets of `data`, sequence by sequence.
pub fn score(data: &Dataset, outputs: &Outputs) -> Score {
    match &data.targets {
        Targets::Class(_) | Targets::ClassPerStep(_) => {
            Score::Classes(ClassScore::of(data, outputs))
        }
        Targets::Value(_) | Targets::ValuePerStep(_) => {
            Score::Values(ValueScore::of(data, outputs))
        }
    }
}

/// One-step sequences of one channel with these targets.
#[cfg(test)]
fn test_data(targets: Targets, outputs: &[&str]) -> Dataset {
    let count = match &targets {
        Targets::Class(classes) => classes.len(),
        Targets::ClassPerStep(classes) => classes.len(),
        Targets::Value(values) => values.len(),
        Targets::ValuePerStep(values) => values.len(),
    };
    Dataset {
        channels: vec!["x".into()],
        sequences: vec![Array2::zeros((1, 1)); count],
        targets,
        outputs: outputs.iter().map(|name| (*name).to_owned()).collect(),
        ..Dataset::default()
    }
}
