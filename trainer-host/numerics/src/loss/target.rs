//! The targets of a network.

use ndarray::ArrayView2;

use crate::targets::Targets;

/// The target of one sequence.
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

/// The target of one row of outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expected<'a> {
    /// A class; for a single output, 1 stands for `σ(y) = 1`.
    Class(usize),
    /// Values, `[O]`.
    Values(&'a [f32]),
}

impl Expected<'_> {
    /// Whether a row of outputs decides for this class. The first largest output decides, or the sign of a single
    /// one. For values, whether the outputs equal them exactly.
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

    /// The target after step `t`. If only the last step counts, `t` is ignored.
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
