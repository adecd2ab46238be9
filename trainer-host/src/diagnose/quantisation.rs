//! What the integers of a quantised run lose against its f32 network.

use std::path::Path;

use lstm_nostd::kernels::Scheme;

use super::finding::{Figure, Finding, Kind, Lever, Severity, short};
use crate::evaluate::{Comparison, Score};
use crate::integers::layer_error::LayerError;
use crate::train::TrainConfig;

/// Of the decisions: w8a16 changes one in a thousand or none, and what is nearly equal may turn.
const CHANGED: f64 = 0.01;
/// From here on the loss of accuracy is what a smaller network would cost too.
const LOST: f64 = 0.01;
/// Errors of values that grow by more than this share.
const ERROR_GROWTH: f64 = 0.05;
/// Of cells or gates, over all units and steps: single ones that are clamped leave no trace.
const CLAMPED: f64 = 1e-3;
/// Noise of a twentieth of the hidden values, 26 dB below them.
const NOISY_DB: f64 = 26.0;

/// What was measured of a run's integers.
#[derive(Clone, Debug)]
pub struct Integers {
    /// Which part both were run over.
    pub part: &'static str,
    /// f32 against integers; of a run of quantisation-aware training f32 is what is behind its integers.
    pub comparison: Comparison,
    /// Of the LSTM layers, over the training part.
    pub layers: Vec<LayerError>,
    /// Cells that were compared in each layer, over all units and steps.
    pub cells: Vec<usize>,
    /// Of the LSTM layers, then of the dense layers.
    pub schemes: Vec<Scheme>,
}

/// The loss of quantisation of the run in `folder`, if there is one worth naming.
pub(super) fn findings(integers: &Integers, config: &TrainConfig, folder: &Path) -> Vec<Finding> {
    // Weights that were trained as integers have no f32 network to be compared with.
    if config.qat.is_some() {
        return Vec::new();
    }
    let worst = (integers.layers.iter().enumerate())
        .min_by(|a, b| a.1.hidden_sqnr_db.total_cmp(&b.1.hidden_sqnr_db));
    let Some((l, worst)) = worst else {
        return Vec::new();
    };
    let part = integers.part;
    let mut about_layer = vec![
        Figure::of(
            format!(
                "{}: signal to quantisation noise of h in dB, the lowest of all layers",
                worst.layer
            ),
            worst.hidden_sqnr_db,
        ),
        Figure::of(
            format!("{}: cells at the end of their range", worst.layer),
            worst.saturated_cells as f64,
        ),
        Figure::of(
            format!("{}: gates clamped to ±8", worst.layer),
            worst.saturated_gates as f64,
        ),
    ];
    let summary = |what: &str| {
        format!(
            "The integers ({}) {what}; layer {} loses most.",
            integers.schemes[l].name(),
            worst.layer
        )
    };
    let comparison = &integers.comparison;
    let found = match (&comparison.float, &comparison.integer) {
        (Score::Classes(float), Score::Classes(integer)) => {
            let lost = float.accuracy - integer.accuracy;
            let severity = if lost >= LOST {
                Severity::Severe
            } else {
                Severity::Warning
            };
            let mut evidence = vec![
                Figure::at_least(
                    format!("share of the decisions on the {part} part that differ"),
                    1.0 - comparison.agreement,
                    CHANGED,
                ),
                Figure::of("accuracy in f32", float.accuracy),
                Figure::of("accuracy in integers", integer.accuracy),
            ];
            evidence.append(&mut about_layer);
            Finding::when(
                Kind::QuantisationLoss,
                severity,
                summary("decide otherwise than f32"),
                evidence,
            )
        }
        (Score::Values(float), Score::Values(integer)) => {
            let growth = integer.errors.mse / float.errors.mse - 1.0;
            let mut evidence = vec![
                Figure::at_least(
                    format!("growth of the mean squared error on the {part} part"),
                    growth,
                    ERROR_GROWTH,
                ),
                Figure::of("mean squared error in f32", float.errors.mse),
                Figure::of("mean squared error in integers", integer.errors.mse),
            ];
            evidence.append(&mut about_layer);
            Finding::when(
                Kind::QuantisationLoss,
                Severity::Warning,
                summary("have larger errors than f32"),
                evidence,
            )
        }
        _ => None,
    };
    let Some(found) = found else {
        return Vec::new();
    };
    let cells = integers.cells[l].max(1) as f64;
    let clamped = worst.saturated_cells as f64 / cells >= CLAMPED;
    let ranges = clamped.then(|| {
        Lever::quantise(
            "--calibration min-max",
            "ranges in which no cell is clamped",
        )
    });
    let is_narrow = |schemes: &[Scheme]| schemes.iter().any(|scheme| *scheme != Scheme::W8a16);
    let mut finer = integers.schemes.clone();
    finer[l] = Scheme::W8a16;
    let pays = finer != integers.schemes && worst.hidden_sqnr_db < NOISY_DB;
    let one_layer = (pays && is_narrow(&finer)).then(|| {
        Lever::quantise(
            &format!("--scheme {}", names(&finer)),
            format!("finer numbers in {} alone", worst.layer),
        )
    });
    let all = is_narrow(&integers.schemes)
        .then(|| Lever::quantise("--scheme w8a16", "finer numbers in all layers"));
    let rate = short(f64::from(config.learning_rate) / 10.0);
    let scheme = names(&integers.schemes);
    let aware = Lever::train(
        &format!("--qat {scheme} --epochs 20 --learning-rate {rate}"),
        "weights that are trained as the integers that they become",
    )
    .with("--init", folder.display().to_string())
    .with("--teacher", folder.display().to_string());
    let search = Lever::quantise(
        "--calibration auto --rounding auto",
        "tries every way of calibrating and rounding on held-out data",
    );
    vec![
        found
            .advise(ranges)
            .advise([aware])
            .advise(one_layer)
            .advise(all)
            .advise([search]),
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
                agreement,
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
