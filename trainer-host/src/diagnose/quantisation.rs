//! Accuracy that a quantised run loses against its f32 network.

use std::path::Path;

use lstm_nostd::kernels::Scheme;

use super::finding::{Figure, Finding, Kind, Lever, Severity, short};
use super::integers::Integers;
use super::requantising::{loss, names};
use crate::evaluate::{OutputScore, Score, ValueScore};
use crate::integers::layer_error::LayerError;
use crate::train::TrainConfig;

/// Share of the decisions. w8a16 changes one in a thousand or none: a decision between two nearly equal
/// classes.
const CHANGED: f64 = 0.01;
/// A loss of accuracy as large as that of a smaller network.
const LOST: f64 = 0.01;
/// Growth of the error of values, as a share of the f32 error.
const ERROR_GROWTH: f64 = 0.05;
/// Difference of values in deviations of the target; one as small matters to nobody.
const DIFFERENCE: f64 = 0.01;
/// A difference of values that takes a tenth of the target's variance.
const LARGE_DIFFERENCE: f64 = 0.3;

/// The loss of quantisation of the run in `folder`, if it is large enough to matter.
pub(super) fn findings(integers: &Integers, config: &TrainConfig, folder: &Path) -> Vec<Finding> {
    // Weights that were trained as integers have no f32 network to be compared with.
    if config.qat.is_some() {
        return Vec::new();
    }
    let advised = integers.finding().map(|found| {
        found
            .advise(integers.aware_training(config, folder))
            .advise(integers.better_ways())
    });
    advised.into_iter().collect()
}

impl Integers {
    /// f32 against integers, with the stage that loses most.
    pub(super) fn finding(&self) -> Option<Finding> {
        let worst = self.worst()?;
        let (severity, what, mut evidence) =
            match (&self.comparison.float, &self.comparison.integer) {
                (Score::Classes(float), Score::Classes(integer)) => {
                    let lost = float.accuracy - integer.accuracy;
                    let severity = if lost >= LOST {
                        Severity::Severe
                    } else {
                        Severity::Warning
                    };
                    let evidence = self.decisions(float.accuracy, integer.accuracy);
                    (severity, "decide otherwise than f32", evidence)
                }
                (Score::Values(float), Score::Values(integer)) => {
                    let difference = self.comparison.rms_difference.unwrap_or_default();
                    let severity = if difference >= LARGE_DIFFERENCE {
                        Severity::Severe
                    } else {
                        Severity::Warning
                    };
                    let evidence = self.errors(float, integer)?;
                    (severity, "have larger errors than f32", evidence)
                }
                _ => return None,
            };
        let stage = &self.stages[worst];
        evidence.push(Figure::of(
            format!(
                "error of the outputs that {} adds, a share of their variance, the most of all",
                stage.stage
            ),
            stage.added,
        ));
        if let Some(layer) = self.layers.iter().find(|layer| layer.layer == stage.stage) {
            evidence.extend(about_layer(layer));
        }
        let scheme = match worst.checked_sub(1).and_then(|l| self.schemes.get(l)) {
            Some(scheme) => scheme.name().to_owned(),
            None => names(&self.schemes),
        };
        let summary = match worst {
            0 => format!("The integers ({scheme}) {what}; rounding the inputs loses most."),
            _ => format!(
                "The integers ({scheme}) {what}; layer {} loses most.",
                stage.stage
            ),
        };
        Finding::when(Kind::QuantisationLoss, severity, summary, evidence)
    }

    fn decisions(&self, float: f64, integer: f64) -> Vec<Figure> {
        let differ = format!(
            "share of the decisions on the {} part that differ",
            self.part
        );
        vec![
            Figure::at_least(differ, loss(&self.comparison), CHANGED),
            Figure::of("accuracy in f32", float),
            Figure::of("accuracy in integers", integer),
        ]
    }

    /// The growth of the error of the output that loses most: an error far below another output's is lost in
    /// their sum.
    fn errors(&self, float: &ValueScore, integer: &ValueScore) -> Option<Vec<Figure>> {
        let growth =
            |pair: &(&OutputScore, &OutputScore)| pair.1.errors.mse / pair.0.errors.mse - 1.0;
        let outputs = float.outputs.iter().zip(&integer.outputs);
        // An output without any error in f32 has none to grow.
        let (growth, float, integer) = (outputs.filter(|(float, _)| float.errors.mse > 0.0))
            .map(|pair| (growth(&pair), pair.0, pair.1))
            .max_by(|a, b| a.0.total_cmp(&b.0))?;
        let of_worst = format!(
            "{}: growth of the mean squared error on the {} part",
            float.name, self.part
        );
        Some(vec![
            Figure::at_least(of_worst, growth, ERROR_GROWTH),
            Figure::of("its mean squared error in f32", float.errors.mse),
            Figure::of("its mean squared error in integers", integer.errors.mse),
            Figure::at_least(
                "RMS difference of all outputs, in deviations of their targets",
                self.comparison.rms_difference.unwrap_or_default(),
                DIFFERENCE,
            ),
        ])
    }

