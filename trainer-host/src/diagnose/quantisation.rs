//! Accuracy that a quantised run loses against its f32 network.

use std::path::Path;

use lstm_nostd::kernels::Scheme;

use super::finding::{Figure, Finding, Kind, Lever, Severity, short};
use crate::evaluate::{Comparison, OutputScore, Score, ValueScore};
use crate::integers::layer_error::LayerError;
use crate::train::TrainConfig;

/// Share of the decisions. w8a16 changes one in a thousand or none: a decision between two nearly equal
/// classes.
const CHANGED: f64 = 0.01;
/// A loss of accuracy as large as that of a smaller network.
const LOST: f64 = 0.01;
/// Growth of the error of values, as a share of the f32 error.
const ERROR_GROWTH: f64 = 0.05;
/// Share of the cells, over all units and steps; a few clamped cells change nothing.
const CLAMPED: f64 = 1e-3;
/// Noise of a twentieth of the hidden values, 26 dB below them.
const NOISY_DB: f64 = 26.0;

/// Measurements of a run's integers.
#[derive(Clone, Debug)]
pub struct Integers {
    /// The part that both networks ran over.
    pub part: &'static str,
    /// f32 against integers. After quantisation-aware training, f32 means the weights before rounding.
    pub comparison: Comparison,
    /// Errors of each LSTM layer over the training part.
    pub layers: Vec<LayerError>,
    /// Cells that were compared in each layer, over all units and steps.
    pub cells: Vec<usize>,
    /// Schemes of the LSTM layers, then those of the dense layers.
    pub schemes: Vec<Scheme>,
}

/// The loss of quantisation of the run in `folder`, if it is large enough to matter.
pub(super) fn findings(integers: &Integers, config: &TrainConfig, folder: &Path) -> Vec<Finding> {
    // Weights that were trained as integers have no f32 network to be compared with.
    if config.qat.is_some() {
        return Vec::new();
    }
    let worst = (integers.layers.iter().enumerate())
        .min_by(|a, b| a.1.hidden_sqnr_db.total_cmp(&b.1.hidden_sqnr_db));
    let Some((l, _)) = worst else {
        return Vec::new();
    };
    let found = integers.loss(l);
    let advised = found.map(|found| {
        found
            .advise(integers.wider_ranges(l))
            .advise([integers.aware_training(config, folder)])
            .advise(integers.finer_schemes(l))
            .advise([Lever::quantise(
                "--calibration auto --rounding auto",
                "tries every combination of calibration and rounding on held-out data",
            )])
    });
    advised.into_iter().collect()
}

impl Integers {
    /// f32 against integers, with the errors of layer `l`, the one that loses most.
    fn loss(&self, l: usize) -> Option<Finding> {
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
                    let evidence = self.errors(float, integer);
                    (Severity::Warning, "have larger errors than f32", evidence)
                }
                _ => return None,
            };
        evidence.extend(about_layer(&self.layers[l]));
        let summary = format!(
            "The integers ({}) {what}; layer {} loses most.",
            self.schemes[l].name(),
            self.layers[l].layer
        );
        Finding::when(Kind::QuantisationLoss, severity, summary, evidence)
    }

    fn decisions(&self, float: f64, integer: f64) -> Vec<Figure> {
        let differ = format!(
            "share of the decisions on the {} part that differ",
            self.part
        );
        vec![
            Figure::at_least(
                differ,
                1.0 - self.comparison.agreement.unwrap_or(1.0),
                CHANGED,
            ),
            Figure::of("accuracy in f32", float),
            Figure::of("accuracy in integers", integer),
        ]
    }

    /// The growth of the error of the output that loses most: an error far below another output's is lost in
    /// their sum.
    fn errors(&self, float: &ValueScore, integer: &ValueScore) -> Vec<Figure> {
        let growth =
            |pair: &(&OutputScore, &OutputScore)| pair.1.errors.mse / pair.0.errors.mse - 1.0;
        let outputs = float.outputs.iter().zip(&integer.outputs);
        // An output without any error in f32 has none to grow.
        let worst = (outputs.filter(|(float, _)| float.errors.mse > 0.0))
            .map(|pair| (growth(&pair), pair.0, pair.1))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let mut figures: Vec<Figure> = match worst {
            Some((growth, float, integer)) => vec![
                Figure::at_least(
                    format!(
                        "{}: growth of the mean squared error on the {} part",
                        float.name, self.part
                    ),
                    growth,
                    ERROR_GROWTH,
                ),
                Figure::of("its mean squared error in f32", float.errors.mse),
                Figure::of("its mean squared error in integers", integer.errors.mse),
            ],
            None => vec![Figure::at_least(
                "growth of an error",
                f64::NAN,
                ERROR_GROWTH,
            )],
        };
        figures.extend(self.comparison.rms_difference.map(|rms| {
            Figure::of(
                "RMS difference of all outputs, in deviations of their targets",
                rms,
            )
        }));
        figures
    }

    fn wider_ranges(&self, l: usize) -> Option<Lever> {
        let cells = self.cells[l].max(1) as f64;
        let clamped = self.layers[l].saturated_cells as f64 / cells >= CLAMPED;
        clamped.then(|| {
            Lever::quantise(
                "--calibration min-max",
                "ranges in which no cell is clamped",
            )
        })
    }

    fn aware_training(&self, config: &TrainConfig, folder: &Path) -> Lever {
        let rate = short(f64::from(config.learning_rate) / 10.0);
        let scheme = names(&self.schemes);
        Lever::train(
            &format!("--qat {scheme} --epochs 20 --learning-rate {rate}"),
            "trains the weights as the integers that they will become",
        )
        .with("--init", folder.display().to_string())
        .with("--teacher", folder.display().to_string())
    }

    /// w8a16 for layer `l` alone if that layer is noisy, and for all layers.
    fn finer_schemes(&self, l: usize) -> impl Iterator<Item = Lever> {
        let is_narrow = |schemes: &[Scheme]| schemes.iter().any(|scheme| *scheme != Scheme::W8a16);
        let mut finer = self.schemes.clone();
        finer[l] = Scheme::W8a16;
        let layer = &self.layers[l];
        let pays = finer != self.schemes && layer.hidden_sqnr_db < NOISY_DB;
        let one_layer = (pays && is_narrow(&finer)).then(|| {
            Lever::quantise(
                &format!("--scheme {}", names(&finer)),
                format!("finer numbers in {} alone", layer.layer),
            )
        });
        let all = is_narrow(&self.schemes)
            .then(|| Lever::quantise("--scheme w8a16", "finer numbers in all layers"));
        one_layer.into_iter().chain(all)
    }
}

