//! The part of a batch that one thread computes: loss and gradient of some of its sequences.
//!
//! Equations (B1) to (B11) are those of [`crate::passes::backward`].

use std::ops::Range;

use ndarray::s;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::compute::lanes::Backend;
use crate::compute::panels::{Panels, add_row};
use crate::loss::{Objective, SoftTargets};
use crate::network::{Direction, Mode, Network};
use crate::passes::activation_format::ActivationFormats;
use crate::passes::carried::CarriedState;
use crate::passes::convolution::ConvBack;
use crate::passes::dense::{DenseBack, through_relu, transposed};
use crate::passes::dropout::stream;
use crate::passes::example::Example;
use crate::passes::forward::{PackedNetwork, Pass};
use crate::passes::perturbation::Perturbation;
use crate::passes::recurrent::{Around, RecurrentBack, RecurrentTransposed};
use crate::passes::steps::StepRows;
use crate::passes::window_back::{JoinedBack, from_ends, inputs_in_time};

/// What is the same for all shards of a batch.
pub(crate) struct Task<'a> {
    pub(crate) weights: &'a Weights,
    pub(crate) objective: &'a Objective,
    pub(crate) soft: Option<SoftTargets>,
    /// One over the number of judged rows.
    pub(crate) scale: f32,
    pub(crate) perturbation: Perturbation,
    /// Steps of the batch.
    pub(crate) window: Range<usize>,
    /// The state that each sequence of the batch begins with; none if all begin with zero.
    pub(crate) streams: &'a [Option<CarriedState>],
}

/// The sequences of one shard, longest first.
pub(crate) struct Deal<'a> {
    /// Their numbers in the batch.
    pub(crate) numbers: Vec<usize>,
    pub(crate) examples: Vec<Example<'a>>,
}

/// A network's parameters as both directions need them.
pub(crate) struct Weights {
    pub(crate) forward: PackedNetwork,
    recurrent: Vec<RecurrentTransposed>,
    /// W of each dense layer, `[O, I]`.
    dense: Vec<Panels>,
}

impl Weights {
    pub(crate) fn of(network: &Network, formats: &ActivationFormats) -> Self {
        let layers = network.recurrent.iter().enumerate();
        let forward = PackedNetwork::rounding(network, formats);
        let on_inputs = |l: usize| forward.stack.below(l).is_none() && network.conv.is_none();
        Self {
            recurrent: layers
                .map(|(l, layer)| RecurrentTransposed::of(layer, on_inputs(l)))
                .collect(),
            forward,
            dense: network.dense.iter().map(transposed).collect(),
        }
    }
}

/// The part of a batch that one thread computes, with all its buffers.
#[derive(Debug)]
pub(crate) struct Shard {
    pass: Pass,
    pub(crate) loss: f64,
    /// Rows whose outputs decide for their class.
    pub(crate) right: usize,
    conv: ConvBack,
    recurrent: Vec<RecurrentBack>,
    joined: JoinedBack,
    dense: Vec<DenseBack>,
    /// Gradient of the head's inputs where they are gathered: `[B, H]` for sequence to one.
    d_features: Panels,
    /// The states after the sequences that ended in the window, by their numbers in the batch, if they are to be
    /// kept.
    pub(crate) ended: Vec<(usize, CarriedState)>,
}

impl Shard {
    pub(crate) fn on(backend: Backend) -> Self {
        Self {
            pass: Pass::on(backend),
            loss: 0.0,
            right: 0,
            conv: ConvBack::default(),
            recurrent: Vec::new(),
            joined: JoinedBack::default(),
            dense: Vec::new(),
            d_features: Panels::default(),
            ended: Vec::new(),
        }
    }

    pub(crate) fn compute(&mut self, task: &Task<'_>, Deal { numbers, examples }: &Deal<'_>) {
        let forward = &task.weights.forward;
        let start = task.window.start;
        let sequences: Vec<_> = (examples.iter())
            .map(|example| {
                let end = example.sequence.nrows().min(task.window.end);
                example.sequence.slice_move(s![start..end, ..])
            })
            .collect();
        self.pass.load(&sequences, forward.inputs());
        self.perturb(task, examples);
        match start {
            1.. => self.pass.recurrent_after(forward),
            0 => {
                let start = |n: &usize| task.streams.get(*n)?.as_ref();
                let starts: Vec<_> = numbers.iter().map(start).collect();
                self.pass.recurrent_from(forward, &starts);
            }
        }
        self.keep_ends(task, numbers, examples);
        self.pass.head(forward);
        if self.recurrent.len() != forward.recurrent.len() {
            self.recurrent = forward
                .recurrent
                .iter()
                .map(|_| RecurrentBack::default())
                .collect();
        }
        self.joined.reset(&forward.stack);
        self.dense
            .resize_with(forward.dense.len(), DenseBack::default);
        self.loss(task, examples);
        self.dense_backward(task.weights);
        for l in (0..self.recurrent.len()).rev() {
            self.recurrent_backward(l, task.weights);
        }
        if let Some(conv) = &forward.conv {
            let (backend, format) = (self.pass.backend, forward.formats.conv);
            (self.conv).correlate(backend, conv, &self.pass.conv, format);
        }
    }

