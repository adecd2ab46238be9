//! Long CSV: a header, then one row a time step, `series_id,t,<channels...>,label`.
//!
//! The rows of a series are next to each other, with `t` increasing. A `label` that repeats over
//! every series names one class a sequence; one that changes within any series names a class for
//! each step. Targets of a regression are named by [`Columns::targets`], and follow the same rule.
//! A `group` column, if there is one, keeps the series of one person or machine together in splits.

use std::collections::HashSet;
use std::io::Read;

use csv::StringRecord;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::error::{DataError, Place, Problem};
use super::records::{Labels, Record, Records, Target};
use super::text::{self, Gaps};
use super::time_stamp::time;

/// Which columns of a long CSV mean what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// The series that a row belongs to.
    pub series: String,
    /// A number, or a date and time (`2016-07-01 00:00:00`), that increases from row to row of a series.
    pub time: String,
    /// The class.
    pub label: String,
    /// The person or machine; optional in the file.
    pub group: String,
    /// Targets of a regression. With them the label column is left out.
    pub targets: Vec<String>,
    /// Input channels in their order; `None` takes every other column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            series: "series_id".into(),
            time: "t".into(),
            label: "label".into(),
            group: "group".into(),
            targets: Vec::new(),
            channels: None,
        }
    }
}

/// What is read from the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) gaps: Gaps,
    /// Series without labels and targets. A file without a series column is one series, and one
    /// without a time column is in the order of time.
    pub(super) unlabelled: bool,
}

/// Reads all of a file.
pub(super) fn read(
    mut input: impl Read,
    place: &Place,
    columns: &Columns,
    reading: Reading,
) -> Result<Records, DataError> {
    let mut text = Vec::new();
    (input.read_to_end(&mut text)).map_err(|e| place.clone().refuse(Problem::Unreadable(e)))?;
    let mut lines = LineCounter::new(&text);
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_slice());
    let top = place.clone().line(lines.line_at(0));
    let header = reader.headers().cloned();
    let header = header.map_err(|error| syntax(top.clone(), &error))?;
    if header.is_empty() {
        return Err(place.clone().refuse(Problem::Empty));
    }
    let layout = Layout::find(&header, columns, reading.unlabelled)
        .map_err(|problem| top.refuse(problem))?;
    let mut file = Builder::new(layout, place, reading.gaps);
    let mut row = StringRecord::new();
    loop {
        let line = lines.line_at(reader.position().byte());
        match reader.read_record(&mut row) {
            Ok(true) => file.push(&row, line)?,
            Ok(false) => return Ok(file.finish()),
            Err(error) => return Err(syntax(place.clone().line(line), &error)),
        }
    }
}

pub(super) fn syntax(place: Place, error: &csv::Error) -> DataError {
    place.refuse(Problem::Syntax {
        format: "CSV",
        detail: format!("{error}; save it as UTF-8 with commas between the fields"),
    })
}

/// Tells the line of a row; the parser's own count leaves out empty lines.
struct LineCounter<'a> {
    text: &'a [u8],
    byte: usize,
    line: u64,
}

impl<'a> LineCounter<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            byte: 0,
            line: 1,
        }
    }

    /// The line of the row that begins at or after a byte, which is not before the last one asked for.
    fn line_at(&mut self, byte: u64) -> u64 {
        let is_before = |at: usize| (at as u64) < byte;
        while let Some(next) = self.text.get(self.byte)
            && (is_before(self.byte) || matches!(next, b'\n' | b'\r'))
        {
            self.line += u64::from(*next == b'\n');
            self.byte += 1;
        }
        self.line
    }
}

/// Where each column is.
struct Layout {
    names: Vec<String>,
    series: Option<usize>,
    time: Option<usize>,
    label: Option<usize>,
    group: Option<usize>,
    targets: Vec<usize>,
    channels: Vec<usize>,
}

