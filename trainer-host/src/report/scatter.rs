//! Points in a plane as SVG, with the edge of a Pareto front.

use plotters::prelude::*;

use super::curve::{COLOURS, bounds, is_wide, label, place};
use super::svg::{Area, Drawn, svg};

/// Points of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Cloud {
    /// Name in the legend.
    pub name: String,
    /// Points `(x, y)`; those that are not finite are left out.
    pub points: Vec<(f64, f64)>,
    /// Whether they are the corners of a front, on which both coordinates are minimised.
    pub is_front: bool,
}

const SIZE: (u32, u32) = (860, 380);

/// Draws `clouds`; returns an SVG document. Axes of wide ranges are logarithmic.
pub fn scatter_svg(title: &str, x_label: &str, y_label: &str, clouds: &[Cloud]) -> String {
    let finite = |p: &&(f64, f64)| p.0.is_finite() && p.1.is_finite();
    let all = || {
        clouds
            .iter()
            .flat_map(|cloud| cloud.points.iter().filter(finite))
    };
    let wide = (is_wide(all().map(|p| p.0)), is_wide(all().map(|p| p.1)));
    let x = bounds(all().map(|p| place(p.0, wide.0)));
    let y = bounds(all().map(|p| place(p.1, wide.1)));
    svg(SIZE, |root| {
        let labels = (title, x_label, y_label);
        draw(root, labels, (x.0..x.1, y.0..y.1), wide, clouds)
    })
}

fn draw<'a>(
    root: &Area<'a>,
    (title, x_label, y_label): (&str, &str, &str),
    (x, y): (std::ops::Range<f64>, std::ops::Range<f64>),
    wide: (bool, bool),
    clouds: &[Cloud],
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
        .x_label_formatter(&|x| label(*x, wide.0))
        .y_label_formatter(&|y| label(*y, wide.1))
        .draw()?;
    for (cloud, colour) in clouds.iter().zip(COLOURS.iter().cycle()) {
        let mut points: Vec<(f64, f64)> = (cloud.points.iter().copied())
            .filter(|p| p.0.is_finite() && p.1.is_finite())
            .map(|p| (place(p.0, wide.0), place(p.1, wide.1)))
            .collect();
        let size = if cloud.is_front { 5 } else { 3 };
        if cloud.is_front {
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let steps = points.iter().enumerate().flat_map(|(n, &(x, y))| {
                let before = points[n.saturating_sub(1)].1;
                [(x, before), (x, y)]
            });
            chart.draw_series(LineSeries::new(steps, colour.mix(0.6).stroke_width(2)))?;
        }
        let colour = *colour;
        let dots = points
            .iter()
            .map(|&p| Circle::new(p, size, colour.filled()));
        chart
            .draw_series(dots)?
            .label(&cloud.name)
            .legend(move |(x, y)| Circle::new((x + 9, y), size, colour.filled()));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .draw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_point_is_drawn() {
        let cloud = |name: &str, is_front, points: &[(f64, f64)]| Cloud {
            name: name.into(),
            points: points.to_vec(),
            is_front,
        };
        let svg = scatter_svg(
            "front",
            "instructions",
            "error",
            &[
                cloud("trials", false, &[(1e4, 0.2), (2e4, 0.1), (1.0, f64::NAN)]),
                cloud("front", true, &[(1e4, 0.1), (5e3, 0.3)]),
            ],
        );
        // One circle a point, and one a legend entry.
        assert_eq!(svg.matches("<circle").count(), 4 + 2, "{svg}");
        assert!(scatter_svg("none", "x", "y", &[]).ends_with("</svg>\n"));
    }
}
