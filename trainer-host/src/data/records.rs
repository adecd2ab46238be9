//! Sequences as read from a file, with labels still in words, and how they become a [`Dataset`].
//!
//! Every layout leaves the same rules to this place: steps at a sequence's end in which every channel is
//! missing are padding; a missing value elsewhere is refused unless it is to be filled; labels that repeat
//! name one class a sequence; and the classes are those of the training part.

use std::collections::HashMap;

use ndarray::{Array2, ArrayView1, s};

use super::counter;
use super::error::{DataError, Place, Problem};
use super::front_end::FrontEnd;
use super::offsets::Narrow;
use super::runs::Runs;
use super::task::Kind;
use super::text;
use super::{Dataset, Schema, Targets};

/// The labels met so far, numbered in the order of their first occurrence.
#[derive(Default)]
pub(super) struct Labels {
    pub(super) names: Vec<String>,
    number: HashMap<String, usize>,
    /// The last field and its number: rows of a series repeat it.
    last: Option<(String, usize)>,
}

impl Labels {
    /// Number of different labels so far.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The number of a label, new or known; a missing one is refused.
    pub(super) fn number(&mut self, field: &str) -> Result<usize, Problem> {
        if let Some((last, number)) = &self.last
            && last == field
        {
            return Ok(*number);
        }
        let name = text::class_name(field)?;
        let number = self.number.get(&*name).copied().unwrap_or_else(|| {
            let number = self.names.len();
            self.names.push(name.clone().into_owned());
            self.number.insert(name.into_owned(), number);
            number
        });
        self.last = Some((field.to_owned(), number));
        Ok(number)
    }
}

/// The target of one sequence; labels are numbers of [`Labels`].
pub(super) enum Target {
    /// One label.
    Label(usize),
    /// A label for each step, `[T]`.
    Labels(Runs),
    /// One vector of values, `[O]`.
    Values(Vec<f32>),
    /// Values for each step, `[T, O]`.
    ValuesPerStep(Array2<f32>),
}

/// The first missing input of a sequence: its step, and the error that it is unless it may be filled.
pub(super) type Gap = Option<(usize, DataError)>;

/// Keeps the gap of the earliest step.
pub(super) fn note_gap(gap: &mut Gap, step: usize, error: impl FnOnce() -> DataError) {
    if gap.as_ref().is_none_or(|(first, _)| step < *first) {
        *gap = Some((step, error()));
    }
}

/// One sequence as read.
pub(super) struct Record {
    /// Where its label is, or its first one.
    pub(super) place: Place,
    /// The line of each step, in a format with one row a step.
    pub(super) step_lines: Option<Runs>,
    /// `[T, I]`, `T ≥ 1`; finite, or NaN where a value is missing.
    pub(super) steps: Array2<f32>,
    /// What training may take in place of `steps`, each as long.
    pub(super) variants: Vec<Array2<f32>>,
    pub(super) gap: Gap,
    pub(super) target: Target,
    /// What its series or its file is called.
    pub(super) name: Option<String>,
    pub(super) group: Option<String>,
    /// The time from each step to the next one, where it is known.
    pub(super) time_steps: Vec<f32>,
    /// The time of the first step, where it is known.
    pub(super) begins: Option<FirstTime>,
}

/// When a record begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FirstTime {
    /// In the units of the file's times; of dates, in seconds since 1970.
    pub(super) time: f64,
    pub(super) is_date: bool,
}

impl Record {
    /// Of a format without lines and times.
    pub(super) fn new(place: Place, steps: Array2<f32>, gap: Gap, target: Target) -> Self {
        Self {
            place,
            step_lines: None,
            steps,
            variants: Vec::new(),
            gap,
            target,
            name: None,
            group: None,
            time_steps: Vec::new(),
            begins: None,
        }
    }