    /// Training that sees the integers, which cannot be tried here, helps weights that are coarse: not those of
    /// w8a16, and not inputs.
    fn aware_training(&self, config: &TrainConfig, folder: &Path) -> Option<Lever> {
        let worst = self.worst().and_then(|stage| stage.checked_sub(1))?;
        if self.schemes[worst] == Scheme::W8a16 {
            return None;
        }
        let rate = short(f64::from(config.learning_rate) / 10.0);
        let scheme = names(&self.schemes);
        let lever = Lever::train(
            &format!("--qat {scheme} --epochs 20 --learning-rate {rate}"),
            "trains the weights as the integers that they will become",
        );
        let folder = || folder.display().to_string();
        Some(lever.with("--init", folder()).with("--teacher", folder()))
    }
}

fn about_layer(layer: &LayerError) -> [Figure; 3] {
    let name = &layer.layer;
    [
        Figure::of(
            format!("{name}: signal-to-quantisation-noise ratio of h in dB"),
            layer.hidden_sqnr_db,
        ),
        Figure::of(
            format!("{name}: cells at the end of their range"),
            layer.saturated_cells as f64,
        ),
        Figure::of(
            format!("{name}: gates clamped to ±8"),
            layer.saturated_gates as f64,
        ),
    ]
}

#[cfg(test)]
pub(in crate::diagnose) mod tests {
    use super::super::classes::tests::part;
    use super::*;
    use crate::data::Dataset;
    use crate::diagnose::integers::Tried;
    use crate::evaluate::Comparison;
    use crate::integers::output_error::StageError;

    fn layer(name: &str, hidden_sqnr_db: f64, saturated_cells: usize) -> LayerError {
        LayerError {
            layer: name.into(),
            hidden_max: 0.1,
            hidden_rms: 0.01,
            hidden_signal_rms: 0.3,
            cell_max: 0.1,
            cell_rms: 0.01,
            gates_sqnr_db: 40.0,
            cell_sqnr_db: 40.0,
            hidden_sqnr_db,
            saturated_cells,
            saturated_gates: 0,
        }
    }

    fn stages(added: [f64; 4]) -> Vec<StageError> {
        let names = ["inputs", "lstm.0", "lstm.1", "dense.0"];
        let stage = |(name, added): (&str, f64)| StageError {
            stage: name.into(),
            added,
        };
        names.into_iter().zip(added).map(stage).collect()
    }

    fn integers(right: usize, agreement: f64, scheme: Scheme, saturated: usize) -> Integers {
        let score = |right: usize| part(&[&[right, 200 - right], &[0, 200]]).0.score;
        let mut integers = Integers {
            name: "w8a16".into(),
            part: "validation",
            comparison: Comparison {
                float: score(198),
                integer: score(right),
                agreement: Some(agreement),
                rms_difference: None,
                error_growth: None,
                largest_difference: 0.5,
            },
            layers: vec![layer("lstm.0", 40.0, 0), layer("lstm.1", 20.0, saturated)],
            cells: vec![100_000; 2],
            stages: stages([1e-6, 1e-4, 1e-2, 1e-3]),
            schemes: vec![scheme; 3],
            tried: Vec::new(),
        };
        // Every way that there is leaves half of the loss.
        integers.tried = tried(&integers, 0.5);
        integers
    }

    /// Every way, where each leaves this share of the loss.
    fn tried(integers: &Integers, share: f64) -> Vec<Tried> {
        let lost = loss(&integers.comparison);
        let ways = integers.ways().into_iter();
        ways.map(|way| Tried {
            flags: way.flags,
            why: way.why,
            loss: share * lost,
        })
        .collect()
    }

