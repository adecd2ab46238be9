//! Sequences as read from a file, with labels still in words, and how they become a [`Dataset`].

use std::collections::HashMap;

use ndarray::Array2;

use super::error::{DataError, Place, Problem};
use super::{Dataset, Schema, Targets};

/// The labels met so far, numbered in the order of their first occurrence.
#[derive(Default)]
pub(super) struct Labels {
    names: Vec<String>,
    number: HashMap<String, usize>,
}

impl Labels {
    /// The number of a label, new or known.
    pub(super) fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.number.get(name) {
            return *number;
        }
        let number = self.names.len();
        self.names.push(name.to_owned());
        self.number.insert(name.to_owned(), number);
        number
    }
}

/// The target of one sequence; labels are numbers of [`Labels`].
pub(super) enum Target {
    /// One label.
    Label(usize),
    /// A label for each step, `[T]`.
    Labels(Vec<usize>),
    /// One vector of values, `[O]`.
    Values(Vec<f32>),
    /// Values for each step, `[T, O]`.
    ValuesPerStep(Array2<f32>),
}

/// One sequence as read.
pub(super) struct Record {
    /// Where its label is, or its first one.
    pub(super) place: Place,
    /// The line of each step, in a format with one row a step.
    pub(super) step_lines: Vec<u64>,
    /// `[T, I]`, `T ≥ 1`; finite, or NaN where a value is missing and may be filled.
    pub(super) steps: Array2<f32>,
    pub(super) target: Target,
    pub(super) group: Option<String>,
}

/// All of a file.
pub(super) struct Records {
    pub(super) channels: Vec<String>,
    pub(super) labels: Labels,
    /// The classes in their order, if the file declares them.
    pub(super) declared: Option<Vec<String>>,
    /// Names of the regression's outputs.
    pub(super) outputs: Vec<String>,
    pub(super) records: Vec<Record>,
    /// Whether labels that repeat over each whole sequence mean one label a sequence.
    pub(super) rows_repeat: bool,
}

impl Records {
    /// The data set; a test part is given the schema of its training part, and must fit it.
    pub(super) fn into_dataset(
        mut self,
        file: &Place,
        like: Option<&Schema>,
    ) -> Result<Dataset, DataError> {
        if self.records.is_empty() {
            return Err(file.clone().refuse(Problem::Empty));
        }
        if self.rows_repeat && like.is_none_or(|schema| !schema.task.is_per_step()) {
            self.merge_repeated();
        }
        self.adopt_channel_names(like);
        let outputs = self.classes(file, like)?;
        let groups = self.records.iter().map(|r| r.group.clone()).collect();
        let targets = match self.records[0].target {
            Target::Label(_) | Target::Labels(_) => self.class_targets(&outputs, like.is_some())?,
            Target::Values(_) | Target::ValuesPerStep(_) => self.value_targets(),
        };
        let data = Dataset {
            channels: self.channels,
            sequences: self.records.into_iter().map(|r| r.steps).collect(),
            targets,
            outputs,
            groups,
            origin: None,
        };
        if let Some(schema) = like {
            data.require(schema, file)?;
        }
        Ok(data)
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

    /// Replaces targets for each step by one a sequence, where no sequence has two.
    fn merge_repeated(&mut self) {
        let repeats = self.records.iter().all(|record| match &record.target {
            Target::Labels(labels) => labels.iter().all(|l| *l == labels[0]),
            Target::ValuesPerStep(values) => values.rows().into_iter().all(|r| r == values.row(0)),
            Target::Label(_) | Target::Values(_) => true,
        });
        if !repeats {
            return;
        }
        for record in &mut self.records {
            match &record.target {
                Target::Labels(labels) => record.target = Target::Label(labels[0]),
                Target::ValuesPerStep(values) => {
                    record.target = Target::Values(values.row(0).to_vec());
                }
                Target::Label(_) | Target::Values(_) => {}
            }
        }
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
        let index: Vec<Option<usize>> = (self.labels.names.iter())
            .map(|name| classes.iter().position(|class| class == name))
            .collect();
        let class = |number: usize, record: &Record, step: usize| {
            index[number].ok_or_else(|| {
                let (found, known) = (self.labels.names[number].clone(), classes.to_vec());
                let mut place = record.place.clone();
                place.line = record.step_lines.get(step).copied().or(place.line);
                place.refuse(match is_test {
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
                        .map(|(step, label)| class(*label, record, step))
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
