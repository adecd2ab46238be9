//! Back-propagation through time: the exact gradient of a batch's loss.
//!
//! With (1) to (6) of [`crate::network`], from the last step to the first, for each LSTM layer from
//! the top down:
//!
//! ```text
//! d_h_t = d_h_t from above + W_hᵀ d_z_{t+1}                                 (B1)
//! d_o_t = d_h_t ⊙ tanh(c_t) ⊙ o_t ⊙ (1 − o_t)                               (B2)
//! d_c_t = d_h_t ⊙ o_t ⊙ (1 − tanh²(c_t)) + p_o ⊙ d_o_t + back_{t+1}         (B3)
//! d_i_t = d_c_t ⊙ g_t ⊙ i_t ⊙ (1 − i_t)                                     (B4)
//! d_f_t = d_c_t ⊙ c_{t−1} ⊙ f_t ⊙ (1 − f_t)                                 (B5)
//! d_g_t = d_c_t ⊙ i_t ⊙ (1 − g_t²)                                          (B6)
//! back_t = f_t ⊙ d_c_t + p_i ⊙ d_i_t + p_f ⊙ d_f_t                          (B7)
//! d_b   = Σ_t d_z_t                                                         (B8)
//! d_p_i = Σ_t d_i_t ⊙ c_{t−1},  d_p_f = Σ_t d_f_t ⊙ c_{t−1},
//! d_p_o = Σ_t d_o_t ⊙ c_t                                                   (B9)
//! d_W_x = Σ_t d_z_t x_tᵀ,       d_W_h = Σ_t d_z_t h_{t−1}ᵀ                  (B10)
//! d_x_t = W_xᵀ d_z_t, the layer below's d_h_t from above                    (B11)
//! ```
//!
//! where d_i, d_f, d_g and d_o are the gradients of the gates' pre-activations, stacked as
//! d_z `[4H]`. Each step does (B1) as one product of all four gates and (B2) to (B9) in one pass;
//! (B10) and (B11) are one product each over all steps.
//!
//! Where dropout is active, (B1) passes its product through the mask of (D3), (B4) and (B6) see the
//! mask of (D4), and (B10) reads masked states and inputs, see [`crate::passes::dropout`].
//!
//! Where activations are rounded ([`crate::passes::activation_format`]), gradients pass as if they were not
//! (straight through, Bengio, Léonard and Courville 2013), but for those of clipped values, which are
//! zero.
//!
//! Long sequences may be gone through in windows ([`Backpropagation::window`]): each begins with the
//! state that the one before ended with, and its gradient ends at its first step (truncated
//! back-propagation, Williams and Peng 1990).
//!
//! A batch is cut into shards whose number depends on the batch alone, not on the threads; their
//! gradients are added in a fixed order. So the same bits come from one thread and from many.

use std::ops::Range;

use ndarray::{ArrayView2, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use crate::compute::lanes::{Backend, LANES, Line};
use crate::compute::panels::Panels;
use crate::compute::product::{Correlate, Multiply};
use crate::loss::{Objective, SoftTargets, Target};
use crate::network::{DenseLayer, LstmLayer, Mode, Network, RecurrentLayer};
use crate::passes::activation_format::ActivationFormats;
use crate::passes::dropout::stream;
use crate::passes::forward::{
    LstmPass, PackedNetwork, Pass, copy_row, gate_column, padded, row_slices,
};
use crate::passes::lstm_cell::{self, CellSums};

/// Sequences of a shard, at most.
const SHARD: usize = 16;

/// One sequence of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Example<'a> {
    /// Normalised inputs, `[T, I]`, `T ≥ 1`.
    pub sequence: ArrayView2<'a, f32>,
    /// What it should give.
    pub target: Target<'a>,
    /// Seeds this sequence's noise and dropout.
    pub seed: u64,
    /// A teacher's outputs, `[1, O]` or `[T, O]`, if there is one.
    pub teacher: Option<ArrayView2<'a, f32>>,
}

/// What is done to a network during training, so that it generalises.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Perturbation {
    /// Standard deviation of Gaussian noise on the normalised inputs.
    pub input_noise: f32,
    /// Probability that an input is dropped: (D1) of dropout.
    pub input_dropout: f32,
    /// Probability that an output of an LSTM layer is dropped on its way to the next layer: (D2).
    pub dropout: f32,
    /// Probability that an output is dropped on its way to the next step: (D3).
    pub recurrent_dropout: f32,
    /// Probability that a candidate is dropped: (D4).
    pub candidate_dropout: f32,
}

