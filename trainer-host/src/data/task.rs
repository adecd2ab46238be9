//! Whether targets are classes or values, and what is done where that is in doubt.
//!
//! A file of text says labels, whole numbers in an array are classes, fractions are values. What is stored
//! as one and looks like the other is refused with the cure, unless [`Kind`] says which is meant.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::error::{DataError, Place, Problem};
use super::records::{Labels, Records, Taking, Target};
use super::runs::Runs;
use super::text::{self, Decimal};

/// What targets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One of several names, which may be numbers.
    Classes,
    /// Numbers that are nearer to each other or farther apart.
    Values,
}

/// Values of no more kinds than this are likely classes.
const FEW: usize = 20;
/// Whole numbers of no fewer kinds than this, most of them met once or twice, are likely values.
const DOZENS: usize = 24;

impl Records {
    /// Turns labels into values or values into labels where the options or the training part say so, and
    /// refuses what is doubtful where nothing does.
    pub(super) fn settle_kind(
        &mut self,
        taking: Taking<'_>,
        file: &Place,
    ) -> Result<(), DataError> {
        let known = taking.like.map(|schema| match schema.task.is_class() {
            true => Kind::Classes,
            false => Kind::Values,
        });
        let is_labels = matches!(self.records[0].target, Target::Label(_) | Target::Labels(_));
        match (known.or(taking.kind), is_labels) {
            (Some(Kind::Classes), false) => self.values_to_labels(file),
            (Some(Kind::Values), true) => self.labels_to_values(),
            (Some(_), _) => Ok(()),
            (None, true) => self.refuse_values_as_labels(file),
            (None, false) => self.refuse_labels_as_values(file),
        }
    }

    fn labels_to_values(&mut self) -> Result<(), DataError> {
        let mut values = Vec::with_capacity(self.labels.names.len());
        for name in &self.labels.names {
            values.push(text::target(name, Decimal::Point).map(|value| value as f32));
        }
        for record in &mut self.records {
            let place = &record.place;
            let value = |label: usize| match &values[label] {
                Ok(value) => Ok(*value),
                Err(_) => Err(place.clone().refuse(Problem::NotANumber {
                    found: self.labels.names[label].clone(),
                })),
            };
            record.target = match &record.target {
                Target::Label(label) => Target::Values(vec![value(*label)?]),
                Target::Labels(labels) => {
                    let labels = labels.iter().map(|label| label as usize);
                    let values = labels.map(value).collect::<Result<Vec<_>, _>>()?;
                    Target::ValuesPerStep(ndarray::Array2::from_shape_fn(
                        (values.len(), 1),
                        |(t, _)| values[t],
                    ))
                }
                Target::Values(_) | Target::ValuesPerStep(_) => continue,
            };
        }
        self.outputs = vec![self.label_name.clone().unwrap_or_else(|| "y".into())];
        Ok(())
    }

    /// One-hot rows become the number of the output that is 1, single values their own names.
    fn values_to_labels(&mut self, file: &Place) -> Result<(), DataError> {
        let is_one_hot = self.is_one_hot();
        let mut labels = Labels::default();
        let (outputs, names) = (self.outputs.len(), &self.outputs);
        let mut label = |row: &[f32]| {
            if is_one_hot {
                let hot = row
                    .iter()
                    .position(|value| *value == 1.0)
                    .unwrap_or_default();
                // Names that are only numbers of outputs say no more than the number.
                let is_numbered = names[hot] == format!("y{hot}");
                let name = if is_numbered {
                    hot.to_string()
                } else {
                    names[hot].clone()
                };
                return labels.number(&name);
            }
            match row {
                [value] => labels.number(&value.to_string()),
                _ => Err(Problem::NotOneHot { outputs }),
            }
        };
        for record in &mut self.records {
            let refuse = |problem: Problem| file.clone().refuse(problem);
            record.target = match &record.target {
                Target::Values(values) => Target::Label(label(values).map_err(refuse)?),
                Target::ValuesPerStep(values) => {
                    let mut labels = Runs::constant();
                    for row in values.rows() {
                        labels.push(label(&row.to_vec()).map_err(refuse)? as u64);
                    }
                    Target::Labels(labels)
                }
                Target::Label(_) | Target::Labels(_) => continue,
            };
        }
        self.labels = labels;
        Ok(())
    }

    /// Whether all rows of values are such, up to the first that is not.
    fn all_rows(&self, mut are_such: impl FnMut(&[f32]) -> bool) -> bool {
        self.records.iter().all(|record| match &record.target {
            Target::Values(values) => are_such(values),
            Target::ValuesPerStep(values) => {
                let mut rows = values.rows().into_iter();
                rows.all(|row| match row.as_slice() {
                    Some(row) => are_such(row),
                    None => are_such(&row.to_vec()),
                })
            }
            Target::Label(_) | Target::Labels(_) => true,
        })
    }

    /// Whether every row has one 1 and zeros beside it.
    fn is_one_hot(&self) -> bool {
        let is_hot = |row: &[f32]| {
            let ones = row.iter().filter(|value| **value == 1.0).count();
            ones == 1 && row.iter().all(|value| *value == 0.0 || *value == 1.0)
        };
        self.outputs.len() > 1 && self.all_rows(is_hot)
    }

    /// Refuses values that look like classes: one-hot rows, and few whole numbers.
    fn refuse_labels_as_values(&mut self, file: &Place) -> Result<(), DataError> {
        if self.is_one_hot() {
            return Err(file.clone().refuse(Problem::OneHotRows {
                outputs: self.outputs.len(),
            }));
        }
        let Some(kinds) = self.few_whole_values() else {
            return Ok(());
        };
        if !self.kind_is_said {
            return Err(file.clone().refuse(Problem::WholeValues { kinds }));
        }
        self.notes.push(format!(
            "the targets are {kinds} different whole numbers, and are learnt as values (--task classes: as classes)"
        ));
        Ok(())
    }

    /// How many different whole numbers single values are, if they are few.
    fn few_whole_values(&self) -> Option<usize> {
        let (mut kinds, mut count) = (HashSet::new(), 0);
        let are_few = self.all_rows(|row| match row {
            [value] if value.fract() == 0.0 && kinds.len() <= FEW => {
                kinds.insert(value.to_bits());
                count += 1;
                true
            }
            _ => false,
        });
        (are_few && kinds.len() > 1 && kinds.len() <= FEW && 2 * kinds.len() <= count)
            .then_some(kinds.len())
    }

    /// Refuses labels that look like values: whole numbers of dozens of kinds, few of each.
    fn refuse_values_as_labels(&self, file: &Place) -> Result<(), DataError> {
        let (kinds, sequences) = (self.labels.names.len(), self.records.len());
        let is_one_each = matches!(self.records[0].target, Target::Label(_)) && !self.kind_is_said;
        match is_one_each && self.declared.is_none() && kinds >= DOZENS && sequences < 3 * kinds {
            true => Err(file
                .clone()
                .refuse(Problem::DozensOfClasses { kinds, sequences })),
            false => Ok(()),
        }
    }
}