    /// Integers of two values that differ from f32 by so many deviations; the error of the second one grows by this
    /// share.
    fn of_values(difference: f64, growth: f64, scheme: Scheme, added: [f64; 4]) -> Integers {
        let classes = integers(180, 0.95, scheme, 0);
        let data = Dataset {
            channels: vec!["x".into()],
            sequences: vec![ndarray::Array2::zeros((1, 1)); 2],
            targets: crate::data::Targets::Value(vec![vec![0.0, 0.0], vec![1.0, 1.0]]),
            outputs: vec!["y0".into(), "y1".into()],
            ..Dataset::default()
        };
        let score = |growth: f64| {
            let error = 0.1 * (1.0 + growth).sqrt() as f32;
            let outputs = [0.0, 1.0].map(|y| ndarray::array![[y + 0.1, y + error]]);
            crate::evaluate::score(&data, &outputs.to_vec())
        };
        let mut integers = Integers {
            name: "w8a16".into(),
            comparison: Comparison {
                float: score(0.0),
                integer: score(growth),
                agreement: None,
                rms_difference: Some(difference),
                error_growth: Some(growth / 2.0),
                largest_difference: 0.1,
            },
            stages: stages(added),
            ..classes
        };
        integers.tried = tried(&integers, 0.5);
        integers
    }

    fn found(integers: &Integers) -> Vec<Finding> {
        findings(integers, &TrainConfig::default(), Path::new("run"))
    }

    fn flags(finding: &Finding) -> Vec<String> {
        let levers = finding.advice.iter();
        levers.map(|lever| lever.flags.join(" ")).collect()
    }

    /// What is found in integers that lose.
    pub(in crate::diagnose) fn ill() -> Vec<(Kind, Vec<Finding>)> {
        vec![
            (
                Kind::QuantisationLoss,
                found(&integers(180, 0.95, Scheme::W4a16, 0)),
            ),
            (
                Kind::QuantisationLoss,
                found(&integers(180, 0.95, Scheme::W8a16, 5000)),
            ),
            (
                Kind::QuantisationLoss,
                found(&of_values(0.5, 2.0, Scheme::W8a8, [0.0, 1e-4, 1e-3, 0.2])),
            ),
        ]
    }

    #[test]
    fn the_layer_that_loses_most_is_named_and_made_finer() {
        let (_, found) = &ill()[0];
        assert_eq!(found[0].severity, Severity::Severe);
        assert!(found[0].summary.contains("w4a16") && found[0].summary.contains("lstm.1"));
        let flags = flags(&found[0]);
        assert!(
            flags[0].starts_with("--qat w4a16") && flags[0].ends_with("--init run --teacher run")
        );
        assert_eq!(flags[1], "--scheme w4a16,w8a16,w4a16");
    }

    #[test]
    fn clamped_cells_want_larger_ranges() {
        let (_, found) = &ill()[1];
        let flags = flags(&found[0]);
        assert_eq!(flags[0], "--calibration min-max");
        assert!(
            flags.iter().all(|flags| !flags.contains("--scheme")),
            "{flags:?}"
        );
    }

    #[test]
    fn a_dense_layer_that_loses_most_is_named_with_the_output_that_it_changes() {
        let (_, found) = &ill()[2];
        assert_eq!(found[0].severity, Severity::Severe);
        assert!(
            found[0].summary.contains("layer dense.0"),
            "{}",
            found[0].summary
        );
        let names = found[0].evidence.iter().map(|figure| figure.name.as_str());
        assert!(names.clone().any(|name| name.starts_with("y1: growth")));
        assert!(
            names.clone().all(|name| !name.contains("lstm")),
            "{:?}",
            found[0]
        );
        assert!(flags(&found[0]).contains(&"--scheme w8a8,w8a8,w8a16".to_owned()));
    }

    #[test]
    fn a_way_that_loses_as_much_or_more_is_not_proposed() {
        for (share, proposed) in [(0.5, true), (1.0, false), (3.0, false)] {
            let mut integers = integers(180, 0.95, Scheme::W8a16, 5000);
            integers.tried = tried(&integers, share);
            let found = &found(&integers)[0];
            let commands = found.advice.iter().any(|lever| lever.command.is_some());
            assert_eq!(commands, proposed, "{share}");
        }
        // Nor is training that sees the integers of w8a16, or of inputs.
        let by_inputs = of_values(0.5, 2.0, Scheme::W8a8, [0.2, 0.0, 0.0, 0.0]);
        let found = &found(&by_inputs)[0];
        assert!(found.summary.contains("the inputs"), "{}", found.summary);
        assert!(flags(found).iter().all(|flags| !flags.contains("--qat")));
    }

    #[test]
    fn integers_that_decide_alike_are_healthy() {
        assert_eq!(found(&integers(198, 1.0, Scheme::W4a16, 0)), []);
        assert_eq!(found(&integers(197, 0.9975, Scheme::W8a16, 0)), []);
    }

    #[test]
    fn values_that_differ_by_nothing_that_matters_are_healthy() {
        for (difference, growth) in [(0.02, 0.01), (0.005, 0.5)] {
            let integers = of_values(difference, growth, Scheme::W8a16, [0.0, 1e-4, 0.0, 0.0]);
            assert_eq!(found(&integers), [], "{difference} {growth}");
        }
    }
}
