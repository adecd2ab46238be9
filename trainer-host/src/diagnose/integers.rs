//! What was measured of a run's integers.

use lstm_nostd::kernels::Scheme;

use crate::evaluate::Comparison;
use crate::integers::layer_error::LayerError;
use crate::integers::output_error::StageError;

/// Measurements of a run's integers.
#[derive(Clone, Debug)]
pub struct Integers {
    /// Name of the quantisation.
    pub name: String,
    /// The part that both networks ran over.
    pub part: &'static str,
    /// f32 against integers. After quantisation-aware training, f32 means the weights before rounding.
    pub comparison: Comparison,
    /// Errors of each recurrent layer over the training part.
    pub layers: Vec<LayerError>,
    /// Cells that were compared in each recurrent layer, over all units and steps.
    pub cells: Vec<usize>,
    /// What the inputs and each layer, dense ones too, add to the error of the outputs.
    pub stages: Vec<StageError>,
    /// Schemes of the convolution, if there is one, then of the recurrent layers, then of the dense layers.
    pub schemes: Vec<Scheme>,
    /// Other ways to quantise, tried on the same part; empty where the integers lose nothing.
    pub tried: Vec<Tried>,
}

/// Another way to quantise, and what it leaves of the loss.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Flags of `quantise`.
    pub(super) flags: String,
    /// What it does.
    pub(super) why: String,
    /// What is lost, as of the present integers.
    pub(super) loss: f64,
}

impl Integers {
    /// The stage that adds most to the error: 0 for the inputs, else one more than the layer.
    pub(super) fn worst(&self) -> Option<usize> {
        let stages = self.stages.iter().enumerate();
        let worst = stages.max_by(|a, b| a.1.added.total_cmp(&b.1.added))?;
        Some(worst.0)
    }
}
