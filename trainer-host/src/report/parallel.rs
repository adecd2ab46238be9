//! Parallel coordinates as SVG: an axis for each setting, a line for each trial.

use std::fmt::Write;

use super::page::escape;

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
    /// What is shown of it under the pointer.
    pub note: String,
}

const HEIGHT: f64 = 360.0;
/// Between two axes.
const APART: f64 = 105.0;
const MARGIN: (f64, f64) = (70.0, 40.0);

/// Draws `lines`, the best on top and in the strongest colour; returns an SVG that scrolls where it is too wide.
pub fn parallel_svg(title: &str, axes: &[Axis], lines: &[Line]) -> String {
    let width = 2.0 * MARGIN.0 + APART * (axes.len().max(2) - 1) as f64;
    let x = |axis: usize| MARGIN.0 + APART * axis as f64;
    let y = |place: f64| HEIGHT - 20.0 - place.clamp(0.0, 1.0) * (HEIGHT - 20.0 - MARGIN.1);
    let mut svg = format!(
        "<div class=\"wide\"><svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{HEIGHT}\" \
         viewBox=\"0 0 {width} {HEIGHT}\" class=\"over\" style=\"min-width:{:.0}px\" role=\"img\" aria-label=\"{}\">",
        0.8 * width,
        escape(title)
    );
    let mut lines: Vec<&Line> = lines.iter().collect();
    lines.sort_by(|a, b| b.rank.total_cmp(&a.rank));
    for line in lines {
        let places = line.places.iter().enumerate();
        let points: Vec<Option<(f64, f64)>> = places
            .map(|(axis, place)| place.map(|place| (x(axis), y(place))))
            .collect();
        let best = if line.rank < 0.1 { " best" } else { "" };
        for part in points.split(Option::is_none).filter(|part| part.len() > 1) {
            let points: Vec<String> = (part.iter().flatten())
                .map(|(x, y)| format!("{x:.1},{y:.1}"))
                .collect();
            // Writing to a String cannot fail.
            let _ = write!(
                svg,
                "<polyline class=\"rank{best}\" style=\"--r:{:.0}%\" points=\"{}\" data-t=\"{}\"/>",
                100.0 * line.rank,
                points.join(" "),
                escape(&line.note)
            );
        }
    }
    for (n, axis) in axes.iter().enumerate() {
        let _ = write!(
            svg,
            "<line class=\"frame\" x1=\"{0}\" x2=\"{0}\" y1=\"{1}\" y2=\"{2}\"/>\
             <text x=\"{0}\" y=\"{3}\" text-anchor=\"middle\">{4}</text>",
            x(n),
            y(0.0),
            y(1.0),
            // Long names of neighbours stand above one another.
            if n % 2 == 0 { 14.0 } else { 30.0 },
            escape(&axis.name)
        );
        for (place, label) in &axis.ticks {
            let _ = write!(
                svg,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                x(n) - 5.0,
                y(*place) + 4.0,
                escape(label)
            );
        }
    }
    svg + "</svg></div>"
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
            note: "trial <3>".into(),
        };
        let broken = line([Some(0.1), Some(0.2), None, Some(0.4)]);
        let whole = line([Some(0.1), Some(0.2), Some(0.3), Some(0.4)]);
        let svg = parallel_svg("settings", &axes, &[broken, whole]);
        // One stroke for each line: a single place has none.
        assert_eq!(svg.matches("<polyline").count(), 2, "{svg}");
        assert_eq!(svg.matches("high").count(), 4);
        assert!(svg.contains("trial &lt;3&gt;"));
        assert!(parallel_svg("none", &[], &[]).contains("</svg>"));
    }
}
