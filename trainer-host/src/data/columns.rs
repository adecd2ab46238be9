//! Which column of a table means what.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::counter;
use super::error::Problem;
use super::table::Table;

/// Which columns of a long CSV mean what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// The series that a row belongs to; a file without this column is one series.
    pub series: String,
    /// A number, or a date and time (`2016-07-01 00:00:00`), that increases from row to row of a series;
    /// a file without this column is in the order of time.
    pub time: String,
    /// The class.
    pub label: String,
    /// The person or machine; optional in the file.
    pub group: String,
    /// Targets of a regression. With them the label column is left out.
    pub targets: Vec<String>,
    /// Input channels in their order; `None` takes every other column that has a name and does not count rows.
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

/// How the columns of one table are to be taken.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) columns: &'a Columns,
    /// Series need no labels and no targets; columns of them are not read.
    pub(super) unlabelled: bool,
    /// A label is not needed where there is none: the file's place says it.
    pub(super) label_is_optional: bool,
    /// The channels of the training part, which those here are matched with by name.
    pub(super) like: Option<&'a [String]>,
}

/// Where each column is.
pub(super) struct Layout {
    pub(super) names: Vec<String>,
    pub(super) series: Option<usize>,
    pub(super) time: Option<usize>,
    pub(super) label: Option<usize>,
    pub(super) group: Option<usize>,
    pub(super) targets: Vec<usize>,
    pub(super) channels: Vec<usize>,
    /// Whether the channels were named, in the options or by the training part.
    pub(super) channels_are_named: bool,
    /// What was taken otherwise than it stands, a line each.
    pub(super) notes: Vec<String>,
}

impl Layout {
    pub(super) fn find<R>(table: &Table<R>, wanted: Wanted<'_>) -> Result<Self, Problem> {
        let header = Header::new(&table.names);
        header.require_different()?;
        let Wanted { columns, .. } = wanted;
        let mut notes = Vec::new();
        // Where none are needed, those that are there are no channels all the same.
        let unread: Vec<usize> = match wanted.unlabelled {
            true => (columns.targets.iter())
                .filter_map(|name| header.position(name))
                .collect(),
            false => Vec::new(),
        };
        let targets = match wanted.unlabelled {
            true => Vec::new(),
            false => header.all(&columns.targets)?,
        };
        let label = match targets.is_empty() && !wanted.unlabelled {
            true => header.label(wanted)?,
            false => None,
        };
        let default = Columns::default();
        let series = header.optional(&columns.series, &default.series)?;
        let mut time = header.optional(&columns.time, &default.time)?;
        if time.is_none() && table.has_header {
            time = header.usual_time();
            let name = time.map(|at| &table.names[at]);
            notes
                .extend(name.map(|name| format!("column {name:?} is taken for the time (--time)")));
        }
        let group = header.position(&columns.group);
        let special = [series, time, header.position(&columns.label), group];
        let used: HashSet<usize> = (special.iter().flatten())
            .chain(targets.iter().chain(&unread))
            .copied()
            .collect();
        let rest: Vec<usize> = (0..table.names.len())
            .filter(|at| !used.contains(at))
            .collect();
        let (channels, channels_are_named) = header.channels(wanted, rest, &mut notes)?;
        if channels.is_empty() {
            return Err(Problem::NoChannels);
        }
        header.require_one_use(&channels, &targets, label)?;
        Ok(Self {
            names: table.names.clone(),
            series,
            time,
            label,
            group,
            targets,
            channels,
            channels_are_named,
            notes,
        })
    }

    pub(super) fn names_of(&self, columns: &[usize]) -> Vec<String> {
        columns.iter().map(|at| self.names[*at].clone()).collect()
    }
}

struct Header<'a> {
    names: &'a [String],
    at: HashMap<&'a str, usize>,
}