/// The names of the columns, of which no two are alike.
fn distinct_names(header: &StringRecord) -> Result<Vec<String>, Problem> {
    // A byte order mark belongs to no name.
    let names: Vec<String> = (header.iter())
        .map(|name| name.trim_start_matches('\u{feff}').to_owned())
        .collect();
    if let ([only], Some(separator)) = (
        names.as_slice(),
        [';', '\t', '|'].iter().find(|c| header[0].contains(**c)),
    ) {
        return Err(Problem::Syntax {
            format: "CSV",
            detail: format!("the header {only:?} has {separator:?} between its names; use commas"),
        });
    }
    let mut seen = HashSet::new();
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        Some(name) => Err(Problem::DuplicateColumn { name: name.clone() }),
        None => Ok(names),
    }
}

impl Layout {
    fn find(header: &StringRecord, columns: &Columns, unlabelled: bool) -> Result<Self, Problem> {
        let names = distinct_names(header)?;
        let optional = |name: &String| names.iter().position(|known| known == name);
        let needed = |name: &String| {
            optional(name).ok_or_else(|| Problem::MissingColumn {
                name: name.clone(),
                have: names.clone(),
            })
        };
        let all = |names: &[String]| names.iter().map(needed).collect::<Result<Vec<_>, _>>();
        let default = Columns::default();
        let ordering = |name: &String, default: &String| match unlabelled && name == default {
            true => Ok(optional(name)),
            false => needed(name).map(Some),
        };
        let series = ordering(&columns.series, &default.series)?;
        let time = ordering(&columns.time, &default.time)?;
        let targets = all(&columns.targets)?;
        let label = optional(&columns.label);
        let group = optional(&columns.group);
        if targets.is_empty() && !unlabelled {
            needed(&columns.label)?;
        }
        let channels = match &columns.channels {
            Some(chosen) => all(chosen)?,
            None => (0..names.len())
                .filter(|at| ![series, time, label, group].contains(&Some(*at)))
                .filter(|at| !targets.contains(at))
                .collect(),
        };
        if channels.is_empty() {
            return Err(Problem::NoChannels);
        }
        let label = label.filter(|_| columns.targets.is_empty() && !unlabelled);
        let mut used = HashSet::new();
        let mut columns = channels.iter().chain(&targets).chain(&label);
        if let Some(twice) = columns.find(|at| !used.insert(**at)) {
            let name = names[*twice].clone();
            return Err(Problem::ColumnUsedTwice { name });
        }
        Ok(Self {
            names,
            series,
            time,
            label,
            group,
            targets,
            channels,
        })
    }

    fn names_of(&self, columns: &[usize]) -> Vec<String> {
        columns.iter().map(|at| self.names[*at].clone()).collect()
    }
}

/// The series that rows are being added to.
#[derive(Default)]
struct Series {
    id: String,
    lines: Vec<u64>,
    /// Time of the last row, as a number and as it stands in the file.
    time: (f64, String),
    group: Option<String>,
    labels: Vec<usize>,
    targets: Vec<f32>,
    values: Vec<f32>,
}

struct Builder<'a> {
    layout: Layout,
    place: &'a Place,
    labels: Labels,
    ended: HashSet<String>,
    current: Option<Series>,
    records: Vec<Record>,
    gaps: Gaps,
}

impl<'a> Builder<'a> {
    fn new(layout: Layout, place: &'a Place, gaps: Gaps) -> Self {
        Self {
            layout,
            place,
            labels: Labels::default(),
            ended: HashSet::new(),
            current: None,
            records: Vec::new(),
            gaps,
        }
    }

