//! Compares two sets of outputs over the same data: those of the f32 network and those of its integers.
//!
//! ```text
//! RMS difference = sqrt (mean over outputs of  mean (y − z)² / variance of the output's targets)      (EC1)
//! ```
//!
//! Decisions agree or do not. Values never agree to the last digit, so (EC1) says how far apart they are.

use serde::Serialize;

use super::{Baselines, Outputs, Score, decide, score};
use crate::data::{Dataset, Targets};

/// Two sets of outputs over the same data: the f32 network's and the integers'.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Score of the f32 network.
    pub float: Score,
    /// Score of the integers.
    pub integer: Score,
    /// Share of decisions on which both agree, for a classification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<f64>,
    /// (EC1), for a regression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rms_difference: Option<f64>,
    /// Growth of the mean squared error as a share of the f32 network's, for a regression whose f32 error is not 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_growth: Option<f64>,
    /// Largest difference of an output.
    pub largest_difference: f64,
}

/// Scores both sets of outputs and compares them.
pub fn compare(data: &Dataset, float: &Outputs, integer: &Outputs) -> Comparison {
    let distances = float.iter().flatten().zip(integer.iter().flatten());
    let is_class = data.targets.task().is_class();
    let scores = [score(data, float), score(data, integer)];
    let error_growth = growth(&scores);
    let [float_score, integer_score] = scores;
    Comparison {
        float: float_score,
        integer: integer_score,
        agreement: is_class.then(|| agreement(float, integer)),
        rms_difference: (!is_class).then(|| rms_difference(data, float, integer)),
        error_growth,
        largest_difference: distances
            .map(|(a, b)| f64::from((a - b).abs()))
            .fold(0.0, f64::max),
    }
}

/// Share of decisions on which two sets of outputs agree.
fn agreement(a: &Outputs, b: &Outputs) -> f64 {
    let (mut same, mut count) = (0usize, 0usize);
    for (a, b) in a.iter().zip(b) {
        for (a, b) in a.rows().into_iter().zip(b.rows()) {
            count += 1;
            same += usize::from(decide(a) == decide(b));
        }
    }
    same as f64 / count.max(1) as f64
}

/// (EC1). An output whose targets do not vary has no unit and is left out.
fn rms_difference(data: &Dataset, a: &Outputs, b: &Outputs) -> f64 {
    let squares: Vec<f64> = (0..data.outputs.len())
        .filter_map(|o| {
            let variance = variance(targets(data, o));
            let pairs = a.iter().zip(b).flat_map(|(a, b)| {
                let pairs = a.column(o).into_iter().zip(b.column(o));
                pairs.map(|(a, b)| (f64::from(*a), f64::from(*b)))
            });
            let (mut sum, mut count) = (0.0, 0usize);
            for (a, b) in pairs {
                sum += (a - b).powi(2);
                count += 1;
            }
            (variance > 0.0).then(|| sum / count.max(1) as f64 / variance)
        })
        .collect();
    (squares.iter().sum::<f64>() / squares.len().max(1) as f64).sqrt()
}

/// All targets of output `o`.
fn targets(data: &Dataset, o: usize) -> Vec<f64> {
    match &data.targets {
        Targets::Value(values) => values.iter().map(|v| f64::from(v[o])).collect(),
        Targets::ValuePerStep(values) => (values.iter())
            .flat_map(|v| v.column(o).into_iter().map(|v| f64::from(*v)))
            .collect(),
        Targets::Class(_) | Targets::ClassPerStep(_) => Vec::new(),
    }
}

/// The mean squared distance of `values` from their mean.
pub fn variance(values: Vec<f64>) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count
}

/// How much larger the second error is, as a share of the first. Standardised errors are taken where they are known, so that
/// each output counts by its own deviation.
fn growth(scores: &[Score; 2]) -> Option<f64> {
    let error = |score: &Score| match score {
        Score::Classes(_) => None,
        Score::Values(score) => Some(score.beside.standardised.unwrap_or(score.errors).mse),
    };
    let [float, integer] = [error(&scores[0])?, error(&scores[1])?];
    (float > 0.0).then(|| integer / float - 1.0)
}

impl Comparison {
    /// The same with the baselines beside both scores.
    #[must_use]
    pub fn beside(self, baselines: &Baselines, data: &Dataset) -> Self {
        let [float, integer] = baselines.beside_all(data, [self.float, self.integer]);
        Self {
            float,
            integer,
            ..self
        }
    }

    /// How near the integers are to f32, in words.
    pub fn nearness(&self) -> String {
        let mut text = match (self.agreement, self.rms_difference) {
            (Some(agreement), _) => format!("{:.2} % of decisions", 100.0 * agreement),
            (None, Some(rms)) => format!("RMS {rms:.5} deviations of the target"),
            (None, None) => "none".to_owned(),
        };
        if let Some(growth) = self.error_growth {
            // What rounds to nothing is no loss and no gain: it has no minus.
            let hundredths = (1e4 * growth).round() + 0.0;
            text += &format!(", squared error {:+.2} %", hundredths / 100.0);
        }
        text
    }

    /// In words, for the part of this name.
    pub fn to_text(&self, part: &str) -> String {
        let name = match self.agreement {
            Some(_) => "agreement ",
            None => "difference",
        };
        format!(
            "{part}\n  f32         {}\n  integers    {}\n  {name}  {}, outputs at most {:.4} apart\n",
            self.float.describe(),
            self.integer.describe(),
            self.nearness(),
            self.largest_difference,
        )
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::test_data;
    use super::*;

    #[test]
    fn decisions_agree_and_values_have_a_distance() {
        let data = test_data(Targets::Class(vec![0, 1]), &["a", "b"]);
        let outputs = |second: f32| vec![array![[1.0, 0.0]], array![[0.0, second]]];
        let found = compare(&data, &outputs(1.0), &outputs(-1.0));
        assert_eq!((found.agreement, found.rms_difference), (Some(0.5), None));
        assert!(
            found
                .to_text("test")
                .contains("agreement   50.00 % of decisions, outputs at most 2.0000")
        );

        // Targets 0 and 2 have a variance of 1, those of the second output 100.
        let data = test_data(
            Targets::Value(vec![vec![0.0, 0.0], vec![2.0, 20.0]]),
            &["a", "b"],
        );
        let outputs = |a: f32, b: f32| vec![array![[a, b]], array![[2.0 + a, 20.0 + b]]];
        let found = compare(&data, &outputs(1.0, 0.0), &outputs(1.5, 5.0));
        // Differences 0.5 and 5, each half a deviation. Errors 1 and 0 in f32, 2.25 and 25 in integers.
        assert_eq!((found.agreement, found.rms_difference), (None, Some(0.5)));
        assert_eq!(found.error_growth, Some(27.25 / 1.0 - 1.0));
        assert!(!found.to_text("test").contains("decisions"));
    }
}
