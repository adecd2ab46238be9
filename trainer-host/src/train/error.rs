//! Why training cannot begin or continue.

use super::divergence::Divergence;
use crate::network::StructureError;
use crate::network::prune::PruneError;
use crate::network::schemes::SchemeCount;
use crate::out_of_range::OutOfRange;
use crate::quantise::QuantiseError;

/// Why training cannot begin or continue.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// A number of the configuration is out of its range.
    #[error(transparent)]
    Config(#[from] OutOfRange),
    /// The network cannot be built.
    #[error(transparent)]
    Structure(#[from] StructureError),
    /// The network cannot be pruned to the sizes.
    #[error("{key}: {0}", key = pruning_key(.0))]
    Prune(#[from] PruneError),
    /// The schemes of quantisation-aware training do not match the layers.
    #[error("qat: {0}")]
    Schemes(#[from] SchemeCount),
    /// In quantisation-aware training, a weight does not fit the integers.
    #[error("quantisation-aware training: {0}")]
    Quantise(#[from] QuantiseError),
    /// The data cannot be trained on.
    #[error("the {part} part {problem}")]
    Data {
        /// Training or validation.
        part: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The loss grew without end before the first epoch was over, so there are no weights to keep.
    #[error("{0}; lower learning_rate or clip_norm, or look for extreme values in the data")]
    Diverged(Divergence),
    /// A state from a run with another network or optimiser.
    #[error("the saved state does not fit this configuration: {0}; start a new run")]
    State(String),
}

/// The keys that a pruning that cannot be done was asked for by.
fn pruning_key(error: &PruneError) -> &'static str {
    match error {
        PruneError::Units { .. } => "prune_to",
        PruneError::Outputs { .. } | PruneError::NoProjection { .. } => "prune_projection_to",
        PruneError::Structure(_) => "prune_to and prune_projection_to",
    }
}

// By hand: its words are part of the error's own, and as its source they would be printed twice.
impl From<Divergence> for TrainError {
    fn from(divergence: Divergence) -> Self {
        Self::Diverged(divergence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pruning_that_cannot_be_done_is_refused_by_its_own_key() {
        let units = PruneError::Units {
            found: vec![8],
            wanted: vec![9],
        };
        let outputs = PruneError::Outputs {
            found: 5,
            wanted: 6,
        };
        let none = PruneError::NoProjection { kind: "GRU" };
        for (error, begin) in [
            (units, "prune_to: cannot prune [8]"),
            (outputs, "prune_projection_to: cannot prune 5 outputs"),
            (none, "prune_projection_to: cannot prune outputs of GRU"),
        ] {
            let said = TrainError::from(error).to_string();
            assert!(said.starts_with(begin), "{said}");
        }
    }
}
