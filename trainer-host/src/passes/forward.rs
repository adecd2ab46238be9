//! The network's forward pass over sequences of any lengths, without padding.
//!
//! Sequences are sorted by length, longest first, and stored step after step: step t has a row for
//! each sequence that is longer than t, so that a finished sequence costs nothing. A matrix of
//! states begins with `B` rows for the state before the first step:
//!
//! ```text
//! lengths 3, 2, 1     row     0  1  2 | 3  4 | 5
//!                     step    0  0  0 | 1  1 | 2
//!                     state row of step t, sequence b: B + row
//! ```
//!
//! The input products of all steps are one matrix product, each step's recurrent products of all
//! four gates another.

use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

use crate::compute::lanes::{Backend, LANES, Line};
use crate::compute::panels::Panels;
use crate::compute::product::Multiply;
use crate::network::{DenseLayer, LstmLayer, Mode, Network, RecurrentLayer};
use crate::passes::activation_format::{ActivationFormat, ActivationFormats};
use crate::passes::dropout::Dropout;
use crate::passes::lstm_cell::{self, Peepholes, StepRows};

/// Sequences that are evaluated together.
const GROUP: usize = 16;
/// Steps of sequences whose states are kept together, where one has no more.
const GROUP_STEPS: usize = 16_384;
/// Steps that are evaluated before the state is carried over, which bounds the memory of long
/// sequences.
const WINDOW_STEPS: usize = 512;

/// What one LSTM layer did with one sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerTrace {
    /// The gates' activations after each step, in the order i, f, g, o, `[T, 4H]`.
    pub gates: Array2<f32>,
    /// h after each step, `[T, H]`.
    pub hidden: Array2<f32>,
    /// c after each step, `[T, H]`.
    pub cell: Array2<f32>,
}

/// The states of one LSTM layer over one sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerStates {
    /// h after each step, `[T, H]`.
    pub hidden: Array2<f32>,
    /// c after each step, `[T, H]`.
    pub cell: Array2<f32>,
}

