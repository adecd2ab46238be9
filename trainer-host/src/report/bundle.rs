//! Many line charts in one, coloured by how good they are.

use plotters::prelude::*;

use super::curve::{bounds, is_wide, label, place};
use super::parallel::colour_of;
use super::svg::{Area, Drawn, svg};

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Strand {
    /// Points `(x, y)`; those that are not finite are left out.
    pub points: Vec<(f64, f64)>,
    /// From 0, the best, to 1, the worst.
    pub rank: f64,
}

const SIZE: (u32, u32) = (860, 340);

/// Draws `strands`, the best on top; returns an SVG document. If the range of y is wide, its axis is logarithmic.
pub fn bundle_svg(title: &str, x_label: &str, y_label: &str, strands: &[Strand]) -> String {
    let finite = |p: &&(f64, f64)| p.0.is_finite() && p.1.is_finite();
    let all = || strands.iter().flat_map(|s| s.points.iter().filter(finite));
    let x = bounds(all().map(|p| p.0));
    let wide = is_wide(all().map(|p| p.1));
    let y = bounds(all().map(|p| place(p.1, wide)));
    svg(SIZE, |root| {
        draw(root, (title, x_label, y_label), (x, y), wide, strands)
    })
}

fn draw<'a>(
    root: &Area<'a>,
    (title, x_label, y_label): (&str, &str, &str),
    (x, y): ((f64, f64), (f64, f64)),
    wide: bool,
    strands: &[Strand],
) -> Drawn<'a> {
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(root)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(38)
        .y_label_area_size(64)
        .build_cartesian_2d(x.0..x.1, y.0..y.1)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc(x_label)
        .y_desc(y_label)
        .y_label_formatter(&|y| label(*y, wide))
        .draw()?;
    let mut strands: Vec<&Strand> = strands.iter().collect();
    strands.sort_by(|a, b| b.rank.total_cmp(&a.rank));
    for strand in strands {
        let finite = (strand.points.iter().copied())
            .filter(|p| p.0.is_finite() && p.1.is_finite())
            .map(|p| (p.0, place(p.1, wide)));
        let width = if strand.rank < 0.1 { 3 } else { 1 };
        let style = colour_of(strand.rank).stroke_width(width);
        chart.draw_series(LineSeries::new(finite, style))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a logarithmic axis, a tenth and a hundredth lie as far apart as one and a tenth.
    #[test]
    fn wide_ranges_are_drawn_where_their_axis_has_them() {
        let strand = Strand {
            points: vec![(1.0, 1.0), (2.0, 0.1), (3.0, 0.01)],
            rank: 0.0,
        };
        let svg = bundle_svg("trials", "epoch", "error", &[strand]);
        let of_strand = svg
            .split("<polyline")
            .find(|part| part.contains("stroke-width=\"3\""));
        let points = of_strand.unwrap().split("points=\"").nth(1).unwrap();
        let points = points.split('"').next().unwrap();
        let heights: Vec<i32> = (points.split_whitespace())
            .map(|point| point.split(',').nth(1).unwrap().parse().unwrap())
            .collect();
        assert_eq!(heights.len(), 3, "{points}");
        let steps = [heights[1] - heights[0], heights[2] - heights[1]];
        assert!(
            steps[0] > 50 && (steps[0] - steps[1]).abs() <= 1,
            "{heights:?}"
        );
    }

    #[test]
    fn every_strand_is_drawn() {
        let strand = |rank| Strand {
            points: vec![(1.0, 0.5), (2.0, f64::NAN), (3.0, 0.25)],
            rank,
        };
        let svg = bundle_svg("trials", "epoch", "error", &[strand(0.0), strand(0.5)]);
        assert_eq!(svg.matches("stroke-width=\"3\"").count(), 1);
        assert!(bundle_svg("none", "epoch", "error", &[]).ends_with("</svg>\n"));
    }
}
