//! The network's forward pass over sequences of any lengths, without padding.
//!
//! Sequences lie in matrices as `passes::steps` says. A convolution runs over all steps, if there is one, then the
//! recurrent layers run over its outputs, or over all steps, one after the other, then the dense layers. Above a
//! convolution the dense layers read, for each step of the input, the state that stands after it.

use ndarray::ArrayView2;

use crate::compute::lanes::Backend;
use crate::compute::panels::{Panels, copy_row};
use crate::network::{Direction, Mode, Network};
use crate::passes::activation_format::ActivationFormats;
use crate::passes::convolution::{ConvPass, ConvState, Moves, PackedConv};
use crate::passes::dense::{PackedDense, relu};
use crate::passes::dropout::Dropout;
use crate::passes::mean::MeanOverTime;
use crate::passes::recurrent::{Around, PackedRecurrent, RecurrentPass};
use crate::passes::steps::Steps;
use crate::passes::window::{Joined, Stack, join, turn};

/// A network's parameters in panels.
#[derive(Clone, Debug)]
pub(crate) struct PackedNetwork {
    pub(crate) conv: Option<PackedConv>,
    pub(crate) recurrent: Vec<PackedRecurrent>,
    pub(crate) dense: Vec<PackedDense>,
    pub(crate) mode: Mode,
    pub(crate) stack: Stack,
    /// What activations are rounded to.
    pub(crate) formats: ActivationFormats,
}

impl PackedNetwork {
    pub(crate) fn rounding(network: &Network, formats: &ActivationFormats) -> Self {
        Self {
            conv: PackedConv::of(network),
            recurrent: network.recurrent.iter().map(PackedRecurrent::of).collect(),
            dense: network.dense.iter().map(PackedDense::of).collect(),
            mode: network.config.mode,
            stack: Stack::of(&network.config),
            formats: formats.clone(),
        }
    }

    /// Input channels `I`.
    pub(crate) fn inputs(&self) -> usize {
        match &self.conv {
            Some(conv) => conv.channels(),
            None => self.recurrent[0].inputs(),
        }
    }
}

/// All that a forward pass over a group of sequences computes; kept from group to group, so that
/// nothing is allocated once the largest has been seen.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    pub(crate) backend: Backend,
    /// Of the sequences.
    pub(crate) inputs: Steps,
    /// Of the recurrent layers: those of the sequences without a convolution.
    pub(crate) steps: Steps,
    pub(super) moves: Moves,
    /// Rows of the states in which the sequences before stand.
    stood: Vec<usize>,
    /// `[R_in, I]`, with a row for each step of the sequences.
    pub(crate) input: Panels,
    /// m of (D1), `[R_in, I]`, if that is active.
    input_mask: Panels,
    /// Used with a convolution alone.
    pub(crate) conv: ConvPass,
    pub(crate) layers: Vec<RecurrentPass>,
    /// Of networks with layers that run backwards.
    pub(crate) joined: Joined,
    pub(crate) dropout: Dropout,
    /// Rows that enter the dense layers: `[B, H]` for sequence to one, by the last step or the mean, `[R_in, H]` above a
    /// convolution. Else they enter as they lie in the last recurrent layer.
    pub(crate) features: Panels,
    is_gathered: bool,
    /// What a mean over time has so far.
    pub(crate) mean: MeanOverTime,
    /// Output of each dense layer, after ReLU except for the last.
    pub(crate) dense: Vec<Panels>,
}

impl Default for Pass {
    fn default() -> Self {
        Self::on(Backend::detect())
    }
}

