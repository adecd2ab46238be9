//! Layers that run backwards in time, in a pass: (WD1) and (WD2) of `lstm_nostd::window`.
//!
//! Such a layer runs forwards over rows that were turned: those of each sequence from its own last step to its first. Its
//! states stay in the order of its own steps, and what it hands on is turned again. The halves of a layer stand side by
//! side in matrices of their own, [`Joined`]. The way back is [`super::window_back`].

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis, CowArray, Ix2, concatenate, s};

use crate::compute::panels::{Panels, copy_row, copy_to_columns};
use crate::network::{Direction, Mode, Network, NetworkConfig};
use crate::passes::steps::Steps;

/// One half of a layer: a recurrent layer, and the first column of its outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Half {
    pub(crate) layer: usize,
    pub(crate) column: usize,
    pub(crate) is_reverse: bool,
}

/// How the recurrent layers of a network stand on one another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stack {
    /// Of each recurrent layer; empty if all run forwards.
    directions: Vec<Direction>,
    /// Values that each recurrent layer hands on.
    outputs: Vec<usize>,
}

impl Stack {
    pub(crate) fn of(config: &NetworkConfig) -> Self {
        match config.is_of_windows() {
            true => Self {
                directions: (0..config.hidden.len())
                    .map(|l| config.direction(l))
                    .collect(),
                outputs: (config.hidden.iter())
                    .map(|units| config.cell.outputs(*units))
                    .collect(),
            },
            false => Self::default(),
        }
    }

    /// Whether a layer runs backwards.
    pub(crate) fn is_of_windows(&self) -> bool {
        !self.directions.is_empty()
    }

    /// How many recurrent layers there are where one runs backwards; else none.
    pub(crate) fn of_windows(&self) -> usize {
        self.directions.len()
    }

    /// Whether layer `l` reads what the layer after it reads too.
    pub(crate) fn has_beside(&self, l: usize) -> bool {
        self.direction(l + 1) == Direction::Beside
    }

    pub(crate) fn direction(&self, l: usize) -> Direction {
        self.directions.get(l).copied().unwrap_or_default()
    }

    pub(crate) fn is_reverse(&self, l: usize) -> bool {
        self.direction(l) != Direction::Forward
    }

    /// The last recurrent layer of those below layer `l`; none above the inputs.
    pub(crate) fn below(&self, l: usize) -> Option<usize> {
        match self.direction(l) {
            Direction::Beside => l.checked_sub(2),
            Direction::Forward | Direction::Reverse => l.checked_sub(1),
        }
    }

    /// Whether layer `l` is the last half of a layer.
    pub(crate) fn is_last_half(&self, l: usize) -> bool {
        !self.has_beside(l)
    }

    /// The halves of the layer whose last one is `l`.
    pub(crate) fn halves(&self, l: usize) -> Vec<Half> {
        let half = |layer: usize, column: usize| Half {
            layer,
            column,
            is_reverse: self.is_reverse(layer),
        };
        match self.direction(l) {
            Direction::Beside => vec![half(l - 1, 0), half(l, self.outputs[l - 1])],
            Direction::Forward | Direction::Reverse => vec![half(l, 0)],
        }
    }

    /// The halves of the uppermost layer.
    pub(crate) fn top(&self) -> Vec<Half> {
        self.halves(self.directions.len() - 1)
    }

    /// Columns of what a half hands on.
    pub(crate) fn columns(&self, half: Half) -> Range<usize> {
        half.column..half.column + self.outputs[half.layer]
    }
}

/// Matrices of a pass beside those of the layers, `[.., columns of all halves]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Joined {
    /// What each recurrent layer that runs backwards reads, in the order of its steps, `[R, I]`.
    pub(crate) turned: Vec<Panels>,
    /// Outputs of all halves in the order of time, `[B + R, O]`, under the number of the last half.
    pub(crate) outputs: Vec<Panels>,
}

impl Joined {
    /// For a network; nothing if all layers run forwards.
    pub(crate) fn reset(&mut self, stack: &Stack) {
        self.turned
            .resize_with(stack.directions.len(), Panels::default);
        self.outputs
            .resize_with(stack.directions.len(), Panels::default);
    }
}

