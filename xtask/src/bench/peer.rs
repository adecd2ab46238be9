//! The cost of CMSIS-NN's LSTM, from `docs/cmsis-nn.json`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::table::Shape;

/// CMSIS-NN's figures.
#[derive(Deserialize)]
pub(super) struct Peer {
    steps: Vec<PeerStep>,
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

    /// Instructions of a step, if they were measured.
    pub(super) fn instructions(&self, core: &str, shape: Shape) -> Option<u64> {
        let step = self.steps.iter().find(|step| step.shape == shape)?;
        step.instructions.get(core).copied()
    }
}
