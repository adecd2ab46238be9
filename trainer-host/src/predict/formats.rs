//! Answers as files: CSV, JSON lines and NPZ.
//!
//! ```text
//! CSV     sequence[,name][,step][,class,p_CLASS...],OUTPUT...[,FORECAST...]
//! NPZ     outputs [N, O] or [N, T, O], and for classes probabilities and decisions; lengths [N] where each step
//!         has an answer, and NaN (a decision of -1) behind a sequence's end
//! ```
//!
//! A column of scores is named after its class, `score_CLASS`, and one of values as the value.

use std::io::Cursor;

use ndarray::{Array1, Array2, Array3, Axis};
use ndarray_npy::{NpzWriter, WriteNpzError};

use super::answer::{Answer, Answers, Meaning};

/// A form of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A table for people.
    Text,
    /// Comma-separated values with a header.
    Csv,
    /// A JSON object a line.
    JsonLines,
    /// A NumPy archive.
    Npz,
}

/// The names of the columns; `step` and `name` say whether there are such.
pub fn csv_header(meaning: &Meaning, columns: (bool, bool), forecast_names: &[String]) -> String {
    csv(&[names(meaning, columns, forecast_names)])
}

fn names(meaning: &Meaning, (name, step): (bool, bool), forecast_names: &[String]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    columns.extend(name.then(|| "name".into()));
    columns.extend(step.then(|| "step".into()));
    if meaning.is_class() {
        columns.push("class".into());
        columns.extend(meaning.names.iter().map(|name| format!("p_{name}")));
    }
    let output = |name: &String| match meaning.is_class() {
        true => format!("score_{name}"),
        false => name.clone(),
    };
    columns.extend(meaning.output_names().iter().map(output));
    columns.extend_from_slice(forecast_names);
    columns
}

/// The fields of an answer, in the order of [`csv_header`].
pub fn csv_line(meaning: &Meaning, answer: &Answer) -> String {
    csv(&[fields(meaning, answer)])
}

fn fields(meaning: &Meaning, answer: &Answer) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    fields.extend(answer.name.clone());
    fields.extend(answer.step.map(|step| step.to_string()));
    fields.extend(answer.class.map(|class| meaning.names[class].clone()));
    let numbers = [&answer.probabilities, &answer.outputs, &answer.forecasts];
    let numbers = numbers.into_iter().flatten();
    fields.extend(numbers.map(|value| meaning.number(*value).to_string()));
    fields
}

/// A JSON object on one line.
pub fn json_line(meaning: &Meaning, answer: &Answer, forecast_names: &[String]) -> String {
    serde_json::to_string(&answer.named(meaning, forecast_names)).unwrap_or_default()
}

/// Rows of CSV, without the end of the last line.
fn csv(rows: &[Vec<String>]) -> String {
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("memory takes every row");
    }
    let bytes = writer.into_inner().expect("memory takes every row");
    let mut text = String::from_utf8(bytes).expect("rows of text are text");
    text.truncate(text.trim_end_matches('\n').len());
    text
}

/// All answers as CSV.
pub fn to_csv(answers: &Answers) -> String {
    let first = answers.rows.first();
    let columns = first.map_or((false, false), |row| {
        (row.name.is_some(), row.step.is_some())
    });
    let header = names(&answers.meaning, columns, &answers.forecast_names);
    let numbered = |number: String, mut fields: Vec<String>| {
        fields.insert(0, number);
        fields
    };
    let mut rows = vec![numbered("sequence".into(), header)];
    rows.extend(
        (answers.rows.iter())
            .map(|row| numbered(row.sequence.to_string(), fields(&answers.meaning, row))),
    );
    csv(&rows) + "\n"
}

/// All answers as JSON lines.
pub fn to_json_lines(answers: &Answers) -> String {
    let line = |row| json_line(&answers.meaning, row, &answers.forecast_names) + "\n";
    answers.rows.iter().map(line).collect()
}

