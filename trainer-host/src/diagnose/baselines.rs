//! A network that a simpler method beats on the validation part.

use super::finding::{Figure, Finding, Kind, Lever, Severity};
use super::fit::{Fit, PartFit, standard_error};
use crate::evaluate::Score;
use crate::train::TrainConfig;

/// A smaller difference of accuracy does not matter in use.
const VISIBLE: f64 = 0.02;
/// One decision more or less is chance.
const FEW_DECISIONS: f64 = 2.0;
/// Standard errors of the difference. From here on it is no chance.
const BEYOND_CHANCE: f64 = 2.0;
/// A network of few recordings needs about so many updates, far more than any number of epochs that suits many.
const UPDATES: usize = 3000;

/// What else is known of the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    /// How the network was trained.
    pub config: &'a TrainConfig,
    /// Updates that were made.
    pub updates: usize,
    /// Whether a forecast learns the change from the last value; `None` of what forecasts nothing.
    pub learns_change: Option<bool>,
}

/// The best baseline, if it is better than the network. Without a validation part nothing is said: on its own training
/// part, the nearest neighbour is always right.
pub(super) fn finding(fit: &Fit, known: Known<'_>) -> Option<Finding> {
    let part = fit.validation.as_ref()?;
    match &part.score {
        Score::Classes(own) => {
            let (name, accuracy) = best(part)?;
            of_classes(part, (own.accuracy, own.decisions), (name, accuracy), known)
        }
        Score::Values(own) => {
            let errors = |of: Option<crate::evaluate::Errors>| of.map(|errors| errors.mse);
            let beside = &own.beside;
            let pair = errors(beside.standardised).zip(errors(beside.standardised_ridge));
            let (mse, ridge) = pair.or(Some((own.errors.mse, errors(beside.ridge)?)))?;
            of_values(mse, ridge, known)
        }
    }
}

/// The most accurate baseline that looks at the inputs.
fn best(part: &PartFit) -> Option<(&str, f64)> {
    let seeing = part.baselines.iter().skip(1);
    let known = seeing.filter_map(|baseline| Some((baseline.name.as_str(), baseline.accuracy?)));
    known.reduce(|best, other| if other.1 > best.1 { other } else { best })
}

fn of_classes(
    part: &PartFit,
    (own, decisions): (f64, usize),
    (name, accuracy): (&str, f64),
    known: Known<'_>,
) -> Option<Finding> {
    let error = |accuracy| standard_error(accuracy, part.sequences);
    let distance = (accuracy - own) / error(accuracy).hypot(error(own));
    let severity = match distance >= BEYOND_CHANCE {
        true => Severity::Warning,
        false => Severity::Note,
    };
    let found = Finding::when(
        Kind::BeatenByBaseline,
        severity,
        format!("A simpler method is better on the validation part: {name}."),
        vec![
            Figure::at_least("its accuracy less the network's", accuracy - own, VISIBLE),
            Figure::at_least(
                "decisions that it has right beyond the network's",
                ((accuracy - own) * decisions as f64).round(),
                FEW_DECISIONS,
            ),
            Figure::of("its accuracy", accuracy),
            Figure::of("the network's accuracy", own),
            Figure::of("the difference in standard errors", distance),
            Figure::of("updates of the training", known.updates as f64),
        ],
    )?;
    let config = known.config;
    let short = (known.updates < UPDATES).then(|| {
        let times = UPDATES.div_ceil(known.updates.max(1)).max(2);
        Lever::train(
            &format!("--epochs {}", times * config.epochs),
            "few recordings make few updates in an epoch, and a network needs thousands",
        )
    });
    let integrate = (name.contains("regression") && config.forget_bias < 3.0).then(|| {
        Lever::train(
            "--forget-bias 3",
            "means and extremes of a whole sequence need a long memory",
        )
    });
    let vary = (config.augmentation.scaling == 0.0)
        .then(|| Lever::train("--scaling 0.1", "more variants of few recordings"));
    Some(
        found
            .advise(short)
            .advise(integrate)
            .advise([Lever::find_rate("says which rates lower the loss fastest")])
            .advise(vary),
    )
}

