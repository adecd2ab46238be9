//! NumPy archives: padded sequences and their labels, for training and for testing.
//!
//! ```text
//! X_train, X_test               [N, T, F] (or [N, T] for one channel), numbers
//! y_train, y_test               whole numbers or text [N]: one class a sequence
//!                               whole numbers or text [N, T]: a class for each step
//!                               floats [N] or [N, O]: values;  [N, T, O]: values for each step
//! lengths_train, lengths_test   [N], optional: valid steps; what follows them is padding
//! group_*, groups_*, subject_*  [N], optional: the person or machine of each sequence
//! ```
//!
//! For predictions `X`, `lengths` and `group` serve too, and no targets are read.
//!
//! Any numeric element type is taken, of either byte order, and text for labels and groups. Floats that
//! are whole numbers or one-hot rows are classes where the options say so. Other arrays are ignored, and
//! so are the values of padding: those behind a sequence's length, and NaN in every channel at its end.

use std::io::{Read, Seek, SeekFrom};

use ndarray::{Array2, Array3, ArrayD, ArrayView2, ArrayViewD, Axis, Dimension, Ix3, s};
use zip::ZipArchive;
use zip::result::ZipError;

use super::super::error::{DataError, Place, Problem};
use super::super::offsets::Narrow;
use super::super::records::{Gap, Record, Records, Target, note_gap, numbered_channels};
use super::super::runs::Runs;
use super::super::task::Kind;
use super::super::text;
use super::Reading;
use super::npy::NpyError;
use super::npz_element::{self, Cell, Kept, Real};

/// Which half of an archive to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Train,
    Test,
    /// All of it, as arrays of inputs alone may be called.
    Whole,
}

impl Half {
    fn member(self, stem: &str) -> String {
        match self {
            Self::Train => format!("{stem}_train"),
            Self::Test => format!("{stem}_test"),
            Self::Whole => stem.to_owned(),
        }
    }
}

/// An open archive.
pub(super) struct Archive<R: Read + Seek> {
    zip: ZipArchive<R>,
    /// Of its arrays, without the extension.
    names: Vec<String>,
    place: Place,
    /// The most bytes of memory that one array may take.
    most: usize,
}

/// An array may take so many times the archive's bytes in memory, for deflate halves numbers seldom more than
/// a few times.
const EXPANSION: usize = 64;
/// And that much in any case.
const ANY_ARRAY: usize = 1 << 30;

impl<R: Read + Seek> Archive<R> {
    pub(super) fn open(mut input: R, place: &Place) -> Result<Self, DataError> {
        let refuse = |error: ZipError| {
            place.clone().refuse(Problem::Syntax {
                format: "NPZ",
                detail: format!("{error}; write it with numpy.savez or numpy.savez_compressed"),
            })
        };
        let bytes = input.seek(SeekFrom::End(0));
        let bytes = bytes.map_err(|error| place.clone().refuse(Problem::Unreadable(error)))?;
        let zip = ZipArchive::new(input).map_err(refuse)?;
        let name = |member: &str| member.strip_suffix(".npy").unwrap_or(member).to_owned();
        Ok(Self {
            names: zip.file_names().map(name).collect(),
            zip,
            place: place.clone(),
            most: (bytes as usize).saturating_mul(EXPANSION).max(ANY_ARRAY),
        })
    }

    pub(super) fn has(&self, half: Half) -> bool {
        self.names.contains(&half.member("X"))
    }

