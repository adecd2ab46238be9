//! Rare classes that are not found, and pairs of classes that are confused.

use super::finding::{Figure, Finding, Kind, Lever, Severity};
use super::fit::Fit;
use crate::evaluate::{ClassFigures, ClassScore};
use crate::train::TrainConfig;

/// A class is rare below this share of its equal share, 1 / number of classes.
const RARE: f64 = 0.5;
/// If a rare class's recall is this far below the accuracy, frequent classes take its decisions.
const RECALL_GAP: f64 = 0.2;
/// With fewer occurrences, a class's recall means nothing, unless nothing is ever taken for the class.
const FEW: usize = 5;
/// Share of all errors. Above it, work on this one pair pays most.
const SHARE_OF_ERRORS: f64 = 0.4;
/// Fewer errors between two classes can be chance.
const FEW_ERRORS: usize = 5;
/// Share of both classes' occurrences. A rarer mistake hardly matters.
const SHARE_OF_PAIR: f64 = 0.05;

/// A rare class that is not found.
struct Neglected<'a> {
    class: &'a ClassFigures,
    part: &'static str,
    /// Occurrences in the training part, 1 for as many as the mean class has.
    relative: f64,
    /// Accuracy of the part less the recall.
    missing: f64,
}

/// Rare classes and confused pairs; `counts` of each class in the training part.
///
/// A class that hardly occurs in the validation part is judged on the training part.
pub(super) fn findings(fit: &Fit, counts: &[usize], config: &TrainConfig) -> Vec<Finding> {
    let (part, judged) = fit.judged();
    let Some((score, train)) = judged.classes().zip(fit.train.classes()) else {
        return Vec::new();
    };
    imbalance([(part, score), ("training", train)], counts, config)
        .into_iter()
        .chain(confused(part, score, config))
        .collect()
}

/// Rare classes whose recall is far below the accuracy.
fn neglected<'a>(
    parts: [(&'static str, &'a ClassScore); 2],
    counts: &[usize],
) -> Vec<Neglected<'a>> {
    let all: usize = counts.iter().sum();
    let equal = all as f64 / counts.len().max(1) as f64;
    (counts.iter().enumerate())
        .filter_map(|(c, count)| {
            let enough = |score: &ClassScore| score.classes[c].support >= FEW;
            let judged = parts.into_iter().find(|(_, score)| enough(score));
            // However few there are: no part has a decision for the class.
            let never = parts
                .iter()
                .all(|(_, score)| score.classes[c].precision.is_none());
            let (part, score) = judged.or(parts.last().copied().filter(|_| never))?;
            let class = &score.classes[c];
            let relative = *count as f64 / equal;
            let missing = score.accuracy - class.recall?;
            (relative <= RARE && missing >= RECALL_GAP).then_some(Neglected {
                class,
                part,
                relative,
                missing,
            })
        })
        .collect()
}

impl Neglected<'_> {
    fn evidence(&self) -> [Figure; 3] {
        let (name, part) = (&self.class.name, self.part);
        [
            Figure::at_most(
                format!(
                    "class {name}: occurrences in the training part, relative to equal classes"
                ),
                self.relative,
                RARE,
            ),
            Figure::at_least(
                format!("class {name}: accuracy less recall on the {part} part"),
                self.missing,
                RECALL_GAP,
            ),
            Figure::of(
                format!("class {name}: occurrences in the {part} part"),
                self.class.support as f64,
            ),
        ]
    }
}

