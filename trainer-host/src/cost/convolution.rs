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

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;
    use crate::cost::step;

    const CONV: ConvSize = ConvSize {
        scheme: Scheme::W8a16,
        channels: 3,
        filters: 8,
        kernel: 5,
        stride: 2,
        is_rectified: true,
    };

    const LSTM: RecurrentSize = RecurrentSize {
        kind: RecurrentKind::Lstm,
        scheme: Scheme::W8a16,
        inputs: 8,
        hidden: 12,
        projection: None,
        peepholes: false,
        shifts: Ordering::Greater,
    };

    const DENSE: DenseSize = DenseSize {
        inputs: 12,
        outputs: 5,
    };

    /// a = 125, b = 33, c = 465, d = 160, e = 290 and f = 7 on M4.
    #[test]
    fn steps_and_outputs_take_what_was_counted() {
        assert_eq!(CONV.each_step(Core::M4), 125.0 + 33.0 * 3.0);
        assert_eq!(ConvSize::left_out(Core::M4), 62.5);
        assert_eq!(CONV.each_output(Core::M4), 465.0 + 290.0);
        let apart = ConvSize { stride: 5, ..CONV };
        assert_eq!(apart.each_output(Core::M4), 465.0);
        let nibbles = ConvSize {
            scheme: Scheme::W4a16,
            is_rectified: false,
            ..apart
        };
        assert_eq!(nibbles.each_output(Core::M4), 465.0 + 160.0 + 7.0 * 8.0);
        assert_eq!(nibbles.each_output(Core::M55), 310.0 + 7.0 * 8.0);
        assert_eq!(nibbles.each_output(Core::M0), 630.0 + 12.0 * 8.0);
    }

    #[test]
    fn windows_that_do_not_meet_leave_steps_out() {
        for (kernel, stride, share) in [
            (5, 2, 1.0),
            (3, 3, 1.0),
            (3, 5, 0.5),
            (1, 4, 0.0),
            (1, 1, 0.0),
            (4, 1, 1.0),
        ] {
            let conv = ConvSize {
                kernel,
                stride,
                ..CONV
            };
            assert_eq!(conv.taken_in(), share, "{kernel} {stride}");
        }
    }

    #[test]
    fn the_mean_of_a_stride_has_one_step_that_moves_and_the_deepest_stack() {
        let cost = |instructions, estimated_cycles, stack_bytes| StepCost {
            instructions,
            estimated_cycles,
            stack_bytes,
        };
        let strided = StridedCost {
            moving: cost(100.0, 130.0, 40.0),
            waiting: cost(20.0, 26.0, 60.0),
        };
        assert_eq!(strided.mean(4), cost(40.0, 52.0, 60.0));
        assert_eq!(strided.mean(1), cost(100.0, 130.0, 60.0));
    }

    /// Of 5 · 3 inputs, as a dense layer of the same scheme takes them.
    #[test]
    fn filters_take_what_a_dense_layer_takes_and_the_rest_is_added() {
        let of = |conv: &ConvSize| strided(Core::M4, conv, &[LSTM], &[DENSE]);
        let dense = |outputs| {
            let filters = DenseSize {
                inputs: 15,
                outputs,
            };
            step(Core::M4, 0, &[LSTM], &[DENSE, filters])
        };
        let more = ConvSize {
            filters: 21,
            ..CONV
        };
        let (few, many) = (of(&CONV), of(&more));
        let near = |found: f64, expected: f64| (found - expected).abs() < 1e-6 * expected;
        let gained = |value: fn(&StepCost) -> f64| {
            let found = value(&many.moving) - value(&few.moving);
            near(found, value(&dense(21)) - value(&dense(8)))
        };
        assert!(gained(|cost| cost.instructions) && gained(|cost| cost.estimated_cycles));
        // What every step of a model has is counted with the convolution's own steps.
        let none = fitted(Core::M4, (Scheme::W8a16, RecurrentKind::Lstm)).rest_instructions[0];
        let own = CONV.each_step(Core::M4) + CONV.each_output(Core::M4);
        let expected = dense(8).instructions - none + own;
        assert!(near(few.moving.instructions, expected));
        assert!(near(few.waiting.instructions, CONV.each_step(Core::M4)));
        assert!(near(
            few.waiting.estimated_cycles,
            1.3 * few.waiting.instructions
        ));
        let apart = ConvSize {
            kernel: 3,
            stride: 5,
            ..CONV
        };
        let half = (apart.each_step(Core::M4) + ConvSize::left_out(Core::M4)) / 2.0;
        assert!(near(of(&apart).waiting.instructions, half));
    }
}