    fn push(&mut self, row: &StringRecord, line: u64) -> Result<(), DataError> {
        let here = self.place.clone().line(line);
        let expected = self.layout.names.len();
        if row.len() != expected {
            let found = row.len();
            return Err(here.refuse(Problem::Ragged { expected, found }));
        }
        let id = match self.layout.series {
            Some(column) => self.text(row, column, &here)?,
            None => "",
        };
        if self.current.as_ref().is_some_and(|series| series.id != id) {
            self.end_series();
        }
        let time = match self.layout.time {
            Some(column) => (
                self.field(row, column, &here, time)?,
                row[column].to_owned(),
            ),
            None => (line as f64, line.to_string()),
        };
        let group = (self.layout.group)
            .map(|column| self.text(row, column, &here))
            .transpose()?;
        self.continue_series(id, time, group, &here)?;
        let label = (self.layout.label)
            .map(|column| self.text(row, column, &here))
            .transpose()?
            .map(|label| self.labels.number(label));
        let gaps = self.gaps;
        let values = self.numbers(row, &self.layout.channels, &here, |f| gaps.number(f))?;
        let targets = self.numbers(row, &self.layout.targets, &here, text::number)?;
        if let Some(series) = &mut self.current {
            series.lines.push(line);
            series.labels.extend(label);
            series.values.extend(values);
            series.targets.extend(targets);
        }
        Ok(())
    }

    /// One field, converted; an error names its column.
    fn field<T>(
        &self,
        row: &StringRecord,
        column: usize,
        here: &Place,
        convert: impl Fn(&str) -> Result<T, Problem>,
    ) -> Result<T, DataError> {
        convert(&row[column]).map_err(|problem| {
            let part = format!("column {}", self.layout.names[column]);
            here.clone().part(part).refuse(problem)
        })
    }

    fn text<'r>(
        &self,
        row: &'r StringRecord,
        column: usize,
        here: &Place,
    ) -> Result<&'r str, DataError> {
        let filled = |field: &str| match field.is_empty() {
            true => Err(Problem::MissingValue),
            false => Ok(()),
        };
        self.field(row, column, here, filled)?;
        Ok(&row[column])
    }

    fn numbers(
        &self,
        row: &StringRecord,
        columns: &[usize],
        here: &Place,
        convert: impl Fn(&str) -> Result<f32, Problem>,
    ) -> Result<Vec<f32>, DataError> {
        (columns.iter())
            .map(|column| self.field(row, *column, here, &convert))
            .collect()
    }

    /// Begins a series, or checks that a row goes on with the current one.
    fn continue_series(
        &mut self,
        id: &str,
        time: (f64, String),
        group: Option<&str>,
        here: &Place,
    ) -> Result<(), DataError> {
        let Some(series) = &mut self.current else {
            if self.ended.contains(id) {
                let series = id.to_owned();
                return Err(here.clone().refuse(Problem::SeriesResumed { series }));
            }
            self.current = Some(Series {
                id: id.to_owned(),
                time,
                group: group.map(str::to_owned),
                ..Series::default()
            });
            return Ok(());
        };
        if time.0 <= series.time.0 {
            return Err(here.clone().refuse(Problem::TimeNotIncreasing {
                series: id.to_owned(),
                previous: series.time.1.clone(),
                found: time.1,
            }));
        }
        series.time = time;
        match (&series.group, group) {
            (Some(expected), Some(found)) if expected != found => {
                Err(here.clone().refuse(Problem::GroupChanges {
                    expected: expected.clone(),
                    found: found.to_owned(),
                }))
            }
            _ => Ok(()),
        }
    }

    fn end_series(&mut self) {
        let Some(series) = self.current.take() else {
            return;
        };
        let matrix = |values: Vec<f32>, columns: usize| {
            Array2::from_shape_fn((series.lines.len(), columns), |(t, j)| {
                values[t * columns + j]
            })
        };
        let place = self.place.clone().line(series.lines[0]);
        let (target, place) = match self.layout.label {
            Some(column) => (
                Target::Labels(series.labels),
                place.part(format!("column {}", self.layout.names[column])),
            ),
            None => (
                Target::ValuesPerStep(matrix(series.targets, self.layout.targets.len())),
                place,
            ),
        };
        self.records.push(Record {
            place,
            steps: matrix(series.values, self.layout.channels.len()),
            target,
            group: series.group,
            step_lines: series.lines,
        });
        self.ended.insert(series.id);
    }

    fn finish(mut self) -> Records {
        self.end_series();
        Records {
            channels: self.layout.names_of(&self.layout.channels),
            labels: self.labels,
            declared: None,
            outputs: self.layout.names_of(&self.layout.targets),
            records: self.records,
            rows_repeat: true,
        }
    }
}
