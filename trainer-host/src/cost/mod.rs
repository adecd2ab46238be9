//! What a time step costs on a core, from the sizes of the layers alone.
//!
//! ```text
//! LSTM layer   a·1 + b·U + c·S·row(I, H) + d·lanes(I, H) + e·U·[peepholes]                       (K1)
//! GRU layer    a·1 + b·U + c·G·row(I, H) + d·B·lanes(I, H)                                     (K1g)
//! coupled      a·1 + b·U + c·G·row(I, H) + d·B·lanes(I, H) + e·U·[peepholes]                   (K1c)
//! reset before a·1 + b·U + c·G·row(I, H) + d·B·lanes(I, H) + e·B                                (K1b)
//! beyond it    a·1 + b·I + Σ over dense layers (c·G + d·work(G, I) + e·R + f·R·blocks(I))      (K2)
//! projection   a·1 + b·P + the dense rows of (K2), of P rows on H values                                 (K7)
//! mean         a·1 + b·H + c·H·[int8 above], of a mean over time that is read after each step     (K6)
//! stack        a·1 + b·lanes(I, H)                                                                 (K3)
//! ```
//!
//! `row` counts the work of a kernel's inner loop for a row (`rows.rs`). `lanes` counts the activations that a step
//! prepares once. GRU layers and those with coupled gates have G groups of four rows, ⌈3H/4⌉; GRU layers whose reset gate
//! comes before the product have 3·⌈H/4⌉, and make the sums of each gate for B batches of 32 units. GRU layers on M0 and M3 make
//! their sums for B batches of 16 units, and those with coupled gates for batches of 32 units; they prepare activations
//! once for each. Elsewhere B is 1. A dense layer has G groups of four rows and R rows
//! that lie in none; `work` counts the instructions of the groups' loops, and of what they read. U and S equal H,
//! except on Helium: there U is H rounded up to a multiple of four, and S, in w8a8, to a multiple of two.
//!
//! For each core and scheme, `fit.rs` fits the coefficients to the counts in `assets/instructions.json`, by least
//! squares of relative errors. It does so on first use, so the model is as new as the counts. Instructions are
//! within [`MAX_ERROR`] of QEMU's counts, also for layers between those in the table. Cycles are estimated from
//! estimated instructions. `front_end.rs` has (K4), frames of sound, `statistics.rs` (KS1), of motion, `convolution.rs`
//! (K5), a convolution. With one, the cost of a step is the mean over a stride. `mean.rs` has the constants of (K6), and
//! `projection.rs` those of (K7). `engine.rs` has (K8), flash of the engine, and `flash.rs` estimates what
//! waits for flash add.
//!
//! The model assumes weights in the order that `export --target CORE` gives them.

mod convolution;
mod cores;
mod counted;
mod engine;
mod fit;
mod flash;
mod footprint;
pub mod front_end;
mod limits;
mod mean;
mod projection;
pub mod quantity;
mod rows;
pub mod statistics;
mod table;
mod wider;

use std::cmp::Ordering;
use std::sync::LazyLock;

use lstm_nostd::kernels::Scheme;
use lstm_nostd::{Mode, Parsed, RecurrentLayer};
use serde::{Deserialize, Serialize};

use crate::network::Cell;

pub use self::convolution::{ConvSize, StridedCost, strided, strided_of};
pub use self::cores::Core;
pub use self::engine::{MAX_FLASH_ERROR, engine_bytes};
pub use self::flash::{FlashReads, FlashWaits};
pub use self::footprint::{Footprint, window_bytes};
pub use self::limits::{CHIPS, Chip, Exceeded, Limits};
pub use self::wider::useless_int8;

use self::engine::Engines;
use self::fit::fit;
use self::table::{Measured, Table};

/// The largest relative error of instructions that the tests allow.
pub const MAX_ERROR: f64 = 0.03;

