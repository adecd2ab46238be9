//! What is known of a value in the graph without any input: constants, shapes, and which axis of an array is which.

use super::proto::Tensor;
use crate::import::error::Problem;
use crate::import::half;
use crate::import::model::Axis;

/// A value in the graph.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Constant floats.
    Floats { shape: Vec<usize>, values: Vec<f32> },
    /// The same number in every place, of any shape.
    Filled(f64),
    /// Whole numbers, such as shapes; `None` where the graph does not fix them.
    Ints {
        /// Whether it is a number and not a list.
        scalar: bool,
        values: Vec<Option<i64>>,
    },
    /// An array that follows from the graph's input.
    Signal(Signal),
    /// What cannot be read, if it is needed.
    Unknown(Problem),
}

/// An array that follows from the graph's input.
#[derive(Clone, Debug)]
pub(super) struct Signal {
    /// The place in the tree of layers.
    pub(super) at: usize,
    pub(super) axes: Vec<SignalAxis>,
}

/// An axis and its length, if the graph fixes that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SignalAxis {
    pub(super) role: Role,
    pub(super) size: Option<usize>,
}

/// Which axis it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Of the graph's input, by its number. The first LSTM says which it is.
    Input(usize),
    /// A known one.
    Is(Axis),
    /// Steps and sequences in one axis; whether the steps are the outer ones.
    Rows { time_outside: bool },
}

impl SignalAxis {
    pub(super) fn is(axis: Axis, size: Option<usize>) -> Self {
        let role = Role::Is(axis);
        Self { role, size }
    }

    pub(super) fn one() -> Self {
        Self::is(Axis::One, Some(1))
    }
}

/// The number of an axis of `rank`, counted from the end if it is negative.
pub(super) fn axis_number(axis: i64, rank: usize) -> Option<usize> {
    let rank_signed = rank as i64;
    let from_start = if axis < 0 {
        axis.checked_add(rank_signed)?
    } else {
        axis
    };
    usize::try_from(from_start).ok().filter(|axis| *axis < rank)
}

impl Tensor {
    /// The constant.
    pub(super) fn value(&self) -> Result<Value, Problem> {
        let damaged = |why: &str| {
            let name = match self.name.as_str() {
                "" => "a constant",
                name => name,
            };
            Problem::Damaged(format!("tensor {name}: {why}"))
        };
        if self.data_location == 1 {
            return Err(Problem::refused(
                format!("tensor {}", self.name),
                "its values lie in another file; save the model with its data in one file",
            ));
        }
        let shape: Option<Vec<usize>> =
            self.dims.iter().map(|n| usize::try_from(*n).ok()).collect();
        let shape = shape.ok_or_else(|| damaged("it has a negative size"))?;
        let count = shape
            .iter()
            .try_fold(1usize, |product, n| product.checked_mul(*n));
        let count = count.ok_or_else(|| damaged("its shape is too large"))?;
        let raw = |size: usize| match &self.raw_data {
            Some(raw) if Some(raw.len()) == count.checked_mul(size) => Ok(Some(raw)),
            Some(raw) => Err(damaged(&format!(
                "{shape:?} values and {} bytes",
                raw.len()
            ))),
            None => Ok(None),
        };
        let floats = match self.data_type {
            1 => match raw(4)? {
                Some(raw) => chunks(raw, |b| f32::from_le_bytes(b)),
                None => self.float_data.clone(),
            },
            11 => match raw(8)? {
                Some(raw) => chunks(raw, |b| f64::from_le_bytes(b) as f32),
                None => self.double_data.iter().map(|v| *v as f32).collect(),
            },
            10 | 16 => {
                let of = if self.data_type == 10 {
                    half::from_f16
                } else {
                    half::from_bf16
                };
                match raw(2)? {
                    Some(raw) => chunks(raw, |b| of(u16::from_le_bytes(b))),
                    None => self
                        .int32_data
                        .iter()
                        .map(|bits| of(*bits as u16))
                        .collect(),
                }
            }
            6 | 7 => {
                let values: Vec<i64> = match (
                    self.data_type,
                    raw(if self.data_type == 6 { 4 } else { 8 })?,
                ) {
                    (6, Some(raw)) => chunks(raw, |b| i64::from(i32::from_le_bytes(b))),
                    (6, None) => self.int32_data.iter().map(|v| i64::from(*v)).collect(),
                    (_, Some(raw)) => chunks(raw, |b| i64::from_le_bytes(b)),
                    (_, None) => self.int64_data.clone(),
                };
                if values.len() != count || shape.len() > 1 {
                    return Err(damaged(&format!(
                        "{shape:?} whole numbers, of which {} are there",
                        values.len()
                    )));
                }
                let scalar = shape.is_empty();
                let values = values.into_iter().map(Some).collect();
                return Ok(Value::Ints { scalar, values });
            }
            other => {
                return Err(Problem::refused(
                    format!("tensor {}", self.name),
                    format!(
                        "its type (number {other} of ONNX) is neither float nor int32 or int64; export the network in float32"
                    ),
                ));
            }
        };
        if floats.len() != count {
            return Err(damaged(&format!(
                "{shape:?} values, of which {} are there",
                floats.len()
            )));
        }
        Ok(Value::Floats {
            shape,
            values: floats,
        })
    }
}

fn chunks<const N: usize, T>(raw: &[u8], of: impl Fn([u8; N]) -> T) -> Vec<T> {
    let chunk = |chunk: &[u8]| {
        let mut bytes = [0; N];
        bytes.copy_from_slice(chunk);
        of(bytes)
    };
    raw.chunks_exact(N).map(chunk).collect()
}