/// The loss of a window of a batch, and its gradient.
#[derive(Debug)]
pub struct WindowGradient<'a> {
    /// Mean over the judged rows.
    pub loss: f64,
    /// Judged rows: sequences, or steps of sequence to sequence.
    pub rows: usize,
    /// In the shape of a network.
    pub gradient: &'a mut Network,
}

/// Computes gradients; keeps its buffers from batch to batch.
#[derive(Debug)]
pub struct Backpropagation {
    backend: Backend,
    objective: Objective,
    perturbation: Perturbation,
    formats: ActivationFormats,
    soft: Option<SoftTargets>,
    shards: Vec<Shard>,
    gradient: Network,
}

impl Backpropagation {
    /// For networks of `network`'s structure.
    pub fn new(
        network: &Network,
        objective: impl Into<Objective>,
        perturbation: Perturbation,
    ) -> Self {
        let mut gradient = network.clone();
        gradient
            .values_mut()
            .into_iter()
            .for_each(|values| values.fill(0.0));
        Self {
            backend: Backend::detect(),
            objective: objective.into(),
            perturbation,
            formats: ActivationFormats::default(),
            soft: None,
            shards: Vec::new(),
            gradient,
        }
    }

    /// Rounds activations to `formats` from now on.
    pub fn round_activations(&mut self, formats: ActivationFormats) {
        self.formats = formats;
    }

    /// Takes part of the loss from the teacher's outputs from now on.
    pub fn soften(&mut self, soft: SoftTargets) {
        self.soft = Some(soft);
    }

    /// The mean loss of `batch` and its gradient, in the shape of a network.
    ///
    /// # Panics
    /// If the batch is empty, or a sequence or target does not fit the network.
    pub fn gradient(&mut self, network: &Network, batch: &[Example<'_>]) -> (f64, &mut Network) {
        let found = self.window(network, batch, 0..usize::MAX);
        (found.loss, found.gradient)
    }

    /// The mean loss over the steps of `batch` in `window`, and its gradient as far as these steps
    /// go. Windows of a batch are taken one after the other from step 0; the state is carried from
    /// one to the next, whatever becomes of the network between them.
    ///
    /// # Panics
    /// If no sequence reaches the window, a sequence or target does not fit the network, or a
    /// sequence with one target is longer than the window.
    pub fn window(
        &mut self,
        network: &Network,
        batch: &[Example<'_>],
        window: Range<usize>,
    ) -> WindowGradient<'_> {
        let weights = Weights::of(network, &self.formats);
        let steps = |example: &Example<'_>| {
            let end = example.sequence.nrows().min(window.end);
            end.saturating_sub(window.start)
        };
        let rows: usize = match weights.forward.mode {
            Mode::SequenceToOne => {
                assert!(
                    (batch.iter()).all(|example| steps(example) == example.sequence.nrows()),
                    "a sequence with one target is one window"
                );
                batch.len()
            }
            Mode::SequenceToSequence => batch.iter().map(steps).sum(),
        };
        let mut deals = deal(batch);
        // Longest first, so those that end before the window are the last ones.
        for deal in &mut deals {
            deal.retain(|example| steps(example) > 0);
        }
        deals.retain(|deal| !deal.is_empty());
        let task = Task {
            weights: &weights,
            objective: &self.objective,
            soft: self.soft,
            scale: 1.0 / rows as f32,
            perturbation: self.perturbation,
            window,
        };
        if self.shards.len() < deals.len() {
            self.shards
                .resize_with(deals.len(), || Shard::on(self.backend));
        }
        let shards = &mut self.shards[..deals.len()];
        shards
            .par_iter_mut()
            .zip(&deals)
            .for_each(|(shard, deal)| shard.compute(&task, deal));
        let (first, rest) = shards
            .split_first_mut()
            .expect("a sequence reaches the window");
        let mut loss = first.loss;
        for shard in rest {
            loss += shard.loss;
            first.add_gradient(shard);
        }
        first.unpack(&mut self.gradient);
        WindowGradient {
            loss: loss / rows as f64,
            rows,
            gradient: &mut self.gradient,
        }
    }
}