/// A kind of recurrent layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecurrentKind {
    /// LSTM, with or without peepholes.
    #[default]
    Lstm,
    /// GRU, reset after the product.
    Gru,
    /// LSTM with coupled gates, with or without peepholes.
    Coupled,
    /// GRU, reset before the product.
    GruBefore,
}

impl RecurrentKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Lstm, Self::Gru, Self::Coupled, Self::GruBefore];

    /// Of a layer of a model.
    pub const fn of(layer: &RecurrentLayer<'_>) -> Self {
        match layer {
            RecurrentLayer::Lstm(_) | RecurrentLayer::Projected(_) => Self::Lstm,
            RecurrentLayer::Gru(_) => Self::Gru,
            RecurrentLayer::Coupled(_) => Self::Coupled,
            RecurrentLayer::GruBefore(_) => Self::GruBefore,
        }
    }
}

/// Sizes of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecurrentSize {
    /// Its kind.
    pub kind: RecurrentKind,
    /// Its scheme.
    pub scheme: Scheme,
    /// `I`
    pub inputs: usize,
    /// `H`
    pub hidden: usize,
    /// `P`, of an LSTM with a projection.
    pub projection: Option<usize>,
    /// Whether it has peepholes, as an LSTM may.
    pub peepholes: bool,
    /// How the shift of the layer input compares with the shift of the hidden state.
    pub shifts: Ordering,
}

impl RecurrentSize {
    /// Values that its rows read of the step before, which it hands on.
    pub fn outputs(&self) -> usize {
        self.projection.unwrap_or(self.hidden)
    }
}

/// Sizes of a dense layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenseSize {
    /// `I`
    pub inputs: usize,
    /// `O`
    pub outputs: usize,
}

/// What one time step of the input costs; above a convolution the mean over a stride.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StepCost {
    /// Executed instructions.
    pub instructions: f64,
    /// An estimate from published timings, from memory without wait states; no cycle was measured.
    pub estimated_cycles: f64,
    /// Deepest stack of the step in bytes.
    pub stack_bytes: f64,
}

/// One step of a model: `channels` raw inputs, recurrent layers (at least one), dense layers (at least one).
pub fn step(
    core: Core,
    channels: usize,
    recurrent: &[RecurrentSize],
    dense: &[DenseSize],
) -> StepCost {
    let (mut cost, scheme, fitted) = layers(core, recurrent);
    let terms = rows::rest_terms(core, channels, scheme, dense);
    cost.add(fitted, &terms);
    cost
}

/// The recurrent layers alone; also the scheme of the last one, and what was fitted to such.
fn layers(core: Core, recurrent: &[RecurrentSize]) -> (StepCost, Scheme, &'static Fitted) {
    let mut cost = StepCost::default();
    let mut top = (Scheme::W8a16, RecurrentKind::Lstm);
    for layer in recurrent {
        top = (layer.scheme, layer.kind);
        let fitted = fitted(core, top);
        let terms = rows::layer_terms(core, layer);
        cost.instructions += dot(&fitted.layer_instructions, &terms);
        cost.estimated_cycles += dot(&fitted.layer_cycles, &terms);
        let stack = dot(&fitted.stack, &rows::stack_terms(layer));
        cost.stack_bytes = cost.stack_bytes.max(stack);
        cost.add_projection(core, layer);
    }
    (cost, top.0, fitted(core, top))
}

impl StepCost {
    /// Adds (K2) of these terms.
    fn add(&mut self, fitted: &Fitted, terms: &[f64]) {
        self.instructions += dot(&fitted.rest_instructions, terms);
        self.estimated_cycles += dot(&fitted.rest_cycles, terms);
    }

    /// Adds (K7), if the layer has a projection.
    fn add_projection(&mut self, core: Core, layer: &RecurrentSize) {
        let Some(outputs) = layer.projection else {
            return;
        };
        let rows = DenseSize {
            inputs: layer.hidden,
            outputs,
        };
        let own = fitted(core, (layer.scheme, RecurrentKind::Lstm));
        let mut terms = rows::rest_terms(core, 0, layer.scheme, &[rows]);
        // What a whole step takes beyond its layers is counted with the output layer.
        terms[0] = 0.0;
        self.add(own, &terms);
        self.add_instructions(projection::instructions(core, outputs));
    }

