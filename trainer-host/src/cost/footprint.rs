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
