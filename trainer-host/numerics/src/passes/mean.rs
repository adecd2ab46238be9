//! The mean over time of the uppermost recurrent layer's outputs, which the dense layers read in place of the last ones.
//!
//! ```text
//! m = 1/T Σ_t h_t                                                           (MT3)
//! d_h_t from above = d_m / T                                                (P4)
//! ```
//!
//! T is the number of valid steps of each sequence; above a convolution, of those that the recurrent layers took. Without
//! such a step, the mean is zero, as in integers. The integer form of (MT3) is (MT1) and (MT2) of `lstm_nostd::layers::mean`.

use crate::compute::lanes::Line;
use crate::compute::panels::Panels;
use crate::passes::steps::Steps;

/// Sums and steps of each sequence of a pass, also over several windows.
#[derive(Clone, Debug, Default)]
pub(crate) struct MeanOverTime {
    /// Σ h, `[B, H]`.
    sums: Panels,
    /// T, `[B]`.
    steps: Vec<usize>,
    /// Those of the last pass, `[B]`.
    own: Vec<usize>,
}

impl MeanOverTime {
    /// Begins with no step of these sequences.
    pub(crate) fn reset(&mut self, sequences: usize, outputs: usize) {
        self.sums.reset(sequences, outputs);
        self.steps.clear();
        self.steps.resize(sequences, 0);
    }

    /// Adds `hidden`, `[B + R, H]`: its rows behind the states before the first step. Sequence b has the first `own` of these
    /// steps, `[B]`; sequences that have ended keep what they have.
    pub(crate) fn add(&mut self, hidden: &Panels, steps: &Steps, own: impl Iterator<Item = usize>) {
        self.own.clear();
        self.own.extend(own);
        for (t, step) in steps.steps.iter().enumerate() {
            for panel in 0..hidden.panels() {
                let rows = &hidden.panel(panel)[step.state..step.state + step.count];
                let sums = &mut self.sums.panel_mut(panel)[..step.count];
                let sums = sums.iter_mut().zip(&self.own);
                for ((sum, _), h) in sums.zip(rows).filter(|((_, own), _)| t < **own) {
                    for (sum, h) in sum.0.iter_mut().zip(h.0) {
                        *sum += h;
                    }
                }
            }
        }
        for (steps, own) in self.steps.iter_mut().zip(&self.own) {
            *steps += own;
        }
    }

    /// (MT3) of the first `sequences` sequences, into `features`, `[B, H]`.
    pub(crate) fn write(&self, sequences: usize, features: &mut Panels) {
        features.reshape(sequences, self.sums.columns());
        for panel in 0..self.sums.panels() {
            let sums = &self.sums.panel(panel)[..sequences];
            let places = features.panel_mut(panel).iter_mut().zip(sums);
            for ((mean, sum), steps) in places.zip(&self.steps) {
                let steps = (*steps).max(1) as f32;
                *mean = Line(sum.0.map(|sum| sum / steps));
            }
        }
    }

    /// (P4): `d_mean`, `[B, H]`, to every step of `d_hidden`, `[R, H]`, that counts.
    pub(crate) fn backward(&self, d_mean: &Panels, steps: &Steps, d_hidden: &mut Panels) {
        d_hidden.reset(steps.rows, d_mean.columns());
        for (t, step) in steps.steps.iter().enumerate() {
            for panel in 0..d_mean.panels() {
                let from = &d_mean.panel(panel)[..step.count];
                let to = &mut d_hidden.panel_mut(panel)[step.row..step.row + step.count];
                let counts = self.steps.iter().zip(&self.own);
                for ((d_h, d_m), (steps, own)) in to.iter_mut().zip(from).zip(counts) {
                    if t < *own {
                        let steps = *steps as f32;
                        *d_h = Line(d_m.0.map(|d| d / steps));
                    }
                }
            }
        }
    }

    /// Sum and steps of sequence `b`.
    pub(crate) fn at(&self, b: usize) -> (Vec<f32>, usize) {
        (self.sums.row(b), self.steps[b])
    }

    /// Gives sequence `b` a sum and steps to go on from.
    pub(crate) fn begin_with(&mut self, b: usize, (sum, steps): &(Vec<f32>, usize)) {
        self.sums.write_row(b, sum);
        self.steps[b] = *steps;
    }
}
