//! Line charts as SVG.

use plotters::prelude::*;

use super::svg::{Area, Drawn, svg};

/// One named line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Name in the legend.
    pub name: String,
    /// Points `(x, y)`; those that are not finite are left out.
    pub points: Vec<(f64, f64)>,
}

/// Size of a chart in pixels.
const SIZE: (u32, u32) = (860, 340);
/// Line colours that people with any colour vision can tell apart (Okabe and Ito 2008).
pub(super) const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    BLACK,
];

/// Draws `curves` over a common x axis; returns an SVG document.
pub fn curves_svg(title: &str, x_label: &str, y_label: &str, curves: &[Curve]) -> String {
    let finite = |p: &&(f64, f64)| p.0.is_finite() && p.1.is_finite();
    let points: Vec<(f64, f64)> = curves
        .iter()
        .flat_map(|curve| curve.points.iter().filter(finite).copied())
        .collect();
    let (x_low, x_high) = bounds(points.iter().map(|p| p.0));
    let (y_low, y_high) = bounds(points.iter().map(|p| p.1));
    svg(SIZE, |root| {
        draw(
            root,
            title,
            (x_label, y_label),
            (x_low..x_high, y_low..y_high),
            curves,
        )
    })
}

fn draw<'a>(
    root: &Area<'a>,
    title: &str,
    (x_label, y_label): (&str, &str),
    (x, y): (std::ops::Range<f64>, std::ops::Range<f64>),
    curves: &[Curve],
) -> Drawn<'a> {
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(root)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(64)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc(x_label)
        .y_desc(y_label)
        .draw()?;
    for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        let finite = curve
            .points
            .iter()
            .copied()
            .filter(|p| p.0.is_finite() && p.1.is_finite());
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(finite, style))?
            .label(&curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .draw()
}

/// Positive values whose range is at least this wide lie on a logarithmic axis.
const WIDE: f64 = 20.0;

/// Whether an axis of `values` shows their logarithms: see [`place`] and [`label`].
pub(super) fn is_wide(values: impl Iterator<Item = f64>) -> bool {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
        (l.min(v), h.max(v))
    });
    low > 0.0 && high / low >= WIDE
}

/// The place of a value on an axis, which is logarithmic if it [`is_wide`].
pub(super) fn place(value: f64, wide: bool) -> f64 {
    if wide { value.log10() } else { value }
}

/// The value at a place, in few digits.
pub(super) fn label(place: f64, wide: bool) -> String {
    let value = if wide { 10f64.powf(place) } else { place };
    if value == 0.0 {
        return "0".into();
    }
    let digits = (1 - value.abs().log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Lowest and highest value with a little room, never an empty range.
pub(super) fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
        (l.min(v), h.max(v))
    });
    if low > high {
        return (0.0, 1.0);
    }
    let room = if high > low { 0.03 * (high - low) } else { 0.5 };
    (low - room, high + room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_curve_is_drawn_and_named() {
        let curve = |name: &str| Curve {
            name: name.into(),
            points: vec![(0.0, 1.0), (1.0, 0.5)],
        };
        let svg = curves_svg(
            "loss",
            "epoch",
            "loss",
            &[curve("training"), curve("validation")],
        );
        assert!(svg.starts_with("<svg"));
        assert!(svg.contains("training") && svg.contains("validation"));
        // One line a curve, and one line a legend entry.
        assert_eq!(svg.matches("stroke-width=\"2\"").count(), 4);
    }

    #[test]
    fn wide_ranges_are_logarithmic_and_labelled_by_their_values() {
        assert!(is_wide([0.005, 0.3].into_iter()) && !is_wide([0.0, 3.0].into_iter()));
        for (value, text) in [
            (0.0123, "0.012"),
            (3000.0, "3000"),
            (0.5, "0.5"),
            (12.0, "12"),
        ] {
            assert_eq!(label(place(value, true), true), text);
            assert_eq!(label(value, false), text);
        }
    }

    #[test]
    fn empty_and_infinite_curves_do_not_stop_the_drawing() {
        let curve = Curve {
            name: "loss".into(),
            points: vec![(0.0, f64::NAN), (1.0, f64::INFINITY)],
        };
        assert!(curves_svg("loss", "epoch", "loss", &[curve]).ends_with("</svg>\n"));
        assert!(curves_svg("loss", "epoch", "loss", &[]).ends_with("</svg>\n"));
    }
}