/// For each row of `[R]` in the order of time, the row of the same step from the end of its sequence.
pub(crate) fn turned_rows(steps: &Steps) -> Vec<usize> {
    let lengths: Vec<usize> = (0..steps.sequences).map(|b| steps.length(b)).collect();
    let of_step = |(t, count): (usize, usize)| {
        let row = |b: usize| steps.steps[lengths[b] - 1 - t].row + b;
        (0..count).map(row).collect::<Vec<_>>()
    };
    let steps = steps.steps.iter().map(|step| step.count);
    steps.enumerate().flat_map(of_step).collect()
}

/// The rows of `x` from row `first`, turned.
pub(crate) fn turn((x, first): (&Panels, usize), steps: &Steps, into: &mut Panels) {
    into.reshape(steps.rows, x.columns());
    for (to, from) in turned_rows(steps).into_iter().enumerate() {
        copy_row(x, first + from, into, to);
    }
}

/// Puts the outputs of a half, `[B + R, H]` in the order of its steps, where they stand in the order of time. The rows before
/// the first step are zero.
pub(crate) fn join(hidden: &Panels, half: Half, steps: &Steps, into: &mut Panels) {
    let rows = turned_rows(steps);
    for (row, turned) in rows.into_iter().enumerate() {
        let from = if half.is_reverse { turned } else { row };
        let (from, to) = (steps.sequences + from, steps.sequences + row);
        copy_to_columns((hidden, from), (into, to), half.column);
    }
}

/// What layers read of the outputs of others, where each layer's are in the order of its own steps, as in
/// [`LayerStates`](crate::passes::trace::LayerStates).
impl Network {
    /// What recurrent layer `l` reads in the order of its steps, `[T, I]`. `bottom`, `[T, ..]`, is what the first layer reads,
    /// and `hidden` has the outputs of each layer, `[T, O]`.
    pub fn layer_inputs<'a>(
        &self,
        l: usize,
        bottom: ArrayView2<'a, f32>,
        hidden: impl Fn(usize) -> ArrayView2<'a, f32>,
    ) -> CowArray<'a, f32, Ix2> {
        let stack = Stack::of(&self.config);
        let mut x = match stack.below(l) {
            Some(below) => stack.side_by_side(below, hidden),
            None => bottom.into(),
        };
        if stack.is_reverse(l) {
            x.invert_axis(Axis(0));
        }
        x
    }

    /// What the first dense layer reads, from the outputs of each recurrent layer: `[T, O]`, or one row if it answers once. Of
    /// sequences without a step there is none.
    pub fn head_values<'a>(&self, hidden: impl Fn(usize) -> ArrayView2<'a, f32>) -> Array2<f32> {
        let stack = Stack::of(&self.config);
        let top = self.recurrent.len() - 1;
        match self.config.mode {
            Mode::SequenceToSequence => stack.side_by_side(top, hidden).into_owned(),
            // After each half's own last step.
            Mode::SequenceToOne => {
                let last = |l: usize| {
                    let h = hidden(l);
                    let first = h.nrows().saturating_sub(1);
                    h.slice_move(s![first.., ..])
                };
                match stack.direction(top) {
                    Direction::Beside => concatenate![Axis(1), last(top - 1), last(top)],
                    Direction::Forward | Direction::Reverse => last(top).to_owned(),
                }
            }
            Mode::SequenceToMean => {
                let all = stack.side_by_side(top, hidden);
                match all.mean_axis(Axis(0)) {
                    Some(mean) => mean.insert_axis(Axis(0)),
                    None => all.into_owned(),
                }
            }
        }
    }
}

impl Stack {
    /// What the layer whose last half is `l` hands on, in the order of time, `[T, O]`.
    fn side_by_side<'a>(
        &self,
        l: usize,
        hidden: impl Fn(usize) -> ArrayView2<'a, f32>,
    ) -> CowArray<'a, f32, Ix2> {
        let in_time = |l: usize| match self.is_reverse(l) {
            true => hidden(l).slice_move(s![..;-1, ..]),
            false => hidden(l),
        };
        match self.direction(l) {
            Direction::Beside => concatenate![Axis(1), in_time(l - 1), in_time(l)].into(),
            Direction::Forward | Direction::Reverse => in_time(l).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sequence_is_turned_by_its_own_length() {
        // Rows of sequences 0, 1, 2: 0 1 2 | 3 4 | 5.
        let steps = Steps::of(&[3, 2, 1]);
        assert_eq!(turned_rows(&steps), [5, 4, 2, 3, 1, 0]);
    }
}
