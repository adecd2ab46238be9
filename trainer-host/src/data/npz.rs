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
//! Any numeric element type is taken, of either byte order, and text for labels and groups.
//! Other arrays are ignored, and so are the values of padding.

use std::io::{Read, Seek};

use ndarray::{Array3, ArrayD, ArrayViewD, Axis, Dimension, Ix3, s};
use ndarray_npy::{NpzReader, ReadNpyError, ReadNpzError, ReadableElement};

use super::error::{DataError, Place, Problem};
use super::npz_element::{Cell, Real};
use super::records::{Labels, Record, Records, Target, numbered_channels};
use super::text::Gaps;

/// Which half of an archive to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Train,
    Test,
}

impl Half {
    fn member(self, stem: &str) -> String {
        match self {
            Self::Train => format!("{stem}_train"),
            Self::Test => format!("{stem}_test"),
        }
    }
}

/// An open archive.
pub(super) struct Archive<R: Read + Seek> {
    npz: NpzReader<R>,
    names: Vec<String>,
    place: Place,
}

impl<R: Read + Seek> Archive<R> {
    pub(super) fn open(input: R, place: &Place) -> Result<Self, DataError> {
        let refuse = |error: ReadNpzError| {
            place.clone().refuse(Problem::Syntax {
                format: "NPZ",
                detail: format!("{error}; write it with numpy.savez or numpy.savez_compressed"),
            })
        };
        let mut npz = NpzReader::new(input).map_err(refuse)?;
        let names = npz.names().map_err(refuse)?;
        Ok(Self {
            npz,
            names,
            place: place.clone(),
        })
    }

    pub(super) fn has(&self, half: Half) -> bool {
        self.names.contains(&half.member("X"))
    }

    /// Reads one half.
    pub(super) fn read(&mut self, half: Half, gaps: Gaps) -> Result<Records, DataError> {
        let x = self.sequences(half)?;
        let (n, t, f) = x.dim();
        let lengths = self.lengths(half, n, t)?;
        let groups = self.groups(half, n)?;
        let mut labels = Labels::default();
        let y_name = half.member("y");
        let (targets, outputs) = self.targets(&y_name, &lengths, t, &mut labels)?;
        let mut records = Vec::with_capacity(n);
        for (i, target) in targets.into_iter().enumerate() {
            let steps = x.slice(s![i, ..lengths[i], ..]);
            self.require_finite(steps.into_dyn(), &half.member("X"), i, gaps)?;
            records.push(Record {
                place: self.element(&y_name, i),
                step_lines: Vec::new(),
                steps: steps.to_owned(),
                target,
                group: groups.as_ref().map(|groups| groups[i].clone()),
            });
        }
        Ok(Records {
            channels: numbered_channels(f),
            labels,
            declared: None,
            outputs,
            records,
            rows_repeat: false,
        })
    }

    /// `[N, T, F]`, padding included.
    fn sequences(&mut self, half: Half) -> Result<Array3<f32>, DataError> {
        let name = half.member("X");
        let mut x = self.array::<Real>(&name)?.mapv(|Real(value)| value);
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
        Ok(Some(groups.iter().map(Cell::to_string).collect()))
    }

    /// The target of each sequence, and the names of a regression's outputs.
    fn targets(
        &mut self,
        name: &str,
        lengths: &[usize],
        t: usize,
        labels: &mut Labels,
    ) -> Result<(Vec<Target>, Vec<String>), DataError> {
        let n = lengths.len();
        let mut y = self.array::<Cell>(name)?;
        let shape = y.shape().to_vec();
        let is_real = y.iter().any(|cell| matches!(cell, Cell::Real(_)));
        if !is_real && y.ndim() == 2 && shape[1] == 1 {
            y = y.index_axis_move(Axis(1), 0);
        }
        let fits = y.ndim() >= 1 && y.shape()[0] == n;
        let steps_fit = fits && y.ndim() >= 2 && y.shape()[1] == t;
        if is_real {
            return match y.ndim() {
                1 | 2 if fits => self.values(name, &y),
                3 if steps_fit => self.values_per_step(name, &y, lengths),
                _ => {
                    let expected = format!("[{n}], [{n}, O] or [{n}, {t}, O] for values");
                    Err(self.shape_error(name, expected, &shape))
                }
            };
        }
        let mut number = |cell: &Cell| labels.number(&cell.to_string());
        let targets = match y.ndim() {
            1 if fits => y.iter().map(|cell| Target::Label(number(cell))).collect(),
            2 if steps_fit => (y.outer_iter().zip(lengths))
                .map(|(row, length)| {
                    Target::Labels(row.iter().take(*length).map(&mut number).collect())
                })
                .collect(),
            _ => {
                let expected = format!("[{n}] or [{n}, {t}] for classes");
                return Err(self.shape_error(name, expected, &shape));
            }
        };
        Ok((targets, Vec::new()))
    }