/// Cuts a batch into shards of similar length: sorted by length, then dealt like cards.
fn deal<'a>(batch: &[Example<'a>]) -> Vec<Vec<Example<'a>>> {
    let mut sorted = batch.to_vec();
    sorted.sort_by_key(|example| std::cmp::Reverse(example.sequence.nrows()));
    let count = batch.len().div_ceil(SHARD);
    let mut shards = vec![Vec::with_capacity(SHARD); count];
    for (e, example) in sorted.into_iter().enumerate() {
        shards[e % count].push(example);
    }
    shards
}

/// What is the same for all shards of a batch.
struct Task<'a> {
    weights: &'a Weights,
    objective: &'a Objective,
    soft: Option<SoftTargets>,
    /// One over the number of judged rows.
    scale: f32,
    perturbation: Perturbation,
    /// Steps of the batch.
    window: Range<usize>,
}

/// A network's parameters as both directions need them.
struct Weights {
    forward: PackedNetwork,
    lstm: Vec<LstmTransposed>,
    /// W of each dense layer, `[O, I]`.
    dense: Vec<Panels>,
}

struct LstmTransposed {
    /// W_h, `[4H', H]`.
    w_h: Panels,
    /// W_x, `[4H', I]`; empty for the first layer, whose inputs need no gradient.
    w_x: Panels,
}

impl Weights {
    fn of(network: &Network, formats: &ActivationFormats) -> Self {
        let transpose = |layer: &LstmLayer, w: &ndarray::Array2<f32>| {
            let hidden = layer.w_h.ncols();
            let mut packed = Panels::zeros(4 * padded(hidden), w.ncols());
            for (r, row) in row_slices(w).enumerate() {
                packed.write_row(gate_column(r, hidden), row);
            }
            packed
        };
        let lstm = (network.recurrent.iter())
            .filter_map(RecurrentLayer::as_lstm)
            .enumerate()
            .map(|(l, layer)| LstmTransposed {
                w_h: transpose(layer, &layer.w_h),
                w_x: if l == 0 {
                    Panels::default()
                } else {
                    transpose(layer, &layer.w_x)
                },
            });
        let dense = network.dense.iter().map(|layer| {
            let mut packed = Panels::zeros(layer.weight.nrows(), layer.weight.ncols());
            for (r, row) in row_slices(&layer.weight).enumerate() {
                packed.write_row(r, row);
            }
            packed
        });
        Self {
            forward: PackedNetwork::rounding(network, formats),
            lstm: lstm.collect(),
            dense: dense.collect(),
        }
    }
}

/// The part of a batch that one thread computes, with all its buffers.
#[derive(Debug)]
struct Shard {
    pass: Pass,
    loss: f64,
    lstm: Vec<LstmBack>,
    dense: Vec<DenseBack>,
    /// Gradient of the head's inputs for sequence to one, `[B, H]`.
    d_features: Panels,
}

/// Buffers and gradients of one LSTM layer.
#[derive(Debug, Default)]
struct LstmBack {
    /// d_h, `[R, H]`.
    d_hidden: Panels,
    /// `back` of (B7), `[B, H]`.
    d_cell: Panels,
    /// W_hᵀ d_z_{t+1} of (B1) before the mask of (D3), `[B, H]`.
    d_recurrent: Panels,
    /// d_W_xᵀ, `[I, 4H']`.
    d_w_x: Panels,
    /// d_W_hᵀ, `[H, 4H']`.
    d_w_h: Panels,
    sums: CellSums,
}

/// Buffers and gradients of one dense layer.
#[derive(Debug, Default)]
struct DenseBack {
    /// Gradient of the outputs, `[rows, O]`.
    d_outputs: Panels,
    /// d_Wᵀ, `[I, O]`.
    d_weight: Panels,
    d_bias: Vec<Line>,
}

impl Shard {
    fn on(backend: Backend) -> Self {
        Self {
            pass: Pass::on(backend),
            loss: 0.0,
            lstm: Vec::new(),
            dense: Vec::new(),
            d_features: Panels::default(),
        }
    }

