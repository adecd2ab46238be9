//! Dropout between layers: each value is kept with probability `1 − rate` and scaled by
//! `1 / (1 − rate)`, or becomes zero (Srivastava et al. 2014).
//!
//! Every sequence has a random generator of its own, so that what it loses does not depend on the
//! batch around it or on the thread that computes it.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::compute::panels::Panels;

/// The masks of one forward pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dropout {
    rate: f32,
    /// One for each sequence of the group; none when nothing is dropped.
    generators: Vec<ChaCha8Rng>,
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

impl Dropout {
    /// Prepares for a group of sequences with these seeds over `layers` LSTM layers.
    pub(crate) fn begin(&mut self, rate: f32, seeds: impl Iterator<Item = u64>, layers: usize) {
        self.rate = rate;
        self.generators.clear();
        if rate > 0.0 {
            self.generators.extend(seeds.map(ChaCha8Rng::seed_from_u64));
            self.layers.resize_with(layers, Dropped::default);
        }
    }

    pub(crate) fn is_active(&self) -> bool {
        !self.generators.is_empty()
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
        if !self.is_active() {
            return;
        }
        let Dropped { mask, kept } = &mut self.layers[layer];
        let rows = outputs.rows() - first;
        let scale = 1.0 / (1.0 - self.rate);
        // The share of all 32-bit numbers that lies below is `rate`.
        let threshold = (f64::from(self.rate) * 2f64.powi(32)) as u32;
        mask.reset(rows, outputs.columns());
        for panel in 0..mask.panels() {
            for (line, owner) in mask.panel_mut(panel).iter_mut().zip(owners.clone()) {
                for value in &mut line.0 {
                    let keep = self.generators[owner].next_u32() >= threshold;
                    *value = if keep { scale } else { 0.0 };
                }
            }
        }
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
        if self.is_active() {
            (&self.layers[layer].kept, 0)
        } else {
            (outputs, first)
        }
    }

    /// Takes gradients of the kept values to those of the outputs.
    pub(crate) fn backward(&self, layer: usize, gradient: &mut Panels) {
        if self.is_active() {
            gradient.multiply(&self.layers[layer].mask);
        }
    }
}
