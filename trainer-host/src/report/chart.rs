//! Charts: lines and points over two axes, drawn as SVG with their values beside them.
//!
//! The page's script (`assets/report/page.js`) draws the same picture again in the width that there is, shows values
//! under the pointer, and switches lines and logarithmic axes. Without it, the picture stands as it is.

use std::fmt::Write;

use serde_json::{Value, json};

use super::axis::{Range, is_wide};
use super::dates;
use super::page::escape;

/// How a series is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// A line from point to point.
    #[default]
    Line,
    /// Points alone.
    Points,
    /// Points, and the edge of what they are better than: both coordinates are minimised.
    Front,
}

/// A line or a cloud of points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// Points `(x, y)`. Those that are not finite are left out, and a line is open there.
    pub points: Vec<(f64, f64)>,
    /// How they are drawn.
    pub look: Look,
    /// What is shown of each point under the pointer, besides its values; empty, or one for each.
    pub notes: Vec<String>,
    /// The same, if it is one for all points.
    pub note: Option<String>,
    /// One of many lines: from 0, the best, to 1, the worst, which decides its colour.
    pub rank: Option<f64>,
}

impl Series {
    /// A line.
    pub fn line(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.to_owned(),
            points,
            ..Self::default()
        }
    }

    /// A line over the positions of `values`, from 0.
    pub fn over_positions(name: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let points = values.into_iter().enumerate();
        Self::line(name, points.map(|(at, value)| (at as f64, value)).collect())
    }
}

/// A chart with its title and axes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// Above it.
    pub title: String,
    /// What the axis to the right shows.
    pub x: String,
    /// What the axis upwards shows.
    pub y: String,
    /// What is drawn, the last on top.
    pub series: Vec<Series>,
    /// Upright lines at values of x, with their names.
    pub marks: Vec<(f64, String)>,
    /// Whether x and y begin as logarithmic axes.
    pub log: [bool; 2],
    /// What x is.
    pub x_ticks: Ticks,
}

/// What the axis to the right counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Ticks {
    /// Numbers.
    #[default]
    Numbers,
    /// Seconds since 1970, which stand there as dates.
    Dates,
    /// The values 0, 1 and so on, which have these names.
    Names(Vec<String>),
}

const SIZE: (f64, f64) = (640.0, 300.0);
/// The left, upper, right and lower edge of the area with the lines.
const BOX: [f64; 4] = [56.0, 10.0, SIZE.0 - 12.0, SIZE.1 - 40.0];
/// Colours in an SVG file of its own, which people with any colour vision can tell apart (Okabe and Ito 2008).
const FILE_STYLE: &str = "<style>svg{font:12px sans-serif;background:#fff;color:#222}text{fill:#222}\
.grid{stroke:#ccc;stroke-width:.6}.frame{fill:none;stroke:#999}.mark{stroke:#222;stroke-dasharray:4 3}\
polyline{fill:none;stroke-width:2;stroke:var(--c)}circle{fill:var(--c)}\
.s0{--c:#0072b2}.s1{--c:#d55e00}.s2{--c:#009e73}.s3{--c:#cc79a7}.s4{--c:#e69f00}.s5{--c:#56b4e9}.s6{--c:#000}</style>";

impl Chart {
    /// A chart of lines.
    pub fn lines(title: &str, (x, y): (&str, &str), series: Vec<Series>) -> Self {
        Self {
            title: title.to_owned(),
            x: x.to_owned(),
            y: y.to_owned(),
            series,
            ..Self::default()
        }
    }

    /// The same with logarithmic axes where values have a wide range.
    #[must_use]
    pub fn with_suited_axes(mut self) -> Self {
        self.log = [0, 1].map(|axis| is_wide(self.values(axis)));
        self
    }

    /// What all points have on x, axis 0, or on y, axis 1.
    fn values(&self, axis: usize) -> impl Iterator<Item = f64> {
        let points = self.series.iter().flat_map(|series| &series.points);
        points.map(move |(x, y)| [*x, *y][axis])
    }

