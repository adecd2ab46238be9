//! Parallel coordinates as SVG: an axis for each setting, a line for each trial.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::svg::{Area, Drawn, svg};

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What it shows.
    pub name: String,
    /// Text at places from 0 (below) to 1 (above).
    pub ticks: Vec<(f64, String)>,
}

/// A line across all axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its place on each axis, from 0 to 1. The line is interrupted at an axis where it has no place.
    pub places: Vec<Option<f64>>,
    /// From 0, the best, to 1, the worst.
    pub rank: f64,
}

const SIZE: (u32, u32) = (1100, 420);
const MARGIN: (i32, i32) = (70, 50);

/// Draws `lines`, the best on top and darkest; returns an SVG document.
pub fn parallel_svg(title: &str, axes: &[Axis], lines: &[Line]) -> String {
    svg(SIZE, |root| draw(root, title, axes, lines))
}

/// The colour of a rank: dark blue is best, pale yellow is worst. They also differ in brightness.
pub(super) fn colour_of(rank: f64) -> RGBColor {
    ViridisRGB.get_color(rank.clamp(0.0, 1.0))
}

fn draw<'a>(root: &Area<'a>, title: &str, axes: &[Axis], lines: &[Line]) -> Drawn<'a> {
    root.fill(&WHITE)?;
    let text = ("sans-serif", 12).into_font();
    let centred = text.color(&BLACK).pos(Pos::new(HPos::Center, VPos::Bottom));
    let beside = text
        .color(&BLACK.mix(0.7))
        .pos(Pos::new(HPos::Right, VPos::Center));
    let (width, height) = (SIZE.0 as i32 - 2 * MARGIN.0, SIZE.1 as i32 - 2 * MARGIN.1);
    let x = |axis: usize| MARGIN.0 + width * axis as i32 / (axes.len() as i32 - 1).max(1);
    let y = |place: f64| MARGIN.1 + 10 + ((1.0 - place.clamp(0.0, 1.0)) * f64::from(height)) as i32;
    root.draw(&Text::new(
        title.to_owned(),
        (SIZE.0 as i32 / 2, 18),
        ("sans-serif", 18)
            .into_font()
            .color(&BLACK)
            .pos(Pos::new(HPos::Center, VPos::Center)),
    ))?;
    let mut lines: Vec<&Line> = lines.iter().collect();
    lines.sort_by(|a, b| b.rank.total_cmp(&a.rank));
    for line in lines {
        let width = if line.rank < 0.1 { 3 } else { 1 };
        let style = colour_of(line.rank).mix(0.85).stroke_width(width);
        let places = line.places.iter().enumerate();
        let points: Vec<Option<(i32, i32)>> = places
            .map(|(axis, place)| place.map(|place| (x(axis), y(place))))
            .collect();
        for part in points.split(Option::is_none) {
            let part: Vec<(i32, i32)> = part.iter().copied().flatten().collect();
            if part.len() > 1 {
                root.draw(&PathElement::new(part, style))?;
            }
        }
    }
    for (n, axis) in axes.iter().enumerate() {
        let ends = vec![(x(n), y(0.0)), (x(n), y(1.0))];
        root.draw(&PathElement::new(ends, BLACK.stroke_width(1)))?;
        root.draw(&Text::new(
            axis.name.clone(),
            (x(n), y(1.0) - 8),
            centred.clone(),
        ))?;
        for (place, label) in &axis.ticks {
            root.draw(&Text::new(
                label.clone(),
                (x(n) - 5, y(*place)),
                beside.clone(),
            ))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_where_it_has_no_place() {
        let axis = |name: &str| Axis {
            name: name.into(),
            ticks: vec![(0.0, "low".into()), (1.0, "high".into())],
        };
        let axes = ["a", "b", "c", "d"].map(axis);
        let line = |places: [Option<f64>; 4]| Line {
            places: places.to_vec(),
            rank: 0.5,
        };
        let broken = line([Some(0.1), Some(0.2), None, Some(0.4)]);
        let whole = line([Some(0.1), Some(0.2), Some(0.3), Some(0.4)]);
        let svg = parallel_svg("settings", &axes, &[broken, whole]);
        // Four axes, and one stroke for each line: a single place has none.
        assert_eq!(svg.matches("<polyline").count(), 4 + 2, "{svg}");
        assert_eq!(svg.matches("high").count(), 4);
        assert!(parallel_svg("none", &[], &[]).ends_with("</svg>\n"));
    }
}
