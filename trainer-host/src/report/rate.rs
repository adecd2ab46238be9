//! The curve of a learning-rate range test.

use super::{Chart, Page, Series};
use crate::train::{RateCurve, RatePoint};

/// The picture and the page of a range test on `source`: the loss over the rate.
pub fn rate_report(source: &str, curve: &RateCurve) -> (String, String) {
    let of = |name: &str, value: fn(&RatePoint) -> f64| {
        let points = curve.points.iter();
        let points = points.map(|point| (f64::from(point.rate), value(point)));
        Series::line(name, points.collect())
    };
    let mark = |name: &str, rate: Option<f32>| {
        rate.map(|rate| (f64::from(rate), format!("{name} {rate:.2e}")))
    };
    let marks = [
        mark("proposed", curve.proposed),
        mark("steepest", curve.steepest),
    ];
    let chart = Chart {
        marks: marks.into_iter().flatten().collect(),
        log: [true, false],
        ..Chart::lines(
            "Learning-rate range test",
            ("learning rate", "loss"),
            vec![
                of("loss", |point| point.loss),
                of("smoothed", |point| point.smoothed),
            ],
        )
    };
    let mut page = Page::new(&format!("Learning rate for {source}"));
    page.section("Loss while the rate climbs", &chart.figure());
    (chart.svg_file(), page.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_and_its_marks_are_drawn() {
        let points = (0..20).map(|n| RatePoint {
            rate: 10f32.powi(n / 4 - 5),
            loss: f64::from((n - 12).abs()),
            smoothed: f64::from((n - 13).abs()),
        });
        let mut curve = RateCurve {
            points: points.collect(),
            proposed: Some(1e-3),
            steepest: Some(2e-3),
        };
        let (svg, page) = rate_report("a<b", &curve);
        for text in [&svg, &page] {
            assert!(text.contains("proposed 1.00e-3") && text.contains("steepest 2.00e-3"));
        }
        assert!(page.contains("a&lt;b"));
        (curve.proposed, curve.steepest) = (None, None);
        assert!(!rate_report("data", &curve).0.contains("proposed"));
    }
}
