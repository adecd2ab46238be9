//! What a model needs of a chip.

use lstm_nostd::model::{scratch_bytes, state_bytes};
use lstm_nostd::{Parsed, WindowModel};
use serde::{Deserialize, Serialize};

use super::engine::EngineFlash;
use super::flash::{FlashWaits, StepReads};
use super::front_end::SecondOfSignal;
use super::quantity::Hertz;
use super::{Core, Limits, step_of};

/// What a model costs on a core, with its weights in the order for it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Footprint {
    /// The core.
    pub core: Core,
    /// Instructions of a step of the input, computed from the sizes of the layers; above a convolution the mean over a stride.
    pub instructions: u64,
    /// Cycles of a step, estimated from published timings and not measured, from memory without wait states.
    pub estimated_cycles: u64,
    /// Further cycles, in which a step waits for flash; `None` if its wait states are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flash_waits: Option<FlashWaits>,
    /// Seconds of a step, estimated, with the most waits; `None` if the clock is not known.
    #[serde(default)]
    pub estimated_seconds: Option<f64>,
    /// The model file; 0 in studies of earlier versions, which did not keep it.
    #[serde(default)]
    pub file_bytes: usize,
    /// The model file, and the engine's code and tables.
    pub flash_bytes: usize,
    /// State of a stream, scratch and stack of a step; of a network that answers for whole windows alone, the buffer of one and
    /// the stack.
    pub ram_bytes: usize,
    /// A second of signal, front end and network apart; only of a trial of the tuner whose model takes samples of a known rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<SecondOfSignal>,
    /// Steps of the window that the RAM is for, of a network that answers for whole windows alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_steps: Option<usize>,
}

impl Footprint {
    /// The same with what a second of signal takes of `model`.
    #[must_use]
    pub fn with_second(self, model: &Parsed<'_>) -> Self {
        Self {
            second: SecondOfSignal::of_model(self.core, model, self.instructions as f64),
            ..self
        }
    }

    /// Whether it needs fewer instructions, RAM or flash than `other`.
    pub fn saves_against(&self, other: &Self) -> bool {
        self.instructions < other.instructions
            || self.ram_bytes < other.ram_bytes
            || self.flash_bytes < other.flash_bytes
    }

    /// Of `model`, whose file has `file_bytes` bytes, at the clock and wait states of `chip`.
    pub fn of(core: Core, chip: &Limits, model: &Parsed<'_>, file_bytes: usize) -> Self {
        let cost = step_of(core, model);
        let engine = EngineFlash::of(core, model);
        let instructions = cost.instructions.round() as u64;
        let flash_waits = chip.wait_states.map(|wait_states| {
            let reads = step_reads(model, instructions, engine.step);
            reads.waits(wait_states, chip.flash_reads.unwrap_or_default())
        });
        let most = flash_waits.map_or(0.0, |waits| waits.at_most as f64);
        let seconds = |clock: Hertz| (cost.estimated_cycles + most) / clock.0;
        Self {
            core,
            instructions,
            estimated_cycles: cost.estimated_cycles.round() as u64,
            flash_waits,
            estimated_seconds: chip.clock.map(seconds),
            file_bytes,
            flash_bytes: file_bytes + engine.all(),
            ram_bytes: buffers(model) + cost.stack_bytes.round() as usize,
            second: None,
            window_steps: None,
        }
    }

    /// The same with RAM for a window of `steps` steps, if `model` answers for whole windows alone: the buffer of
    /// [`WindowModel::run`]. Raw inputs and outputs are the caller's.
    #[must_use]
    pub fn over_window(self, model: &Parsed<'_>, steps: usize) -> Self {
        match window_bytes(model, steps) {
            Some(bytes) => Self {
                ram_bytes: self.ram_bytes - buffers(model) + bytes,
                window_steps: Some(steps),
                ..self
            },
            None => self,
        }
    }
}

/// Bytes of state and scratch; of a model of whole windows, of the buffer for one step.
fn buffers(model: &Parsed<'_>) -> usize {
    state_bytes(model.cell_blocks(), model.hidden_blocks()) + scratch_bytes(model.scratch_blocks())
}

/// Bytes of the buffer for a window of `steps` steps, of a model that answers for whole windows alone.
pub fn window_bytes(model: &Parsed<'_>, steps: usize) -> Option<usize> {
    let of_windows = model.is_of_windows();
    of_windows.then(|| scratch_bytes(WindowModel::from(model.clone()).buffer_blocks(steps)))
}

/// What a step of `model` reads from flash, with code of `code_bytes` bytes; above a convolution the mean over a stride.
fn step_reads(model: &Parsed<'_>, instructions: u64, code_bytes: usize) -> StepReads {
    let recurrent = model.recurrent_layers().iter();
    let layers = recurrent.clone().map(|layer| layer.bytes());
    let conv = model.convolution().map(|layer| layer.bytes());
    let dense = model.dense_layers().map(|layer| layer.bytes());
    let stride = model.stride();
    StepReads {
        layer_bytes: (conv.into_iter().chain(layers).chain(dense))
            .map(|bytes| bytes.div_ceil(stride))
            .collect(),
        units: recurrent
            .map(|layer| layer.units())
            .sum::<usize>()
            .div_ceil(stride),
        instructions,
        code_bytes,
    }
}