    /// Reads one half.
    pub(super) fn read(&mut self, half: Half, reading: &Reading<'_>) -> Result<Records, DataError> {
        let x = self.sequences(half)?;
        let (n, t, f) = x.dim();
        let lengths = self.lengths(half, n, t)?;
        let groups = self.groups(half, n)?;
        let y_name = half.member("y");
        let valid: Vec<usize> = (lengths.iter().enumerate())
            .map(|(i, length)| without_padding(x.slice(s![i, ..*length, ..])))
            .collect();
        let mut all = Records {
            channels: numbered_channels(f),
            narrow: Narrow::new(reading.offsets),
            ..Records::default()
        };
        let targets = match reading.wanted.unlabelled {
            true => (0..n).map(|_| Target::Values(Vec::new())).collect(),
            false => self.targets(&y_name, &valid, t, reading, &mut all)?,
        };
        for (i, target) in targets.into_iter().enumerate() {
            let steps = x.slice(s![i, ..lengths[i], ..]);
            let (steps, gap) = self.steps(steps, (&half.member("X"), i), &mut all.narrow)?;
            all.records.push(Record {
                group: groups.as_ref().map(|groups| groups[i].clone()),
                ..Record::new(self.element(&y_name, i), steps, gap, target)
            });
        }
        Ok(all)
    }

    /// `[N, T, F]`, padding included.
    fn sequences(&mut self, half: Half) -> Result<Array3<Real>, DataError> {
        let name = half.member("X");
        let mut x = self.array::<Real>(&name)?;
        let shape = x.shape().to_vec();
        if x.ndim() == 2 {
            x = x.insert_axis(Axis(2));
        }
        let x = (x.into_dimensionality::<Ix3>())
            .map_err(|_| self.shape_error(&name, "[N, T, F]".into(), &shape))?;
        match x.dim() {
            (_, _, 0) => Err(self.member(&name).refuse(Problem::NoChannels)),
            (1.., 0, _) => Err(self.member(&name).refuse(Problem::ZeroLength)),
            _ => Ok(x),
        }
    }

    /// Sequence `i` of array `name`, `[T, F]`, as it is stored.
    fn steps(
        &self,
        values: ArrayView2<'_, Real>,
        (name, i): (&str, usize),
        narrow: &mut Narrow,
    ) -> Result<(Array2<f32>, Gap), DataError> {
        let mut gap = None;
        let mut steps = Array2::zeros(values.dim());
        for ((t, j), Real(value)) in values.indexed_iter() {
            let refuse = || {
                let found = value.to_string();
                let place = self.member(&format!("{name}[{i}, {t}, {j}]"));
                place.refuse(Problem::NotFinite { found })
            };
            match value {
                value if value.is_nan() => note_gap(&mut gap, t, refuse),
                value if !(*value as f32).is_finite() => return Err(refuse()),
                _ => {}
            }
            steps[[t, j]] = narrow.value(j, *value);
        }
        Ok((steps, gap))
    }

    /// Valid steps of each of `n` sequences of `t` steps.
    fn lengths(&mut self, half: Half, n: usize, t: usize) -> Result<Vec<usize>, DataError> {
        let name = half.member("lengths");
        if !self.names.contains(&name) {
            return Ok(vec![t; n]);
        }
        let mut lengths = Vec::with_capacity(n);
        for (i, cell) in self.column(&name, n)?.into_iter().enumerate() {
            let length = match cell {
                Cell::Whole(0) => Err(Problem::ZeroLength),
                Cell::Whole(found) => match usize::try_from(found) {
                    Ok(steps) if steps <= t => Ok(steps),
                    _ => Err(Problem::LengthOutOfRange { found, max: t }),
                },
                Cell::Real(_) | Cell::Text(_) => Err(Problem::ElementType {
                    expected: "whole numbers",
                    found: format!("of {cell}"),
                }),
            };
            lengths.push(length.map_err(|problem| self.element(&name, i).refuse(problem))?);
        }
        Ok(lengths)
    }

