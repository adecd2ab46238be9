//! The curve of a learning-rate range test.

use super::{Curve, Page, curves_svg};
use crate::train::RateCurve;

/// The picture and the page of a range test on `source`: the loss over the logarithm of the rate.
pub fn rate_report(source: &str, curve: &RateCurve) -> (String, String) {
    let of = |name: &str, value: fn(&crate::train::RatePoint) -> f64| Curve {
        name: name.into(),
        points: (curve.points.iter())
            .map(|point| (f64::from(point.rate).log10(), value(point)))
            .collect(),
    };
    let losses = || curve.points.iter().map(|point| point.loss);
    let low = losses().fold(f64::INFINITY, f64::min);
    let high = losses().fold(f64::NEG_INFINITY, f64::max);
    let mark = |name: &str, rate: Option<f32>| Curve {
        name: rate.map_or(String::new(), |rate| format!("{name} {rate:.2e}")),
        points: (rate.into_iter())
            .flat_map(|rate| [low, high].map(|loss| (f64::from(rate).log10(), loss)))
            .collect(),
    };
    let curves: Vec<Curve> = [
        of("loss", |point| point.loss),
        of("smoothed", |point| point.smoothed),
        mark("proposed", curve.proposed),
        mark("steepest", curve.steepest),
    ]
    .into_iter()
    .filter(|curve| !curve.points.is_empty())
    .collect();
    let svg = curves_svg(
        "Learning-rate range test",
        "log10 of the learning rate",
        "loss",
        &curves,
    );
    let mut page = Page::new(&format!("Learning rate for {source}"));
    page.section("Loss while the rate climbs", &svg);
    (svg, page.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::RatePoint;

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
        assert!(svg.contains("proposed 1.00e-3") && svg.contains("steepest 2.00e-3"));
        assert!(page.contains("a&lt;b") && page.contains(svg.trim()));
        (curve.proposed, curve.steepest) = (None, None);
        assert!(!rate_report("data", &curve).0.contains("proposed"));
    }
}