fn imbalance(
    parts: [(&'static str, &ClassScore); 2],
    counts: &[usize],
    config: &TrainConfig,
) -> Option<Finding> {
    let neglected = neglected(parts, counts);
    if neglected.is_empty() {
        return None;
    }
    let (_, score) = parts[0];
    let names: Vec<&str> = neglected.iter().map(|n| n.class.name.as_str()).collect();
    let mut evidence: Vec<Figure> = neglected.iter().flat_map(Neglected::evidence).collect();
    evidence.push(Figure::of("accuracy", score.accuracy));
    evidence.push(Figure::of("balanced accuracy", score.balanced_accuracy));
    let unseen = neglected.iter().any(|n| n.class.recall == Some(0.0));
    let found = Finding::when(
        Kind::ClassImbalance,
        if unseen {
            Severity::Severe
        } else {
            Severity::Warning
        },
        format!(
            "Rare classes are found much less often than the others: {}.",
            names.join(", ")
        ),
        evidence,
    )?;
    let weights = (config.loss.class_weights.is_none()).then(|| {
        Lever::train(
            "--class-weights balanced",
            "rare classes get the same total weight as frequent ones",
        )
    });
    Some(found.advise(weights).advise([Lever::look(
        "record more of these classes, and judge by balanced accuracy or macro F1",
    )]))
}

fn confused(part: &str, score: &ClassScore, config: &TrainConfig) -> Option<Finding> {
    let classes = score.classes.len();
    let errors = score.decisions - score.correct;
    // With only two classes, every error is between them.
    if classes < 3 {
        return None;
    }
    let pairs = (0..classes).flat_map(|a| (0..a).map(move |b| (b, a)));
    let between = |&(a, b): &(usize, usize)| score.confusion[a][b] + score.confusion[b][a];
    let (a, b) = pairs.max_by(|x, y| between(x).cmp(&between(y)).then(y.cmp(x)))?;
    let count = between(&(a, b));
    let both = score.classes[a].support + score.classes[b].support;
    let (first, second) = (&score.classes[a].name, &score.classes[b].name);
    let found = Finding::when(
        Kind::ConfusedClasses,
        Severity::Note,
        format!("Most errors are between classes {first} and {second}."),
        vec![
            Figure::at_least(
                format!("share of the {part} part's errors that are between the two"),
                count as f64 / errors.max(1) as f64,
                SHARE_OF_ERRORS,
            ),
            Figure::at_least("errors between the two", count as f64, FEW_ERRORS as f64),
            Figure::at_least(
                "as a share of both classes' occurrences",
                count as f64 / both.max(1) as f64,
                SHARE_OF_PAIR,
            ),
            Figure::of(
                format!("{first} taken for {second}"),
                score.confusion[a][b] as f64,
            ),
            Figure::of(
                format!("{second} taken for {first}"),
                score.confusion[b][a] as f64,
            ),
        ],
    )?;
    let mut weights = vec!["1"; classes];
    weights[a] = "2";
    weights[b] = "2";
    let weigh = (config.loss.class_weights.is_none()).then(|| {
        Lever::train(
            &format!("--class-weights {}", weights.join(",")),
            "errors on these two count twice, if they matter most",
        )
    });
    Some(
        found
            .advise([Lever::look(format!("compare recordings of {first} and {second}: perhaps another channel or a longer window separates them, or labels are wrong"))])
            .advise(weigh),
    )
}

#[cfg(test)]
pub(in crate::diagnose) mod tests {
    use ndarray::Array2;

    use super::super::data::tests::fit;
    use super::super::fit::PartFit;
    use super::*;
    use crate::data::{Dataset, Targets};
    use crate::evaluate::{Outputs, score};

    /// A part with these decisions, `confusion[truth][decision]`, and the counts of each class.
    pub(in crate::diagnose) fn part(confusion: &[&[usize]]) -> (PartFit, Vec<usize>) {
        let classes = confusion.len();
        let (mut truths, mut outputs) = (Vec::new(), Outputs::new());
        for (truth, row) in confusion.iter().enumerate() {
            for (decision, count) in row.iter().enumerate() {
                for _ in 0..*count {
                    truths.push(truth);
                    outputs.push(Array2::from_shape_fn((1, classes), |(_, c)| {
                        f32::from(u8::from(c == decision))
                    }));
                }
            }
        }
        let data = Dataset {
            channels: vec!["x".into()],
            sequences: vec![Array2::zeros((1, 1)); truths.len()],
            targets: Targets::Class(truths),
            outputs: (0..classes).map(|c| format!("class {c}")).collect(),
            ..Dataset::default()
        };
        let counts = data.class_counts().unwrap();
        let score = score(&data, &outputs);
        let crate::evaluate::Score::Classes(figures) = &score else {
            unreachable!()
        };
        let guess = *counts.iter().max().unwrap() as f64 / data.len() as f64;
        let fit = PartFit {
            loss: 1.0 - figures.accuracy,
            accuracy: Some(figures.accuracy),
            guess_loss: (classes as f64).ln(),
            guess_accuracy: Some(guess),
            sequences: data.len(),
            groups: None,
            baselines: Vec::new(),
            score,
        };
        (fit, counts)
    }

    fn found(confusion: &[&[usize]]) -> Vec<Finding> {
        let (judged, counts) = part(confusion);
        let fit = fit(judged.clone(), Some(judged));
        findings(&fit, &counts, &TrainConfig::default())
    }

    /// What is found in scores that have one illness.
    pub(in crate::diagnose) fn ill() -> Vec<(Kind, Vec<Finding>)> {
        vec![
            (
                Kind::ClassImbalance,
                found(&[&[95, 0, 0], &[0, 90, 0], &[2, 2, 6]]),
            ),
            (
                Kind::ConfusedClasses,
                found(&[&[50, 0, 1], &[0, 40, 10], &[1, 8, 41]]),
            ),
        ]
    }

    #[test]
    fn each_illness_is_found_alone() {
        for (kind, found) in ill() {
            assert_eq!(found.iter().map(|f| f.kind).collect::<Vec<_>>(), [kind]);
        }
        let (_, confused) = &ill()[1];
        assert!(confused[0].summary.contains("classes class 1 and class 2"));
        assert_eq!(confused[0].evidence[1].value, 18.0);
    }

    #[test]
    fn a_class_that_is_never_found_is_severe() {
        let found = found(&[&[95, 0, 0], &[0, 90, 0], &[5, 5, 0]]);
        assert_eq!(
            (found[0].kind, found[0].severity),
            (Kind::ClassImbalance, Severity::Severe)
        );
    }

    #[test]
    fn a_class_with_few_validation_sequences_is_judged_by_the_training_part() {
        let (train, counts) = part(&[&[95, 0, 0], &[0, 90, 0], &[5, 5, 4]]);
        let (validation, _) = part(&[&[20, 0, 0], &[0, 18, 0], &[1, 1, 0]]);
        let found = findings(
            &fit(train, Some(validation)),
            &counts,
            &TrainConfig::default(),
        );
        assert_eq!(
            found.iter().map(|f| f.kind).collect::<Vec<_>>(),
            [Kind::ClassImbalance]
        );
        assert!(found[0].evidence[1].name.ends_with("on the training part"));
    }

    #[test]
    fn a_class_of_three_that_is_never_decided_for_is_neglected() {
        let (train, counts) = part(&[&[100, 0], &[3, 0]]);
        let (validation, _) = part(&[&[17, 0], &[1, 0]]);
        let config = TrainConfig::default();
        let found = findings(&fit(train, Some(validation.clone())), &counts, &config);
        assert_eq!(
            (found[0].kind, found[0].severity),
            (Kind::ClassImbalance, Severity::Severe)
        );
        // Found once of three times: too few to say anything.
        let (train, counts) = part(&[&[100, 0], &[2, 1]]);
        assert_eq!(
            findings(&fit(train, Some(validation)), &counts, &config),
            []
        );
    }

    #[test]
    fn balanced_scores_are_healthy() {
        assert_eq!(found(&[&[48, 1, 1], &[1, 48, 1], &[1, 1, 48]]), []);
        // Rare, and found as often as the others.
        assert_eq!(found(&[&[95, 3, 2], &[2, 90, 2], &[0, 1, 9]]), []);
        // Two classes are no pair among others.
        assert_eq!(found(&[&[40, 10], &[10, 40]]), []);
    }
}
