//! All baselines of a training part, judged on other parts beside a network.

use serde::{Deserialize, Serialize};

use super::{ClassScore, Outputs, Score, score};
use crate::baseline::constant;
use crate::baseline::logistic::Logistic;
use crate::baseline::nearest_neighbour::NearestNeighbour;
use crate::baseline::ridge::Ridge;
use crate::data::Dataset;

/// The baselines, fitted to a training part.
#[derive(Clone, Debug, Default)]
pub struct Baselines {
    commonest: Option<usize>,
    nearest: Option<NearestNeighbour>,
    logistic: Option<Logistic>,
    ridge: Option<Ridge>,
}

/// A baseline on one part of a classification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineScore {
    /// Its name, for people.
    pub name: String,
    /// Share of right decisions; `None` if it was left out, because the part is too large for it.
    pub accuracy: Option<f64>,
    /// Mean recall over the classes that occur.
    pub balanced_accuracy: Option<f64>,
}

impl Baselines {
    /// Fits those that suit the task.
    pub fn fit(train: &Dataset) -> Self {
        Self {
            commonest: constant::commonest(train),
            nearest: NearestNeighbour::fit(train),
            logistic: Logistic::fit(train),
            ridge: Ridge::fit(train),
        }
    }

    /// Those that stand in the score of a regression; none of a classification.
    pub fn of_values(train: &Dataset) -> Self {
        Self {
            ridge: Ridge::fit(train),
            ..Self::default()
        }
    }

    /// Those of a classification, judged on `part`; none of a regression.
    pub fn of_classes(&self, part: &Dataset) -> Vec<BaselineScore> {
        let Some(commonest) = self.commonest else {
            return Vec::new();
        };
        let judge = |name: &str, outputs: Option<Outputs>| {
            let score = outputs.map(|outputs| ClassScore::of(part, &outputs));
            BaselineScore {
                name: name.to_owned(),
                accuracy: score.as_ref().map(|score| score.accuracy),
                balanced_accuracy: score.as_ref().map(|score| score.balanced_accuracy),
            }
        };
        let mut scores = vec![judge(
            "constant guess",
            Some(constant::outputs(commonest, part)),
        )];
        if let Some(nearest) = &self.nearest {
            scores.push(judge("nearest neighbour (DTW)", nearest.outputs(part)));
        }
        if let Some(logistic) = &self.logistic {
            scores.push(judge("logistic regression", Some(logistic.outputs(part))));
        }
        scores
    }

    /// What ridge regression says of `part`, of a regression.
    pub fn linear(&self, part: &Dataset) -> Option<Outputs> {
        Some(self.ridge.as_ref()?.outputs(part))
    }

    /// The score of `outputs`, that of a regression with ridge beside it.
    pub fn score(&self, part: &Dataset, outputs: &Outputs) -> Score {
        self.beside(part, score(part, outputs))
    }

    /// The same score of `part`, that of a regression with ridge beside it.
    pub fn beside(&self, part: &Dataset, score: Score) -> Score {
        let [score] = self.beside_all(part, [score]);
        score
    }

    /// [`Baselines::beside`] for several scores of the same part.
    pub(super) fn beside_all<const N: usize>(
        &self,
        part: &Dataset,
        mut scores: [Score; N],
    ) -> [Score; N] {
        let is_values = |score: &Score| matches!(score, Score::Values(_));
        if let Some(ridge) = self.ridge.as_ref().filter(|_| scores.iter().any(is_values)) {
            let outputs = ridge.outputs(part);
            for score in &mut scores {
                if let Score::Values(values) = score {
                    values.set_ridge(part, &outputs);
                }
            }
        }
        scores
    }
}

impl BaselineScore {
    /// In words.
    pub fn describe(&self) -> String {
        let accuracy = self.accuracy.zip(self.balanced_accuracy);
        accuracy.map_or(
            format!(
                "{}: left out, it would take too long on this part",
                self.name
            ),
            |(accuracy, balanced)| {
                let [accuracy, balanced] = [accuracy, balanced].map(|share| 100.0 * share);
                format!("{} {accuracy:.2} %, balanced {balanced:.2} %", self.name)
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::data::Targets;

    /// Sequences of one class or value each: its level.
    fn levels(targets: fn(Vec<usize>) -> Targets, outputs: &[&str]) -> Dataset {
        let levels: Vec<usize> = (0..30).map(|s| usize::from(s % 3 == 0)).collect();
        Dataset {
            channels: vec!["x".into()],
            sequences: (levels.iter().enumerate())
                .map(|(s, level)| {
                    Array2::from_shape_fn((6, 1), |(t, _)| {
                        *level as f32 + 0.1 * ((7 * s + 3 * t) as f32).sin()
                    })
                })
                .collect(),
            targets: targets(levels),
            outputs: outputs.iter().map(|name| (*name).to_owned()).collect(),
            ..Dataset::default()
        }
    }

    #[test]
    fn a_classification_has_three_and_two_of_them_see_the_level() {
        let data = levels(Targets::Class, &["low", "high"]);
        let scores = Baselines::fit(&data).of_classes(&data);
        let accuracies: Vec<Option<f64>> = scores.iter().map(|score| score.accuracy).collect();
        assert_eq!(accuracies, [Some(2.0 / 3.0), Some(1.0), Some(1.0)]);
        assert_eq!(
            scores[0].describe(),
            "constant guess 66.67 %, balanced 50.00 %"
        );
    }

    #[test]
    fn a_regression_has_ridge_and_no_decisions() {
        let data = levels(
            |l| Targets::Value(l.into_iter().map(|v| vec![v as f32]).collect()),
            &["y"],
        );
        let baselines = Baselines::fit(&data);
        assert_eq!(baselines.of_classes(&data), []);
        let guess = vec![Array2::zeros((1, 1)); data.len()];
        let Score::Values(score) = baselines.score(&data, &guess) else {
            unreachable!()
        };
        assert!(
            score.beside.ridge.unwrap().r2.unwrap() > 0.9,
            "{:?}",
            score.beside
        );
    }
}