    /// Leaves the steps at the end out in which every channel is missing; whether there were any.
    fn strip_padding(&mut self) -> Result<bool, DataError> {
        let is_padding = |row: &ArrayView1<'_, f32>| row.iter().all(|value| value.is_nan());
        let rows = self.steps.rows();
        let valid = rows.into_iter().rev().skip_while(is_padding).count();
        if valid == self.steps.nrows() {
            return Ok(false);
        }
        if valid == 0 {
            return Err(self.place.clone().refuse(Problem::ZeroLength));
        }
        self.steps = self.steps.slice(s![..valid, ..]).to_owned();
        if let Some(lines) = &mut self.step_lines {
            lines.truncate(valid);
        }
        self.time_steps.truncate(valid - 1);
        match &mut self.target {
            Target::Labels(labels) => labels.truncate(valid),
            Target::ValuesPerStep(values) if values.nrows() > valid => {
                *values = values.slice(s![..valid, ..]).to_owned();
            }
            Target::ValuesPerStep(_) => {}
            Target::Label(_) | Target::Values(_) => {}
        }
        if self.gap.as_ref().is_some_and(|(step, _)| *step >= valid) {
            self.gap = None;
        }
        Ok(true)
    }

    /// The place of one step.
    pub(super) fn place_of(&self, step: usize) -> Place {
        let mut place = self.place.clone();
        let line = self.step_lines.as_ref().and_then(|lines| lines.get(step));
        place.line = line.or(place.line);
        place
    }
}

/// All of a file.
#[derive(Default)]
pub(super) struct Records {
    pub(super) channels: Vec<String>,
    pub(super) labels: Labels,
    /// What a regression's output is called, if the labels are its values.
    pub(super) label_name: Option<String>,
    /// The classes in their order, if the file declares them.
    pub(super) declared: Option<Vec<String>>,
    /// Names of the regression's outputs.
    pub(super) outputs: Vec<String>,
    pub(super) records: Vec<Record>,
    /// Whether labels that repeat over each whole sequence mean one label a sequence.
    pub(super) rows_repeat: bool,
    /// Whether the file or the options say that targets are values or classes. Then one-hot rows alone are in doubt.
    pub(super) kind_is_said: bool,
    pub(super) narrow: Narrow,
    /// What makes the channels of samples.
    pub(super) front_end: Option<FrontEnd>,
    pub(super) notes: Vec<String>,
}

/// How records are taken, whatever their layout.
#[derive(Clone, Copy, Default)]
pub(super) struct Taking<'a> {
    /// What the training part has, for a test part.
    pub(super) like: Option<&'a Schema>,
    /// What the options say that targets are.
    pub(super) kind: Option<Kind>,
    /// Whether missing inputs are kept, as NaN, to be filled.
    pub(super) keeps_gaps: bool,
    /// Whether windows are cut from it, which have one target each.
    pub(super) is_cut: bool,
    /// Whether inputs alone are taken.
    pub(super) unlabelled: bool,
}

/// Of every sequence, or of none.
fn variants(records: &mut [Record]) -> Vec<Vec<Array2<f32>>> {
    let all = records
        .iter_mut()
        .map(|record| std::mem::take(&mut record.variants));
    let all: Vec<_> = all.collect();
    match all.iter().any(Vec::is_empty) {
        true => Vec::new(),
        false => all,
    }
}

impl Records {
    /// The data set; a test part is given the schema of its training part, and must fit it.
    pub(super) fn into_dataset(
        mut self,
        file: &Place,
        taking: Taking<'_>,
    ) -> Result<Dataset, DataError> {
        let like = taking.like;
        if self.records.is_empty() {
            return Err(file.clone().refuse(Problem::Empty));
        }
        self.strip_padding()?;
        if like.is_none() && !self.rows_repeat {
            let sequences = self.records.iter().map(|record| record.steps.view());
            let note = counter::note_on_arrays(&self.channels, sequences);
            self.notes.extend(note);
        }
        if !taking.keeps_gaps {
            self.refuse_gaps()?;
        }
        if taking.unlabelled {
            self.adopt_channel_names(like);
            let targets = Targets::Value(vec![Vec::new(); self.records.len()]);
            return Ok(self.with_targets(targets, taking.is_cut));
        }
        if self.rows_repeat && like.is_none_or(|schema| !schema.task.is_per_step()) {
            self.merge_repeated(taking.kind.is_none() && !taking.is_cut && like.is_none())?;
        }
        self.adopt_channel_names(like);
        self.settle_kind(taking, file)?;
        let outputs = self.classes(file, like)?;
        let targets = match self.records[0].target {
            Target::Label(_) | Target::Labels(_) => self.class_targets(&outputs, like.is_some())?,
            Target::Values(_) | Target::ValuesPerStep(_) => self.value_targets(),
        };
        let data = Dataset {
            outputs,
            ..self.with_targets(targets, taking.is_cut)
        };
        if let Some(schema) = like.filter(|_| !taking.is_cut) {
            data.require(schema, file)?;
        }
        Ok(data)
    }