fn of_values(mse: f64, ridge: f64, known: Known<'_>) -> Option<Finding> {
    let found = Finding::when(
        Kind::BeatenByBaseline,
        Severity::Warning,
        "A linear function of the same steps (ridge regression) is better on the validation part.",
        vec![
            Figure::at_least(
                "mean squared error on the validation part, as a multiple of ridge's",
                mse / ridge,
                1.0,
            ),
            Figure::of("ridge's", ridge),
            Figure::of("the network's", mse),
        ],
    )?;
    let config = known.config;
    let change = (known.learns_change == Some(false))
        .then(|| Lever::train("--change", "learns the change instead of the value"));
    let noise = (config.input_noise.is_none_or(|noise| noise == 0.0)).then(|| {
        Lever::train(
            "--input-noise 0.3",
            "does to a network what shrinking does to ridge",
        )
    });
    let short = (known.updates < UPDATES).then(|| {
        let times = UPDATES.div_ceil(known.updates.max(1)).max(2);
        Lever::train(
            &format!("--epochs {}", times * config.epochs),
            "more updates",
        )
    });
    Some(
        found
            .advise(change)
            .advise(noise)
            .advise(short)
            .advise([Lever::find_rate("says which rates lower the loss fastest")])
            .advise([Lever::look(
                "or the relation is linear: a longer --look-back tells both of them more",
            )]),
    )
}

#[cfg(test)]
pub(in crate::diagnose) mod tests {
    use super::super::classes::tests::part;
    use super::super::data::tests::fit;
    use super::super::learning_curve::tests::forecast;
    use super::*;
    use crate::evaluate::BaselineScore;

    fn found(fit: &Fit) -> Vec<Finding> {
        let config = TrainConfig::default();
        let known = Known {
            config: &config,
            updates: 120,
            learns_change: Some(false),
        };
        finding(fit, known).into_iter().collect()
    }

    /// A network that decides rightly in 80 of 100 cases beside a baseline of this accuracy.
    fn beside(accuracy: f64) -> Fit {
        let (mut judged, _) = part(&[&[40, 10], &[10, 40]]);
        judged.baselines = [
            ("constant guess", 0.5),
            ("nearest neighbour (DTW)", accuracy),
        ]
        .map(|(name, accuracy)| BaselineScore {
            name: name.into(),
            accuracy: Some(accuracy),
            balanced_accuracy: Some(accuracy),
        })
        .to_vec();
        fit(judged.clone(), Some(judged))
    }

    /// What is found in networks that are beaten.
    pub(in crate::diagnose) fn ill() -> Vec<(Kind, Vec<Finding>)> {
        let worse = forecast(0.9, 1.0, 0.8);
        vec![
            (Kind::BeatenByBaseline, found(&beside(0.95))),
            (Kind::BeatenByBaseline, found(&worse)),
        ]
    }

    #[test]
    fn who_is_beaten_is_said_and_by_what() {
        let [(_, classes), (_, values)] = &ill()[..] else {
            unreachable!()
        };
        assert!(
            classes[0].summary.contains("nearest neighbour")
                && classes[0].severity == Severity::Warning
        );
        // 3000 updates are 25 times 120.
        assert_eq!(classes[0].advice[0].flags, ["--epochs", "1500"]);
        assert_eq!(values[0].advice[0].flags, ["--change"]);
    }

    #[test]
    fn who_is_as_good_is_not_beaten() {
        for fit in [beside(0.8), beside(0.81), forecast(0.7, 1.0, 0.8)] {
            assert_eq!(found(&fit), []);
        }
        let unjudged = Fit {
            validation: None,
            ..beside(0.95)
        };
        assert_eq!(found(&unjudged), []);
    }
}