/// All answers as a NumPy archive.
///
/// # Errors
/// When NumPy's format cannot hold them.
pub fn to_npz(answers: &Answers) -> Result<Vec<u8>, WriteNpzError> {
    let mut lengths: Vec<i64> = Vec::new();
    for row in &answers.rows {
        lengths.resize(lengths.len().max(row.sequence + 1), 0);
        lengths[row.sequence] += 1;
    }
    let sequences = lengths.len();
    let steps = lengths.iter().copied().max().unwrap_or(0) as usize;
    let per_step = answers.rows.iter().any(|row| row.step.is_some());
    let classes = answers.meaning.names.len();
    let padded = |width: usize, numbers: fn(&Answer) -> &[f64]| {
        let mut all = Array3::from_elem((sequences, steps, width), f64::NAN);
        for row in &answers.rows {
            let to = all.index_axis_mut(Axis(0), row.sequence);
            let mut to = to.index_axis_move(Axis(0), row.step.unwrap_or(0));
            (to.iter_mut().zip(numbers(row))).for_each(|(to, value)| *to = *value);
        }
        all
    };
    let mut archive = Cursor::new(Vec::new());
    let mut npz = NpzWriter::new(&mut archive);
    let mut add = |name: &str, all: Array3<f64>| match per_step {
        true => npz.add_array(name, &all),
        false => npz.add_array(name, &all.index_axis_move(Axis(1), 0)),
    };
    add(
        "outputs",
        padded(answers.meaning.outputs, |row| &row.outputs),
    )?;
    if !answers.forecast_names.is_empty() {
        let names = answers.forecast_names.len();
        add("forecasts", padded(names, |row| &row.forecasts))?;
    }
    if answers.meaning.is_class() {
        add("probabilities", padded(classes, |row| &row.probabilities))?;
        let mut decisions = Array2::from_elem((sequences, steps), -1i64);
        for row in &answers.rows {
            let class = row.class.map_or(-1, |class| class as i64);
            decisions[[row.sequence, row.step.unwrap_or(0)]] = class;
        }
        match per_step {
            true => npz.add_array("decisions", &decisions)?,
            false => npz.add_array("decisions", &decisions.index_axis_move(Axis(1), 0))?,
        }
    }
    if per_step {
        npz.add_array("lengths", &Array1::from(lengths))?;
    }
    npz.finish()?;
    Ok(archive.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Head, Mode};
    use crate::predict::Arithmetic;
    use ndarray_npy::NpzReader;

    fn answers() -> Answers {
        let meaning = Meaning {
            head: Head::Softmax,
            mode: Mode::SequenceToSequence,
            outputs: 2,
            names: vec!["a,b".into(), "c".into()],
            arithmetic: Arithmetic::Integers,
        };
        let row = |sequence, step, outputs: [f64; 2]| Answer {
            sequence,
            name: Some(format!("s{sequence}")),
            step: Some(step),
            ..meaning.answer(outputs.to_vec())
        };
        let rows = vec![
            row(0, 0, [0.0, 1.0 / 65_536.0]),
            row(0, 1, [2.0, 2.0]),
            row(1, 0, [0.5, 0.25]),
        ];
        Answers {
            meaning,
            rows,
            forecast_names: Vec::new(),
        }
    }

    #[test]
    fn csv_keeps_every_digit_and_quotes_names() {
        let text = to_csv(&answers());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "sequence,name,step,class,\"p_a,b\",p_c,\"score_a,b\",score_c"
        );
        // 16384 or 16383 of 32768 each, and one unit of Q15.16.
        assert!(lines[1].starts_with("0,s0,0,c,0.49"), "{text}");
        assert!(lines[1].ends_with(",0,0.0000152587890625"), "{text}");
        assert!(lines[2].starts_with("0,s0,1,\"a,b\","), "{text}");
        assert_eq!(lines.len(), 4);
        let json = to_json_lines(&answers());
        let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
        assert_eq!(first["outputs"]["c"], 1.0 / 65_536.0);
        assert_eq!(first["class"], "c");
    }

    #[test]
    fn an_archive_is_padded_with_nan() {
        let bytes = to_npz(&answers()).unwrap();
        let mut npz = NpzReader::new(Cursor::new(bytes)).unwrap();
        let outputs: Array3<f64> = npz.by_name("outputs").unwrap();
        assert_eq!(outputs.dim(), (2, 2, 2));
        assert_eq!(outputs[[1, 0, 1]], 0.25);
        assert!(outputs[[1, 1, 0]].is_nan());
        let decisions: Array2<i64> = npz.by_name("decisions").unwrap();
        assert_eq!(decisions, ndarray::array![[1, 0], [0, -1]]);
        let lengths: Array1<i64> = npz.by_name("lengths").unwrap();
        assert_eq!(lengths.to_vec(), [2, 1]);
    }
}
