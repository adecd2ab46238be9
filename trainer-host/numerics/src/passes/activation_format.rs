//! int8 activations inside the f32 network: what a layer hands on is rounded as the integers are.
//!
//! ```text
//! y = s · clamp(round(x / s), −127, 127)                                   (A1)
//! ```
//!
//! int16 activations are finer than anything that training could react to, and are left alone.

use crate::compute::panels::Panels;

/// The largest integer of an int8 activation.
const LARGEST: f32 = 127.0;

/// The unit of one int8 activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActivationFormat {
    /// s of (A1).
    pub step: f32,
}

/// The formats of a network's activations; `None` for int16.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActivationFormats {
    /// Of each input channel, `[I]`; empty for int16.
    pub input: Vec<ActivationFormat>,
    /// Of a convolution's outputs.
    pub conv: Option<ActivationFormat>,
    /// Of each LSTM layer's hidden state, first to last.
    pub hidden: Vec<Option<ActivationFormat>>,
    /// Of what the units of each layer with a projection show, first to last; `None` without one.
    pub shown: Vec<Option<ActivationFormat>>,
    /// Of each LSTM layer's hidden state on its way up alone, where it is int16 and the layer above int8.
    pub upward: Vec<Option<ActivationFormat>>,
    /// Of a mean over time, which is int16, where the layer above is int8.
    pub mean: Option<ActivationFormat>,
    /// Of each hidden dense layer's outputs, first to last.
    pub dense: Vec<Option<ActivationFormat>>,
}

impl ActivationFormat {
    /// (A1)
    pub fn round(self, x: f32) -> f32 {
        (x / self.step).round().clamp(-LARGEST, LARGEST) * self.step
    }

    /// Whether a rounded value stands at the end of the range, where it no longer follows what it was
    /// rounded from.
    pub(crate) fn is_clipped(self, y: f32) -> bool {
        y.abs() >= (LARGEST - 0.5) * self.step
    }

    /// Rounds `count` rows from row `first`.
    pub(crate) fn round_rows(self, values: &mut Panels, first: usize, count: usize) {
        for panel in 0..values.panels() {
            for line in &mut values.panel_mut(panel)[first..first + count] {
                line.0.iter_mut().for_each(|x| *x = self.round(*x));
            }
        }
    }

    /// Clears what comes back to clipped values: `count` rows of `gradient` from `row`, which belong to
    /// those of `rounded` from `first`.
    pub(crate) fn clip_gradient(
        self,
        (rounded, first): (&Panels, usize),
        (gradient, row): (&mut Panels, usize),
        count: usize,
    ) {
        for panel in 0..gradient.panels() {
            let rounded = &rounded.panel(panel)[first..first + count];
            let gradient = &mut gradient.panel_mut(panel)[row..row + count];
            for (y, d) in rounded.iter().zip(gradient) {
                for (y, d) in y.0.iter().zip(&mut d.0) {
                    *d = if self.is_clipped(*y) { 0.0 } else { *d };
                }
            }
        }
    }
}

impl ActivationFormats {
    /// Of LSTM layer `l`.
    pub(crate) fn of_hidden(&self, l: usize) -> Option<ActivationFormat> {
        self.hidden.get(l).copied().flatten()
    }

    /// Of what the units of layer `l` show.
    pub(crate) fn of_shown(&self, l: usize) -> Option<ActivationFormat> {
        self.shown.get(l).copied().flatten()
    }

    /// Of LSTM layer `l` on its way up alone.
    pub(crate) fn of_upward(&self, l: usize) -> Option<ActivationFormat> {
        self.upward.get(l).copied().flatten()
    }

    /// Of dense layer `l`; the output layer has none.
    pub(crate) fn of_dense(&self, l: usize) -> Option<ActivationFormat> {
        self.dense.get(l).copied().flatten()
    }

    /// Rounds the inputs of all steps.
    pub(crate) fn round_inputs(&self, input: &mut Panels) {
        for (j, format) in self.input.iter().enumerate() {
            for row in 0..input.rows() {
                input.set(row, j, format.round(input.get(row, j)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_to_the_nearest_step_within_the_range() {
        let format = ActivationFormat { step: 0.5 };
        for (x, y) in [
            (0.3, 0.5),
            (-0.2, 0.0),
            (63.4, 63.5),
            (99.0, 63.5),
            (-99.0, -63.5),
        ] {
            assert_eq!(format.round(x), y, "{x}");
            assert_eq!(format.is_clipped(y), y.abs() == 63.5);
        }
    }
}