#[cfg(test)]
mod tests {
    use lstm_nostd::artifact::{LayerKind, RandomConv, RandomModel};
    use lstm_nostd::{Direction, Model};

    use super::*;

    fn shape() -> RandomModel {
        RandomModel {
            inputs: 5,
            hidden: vec![9, 7],
            kinds: vec![LayerKind::Lstm],
            outputs: 3,
            ..RandomModel::default()
        }
    }

    #[test]
    fn a_footprint_is_made_of_the_costs_of_a_step() {
        let bytes = shape().build().to_bytes().unwrap();
        let model = Parsed::parse(&bytes).unwrap();
        let chip = Limits {
            clock: Some(Hertz(1e6)),
            wait_states: Some(2),
            ..Limits::default()
        };
        let found = Footprint::of(Core::M4, &chip, &model, 1000);
        let cost = step_of(Core::M4, &model);
        let engine = EngineFlash::of(Core::M4, &model);
        assert_eq!(found.instructions, cost.instructions.round() as u64);
        assert_eq!(found.flash_bytes, 1000 + engine.all());
        assert_eq!(super::super::engine_bytes(Core::M4, &model), engine.all());
        // Cells of 12 and 8 lanes, hidden states of the same, and scratch as long as the engine says.
        let state = 4 * 20 + 2 * 20;
        let scratch = 8 * Model::parse(&bytes).unwrap().scratch_blocks();
        let stack = cost.stack_bytes.round() as usize;
        assert_eq!(buffers(&model), state + scratch);
        assert_eq!(found.ram_bytes, state + scratch + stack);
        let waits = found.flash_waits.unwrap();
        let seconds = (cost.estimated_cycles + waits.at_most as f64) / 1e6;
        assert!((found.estimated_seconds.unwrap() - seconds).abs() < 1e-12);
        assert_eq!(found.over_window(&model, 9), found);
        let reads = step_reads(&model, 77, 88);
        assert_eq!(
            (reads.units, reads.instructions, reads.code_bytes),
            (16, 77, 88)
        );
        let layers = model.recurrent_layers().iter().map(|layer| layer.bytes());
        let all: Vec<_> = layers
            .chain(model.dense_layers().map(|l| l.bytes()))
            .collect();
        assert_eq!(reads.layer_bytes, all);
        let none = Footprint::of(Core::M4, &Limits::default(), &model, 1000);
        assert_eq!((none.flash_waits, none.estimated_seconds), (None, None));
    }

    #[test]
    fn a_step_above_a_convolution_reads_a_strides_share() {
        let conv = RandomConv {
            filters: 6,
            kernel: 3,
            stride: 3,
            first: 2,
            is_rectified: true,
        };
        let shape = RandomModel {
            conv: Some(conv),
            ..shape()
        };
        let bytes = shape.build().to_bytes().unwrap();
        let model = Parsed::parse(&bytes).unwrap();
        let reads = step_reads(&model, 0, 0);
        let filters = model.convolution().unwrap().bytes();
        assert_eq!(reads.layer_bytes.len(), 4);
        assert_eq!(reads.layer_bytes[0], filters.div_ceil(3));
        assert_eq!(reads.units, 16usize.div_ceil(3));
    }

    #[test]
    fn a_window_takes_the_buffer_of_all_its_steps() {
        let shape = RandomModel {
            directions: vec![Direction::Reverse],
            ..shape()
        };
        let bytes = shape.build().to_bytes().unwrap();
        let model = Parsed::parse(&bytes).unwrap();
        let one = Footprint::of(Core::M4, &Limits::default(), &model, 1000);
        let many = one.over_window(&model, 40);
        let buffer = 8 * WindowModel::parse(&bytes).unwrap().buffer_blocks(40);
        assert_eq!(window_bytes(&model, 40), Some(buffer));
        let stack = step_of(Core::M4, &model).stack_bytes.round() as usize;
        assert_eq!(many.ram_bytes, buffer + stack);
        assert_eq!(many.window_steps, Some(40));
    }

    #[test]
    fn a_model_that_takes_no_samples_has_no_second_of_signal() {
        let bytes = shape().build().to_bytes().unwrap();
        let model = Parsed::parse(&bytes).unwrap();
        let it = Footprint::of(Core::M4, &Limits::default(), &model, 1000);
        let with_another = Footprint {
            second: Some(SecondOfSignal::of(Core::M4, None, 1.0, 1.0)),
            ..it
        };
        assert_eq!(with_another.with_second(&model), it);
    }

    #[test]
    fn whatever_is_less_saves() {
        let bytes = shape().build().to_bytes().unwrap();
        let model = Parsed::parse(&bytes).unwrap();
        let it = Footprint::of(Core::M4, &Limits::default(), &model, 1000);
        assert!(!it.saves_against(&it));
        for less in [
            Footprint {
                instructions: it.instructions - 1,
                ..it
            },
            Footprint {
                ram_bytes: it.ram_bytes - 1,
                ..it
            },
            Footprint {
                flash_bytes: it.flash_bytes - 1,
                ..it
            },
        ] {
            assert!(less.saves_against(&it) && !it.saves_against(&less));
        }
    }
}
