//! Outputs of a model over a data set, in f32 and in integers, and the scores that follow.

use ndarray::{Array2, ArrayView1};
use serde::Serialize;

use crate::data::{Dataset, Targets};

/// Outputs before the head for each sequence: `[1, O]` for sequence to one, `[T, O]` otherwise.
pub type Outputs = Vec<Array2<f32>>;

/// How well outputs meet their targets.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Score {
    /// Of a classification.
    Classes(ClassScore),
    /// Of a regression.
    Values(ValueScore),
}

/// Counts of a classification.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassScore {
    /// Decisions that were judged: sequences, or valid steps for sequence to sequence.
    pub decisions: usize,
    /// Those that were right.
    pub correct: usize,
    /// `correct / decisions`.
    pub accuracy: f64,
    /// Mean over the classes that occur of the share found, robust against class imbalance.
    pub balanced_accuracy: f64,
    /// `confusion[truth][decision]`.
    pub confusion: Vec<Vec<usize>>,
}

/// Errors of a regression, in the target's own units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueScore {
    /// Values that were judged.
    pub values: usize,
    /// Mean squared error.
    pub mse: f64,
    /// Mean absolute error.
    pub mae: f64,
}

impl Score {
    /// Accuracy of a classification, negated mean squared error of a regression: larger is better.
    pub fn headline(&self) -> f64 {
        match self {
            Self::Classes(score) => score.accuracy,
            Self::Values(score) => -score.mse,
        }
    }

    /// The headline with its name, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Classes(score) => format!(
                "accuracy {:.2} % ({} of {})",
                100.0 * score.accuracy,
                score.correct,
                score.decisions
            ),
            Self::Values(score) => {
                format!(
                    "mean squared error {:.6}, mean absolute error {:.6}",
                    score.mse, score.mae
                )
            }
        }
    }
}

/// The class that one row of outputs decides on: the first largest of several, or the sign of one.
pub fn decide(outputs: ArrayView1<'_, f32>) -> usize {
    if outputs.len() == 1 {
        return usize::from(outputs[0] > 0.0);
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
        Targets::Class(classes) => {
            let pairs = classes
                .iter()
                .zip(outputs)
                .map(|(class, out)| (*class, decide(out.row(0))));
            class_score(data.outputs.len(), pairs)
        }
        Targets::ClassPerStep(classes) => {
            let pairs = classes.iter().zip(outputs).flat_map(|(steps, out)| {
                steps
                    .iter()
                    .zip(out.rows())
                    .map(|(class, row)| (*class, decide(row)))
            });
            class_score(data.outputs.len(), pairs)
        }
        Targets::Value(values) => {
            let pairs = values
                .iter()
                .zip(outputs)
                .flat_map(|(target, out)| target.iter().copied().zip(out.row(0).to_vec()));
            value_score(pairs)
        }
        Targets::ValuePerStep(values) => {
            let pairs = values
                .iter()
                .zip(outputs)
                .flat_map(|(target, out)| target.iter().copied().zip(out.iter().copied()));
            value_score(pairs)
        }
    }
}

fn class_score(classes: usize, pairs: impl Iterator<Item = (usize, usize)>) -> Score {
    let classes = classes.max(2);
    let mut confusion = vec![vec![0usize; classes]; classes];
    for (truth, decision) in pairs {
        confusion[truth][decision] += 1;
    }
    let decisions: usize = confusion.iter().flatten().sum();
    let correct = (0..classes).map(|c| confusion[c][c]).sum();
    let recalls: Vec<f64> = (confusion.iter().enumerate())
        .filter_map(|(c, row)| match row.iter().sum::<usize>() {
            0 => None,
            total => Some(row[c] as f64 / total as f64),
        })
        .collect();
    Score::Classes(ClassScore {
        decisions,
        correct,
        accuracy: correct as f64 / decisions.max(1) as f64,
        balanced_accuracy: recalls.iter().sum::<f64>() / recalls.len().max(1) as f64,
        confusion,
    })
}

fn value_score(pairs: impl Iterator<Item = (f32, f32)>) -> Score {
    let (mut values, mut squares, mut absolutes) = (0usize, 0.0f64, 0.0f64);
    for (target, output) in pairs {
        let error = f64::from(output) - f64::from(target);
        values += 1;
        squares += error * error;
        absolutes += error.abs();
    }
    let count = values.max(1) as f64;
    Score::Values(ValueScore {
        values,
        mse: squares / count,
        mae: absolutes / count,
    })
}

/// Share of decisions on which two sets of outputs agree (class decisions; for a regression, the
/// share of outputs within 1 % of the first set's deviation).
pub fn agreement(data: &Dataset, a: &Outputs, b: &Outputs) -> f64 {
    let mut same = 0usize;
    let mut count = 0usize;
    match data.targets {
        Targets::Class(_) | Targets::ClassPerStep(_) => {
            for (a, b) in a.iter().zip(b) {
                for (a, b) in a.rows().into_iter().zip(b.rows()) {
                    count += 1;
                    same += usize::from(decide(a) == decide(b));
                }
            }
        }
        Targets::Value(_) | Targets::ValuePerStep(_) => {
            let all: Vec<f64> = a.iter().flatten().map(|v| f64::from(*v)).collect();
            let mean = all.iter().sum::<f64>() / all.len().max(1) as f64;
            let variance =
                all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len().max(1) as f64;
            let tolerance = 0.01 * variance.sqrt();
            for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
                count += 1;
                same += usize::from(f64::from((a - b).abs()) <= tolerance);
            }
        }
    }
    same as f64 / count.max(1) as f64
}

/// Two sets of outputs over the same data: the f32 network's and the integers'.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Score of the f32 network.
    pub float: Score,
    /// Score of the integers.
    pub integer: Score,
    /// See [`agreement`].
    pub agreement: f64,
    /// Largest distance of an output.
    pub largest_difference: f64,
}

/// Scores both sets of outputs and compares them.
pub fn compare(data: &Dataset, float: &Outputs, integer: &Outputs) -> Comparison {
    let distances = float.iter().flatten().zip(integer.iter().flatten());
    Comparison {
        float: score(data, float),
        integer: score(data, integer),
        agreement: agreement(data, float, integer),
        largest_difference: distances
            .map(|(a, b)| f64::from((a - b).abs()))
            .fold(0.0, f64::max),
    }
}

impl Comparison {
    /// In words, for the part of this name.
    pub fn to_text(&self, part: &str) -> String {
        format!(
            "{part}\n  f32         {}\n  integers    {}\n  agreement   {:.2} % of decisions, outputs at most {:.4} apart\n",
            self.float.describe(),
            self.integer.describe(),
            100.0 * self.agreement,
            self.largest_difference,
        )
    }
}