impl Network {
    /// Outputs before the head's σ or softmax for normalised sequences, each `[T, I]`, in their
    /// order: `[1, O]` for sequence to one, `[T, O]` otherwise. Uses all threads; the result does
    /// not depend on their number, nor on which sequences are evaluated together.
    ///
    /// # Panics
    /// If a sequence is empty or has another number of channels than the network.
    pub fn outputs(&self, sequences: &[ArrayView2<'_, f32>]) -> Vec<Array2<f32>> {
        self.outputs_in(&ActivationFormats::default(), sequences)
    }

    /// [`Network::outputs`] with activations rounded to `formats`.
    ///
    /// # Panics
    /// As [`Network::outputs`].
    pub fn outputs_in(
        &self,
        formats: &ActivationFormats,
        sequences: &[ArrayView2<'_, f32>],
    ) -> Vec<Array2<f32>> {
        let packed = PackedNetwork::rounding(self, formats);
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        order.sort_by_key(|&s| std::cmp::Reverse(sequences[s].nrows()));
        let groups: Vec<Vec<Array2<f32>>> = order
            .par_chunks(GROUP)
            .map_init(Pass::default, |pass, group| {
                let group: Vec<_> = group.iter().map(|&s| sequences[s]).collect();
                pass.outputs(&packed, &group)
            })
            .collect();
        let mut outputs = vec![Array2::zeros((0, 0)); sequences.len()];
        for (s, output) in order.into_iter().zip(groups.into_iter().flatten()) {
            outputs[s] = output;
        }
        outputs
    }

    /// Gates, hidden and cell states of each LSTM layer over one normalised sequence, `[T, I]`.
    ///
    /// # Panics
    /// If the sequence is empty or has another number of channels than the network.
    pub fn trace(&self, sequence: ArrayView2<'_, f32>) -> Vec<LayerTrace> {
        self.trace_in(&ActivationFormats::default(), sequence)
    }

    /// [`Network::trace`] with activations rounded to `formats`.
    ///
    /// # Panics
    /// As [`Network::trace`].
    pub fn trace_in(
        &self,
        formats: &ActivationFormats,
        sequence: ArrayView2<'_, f32>,
    ) -> Vec<LayerTrace> {
        let mut pass = Pass::default();
        pass.load(&[sequence], self.config.inputs);
        pass.lstm(&PackedNetwork::rounding(self, formats));
        let steps = sequence.nrows();
        let layers = pass.layers.iter().zip(pass.states(0));
        layers
            .map(|(layer, LayerStates { hidden, cell })| LayerTrace {
                gates: Array2::from_shape_fn((steps, 4 * hidden.ncols()), |(t, r)| {
                    layer.gates.get(t, gate_column(r, hidden.ncols()))
                }),
                hidden,
                cell,
            })
            .collect()
    }

    /// Hidden and cell states of each LSTM layer over normalised sequences, each `[T, I]`, in their order.
    /// Uses all threads; the result does not depend on their number. `keep` takes what is wanted of them, by
    /// the sequence's number.
    ///
    /// # Panics
    /// As [`Network::trace`].
    pub fn states<T: Send>(
        &self,
        sequences: &[ArrayView2<'_, f32>],
        keep: impl Fn(usize, &[LayerStates]) -> T + Sync,
    ) -> Vec<T> {
        let packed = PackedNetwork::rounding(self, &ActivationFormats::default());
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        order.sort_by_key(|&s| std::cmp::Reverse(sequences[s].nrows()));
        let longest = order.first().map_or(1, |&s| sequences[s].nrows().max(1));
        let mut kept: Vec<(usize, T)> = order
            .par_chunks((GROUP_STEPS / longest).clamp(1, GROUP))
            .map_init(Pass::default, |pass, group| {
                let views: Vec<_> = group.iter().map(|&s| sequences[s]).collect();
                pass.load(&views, self.config.inputs);
                pass.lstm(&packed);
                let numbered = group.iter().enumerate();
                let kept = numbered.map(|(b, &s)| (s, keep(s, &pass.states(b))));
                kept.collect::<Vec<_>>()
            })
            .flatten()
            .collect();
        kept.sort_by_key(|(s, _)| *s);
        kept.into_iter().map(|(_, kept)| kept).collect()
    }
}

/// A network's parameters in panels, gates padded to whole panels: column `gate · H' + u` with H'
/// the hidden units rounded up to a multiple of 16.
#[derive(Clone, Debug)]
pub(crate) struct PackedNetwork {
    pub(crate) lstm: Vec<PackedLstm>,
    pub(crate) dense: Vec<PackedDense>,
    pub(crate) mode: Mode,
    /// What activations are rounded to.
    pub(crate) formats: ActivationFormats,
}

#[derive(Clone, Debug)]
pub(crate) struct PackedLstm {
    /// W_xᵀ, `[I, 4H']`.
    pub(crate) w_x: Panels,
    /// W_hᵀ, `[H, 4H']`.
    pub(crate) w_h: Panels,
    /// One line for each panel of the gates.
    pub(crate) bias: Vec<Line>,
    pub(crate) peepholes: Peepholes,
}

#[derive(Clone, Debug)]
pub(crate) struct PackedDense {
    /// Wᵀ, `[I, O]`.
    pub(crate) weight: Panels,
    /// One line for each panel of the outputs.
    pub(crate) bias: Vec<Line>,
}

impl PackedNetwork {
    pub(crate) fn rounding(network: &Network, formats: &ActivationFormats) -> Self {
        Self {
            lstm: (network.recurrent.iter().filter_map(RecurrentLayer::as_lstm))
                .map(PackedLstm::of)
                .collect(),
            dense: network.dense.iter().map(PackedDense::of).collect(),
            mode: network.config.mode,
            formats: formats.clone(),
        }
    }
}

impl PackedLstm {
    fn of(layer: &LstmLayer) -> Self {
        let hidden = layer.w_h.ncols();
        let mut bias = vec![Line::default(); 4 * hidden.div_ceil(LANES)];
        for (r, value) in layer.bias.iter().enumerate() {
            let column = gate_column(r, hidden);
            bias[column / LANES].0[column % LANES] = *value;
        }
        let mut peepholes = [(); 3].map(|()| vec![Line::default(); hidden.div_ceil(LANES)]);
        for ((p, u), value) in layer
            .peephole
            .iter()
            .flat_map(|peephole| peephole.indexed_iter())
        {
            peepholes[p][u / LANES].0[u % LANES] = *value;
        }
        Self {
            w_x: pack_gates(&layer.w_x, hidden),
            w_h: pack_gates(&layer.w_h, hidden),
            bias,
            peepholes,
        }
    }

    pub(crate) fn hidden(&self) -> usize {
        self.w_h.rows()
    }
}

impl PackedDense {
    fn of(layer: &DenseLayer) -> Self {
        let (outputs, inputs) = layer.weight.dim();
        let mut weight = Panels::zeros(inputs, outputs);
        for (r, row) in row_slices(&layer.weight).enumerate() {
            weight.write_column(r, row);
        }
        let mut bias = vec![Line::default(); outputs.div_ceil(LANES)];
        for (r, value) in layer.bias.iter().enumerate() {
            bias[r / LANES].0[r % LANES] = *value;
        }
        Self { weight, bias }
    }
}

/// H' of the text above.
pub(crate) fn padded(hidden: usize) -> usize {
    hidden.next_multiple_of(LANES)
}

/// The packed column of row `r` of a `[4H, ..]` matrix.
pub(crate) fn gate_column(r: usize, hidden: usize) -> usize {
    r / hidden * padded(hidden) + r % hidden
}

/// `[4H, K]` to `[K, 4H']`.
fn pack_gates(weights: &Array2<f32>, hidden: usize) -> Panels {
    let mut packed = Panels::zeros(weights.ncols(), 4 * padded(hidden));
    for (r, row) in row_slices(weights).enumerate() {
        packed.write_column(gate_column(r, hidden), row);
    }
    packed
}

/// The rows of a parameter array.
pub(crate) fn row_slices(weights: &Array2<f32>) -> impl Iterator<Item = &[f32]> {
    let values = weights
        .as_slice()
        .expect("parameters are stored in row-major order");
    values.chunks_exact(weights.ncols())
}

/// Where each step of a group of sequences lies, see the module's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Steps {
    /// Sequences `B`.
    pub(crate) sequences: usize,
    /// Rows of all steps, `R`.
    pub(crate) rows: usize,
    /// First to last.
    pub(crate) steps: Vec<StepRows>,
}

impl Steps {
    /// `lengths` are in descending order and at least one.
    pub(crate) fn of(lengths: &[usize]) -> Self {
        let mut all = Self {
            sequences: lengths.len(),
            rows: 0,
            steps: Vec::new(),
        };
        let mut before = 0;
        let mut count = lengths.len();
        for t in 0..lengths.first().copied().unwrap_or(0) {
            while lengths[count - 1] <= t {
                count -= 1;
            }
            let state = all.sequences + all.rows;
            all.steps.push(StepRows {
                count,
                row: all.rows,
                state,
                before,
            });
            before = state;
            all.rows += count;
        }
        all
    }

    /// The sequence that each row belongs to.
    fn owners(&self) -> impl Iterator<Item = usize> + Clone {
        self.steps.iter().flat_map(|step| 0..step.count)
    }

    /// The row of the last step of sequence `b`.
    pub(crate) fn last_row(&self, b: usize) -> usize {
        let step = self.steps.partition_point(|step| step.count > b) - 1;
        self.steps[step].row + b
    }
}

/// All that a forward pass over a group of sequences computes; kept from group to group, so that
/// nothing is allocated once the largest has been seen.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    pub(crate) backend: Backend,
    pub(crate) steps: Steps,
    /// `[R, I]`.
    pub(crate) input: Panels,
    /// m of (D1), `[R, I]`, if that is active.
    input_mask: Panels,
    pub(crate) layers: Vec<LstmPass>,
    pub(crate) dropout: Dropout,
    /// Rows that enter the dense layers: `[B, H]` for sequence to one.
    pub(crate) features: Panels,
    /// Output of each dense layer, after ReLU except for the last.
    pub(crate) dense: Vec<Panels>,
}

impl Default for Pass {
    fn default() -> Self {
        Self::on(Backend::detect())
    }
}

/// What one LSTM layer computes.
#[derive(Clone, Debug, Default)]
pub(crate) struct LstmPass {
    /// Pre-activations, then gates, `[R, 4H']`.
    pub(crate) gates: Panels,
    /// c, `[B + R, H]`.
    pub(crate) cell: Panels,
    /// tanh(c), `[R, H]`.
    pub(crate) cell_tanh: Panels,
    /// h, `[B + R, H]`.
    pub(crate) hidden: Panels,
    /// h of all steps as it is rounded on its way up alone, `[R, H]`; empty where it is not.
    pub(crate) upward: Panels,
    /// m of (D3), `[B, H]`, if that is active.
    pub(crate) recurrent_mask: Panels,
    /// h ⊙ m of (D3), `[B + R, H]`, if that is active.
    pub(crate) recurrent: Panels,
    /// m of (D4), `[R, H]`, if that is active.
    pub(crate) candidate_mask: Panels,
}

impl Pass {
    /// Empty, to be computed with `backend`.
    pub(crate) fn on(backend: Backend) -> Self {
        Self {
            backend,
            steps: Steps::default(),
            input: Panels::default(),
            input_mask: Panels::default(),
            layers: Vec::new(),
            dropout: Dropout::default(),
            features: Panels::default(),
            dense: Vec::new(),
        }
    }