    /// Adds (K6), if the model's dense layers read a mean over time.
    fn add_mean(&mut self, core: Core, model: &Parsed<'_>) {
        if model.mode() == Mode::SequenceToMean {
            let top = model.recurrent_layers().last();
            let above = model.dense_layers().next().map(|layer| layer.width);
            let units = top.map_or(0, |layer| layer.rows().outputs);
            let instructions = mean::instructions(core, units, above);
            self.instructions += instructions;
            // One each; a core that divides takes up to 12 for a division.
            self.estimated_cycles += instructions;
        }
    }

    /// Adds compiled code, whose instructions take about 1.3 cycles each.
    fn add_instructions(&mut self, instructions: f64) {
        const CYCLES: f64 = 1.3;
        self.instructions += instructions;
        self.estimated_cycles += CYCLES * instructions;
    }
}

/// One step of a parsed model; above a convolution the mean over a stride.
pub fn step_of(core: Core, model: &Parsed<'_>) -> StepCost {
    match strided_of(core, model) {
        Some(cost) => cost.mean(model.stride()),
        None => {
            let (recurrent, dense) = sizes(model);
            let mut cost = step(core, model.inputs(), &recurrent, &dense);
            cost.add_mean(core, model);
            cost
        }
    }
}

/// Sizes of the recurrent and of the dense layers.
fn sizes(model: &Parsed<'_>) -> (Vec<RecurrentSize>, Vec<DenseSize>) {
    let recurrent = (model.recurrent_layers().iter())
        .map(|layer| {
            let (rows, cell) = (layer.rows(), Cell::of(layer));
            RecurrentSize {
                kind: RecurrentKind::of(layer),
                scheme: rows.scheme(),
                inputs: rows.inputs,
                hidden: layer.units(),
                projection: cell.projection(),
                peepholes: cell.peepholes(),
                shifts: rows.x_shift.cmp(&rows.h_shift),
            }
        })
        .collect();
    let dense = model.dense_layers().map(|layer| DenseSize {
        inputs: layer.inputs,
        outputs: layer.outputs,
    });
    (recurrent, dense.collect())
}

/// By how many instructions the data of two steps can make them differ, for a network with this many inputs, recurrent
/// layers of these kinds and units, and rows of all dense layers.
///
/// On M4, M7, M33 and M55 every step takes the same instructions, except in GRU layers whose reset gate comes before the
/// product: what follows from their sums is compiled code, which differs by up to 3.5 instructions a unit. M3 takes three
/// more for a cell that leaves its range. M0 has no saturating instructions: a unit has five activations, two uses of the
/// cell, and two ends of an int8 output with an instruction of one each, and five for a cell that leaves its range. Inputs
/// and rows are compiled code, whose allowance is rounded up from counts.
pub fn most_spread(
    core: Core,
    inputs: usize,
    recurrent: &[(RecurrentKind, usize)],
    rows: usize,
) -> u64 {
    let units: usize = recurrent.iter().map(|(_, units)| units).sum();
    let compiled = recurrent
        .iter()
        .filter(|(kind, _)| *kind == RecurrentKind::GruBefore);
    let compiled: usize = compiled.map(|(_, units)| units).sum();
    let [a_unit, other] = match core {
        Core::M0 => [14, 8],
        Core::M3 => [3, 3],
        Core::M4 | Core::M7 | Core::M33 | Core::M55 => [0, 0],
    };
    (a_unit * units + 4 * compiled + other * (inputs + rows)) as u64
}