    /// The picture with its title, its legend and its values, for a page.
    pub fn figure(&self) -> String {
        let mut html = format!(
            "<figure class=\"chart\"><figcaption>{}</figcaption><div class=\"tools\">",
            escape(&self.title)
        );
        // Many ranked lines have no names of their own.
        let named = self
            .series
            .iter()
            .enumerate()
            .filter(|(_, s)| s.rank.is_none());
        for (n, series) in named {
            // Writing to a String cannot fail.
            let _ = write!(
                html,
                "<span class=\"s{}\">{}</span>",
                n % 7,
                escape(&series.name)
            );
        }
        let data = self.data().to_string().replace('<', "\\u003c");
        let _ = writeln!(
            html,
            "</div>{}<script type=\"application/json\">{data}</script></figure>",
            self.svg("")
        );
        html
    }

    /// The picture as an SVG file.
    pub fn svg_file(&self) -> String {
        let names = self.series.iter().enumerate().map(|(n, series)| {
            let y = BOX[1] + 16.0 * (n as f64 + 1.0);
            format!(
                "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\" class=\"s{}\" style=\"fill:var(--c)\">{}</text>",
                BOX[2] - 6.0,
                n % 7,
                escape(&series.name)
            )
        });
        let names: String = names.collect();
        self.svg(&format!(
            "{FILE_STYLE}<title>{}</title>{names}",
            escape(&self.title)
        )) + "\n"
    }

    /// What the script draws.
    fn data(&self) -> Value {
        let (low, high) = Range::of(self.values(1), false).ends();
        let series = self.series.iter().map(|series| {
            // Times have many digits that they share: all of them are kept.
            let points = (series.points.iter())
                .map(|point| [json!(point.0), told_apart(point.1, high - low)]);
            let look = match series.look {
                Look::Line => "line",
                Look::Points => "points",
                Look::Front => "front",
            };
            let mut value = json!({
                "name": series.name,
                "look": look,
                "p": points.collect::<Vec<_>>(),
            });
            if !series.notes.is_empty() {
                value["notes"] = json!(series.notes);
            }
            if let Some(note) = &series.note {
                value["note"] = json!(note);
            }
            if let Some(rank) = series.rank {
                value["rank"] = short(rank);
            }
            value
        });
        let mut data = json!({
            "x": self.x,
            "y": self.y,
            "log": self.log,
            "marks": self.marks,
            "series": series.collect::<Vec<_>>(),
        });
        match &self.x_ticks {
            Ticks::Numbers => {}
            Ticks::Dates => data["dates"] = json!(self.date_ticks()),
            Ticks::Names(names) => {
                data["names"] = json!(names.iter().enumerate().collect::<Vec<_>>());
            }
        }
        data
    }

    /// Ticks of x where it is a date.
    fn date_ticks(&self) -> Vec<(f64, String)> {
        let (low, high) = Range::of(self.values(0), false).ends();
        // A name is wide, and would be cut off at the right edge.
        let mut ticks = dates::ticks(low, high, 6.0);
        ticks.retain(|(at, _)| *at <= high - 0.08 * (high - low));
        ticks
    }

    fn svg(&self, inside: &str) -> String {
        let mut range = [0, 1].map(|axis| Range::of(self.values(axis), self.log[axis]));
        if let Ticks::Names(names) = &self.x_ticks {
            range[0] = Range::between(-0.5, names.len() as f64 - 0.5);
        }
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{inside}",
            SIZE.0,
            SIZE.1,
            escape(&self.title)
        );
        let placed = |ticks: Vec<(f64, String)>| {
            let ticks = ticks.into_iter();
            ticks
                .filter_map(|(at, text)| Some((range[0].share(at)?, text)))
                .collect()
        };
        let ticks = match &self.x_ticks {
            Ticks::Numbers => range[0].ticks(6.0),
            Ticks::Dates => placed(self.date_ticks()),
            Ticks::Names(names) => {
                let names = names.iter().enumerate();
                placed(names.map(|(at, name)| (at as f64, escape(name))).collect())
            }
        };
        draw_axes(&mut svg, (&ticks, &range[1]), [&self.x, &self.y]);
        self.draw_marks(&mut svg, &range[0]);
        let mut order: Vec<(usize, &Series)> = self.series.iter().enumerate().collect();
        // The best of ranked lines lie on top.
        order.sort_by(|a, b| b.1.rank.unwrap_or(0.0).total_cmp(&a.1.rank.unwrap_or(0.0)));
        for (n, series) in order {
            draw_series(&mut svg, &range, n, series);
        }
        svg + "</svg>"
    }

    /// Draws the marks, whose names stand below one another.
    fn draw_marks(&self, svg: &mut String, range: &Range) {
        for (row, (value, name)) in self.marks.iter().enumerate() {
            let share = range
                .share(*value)
                .filter(|share| (0.0..=1.0).contains(share));
            let Some(share) = share else { continue };
            let x = across(share);
            let (anchor, beside) = if share > 0.5 {
                ("end", -5.0)
            } else {
                ("start", 5.0)
            };
            let _ = write!(
                svg,
                "<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{}\"/>\
                 <text x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
                BOX[1],
                BOX[3],
                x + beside,
                BOX[1] + 13.0 + 15.0 * row as f64,
                escape(name)
            );
        }
    }
}

