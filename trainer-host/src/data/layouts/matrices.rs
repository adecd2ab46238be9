//! A folder with one matrix a channel, as the UCI archive gives its activity data.
//!
//! ```text
//! train/y_train.txt                          [N], the class of each sequence
//! train/subject_train.txt                    [N], optional: the person or machine
//! train/Inertial Signals/acc_x_train.txt     [N, T], channel acc_x; every channel has as many rows and columns
//! test/...                                   the same for the test part
//! activity_labels.txt                        optional: "1 WALKING", names for the classes
//! ```
//!
//! Parts are recognised by the folders `train` and `test`, or by the names' ends. Matrices of other widths than
//! most are no channels (features computed from them lie beside the signals); a note names them.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;

use ndarray::Array2;

use super::super::error::{DataError, Place, Problem};
use super::super::offsets::Narrow;
use super::super::records::{Gap, Record, Records, Target, note_gap};
use super::super::runs::Runs;
use super::super::table::Table;
use super::super::text;
use super::listing::{Listed, Part};
use super::{Halves, Reading};

const LABELS: [&str; 5] = ["y", "label", "labels", "target", "targets"];
const GROUPS: [&str; 4] = ["subject", "subjects", "group", "groups"];

fn is_called(file: &Listed, names: &[&str]) -> bool {
    names.contains(&file.stem.to_ascii_lowercase().as_str())
}

/// Whether there is a file of labels, and files with one row a label.
pub(super) fn is_there(files: &[Listed]) -> bool {
    files.iter().any(|file| is_called(file, &LABELS)) && files.len() > 1
}

/// Reads all files.
pub(super) fn read(
    folder: &Path,
    files: &[Listed],
    reading: &Reading<'_>,
) -> Result<Halves, DataError> {
    let place = Place::file(folder);
    let part = |part: Part| {
        let files: Vec<&Listed> = files.iter().filter(|file| file.part == part).collect();
        match files.iter().any(|file| is_called(file, &LABELS)) {
            true => records(&place, &files, files_of_names(folder), reading).map(Some),
            false => Ok(None),
        }
    };
    Ok(Halves {
        train: part(Part::Train)?,
        test: part(Part::Test)?,
    })
}

/// Names for classes that are numbers: a file of the folder itself with a number and a word in each row.
fn files_of_names(folder: &Path) -> HashMap<String, String> {
    let names = |path: &Path| -> Option<HashMap<String, String>> {
        let text = std::fs::read_to_string(path).ok()?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let pair = |line: &str| {
            let (number, name) = line.split_once([' ', ',', '\t', ';'])?;
            let (number, name) = (number.trim(), name.trim());
            let is_pair = number.parse::<i64>().is_ok() && name.parse::<f64>().is_err();
            (is_pair && !name.contains([' ', ',', '\t', ';']))
                .then(|| (number.to_owned(), name.to_owned()))
        };
        lines
            .map(pair)
            .collect::<Option<HashMap<_, _>>>()
            .filter(|names| names.len() > 1)
    };
    let Ok(entries) = std::fs::read_dir(folder) else {
        return HashMap::new();
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let is_small_text = |path: &&std::path::PathBuf| {
        let is_text = path.extension().is_some_and(|e| e == "txt" || e == "csv");
        is_text && path.metadata().is_ok_and(|data| data.len() < 1 << 20)
    };
    (paths
        .iter()
        .filter(is_small_text)
        .find_map(|path| names(path)))
    .unwrap_or_default()
}

/// The values of one channel.
struct Matrix<'f> {
    file: &'f Listed,
    columns: usize,
    /// `[N, T]`, as they are stored.
    values: Vec<f32>,
    lines: Runs,
}

fn records(
    folder: &Place,
    files: &[&Listed],
    names: HashMap<String, String>,
    reading: &Reading<'_>,
) -> Result<Records, DataError> {
    let mut all = Records {
        narrow: Narrow::new(reading.offsets),
        ..Records::default()
    };
    let (label_place, labels) =
        column(files, &LABELS)?.ok_or_else(|| folder.clone().refuse(Problem::NoRecordings))?;
    let groups = column(files, &GROUPS)?;
    let matrices = channels(folder, files, labels.len(), &mut all)?;
    if let Some((place, groups)) = &groups {
        require_rows(place, groups.len(), labels.len())?;
    }
    all.channels = matrices
        .iter()
        .map(|matrix| matrix.file.stem.clone())
        .collect();
    let is_named = labels.iter().all(|(_, label)| names.contains_key(label));
    for (i, (line, label)) in labels.iter().enumerate() {
        let place = label_place.clone().line(*line);
        let name = names.get(label).filter(|_| is_named).unwrap_or(label);
        let number = all
            .labels
            .number(name)
            .map_err(|problem| place.clone().refuse(problem))?;
        let (steps, gap) = sequence(&matrices, i);
        all.records.push(Record {
            group: groups.as_ref().map(|(_, groups)| groups[i].1.clone()),
            ..Record::new(place, steps, gap, Target::Label(number))
        });
    }
    Ok(all)
}

