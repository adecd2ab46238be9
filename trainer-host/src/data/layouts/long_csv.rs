//! Tables with one row a time step: a long CSV, `series_id,t,<channels...>,label`, or a recording of its own.
//!
//! The rows of a series are next to each other, with `t` increasing. A `label` that repeats over
//! every series names one class a sequence; one that changes within any series names a class for
//! each step. Targets of a regression are named by [`Columns::targets`](super::super::Columns::targets),
//! and follow the same rule. A `group` column, if there is one, keeps the series of one person or machine
//! together in splits. A column that counts rows is no channel.

use std::collections::HashSet;
use std::io::Read;

use ndarray::{Array2, Axis};

use super::super::columns::{Layout, Wanted};
use super::super::counter::Counter;
use super::super::error::{DataError, Place, Problem};
use super::super::fields::Row;
use super::super::offsets::Narrow;
use super::super::records::{FirstTime, Gap, Labels, Record, Records, Target, note_gap};
use super::super::runs::Runs;
use super::super::table::Table;
use super::super::text;
use super::super::time_stamp::{self, Time};
use super::Reading;

/// Reads all of a file.
pub(super) fn read(
    input: impl Read,
    place: &Place,
    reading: &Reading<'_>,
) -> Result<Records, DataError> {
    let mut tables = Tables::new(*reading);
    tables.add(input, place, &Named::default())?;
    Ok(tables.finish())
}

/// What a recording's place says of it, beside its rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Named {
    /// The file's.
    pub(super) name: Option<String>,
    pub(super) label: Option<String>,
    pub(super) group: Option<String>,
}

/// Reads tables with the same channels, one after another.
pub(super) struct Tables<'a> {
    reading: Reading<'a>,
    labels: Labels,
    narrow: Narrow,
    records: Vec<Record>,
    notes: Vec<String>,
    /// Of the first table: names of channels, of targets and of the label.
    channels: Option<Vec<String>>,
    outputs: Vec<String>,
    label_name: Option<String>,
    channels_are_named: bool,
    counters: Vec<Counter>,
    rows: usize,
}

impl<'a> Tables<'a> {
    pub(super) fn new(reading: Reading<'a>) -> Self {
        Self {
            reading,
            labels: Labels::default(),
            narrow: Narrow::new(reading.offsets),
            records: Vec::new(),
            notes: Vec::new(),
            channels: None,
            outputs: Vec::new(),
            label_name: None,
            channels_are_named: false,
            counters: Vec::new(),
            rows: 0,
        }
    }

    /// Adds the series of one table.
    pub(super) fn add(
        &mut self,
        input: impl Read,
        place: &Place,
        named: &Named,
    ) -> Result<(), DataError> {
        let mut table = Table::open(input, place)?;
        let first = self.channels.clone();
        let wanted = Wanted {
            like: first.as_deref().or(self.reading.wanted.like),
            label_is_optional: named.label.is_some(),
            ..self.reading.wanted
        };
        let top = place.clone().line(table.line);
        let layout = Layout::find(&table, wanted).map_err(|problem| top.clone().refuse(problem))?;
        self.take_layout(&layout, &top)?;
        let mut file = File {
            tables: self,
            layout,
            place,
            named,
            decimal: table.decimal,
            ended: HashSet::new(),
            current: None,
            steps: 0,
        };
        // Spreadsheets end a table with rows of separators alone.
        let mut first_empty = None;
        while let Some(row) = table.next(place)? {
            if file.needs_every_row() && row.fields().all(str::is_empty) {
                first_empty.get_or_insert(row.line);
                continue;
            }
            if let Some(line) = first_empty {
                return Err(place.clone().line(line).refuse(Problem::EmptyRow));
            }
            file.push(&row)?;
        }
        file.end_series();
        Ok(())
    }

    /// Takes the first table's channels; those of others must be the same.
    fn take_layout(&mut self, layout: &Layout, top: &Place) -> Result<(), DataError> {
        let channels = layout.names_of(&layout.channels);
        match &self.channels {
            Some(expected) if *expected != channels => {
                return Err(top.clone().refuse(Problem::OtherChannels {
                    expected: expected.clone(),
                    found: channels,
                }));
            }
            Some(_) => {}
            None => {
                self.counters = channels.iter().map(|name| Counter::new(name)).collect();
                self.channels = Some(channels);
                self.channels_are_named = layout.channels_are_named;
                self.outputs = layout.names_of(&layout.targets);
                self.label_name = layout.label.map(|at| layout.names[at].clone());
            }
        }
        for note in &layout.notes {
            if !self.notes.contains(note) {
                self.notes.push(note.clone());
            }
        }
        Ok(())
    }

