//! A table of trainings: settings, the error at the end, and the value after each epoch.
//!
//! ```text
//! # source = "digits"              what was trained on
//! # limit = 11000                  instructions of a step on the core, at most
//! # core = "M4"
//! # sd_point = 0.108               deviation of ln error between seeds, of a point and of an epoch
//! # sd_epoch = 0.066
//! # sd_fold = 0.142              of a fold of the best third, less the means of trial and fold
//! # space = '{"hidden":{"low":8,"high":32,"scale":"log"},…}'        the default space if left out
//! learning_rate,layers,scheme(0 w8a16 1 w8a8 2 w4a16),…,error,v1,v2,…
//! 0.01,1,0,…,0.032,0.38,0.21,…
//! ```
//!
//! A column before `error` is a setting of the space, by its name or the last part of it. Columns that are no setting
//! are left out. Choices are words, or numbers whose meanings stand behind the name. A field is empty where the point
//! does not have the setting.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use trainer_host::data::BuiltIn;
use trainer_host::search::{Domain, Point, Space, Value};
use trainer_host::tune::default_space::{FEWEST, default_space};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    pub(crate) source: String,
    pub(crate) limit: u64,
    pub(crate) core: String,
    pub(crate) sd_point: f64,
    pub(crate) sd_epoch: f64,
    /// 0 of a table that does not say.
    #[serde(default)]
    pub(crate) sd_fold: f64,
    /// As JSON.
    space: Option<String>,
}

pub(crate) struct Table {
    pub(crate) head: Head,
    /// The settings of the space that the table has.
    pub(crate) space: Space,
    pub(crate) epochs: usize,
    pub(crate) rows: Vec<Row>,
}

pub(crate) struct Row {
    pub(crate) point: Point,
    /// ln of the error.
    pub(crate) error: f64,
    /// ln of the value after each epoch.
    pub(crate) values: Vec<f64>,
}

struct Column {
    name: String,
    domain: Domain,
    /// What numbers mean.
    choices: Vec<(String, String)>,
}

impl Table {
    /// Reads a table of trainings on built-in data, or on data below `folder`.
    pub(crate) fn read(path: &Path, folder: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let (head, lines): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| line.starts_with('#'));
        let head: Vec<&str> = head
            .iter()
            .map(|line| line.trim_start_matches(['#', ' ']))
            .collect();
        let mut head: Head =
            toml::from_str(&head.join("\n")).map_err(|error| format!("its head: {error}"))?;
        head.source = found(head.source, folder)?;
        let (names, rows) = lines.split_first().ok_or("it has no line of names")?;
        let names: Vec<&str> = names.split(',').collect();
        let error = names
            .iter()
            .position(|name| *name == "error")
            .ok_or("it has no column `error`")?;
        let all: Space = match &head.space {
            None => default_space(FEWEST),
            Some(text) => {
                serde_json::from_str(text).map_err(|error| format!("its space: {error}"))?
            }
        };
        let columns: Vec<Option<Column>> = names[..error]
            .iter()
            .map(|name| column(name, &all))
            .collect();
        let rows: Result<Vec<Row>, String> = (rows.iter().enumerate())
            .map(|(n, line)| {
                row(line, &columns, error)
                    .ok_or_else(|| format!("row {} has something else than numbers", n + 1))
            })
            .collect();
        let rows = rows?;
        let has = |name: &String| columns.iter().flatten().any(|column| column.name == *name);
        let space = Space {
            parameters: all
                .parameters
                .into_iter()
                .filter(|(name, _)| has(name))
                .collect(),
        };
        if rows.len() < 20 {
            return Err(format!(
                "it has {} rows; a surrogate needs 20 or more",
                rows.len()
            ));
        }
        Ok(Self {
            head,
            space,
            epochs: names.len() - error - 1,
            rows,
        })
    }
}

/// The data that costs follow from: built in, or below `folder`.
fn found(source: String, folder: &Path) -> Result<String, String> {
    let path = folder.join(&source);
    if BuiltIn::named(&source).is_some() {
        Ok(source)
    } else if path.exists() {
        Ok(path.display().to_string())
    } else {
        Err(format!(
            "its trainings are of {source}, which is not there; `--data FOLDER` names the folder that holds it"
        ))
    }
}

/// The setting of a column, if it is one.
fn column(text: &str, space: &Space) -> Option<Column> {
    let (name, choices) = text.split_once('(').unwrap_or((text, ""));
    let words: Vec<&str> = choices.trim_end_matches(')').split_whitespace().collect();
    let (full, parameter) = (space.parameters.iter())
        .find(|(full, _)| *full == name || full.rsplit('.').next() == Some(name))?;
    Some(Column {
        name: full.clone(),
        domain: parameter.domain.clone(),
        choices: words
            .chunks_exact(2)
            .map(|pair| (pair[0].into(), pair[1].into()))
            .collect(),
    })
}

fn row(line: &str, columns: &[Option<Column>], error: usize) -> Option<Row> {
    let fields: Vec<&str> = line.split(',').collect();
    let ln = |field: &&str| {
        field
            .parse::<f64>()
            .ok()
            .filter(|x| *x > 0.0)
            .map(libm::log)
    };
    let point = (columns.iter().zip(&fields))
        .filter_map(|(column, field)| Some((column.as_ref()?, *field)))
        .filter(|(_, field)| !field.is_empty());
    Some(Row {
        point: point
            .map(|(column, field)| Some((column.name.clone(), column.value(field)?)))
            .collect::<Option<Point>>()?,
        error: ln(fields.get(error)?)?,
        values: fields[error + 1..].iter().map(ln).collect::<Option<_>>()?,
    })
}

impl Column {
    fn value(&self, field: &str) -> Option<Value> {
        if let Some((_, meaning)) = self.choices.iter().find(|(number, _)| number == field) {
            return Some(Value::Text(meaning.clone()));
        }
        match &self.domain {
            Domain::Choices(choices) => {
                // As `record` writes it, or 1 and 0 for yes and no.
                let is_meant = |choice: &&Value| match choice {
                    Value::Text(word) => word == field,
                    Value::Flag(flag) => {
                        field.parse() == Ok(*flag) || field == ["0", "1"][usize::from(*flag)]
                    }
                    Value::Integer(_) | Value::Real(_) => field.parse().ok() == choice.number(),
                };
                choices.iter().find(is_meant).cloned()
            }
            Domain::Integer { .. } => Some(Value::Integer(field.parse().ok()?)),
            Domain::Real { .. } => Some(Value::Real(field.parse().ok()?)),
        }
    }
}
