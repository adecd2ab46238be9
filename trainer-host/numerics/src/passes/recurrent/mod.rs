//! Recurrent layers of any kind in a pass: the one place where passes ask for the kind.
//!
//! A kind has four parts: its packed parameters, what it computes forward, its weights as the backward pass
//! needs them, and its gradients. They are those of one layer, so that all four are of one kind.

mod lstm;
mod lstm_back;
mod lstm_cell;

use std::ops::{Deref, DerefMut};

use ndarray::{Array1, Array2};

use self::lstm::{LstmPass, PackedLstm};
use self::lstm_back::{LstmBack, LstmTransposed};
use crate::compute::lanes::{Backend, LANES, Line};
use crate::compute::panels::{Panels, row_slices};
use crate::network::RecurrentLayer;
use crate::passes::activation_format::ActivationFormat;
use crate::passes::dropout::Dropout;
use crate::passes::steps::{StepRows, Steps};

/// What a layer needs of the pass that it is part of.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) backend: Backend,
    pub(crate) steps: &'a Steps,
    pub(crate) dropout: &'a Dropout,
    /// What the layer's outputs are rounded to.
    pub(crate) format: Option<ActivationFormat>,
}

/// `hidden` units rounded up to whole panels, H'.
fn padded(hidden: usize) -> usize {
    hidden.next_multiple_of(LANES)
}

/// The packed column of row `r` of a `[G H, ..]` matrix: that of gate g and unit u is `g · H' + u`.
fn gate_column(r: usize, hidden: usize) -> usize {
    r / hidden * padded(hidden) + r % hidden
}

/// `[G H, K]` to `[K, G H']`.
fn pack_gates(weights: &Array2<f32>, hidden: usize) -> Panels {
    let gates = weights.nrows() / hidden;
    let mut packed = Panels::zeros(weights.ncols(), gates * padded(hidden));
    for (r, row) in row_slices(weights).enumerate() {
        packed.write_column(gate_column(r, hidden), row);
    }
    packed
}

/// `[G H, K]` to `[G H', K]`.
fn pack_transposed(weights: &Array2<f32>, hidden: usize) -> Panels {
    let gates = weights.nrows() / hidden;
    let mut packed = Panels::zeros(gates * padded(hidden), weights.ncols());
    for (r, row) in row_slices(weights).enumerate() {
        packed.write_row(gate_column(r, hidden), row);
    }
    packed
}

/// `[G H]` to a line for each panel of the gates.
fn pack_biases(biases: &Array1<f32>, hidden: usize) -> Vec<Line> {
    let gates = biases.len() / hidden;
    let mut lines = vec![Line::default(); gates * hidden.div_ceil(LANES)];
    for (r, value) in biases.iter().enumerate() {
        let column = gate_column(r, hidden);
        lines[column / LANES].0[column % LANES] = *value;
    }
    lines
}

/// Makes states, `[B + R, H]`, zero before the first step.
fn reset(states: [&mut Panels; 2], steps: &Steps, hidden: usize) {
    for state in states {
        state.reshape(steps.sequences + steps.rows, hidden);
        for panel in 0..state.panels() {
            state.panel_mut(panel)[..steps.sequences].fill(Line::default());
        }
    }
}

/// Makes states, `[B + R, H]`, after `last` those before the first of `steps`.
fn carry(states: [&mut Panels; 2], last: StepRows, steps: &Steps) {
    for state in states {
        let panels = state.panels();
        let from = |panel| &state.panel(panel)[last.state..last.state + steps.sequences];
        let kept: Vec<Line> = (0..panels).flat_map(from).copied().collect();
        state.reshape(steps.sequences + steps.rows, state.columns());
        for (panel, lines) in kept.chunks(steps.sequences.max(1)).enumerate() {
            state.panel_mut(panel)[..steps.sequences].copy_from_slice(lines);
        }
    }
}

/// The outputs `hidden`, `[B + R, H]`, of all steps as `format` has them; none without a format.
fn round_upward(
    hidden: &Panels,
    upward: &mut Panels,
    format: Option<ActivationFormat>,
    sequences: usize,
) {
    let Some(format) = format else {
        return upward.reshape(0, 0);
    };
    let rows = hidden.rows() - sequences;
    upward.reshape(rows, hidden.columns());
    for panel in 0..hidden.panels() {
        let h = &hidden.panel(panel)[sequences..];
        upward.panel_mut(panel).copy_from_slice(h);
    }
    format.round_rows(upward, 0, rows);
}

/// A layer's parameters in panels.
#[derive(Clone, Debug)]
pub(crate) enum PackedRecurrent {
    Lstm(PackedLstm),
}

impl PackedRecurrent {
    pub(crate) fn of(layer: &RecurrentLayer) -> Self {
        match layer {
            RecurrentLayer::Lstm(layer) => Self::Lstm(PackedLstm::of(layer)),
        }
    }

    /// Inputs `I`.
    pub(crate) fn inputs(&self) -> usize {
        match self {
            Self::Lstm(weights) => weights.inputs(),
        }
    }

    /// Values that it hands on.
    pub(crate) fn outputs(&self) -> usize {
        match self {
            Self::Lstm(weights) => weights.hidden(),
        }
    }
}

/// What a layer computes forward.
#[derive(Clone, Debug)]
pub(crate) enum RecurrentPass {
    Lstm(LstmPass),
}