    /// The series of all tables.
    pub(super) fn finish(mut self) -> Records {
        let mut channels = self.channels.take().unwrap_or_default();
        let count = |j: &usize| match self.channels_are_named {
            true => None,
            false => self.counters[*j].count(),
        };
        let (counters, kept): (Vec<usize>, Vec<usize>) =
            (0..channels.len()).partition(|j| count(j).is_some());
        if !counters.is_empty() && !kept.is_empty() {
            for j in counters {
                let note = count(&j).map(|count| count.note(&channels[j]));
                self.notes.extend(note);
            }
            for record in &mut self.records {
                record.steps = record.steps.select(Axis(1), &kept);
            }
            self.narrow.keep(&kept);
            channels = kept.iter().map(|j| channels[*j].clone()).collect();
        }
        Records {
            front_end: None,
            channels,
            labels: self.labels,
            kind_is_said: !self.outputs.is_empty(),
            outputs: self.outputs,
            label_name: self.label_name,
            records: self.records,
            rows_repeat: true,
            narrow: self.narrow,
            notes: self.notes,
            declared: None,
        }
    }
}

/// The series that rows are being added to.
struct Series {
    id: String,
    lines: Runs,
    begins: Option<FirstTime>,
    time: Clock,
    time_steps: Vec<f32>,
    group: Option<String>,
    labels: Runs,
    targets: Vec<f32>,
    values: Vec<f32>,
    gap: Gap,
}

/// The time of the last row.
#[derive(Default)]
struct Clock {
    now: Time,
    /// As it stands in the file.
    text: String,
    /// From the row before it, 0 at first.
    step: f64,
    /// What counters that went round are behind.
    behind: i64,
}

impl Clock {
    /// Goes on to the next row's time; false if that does not come after this one. A counter that went
    /// round, as its step shows, is counted on.
    fn go_on(&mut self, time: Time, text: &str, notes: &mut Vec<String>) -> bool {
        let mut time = time.later(self.behind);
        if time <= self.now {
            let before = self.now.later(-self.behind);
            let Some(size) = time.later(-self.behind).wrapped_from(before, self.step) else {
                return false;
            };
            self.behind += size;
            time = time.later(size);
            let note = format!("the time begins again after {size}, and is counted on");
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        self.step = time.since(self.now);
        self.now = time;
        self.text.clear();
        self.text.push_str(text);
        true
    }
}

/// One table while it is read.
struct File<'t, 'a> {
    tables: &'t mut Tables<'a>,
    layout: Layout,
    place: &'t Place,
    named: &'t Named,
    decimal: text::Decimal,
    ended: HashSet<String>,
    current: Option<Series>,
    /// Of the last series: the next one is likely as long.
    steps: usize,
}

impl File<'_, '_> {
    fn push(&mut self, row: &Row<'_>) -> Result<(), DataError> {
        let id = match self.layout.series {
            Some(column) if self.is_current(row.field(column)) => row.field(column),
            Some(column) => self.field(row, column, text::word)?,
            None => "",
        };
        if !self.is_current(id) {
            self.end_series();
        }
        let time = match self.layout.time {
            Some(column) => self.field(row, column, |field| time(field, self.decimal))?,
            None => Time::of_row(self.tables.rows),
        };
        let time_text = self.layout.time.map_or("", |column| row.field(column));
        let group = (self.layout.group)
            .map(|column| self.field(row, column, text::word))
            .transpose()?
            .or(self.named.group.as_deref());
        let is_first = self.current.is_none();
        let mut series = match self.current.take() {
            Some(mut series) => {
                self.go_on(&mut series, (time, time_text), group, row.line)?;
                series
            }
            None => self.begin(id, (time, time_text), group, row.line)?,
        };
        if let Some(label) = self.label(row)? {
            series.labels.push(label as u64);
        }
        self.add_values(row, &mut series, is_first)?;
        series.lines.push(row.line);
        self.current = Some(series);
        self.tables.rows += 1;
        Ok(())
    }

    /// Whether a column may not be empty.
    fn needs_every_row(&self) -> bool {
        let layout = &self.layout;
        let needed = [layout.series, layout.time, layout.label, layout.group];
        needed.iter().any(Option::is_some) || !layout.targets.is_empty()
    }

    /// Whether the series that is being read has this id.
    fn is_current(&self, id: &str) -> bool {
        self.current.as_ref().is_some_and(|series| series.id == id)
    }

    fn place_of(&self, row: &Row<'_>, column: usize) -> Place {
        let part = format!("column {}", self.layout.names[column]);
        self.place.clone().line(row.line).part(part)
    }

    /// One field, converted; an error names its column.
    fn field<'r, T>(
        &self,
        row: &Row<'r>,
        column: usize,
        convert: impl Fn(&'r str) -> Result<T, Problem>,
    ) -> Result<T, DataError> {
        convert(row.field(column)).map_err(|problem| self.place_of(row, column).refuse(problem))
    }

    fn label(&mut self, row: &Row<'_>) -> Result<Option<usize>, DataError> {
        let Some(column) = self.layout.label else {
            return Ok(None);
        };
        let number = self.tables.labels.number(row.field(column));
        (number.map(Some)).map_err(|problem| self.place_of(row, column).refuse(problem))
    }