fn about_layer(worst: &LayerError) -> [Figure; 3] {
    let name = &worst.layer;
    [
        Figure::of(
            format!(
                "{name}: signal-to-quantisation-noise ratio of h in dB, the lowest of all layers"
            ),
            worst.hidden_sqnr_db,
        ),
        Figure::of(
            format!("{name}: cells at the end of their range"),
            worst.saturated_cells as f64,
        ),
        Figure::of(
            format!("{name}: gates clamped to ±8"),
            worst.saturated_gates as f64,
        ),
    ]
}

/// As `--scheme` and `--qat` take them.
fn names(schemes: &[Scheme]) -> String {
    match schemes.split_first() {
        Some((first, rest)) if rest.iter().all(|scheme| scheme == first) => first.name().into(),
        _ => {
            let names: Vec<&str> = schemes.iter().map(|scheme| scheme.name()).collect();
            names.join(",")
        }
    }
}

#[cfg(test)]
pub(in crate::diagnose) mod tests {
    use super::super::classes::tests::part;
    use super::*;

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

    fn integers(right: usize, agreement: f64, scheme: Scheme, saturated: usize) -> Integers {
        let score = |right: usize| part(&[&[right, 200 - right], &[0, 200]]).0.score;
        Integers {
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
            schemes: vec![scheme; 3],
        }
    }

    fn found(integers: &Integers) -> Vec<Finding> {
        findings(integers, &TrainConfig::default(), Path::new("run"))
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
        ]
    }

    #[test]
    fn the_layer_that_loses_most_is_named_and_made_finer() {
        let (_, found) = &ill()[0];
        assert_eq!(found[0].severity, Severity::Severe);
        assert!(found[0].summary.contains("w4a16") && found[0].summary.contains("lstm.1"));
        let flags: Vec<String> = found[0]
            .advice
            .iter()
            .map(|lever| lever.flags.join(" "))
            .collect();
        assert!(
            flags[0].starts_with("--qat w4a16") && flags[0].ends_with("--init run --teacher run")
        );
        assert_eq!(flags[1], "--scheme w4a16,w8a16,w4a16");
    }

    #[test]
    fn clamped_cells_want_larger_ranges() {
        let (_, found) = &ill()[1];
        assert_eq!(found[0].advice[0].flags, ["--calibration", "min-max"]);
        assert!(
            found[0]
                .advice
                .iter()
                .all(|lever| !lever.flags.contains(&"--scheme".into()))
        );
    }

    #[test]
    fn integers_that_decide_alike_are_healthy() {
        assert_eq!(found(&integers(198, 1.0, Scheme::W4a16, 0)), []);
        assert_eq!(found(&integers(197, 0.9975, Scheme::W8a16, 0)), []);
    }
}
