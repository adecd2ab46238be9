//! Parts that are missing, too small or unlike each other, and channels that are constant or have outliers
//! ([`outliers`]).

use super::finding::{Figure, Finding, Kind, Lever, Severity};
use super::fit::{Fit, PartFit, standard_error};
use super::outliers;
use crate::data::{Dataset, Normalisation};
use crate::train::TrainConfig;

/// Two standard errors hold 95 % of all draws, so a smaller difference between two runs means nothing. To choose among
/// settings, a difference of two per cent must be visible.
const TOO_COARSE: f64 = 0.02;
/// Above this, not even good and bad settings can be distinguished.
const FAR_TOO_COARSE: f64 = 0.05;
/// Fewer persons or machines say little about others, even with many sequences.
const FEW_GROUPS: usize = 5;
/// Folds that are proposed; each needs a sequence.
const FOLDS: usize = 5;
/// With fewer sequences, the error depends on which ones were drawn.
const FEW_SEQUENCES: usize = 50;
/// Two parts differ by more than chance if the difference is at least two of its standard errors.
const BEYOND_CHANCE: f64 = 2.0;
/// A smaller difference of accuracy does not matter in use.
const VISIBLE_GAP: f64 = 0.02;
/// Parts that are missing, small or unlike, and channels that are constant or have outliers.
pub(super) fn findings(
    train: &Dataset,
    normalisation: &Normalisation,
    fit: &Fit,
    config: &TrainConfig,
) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    // A forecast is not cross-validated, and one of several folds already is.
    let recordings = train.len() + fit.validation.as_ref().map_or(0, |part| part.sequences);
    let folds = train.origin.is_none() && config.validation_fold.is_none() && recordings >= FOLDS;
    found.extend(no_validation(fit, folds));
    found.extend(small_validation(fit, config, folds));
    found.extend(test_gap(fit));
    found.extend(constant(train));
    found.extend(outliers::finding(train, normalisation));
    found
}

fn no_validation(fit: &Fit, folds: bool) -> Option<Finding> {
    let sequences = fit.validation.as_ref().map_or(0, |part| part.sequences);
    let found = Finding::when(
        Kind::NoValidationPart,
        Severity::Note,
        "Nothing shows whether the network over-fits, and the run kept its last weights, good or bad.",
        vec![Figure::at_most(
            "validation sequences",
            sequences as f64,
            0.0,
        )],
    )?;
    let folds = folds.then(|| {
        Lever::train(
            &format!("--folds {FOLDS}"),
            "every recording judges a network that has not seen it",
        )
    });
    Some(
        found
            .advise([Lever::train(
                "--validation-share 0.15",
                "chooses weights by recordings that they were not trained on",
            )])
            .advise(folds),
    )
}

fn small_validation(fit: &Fit, config: &TrainConfig, folds: bool) -> Option<Finding> {
    let part = fit.validation.as_ref()?;
    let (coarseness, severity) = coarseness(part);
    let sequences = Figure::of("sequences", part.sequences as f64);
    let groups = part
        .groups
        .map(|groups| Figure::of("persons or machines in it", groups as f64));
    let few_groups = part.groups.filter(|groups| *groups < FEW_GROUPS);
    let summary = match few_groups {
        Some(groups) => format!(
            "The validation part holds {} sequences of {groups} persons or machines: what it says about others is even less certain than these figures.",
            part.sequences
        ),
        None => "Small differences between validation scores mean nothing.".to_owned(),
    };
    let evidence = [coarseness, sequences].into_iter().chain(groups).collect();
    let found = Finding::when(Kind::SmallValidationPart, severity, summary, evidence)?;
    Some(found.advise(more_decisions(config, folds)))
}

/// The smallest difference that the part shows, or its number of sequences; and how much that matters.
fn coarseness(part: &PartFit) -> (Figure, Severity) {
    let Some(accuracy) = part.accuracy else {
        let count = part.sequences as f64;
        let figure = Figure::at_most("validation sequences", count, FEW_SEQUENCES as f64);
        return (figure, Severity::Note);
    };
    let error = 2.0 * standard_error(accuracy, part.sequences);
    let figure = Figure::at_least(
        "two standard errors of the accuracy on the validation part, each sequence one draw",
        error,
        TOO_COARSE,
    );
    let severity = if error >= FAR_TOO_COARSE {
        Severity::Warning
    } else {
        Severity::Note
    };
    (figure, severity)
}