/// The same, of a parsed model.
pub fn most_spread_of(core: Core, model: &Parsed<'_>) -> u64 {
    let recurrent = model.recurrent_layers().iter();
    let recurrent: Vec<_> = recurrent
        .map(|layer| (RecurrentKind::of(layer), layer.units()))
        .collect();
    let layers = model.recurrent_layers().iter();
    let projections = layers.filter_map(|layer| Cell::of(layer).projection());
    let filters = model.convolution().map(|layer| layer.outputs());
    let rows = model
        .dense_layers()
        .map(|layer| layer.outputs)
        .chain(filters)
        .chain(projections);
    let of_mean = match (model.mode(), model.recurrent_layers().last()) {
        (Mode::SequenceToMean, Some(layer)) => mean::most_spread(core, layer.rows().outputs) as u64,
        _ => 0,
    };
    most_spread(core, model.inputs(), &recurrent, rows.sum()) + of_mean
}

/// The coefficients of (K1) to (K3).
#[derive(Clone, Debug, Default)]
struct Fitted {
    layer_instructions: Vec<f64>,
    layer_cycles: Vec<f64>,
    rest_instructions: Vec<f64>,
    rest_cycles: Vec<f64>,
    stack: Vec<f64>,
}

struct CostModel {
    /// By core, scheme and kind.
    fitted: Vec<Fitted>,
    /// By core.
    engines: Vec<Engines>,
}

static MODEL: LazyLock<CostModel> = LazyLock::new(|| {
    let table = Table::of_this_build();
    let mut fitted = Vec::new();
    for core in Core::ALL {
        for scheme in Scheme::ALL {
            fitted.extend(RecurrentKind::ALL.map(|kind| Fitted::to(&table, core, scheme, kind)));
        }
    }
    let engines = Engines::all(&table);
    CostModel { fitted, engines }
});

fn fitted(core: Core, (scheme, kind): (Scheme, RecurrentKind)) -> &'static Fitted {
    let of_core = core as usize * Scheme::ALL.len() + scheme as usize;
    &MODEL.fitted[of_core * RecurrentKind::ALL.len() + kind as usize]
}

/// What a measured step counts for.
type Value<'a> = Box<dyn Fn(&Measured) -> f64 + 'a>;

impl Fitted {
    /// Fitted to the table's counts of these steps.
    fn to(table: &Table, core: Core, scheme: Scheme, kind: RecurrentKind) -> Self {
        let steps = table.steps(core, scheme, kind);
        // The outputs of other kinds in the table are hardly different, so they do not tell what dense layers take.
        let with_lstm = table.steps(core, scheme, RecurrentKind::Lstm);
        let layer = |step: &Measured| rows::layer_terms(core, &step.layer());
        let rest =
            |step: &Measured| rows::rest_terms(core, step.inputs, scheme, &[step.output_layer()]);
        let rest_instructions = fit(&with_lstm, rest, |s| s.model_instructions - s.instructions);
        let rest_cycles = fit(&with_lstm, rest, |s| {
            s.estimated_model_cycles - s.estimated_cycles
        });
        // What other kinds take beyond their layers, they have to themselves.
        let [instructions, cycles]: [Value<'_>; 2] = match kind {
            RecurrentKind::Lstm => [
                Box::new(|s: &Measured| s.instructions),
                Box::new(|s: &Measured| s.estimated_cycles),
            ],
            RecurrentKind::Gru | RecurrentKind::Coupled | RecurrentKind::GruBefore => [
                Box::new(|s: &Measured| s.model_instructions - dot(&rest_instructions, &rest(s))),
                Box::new(|s: &Measured| s.estimated_model_cycles - dot(&rest_cycles, &rest(s))),
            ],
        };
        let layer_instructions = fit(&steps, layer, instructions);
        let layer_cycles = fit(&steps, layer, cycles);
        Self {
            layer_instructions,
            layer_cycles,
            rest_instructions,
            rest_cycles,
            stack: fit(&steps, |s| rows::stack_terms(&s.layer()), |s| s.stack_bytes),
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests;
