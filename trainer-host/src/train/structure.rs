//! The structure of the network that a configuration asks for.

use super::TrainConfig;
use crate::data::Dataset;
use crate::loss::Loss;
use crate::network::{CellKind, Head, Mode, NetworkConfig, Pooling};
use crate::out_of_range::{OutOfRange, require};

impl TrainConfig {
    /// Refuses what no network has, and pruning of none.
    pub(super) fn validate_structure(&self) -> Result<(), OutOfRange> {
        require(
            self.prune_to.is_none() || self.init.is_some(),
            "prune_to",
            format!("{:?}", self.prune_to.as_deref().unwrap_or_default()),
            "left out without init, the run whose network is pruned",
        )?;
        require(
            self.prune_projection_to.is_none() || self.init.is_some(),
            "prune_projection_to",
            self.prune_projection_to.unwrap_or_default(),
            "left out without init, the run whose projections are pruned",
        )?;
        require(
            self.projection.is_none() || self.layer == CellKind::Lstm,
            "projection",
            self.projection.unwrap_or_default(),
            "left out with layer gru or coupled, which have none",
        )?;
        Ok(())
    }

    /// Takes over the structure of another run's network, for a run with `init`.
    pub fn take_structure(&mut self, network: &NetworkConfig) {
        self.conv = network.conv;
        self.hidden.clone_from(&network.hidden);
        self.dense.clone_from(&network.dense);
        self.layer = network.cell.kind();
        self.peepholes = network.cell.peepholes();
        self.projection = network.cell.projection();
        self.pooling = Pooling::of(network.mode);
    }

    /// The network for `data`. It has a softmax over the classes (or one sigmoid output, for two classes under binary
    /// cross-entropy), or linear outputs for values. If a loss on values trains classes, the largest output still
    /// decides.
    pub fn network(&self, data: &Dataset) -> NetworkConfig {
        let loss = self.loss.loss_for(&data.targets);
        let one_output = loss == Loss::BinaryCrossEntropy
            && data.targets.task().is_class()
            && data.outputs.len() == 2;
        NetworkConfig {
            inputs: data.channels.len(),
            conv: self.conv,
            directions: Vec::new(),
            hidden: self.hidden.clone(),
            cell: self.layer.cell(self.peepholes, self.projection),
            dense: self.dense.clone(),
            outputs: if one_output { 1 } else { data.outputs.len() },
            head: match loss.head() {
                Head::Linear if data.targets.task().is_class() => Head::Softmax,
                head => head,
            },
            mode: match data.targets.task().is_per_step() {
                true => Mode::SequenceToSequence,
                false => self.pooling.mode(),
            },
        }
    }
}