/// What every kind does forward.
pub(crate) trait ForwardLayer {
    /// Makes the state before the first step zero, for a layer of so many outputs.
    fn reset_state(&mut self, steps: &Steps, outputs: usize);

    /// Makes the state after `last`, the step before, the initial state of `steps`.
    fn carry_state(&mut self, last: StepRows, steps: &Steps);

    /// Makes the state of sequence `b` before the first step these `hidden` values, `[O]`, and cells, `[H]`.
    fn begin_with(&mut self, b: usize, hidden: &[f32], cell: &[f32]);

    /// Draws the masks of dropout within the layer, as far as they are active.
    fn fill_masks(&mut self, dropout: &mut Dropout, steps: &Steps);

    /// Keeps the outputs of all steps as `format` has them.
    fn round_upward(&mut self, format: Option<ActivationFormat>, sequences: usize);

    /// The outputs of all steps as they go up, and the row of the first.
    fn upward(&self, sequences: usize) -> (&Panels, usize);

    /// The outputs, `[B + R, O]`.
    fn outputs(&self) -> &Panels;

    /// The cells, `[B + R, H]`, of a kind that has some.
    fn cell(&self) -> Option<&Panels>;

    /// The activations of all gates over the first `steps` rows, `[steps, G H]`.
    fn gates(&self, steps: usize) -> Array2<f32>;
}

impl RecurrentPass {
    /// An empty one for a layer of these weights.
    pub(crate) fn of(weights: &PackedRecurrent) -> Self {
        match weights {
            PackedRecurrent::Lstm(_) => Self::Lstm(LstmPass::default()),
        }
    }

    /// Runs over all steps; row `first` of `x` is the input of row 0. Masks of dropout have been filled.
    pub(crate) fn run(
        &mut self,
        around: Around<'_>,
        weights: &PackedRecurrent,
        (x, first): (&Panels, usize),
    ) {
        match (self, weights) {
            (Self::Lstm(pass), PackedRecurrent::Lstm(weights)) => {
                pass.run(around, weights, (x, first));
            }
        }
    }
}

#[cfg(test)]
impl RecurrentPass {
    /// The layer, if it is an LSTM.
    fn as_lstm(&self) -> Option<&LstmPass> {
        match self {
            Self::Lstm(pass) => Some(pass),
        }
    }
}

impl Deref for RecurrentPass {
    type Target = dyn ForwardLayer;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Lstm(pass) => pass,
        }
    }
}

impl DerefMut for RecurrentPass {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Lstm(pass) => pass,
        }
    }
}

/// A layer's weights as the backward pass needs them.
pub(crate) enum RecurrentTransposed {
    Lstm(LstmTransposed),
}

impl RecurrentTransposed {
    /// Of a layer that reads the network's inputs, which need no gradient, if it is the `first`.
    pub(crate) fn of(layer: &RecurrentLayer, first: bool) -> Self {
        match layer {
            RecurrentLayer::Lstm(layer) => Self::Lstm(LstmTransposed::of(layer, first)),
        }
    }
}

/// A layer's gradients.
#[derive(Debug)]
pub(crate) enum RecurrentBack {
    Lstm(LstmBack),
}

impl RecurrentBack {
    /// An empty one for a layer of these weights.
    pub(crate) fn of(weights: &PackedRecurrent) -> Self {
        match weights {
            PackedRecurrent::Lstm(_) => Self::Lstm(LstmBack::default()),
        }
    }

    /// The gradient of the outputs, `[R, O]`.
    pub(crate) fn d_outputs(&mut self) -> &mut Panels {
        match self {
            Self::Lstm(back) => back.d_outputs(),
        }
    }

    /// From the last step to the first: what `forward` holds becomes the gradient of its sums.
    pub(crate) fn through_time(
        &mut self,
        around: Around<'_>,
        forward: &mut RecurrentPass,
        weights: (&PackedRecurrent, &RecurrentTransposed),
    ) {
        match (self, forward, weights) {
            (
                Self::Lstm(back),
                RecurrentPass::Lstm(forward),
                (PackedRecurrent::Lstm(weights), RecurrentTransposed::Lstm(transposed)),
            ) => back.through_time(around, forward, (weights, transposed)),
        }
    }

    /// The gradients of the weights; row `first` of `x` is the input of row 0.
    pub(crate) fn correlate(
        &mut self,
        around: Around<'_>,
        forward: &RecurrentPass,
        x: (&Panels, usize),
    ) {
        match (self, forward) {
            (Self::Lstm(back), RecurrentPass::Lstm(forward)) => {
                back.correlate(around, forward, x);
            }
        }
    }

    /// The gradient of the layer's inputs.
    pub(crate) fn d_inputs(
        &self,
        backend: Backend,
        forward: &RecurrentPass,
        transposed: &RecurrentTransposed,
        d_inputs: &mut Panels,
    ) {
        match (self, forward, transposed) {
            (
                Self::Lstm(_),
                RecurrentPass::Lstm(forward),
                RecurrentTransposed::Lstm(transposed),
            ) => LstmBack::d_inputs(backend, forward, transposed, d_inputs),
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Lstm(mine), Self::Lstm(theirs)) => mine.add(theirs),
        }
    }

    /// Writes the gradients into a layer's shape.
    pub(crate) fn unpack(&self, layer: &mut RecurrentLayer) {
        match (self, layer) {
            (Self::Lstm(back), RecurrentLayer::Lstm(layer)) => back.unpack(layer),
        }
    }
}