impl Pass {
    /// Empty, to be computed with `backend`.
    pub(crate) fn on(backend: Backend) -> Self {
        Self {
            backend,
            inputs: Steps::default(),
            steps: Steps::default(),
            moves: Moves::default(),
            stood: Vec::new(),
            input: Panels::default(),
            input_mask: Panels::default(),
            conv: ConvPass::default(),
            layers: Vec::new(),
            joined: Joined::default(),
            dropout: Dropout::default(),
            features: Panels::default(),
            is_gathered: false,
            mean: MeanOverTime::default(),
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
        self.stood = (0..self.inputs.sequences)
            .map(|b| self.end_row(b))
            .collect();
        self.inputs = Steps::of(&lengths);
        self.input.reset(self.inputs.rows, inputs);
        for (b, sequence) in sequences.iter().enumerate() {
            assert_eq!(
                sequence.ncols(),
                inputs,
                "a sequence has the network's channels"
            );
            for (values, step) in sequence.rows().into_iter().zip(&self.inputs.steps) {
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
            let (rows, columns) = (self.inputs.rows, self.input.columns());
            inputs.fill(&mut self.input_mask, rows, columns, self.inputs.owners());
            self.input.multiply(&self.input_mask);
        }
    }

    /// Runs all recurrent layers from a zero state.
    pub(crate) fn recurrent(&mut self, network: &PackedNetwork) {
        self.begin(network, |_| None);
        self.reset_states(network);
        self.advance(network);
    }

    /// Decides when the recurrent layers take their steps, if the convolution begins with these states of the sequences;
    /// with a fresh one where there is none.
    pub(crate) fn begin(
        &mut self,
        network: &PackedNetwork,
        conv: impl Fn(usize) -> Option<ConvState>,
    ) {
        let sequences = self.inputs.sequences;
        self.moves = match &network.conv {
            Some(weights) => self.conv.begin(weights, sequences, conv),
            None => Moves::default(),
        };
        self.steps = self.moves.steps(&self.inputs);
    }

    /// Makes the states before the first step zero.
    pub(crate) fn reset_states(&mut self, network: &PackedNetwork) {
        if self.layers.len() != network.recurrent.len() {
            self.layers = network.recurrent.iter().map(RecurrentPass::of).collect();
        }
        for (layer, weights) in self.layers.iter_mut().zip(&network.recurrent) {
            layer.reset_state(&self.steps, weights);
        }
        self.joined.reset(&network.stack);
        let outputs = network.dense[0].weight.rows();
        self.mean.reset(self.steps.sequences, outputs);
    }

    /// Runs all recurrent layers over sequences that go on where those before them ended: the
    /// same ones in the same order, but for the last ones, which may have ended.
    pub(crate) fn recurrent_after(&mut self, network: &PackedNetwork) {
        let before = self.conv.take_states();
        self.begin(network, |b| before.get(b).cloned());
        let rows = &self.stood[..self.inputs.sequences];
        for layer in &mut self.layers {
            layer.carry_state(rows, &self.steps);
        }
        self.advance(network);
    }

    /// Runs all recurrent layers from the states before the first step.
    pub(crate) fn advance(&mut self, network: &PackedNetwork) {
        network.formats.round_inputs(&mut self.input);
        self.convolve(network);
        for (l, weights) in network.recurrent.iter().enumerate() {
            let sequences = self.steps.sequences;
            let stack = &network.stack;
            let (below, layer) = self.layers.split_at_mut(l);
            let layer = &mut layer[0];
            layer.fill_masks(&mut self.dropout, &self.steps);
            let x = match stack.below(l) {
                Some(place) => {
                    let h = handed_on(&self.joined.outputs, below, place);
                    // Both halves of a layer read the same.
                    if stack.direction(l) != Direction::Beside {
                        let owners = self.steps.owners();
                        (self.dropout.between_layers).apply(place, h, sequences, owners);
                    }
                    self.dropout.between_layers.kept(place, h, sequences)
                }
                None if network.conv.is_some() => {
                    let place = network.recurrent.len();
                    (self.dropout.between_layers).kept(place, self.conv.outputs(), 0)
                }
                None => (&self.input, 0),
            };
            let around = Around {
                backend: self.backend,
                steps: &self.steps,
                dropout: &self.dropout,
                format: network.formats.of_hidden(l),
                shown: network.formats.of_shown(l),
            };
            match stack.is_reverse(l) {
                false => layer.run(around, weights, x),
                true => {
                    turn(x, &self.steps, &mut self.joined.turned[l]);
                    layer.run(around, weights, (&self.joined.turned[l], 0));
                }
            }
            layer.round_upward(network.formats.of_upward(l));
            if stack.is_of_windows() && stack.is_last_half(l) {
                self.join_halves(network, l);
            }
        }
        if network.mode == Mode::SequenceToMean {
            self.add_to_mean();
        }
    }

    /// Runs the convolution, if there is one, and drops from its outputs.
    fn convolve(&mut self, network: &PackedNetwork) {
        if let Some(weights) = &network.conv {
            let (input, format) = ((&self.input, &self.inputs), network.formats.conv);
            (self.conv).run(self.backend, weights, input, &self.steps, format);
            let (outputs, owners) = (self.conv.outputs(), self.steps.owners());
            let place = network.recurrent.len();
            (self.dropout.between_layers).apply(place, outputs, 0, owners);
        }
    }

    /// Adds the outputs of the last recurrent layer to the mean over time.
    fn add_to_mean(&mut self) {
        let sequences = self.steps.sequences;
        let own = (0..sequences).map(|b| self.moves.taken(b, self.inputs.length(b)));
        let h = handed_on(&self.joined.outputs, &self.layers, self.layers.len() - 1);
        self.mean.add(h, &self.steps, own);
    }

    /// Puts what the halves of a layer hand on side by side; the last one is recurrent layer `l`.
    fn join_halves(&mut self, network: &PackedNetwork, l: usize) {
        let halves = network.stack.halves(l);
        let columns = (halves.iter()).map(|half| network.recurrent[half.layer].outputs());
        let joined = &mut self.joined.outputs[l];
        joined.reset(self.steps.sequences + self.steps.rows, columns.sum());
        for half in halves {
            join(self.layers[half.layer].upward(), half, &self.steps, joined);
        }
    }

    /// What recurrent layer `l` reads, and its first row.
    pub(crate) fn layer_input(&self, network: &PackedNetwork, l: usize) -> (&Panels, usize) {
        if network.stack.is_reverse(l) {
            return (&self.joined.turned[l], 0);
        }
        let between = &self.dropout.between_layers;
        match network.stack.below(l) {
            Some(below) => {
                let h = handed_on(&self.joined.outputs, &self.layers, below);
                between.kept(below, h, self.steps.sequences)
            }
            None if network.conv.is_some() => {
                between.kept(network.recurrent.len(), self.conv.outputs(), 0)
            }
            None => (&self.input, 0),
        }
    }

    /// What the first dense layer reads, and its first row.
    pub(crate) fn head_input(&self) -> (&Panels, usize) {
        let top = self.layers.len() - 1;
        let between = &self.dropout.between_layers;
        match self.is_gathered {
            true => between.kept(top, &self.features, 0),
            false => {
                let h = handed_on(&self.joined.outputs, &self.layers, top);
                between.kept(top, h, self.steps.sequences)
            }
        }
    }

    /// Whether the rows that the head reads are copies of the last recurrent layer's.
    pub(crate) fn is_gathered(&self) -> bool {
        self.is_gathered
    }

    /// The row of the state that stands after `steps` steps of sequence `b`.
    pub(crate) fn state_row(&self, b: usize, steps: usize) -> usize {
        self.steps.state_row(b, self.moves.taken(b, steps))
    }

    /// The row of the state in which sequence `b` ends.
    pub(crate) fn end_row(&self, b: usize) -> usize {
        self.state_row(b, self.inputs.length(b))
    }

    /// The row of the state that each row of the head reads, if they are gathered; none of a mean over time.
    pub(crate) fn head_rows(&self, mode: Mode) -> Vec<usize> {
        match mode {
            Mode::SequenceToOne => (0..self.inputs.sequences)
                .map(|b| self.end_row(b))
                .collect(),
            Mode::SequenceToSequence => (self.inputs.steps.iter().enumerate())
                .flat_map(|(t, step)| (0..step.count).map(move |b| (t, b)))
                .map(|(t, b)| self.state_row(b, t + 1))
                .collect(),
            Mode::SequenceToMean => Vec::new(),
        }
    }

    /// Runs the dense layers over each sequence's last step, or over all steps.
    pub(crate) fn head(&mut self, network: &PackedNetwork) {
        self.prepare_head(network);
        let mut dense = std::mem::take(&mut self.dense);
        dense.resize_with(network.dense.len(), Panels::default);
        for (l, weights) in network.dense.iter().enumerate() {
            let (below, outputs) = dense.split_at_mut(l);
            let (x, first) = match below.last() {
                Some(below) => (below, 0),
                None => self.head_input(),
            };
            let outputs = &mut outputs[0];
            weights.run(self.backend, (x, first), outputs);
            if l + 1 < network.dense.len() {
                relu(outputs);
            }
            if let Some(format) = network.formats.of_dense(l) {
                let rows = outputs.rows();
                format.round_rows(outputs, 0, rows);
            }
        }
        self.dense = dense;
    }

    /// Gathers the states or the means that the head reads, where they do not lie as it reads them, and drops from them.
    fn prepare_head(&mut self, network: &PackedNetwork) {
        let top = self.layers.len() - 1;
        self.is_gathered = !network.mode.is_per_step() || network.conv.is_some();
        let sequences = self.steps.sequences;
        if network.mode == Mode::SequenceToMean {
            self.mean.write(sequences, &mut self.features);
            if let Some(format) = network.formats.mean {
                format.round_rows(&mut self.features, 0, sequences);
            }
        } else if network.mode == Mode::SequenceToOne && network.stack.is_of_windows() {
            self.gather_ends(network);
        } else if self.is_gathered {
            let rows = self.head_rows(network.mode);
            let h = handed_on(&self.joined.outputs, &self.layers, top);
            self.features.reshape(rows.len(), h.columns());
            for (to, from) in rows.into_iter().enumerate() {
                copy_row(h, from, &mut self.features, to);
            }
        }
        let between = &mut self.dropout.between_layers;
        let h = handed_on(&self.joined.outputs, &self.layers, top);
        match network.mode {
            Mode::SequenceToOne | Mode::SequenceToMean => {
                between.apply(top, &self.features, 0, 0..sequences);
            }
            Mode::SequenceToSequence if self.is_gathered => {
                between.apply(top, &self.features, 0, self.inputs.owners());
            }
            Mode::SequenceToSequence => between.apply(top, h, sequences, self.steps.owners()),
        }
    }

    /// The outputs of each half of the uppermost layer after its own last step: (WD2).
    fn gather_ends(&mut self, network: &PackedNetwork) {
        let columns = network.dense[0].weight.rows();
        self.features.reset(self.steps.sequences, columns);
        for half in network.stack.top() {
            for b in 0..self.steps.sequences {
                let end = self.layers[half.layer].upward().row(self.end_row(b));
                for (u, value) in end.into_iter().enumerate() {
                    self.features.set(b, half.column + u, value);
                }
            }
        }
    }

    /// Outputs of the last dense layer, one row for each row that entered.
    pub(crate) fn logits(&self) -> &Panels {
        &self.dense[self.dense.len() - 1]
    }
}

/// What recurrent layer `l` of `layers` hands on in the order of time, `[B + R, O]`: of the last half of a layer the outputs
/// of all halves, which are `joined`.
fn handed_on<'a>(joined: &'a [Panels], layers: &'a [RecurrentPass], l: usize) -> &'a Panels {
    match joined.get(l) {
        Some(joined) => joined,
        None => layers[l].upward(),
    }
}