    /// The sequences with these targets, whose outputs have no names yet.
    fn with_targets(mut self, targets: Targets, is_cut: bool) -> Dataset {
        let gaps = super::time_gaps::find(&self.records, is_cut, &mut self.notes);
        // Of every sequence, or of none.
        let names: Option<_> = self.records.iter().map(|r| r.name.clone()).collect();
        Dataset {
            targets,
            names: names.unwrap_or_default(),
            groups: self.records.iter().map(|r| r.group.clone()).collect(),
            gaps: if is_cut { gaps } else { Vec::new() },
            front_end: self.front_end,
            channels: self.channels,
            offsets: self.narrow.offsets(),
            variants: variants(&mut self.records),
            sequences: self.records.into_iter().map(|r| r.steps).collect(),
            notes: self.notes,
            ..Dataset::default()
        }
    }

    fn strip_padding(&mut self) -> Result<(), DataError> {
        let mut padded = 0;
        for record in &mut self.records {
            padded += usize::from(record.strip_padding()?);
        }
        if padded > 0 {
            self.notes.push(format!(
                "{padded} of {} sequences end in missing values, which are padding: they are that much shorter",
                self.records.len()
            ));
        }
        Ok(())
    }

    /// Refuses missing inputs.
    pub(super) fn refuse_gaps(&mut self) -> Result<(), DataError> {
        match self.records.iter_mut().find_map(|record| record.gap.take()) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// Numbered channels, of a format without names, are those of the training part in its order.
    /// Where the two have a name in common, both have names, and their order counts.
    fn adopt_channel_names(&mut self, like: Option<&Schema>) {
        let numbered = numbered_channels(self.channels.len());
        if let Some(schema) = like
            && schema.channels.len() == numbered.len()
            && (self.channels == numbered || schema.channels == numbered)
            && !self.channels.iter().any(|c| schema.channels.contains(c))
        {
            self.channels.clone_from(&schema.channels);
        }
    }

    /// Replaces targets for each step by one a sequence, where no sequence has two. Where one of many has,
    /// that `may_be_a_slip`.
    fn merge_repeated(&mut self, may_be_a_slip: bool) -> Result<(), DataError> {
        let mut changing = self.records.iter().filter_map(|record| {
            let step = record.target.first_change()?;
            Some(record.place_of(step))
        });
        if let Some(place) = changing.next() {
            let is_only_one = changing.next().is_none() && self.records.len() >= MANY;
            return match is_only_one && may_be_a_slip {
                true => Err(place.refuse(Problem::OneSeriesChanges {
                    series: self.records.len(),
                })),
                false => Ok(()),
            };
        }
        for record in &mut self.records {
            match &record.target {
                Target::Labels(labels) => {
                    record.target = Target::Label(labels.get(0).unwrap_or_default() as usize);
                }
                Target::ValuesPerStep(values) => {
                    record.target = Target::Values(values.row(0).to_vec());
                }
                Target::Label(_) | Target::Values(_) => {}
            }
        }
        Ok(())
    }

    /// The names of the outputs, in order.
    fn classes(&self, file: &Place, like: Option<&Schema>) -> Result<Vec<String>, DataError> {
        match self.records[0].target {
            Target::Values(_) | Target::ValuesPerStep(_) => return Ok(self.outputs.clone()),
            Target::Label(_) | Target::Labels(_) => {}
        }
        if let Some(schema) = like {
            return Ok(schema.outputs.clone());
        }
        let names = match &self.declared {
            Some(declared) => declared.clone(),
            None => self.classes_met(file)?,
        };
        match names.as_slice() {
            [only] => Err(file.clone().refuse(Problem::OneClass {
                found: only.clone(),
            })),
            _ => Ok(names),
        }
    }

    /// The labels themselves, in their natural order.
    fn classes_met(&self, file: &Place) -> Result<Vec<String>, DataError> {
        let mut names = self.labels.names.clone();
        sort_naturally(&mut names);
        match fraction(&names) {
            Some(found) => Err(file.clone().refuse(Problem::FractionLabel { found })),
            None => Ok(names),
        }
    }

    fn class_targets(&self, classes: &[String], is_test: bool) -> Result<Targets, DataError> {
        let known: HashMap<&str, usize> = (classes.iter().enumerate())
            .map(|(class, name)| (name.as_str(), class))
            .collect();
        // Older models have classes called 1.0, which is read as 1 now.
        let as_read: HashMap<String, usize> = (classes.iter().enumerate())
            .filter_map(|(class, name)| Some((text::class_name(name).ok()?.into_owned(), class)))
            .collect();
        let index: Vec<Option<usize>> = (self.labels.names.iter())
            .map(|name| known.get(name.as_str()).or(as_read.get(name)).copied())
            .collect();
        let class = |number: usize, record: &Record, step: usize| {
            index[number].ok_or_else(|| {
                let (found, known) = (self.labels.names[number].clone(), classes.to_vec());
                record.place_of(step).refuse(match is_test {
                    true => Problem::UnknownLabel { found, known },
                    false => Problem::UndeclaredLabel { found, known },
                })
            })
        };
        let mut one = Vec::new();
        let mut each = Vec::new();
        for record in &self.records {
            match &record.target {
                Target::Label(label) => one.push(class(*label, record, 0)?),
                Target::Labels(labels) => each.push(
                    (labels.iter().enumerate())
                        .map(|(step, label)| class(label as usize, record, step))
                        .collect::<Result<Vec<usize>, DataError>>()?,
                ),
                Target::Values(_) | Target::ValuesPerStep(_) => {}
            }
        }
        Ok(match each.is_empty() {
            true => Targets::Class(one),
            false => Targets::ClassPerStep(each),
        })
    }

    fn value_targets(&self) -> Targets {
        let mut one = Vec::new();
        let mut each = Vec::new();
        for record in &self.records {
            match &record.target {
                Target::Values(values) => one.push(values.clone()),
                Target::ValuesPerStep(values) => each.push(values.clone()),
                Target::Label(_) | Target::Labels(_) => {}
            }
        }
        match each.is_empty() {
            true => Targets::Value(one),
            false => Targets::ValuePerStep(each),
        }
    }
}

impl Target {
    /// The first step whose target differs from the one before it.
    fn first_change(&self) -> Option<usize> {
        match self {
            Self::Labels(labels) => labels.first_change(),
            Self::ValuesPerStep(values) => {
                (1..values.nrows()).find(|t| values.row(*t) != values.row(t - 1))
            }
            Self::Label(_) | Self::Values(_) => None,
        }
    }
}

/// Among so many series, one whose label changes is more likely a slip than a task of its own.
const MANY: usize = 5;

/// Names of channels in a format that gives them none.
pub(super) fn numbered_channels(channels: usize) -> Vec<String> {
    (0..channels).map(|j| format!("x{j}")).collect()
}

/// Whole numbers by value, everything else by name.
fn sort_naturally(names: &mut [String]) {
    if names.iter().all(|name| name.parse::<i64>().is_ok()) {
        names.sort_by_key(|name| name.parse::<i64>().unwrap_or_default());
    } else {
        names.sort();
    }
}

/// The first of several labels that are all numbers, and are not all whole.
fn fraction(names: &[String]) -> Option<String> {
    let values: Option<Vec<f64>> = names.iter().map(|name| name.parse().ok()).collect();
    let at = values?.iter().position(|value| value.fract() != 0.0)?;
    Some(names[at].clone())
}
