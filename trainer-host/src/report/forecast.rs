//! Forecasts over time: targets, forecasts and the linear baseline on the axis that the data has, and what integers change.

use super::{Chart, Page, Series, Ticks, columns};
use crate::data::{Dataset, Moment, TimeUnit};
use crate::evaluate::{Outputs, values_of};

/// Outputs that are drawn, at most.
const DRAWN: usize = 8;
/// Points of a line over the whole part, at most; of more windows, evenly spaced ones are drawn.
const POINTS: usize = 320;
/// Windows of a line that shows each of them: the hours of a week.
const FIRST: usize = 168;

/// Forecasts of the same part.
pub(super) struct Forecasts<'a> {
    /// The recordings.
    pub(super) data: &'a Dataset,
    /// What is judged, and what it is: `f32`.
    pub(super) judged: (&'a Outputs, &'a str),
    /// The linear baseline's.
    pub(super) linear: Option<&'a Outputs>,
    /// Those of the f32 network that the integers are compared with; none before `quantise`.
    pub(super) float: Option<&'a Outputs>,
    /// Those of the integers of each quantisation, by its name.
    pub(super) integers: Vec<(&'a str, &'a Outputs)>,
}

/// Adds the forecasts of the part of this name, if they are forecasts.
pub(super) fn forecast_sections(page: &mut Page, part: &str, forecasts: &Forecasts<'_>) {
    let data = forecasts.data;
    let Some(origin) = &data.origin else { return };
    if data.moments.is_empty() {
        return;
    }
    let first = data.moments[0].series;
    let windows: Vec<usize> = (0..data.moments.len())
        .take_while(|s| data.moments[*s].series == first)
        .collect();
    let series = data
        .moments
        .last()
        .map_or(1, |last| last.series - first + 1);
    let of = match series {
        1 => String::new(),
        series => format!(" The first of {series} series is drawn."),
    };
    let thinned = windows.len().div_ceil(POINTS);
    let each = match thinned {
        0 | 1 => String::new(),
        n => format!(" Over the whole part, one window in {n} is drawn."),
    };
    let note = format!(
        "<p>Each value stands at the time that it is for; lines are open at gaps.{of}{each}</p>"
    );
    let mut html = note;
    let evenly: Vec<usize> = windows.iter().copied().step_by(thinned.max(1)).collect();
    for o in 0..data.outputs.len().min(DRAWN) {
        let name = origin.value_name(data, o);
        let lines = forecasts.lines(o);
        let whole = format!("{name}, the whole part");
        let mut figures = forecasts.drawn(&lines, (&whole, name), &evenly);
        if thinned > 1 {
            let title = format!("{name}, the first windows");
            let first = &windows[..windows.len().min(FIRST)];
            figures += &forecasts.drawn(&lines, (&title, name), first);
        }
        let title = format!("{name}, integers less f32");
        figures += &forecasts.difference(o, (&title, name), &evenly);
        html += &columns(&figures);
    }
    page.section(&format!("Forecast, {part}"), &html);
}

impl Forecasts<'_> {
    /// Targets and forecasts of output `o`: their names, and a value for each window.
    fn lines(&self, o: usize) -> Vec<(String, Vec<f64>)> {
        let (judged, name) = self.judged;
        let (targets, forecasts) = values_of(self.data, judged, o).into_iter().unzip();
        let mut lines = vec![
            ("target".to_owned(), targets),
            (format!("forecast, {name}"), forecasts),
        ];
        if let Some(linear) = self.linear {
            let pairs = values_of(self.data, linear, o).into_iter();
            let values = pairs.map(|pair| pair.1).collect();
            lines.push(("ridge regression".to_owned(), values));
        }
        lines
    }

    /// `lines` over these windows.
    fn drawn(
        &self,
        lines: &[(String, Vec<f64>)],
        names: (&str, &str),
        windows: &[usize],
    ) -> String {
        let line = |(name, values): &(String, Vec<f64>)| self.line(name, windows, &|s| values[s]);
        self.chart(names, lines.iter().map(line).collect())
    }

    /// What the integers of each quantisation change of output `o`; nothing before `quantise`.
    fn difference(&self, o: usize, names: (&str, &str), windows: &[usize]) -> String {
        let Some(float) = self.float else {
            return String::new();
        };
        let exact = values_of(self.data, float, o);
        let series = self.integers.iter().map(|(name, outputs)| {
            let found = values_of(self.data, outputs, o);
            self.line(name, windows, &|s| found[s].1 - exact[s].1)
        });
        self.chart(names, series.collect())
    }

    /// A line over the times of `windows`, open where one of them, or one between them, comes after a gap.
    fn line(&self, name: &str, windows: &[usize], value: &dyn Fn(usize) -> f64) -> Series {
        Series::line(name, with_gaps(&self.data.moments, windows, value))
    }

    /// A chart with its title and what the axis upwards shows.
    fn chart(&self, (title, y): (&str, &str), series: Vec<Series>) -> String {
        let unit = self
            .data
            .origin
            .as_ref()
            .map_or(TimeUnit::Rows, |origin| origin.time);
        let x = match unit {
            TimeUnit::Rows => "row",
            TimeUnit::Numbers | TimeUnit::Dates => "time",
        };
        let chart = Chart {
            x_ticks: match unit {
                TimeUnit::Dates => Ticks::Dates,
                _ => Ticks::Numbers,
            },
            ..Chart::lines(title, (x, y), series)
        };
        chart.figure()
    }
}

/// Points at the times of `windows`, which ascend, with one that has no value before each that comes after a gap.
fn with_gaps(
    moments: &[Moment],
    windows: &[usize],
    value: &dyn Fn(usize) -> f64,
) -> Vec<(f64, f64)> {
    let mut points = Vec::with_capacity(windows.len());
    let mut next = windows.first().copied().unwrap_or_default();
    for s in windows {
        let is_open = (next..=*s).any(|between| moments[between].is_after_gap);
        if is_open && !points.is_empty() {
            points.push((moments[*s].time, f64::NAN));
        }
        points.push((moments[*s].time, value(*s)));
        next = s + 1;
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_open_at_a_gap_between_windows_that_are_left_out() {
        let moments: Vec<Moment> = (0..7)
            .map(|s| Moment {
                series: 0,
                time: 10.0 * f64::from(s),
                is_after_gap: [0, 3].contains(&s),
            })
            .collect();
        let points = with_gaps(&moments, &[0, 2, 4, 6], &|s| s as f64);
        let finite: Vec<(f64, f64)> = points.iter().copied().filter(|p| p.1.is_finite()).collect();
        assert_eq!(finite, [(0.0, 0.0), (20.0, 2.0), (40.0, 4.0), (60.0, 6.0)]);
        assert!(points[2].1.is_nan() && points.len() == 5, "{points:?}");
    }
}
