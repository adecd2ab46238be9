//! A convolution over all rows of a pass, forward and backward: (CV) of [`crate::network::convolution`].
//!
//! Its windows lie in the rows of a matrix, one for each step of the recurrent layers. So it is a dense layer over them.
//!
//! ```text
//! d_W = Σ_n d_y_n windowᵀ_n,  d_b = Σ_n d_y_n                                                  (CVB)
//! ```
//!
//! where d_y is zero where ReLU gave zero. The network's inputs need no gradient.
//!
//! Streams may wait for their next output for different times. Rows of [`Steps`] want those with more steps first, so a
//! sequence may get steps past its end, whose windows are zeros. Nobody reads their outputs, and their gradient is zero.

use crate::compute::lanes::Backend;
use crate::compute::panels::Panels;
use crate::network::convolution::{ConvActivation, Convolution};
use crate::network::{DenseLayer, Network};
use crate::passes::activation_format::ActivationFormat;
use crate::passes::dense::{DenseBack, PackedDense, relu, through_relu};
use crate::passes::steps::Steps;

/// Where the convolution of one sequence stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConvState {
    /// The last K − 1 steps, the oldest first, `[K − 1, C]`.
    recent: Vec<f32>,
    /// Steps before the one with the next output.
    wait: usize,
}

/// A convolution's parameters in panels.
#[derive(Clone, Debug)]
pub(crate) struct PackedConv {
    shape: Convolution,
    channels: usize,
    filters: PackedDense,
}

impl PackedConv {
    pub(crate) fn of(network: &Network) -> Option<Self> {
        let (shape, layer) = (network.config.conv?, network.conv.as_ref()?);
        Some(Self {
            shape,
            channels: network.config.inputs,
            filters: PackedDense::of(layer),
        })
    }

    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// Before the first step.
    fn fresh(&self) -> ConvState {
        ConvState {
            recent: vec![0.0; (self.shape.kernel - 1) * self.channels],
            wait: self.shape.first(),
        }
    }

    fn is_rectified(&self) -> bool {
        self.shape.activation == ConvActivation::Relu
    }
}

/// When the recurrent layers take a step.
///
/// The default is at each step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moves {
    /// With its outputs; none where each step is one of the recurrent layers.
    conv: Option<Convolution>,
    /// Of each sequence: steps before the first one with an output. None without a convolution.
    waits: Vec<usize>,
}

impl Moves {
    /// Steps that the recurrent layers have taken after `steps` steps of sequence `b`.
    pub(crate) fn taken(&self, b: usize, steps: usize) -> usize {
        match &self.conv {
            Some(conv) => conv.outputs_in(steps, self.waits[b]),
            None => steps,
        }
    }

    /// Rows of the recurrent layers' steps for sequences of these lengths, longest first.
    pub(crate) fn steps(&self, inputs: &Steps) -> Steps {
        if self.conv.is_none() {
            return inputs.clone();
        }
        let taken = (0..inputs.sequences).map(|b| self.taken(b, inputs.length(b)));
        let mut lengths: Vec<usize> = taken.collect();
        let mut most = 0;
        for length in lengths.iter_mut().rev() {
            most = most.max(*length);
            *length = most;
        }
        Steps::of(&lengths)
    }
}

/// What a convolution computes.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConvPass {
    /// Where each sequence begins, and then where it ends.
    states: Vec<ConvState>,
    /// `[R, K · C]`
    windows: Panels,
    /// `[R, F]`
    outputs: Panels,
}

impl ConvPass {
    /// Begins with these states of `sequences` sequences; fresh ones where there is none.
    pub(crate) fn begin(
        &mut self,
        weights: &PackedConv,
        sequences: usize,
        state: impl Fn(usize) -> Option<ConvState>,
    ) -> Moves {
        let states = (0..sequences).map(|b| state(b).unwrap_or_else(|| weights.fresh()));
        self.states = states.collect();
        Moves {
            conv: Some(weights.shape),
            waits: self.states.iter().map(|state| state.wait).collect(),
        }
    }

    /// Where all sequences stand, to go on from.
    pub(crate) fn take_states(&mut self) -> Vec<ConvState> {
        std::mem::take(&mut self.states)
    }

    /// Where sequence `b` stands.
    pub(crate) fn state(&self, b: usize) -> Option<&ConvState> {
        self.states.get(b)
    }

    /// `[R, F]`
    pub(crate) fn outputs(&self) -> &Panels {
        &self.outputs
    }

    /// Runs over all steps of `input`, whose rows are those of `inputs`; `steps` are those of the recurrent layers.
    pub(crate) fn run(
        &mut self,
        backend: Backend,
        weights: &PackedConv,
        (input, inputs): (&Panels, &Steps),
        steps: &Steps,
        format: Option<ActivationFormat>,
    ) {
        let (shape, channels) = (weights.shape, weights.channels);
        self.windows.reset(steps.rows, shape.kernel * channels);
        for (b, state) in self.states.iter_mut().enumerate() {
            let length = inputs.length(b);
            // What came before, then all steps.
            let mut all = std::mem::take(&mut state.recent);
            let before = all.len();
            all.resize(before + length * channels, 0.0);
            let places = all[before..].chunks_exact_mut(channels);
            for (place, step) in places.zip(&inputs.steps) {
                input.read_row(step.row + b, place);
            }
            let outputs = shape.outputs_in(length, state.wait);
            for (n, step) in steps.steps[..outputs].iter().enumerate() {
                let first = (state.wait + n * shape.stride) * channels;
                let window = &all[first..first + shape.kernel * channels];
                self.windows.write_row(step.row + b, window);
            }
            state.wait = state.wait + outputs * shape.stride - length;
            state.recent = all.split_off(all.len() - before);
        }
        weights
            .filters
            .run(backend, (&self.windows, 0), &mut self.outputs);
        if weights.is_rectified() {
            relu(&mut self.outputs);
        }
        if let Some(format) = format {
            format.round_rows(&mut self.outputs, 0, steps.rows);
        }
    }
}

/// Buffers and gradients of a convolution.
#[derive(Debug, Default)]
pub(crate) struct ConvBack(DenseBack);

impl ConvBack {
    /// The gradient of the outputs, `[R, F]`.
    pub(crate) fn d_outputs(&mut self) -> &mut Panels {
        &mut self.0.d_outputs
    }

    /// (CVB)
    pub(crate) fn correlate(
        &mut self,
        backend: Backend,
        weights: &PackedConv,
        forward: &ConvPass,
        format: Option<ActivationFormat>,
    ) {
        if let Some(format) = format {
            let rounded = (&forward.outputs, 0);
            let rows = forward.outputs.rows();
            format.clip_gradient(rounded, (&mut self.0.d_outputs, 0), rows);
        }
        if weights.is_rectified() {
            through_relu(&forward.outputs, &mut self.0.d_outputs);
        }
        self.0.correlate(backend, (&forward.windows, 0));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.add(&other.0);
    }

    /// Writes the gradients into the layer's shape.
    pub(crate) fn unpack(&self, layer: &mut DenseLayer) {
        self.0.unpack(layer);
    }
}