    /// From `[N]` or `[N, O]`.
    fn values(
        &self,
        name: &str,
        y: &ArrayD<Cell>,
    ) -> Result<(Vec<Target>, Vec<String>), DataError> {
        let mut targets = Vec::with_capacity(y.shape()[0]);
        for (i, row) in y.outer_iter().enumerate() {
            let values = row.map(real);
            self.require_finite(values.view(), name, i, Gaps::Refused)?;
            targets.push(Target::Values(values.into_iter().collect()));
        }
        Ok((
            targets,
            output_names(y.shape().get(1).copied().unwrap_or(1)),
        ))
    }

    /// From `[N, T, O]`.
    fn values_per_step(
        &self,
        name: &str,
        y: &ArrayD<Cell>,
        lengths: &[usize],
    ) -> Result<(Vec<Target>, Vec<String>), DataError> {
        let mut targets = Vec::with_capacity(lengths.len());
        for (i, length) in lengths.iter().enumerate() {
            let values = y.slice(s![i, ..*length, ..]).map(real);
            self.require_finite(values.view().into_dyn(), name, i, Gaps::Refused)?;
            targets.push(Target::ValuesPerStep(values));
        }
        Ok((targets, output_names(y.shape()[2])))
    }

    /// An array with one element a sequence.
    fn column(&mut self, name: &str, n: usize) -> Result<Vec<Cell>, DataError> {
        let array = self.array::<Cell>(name)?;
        match array.shape() {
            [len] if *len == n => Ok(array.into_iter().collect()),
            shape => Err(self.shape_error(name, format!("[{n}], one element a sequence"), shape)),
        }
    }

    fn array<A: ReadableElement>(&mut self, name: &str) -> Result<ArrayD<A>, DataError> {
        if !self.names.iter().any(|known| known == name) {
            return Err(self.place.clone().refuse(Problem::MissingMember {
                name: name.to_owned(),
                have: self.names.clone(),
            }));
        }
        self.npz.by_name(name).map_err(|error| {
            self.member(name).refuse(match error {
                ReadNpzError::Npy(ReadNpyError::WrongDescriptor(found)) => Problem::ElementType {
                    expected: "numbers (text too, for labels and groups)",
                    found: found.to_string(),
                },
                // It would quote all of the damaged header.
                ReadNpzError::Npy(ReadNpyError::ParseHeader(_)) => Problem::Syntax {
                    format: "NPZ",
                    detail: "the array has no NumPy header; the file is damaged, write it again"
                        .into(),
                },
                error => Problem::Syntax {
                    format: "NPZ",
                    detail: format!("{error}; the file is damaged, write it again"),
                },
            })
        })
    }

    /// Refuses infinity, and NaN unless it is a gap to keep, in what belongs to sequence `i`.
    fn require_finite(
        &self,
        values: ArrayViewD<'_, f32>,
        name: &str,
        i: usize,
        gaps: Gaps,
    ) -> Result<(), DataError> {
        let refused = |value: f32| !value.is_finite() && (gaps == Gaps::Refused || !value.is_nan());
        match values.indexed_iter().find(|(_, value)| refused(**value)) {
            None => Ok(()),
            Some((index, value)) => {
                let mut part = format!("{name}[{i}");
                for at in index.as_array_view() {
                    part += &format!(", {at}");
                }
                let found = value.to_string();
                Err(self
                    .member(&(part + "]"))
                    .refuse(Problem::NotFinite { found }))
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