/// Row `i` of every channel, `[T, I]`.
fn sequence(matrices: &[Matrix<'_>], i: usize) -> (Array2<f32>, Gap) {
    let steps = matrices[0].columns;
    let mut gap = None;
    let mut values = Array2::zeros((steps, matrices.len()));
    for (j, matrix) in matrices.iter().enumerate() {
        for (t, value) in matrix.values[i * steps..(i + 1) * steps].iter().enumerate() {
            if value.is_nan() {
                note_gap(&mut gap, t, || {
                    let place = Place::file(&matrix.file.path)
                        .line(matrix.lines.get(i).unwrap_or_default());
                    place
                        .part(format!("field {}", t + 1))
                        .refuse(Problem::MissingValue)
                });
            }
            values[[t, j]] = *value;
        }
    }
    (values, gap)
}

/// A file of one column with this name, with the line of each element.
#[expect(
    clippy::type_complexity,
    reason = "a place and the elements with their lines"
)]
fn column(
    files: &[&Listed],
    names: &[&str],
) -> Result<Option<(Place, Vec<(u64, String)>)>, DataError> {
    let Some(file) = files.iter().find(|file| is_called(file, names)) else {
        return Ok(None);
    };
    let place = Place::file(&file.path);
    let mut table = open(file, &place)?;
    let mut elements = Vec::new();
    while let Some(row) = table.next(&place)? {
        let word = match row.fields().count() {
            1 => text::word(row.field(0)),
            found => Err(Problem::Ragged { expected: 1, found }),
        };
        let word = word.map_err(|problem| place.clone().line(row.line).refuse(problem))?;
        elements.push((row.line, word.to_owned()));
    }
    // A first word that comes again below is no header.
    if let [first] = &table.names[..]
        && table.has_header
        && elements.iter().any(|(_, element)| element == first)
    {
        elements.insert(0, (table.line, first.clone()));
    }
    Ok(Some((place, elements)))
}

fn require_rows(place: &Place, found: usize, expected: usize) -> Result<(), DataError> {
    match found == expected {
        true => Ok(()),
        false => Err(place.clone().refuse(Problem::RowCount { expected, found })),
    }
}

/// The matrices that are channels: those of the width that most have.
fn channels<'f>(
    folder: &Place,
    files: &[&'f Listed],
    rows: usize,
    all: &mut Records,
) -> Result<Vec<Matrix<'f>>, DataError> {
    let is_matrix = |file: &&&Listed| !is_called(file, &LABELS) && !is_called(file, &GROUPS);
    let mut by_width = BTreeMap::<usize, Vec<&'f Listed>>::new();
    for file in files.iter().filter(is_matrix) {
        by_width.entry(width(file)?).or_default().push(file);
    }
    // A list is no matrix.
    by_width.remove(&1);
    let most = by_width.values().map(Vec::len).max().unwrap_or_default();
    let mut widths = by_width.iter().filter(|(_, files)| files.len() == most);
    let chosen = match (widths.next(), widths.next()) {
        (Some((width, _)), None) => *width,
        (None, _) => return Err(folder.clone().refuse(Problem::NoRecordings)),
        (Some((one, _)), Some((other, _))) => {
            return Err(folder.clone().refuse(Problem::MatrixWidths {
                one: *one,
                other: *other,
            }));
        }
    };
    let others: Vec<&str> = (by_width.iter().filter(|(width, _)| **width != chosen))
        .flat_map(|(_, files)| files.iter().map(|file| file.stem.as_str()))
        .collect();
    if !others.is_empty() {
        all.notes.push(format!(
            "files of other widths than {chosen} are no channels and were left out: {}",
            others.join(", ")
        ));
    }
    let mut files = by_width.remove(&chosen).unwrap_or_default();
    files.sort_by(|a, b| a.stem.cmp(&b.stem));
    let matrix = |(j, file)| {
        let matrix = matrix(file, chosen, (j, &mut all.narrow))?;
        require_rows(&Place::file(&file.path), matrix.lines.len(), rows)?;
        Ok(matrix)
    };
    files.into_iter().enumerate().map(matrix).collect()
}

/// The number of columns of the first row.
fn width(file: &Listed) -> Result<usize, DataError> {
    Ok(open(file, &Place::file(&file.path))?.names.len())
}

fn open(file: &Listed, place: &Place) -> Result<Table<File>, DataError> {
    let input = File::open(&file.path);
    let input = input.map_err(|e| place.clone().refuse(Problem::Unreadable(e)))?;
    Table::open(input, place)
}

/// Reads channel `j`.
fn matrix<'f>(
    file: &'f Listed,
    columns: usize,
    (j, narrow): (usize, &mut Narrow),
) -> Result<Matrix<'f>, DataError> {
    let place = Place::file(&file.path);
    let mut table = open(file, &place)?;
    let (mut values, mut lines) = (Vec::new(), Runs::counting());
    let decimal = table.decimal;
    while let Some(row) = table.next(&place)? {
        lines.push(row.line);
        for (at, field) in row.fields().enumerate() {
            values.push(match text::number(field, decimal) {
                Ok(value) => narrow.value(j, value),
                Err(problem) if problem.is_gap() => f32::NAN,
                Err(problem) => {
                    let part = format!("field {}", at + 1);
                    return Err(place.line(row.line).part(part).refuse(problem));
                }
            });
        }
    }
    Ok(Matrix {
        file,
        columns,
        values,
        lines,
    })
}