    fn add_values(
        &mut self,
        row: &Row<'_>,
        series: &mut Series,
        is_first: bool,
    ) -> Result<(), DataError> {
        for (j, column) in self.layout.channels.iter().enumerate() {
            let value = match text::number(row.field(*column), self.decimal) {
                Ok(value) => value,
                Err(problem) if problem.is_gap() => {
                    let place = || self.place_of(row, *column);
                    note_gap(&mut series.gap, series.lines.len(), || {
                        place().refuse(problem)
                    });
                    f64::NAN
                }
                Err(problem) => {
                    let problem = match self.layout.channels_are_named {
                        true => problem,
                        false => problem.of_no_channel(),
                    };
                    return Err(self.place_of(row, *column).refuse(problem));
                }
            };
            self.tables.counters[j].take(value, is_first);
            series.values.push(self.tables.narrow.value(j, value));
        }
        for column in &self.layout.targets {
            let value = self.field(row, *column, |field| text::target(field, self.decimal))?;
            series.targets.push(value as f32);
        }
        Ok(())
    }

    /// Begins a series.
    fn begin(
        &self,
        id: &str,
        (time, text): (Time, &str),
        group: Option<&str>,
        line: u64,
    ) -> Result<Series, DataError> {
        if self.ended.contains(id) {
            let series = id.to_owned();
            let here = self.place.clone().line(line);
            return Err(here.refuse(Problem::SeriesResumed { series }));
        }
        let is_timed = self.layout.time.is_some();
        Ok(Series {
            id: id.to_owned(),
            begins: is_timed.then(|| FirstTime {
                time: time.value(),
                is_date: time_stamp::is_date(text),
            }),
            lines: Runs::counting(),
            time: Clock {
                now: time,
                text: text.to_owned(),
                ..Clock::default()
            },
            time_steps: Vec::with_capacity(if is_timed { self.steps } else { 0 }),
            group: group.map(str::to_owned),
            labels: Runs::constant(),
            targets: Vec::with_capacity(self.steps * self.layout.targets.len()),
            values: Vec::with_capacity(self.steps * self.layout.channels.len()),
            gap: None,
        })
    }

    /// Checks that a row goes on with a series.
    fn go_on(
        &mut self,
        series: &mut Series,
        (time, text): (Time, &str),
        group: Option<&str>,
        line: u64,
    ) -> Result<(), DataError> {
        let here = || self.place.clone().line(line);
        if !series.time.go_on(time, text, &mut self.tables.notes) {
            return Err(here().refuse(Problem::TimeNotIncreasing {
                series: series.id.clone(),
                previous: series.time.text.clone(),
                found: text.to_owned(),
            }));
        }
        if self.layout.time.is_some() {
            series.time_steps.push(series.time.step as f32);
        }
        match (&series.group, group) {
            (Some(expected), Some(found)) if expected != found => {
                Err(here().refuse(Problem::GroupChanges {
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
        let steps = series.lines.len();
        self.steps = steps;
        let matrix = |mut values: Vec<f32>, columns: usize| {
            values.shrink_to_fit();
            Array2::from_shape_vec((steps, columns), values)
                .unwrap_or_else(|_| Array2::zeros((steps, columns)))
        };
        let place = self
            .place
            .clone()
            .line(series.lines.get(0).unwrap_or_default());
        let outputs = self.layout.targets.len();
        let (target, place) = match (self.layout.label, &self.named.label) {
            (Some(column), _) => (
                Target::Labels(series.labels),
                place.part(format!("column {}", self.layout.names[column])),
            ),
            // A name that is a missing word is refused where names are made, before any file is read.
            (None, Some(label)) if outputs == 0 => (
                Target::Label(self.tables.labels.number(label).unwrap_or_default()),
                self.place.clone(),
            ),
            (None, _) => (
                Target::ValuesPerStep(matrix(series.targets, outputs)),
                place,
            ),
        };
        let steps = matrix(series.values, self.layout.channels.len());
        self.tables.records.push(Record {
            step_lines: Some(series.lines),
            name: match self.layout.series {
                Some(_) => Some(series.id.clone()),
                None => self.named.name.clone(),
            },
            group: series.group,
            time_steps: series.time_steps,
            begins: series.begins,
            ..Record::new(place, steps, series.gap, target)
        });
        self.ended.insert(series.id);
    }
}

fn time(field: &str, decimal: text::Decimal) -> Result<Time, Problem> {
    let field = text::clean(field);
    let time = match decimal {
        text::Decimal::Point => Time::parse(field),
        text::Decimal::Comma => Time::parse(&field.replacen(',', ".", 1)),
    };
    let found = || field.to_owned();
    time.ok_or_else(|| match text::is_missing(field) {
        true => Problem::Missing { what: "time" },
        false => Problem::NotATime { found: found() },
    })
}