/// Ways to judge a network with more sequences or more runs.
fn more_decisions(config: &TrainConfig, folds: bool) -> Vec<Lever> {
    const LARGE_SHARE: f64 = 0.3;
    let mut levers = Vec::new();
    if folds {
        levers.push(Lever::train(
            &format!("--folds {FOLDS}"),
            "every recording judges once: five times as many decisions",
        ));
    }
    if folds && config.validation_share < LARGE_SHARE {
        levers.push(Lever::train(
            &format!("--validation-share {LARGE_SHARE}"),
            "more sequences for judging, fewer for training",
        ));
    }
    if let Some(fold) = config.validation_fold {
        let all = fold.count();
        levers.push(Lever::look(format!(
            "judge by all {all} folds, as in a trial of tune --folds {all}: each recording is in one of them"
        )));
    }
    levers.push(Lever::train(
        "--seeds 0,1,2",
        "the mean of several runs differs less by chance",
    ));
    levers
}

fn test_gap(fit: &Fit) -> Option<Finding> {
    let (validation, test) = (fit.validation.as_ref()?, fit.test.as_ref()?);
    let (a, b) = validation.accuracy.zip(test.accuracy)?;
    let error = |accuracy, part: &PartFit| standard_error(accuracy, part.sequences);
    let chance = error(a, validation).hypot(error(b, test));
    let found = Finding::when(
        Kind::ValidationTestGap,
        Severity::Note,
        "The scores on test and validation part differ by more than chance. A note only: never choose by a test part.",
        vec![
            Figure::at_least(
                "distance of the accuracies in standard errors of the difference",
                (a - b).abs() / chance,
                BEYOND_CHANCE,
            ),
            Figure::at_least("distance of the accuracies", (a - b).abs(), VISIBLE_GAP),
            Figure::of("accuracy on the validation part", a),
            Figure::of("accuracy on the test part", b),
        ],
    )?;
    Some(found.advise([Lever::look(
        "make the validation part like the test part: by persons or machines (--group), if the test part has other ones",
    )]))
}

/// The smallest and the largest value of each channel in the training part.
fn ranges(train: &Dataset) -> Vec<(f32, f32)> {
    let mut ranges = vec![(f32::INFINITY, f32::NEG_INFINITY); train.channels.len()];
    for row in train.sequences.iter().flat_map(|sequence| sequence.rows()) {
        for ((low, high), value) in ranges.iter_mut().zip(row) {
            *low = low.min(*value);
            *high = high.max(*value);
        }
    }
    ranges
}

fn constant(train: &Dataset) -> Option<Finding> {
    let names: Vec<&str> = (train.channels.iter().zip(ranges(train)))
        .filter(|(_, (low, high))| low == high)
        .map(|(name, _)| name.as_str())
        .collect();
    let found = Finding::when(
        Kind::ConstantChannel,
        Severity::Warning,
        format!(
            "Channels never vary in the training part: {}.",
            names.join(", ")
        ),
        vec![Figure::at_least(
            "channels that never vary",
            names.len() as f64,
            1.0,
        )],
    )?;
    Some(found.advise([Lever::look(
        "leave them out of the file: each costs flash and work, and a value that training never saw would move every gate",
    )]))
}

#[cfg(test)]
pub(in crate::diagnose) mod tests {
    use ndarray::Array2;

    use super::super::activity::tests::noise;
    use super::super::classes::tests::part;
    use super::super::fit::PartFit;
    use super::*;
    use crate::data::Targets;

    /// Recordings of two channels of noise.
    fn recordings() -> Dataset {
        Dataset {
            channels: vec!["quiet".into(), "loud".into()],
            sequences: (0..40)
                .map(|s| {
                    Array2::from_shape_fn((20, 2), |(t, j)| noise(20 * s + t, j) * [1.0, 50.0][j])
                })
                .collect(),
            targets: Targets::Class((0..40).map(|s| s % 2).collect()),
            outputs: vec!["a".into(), "b".into()],
            ..Dataset::default()
        }
    }

