//! What a model needs of a chip.

use lstm_nostd::Model;
use lstm_nostd::kernels::Scheme;
use lstm_nostd::model::{scratch_bytes, state_bytes};
use serde::{Deserialize, Serialize};

use super::{Core, engine_flash, step_of};
use crate::cost::quantity::Hertz;

/// What a model costs on a core, with its weights in the order for it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Footprint {
    /// The core.
    pub core: Core,
    /// Instructions of a step, computed from the sizes of the layers.
    pub instructions: u64,
    /// Cycles of a step, estimated from published timings and not measured.
    pub estimated_cycles: u64,
    /// Seconds of a step, estimated; `None` if the clock is not known.
    #[serde(default)]
    pub estimated_seconds: Option<f64>,
    /// The model file, and the engine's code and tables.
    pub flash_bytes: usize,
    /// State of a stream, scratch and stack of a step.
    pub ram_bytes: usize,
}

impl Footprint {
    /// Of `model`, whose file has `file_bytes` bytes.
    pub fn of(core: Core, clock: Option<Hertz>, model: &Model<'_>, file_bytes: usize) -> Self {
        let cost = step_of(core, model);
        let engine = engine_flash(core);
        let mut layers = model.recurrent_layers().iter();
        let plain = layers.all(|layer| layer.rows().scheme() == Scheme::W8a16);
        let engine = if plain {
            engine.w8a16
        } else {
            engine.every_scheme
        };
        Self {
            core,
            instructions: cost.instructions.round() as u64,
            estimated_cycles: cost.estimated_cycles.round() as u64,
            estimated_seconds: clock.map(|clock| cost.estimated_cycles / clock.0),
            flash_bytes: file_bytes + engine,
            ram_bytes: state_bytes(model.cell_blocks(), model.hidden_blocks())
                + scratch_bytes(model.scratch_blocks())
                + cost.stack_bytes.round() as usize,
        }
    }
}