    fn compute(&mut self, task: &Task<'_>, examples: &[Example<'_>]) {
        let forward = &task.weights.forward;
        let start = task.window.start;
        let sequences: Vec<_> = (examples.iter())
            .map(|example| {
                let end = example.sequence.nrows().min(task.window.end);
                example.sequence.slice_move(s![start..end, ..])
            })
            .collect();
        let last = self.pass.steps.steps.last().copied();
        self.pass.load(&sequences, forward.lstm[0].w_x.rows());
        self.perturb(task, examples);
        match last {
            Some(last) if start > 0 => self.pass.lstm_after(forward, last),
            _ => self.pass.lstm(forward),
        }
        self.pass.head(forward);
        self.lstm.resize_with(forward.lstm.len(), LstmBack::default);
        self.dense
            .resize_with(forward.dense.len(), DenseBack::default);
        self.loss(task, examples);
        self.dense_backward(task.weights);
        for l in (0..self.lstm.len()).rev() {
            self.lstm_backward(l, task.weights);
        }
    }

    /// Adds noise to the inputs and prepares all dropout.
    fn perturb(&mut self, task: &Task<'_>, examples: &[Example<'_>]) {
        let Perturbation {
            input_noise,
            input_dropout,
            dropout,
            recurrent_dropout,
            candidate_dropout,
        } = task.perturbation;
        // Masks of steps are new in each window, those of sequences are not.
        let sequences = examples.iter().map(|example| example.seed);
        let window = (task.window.start as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let steps = sequences.clone().map(|seed| seed ^ window);
        if input_noise > 0.0 {
            self.pass.add_noise(input_noise, steps.clone());
        }
        let layers = task.weights.forward.lstm.len();
        let all = &mut self.pass.dropout;
        all.inputs
            .begin(input_dropout, steps.clone(), stream::INPUTS);
        all.between_layers.begin(dropout, steps.clone(), layers);
        all.recurrent
            .begin(recurrent_dropout, sequences, stream::RECURRENT);
        all.candidate
            .begin(candidate_dropout, steps, stream::CANDIDATE);
        self.pass.drop_inputs();
    }

    /// The summed loss, and the scaled gradient of the last layer's outputs.
    fn loss(&mut self, task: &Task<'_>, examples: &[Example<'_>]) {
        let logits = self.pass.logits();
        let outputs = logits.columns();
        let d_outputs = &mut self.dense[task.weights.dense.len() - 1].d_outputs;
        d_outputs.reset(logits.rows(), outputs);
        let (mut values, mut slopes) = (vec![0.0; outputs], vec![0.0; outputs]);
        let mut judge = |row: usize, example: &Example<'_>, t: usize| {
            for (o, value) in values.iter_mut().enumerate() {
                *value = logits.get(row, o);
            }
            let mut loss = (task.objective).row(&values, example.target.expected(t), &mut slopes);
            if let (Some(soft), Some(teacher)) = (task.soft, example.teacher) {
                let teacher = teacher.row(t).to_vec();
                let pair = (values.as_slice(), teacher.as_slice());
                loss = soft.blend(task.objective.loss, loss, pair, &mut slopes);
            }
            for (o, slope) in slopes.iter().enumerate() {
                d_outputs.set(row, o, slope * task.scale);
            }
            loss
        };
        self.loss = 0.0;
        for (b, example) in examples.iter().enumerate() {
            match task.weights.forward.mode {
                Mode::SequenceToOne => self.loss += judge(b, example, 0),
                Mode::SequenceToSequence => {
                    let running = |step: &&lstm_cell::StepRows| step.count > b;
                    let steps = self.pass.steps.steps.iter().take_while(running);
                    for (t, step) in (task.window.start..).zip(steps) {
                        self.loss += judge(step.row + b, example, t);
                    }
                }
            }
        }
    }

    /// The dense layers' gradients, and d_h from above for the top LSTM layer.
    fn dense_backward(&mut self, weights: &Weights) {
        let mode = weights.forward.mode;
        let backend = self.pass.backend;
        let (head_input, head_first) = self.pass.head_input(mode);
        for l in (0..self.dense.len()).rev() {
            let (below, layer) = self.dense.split_at_mut(l);
            let layer = &mut layer[0];
            let rows = layer.d_outputs.rows();
            let (x, first) = match l {
                0 => (head_input, head_first),
                _ => (&self.pass.dense[l - 1], 0),
            };
            layer.d_weight.reset(x.columns(), layer.d_outputs.columns());
            backend.run(Correlate {
                c: &mut layer.d_weight,
                a: x,
                a_row: first,
                d: &layer.d_outputs,
                d_rows: 0..rows,
            });
            layer.d_bias.clear();
            layer
                .d_bias
                .resize(layer.d_outputs.panels(), Line::default());
            layer.d_outputs.sum_rows(&mut layer.d_bias);
            let d_input = match (below.last_mut(), mode) {
                (Some(below), _) => &mut below.d_outputs,
                (None, Mode::SequenceToOne) => &mut self.d_features,
                (None, Mode::SequenceToSequence) => &mut self.lstm[weights.lstm.len() - 1].d_hidden,
            };
            d_input.reset(rows, x.columns());
            backend.run(Multiply {
                c: d_input,
                c_row: 0,
                a: &layer.d_outputs,
                a_rows: 0..rows,
                w: &weights.dense[l],
            });
            if l > 0 {
                through_relu(&self.pass.dense[l - 1], d_input);
                if let Some(format) = weights.forward.formats.of_dense(l - 1) {
                    let rounded = (&self.pass.dense[l - 1], 0);
                    format.clip_gradient(rounded, (d_input, 0), rows);
                }
            }
        }
        self.drop_from_head_gradient(mode);
        self.clip_upward_gradient(self.lstm.len() - 1, weights);
    }

    /// Clears what comes back to values of LSTM layer `l` that were clipped on their way up.
    fn clip_upward_gradient(&mut self, l: usize, weights: &Weights) {
        if let Some(format) = weights.forward.formats.of_upward(l) {
            let rounded = (&self.pass.layers[l].upward, 0);
            let d_hidden = &mut self.lstm[l].d_hidden;
            format.clip_gradient(rounded, (d_hidden, 0), rounded.0.rows());
        }
    }

    fn drop_from_head_gradient(&mut self, mode: Mode) {
        let top = self.lstm.len() - 1;
        let d_hidden = &mut self.lstm[top].d_hidden;
        match mode {
            Mode::SequenceToOne => {
                self.pass
                    .dropout
                    .between_layers
                    .backward(top, &mut self.d_features);
                d_hidden.reset(self.pass.steps.rows, self.d_features.columns());
                for b in 0..self.pass.steps.sequences {
                    copy_row(&self.d_features, b, d_hidden, self.pass.steps.last_row(b));
                }
            }
            Mode::SequenceToSequence => self.pass.dropout.between_layers.backward(top, d_hidden),
        }
    }

    /// (B1) to (B11) for layer `l`.
    fn lstm_backward(&mut self, l: usize, weights: &Weights) {
        let backend = self.pass.backend;
        let (below, layer) = self.lstm.split_at_mut(l);
        let layer = &mut layer[0];
        layer.through_time(&mut self.pass, l, weights);
        let d_z = &self.pass.layers[l].gates;
        let (x, first) = self.pass.lstm_input(l);
        layer.d_w_x.reset(x.columns(), d_z.columns());
        // (B10)
        backend.run(Correlate {
            c: &mut layer.d_w_x,
            a: x,
            a_row: first,
            d: d_z,
            d_rows: 0..d_z.rows(),
        });
        layer.correlate_states(&self.pass, l);
        if let Some(below) = below.last_mut() {
            below.d_hidden.reset(d_z.rows(), x.columns());
            // (B11)
            backend.run(Multiply {
                c: &mut below.d_hidden,
                c_row: 0,
                a: d_z,
                a_rows: 0..d_z.rows(),
                w: &weights.lstm[l].w_x,
            });
            self.pass
                .dropout
                .between_layers
                .backward(l - 1, &mut below.d_hidden);
            self.clip_upward_gradient(l - 1, weights);
        }
    }

    fn add_gradient(&mut self, other: &Self) {
        for (mine, theirs) in self.lstm.iter_mut().zip(&other.lstm) {
            mine.d_w_x.add(&theirs.d_w_x);
            mine.d_w_h.add(&theirs.d_w_h);
            mine.sums.add(&theirs.sums);
        }
        for (mine, theirs) in self.dense.iter_mut().zip(&other.dense) {
            mine.d_weight.add(&theirs.d_weight);
            lstm_cell::add_lines(&mut mine.d_bias, &theirs.d_bias);
        }
    }

    fn unpack(&self, gradient: &mut Network) {
        let layers = gradient
            .recurrent
            .iter_mut()
            .filter_map(RecurrentLayer::as_lstm_mut);
        for (packed, layer) in self.lstm.iter().zip(layers) {
            packed.unpack(layer);
        }
        for (packed, layer) in self.dense.iter().zip(&mut gradient.dense) {
            packed.unpack(layer);
        }
    }
}

