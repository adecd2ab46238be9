//! Two classes at every threshold: the ROC curve, and precision and recall over the threshold.

use super::axis::number;
use super::score::percent;
use super::{Chart, Look, Series, beside, escape};
use crate::evaluate::{AtThreshold, Roc};

/// Points of a curve lie so far apart in a rate, at least.
const APART: f64 = 1.0 / 150.0;

/// The curves of `roc`, with the network's own threshold and the one of the highest F1.
pub(super) fn threshold_charts(roc: &Roc) -> String {
    let (own, best) = (roc.own(), roc.best_f1());
    let text = format!(
        "<p>The network itself decides for {} at a probability of 0.5: {}. The highest F1 is at {}: {}. Whoever takes another \
         threshold than 0.5, for example in a recogniser, chooses it on the validation part.</p>",
        escape(&roc.positive),
        figures(&own),
        number(best.probability()),
        figures(&best)
    );
    let shown = thinned(&roc.points);
    let charts = [
        curve(roc, &shown, [own, best]),
        over_threshold(&shown, [own, best]),
    ];
    text + &beside(&charts)
}

/// Precision, recall and F1 in words.
fn figures(at: &AtThreshold) -> String {
    format!(
        "precision {}, recall {}, F1 {:.4}",
        percent(at.precision()),
        percent(Some(at.recall())),
        at.f1()
    )
}

/// Recall over false alarms.
fn curve(roc: &Roc, shown: &[AtThreshold], [own, best]: [AtThreshold; 2]) -> Chart {
    let note = |at: &AtThreshold| {
        let from = number(at.probability());
        format!("from a probability of {from} on\n{}", figures(at))
    };
    let place = |at: &AtThreshold| (at.false_positive_rate(), at.recall());
    let alone = |name: &str, at: AtThreshold| Series {
        look: Look::Points,
        notes: vec![note(&at)],
        ..Series::line(name, vec![place(&at)])
    };
    let curves = vec![
        Series {
            notes: shown.iter().map(note).collect(),
            ..Series::line(
                &format!("{}, area {:.4}", roc.positive, roc.auc),
                shown.iter().map(place).collect(),
            )
        },
        Series::line("chance, area 0.5", vec![(0.0, 0.0), (1.0, 1.0)]),
        alone("decided at 0.5", own),
        alone("highest F1", best),
    ];
    let labels = ("false positive rate", "true positive rate");
    Chart::lines("Receiver operating characteristic", labels, curves)
}

/// Precision, recall and F1 over the threshold.
fn over_threshold(shown: &[AtThreshold], [own, best]: [AtThreshold; 2]) -> Chart {
    // From the lowest one on; the first point has no threshold.
    let finite = || shown.iter().rev().filter(|at| at.score.is_finite());
    let line = |name: &str, value: fn(&AtThreshold) -> f64| {
        let points = finite().map(|at| (at.probability(), 100.0 * value(at)));
        Series::line(name, points.collect())
    };
    let mark = |name: &str, at: AtThreshold| {
        let at = at.probability();
        (at, format!("{name}, {}", number(at)))
    };
    Chart {
        marks: vec![mark("decided at", own), mark("highest F1", best)],
        ..Chart::lines(
            "Precision and recall at each threshold",
            ("threshold, a probability", "%"),
            vec![
                line("precision", |at| at.precision().unwrap_or(f64::NAN)),
                line("recall", AtThreshold::recall),
                line("F1", AtThreshold::f1),
            ],
        )
    }
}

/// Those points that lie apart from the one before, and the last one.
fn thinned(points: &[AtThreshold]) -> Vec<AtThreshold> {
    let mut kept: Vec<AtThreshold> = Vec::new();
    for point in points {
        let is_apart = kept.last().is_none_or(|last| {
            let right = point.false_positive_rate() - last.false_positive_rate();
            right.max(point.recall() - last.recall()) >= APART
        });
        if is_apart {
            kept.push(*point);
        }
    }
    if kept.last() != points.last() {
        kept.extend(points.last());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_named_and_many_points_are_few() {
        // A positive in ten, whose scores are higher by one half.
        let score = |n: u32| {
            let is_positive = n.is_multiple_of(10);
            let base = f64::from(n.wrapping_mul(2_654_435_761)) / f64::from(u32::MAX);
            (
                2.0 * base as f32 - 1.2 + 0.5 * f32::from(u8::from(is_positive)),
                is_positive,
            )
        };
        let roc = Roc::of("<up>", (0..20_000).map(score).collect()).unwrap();
        let shown = thinned(&roc.points);
        assert!((150..=302).contains(&shown.len()), "{}", shown.len());
        assert_eq!((shown[0], shown.last()), (roc.points[0], roc.points.last()));
        let html = threshold_charts(&roc);
        assert!(html.contains("for &lt;up&gt; at a probability of 0.5: precision"));
        assert!(html.contains("decided at, 0.5") && html.contains("highest F1, 0."));
        assert_eq!(html.matches("<figure").count(), 2);
    }
}
