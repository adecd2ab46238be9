//! The cost of CMSIS-NN's LSTM, from `docs/cmsis-nn.json`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::table::Shape;

/// CMSIS-NN's figures.
#[derive(Deserialize)]
pub(super) struct Peer {
    steps: Vec<PeerStep>,
    /// Of its fully connected layer in s8, see `Table::dense_instructions`; by core.
    fully_connected: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct PeerStep {
    #[serde(flatten)]
    shape: Shape,
    /// By core.
    instructions: BTreeMap<String, u64>,
}

impl Peer {
    pub(super) fn load() -> Result<Self> {
        serde_json::from_str(include_str!("../../../docs/cmsis-nn.json"))
            .context("docs/cmsis-nn.json is damaged")
    }

    /// Instructions that its fully connected layer takes for a further multiply-accumulate, if they were measured.
    pub(super) fn dense_instructions(&self, core: &str) -> Option<f64> {
        self.fully_connected.get(core).copied()
    }

    /// Instructions of a step, if they were measured.
    pub(super) fn instructions(&self, core: &str, shape: Shape) -> Option<u64> {
        let step = self.steps.iter().find(|step| step.shape == shape)?;
        step.instructions.get(core).copied()
    }
}