impl LstmBack {
    /// (B1) to (B9): the gates of the forward pass become d_z.
    fn through_time(&mut self, pass: &mut Pass, l: usize, weights: &Weights) {
        let forward = &mut pass.layers[l];
        let hidden = forward.hidden.columns();
        self.d_cell.reset(pass.steps.sequences, hidden);
        self.sums.reset(hidden.div_ceil(LANES));
        let mut later = None;
        for &step in pass.steps.steps.iter().rev() {
            match later {
                Some(later) if pass.dropout.recurrent.is_active() => {
                    self.recur_masked(pass.backend, later, step, forward, &weights.lstm[l].w_h);
                }
                Some(later) => recur(
                    pass.backend,
                    later,
                    (&mut self.d_hidden, step.row),
                    &forward.gates,
                    &weights.lstm[l].w_h,
                ),
                None => {}
            }
            if let Some(format) = weights.forward.formats.of_hidden(l) {
                let rounded = (&forward.hidden, step.state);
                format.clip_gradient(rounded, (&mut self.d_hidden, step.row), step.count);
            }
            pass.backend.run(lstm_cell::Backward {
                step,
                gates: &mut forward.gates,
                cell: &forward.cell,
                cell_tanh: &forward.cell_tanh,
                d_hidden: &self.d_hidden,
                d_cell: &mut self.d_cell,
                peepholes: &weights.forward.lstm[l].peepholes,
                candidate_mask: (pass.dropout.candidate.is_active())
                    .then_some(&forward.candidate_mask),
                sums: &mut self.sums,
            });
            later = Some(step);
        }
    }

