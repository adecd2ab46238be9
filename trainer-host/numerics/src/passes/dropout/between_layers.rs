//! (D2) of [`crate::passes::dropout`]: each layer's outputs on their way up.

use super::masks::Masks;
use super::stream;
use crate::compute::panels::Panels;

/// The masks of one forward pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct BetweenLayers {
    masks: Masks,
    layers: Vec<Dropped>,
}

/// What became of one layer's outputs.
#[derive(Clone, Debug, Default)]
struct Dropped {
    /// Zero or `1 / (1 − rate)`.
    mask: Panels,
    /// Outputs times mask.
    kept: Panels,
}

impl BetweenLayers {
    /// Prepares for a group of sequences with these seeds over `layers` LSTM layers.
    pub(crate) fn begin(&mut self, rate: f32, seeds: impl Iterator<Item = u64>, layers: usize) {
        self.masks.begin(rate, seeds, stream::BETWEEN_LAYERS);
        self.layers.resize_with(layers, Dropped::default);
    }

    /// Drops from the outputs of LSTM layer `layer`, which begin at row `first` of `outputs`;
    /// `owners[row]` is the sequence that a row belongs to.
    pub(crate) fn apply(
        &mut self,
        layer: usize,
        outputs: &Panels,
        first: usize,
        owners: impl Iterator<Item = usize> + Clone,
    ) {
        if !self.masks.is_active() {
            return;
        }
        let Dropped { mask, kept } = &mut self.layers[layer];
        let rows = outputs.rows() - first;
        self.masks.fill(mask, rows, outputs.columns(), owners);
        kept.reshape(rows, outputs.columns());
        for panel in 0..mask.panels() {
            kept.panel_mut(panel)
                .copy_from_slice(&outputs.panel(panel)[first..]);
        }
        kept.multiply(mask);
    }

    /// What the next layer reads, and its first row: the kept values, or `outputs` from row
    /// `first` if nothing is dropped.
    pub(crate) fn kept<'a>(
        &'a self,
        layer: usize,
        outputs: &'a Panels,
        first: usize,
    ) -> (&'a Panels, usize) {
        if self.masks.is_active() {
            (&self.layers[layer].kept, 0)
        } else {
            (outputs, first)
        }
    }

    /// Takes gradients of the kept values to those of the outputs.
    pub(crate) fn backward(&self, layer: usize, gradient: &mut Panels) {
        if self.masks.is_active() {
            gradient.multiply(&self.layers[layer].mask);
        }
    }
}
