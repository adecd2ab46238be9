//! Random masks of zeros and `1 / (1 − rate)`.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::compute::panels::Panels;

/// Makes masks for a group of sequences.
#[derive(Clone, Debug, Default)]
pub(crate) struct Masks {
    rate: f32,
    /// One for each sequence of the group; none when nothing is dropped.
    generators: Vec<ChaCha8Rng>,
}

impl Masks {
    /// Prepares for a group of sequences with these seeds.
    pub(crate) fn begin(&mut self, rate: f32, seeds: impl Iterator<Item = u64>, stream: u64) {
        self.rate = rate;
        self.generators.clear();
        if rate > 0.0 {
            self.generators.extend(seeds.map(|seed| {
                let mut generator = ChaCha8Rng::seed_from_u64(seed);
                generator.set_stream(stream);
                generator
            }));
        }
    }

    pub(crate) fn is_active(&self) -> bool {
        !self.generators.is_empty()
    }

    /// Makes `mask` a new `[rows, columns]` one; `owners` names the sequence of each row.
    pub(crate) fn fill(
        &mut self,
        mask: &mut Panels,
        rows: usize,
        columns: usize,
        owners: impl Iterator<Item = usize> + Clone,
    ) {
        let scale = 1.0 / (1.0 - self.rate);
        // The share of all 32-bit numbers that lies below is `rate`.
        let threshold = (f64::from(self.rate) * 2f64.powi(32)) as u32;
        mask.reshape(rows, columns);
        for panel in 0..mask.panels() {
            for (line, owner) in mask.panel_mut(panel).iter_mut().zip(owners.clone()) {
                for value in &mut line.0 {
                    let keep = self.generators[owner].next_u32() >= threshold;
                    *value = if keep { scale } else { 0.0 };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 64,000 values the share that is dropped deviates by 0.002 from its rate (one standard
    /// deviation).
    #[test]
    fn a_mask_drops_its_rate_and_keeps_the_mean() {
        let mut masks = Masks::default();
        let mut mask = Panels::default();
        masks.begin(0.3, 7..17, 0);
        masks.fill(&mut mask, 1000, 64, (0..1000).map(|row| row % 10));
        let values = || mask.lines().iter().flat_map(|line| line.0);
        let dropped = values().filter(|v| *v == 0.0).count() as f64 / 64_000.0;
        assert!((dropped - 0.3).abs() < 0.01, "{dropped}");
        assert!(values().all(|v| v == 0.0 || v == 1.0 / 0.7));
    }

    #[test]
    fn a_sequence_has_its_mask_in_any_company() {
        let rows = |seeds: &[u64], of: usize| {
            let mut masks = Masks::default();
            let mut mask = Panels::default();
            masks.begin(0.5, seeds.iter().copied(), 3);
            masks.fill(&mut mask, seeds.len(), 40, 0..seeds.len());
            (0..40).map(|c| mask.get(of, c)).collect::<Vec<_>>()
        };
        assert_eq!(rows(&[5, 6, 7], 2), rows(&[7], 0));
        assert_ne!(rows(&[5, 6, 7], 1), rows(&[7], 0));
    }
}