    /// Takes sequences, each `[T, inputs]`, longest first.
    pub(crate) fn load(&mut self, sequences: &[ArrayView2<'_, f32>], inputs: usize) {
        let lengths: Vec<usize> = sequences.iter().map(ArrayView2::nrows).collect();
        assert!(
            lengths.iter().all(|length| *length > 0),
            "a sequence has at least one step"
        );
        self.steps = Steps::of(&lengths);
        self.input.reset(self.steps.rows, inputs);
        for (b, sequence) in sequences.iter().enumerate() {
            assert_eq!(
                sequence.ncols(),
                inputs,
                "a sequence has the network's channels"
            );
            for (values, step) in sequence.rows().into_iter().zip(&self.steps.steps) {
                match values.to_slice() {
                    Some(values) => self.input.write_row(step.row + b, values),
                    None => self.input.write_row(step.row + b, &values.to_vec()),
                }
            }
        }
    }

    /// (D1) on what was loaded.
    pub(crate) fn drop_inputs(&mut self) {
        let inputs = &mut self.dropout.inputs;
        if inputs.is_active() {
            let (rows, columns) = (self.steps.rows, self.input.columns());
            inputs.fill(&mut self.input_mask, rows, columns, self.steps.owners());
            self.input.multiply(&self.input_mask);
        }
    }

    /// Runs all LSTM layers from a zero state.
    pub(crate) fn lstm(&mut self, network: &PackedNetwork) {
        self.layers
            .resize_with(network.lstm.len(), LstmPass::default);
        for (layer, weights) in self.layers.iter_mut().zip(&network.lstm) {
            layer.reset_state(&self.steps, weights.hidden());
        }
        self.advance(network);
    }

    /// Runs all LSTM layers over sequences that go on where those before them ended at `last`: the
    /// same ones in the same order, but for the last ones, which may have ended.
    pub(crate) fn lstm_after(&mut self, network: &PackedNetwork, last: StepRows) {
        for layer in &mut self.layers {
            layer.carry_state(last, &self.steps);
        }
        self.advance(network);
    }

    /// Runs all LSTM layers from the states in the first rows of `cell` and `hidden`.
    fn advance(&mut self, network: &PackedNetwork) {
        network.formats.round_inputs(&mut self.input);
        for (l, weights) in network.lstm.iter().enumerate() {
            let sequences = self.steps.sequences;
            let (below, layer) = self.layers.split_at_mut(l);
            let (x, first) = match below.last() {
                Some(below) => {
                    let between = &mut self.dropout.between_layers;
                    let (h, first) = below.upward(sequences);
                    between.apply(l - 1, h, first, self.steps.owners());
                    between.kept(l - 1, h, first)
                }
                None => (&self.input, 0),
            };
            let layer = &mut layer[0];
            let hidden = weights.hidden();
            let (recurrent, candidate) = (&mut self.dropout.recurrent, &mut self.dropout.candidate);
            if recurrent.is_active() {
                recurrent.fill(&mut layer.recurrent_mask, sequences, hidden, 0..sequences);
            }
            if candidate.is_active() {
                let (rows, owners) = (self.steps.rows, self.steps.owners());
                candidate.fill(&mut layer.candidate_mask, rows, hidden, owners);
            }
            let masked = Masked {
                recurrent: recurrent.is_active(),
                candidate: candidate.is_active(),
            };
            let format = network.formats.of_hidden(l);
            layer.run(
                self.backend,
                weights,
                &self.steps,
                (x, first),
                masked,
                format,
            );
            layer.round_upward(network.formats.of_upward(l), sequences);
        }
    }

    /// What LSTM layer `l` reads, and its first row.
    pub(crate) fn lstm_input(&self, l: usize) -> (&Panels, usize) {
        match l.checked_sub(1) {
            Some(below) => {
                let (h, first) = self.layers[below].upward(self.steps.sequences);
                (self.dropout.between_layers).kept(below, h, first)
            }
            None => (&self.input, 0),
        }
    }

    /// What the first dense layer reads, and its first row.
    pub(crate) fn head_input(&self, mode: Mode) -> (&Panels, usize) {
        let top = self.layers.len() - 1;
        match mode {
            Mode::SequenceToOne => self.dropout.between_layers.kept(top, &self.features, 0),
            Mode::SequenceToSequence => {
                let (h, first) = self.layers[top].upward(self.steps.sequences);
                (self.dropout.between_layers).kept(top, h, first)
            }
        }
    }

    /// Runs the dense layers over each sequence's last step, or over all steps.
    pub(crate) fn head(&mut self, network: &PackedNetwork) {
        self.prepare_head(network.mode);
        let mut dense = std::mem::take(&mut self.dense);
        dense.resize_with(network.dense.len(), Panels::default);
        for (l, weights) in network.dense.iter().enumerate() {
            let (below, outputs) = dense.split_at_mut(l);
            let (x, first) = match below.last() {
                Some(below) => (below, 0),
                None => self.head_input(network.mode),
            };
            let outputs = &mut outputs[0];
            outputs.reshape(x.rows() - first, weights.weight.columns());
            broadcast(&weights.bias, outputs);
            self.backend.run(Multiply {
                c: outputs,
                c_row: 0,
                a: x,
                a_rows: first..x.rows(),
                w: &weights.weight,
            });
            if l + 1 < network.dense.len() {
                for line in outputs.lines_mut() {
                    line.0.iter_mut().for_each(|y| *y = y.max(0.0));
                }
            }
            if let Some(format) = network.formats.of_dense(l) {
                let rows = outputs.rows();
                format.round_rows(outputs, 0, rows);
            }
        }
        self.dense = dense;
    }

    /// Gathers the last steps of sequence to one, and drops from what the head reads.
    fn prepare_head(&mut self, mode: Mode) {
        let top = self.layers.len() - 1;
        let sequences = self.steps.sequences;
        let (h, first) = self.layers[top].upward(sequences);
        let between = &mut self.dropout.between_layers;
        match mode {
            Mode::SequenceToOne => {
                self.features.reshape(sequences, h.columns());
                for b in 0..sequences {
                    let from = first + self.steps.last_row(b);
                    copy_row(h, from, &mut self.features, b);
                }
                between.apply(top, &self.features, 0, 0..sequences);
            }
            Mode::SequenceToSequence => {
                between.apply(top, h, first, self.steps.owners());
            }
        }
    }

    /// Outputs of the last dense layer, one row for each row that entered.
    pub(crate) fn logits(&self) -> &Panels {
        &self.dense[self.dense.len() - 1]
    }

    /// States of each LSTM layer after each step of sequence `b`.
    fn states(&self, b: usize) -> Vec<LayerStates> {
        let steps = &self.steps.steps;
        let rows: Vec<usize> = (steps.iter().take_while(|step| step.count > b))
            .map(|step| step.state + b)
            .collect();
        let unpack = |states: &Panels| {
            Array2::from_shape_fn((rows.len(), states.columns()), |(t, u)| {
                states.get(rows[t], u)
            })
        };
        (self.layers.iter())
            .map(|layer| LayerStates {
                hidden: unpack(&layer.hidden),
                cell: unpack(&layer.cell),
            })
            .collect()
    }

    /// Evaluates sequences, longest first, window by window.
    fn outputs(
        &mut self,
        network: &PackedNetwork,
        sequences: &[ArrayView2<'_, f32>],
    ) -> Vec<Array2<f32>> {
        let inputs = network.lstm[0].w_x.rows();
        let outputs = network.dense[network.dense.len() - 1].weight.columns();
        let mut all: Vec<Array2<f32>> = (sequences.iter())
            .map(|sequence| match network.mode {
                Mode::SequenceToOne => Array2::zeros((1, outputs)),
                Mode::SequenceToSequence => Array2::zeros((sequence.nrows(), outputs)),
            })
            .collect();
        let longest = sequences.iter().map(ArrayView2::nrows).max().unwrap_or(0);
        for start in (0..longest).step_by(WINDOW_STEPS) {
            let window: Vec<_> = (sequences.iter())
                .take_while(|sequence| sequence.nrows() > start)
                .map(|sequence| {
                    let end = sequence.nrows().min(start + WINDOW_STEPS);
                    sequence.slice_move(s![start..end, ..])
                })
                .collect();
            let last = self.steps.steps.last().copied();
            self.load(&window, inputs);
            match last {
                Some(last) if start > 0 => self.lstm_after(network, last),
                _ => self.lstm(network),
            }
            self.head(network);
            for (b, (sequence, output)) in window.iter().zip(&mut all).enumerate() {
                let rows = match network.mode {
                    Mode::SequenceToOne => 0..1,
                    Mode::SequenceToSequence => 0..sequence.nrows(),
                };
                for t in rows {
                    // For sequence to one, a later window overwrites an earlier one's output.
                    let (from, to) = match network.mode {
                        Mode::SequenceToOne => (b, 0),
                        Mode::SequenceToSequence => (self.steps.steps[t].row + b, start + t),
                    };
                    for o in 0..outputs {
                        output[[to, o]] = self.logits().get(from, o);
                    }
                }
            }
        }
        all
    }
}

impl LstmPass {
    fn reset_state(&mut self, steps: &Steps, hidden: usize) {
        for state in [&mut self.cell, &mut self.hidden] {
            state.reshape(steps.sequences + steps.rows, hidden);
            for panel in 0..state.panels() {
                state.panel_mut(panel)[..steps.sequences].fill(Line::default());
            }
        }
    }

    /// Makes the state after `last`, the step before, the initial state of `steps`.
    fn carry_state(&mut self, last: StepRows, steps: &Steps) {
        for state in [&mut self.cell, &mut self.hidden] {
            let panels = state.panels();
            let from = |panel| &state.panel(panel)[last.state..last.state + steps.sequences];
            let kept: Vec<Line> = (0..panels).flat_map(from).copied().collect();
            state.reshape(steps.sequences + steps.rows, state.columns());
            for (panel, lines) in kept.chunks(steps.sequences.max(1)).enumerate() {
                state.panel_mut(panel)[..steps.sequences].copy_from_slice(lines);
            }
        }
    }

    /// Runs over `steps`; row `first` of `x` is the input of row 0. Masks that are `masked` have
    /// been filled.
    fn run(
        &mut self,
        backend: Backend,
        weights: &PackedLstm,
        steps: &Steps,
        (x, first): (&Panels, usize),
        masked: Masked,
        format: Option<ActivationFormat>,
    ) {
        let hidden = weights.hidden();
        self.gates.reshape(steps.rows, 4 * padded(hidden));
        self.cell_tanh.reshape(steps.rows, hidden);
        broadcast(&weights.bias, &mut self.gates);
        backend.run(Multiply {
            c: &mut self.gates,
            c_row: 0,
            a: x,
            a_rows: first..first + steps.rows,
            w: &weights.w_x,
        });
        if masked.recurrent {
            self.recurrent.reshape(steps.sequences + steps.rows, hidden);
            self.mask_states(0, steps.sequences);
        }
        for &step in &steps.steps {
            backend.run(Multiply {
                c: &mut self.gates,
                c_row: step.row,
                a: if masked.recurrent {
                    &self.recurrent
                } else {
                    &self.hidden
                },
                a_rows: step.before..step.before + step.count,
                w: &weights.w_h,
            });
            backend.run(lstm_cell::Forward {
                step,
                gates: &mut self.gates,
                cell: &mut self.cell,
                cell_tanh: &mut self.cell_tanh,
                hidden: &mut self.hidden,
                peepholes: &weights.peepholes,
                candidate_mask: masked.candidate.then_some(&self.candidate_mask),
            });
            if let Some(format) = format {
                format.round_rows(&mut self.hidden, step.state, step.count);
            }
            if masked.recurrent {
                self.mask_states(step.state, step.count);
            }
        }
    }

    /// Keeps h of all steps as `format` has it.
    fn round_upward(&mut self, format: Option<ActivationFormat>, sequences: usize) {
        let Some(format) = format else {
            return self.upward.reshape(0, 0);
        };
        let rows = self.hidden.rows() - sequences;
        self.upward.reshape(rows, self.hidden.columns());
        for panel in 0..self.hidden.panels() {
            let h = &self.hidden.panel(panel)[sequences..];
            self.upward.panel_mut(panel).copy_from_slice(h);
        }
        format.round_rows(&mut self.upward, 0, rows);
    }

    /// h of all steps as it goes up, and the row of the first.
    pub(crate) fn upward(&self, sequences: usize) -> (&Panels, usize) {
        match self.upward.rows() {
            0 => (&self.hidden, sequences),
            _ => (&self.upward, 0),
        }
    }

    /// (D3) for `count` rows of h from row `first`.
    fn mask_states(&mut self, first: usize, count: usize) {
        for panel in 0..self.hidden.panels() {
            let hidden = &self.hidden.panel(panel)[first..first + count];
            let mask = &self.recurrent_mask.panel(panel)[..count];
            let masked = &mut self.recurrent.panel_mut(panel)[first..first + count];
            for ((masked, h), m) in masked.iter_mut().zip(hidden).zip(mask) {
                for ((masked, h), m) in masked.0.iter_mut().zip(h.0).zip(m.0) {
                    *masked = h * m;
                }
            }
        }
    }
}

/// Which masks of dropout a layer has.
#[derive(Clone, Copy, Debug)]
struct Masked {
    /// (D3)
    recurrent: bool,
    /// (D4)
    candidate: bool,
}

/// Copies row `from` of `source` to row `to` of `target`, which has as many columns.
pub(crate) fn copy_row(source: &Panels, from: usize, target: &mut Panels, to: usize) {
    for panel in 0..source.panels() {
        target.panel_mut(panel)[to] = source.panel(panel)[from];
    }
}

/// Writes `line[panel]` to every row.
fn broadcast(lines: &[Line], matrix: &mut Panels) {
    for (panel, line) in lines.iter().enumerate() {
        matrix.panel_mut(panel).fill(*line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_sequences_take_no_rows() {
        // The example of the module's text.
        let steps = Steps::of(&[3, 2, 1]);
        assert_eq!((steps.sequences, steps.rows), (3, 6));
        let layout: Vec<_> = steps
            .steps
            .iter()
            .map(|s| (s.count, s.row, s.state, s.before))
            .collect();
        assert_eq!(layout, [(3, 0, 3, 0), (2, 3, 6, 3), (1, 5, 8, 6)]);
        assert_eq!([0, 1, 2].map(|b| steps.last_row(b)), [5, 4, 2]);
    }

    /// (D3) and (D4) as they are written, on what a pass has stored.
    #[test]
    fn recurrent_masks_hold_for_a_sequence_and_candidate_masks_for_a_step() {
        use crate::network::{Cell, Head, NetworkConfig};
        use crate::passes::dropout::stream;

        let config = NetworkConfig {
            inputs: 2,
            hidden: vec![20],
            cell: Cell::Lstm { peepholes: false },
            dense: vec![],
            outputs: 1,
            head: Head::Linear,
            mode: Mode::SequenceToOne,
        };
        let network = PackedNetwork::rounding(
            &Network::new(&config, 1).unwrap(),
            &ActivationFormats::default(),
        );
        let sequences = [6, 4].map(|steps| Array2::from_elem((steps, 2), 0.5f32));
        let views = sequences.each_ref().map(|sequence| sequence.view());
        let mut pass = Pass::default();
        pass.load(&views, 2);
        let seeds = || [8, 9].into_iter();
        pass.dropout
            .recurrent
            .begin(0.5, seeds(), stream::RECURRENT);
        pass.dropout
            .candidate
            .begin(0.5, seeds(), stream::CANDIDATE);
        pass.lstm(&network);
        let layer = &pass.layers[0];
        let gate = |row: usize, gate: usize, u: usize| {
            layer.gates.get(row, gate_column(gate * 20 + u, 20))
        };
        let mut changes = 0;
        for (step, next) in pass.steps.steps.iter().zip(&pass.steps.steps[1..]) {
            for (b, u) in (0..step.count).flat_map(|b| (0..20).map(move |u| (b, u))) {
                let h = layer.hidden.get(step.state + b, u);
                let m = layer.recurrent_mask.get(b, u);
                assert!(m == 0.0 || m == 2.0);
                assert_eq!(layer.recurrent.get(step.state + b, u), m * h);
                let row = step.row + b;
                let m = layer.candidate_mask.get(row, u);
                let c_old = layer.cell.get(step.before + b, u);
                let expected = gate(row, 1, u) * c_old + gate(row, 0, u) * m * gate(row, 2, u);
                let c = layer.cell.get(step.state + b, u);
                assert!((c - expected).abs() < 1e-6, "{c} {expected}");
                if b < next.count {
                    changes += usize::from(layer.candidate_mask.get(next.row + b, u) != m);
                }
            }
        }
        assert!(changes > 50, "{changes}");
    }
}
