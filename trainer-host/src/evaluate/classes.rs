//! Scores of a classification.
//!
//! ```text
//! precision_k = C_kk / Σ_j C_jk     recall_k = C_kk / Σ_j C_kj                     (C1)
//! F1_k = 2 C_kk / (Σ_j C_jk + Σ_j C_kj)                                            (C2)
//! ```
//!
//! C is the confusion matrix; its rows are the truth, its columns the decision. A figure with a zero denominator does
//! not exist, and no mean includes it. Macro F1 and balanced accuracy are means over the classes that occur.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Outputs, Roc, decide};
use crate::data::{Dataset, Targets};

/// Counts of a classification.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassScore {
    /// Number of judged decisions: sequences or, in sequence to sequence, valid steps.
    pub decisions: usize,
    /// Those that were right.
    pub correct: usize,
    /// `correct / decisions`.
    pub accuracy: f64,
    /// Mean recall over the classes that occur, robust against class imbalance.
    pub balanced_accuracy: f64,
    /// Mean F1 (C2) over the classes that occur.
    pub macro_f1: f64,
    /// Figures of each class.
    pub classes: Vec<ClassFigures>,
    /// `confusion[truth][decision]`.
    pub confusion: Vec<Vec<usize>>,
    /// The ROC curve, for two classes that both occur.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roc: Option<Roc>,
    /// Accuracy for each group (person, machine), sorted by name, if groups are known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupScore>,
}

/// Figures of one class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassFigures {
    /// Its name.
    pub name: String,
    /// Share of the decisions for this class that were right; `None` if there were none.
    pub precision: Option<f64>,
    /// Share of this class's occurrences that were found; `None` if it does not occur.
    pub recall: Option<f64>,
    /// (C2); `None` if the class neither occurs nor was decided for.
    pub f1: Option<f64>,
    /// How often it occurs.
    pub support: usize,
}

/// Accuracy for one group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupScore {
    /// Its name.
    pub name: String,
    /// Decisions that were judged.
    pub decisions: usize,
    /// Those that were right.
    pub correct: usize,
    /// `correct / decisions`.
    pub accuracy: f64,
}

/// One judged row of outputs.
struct Judged {
    sequence: usize,
    truth: usize,
    decision: usize,
    /// The score of the second of two classes.
    second: f32,
}

impl ClassScore {
    /// Judges the outputs for a data set of classes.
    ///
    /// # Panics
    /// When the targets are values.
    pub(super) fn of(data: &Dataset, outputs: &Outputs) -> Self {
        let classes = data.outputs.len().max(2);
        let judged = judged(data, outputs);
        let mut confusion = vec![vec![0usize; classes]; classes];
        for row in &judged {
            confusion[row.truth][row.decision] += 1;
        }
        let correct = (0..classes).map(|c| confusion[c][c]).sum();
        let figures: Vec<ClassFigures> = (data.outputs.iter().enumerate())
            .map(|(class, name)| ClassFigures::of(name, class, &confusion))
            .collect();
        let mean = |figure: fn(&ClassFigures) -> Option<f64>| {
            let occurring = figures.iter().filter(|class| class.support > 0);
            let figures: Vec<f64> = occurring.filter_map(figure).collect();
            figures.iter().sum::<f64>() / figures.len().max(1) as f64
        };
        let roc = match data.outputs.as_slice() {
            [_, positive] => Roc::of(
                positive,
                judged
                    .iter()
                    .map(|row| (row.second, row.truth == 1))
                    .collect(),
            ),
            _ => None,
        };
        Self {
            decisions: judged.len(),
            correct,
            accuracy: share(correct, judged.len()).unwrap_or(0.0),
            balanced_accuracy: mean(|class| class.recall),
            macro_f1: mean(|class| class.f1),
            roc,
            groups: by_group(data, &judged),
            classes: figures,
            confusion,
        }
    }

    pub(super) fn describe(&self) -> String {
        let auc =
            (self.roc.as_ref()).map_or(String::new(), |roc| format!(", ROC AUC {:.4}", roc.auc));
        format!(
            "accuracy {:.2} % ({} of {}), balanced {:.2} %, macro F1 {:.4}{auc}",
            100.0 * self.accuracy,
            self.correct,
            self.decisions,
            100.0 * self.balanced_accuracy,
            self.macro_f1,
        )
    }
}

impl ClassFigures {
    fn of(name: &str, class: usize, confusion: &[Vec<usize>]) -> Self {
        let found = confusion[class][class];
        let support: usize = confusion[class].iter().sum();
        let decided: usize = confusion.iter().map(|row| row[class]).sum();
        Self {
            name: name.to_owned(),
            precision: share(found, decided),
            recall: share(found, support),
            f1: share(2 * found, decided + support),
            support,
        }
    }
}

fn share(count: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| count as f64 / of as f64)
}

fn judged(data: &Dataset, outputs: &Outputs) -> Vec<Judged> {
    let mut judged = Vec::new();
    for (sequence, outputs) in outputs.iter().enumerate() {
        let truths = match &data.targets {
            Targets::Class(classes) => std::slice::from_ref(&classes[sequence]),
            Targets::ClassPerStep(classes) => classes[sequence].as_slice(),
            Targets::Value(_) | Targets::ValuePerStep(_) => panic!("values are no classes"),
        };
        for (truth, row) in truths.iter().zip(outputs.rows()) {
            judged.push(Judged {
                sequence,
                truth: *truth,
                decision: decide(row),
                second: match row.len() {
                    1 => row[0],
                    _ => row[1] - row[0],
                },
            });
        }
    }
    judged
}

