//! The structure of the network that a configuration asks for.

use super::TrainConfig;
use crate::data::Dataset;
use crate::loss::Loss;
use crate::network::{CellKind, Head, LayerDirections, Mode, NetworkConfig, Pooling};
use crate::out_of_range::{OutOfRange, require};

impl TrainConfig {
    /// Refuses what no network has, pruning of none, and streams through layers that run backwards.
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
        self.validate_direction()
    }

    /// Refuses directions of other layers, and streams through layers that run backwards.
    fn validate_direction(&self) -> Result<(), OutOfRange> {
        let direction = &self.direction;
        require(
            direction.suit(self.hidden.len()),
            "direction",
            direction,
            "one direction for all layers, or one for each of hidden",
        )?;
        require(
            !(direction.need_windows() && self.for_streams),
            "for_streams",
            true,
            "left out where a layer runs backwards (direction), since an endless stream has no last step to begin with",
        )?;
        require(
            !direction.need_windows() || self.truncate.is_none(),
            "truncate",
            self.truncate.unwrap_or_default(),
            "left out where a layer runs backwards (direction), since it begins with the last step of the whole sequence",
        )
    }

    /// Takes over the structure of another run's network, for a run with `init`.
    pub fn take_structure(&mut self, network: &NetworkConfig) {
        self.conv = network.conv;
        (self.hidden, self.direction) = LayerDirections::of(network);
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
        let (hidden, directions) = self.direction.halves(&self.hidden);
        NetworkConfig {
            inputs: data.channels.len(),
            conv: self.conv,
            directions,
            hidden,
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