impl<'a> Header<'a> {
    fn new(names: &'a [String]) -> Self {
        let at = names.iter().map(String::as_str).zip(0..);
        Self {
            names,
            at: at.collect(),
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.at.get(name).copied()
    }

    fn needed(&self, name: &str) -> Result<usize, Problem> {
        self.position(name).ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> Problem {
        Problem::MissingColumn {
            name: name.to_owned(),
            have: self.names.to_vec(),
        }
    }

    fn all(&self, names: &[String]) -> Result<Vec<usize>, Problem> {
        names.iter().map(|name| self.needed(name)).collect()
    }

    /// A column that is needed where another name than the usual one was asked for.
    fn optional(&self, name: &str, usual: &str) -> Result<Option<usize>, Problem> {
        match name == usual {
            true => Ok(self.position(name)),
            false => self.needed(name).map(Some),
        }
    }

    fn label(&self, wanted: Wanted<'_>) -> Result<Option<usize>, Problem> {
        let Columns { label, series, .. } = wanted.columns;
        match self.position(label) {
            None if wanted.label_is_optional => Ok(None),
            // Where nothing has the name that it should, the first one is asked for.
            None if self.position(series).is_none() => Err(self.missing(series)),
            None => Err(self.missing(label)),
            at => Ok(at),
        }
    }

    /// A column named `timestamp`, `Time (s)` or `time_ms`, else one named `date`.
    fn usual_time(&self) -> Option<usize> {
        let first = |is: fn(&str) -> bool| self.names.iter().position(|name| is(name));
        first(counter::is_time).or_else(|| first(counter::is_date))
    }

    /// The input channels among the columns that mean nothing else, and whether they were named.
    fn channels(
        &self,
        wanted: Wanted<'_>,
        rest: Vec<usize>,
        notes: &mut Vec<String>,
    ) -> Result<(Vec<usize>, bool), Problem> {
        if let Some(chosen) = &wanted.columns.channels {
            return Ok((self.all(chosen)?, true));
        }
        let is_nameless =
            |at: &usize| self.names[*at].is_empty() || self.names[*at].starts_with("Unnamed: ");
        let (nameless, named): (Vec<usize>, Vec<usize>) = rest.into_iter().partition(is_nameless);
        if !nameless.is_empty() {
            notes
                .push("a column without a name is no channel and was left out (--channels)".into());
        }
        let known = wanted.like.map(|channels| self.all(channels));
        let Some(Ok(known)) = known else {
            return Ok((named, false));
        };
        let is_known: HashSet<usize> = known.iter().copied().collect();
        let others: Vec<&str> = (named.iter().filter(|at| !is_known.contains(at)))
            .map(|at| self.names[*at].as_str())
            .collect();
        if !others.is_empty() {
            // What names recordings in the training data may have another name here.
            let one = match self.position(&wanted.columns.series) {
                Some(_) => String::new(),
                None => format!(
                    "; without a column {:?}, the file is one recording (--series names it)",
                    wanted.columns.series
                ),
            };
            notes.push(format!(
                "columns that the training part does not have were left out: {}{one}",
                others.join(", ")
            ));
        }
        Ok((known, true))
    }

    fn require_different(&self) -> Result<(), Problem> {
        let mut seen = HashSet::new();
        let mut names = self.names.iter().filter(|name| !name.is_empty());
        match names.find(|name| !seen.insert(name.as_str())) {
            Some(name) => Err(Problem::DuplicateColumn { name: name.clone() }),
            None => Ok(()),
        }
    }

    fn require_one_use(
        &self,
        channels: &[usize],
        targets: &[usize],
        label: Option<usize>,
    ) -> Result<(), Problem> {
        let mut used = HashSet::new();
        let mut columns = channels.iter().chain(targets).chain(&label);
        match columns.find(|at| !used.insert(**at)) {
            Some(twice) => Err(Problem::ColumnUsedTwice {
                name: self.names[*twice].clone(),
            }),
            None => Ok(()),
        }
    }
}