fn by_group(data: &Dataset, judged: &[Judged]) -> Vec<GroupScore> {
    let Some(groups) = &data.groups else {
        return Vec::new();
    };
    let mut counts = BTreeMap::<&str, (usize, usize)>::new();
    for row in judged {
        let (decisions, correct) = counts.entry(&groups[row.sequence]).or_default();
        *decisions += 1;
        *correct += usize::from(row.truth == row.decision);
    }
    let mut groups: Vec<GroupScore> = (counts.into_iter())
        .map(|(name, (decisions, correct))| GroupScore {
            name: name.to_owned(),
            decisions,
            correct,
            accuracy: correct as f64 / decisions as f64,
        })
        .collect();
    // Numbered persons in the order of their numbers; the sort is stable for all else.
    groups.sort_by_key(|group| group.name.parse::<u64>().unwrap_or(u64::MAX));
    groups
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::super::test_data;
    use super::*;

    /// Outputs that make these decisions.
    fn deciding(decisions: &[usize], classes: usize) -> Outputs {
        (decisions.iter())
            .map(|d| ndarray::Array2::from_shape_fn((1, classes), |(_, c)| f32::from(c == *d)))
            .collect()
    }

    #[test]
    fn six_decisions_by_hand() {
        // Truth 0 0 0 1 1 2, decided 0 0 1 1 0 0; class 3 neither occurs nor is decided for.
        let mut data = test_data(
            Targets::Class(vec![0, 0, 0, 1, 1, 2]),
            &["a", "b", "c", "d"],
        );
        data.groups = Some(["10", "2", "2", "2", "10", "10"].map(String::from).to_vec());
        let score = ClassScore::of(&data, &deciding(&[0, 0, 1, 1, 0, 0], 4));
        assert_eq!(score.confusion[0], [2, 1, 0, 0]);
        assert_eq!(
            (score.correct, score.decisions, score.accuracy),
            (3, 6, 0.5)
        );
        let figures = |f: fn(&ClassFigures) -> Option<f64>| -> Vec<Option<f64>> {
            score.classes.iter().map(f).collect()
        };
        assert_eq!(figures(|c| c.precision), [Some(0.5), Some(0.5), None, None]);
        assert_eq!(
            figures(|c| c.recall),
            [Some(2.0 / 3.0), Some(0.5), Some(0.0), None]
        );
        assert_eq!(
            figures(|c| c.f1),
            [Some(4.0 / 7.0), Some(0.5), Some(0.0), None]
        );
        let third = (2.0 / 3.0 + 0.5 + 0.0) / 3.0;
        assert!((score.balanced_accuracy - third).abs() < 1e-12);
        assert!((score.macro_f1 - (4.0 / 7.0 + 0.5) / 3.0).abs() < 1e-12);
        assert_eq!(score.roc, None);
        let groups: Vec<_> = score
            .groups
            .iter()
            .map(|g| (g.name.as_str(), g.correct))
            .collect();
        assert_eq!(groups, [("2", 2), ("10", 1)]);
    }

    #[test]
    fn one_output_and_two_say_the_same() {
        let data = test_data(Targets::Class(vec![0, 1, 1, 0]), &["no", "yes"]);
        let one = vec![array![[-1.0]], array![[2.0]], array![[0.5]], array![[0.75]]];
        let two = one.iter().map(|y| array![[1.0, 1.0 + y[[0, 0]]]]).collect();
        let (one, two) = (ClassScore::of(&data, &one), ClassScore::of(&data, &two));
        assert_eq!(one, two);
        // 2 > −1, 2 > 0.75, 0.5 > −1, but not 0.5 > 0.75.
        assert_eq!(one.roc.unwrap().auc, 0.75);
    }

    proptest! {
        #[test]
        fn figures_agree_with_the_counts(
            pairs in prop::collection::vec((0usize..3, 0usize..3), 1..50),
        ) {
            let (truth, decided): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
            let data = test_data(Targets::Class(truth), &["a", "b", "c"]);
            let score = ClassScore::of(&data, &deciding(&decided, 3));
            prop_assert_eq!(score.classes.iter().map(|c| c.support).sum::<usize>(), pairs.len());
            for (class, figures) in score.classes.iter().enumerate() {
                let count = |p: &dyn Fn(&(usize, usize)) -> bool| pairs.iter().filter(|x| p(x)).count();
                let found = count(&|p| *p == (class, class));
                prop_assert_eq!(figures.precision, share(found, count(&|p| p.1 == class)));
                prop_assert_eq!(figures.recall, share(found, count(&|p| p.0 == class)));
                if let (Some(p), Some(r), Some(f1)) = (figures.precision, figures.recall, figures.f1)
                    && p + r > 0.0
                {
                    prop_assert!((f1 - 2.0 * p * r / (p + r)).abs() < 1e-12);
                }
            }
        }
    }
}
