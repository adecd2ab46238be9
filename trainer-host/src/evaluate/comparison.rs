//! Compares two sets of outputs over the same data: those of the f32 network and those of its integers.

use serde::Serialize;

use super::{Outputs, Score, decide, score};
use crate::data::{Dataset, Targets};

/// Share of decisions on which two sets of outputs agree. For a regression, the share of outputs that differ by at most
/// 1 % of the first set's deviation.
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
    /// Largest difference of an output.
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
