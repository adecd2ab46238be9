//! The counts that the model is fitted to, as `cargo xtask bench --save` wrote them.

use std::cmp::Ordering;

use lstm_nostd::kernels::Scheme;
use serde::Deserialize;

use super::engine::EngineFlash;
use super::{Core, DenseSize, RecurrentKind, RecurrentSize};

/// One measured step.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Measured {
    core: String,
    scheme: String,
    #[serde(default)]
    layer: RecurrentKind,
    pub(super) inputs: usize,
    hidden: usize,
    peepholes: bool,
    #[serde(default)]
    equal_shifts: bool,
    outputs: usize,
    pub(super) instructions: f64,
    pub(super) estimated_cycles: f64,
    pub(super) model_instructions: f64,
    pub(super) estimated_model_cycles: f64,
    pub(super) stack_bytes: f64,
}

impl Measured {
    pub(super) fn layer(&self) -> RecurrentSize {
        RecurrentSize {
            kind: self.layer,
            scheme: Scheme::from_name(&self.scheme).unwrap_or_default(),
            inputs: self.inputs,
            hidden: self.hidden,
            projection: None,
            peepholes: self.peepholes,
            shifts: match self.equal_shifts {
                true => Ordering::Equal,
                false => Ordering::Greater,
            },
        }
    }

    pub(super) fn output_layer(&self) -> DenseSize {
        DenseSize {
            inputs: self.hidden,
            outputs: self.outputs,
        }
    }
}

#[derive(Deserialize)]
struct Engine {
    core: String,
    w8a16: EngineFlash,
}

/// The table.
#[derive(Deserialize)]
pub(super) struct Table {
    steps: Vec<Measured>,
    engines: Vec<Engine>,
}

impl Table {
    /// The table that is compiled in. A test checks that it can be read.
    pub(super) fn of_this_build() -> Self {
        serde_json::from_str(include_str!("../../assets/instructions.json"))
            .expect("assets/instructions.json is written by `cargo xtask bench --save`")
    }

    pub(super) fn steps(&self, core: Core, scheme: Scheme, kind: RecurrentKind) -> Vec<Measured> {
        let steps = self.steps.iter().filter(|step| step.layer == kind);
        let wanted = |step: &&Measured| step.core == core.name() && step.scheme == scheme.name();
        steps.filter(wanted).cloned().collect()
    }

    /// The engine with LSTM layers in w8a16 alone.
    pub(super) fn smallest_engine(&self, core: Core) -> EngineFlash {
        let engine = self
            .engines
            .iter()
            .find(|engine| engine.core == core.name());
        engine.expect("the table holds every core").w8a16
    }
}