    /// A part of `count` sequences, of which `right` are decided rightly.
    fn judged(right: usize, count: usize) -> PartFit {
        part(&[&[right, count - right], &[0, 0]]).0
    }

    pub(in crate::diagnose) fn fit(train: PartFit, validation: Option<PartFit>) -> Fit {
        Fit {
            logged_guess: Some(train.guess_loss),
            logged_blank: Some(train.guess_loss),
            train,
            validation,
            test: None,
            commonest: Some("a".into()),
        }
    }

    fn healthy() -> Fit {
        fit(judged(990, 1000), Some(judged(980, 1000)))
    }

    fn found(data: &Dataset, fit: &Fit) -> Vec<Finding> {
        let normalisation = Normalisation::of_inputs(data);
        findings(data, &normalisation, fit, &TrainConfig::default())
    }

    /// What is found in data with one illness.
    pub(in crate::diagnose) fn ill() -> Vec<(Kind, Vec<Finding>)> {
        let data = recordings();
        let mut still = data.clone();
        still
            .sequences
            .iter_mut()
            .for_each(|s| s.column_mut(0).fill(0.1));
        let mut faulty = data.clone();
        faulty.sequences[7][[3, 1]] = 1e5;
        let gap = Fit {
            test: Some(judged(900, 1000)),
            ..healthy()
        };
        vec![
            (
                Kind::NoValidationPart,
                found(&data, &fit(judged(99, 100), None)),
            ),
            (
                Kind::SmallValidationPart,
                found(&data, &fit(judged(99, 100), Some(judged(29, 30)))),
            ),
            (Kind::ValidationTestGap, found(&data, &gap)),
            (Kind::ConstantChannel, found(&still, &healthy())),
            (Kind::Outliers, found(&faulty, &healthy())),
        ]
    }

    #[test]
    fn each_illness_is_found_alone() {
        for (kind, found) in ill() {
            assert_eq!(found.iter().map(|f| f.kind).collect::<Vec<_>>(), [kind]);
        }
        let [.., (_, constant), (_, outliers)] = &ill()[..] else {
            unreachable!()
        };
        assert!(constant[0].summary.contains("quiet") && !constant[0].summary.contains("loud"));
        assert!(outliers[0].summary.contains("loud") && outliers[0].advice[0].command.is_none());
    }

    #[test]
    fn a_small_fold_is_not_advised_to_be_a_share_or_folds() {
        let (data, few) = (recordings(), fit(judged(99, 100), Some(judged(29, 30))));
        let normalisation = Normalisation::of_inputs(&data);
        let mut config = TrainConfig::default();
        let advice = |config: &TrainConfig| {
            let found = findings(&data, &normalisation, &few, config);
            format!("{:?}", found[0].advice)
        };
        assert!(advice(&config).contains("--validation-share"));
        config.validation_fold = Some("2/3".parse().unwrap());
        let advice = advice(&config);
        assert!(!advice.contains("--validation-share") && !advice.contains("--folds 5"));
        assert!(advice.contains("all 3 folds"), "{advice}");
    }

    #[test]
    fn ordinary_recordings_are_healthy() {
        assert_eq!(found(&recordings(), &healthy()), []);
        // A test part that differs by chance.
        let near = Fit {
            test: Some(judged(97, 100)),
            ..healthy()
        };
        assert_eq!(found(&recordings(), &near), []);
    }

    #[test]
    fn a_rare_event_is_no_outlier() {
        let mut data = recordings();
        for (s, sequence) in data.sequences.iter_mut().enumerate() {
            sequence.column_mut(1).fill(0.0);
            sequence[[5, 1]] = f32::from(u8::from(s == 3));
        }
        assert_eq!(found(&data, &healthy()), []);
    }

    #[test]
    fn all_right_of_few_is_no_certainty() {
        // (30 + 2) / 34, and √(p (1 − p) / 34).
        let share: f64 = 32.0 / 34.0;
        let expected = (share * (1.0 - share) / 34.0).sqrt();
        assert!((standard_error(1.0, 30) - expected).abs() < 1e-12);
    }
}