    fn groups(&mut self, half: Half, n: usize) -> Result<Option<Vec<String>>, DataError> {
        let known = ["group", "groups", "subject", "subjects"].map(|stem| half.member(stem));
        let Some(name) = known.into_iter().find(|name| self.names.contains(name)) else {
            return Ok(None);
        };
        let groups = self.column(&name, n)?;
        let group = |(i, cell): (usize, &Cell)| match text::word(&cell.to_string()) {
            Ok(word) => Ok(word.to_owned()),
            Err(problem) => Err(self.element(&name, i).refuse(problem)),
        };
        groups
            .iter()
            .enumerate()
            .map(group)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// The target of each sequence, of which so many steps are `valid`; `t` is the time axis of X. Leaves the names
    /// of a regression's outputs in `all`.
    fn targets(
        &mut self,
        name: &str,
        valid: &[usize],
        t: usize,
        reading: &Reading<'_>,
        all: &mut Records,
    ) -> Result<Vec<Target>, DataError> {
        let n = valid.len();
        let mut y = self.array::<Cell>(name)?;
        let shape = y.shape().to_vec();
        let is_real = y.iter().any(|cell| matches!(cell, Cell::Real(_)));
        if !is_real && y.ndim() == 2 && shape[1] == 1 {
            y = y.index_axis_move(Axis(1), 0);
        }
        let fits = y.ndim() >= 1 && y.shape()[0] == n;
        let steps_fit = fits && y.ndim() >= 2 && y.shape()[1] == t;
        let are_values = is_real
            || (fits && y.ndim() == 2 && !steps_fit && whole_rows_are_values(&y, reading.kind));
        if are_values {
            if y.ndim() == 2 && steps_fit && t > 1 {
                all.notes.push(format!(
                    "{name} has as many columns as X has steps, so it is a value for each step"
                ));
                y = y.insert_axis(Axis(2));
            }
            all.outputs = output_names(y.shape().get(y.ndim().max(2) - 1).copied().unwrap_or(1));
            return match y.ndim() {
                1 | 2 if fits => self.values(name, &y),
                3 if steps_fit => self.values_per_step(name, &y, valid),
                _ => {
                    let expected = format!("[{n}], [{n}, O] or [{n}, {t}, O] for values");
                    Err(self.shape_error(name, expected, &shape))
                }
            };
        }
        let mut number = |i: usize, cell: &Cell| {
            let number = all.labels.number(&cell.to_string());
            number.map_err(|problem| self.element(name, i).refuse(problem))
        };
        match y.ndim() {
            1 if fits => (y.iter().enumerate())
                .map(|(i, cell)| Ok(Target::Label(number(i, cell)?)))
                .collect(),
            2 if steps_fit => (y.outer_iter().zip(valid).enumerate())
                .map(|(i, (row, valid))| {
                    let mut labels = Runs::constant();
                    for cell in row.iter().take(*valid) {
                        labels.push(number(i, cell)? as u64);
                    }
                    Ok(Target::Labels(labels))
                })
                .collect(),
            _ => {
                let expected = format!("[{n}] or [{n}, {t}] for classes");
                Err(self.shape_error(name, expected, &shape))
            }
        }
    }

    /// From `[N]` or `[N, O]`.
    fn values(&self, name: &str, y: &ArrayD<Cell>) -> Result<Vec<Target>, DataError> {
        let mut targets = Vec::with_capacity(y.shape()[0]);
        for (i, row) in y.outer_iter().enumerate() {
            let values = row.map(real);
            self.require_finite(values.view(), name, i)?;
            targets.push(Target::Values(values.into_iter().collect()));
        }
        Ok(targets)
    }

    /// From `[N, T, O]`.
    fn values_per_step(
        &self,
        name: &str,
        y: &ArrayD<Cell>,
        valid: &[usize],
    ) -> Result<Vec<Target>, DataError> {
        let mut targets = Vec::with_capacity(valid.len());
        for (i, valid) in valid.iter().enumerate() {
            let values = y.slice(s![i, ..*valid, ..]).map(real);
            self.require_finite(values.view().into_dyn(), name, i)?;
            targets.push(Target::ValuesPerStep(values));
        }
        Ok(targets)
    }

    /// An array with one element a sequence.
    fn column(&mut self, name: &str, n: usize) -> Result<Vec<Cell>, DataError> {
        let array = self.array::<Cell>(name)?;
        match array.shape() {
            [len] if *len == n => Ok(array.into_iter().collect()),
            shape => Err(self.shape_error(name, format!("[{n}], one element a sequence"), shape)),
        }
    }

    fn array<A: Kept>(&mut self, name: &str) -> Result<ArrayD<A>, DataError> {
        if !self.names.iter().any(|known| known == name) {
            return Err(self.place.clone().refuse(Problem::MissingMember {
                name: name.to_owned(),
                have: self.names.clone(),
            }));
        }
        let place = self.member(name);
        let damaged = |error: String| {
            place.clone().refuse(Problem::Syntax {
                format: "NPZ",
                detail: format!("{error}; the file is damaged, write it again"),
            })
        };
        let member = (self.zip.by_name(&format!("{name}.npy")))
            .map_err(|error| damaged(error.to_string()))?;
        npz_element::read(member, self.most).map_err(|error| match error {
            NpyError::Damaged(why) => damaged(why),
            NpyError::Unreadable(error) => damaged(error.to_string()),
            NpyError::Type(found) => place.clone().refuse(Problem::ElementType {
                expected: "numbers (text too, for labels and groups)",
                found,
            }),
        })
    }

    /// Refuses infinity and NaN in the targets of sequence `i`.
    fn require_finite(
        &self,
        values: ArrayViewD<'_, f32>,
        name: &str,
        i: usize,
    ) -> Result<(), DataError> {
        match values.indexed_iter().find(|(_, value)| !value.is_finite()) {
            None => Ok(()),
            Some((index, value)) => {
                let mut part = format!("{name}[{i}");
                for at in index.as_array_view() {
                    part += &format!(", {at}");
                }
                let found = value.to_string();
                Err((self.member(&(part + "]"))).refuse(match value.is_nan() {
                    true => Problem::Missing { what: "target" },
                    false => Problem::NotFinite { found },
                }))
            }
        }
    }

    fn member(&self, name: &str) -> Place {
        self.place.clone().part(name)
    }

    fn element(&self, name: &str, i: usize) -> Place {
        self.member(&format!("{name}[{i}]"))
    }

    fn shape_error(&self, name: &str, expected: String, found: &[usize]) -> DataError {
        self.member(name).refuse(Problem::Shape {
            expected,
            found: found.to_vec(),
        })
    }
}

/// Steps up to the last one in which any channel has a value; all of them if none has.
fn without_padding(steps: ArrayView2<'_, Real>) -> usize {
    let has_value = |t: &usize| steps.row(*t).iter().any(|Real(value)| !value.is_nan());
    let valid = (0..steps.nrows()).rev().find(has_value);
    valid.map_or(steps.nrows(), |last| last + 1)
}

/// Whether rows of whole numbers, `[N, O]`, are values: if the options say so, or if each is one-hot.
fn whole_rows_are_values(y: &ArrayD<Cell>, kind: Option<Kind>) -> bool {
    let is_one_hot = || {
        (y.outer_iter()).all(|row| {
            let count = |value: i64| {
                row.iter()
                    .filter(|cell| **cell == Cell::Whole(value))
                    .count()
            };
            count(1) == 1 && count(0) + 1 == row.len()
        })
    };
    kind == Some(Kind::Values) || is_one_hot()
}

/// The value of an element of a float array, which holds no other kind.
fn real(cell: &Cell) -> f32 {
    match cell {
        Cell::Real(value) => *value as f32,
        Cell::Whole(value) => *value as f32,
        Cell::Text(_) => f32::NAN,
    }
}

fn output_names(outputs: usize) -> Vec<String> {
    match outputs {
        1 => vec!["y".into()],
        _ => (0..outputs).map(|o| format!("y{o}")).collect(),
    }
}