    /// (B1) through the mask of (D3).
    fn recur_masked(
        &mut self,
        backend: Backend,
        later: lstm_cell::StepRows,
        step: lstm_cell::StepRows,
        forward: &LstmPass,
        w_h: &Panels,
    ) {
        self.d_recurrent
            .reset(later.count, forward.hidden.columns());
        recur(
            backend,
            later,
            (&mut self.d_recurrent, 0),
            &forward.gates,
            w_h,
        );
        for panel in 0..self.d_recurrent.panels() {
            let mask = &forward.recurrent_mask.panel(panel)[..later.count];
            let d_hidden = &mut self.d_hidden.panel_mut(panel)[step.row..step.row + later.count];
            let passed = self.d_recurrent.panel(panel);
            for ((d, p), m) in d_hidden.iter_mut().zip(passed).zip(mask) {
                for ((d, p), m) in d.0.iter_mut().zip(p.0).zip(m.0) {
                    *d += p * m;
                }
            }
        }
    }

    /// (B10) for W_h: runs of steps whose states lie equally far from their rows are one product.
    fn correlate_states(&mut self, pass: &Pass, l: usize) {
        let forward = &pass.layers[l];
        self.d_w_h
            .reset(forward.hidden.columns(), forward.gates.columns());
        let distance = |step: &lstm_cell::StepRows| step.before - step.row;
        for run in pass.steps.steps.chunk_by(|a, b| distance(a) == distance(b)) {
            let rows: usize = run.iter().map(|step| step.count).sum();
            pass.backend.run(Correlate {
                c: &mut self.d_w_h,
                a: if pass.dropout.recurrent.is_active() {
                    &forward.recurrent
                } else {
                    &forward.hidden
                },
                a_row: run[0].before,
                d: &forward.gates,
                d_rows: run[0].row..run[0].row + rows,
            });
        }
    }

    fn unpack(&self, layer: &mut LstmLayer) {
        let hidden = layer.w_h.ncols();
        for (packed, values) in [(&self.d_w_x, &mut layer.w_x), (&self.d_w_h, &mut layer.w_h)] {
            for (r, mut row) in values.rows_mut().into_iter().enumerate() {
                let row = row
                    .as_slice_mut()
                    .expect("gradients are stored in row-major order");
                packed.read_column(gate_column(r, hidden), row);
            }
        }
        for (r, value) in layer.bias.iter_mut().enumerate() {
            let column = gate_column(r, hidden);
            *value = self.sums.bias[column / LANES].0[column % LANES];
        }
        for ((p, u), value) in layer.peephole.iter_mut().flat_map(|p| p.indexed_iter_mut()) {
            *value = self.sums.peepholes[p][u / LANES].0[u % LANES];
        }
    }
}

