//! What a network should give.

use ndarray::ArrayView2;

use crate::data::Targets;

/// What one sequence should give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target<'a> {
    /// A class after the last step.
    Class(usize),
    /// A class after each step, `[T]`.
    ClassPerStep(&'a [usize]),
    /// Values after the last step, `[O]`.
    Value(&'a [f32]),
    /// Values after each step, `[T, O]`.
    ValuePerStep(ArrayView2<'a, f32>),
}

/// What one row of outputs should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expected<'a> {
    /// A class; for a single output, 1 stands for `σ(y) = 1`.
    Class(usize),
    /// Values, `[O]`.
    Values(&'a [f32]),
}

impl Expected<'_> {
    /// Whether a row of outputs decides for this class: its first largest output, or the sign of a
    /// single one. Values are met only exactly.
    pub fn is_met_by(&self, outputs: &[f32]) -> bool {
        match *self {
            Self::Class(class) if outputs.len() == 1 => (outputs[0] > 0.0) == (class == 1),
            Self::Class(class) => {
                outputs[..class].iter().all(|y| *y < outputs[class])
                    && outputs[class..].iter().all(|y| *y <= outputs[class])
            }
            Self::Values(values) => values == outputs,
        }
    }
}

impl<'a> Target<'a> {
    /// The target of sequence `index` of a data set.
    pub fn of(targets: &'a Targets, index: usize) -> Self {
        match targets {
            Targets::Class(classes) => Self::Class(classes[index]),
            Targets::ClassPerStep(classes) => Self::ClassPerStep(&classes[index]),
            Targets::Value(values) => Self::Value(&values[index]),
            Targets::ValuePerStep(values) => Self::ValuePerStep(values[index].view()),
        }
    }

    /// What the outputs after step `t` should be; `t` is ignored when only the last step counts.
    pub fn expected(&self, t: usize) -> Expected<'a> {
        match *self {
            Self::Class(class) => Expected::Class(class),
            Self::ClassPerStep(classes) => Expected::Class(classes[t]),
            Self::Value(values) => Expected::Values(values),
            Self::ValuePerStep(values) => {
                let row = values.index_axis_move(ndarray::Axis(0), t);
                Expected::Values(row.to_slice().expect("targets are stored row by row"))
            }
        }
    }
}