/// A number as the page has it.
fn short(value: f64) -> Value {
    let digits = format!("{value:.5e}").parse::<f64>();
    digits.map_or(Value::Null, |value| json!(value))
}

/// The same, or all digits, if short ones are off by more than a part of `range` that can be seen.
fn told_apart(value: f64, range: f64) -> Value {
    let text = short(value);
    let is_near = |near: f64| (near - value).abs() <= 1e-4 * range;
    match text.as_f64().is_none_or(is_near) {
        true => text,
        false => json!(value),
    }
}

fn across(share: f64) -> f64 {
    BOX[0] + share * (BOX[2] - BOX[0])
}

fn up(share: f64) -> f64 {
    BOX[3] - share * (BOX[3] - BOX[1])
}

/// Axes with these ticks of x, and the range of y.
fn draw_axes(svg: &mut String, (ticks, y): (&[(f64, String)], &Range), names: [&str; 2]) {
    let [left, top, right, bottom] = BOX;
    for (share, text) in ticks {
        let x = across(*share);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
            bottom + 15.0
        );
    }
    for (share, text) in y.ticks(6.0) {
        let y = up(share);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            left - 5.0,
            y + 4.0
        );
    }
    let _ = write!(
        svg,
        "<rect class=\"frame\" x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\"/>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
         <text transform=\"translate(12 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        right - left,
        bottom - top,
        (left + right) / 2.0,
        SIZE.1 - 6.0,
        escape(names[0]),
        (top + bottom) / 2.0,
        escape(names[1]),
    );
}

fn draw_series(svg: &mut String, range: &[Range; 2], n: usize, series: &Series) {
    let place = |point: &(f64, f64)| {
        let (x, y) = (range[0].share(point.0)?, range[1].share(point.1)?);
        Some((across(x), up(y)))
    };
    // A line is open where a point has no place.
    let mut runs: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    for point in series.points.iter().map(place) {
        match (point, runs.last_mut()) {
            (Some(point), Some(run)) => run.push(point),
            (None, _) if series.look == Look::Line => runs.push(Vec::new()),
            _ => {}
        }
    }
    for run in runs {
        draw_run(svg, run, n, series);
    }
}

/// Draws points of a series that nothing parts.
fn draw_run(svg: &mut String, mut points: Vec<(f64, f64)>, n: usize, series: &Series) {
    let style = match series.rank {
        None => format!("class=\"s{}\"", n % 7),
        Some(rank) => {
            let best = if rank < 0.1 { " best" } else { "" };
            format!("class=\"rank{best}\" style=\"--r:{:.0}%\"", 100.0 * rank)
        }
    };
    let dots = points.clone();
    if series.look == Look::Front {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let corner = |n: usize| [(points[n].0, points[n.saturating_sub(1)].1), points[n]];
        points = (0..points.len()).flat_map(corner).collect();
    }
    if series.look != Look::Points && points.len() > 1 {
        let _ = write!(svg, "<polyline {style} points=\"");
        for (x, y) in points {
            let _ = write!(svg, "{x:.1},{y:.1} ");
        }
        svg.push_str("\"/>");
    }
    if series.look != Look::Line || dots.len() < 2 {
        let radius = if series.look == Look::Front { 5.0 } else { 3.5 };
        for (x, y) in dots {
            let _ = write!(
                svg,
                "<circle {style} cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>"
            );
        }
    }
}

#[cfg(test)]
mod tests;
