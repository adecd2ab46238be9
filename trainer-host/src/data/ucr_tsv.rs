//! The UCR archive's `.tsv`: one series of one channel per line, its label first, then its values.
//!
//! Fields are separated by tabs, and every line has as many. Series of different lengths are
//! padded with NaN at their end, as the archive does; NaN between values is a missing value.

use std::io::BufRead;

use ndarray::Array2;

use super::error::{DataError, Place, Problem};
use super::records::{Labels, Record, Records, Target, numbered_channels};
use super::text::{self, Gaps};

/// Reads all of a file.
pub(super) fn read(input: impl BufRead, place: &Place, gaps: Gaps) -> Result<Records, DataError> {
    let mut labels = Labels::default();
    let mut records = Vec::new();
    let mut width = None;
    for line in text::lines(input, place, "UCR .tsv") {
        let (here, line) = line?;
        if line.trim().is_empty() {
            continue;
        }
        let fields: Vec<&str> = line.split('\t').collect();
        let expected = *width.get_or_insert(fields.len());
        if fields.len() == 1 {
            return Err(here.refuse(Problem::Syntax {
                format: "UCR .tsv",
                detail: "a line needs a label and values, with tabs between them".into(),
            }));
        }
        if fields.len() != expected {
            let found = fields.len();
            return Err(here.refuse(Problem::Ragged { expected, found }));
        }
        let label_place = here.clone().part("field 1 (the label)");
        if fields[0].trim().is_empty() {
            return Err(label_place.refuse(Problem::MissingValue));
        }
        records.push(Record {
            steps: values(&fields[1..], &here, gaps)?,
            place: label_place,
            step_lines: Vec::new(),
            target: Target::Label(labels.number(&class_name(fields[0].trim()))),
            group: None,
        });
    }
    Ok(Records {
        channels: numbered_channels(1),
        labels,
        declared: None,
        outputs: Vec::new(),
        records,
        rows_repeat: false,
    })
}

/// `[T, 1]` without the padding.
fn values(fields: &[&str], here: &Place, gaps: Gaps) -> Result<Array2<f32>, DataError> {
    let is_padding = |field: &&str| field.trim().eq_ignore_ascii_case("nan");
    let padding = fields.iter().rev().take_while(|f| is_padding(f)).count();
    let fields = &fields[..fields.len() - padding];
    if fields.is_empty() {
        return Err(here.clone().refuse(Problem::ZeroLength));
    }
    let mut values = Array2::zeros((fields.len(), 1));
    for (t, field) in fields.iter().enumerate() {
        values[[t, 0]] = gaps.number(field).map_err(|problem| {
            here.clone()
                .part(format!("field {}", t + 2))
                .refuse(problem)
        })?;
    }
    Ok(values)
}

/// Older files print the class 1 as `1.0000000e+00`.
fn class_name(label: &str) -> String {
    match label.parse::<f64>() {
        Ok(value) if value.fract() == 0.0 && value.abs() < 1e15 => format!("{}", value as i64),
        _ => label.to_owned(),
    }
}
