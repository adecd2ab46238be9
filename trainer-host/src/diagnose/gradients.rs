//! Findings about the norms of the gradients: too large to follow, or too small to move anything.

use super::curves::{Curves, UNLEARNED};
use super::finding::{Figure, Finding, Kind, Lever, Severity, short};

use crate::network::initialisation::RecurrentWeights;
use crate::train::{EpochRecord, TrainConfig};

/// If clipping shrinks a gradient to a tenth or less, the update keeps its direction and loses its size.
const FAR_ABOVE_CLIPPING: f64 = 10.0;
/// Without a limit: norms of trained LSTMs are around 1, whatever their size.
const USUAL_NORM: f64 = 1.0;
/// Norms around 1 are usual. With a thousandth of that, only Adam moves the weights, and it follows noise.
const NEXT_TO_NOTHING: f64 = 1e-3;
/// Share of the epochs; clipping deals with a single steep batch.
pub(super) const MOST_EPOCHS: f64 = 0.5;

/// Above this norm, a gradient is far larger than the clipping limit.
fn far_above(config: &TrainConfig) -> f64 {
    let clipped_to = f64::from(config.clip_norm);
    FAR_ABOVE_CLIPPING
        * if clipped_to > 0.0 {
            clipped_to
        } else {
            USUAL_NORM
        }
}

/// Share of the epochs whose mean norm is far above clipping.
pub(super) fn exploding_share(config: &TrainConfig, history: &[EpochRecord]) -> f64 {
    let far = far_above(config);
    let exploding = history.iter().filter(|record| record.gradient_norm >= far);
    exploding.count() as f64 / history.len().max(1) as f64
}

/// Exploding and vanishing gradients.
pub(super) fn findings(curves: &Curves<'_>) -> Vec<Finding> {
    exploding(curves)
        .into_iter()
        .chain(vanishing(curves))
        .collect()
}

fn exploding(curves: &Curves<'_>) -> Option<Finding> {
    let config = curves.config;
    let norms = curves.history.iter().map(|record| record.gradient_norm);
    let found = Finding::when(
        Kind::ExplodingGradients,
        Severity::Warning,
        "In most epochs, gradients are far larger than the clipping limit.",
        vec![
            Figure::at_least(
                format!(
                    "share of the epochs with a mean norm of {} or more",
                    short(far_above(config))
                ),
                exploding_share(config, curves.history),
                MOST_EPOCHS,
            ),
            Figure::of("largest mean norm of an epoch", norms.fold(0.0, f64::max)),
            Figure::of(
                "clipping limit of the norm, 0 for none",
                f64::from(config.clip_norm),
            ),
        ],
    )?;
    let clip = (config.clip_norm == 0.0).then(|| {
        Lever::train(
            "--clip-norm 1",
            "keeps steps within the region that the gradient describes",
        )
    });
    let orthogonal = (config.initialisation.recurrent != RecurrentWeights::Orthogonal).then(|| {
        Lever::train(
            "--recurrent-weights orthogonal",
            "products over many steps keep their size",
        )
    });
    Some(
        found
            .advise(clip)
            .advise([curves.lower_rate(3.0, "smaller steps where the loss is steep")])
            .advise(orthogonal)
            .advise(truncate(curves)),
    )
}

/// Shorter windows, where the data has a target for each step and the windows are long.
fn truncate(curves: &Curves<'_>) -> Option<Lever> {
    /// Steps that a gradient goes back through without harm.
    const FEW_STEPS: usize = 50;
    let whole = curves.config.truncate.is_none();
    let long = curves.median_steps > FEW_STEPS;
    (curves.task.is_per_step() && whole && long).then(|| {
        Lever::train(
            &format!("--truncate {FEW_STEPS}"),
            "shorter products, with the state carried on",
        )
    })
}

fn vanishing(curves: &Curves<'_>) -> Option<Finding> {
    let config = curves.config;
    let history = curves.history;
    let small = (history.iter()).filter(|record| record.gradient_norm <= NEXT_TO_NOTHING);
    let found = Finding::when(
        Kind::VanishingGradients,
        Severity::Severe,
        "Gradients are almost 0 although the loss is not.",
        vec![
            Figure::at_least(
                format!("share of the epochs with a mean norm of {NEXT_TO_NOTHING} or less"),
                small.count() as f64 / history.len().max(1) as f64,
                MOST_EPOCHS,
            ),
            curves.left_at_least(UNLEARNED),
            Figure::of("steps of the middle sequence", curves.median_steps as f64),
        ],
    )?;
    let biases = config.init.is_none();
    let bias = (biases && config.forget_bias < 3.0).then(|| {
        Lever::train(
            "--forget-bias 3",
            "open forget gates carry the gradient back through many steps",
        )
    });
    let chrono = (biases && config.initialisation.chrono_steps.is_none()).then(|| {
        Lever::train(
            &format!("--chrono-steps {}", curves.median_steps.max(2)),
            "memories as long as the sequences",
        )
    });
    let rate = curves.rate_times(3.0, "larger steps where the loss is flat");
    Some(found.advise(bias).advise(chrono).advise([rate]))
}

#[cfg(test)]
pub(in crate::diagnose) mod tests {
    use super::super::curves::tests::{Case, GUESS, healthy};
    use super::*;

    /// The same run with these norms of the gradient.
    fn with_norms(mut case: Case, norm: impl Fn(usize) -> f64) -> Vec<Finding> {
        for (e, record) in case.history.iter_mut().enumerate() {
            record.gradient_norm = norm(e);
        }
        findings(&case.curves())
    }

    /// What is found in runs that have one illness.
    pub(in crate::diagnose) fn ill() -> Vec<(Kind, Vec<Finding>)> {
        let mut unlimited = healthy();
        unlimited.config.clip_norm = 0.0;
        vec![
            (
                Kind::ExplodingGradients,
                with_norms(healthy(), |e| if e % 4 == 0 { 1.0 } else { 40.0 }),
            ),
            (Kind::ExplodingGradients, with_norms(unlimited, |_| 40.0)),
            (
                Kind::VanishingGradients,
                with_norms(Case::new(20, |_| GUESS), |_| 1e-5),
            ),
        ]
    }

    #[test]
    fn each_illness_is_found_alone() {
        for (kind, found) in ill() {
            assert_eq!(found.iter().map(|f| f.kind).collect::<Vec<_>>(), [kind]);
        }
        let (_, unlimited) = &ill()[1];
        assert_eq!(unlimited[0].advice[0].flags, ["--clip-norm", "1"]);
    }

    #[test]
    fn ordinary_norms_are_healthy() {
        // A steep epoch now and then, and next to nothing where all is learned.
        assert_eq!(
            with_norms(healthy(), |e| if e % 10 == 3 { 50.0 } else { 0.7 }),
            []
        );
        assert_eq!(with_norms(healthy(), |_| 1e-5), []);
    }
}
