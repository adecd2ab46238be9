//! The report of a run: curves of loss, accuracy and learning rate, confusion matrices, and pictures of the
//! network's inside.

use ndarray::Array2;

use super::score::{baseline_section, score_sections};
use super::{Curve, Page, curves_svg, network_sections};
use crate::evaluate::{BaselineScore, Score};
use crate::run::Run;
use crate::run::toml_text::to_toml;
use crate::train::EpochRecord;

/// The HTML page of a run. The network is shown on `sequences`, which are normalised; each of `scores`, with the baselines
/// beside it, belongs to the named part.
pub fn run_report(
    run: &Run,
    sequences: &[Array2<f32>],
    history: &[EpochRecord],
    scores: &[(&str, &Option<Score>, &[BaselineScore])],
) -> String {
    let config = &run.config;
    let mut page = Page::new(&format!("Training on {}", config.source));
    page.section("Loss", &losses_svg(history));
    let curve = |name: &str, value: fn(&EpochRecord) -> Option<f64>| Curve {
        name: name.into(),
        points: history
            .iter()
            .filter_map(|r| Some((r.epoch as f64, value(r)?)))
            .collect(),
    };
    let accuracy = curve("validation", |r| Some(100.0 * r.validation?.accuracy?));
    if !accuracy.points.is_empty() {
        page.section(
            "Accuracy",
            &curves_svg("Validation accuracy", "epoch", "%", &[accuracy]),
        );
    }
    let rate = curve("learning rate", |r| Some(f64::from(r.learning_rate)));
    let norm = curve("gradient norm before clipping", |r| Some(r.gradient_norm));
    page.section(
        "Learning rate",
        &curves_svg(
            "Learning rate at the end of each epoch",
            "epoch",
            "",
            &[rate],
        ),
    );
    page.section(
        "Gradients",
        &curves_svg("Mean global norm of the gradient", "epoch", "", &[norm]),
    );
    for (part, score, baselines) in scores {
        if let Some(score) = score {
            score_sections(&mut page, part, score);
            baseline_section(&mut page, part, score, baselines);
        }
    }
    network_sections(&mut page, &run.network, sequences);
    page.text("Configuration", &to_toml(config).unwrap_or_default());
    page.finish()
}

/// Training and validation loss over the epochs.
pub fn losses_svg(history: &[EpochRecord]) -> String {
    let training = Curve {
        name: "training".into(),
        points: history
            .iter()
            .map(|r| (r.epoch as f64, r.train_loss))
            .collect(),
    };
    let validation = Curve {
        name: "validation".into(),
        points: history
            .iter()
            .filter_map(|r| Some((r.epoch as f64, r.validation?.loss)))
            .collect(),
    };
    let curves: Vec<Curve> = [training, validation]
        .into_iter()
        .filter(|curve| !curve.points.is_empty())
        .collect();
    curves_svg("Loss", "epoch", "loss", &curves)
}