impl DenseBack {
    fn unpack(&self, layer: &mut DenseLayer) {
        for (r, mut row) in layer.weight.rows_mut().into_iter().enumerate() {
            let row = row
                .as_slice_mut()
                .expect("gradients are stored in row-major order");
            self.d_weight.read_column(r, row);
        }
        for (r, value) in layer.bias.iter_mut().enumerate() {
            *value = self.d_bias[r / LANES].0[r % LANES];
        }
    }
}

/// (B1) into the rows of `d_hidden` from the given one.
fn recur(
    backend: Backend,
    later: lstm_cell::StepRows,
    (d_hidden, row): (&mut Panels, usize),
    d_z: &Panels,
    w_h: &Panels,
) {
    backend.run(Multiply {
        c: d_hidden,
        c_row: row,
        a: d_z,
        a_rows: later.row..later.row + later.count,
        w: w_h,
    });
}

/// Where a ReLU gave zero, its input's gradient is zero.
fn through_relu(outputs: &Panels, gradient: &mut Panels) {
    for (y, d) in outputs.lines().iter().zip(gradient.lines_mut()) {
        for (y, d) in y.0.iter().zip(&mut d.0) {
            *d = if *y > 0.0 { *d } else { 0.0 };
        }
    }
}

impl Pass {
    /// Adds Gaussian noise to the inputs, each sequence's from its own seed.
    fn add_noise(&mut self, deviation: f32, seeds: impl Iterator<Item = u64>) {
        for (b, seed) in seeds.enumerate() {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream::INPUT_NOISE);
            for step in self.steps.steps.iter().take_while(|step| step.count > b) {
                for j in 0..self.input.columns() {
                    let noise: f32 = rng.sample(StandardNormal);
                    let value = self.input.get(step.row + b, j);
                    self.input.set(step.row + b, j, value + deviation * noise);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Loss;
    use crate::network::{Cell, Head, NetworkConfig};
    use ndarray::Array2;

    /// The gradient of a network of every kind of layer, computed with `backend`.
    fn gradient(backend: Backend) -> (f64, Network) {
        let config = NetworkConfig {
            inputs: 5,
            hidden: vec![33, 20],
            cell: Cell::Lstm { peepholes: true },
            dense: vec![7],
            outputs: 3,
            head: Head::Softmax,
            mode: Mode::SequenceToSequence,
        };
        let network = Network::new(&config, 1).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let sequences: Vec<Array2<f32>> = (1..=37)
            .map(|steps| Array2::from_shape_fn((steps, 5), |_| rng.random_range(-2.0..2.0)))
            .collect();
        let classes = [0, 1, 2].repeat(13);
        let batch: Vec<Example<'_>> = (sequences.iter())
            .map(|sequence| Example {
                sequence: sequence.view(),
                target: Target::ClassPerStep(&classes[..sequence.nrows()]),
                seed: 3,
                teacher: None,
            })
            .collect();
        let perturbation = Perturbation {
            input_noise: 0.1,
            input_dropout: 0.1,
            dropout: 0.1,
            recurrent_dropout: 0.1,
            candidate_dropout: 0.1,
        };
        let mut backpropagation = Backpropagation::new(&network, Loss::CrossEntropy, perturbation);
        backpropagation.backend = backend;
        let (loss, gradient) = backpropagation.gradient(&network, &batch);
        (loss, gradient.clone())
    }

    #[test]
    fn vector_backends_agree_to_the_bit_and_with_plain_code_nearly() {
        // Plain code may round products on their own; gradients here are below one.
        const ROUNDING: f32 = 1e-5;
        let (loss, plain) = gradient(Backend::Scalar);
        let vector: Vec<_> = (Backend::available().into_iter())
            .filter(|backend| *backend != Backend::Scalar)
            .map(gradient)
            .collect();
        for other in &vector {
            assert_eq!(other, &vector[0]);
            assert!((other.0 - loss).abs() < f64::from(ROUNDING));
            for (a, b) in plain.parameters().iter().zip(other.1.parameters()) {
                for (x, y) in a.values.iter().zip(b.values) {
                    assert!((x - y).abs() < ROUNDING, "{}: {x} and {y}", a.name);
                }
            }
        }
    }
}
