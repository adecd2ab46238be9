//! What is known of a value in the graph without any input: constants, shapes, and which axis of an array is which.

use super::proto::Tensor;
use crate::import::error::{Problem, short};
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
        values: Vec<Number>,
    },
    /// An array that follows from the graph's input.
    Signal(Signal),
    /// What cannot be read, if it is needed.
    Unknown(Problem),
}

/// A whole number, and the axis that it is the length of, where it is one's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) value: Option<i64>,
    /// The axis, and the place in the tree of the graph's input that has it.
    pub(super) of: Option<(Role, usize)>,
}

impl Number {
    /// The length of an axis of an array that follows from the input at `root`.
    pub(super) fn of(axis: SignalAxis, root: usize) -> Self {
        Self {
            value: axis.size.map(|size| size as i64),
            of: Some((axis.role, root)),
        }
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self {
            value: Some(value),
            of: None,
        }
    }
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
    /// Steps and sequences in one axis; whether the steps are the outer ones, and how many of the outer and the inner
    /// there are.
    Rows {
        time_outside: bool,
        sizes: [Option<usize>; 2],
    },
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
        if self.data_location == 1 {
            return Err(Problem::refused(
                self.title(),
                "its values lie in another file; save the model with its data in one file",
            ));
        }
        let shape = self.dims.iter().map(|n| usize::try_from(*n).ok());
        let shape: Option<Vec<usize>> = shape.collect();
        let shape = shape.ok_or_else(|| self.damaged("it has a negative size"))?;
        let count = shape
            .iter()
            .try_fold(1usize, |product, n| product.checked_mul(*n));
        let count = count.ok_or_else(|| self.damaged("its shape is too large"))?;
        let missing =
            |found: usize| self.damaged(&format!("{shape:?} values, of which {found} are there"));
        if let 6 | 7 = self.data_type {
            let values = self.ints();
            return match values.len() == count && shape.len() <= 1 {
                true => Ok(Value::Ints {
                    scalar: shape.is_empty(),
                    values: values.into_iter().map(Number::from).collect(),
                }),
                // More axes than a list of sizes has: these are weights.
                false if values.len() == count => Err(self.untyped(self.data_type)),
                false => Err(missing(values.len())),
            };
        }
        let values = self.floats()?;
        match values.len() == count {
            true => Ok(Value::Floats { shape, values }),
            false => Err(missing(values.len())),
        }
    }

    /// For messages.
    fn title(&self) -> String {
        match self.name.as_str() {
            "" => "a constant".into(),
            name => format!("tensor {}", short(name)),
        }
    }

    fn damaged(&self, why: &str) -> Problem {
        Problem::Damaged(format!("{}: {why}", self.title()))
    }

    fn ints(&self) -> Vec<i64> {
        match (self.data_type, &self.raw_data) {
            (6, Some(raw)) => chunks(raw, |b| i64::from(i32::from_le_bytes(b))),
            (6, None) => self.int32_data.iter().map(|v| i64::from(*v)).collect(),
            (_, Some(raw)) => chunks(raw, i64::from_le_bytes),
            (_, None) => self.int64_data.clone(),
        }
    }

    fn floats(&self) -> Result<Vec<f32>, Problem> {
        let halves = |of: fn(u16) -> f32| match &self.raw_data {
            Some(raw) => chunks(raw, |b| of(u16::from_le_bytes(b))),
            None => self
                .int32_data
                .iter()
                .map(|bits| of(*bits as u16))
                .collect(),
        };
        Ok(match (self.data_type, &self.raw_data) {
            (1, Some(raw)) => chunks(raw, f32::from_le_bytes),
            (1, None) => self.float_data.clone(),
            (11, Some(raw)) => chunks(raw, |b| f64::from_le_bytes(b) as f32),
            (11, None) => self.double_data.iter().map(|v| *v as f32).collect(),
            (10, _) => halves(half::from_f16),
            (16, _) => halves(half::from_bf16),
            (other, _) => return Err(self.untyped(other)),
        })
    }

    /// The refusal of a type.
    fn untyped(&self, number: i32) -> Problem {
        let name = match number {
            2 => "uint8",
            3 => "int8",
            6 => "int32",
            7 => "int64",
            9 => "bool",
            _ => "another type",
        };
        Problem::refused(
            self.title(),
            format!(
                "its values are {name} (number {number} of ONNX), and weights are to be float32, float64, float16 or bfloat16; export the network in float32"
            ),
        )
    }
}

/// Numbers of `N` bytes each; what is left over is no number.
fn chunks<const N: usize, T>(raw: &[u8], of: impl Fn([u8; N]) -> T) -> Vec<T> {
    let chunk = |chunk: &[u8]| {
        let mut bytes = [0; N];
        bytes.copy_from_slice(chunk);
        of(bytes)
    };
    raw.chunks_exact(N).map(chunk).collect()
}