    /// The states of the streams whose sequences end in the window.
    fn keep_ends(&mut self, task: &Task<'_>, numbers: &[usize], examples: &[Example<'_>]) {
        self.ended.clear();
        if task.streams.is_empty() {
            return;
        }
        for (b, (number, example)) in numbers.iter().zip(examples).enumerate() {
            if example.sequence.nrows() <= task.window.end {
                self.ended.push((*number, self.pass.state_at_end(b)));
            }
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
        let layers = task.weights.forward.recurrent.len();
        let all = &mut self.pass.dropout;
        all.inputs
            .begin(input_dropout, steps.clone(), stream::INPUTS);
        // A convolution's outputs take the place behind the last recurrent layer's.
        all.between_layers.begin(dropout, steps.clone(), layers + 1);
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
        let mut right = 0;
        let mut judge = |row: usize, example: &Example<'_>, t: usize| {
            for (o, value) in values.iter_mut().enumerate() {
                *value = logits.get(row, o);
            }
            let expected = example.target.expected(t);
            right += usize::from(expected.is_met_by(&values));
            let mut loss = (task.objective).row(&values, expected, &mut slopes);
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
                Mode::SequenceToOne | Mode::SequenceToMean => self.loss += judge(b, example, 0),
                Mode::SequenceToSequence => {
                    let running = |step: &&StepRows| step.count > b;
                    let steps = self.pass.inputs.steps.iter().take_while(running);
                    for (t, step) in (task.window.start..).zip(steps) {
                        self.loss += judge(step.row + b, example, t);
                    }
                }
            }
        }
        self.right = right;
    }

    /// The dense layers' gradients, and d_h from above for the top recurrent layer.
    fn dense_backward(&mut self, weights: &Weights) {
        let backend = self.pass.backend;
        let is_gathered = self.pass.is_gathered();
        let (head_input, head_first) = self.pass.head_input();
        let top = self.recurrent.len() - 1;
        for l in (0..self.dense.len()).rev() {
            let (below, layer) = self.dense.split_at_mut(l);
            let layer = &mut layer[0];
            let rows = layer.d_outputs.rows();
            let (x, first) = match l {
                0 => (head_input, head_first),
                _ => (&self.pass.dense[l - 1], 0),
            };
            layer.correlate(backend, (x, first));
            let d_input = match below.last_mut() {
                Some(below) => &mut below.d_outputs,
                None if is_gathered => &mut self.d_features,
                None => self.joined.of_layer(&mut self.recurrent, top).0,
            };
            layer.d_inputs(backend, &weights.dense[l], d_input);
            if l > 0 {
                through_relu(&self.pass.dense[l - 1], d_input);
                if let Some(format) = weights.forward.formats.of_dense(l - 1) {
                    let rounded = (&self.pass.dense[l - 1], 0);
                    format.clip_gradient(rounded, (d_input, 0), rows);
                }
            }
        }
        self.drop_from_head_gradient(weights);
        self.hand_back(top, weights);
    }

    /// The gradients of the outputs of the halves of a layer, whose last one is `l`, from that of what it hands on.
    fn hand_back(&mut self, l: usize, weights: &Weights) {
        let stack = &weights.forward.stack;
        let steps = &self.pass.steps;
        (self.joined).to_halves((stack, l), steps, &mut self.recurrent);
        for half in stack.halves(l) {
            self.clip_upward_gradient(half.layer, weights);
        }
    }

    /// Clears what comes back to values of recurrent layer `l` that were clipped on their way up.
    fn clip_upward_gradient(&mut self, l: usize, weights: &Weights) {
        if let Some(format) = weights.forward.formats.of_upward(l) {
            let steps = &self.pass.steps;
            let rounded = (self.pass.layers[l].upward(), steps.sequences);
            let d_hidden = self.recurrent[l].d_outputs();
            format.clip_gradient(rounded, (d_hidden, 0), steps.rows);
        }
    }

    fn drop_from_head_gradient(&mut self, weights: &Weights) {
        let top = self.recurrent.len() - 1;
        let (d_hidden, _) = self.joined.of_layer(&mut self.recurrent, top);
        let (pass, stack) = (&self.pass, &weights.forward.stack);
        let between = &pass.dropout.between_layers;
        if !pass.is_gathered() {
            return between.backward(top, d_hidden);
        }
        between.backward(top, &mut self.d_features);
        if weights.forward.mode == Mode::SequenceToMean {
            if let Some(format) = weights.forward.formats.mean {
                let rounded = (&pass.features, 0);
                let rows = pass.steps.sequences;
                format.clip_gradient(rounded, (&mut self.d_features, 0), rows);
            }
            return (pass.mean).backward(&self.d_features, &pass.steps, d_hidden);
        }
        if weights.forward.mode == Mode::SequenceToOne && stack.is_of_windows() {
            return from_ends(stack, &self.d_features, &pass.steps, d_hidden);
        }
        d_hidden.reset(pass.steps.rows, self.d_features.columns());
        for (from, state) in pass.head_rows(weights.forward.mode).into_iter().enumerate() {
            // What came before the first step of all needs no gradient.
            if let Some(to) = state.checked_sub(pass.steps.sequences) {
                add_row(&self.d_features, from, d_hidden, to);
            }
        }
    }

    /// The gradients of recurrent layer `l`, and those of the outputs below it.
    fn recurrent_backward(&mut self, l: usize, weights: &Weights) {
        let pass = &mut self.pass;
        let around = Around {
            backend: pass.backend,
            steps: &pass.steps,
            dropout: &pass.dropout,
            format: weights.forward.formats.of_hidden(l),
            shown: weights.forward.formats.of_shown(l),
        };
        let (below, layer) = self.recurrent.split_at_mut(l);
        let layer = &mut layer[0];
        let transposed = &weights.recurrent[l];
        let own = (&weights.forward.recurrent[l], transposed);
        layer.through_time(around, &mut pass.layers[l], own);
        let forward = &pass.layers[l];
        layer.correlate(around, forward, pass.layer_input(&weights.forward, l));
        let between = &around.dropout.between_layers;
        let stack = &weights.forward.stack;
        let own = |into: &mut Panels| layer.d_inputs(around.backend, forward, transposed, into);
        let ((d_inputs, turned), place) = match stack.below(l) {
            Some(place) => (self.joined.of_layer(below, place), place),
            None if weights.forward.conv.is_some() => {
                let room = (self.conv.d_outputs(), &mut self.joined.turned);
                (room, weights.recurrent.len())
            }
            None => return,
        };
        inputs_in_time((stack, l), around.steps, turned, own, d_inputs);
        // Both halves of a layer read the same, and the one that runs forwards comes last here.
        if stack.direction(l) == Direction::Beside {
            return;
        }
        between.backward(place, d_inputs);
        if let Some(place) = stack.below(l) {
            self.hand_back(place, weights);
        }
    }

    pub(crate) fn add_gradient(&mut self, other: &Self) {
        // Without a convolution both are empty.
        self.conv.add(&other.conv);
        for (mine, theirs) in self.recurrent.iter_mut().zip(&other.recurrent) {
            mine.add(theirs);
        }
        for (mine, theirs) in self.dense.iter_mut().zip(&other.dense) {
            mine.add(theirs);
        }
    }

    /// Writes the gradients into a network's shape.
    pub(crate) fn unpack(&self, gradient: &mut Network) {
        if let Some(layer) = &mut gradient.conv {
            self.conv.unpack(layer);
        }
        for (packed, layer) in self.recurrent.iter().zip(&mut gradient.recurrent) {
            packed.unpack(layer);
        }
        for (packed, layer) in self.dense.iter().zip(&mut gradient.dense) {
            packed.unpack(layer);
        }
    }
}

impl Pass {
    /// Adds Gaussian noise to the inputs, each sequence's from its own seed.
    fn add_noise(&mut self, deviation: f32, seeds: impl Iterator<Item = u64>) {
        for (b, seed) in seeds.enumerate() {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream::INPUT_NOISE);
            for step in self.inputs.steps.iter().take_while(|step| step.count > b) {
                for j in 0..self.input.columns() {
                    let noise: f32 = rng.sample(StandardNormal);
                    let value = self.input.get(step.row + b, j);
                    self.input.set(step.row + b, j, value + deviation * noise);
                }
            }
        }
    }
}
