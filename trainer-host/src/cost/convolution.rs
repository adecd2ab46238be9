//! What a convolution costs on a core, from its sizes alone.
//!
//! ```text
//! each step     a + b·C                                                                        (K5a)
//! each output   (K2) of its filters as a dense layer + c + d·[w4a16] + e·[K > S] + f·F·[no ReLU]   (K5b)
//! ```
//!
//! A step between two windows, of which there are S − K where they do not meet, takes a/2. a to e were read from counts in
//! QEMU on M0, M4 and M55, f is estimated. `tests/tests/boards/cost.rs` holds the sum to counts.

use lstm_nostd::Parsed;
use lstm_nostd::kernels::{ConvParameters, Scheme};

use super::{Core, DenseSize, RecurrentKind, RecurrentSize, StepCost, fitted, layers, rows, sizes};

/// Sizes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvSize {
    /// Its scheme.
    pub scheme: Scheme,
    /// Channels, `C`.
    pub channels: usize,
    /// Filters, `F`.
    pub filters: usize,
    /// Steps that a filter looks at, `K`.
    pub kernel: usize,
    /// Steps from one output to the next, `S`.
    pub stride: usize,
    /// Whether it has a ReLU.
    pub is_rectified: bool,
}

impl ConvSize {
    /// Of a parsed layer.
    pub fn of(layer: &ConvParameters<'_>) -> Self {
        Self {
            scheme: layer.scheme(),
            channels: layer.channels,
            filters: layer.outputs(),
            kernel: layer.kernel,
            stride: layer.stride,
            is_rectified: layer.is_rectified,
        }
    }

    /// (K5a)
    fn each_step(&self, core: Core) -> f64 {
        let [step, channel, ..] = overhead(core);
        step + channel * self.channels as f64
    }

    /// A step that no window takes in.
    fn left_out(core: Core) -> f64 {
        overhead(core)[0] / 2.0
    }

    /// What an output takes beside the products.
    fn each_output(&self, core: Core) -> f64 {
        let [_, _, output, nibbles, shift, filter] = overhead(core);
        let when = |is: bool, cost: f64| if is { cost } else { 0.0 };
        output
            + when(self.scheme == Scheme::W4a16, nibbles)
            + when(self.kernel > self.stride, shift)
            + when(!self.is_rectified, filter * self.filters as f64)
    }

    /// The share of the steps between two outputs that a window takes in.
    fn taken_in(&self) -> f64 {
        let between = self.stride.saturating_sub(1).max(1);
        (self.kernel.saturating_sub(1) as f64 / between as f64).min(1.0)
    }
}

/// a to f.
const fn overhead(core: Core) -> [f64; 6] {
    match core {
        Core::M0 => [184.0, 68.0, 630.0, 0.0, 350.0, 12.0],
        Core::M3 | Core::M4 | Core::M7 | Core::M33 => [125.0, 33.0, 465.0, 160.0, 290.0, 7.0],
        Core::M55 => [125.0, 30.0, 310.0, 0.0, 0.0, 7.0],
    }
}

/// The steps of a model with a convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StridedCost {
    /// A step at which the outputs move.
    pub moving: StepCost,
    /// A step between.
    pub waiting: StepCost,
}

impl StridedCost {
    /// The mean over a stride; the stack is the deepest.
    pub fn mean(&self, stride: usize) -> StepCost {
        let share = 1.0 / stride as f64;
        let mean =
            |of: fn(&StepCost) -> f64| of(&self.moving) * share + of(&self.waiting) * (1.0 - share);
        StepCost {
            instructions: mean(|cost| cost.instructions),
            estimated_cycles: mean(|cost| cost.estimated_cycles),
            stack_bytes: self.moving.stack_bytes.max(self.waiting.stack_bytes),
        }
    }
}

/// The steps of a model with a convolution, (K5), below these layers.
pub fn strided(
    core: Core,
    conv: &ConvSize,
    recurrent: &[RecurrentSize],
    dense: &[DenseSize],
) -> StridedCost {
    let (mut moving, scheme, top) = layers(core, recurrent);
    let without_channels = |scheme, dense: &[DenseSize]| {
        let mut terms = rows::rest_terms(core, 0, scheme, dense);
        terms[0] = 0.0;
        terms
    };
    moving.add(top, &without_channels(scheme, dense));
    let filters = DenseSize {
        inputs: conv.kernel * conv.channels,
        outputs: conv.filters,
    };
    let own = fitted(core, (conv.scheme, RecurrentKind::Lstm));
    moving.add(own, &without_channels(conv.scheme, &[filters]));
    let [taken, left] = [conv.each_step(core), ConvSize::left_out(core)];
    let share = conv.taken_in();
    let mut waiting = StepCost::default();
    waiting.add_instructions(taken * share + left * (1.0 - share));
    moving.add_instructions(taken + conv.each_output(core));
    StridedCost { moving, waiting }
}

/// The steps of a parsed model, if it has a convolution.
pub fn strided_of(core: Core, model: &Parsed<'_>) -> Option<StridedCost> {
    let (recurrent, dense) = sizes(model);
    let conv = ConvSize::of(model.convolution()?);
    let mut cost = strided(core, &conv, &recurrent, &dense);
    cost.moving.add_mean(core, model);
    Some(cost)
}
