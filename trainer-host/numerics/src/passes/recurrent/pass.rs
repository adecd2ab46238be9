//! A recurrent layer over all rows of a pass, around the elementwise half of its kind.
//!
//! The input products of all steps are one matrix product, each step's recurrent products of all gates another. The way
//! back is [`super::back`]. Equations (D3) and (D4) are those of [`crate::passes::dropout`].

use ndarray::Array2;

use super::{Around, Blocks, PackedKind, PackedRecurrent, gru_before_cell, gru_cell, lstm_cell};
use crate::compute::lanes::Line;
use crate::compute::panels::{Panels, broadcast};
use crate::compute::product::Multiply;
use crate::passes::activation_format::ActivationFormat;
use crate::passes::dropout::Dropout;
use crate::passes::steps::{StepRows, Steps};

/// What one layer computes.
#[derive(Clone, Debug)]
pub(crate) struct RecurrentPass {
    pub(super) blocks: Blocks,
    /// Sums, then gates, `[R, 4H']`.
    pub(super) gates: Panels,
    /// The state that lasts, `[B + R, H]`: an LSTM's c, a GRU's h.
    pub(super) cell: Panels,
    /// tanh(c) of an LSTM, `[R, H]`.
    pub(super) cell_tanh: Panels,
    /// h as products see it, `[B + R, O]`.
    pub(super) hidden: Panels,
    /// m of (PJ1) as products see it, `[B + R, H]`, where there is a projection.
    pub(super) shown: Panels,
    /// h as it is rounded on its way up alone, `[B + R, O]`; empty where it is not.
    upward: Panels,
    /// m of (D3), `[B, O]`, if that is active.
    pub(super) recurrent_mask: Panels,
    /// h ⊙ m of (D3), `[B + R, O]`, if that is active.
    pub(super) recurrent: Panels,
    /// m of (D4), `[R, H]`, if that is active.
    pub(super) candidate_mask: Panels,
    /// r ⊙ h as products see it, `[R, H]`, where the reset gate comes before the product.
    pub(super) reset: Panels,
}

impl RecurrentPass {
    /// An empty one for a layer of these weights.
    pub(crate) fn of(weights: &PackedRecurrent) -> Self {
        Self {
            blocks: weights.blocks,
            gates: Panels::default(),
            cell: Panels::default(),
            cell_tanh: Panels::default(),
            hidden: Panels::default(),
            shown: Panels::default(),
            upward: Panels::default(),
            recurrent_mask: Panels::default(),
            recurrent: Panels::default(),
            candidate_mask: Panels::default(),
            reset: Panels::default(),
        }
    }

    /// Runs over all steps; row `first` of `x` is the input of row 0. Masks of dropout have been filled.
    pub(crate) fn run(
        &mut self,
        around: Around<'_>,
        weights: &PackedRecurrent,
        (x, first): (&Panels, usize),
    ) {
        let Around { backend, steps, .. } = around;
        let masked = around.dropout.recurrent.is_active();
        self.blocks = weights.blocks;
        self.gates.reshape(steps.rows, self.blocks.columns());
        broadcast(&weights.bias, &mut self.gates);
        backend.run(Multiply {
            c: &mut self.gates,
            c_row: 0,
            c_panel: self.blocks.input_panel(),
            a: x,
            a_rows: first..first + steps.rows,
            a_panel: 0,
            w: &weights.w_x,
        });
        if masked {
            let outputs = self.hidden.columns();
            (self.recurrent).reshape(steps.sequences + steps.rows, outputs);
            self.mask_states(0, steps.sequences);
        }
        for &step in &steps.steps {
            backend.run(Multiply {
                c: &mut self.gates,
                c_row: step.row,
                c_panel: 0,
                a: if masked {
                    &self.recurrent
                } else {
                    &self.hidden
                },
                a_rows: step.before..step.before + step.count,
                a_panel: 0,
                w: &weights.w_h,
            });
            self.advance(around, &weights.kind, step);
            if let Some(format) = around.format {
                format.round_rows(&mut self.hidden, step.state, step.count);
            }
            if masked {
                self.mask_states(step.state, step.count);
            }
        }
    }

    /// What follows from the sums of one step.
    fn advance(&mut self, around: Around<'_>, kind: &PackedKind, step: StepRows) {
        let is_masked = around.dropout.candidate.is_active();
        let candidate_mask = is_masked.then_some(&self.candidate_mask);
        match kind {
            PackedKind::Lstm(peepholes) | PackedKind::Coupled(peepholes) => {
                self.cell_tanh.reshape(around.steps.rows, self.blocks.units);
                around.backend.run(lstm_cell::Forward {
                    step,
                    gates: &mut self.gates,
                    cell: &mut self.cell,
                    cell_tanh: &mut self.cell_tanh,
                    hidden: &mut self.hidden,
                    peepholes,
                    candidate_mask,
                    is_coupled: matches!(kind, PackedKind::Coupled(_)),
                });
            }
            PackedKind::Projected(peepholes, w_r) => {
                let steps = around.steps;
                self.cell_tanh.reshape(steps.rows, self.blocks.units);
                let rows = steps.sequences + steps.rows;
                self.shown.reshape(rows, self.blocks.units);
                around.backend.run(lstm_cell::Forward {
                    step,
                    gates: &mut self.gates,
                    cell: &mut self.cell,
                    cell_tanh: &mut self.cell_tanh,
                    hidden: &mut self.shown,
                    peepholes,
                    candidate_mask,
                    is_coupled: false,
                });
                self.project(around, w_r, step);
            }
            PackedKind::Gru => around.backend.run(gru_cell::Forward {
                step,
                gates: &mut self.gates,
                state: &mut self.cell,
                hidden: &mut self.hidden,
                candidate_mask,
            }),
            PackedKind::GruBefore(candidates) => {
                self.reset_states(around, candidates, step);
                let is_masked = around.dropout.candidate.is_active();
                around.backend.run(gru_before_cell::Forward {
                    step,
                    gates: &mut self.gates,
                    state: &mut self.cell,
                    hidden: &mut self.hidden,
                    candidate_mask: is_masked.then_some(&self.candidate_mask),
                });
            }
        }
    }

    /// (PJ2) of one step.
    fn project(&mut self, around: Around<'_>, w_r: &Panels, step: StepRows) {
        if let Some(format) = around.shown {
            format.round_rows(&mut self.shown, step.state, step.count);
        }
        let rows = step.state..step.state + step.count;
        for panel in 0..self.hidden.panels() {
            self.hidden.panel_mut(panel)[rows.clone()].fill(Line::default());
        }
        around.backend.run(Multiply {
            c: &mut self.hidden,
            c_row: step.state,
            c_panel: 0,
            a: &self.shown,
            a_rows: rows,
            a_panel: 0,
            w: w_r,
        });
    }

    /// r and v = r ⊙ h of one step, and the products of v with the weights of the candidates.
    fn reset_states(&mut self, around: Around<'_>, candidates: &Panels, step: StepRows) {
        let is_masked = around.dropout.recurrent.is_active();
        self.reset.reshape(around.steps.rows, self.blocks.units);
        around.backend.run(gru_before_cell::Reset {
            step,
            gates: &mut self.gates,
            state: &self.cell,
            recurrent_mask: is_masked.then_some(&self.recurrent_mask),
            reset: &mut self.reset,
        });
        if let Some(format) = around.format {
            format.round_rows(&mut self.reset, step.row, step.count);
        }
        around.backend.run(Multiply {
            c: &mut self.gates,
            c_row: step.row,
            c_panel: self.blocks.reset_panel(),
            a: &self.reset,
            a_rows: step.row..step.row + step.count,
            a_panel: 0,
            w: candidates,
        });
    }

    /// (D3) for `count` rows of h from row `first`.
    fn mask_states(&mut self, first: usize, count: usize) {
        for panel in 0..self.hidden.panels() {
            let hidden = &self.hidden.panel(panel)[first..first + count];
            let mask = &self.recurrent_mask.panel(panel)[..count];
            let masked = &mut self.recurrent.panel_mut(panel)[first..first + count];
            for ((masked, h), m) in masked.iter_mut().zip(hidden).zip(mask) {
                for ((masked, h), m) in masked.0.iter_mut().zip(h.0).zip(m.0) {
                    *masked = h * m;
                }
            }
        }
    }

    /// Makes the state before the first step zero.
    pub(crate) fn reset_state(&mut self, steps: &Steps, weights: &PackedRecurrent) {
        let states = [
            (&mut self.cell, weights.units()),
            (&mut self.hidden, weights.outputs()),
        ];
        for (state, width) in states {
            state.reshape(steps.sequences + steps.rows, width);
            for panel in 0..state.panels() {
                state.panel_mut(panel)[..steps.sequences].fill(Line::default());
            }
        }
    }

    /// Makes the states in these `rows`, one for each sequence, the initial state of `steps`.
    pub(crate) fn carry_state(&mut self, rows: &[usize], steps: &Steps) {
        for state in [&mut self.cell, &mut self.hidden] {
            let panels = state.panels();
            let of_panel = |panel| {
                let lines = state.panel(panel);
                rows.iter().map(move |row| lines[*row])
            };
            let kept: Vec<Line> = (0..panels).flat_map(of_panel).collect();
            state.reshape(steps.sequences + steps.rows, state.columns());
            for (panel, lines) in kept.chunks(steps.sequences.max(1)).enumerate() {
                state.panel_mut(panel)[..steps.sequences].copy_from_slice(lines);
            }
        }
    }

    /// Makes the state of sequence `b` before the first step these `hidden` values, `[O]`, and cells, `[H]`.
    pub(crate) fn begin_with(&mut self, b: usize, hidden: &[f32], cell: &[f32]) {
        self.hidden.write_row(b, hidden);
        self.cell.write_row(b, cell);
    }

    /// Draws the masks of dropout within the layer, as far as they are active.
    pub(crate) fn fill_masks(&mut self, dropout: &mut Dropout, steps: &Steps) {
        let (outputs, units) = (self.hidden.columns(), self.cell.columns());
        let (recurrent, candidate) = (&mut dropout.recurrent, &mut dropout.candidate);
        let sequences = steps.sequences;
        if recurrent.is_active() {
            recurrent.fill(&mut self.recurrent_mask, sequences, outputs, 0..sequences);
        }
        if candidate.is_active() {
            let (rows, owners) = (steps.rows, steps.owners());
            candidate.fill(&mut self.candidate_mask, rows, units, owners);
        }
    }

    /// Keeps the outputs as `format` has them; none without a format.
    pub(crate) fn round_upward(&mut self, format: Option<ActivationFormat>) {
        let Some(format) = format else {
            return self.upward.reshape(0, 0);
        };
        self.upward.clone_from(&self.hidden);
        let rows = self.upward.rows();
        format.round_rows(&mut self.upward, 0, rows);
    }

    /// The outputs as they go up, `[B + R, O]`.
    pub(crate) fn upward(&self) -> &Panels {
        match self.upward.rows() {
            0 => &self.hidden,
            _ => &self.upward,
        }
    }

    /// The outputs, `[B + R, O]`.
    pub(crate) fn outputs(&self) -> &Panels {
        &self.hidden
    }

    /// m of (PJ1), `[B + R, H]`, if the layer has a projection.
    pub(crate) fn shown(&self) -> Option<&Panels> {
        (self.shown.rows() > 0).then_some(&self.shown)
    }

    /// The states that last, `[B + R, H]`.
    pub(crate) fn cell(&self) -> &Panels {
        &self.cell
    }

    /// The activations of all gates over the first `steps` rows, `[steps, G H]`.
    pub(crate) fn gates(&self, steps: usize) -> Array2<f32> {
        let blocks = self.blocks;
        Array2::from_shape_fn((steps, blocks.gates * blocks.units), |(t, r)| {
            self.gates.get(t, blocks.of_gate(r))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Cell, Head, Mode, Network, NetworkConfig};
    use crate::passes::activation_format::ActivationFormats;
    use crate::passes::dropout::stream;
    use crate::passes::forward::{PackedNetwork, Pass};

    /// (D3) and (D4) as they are written, on what a pass has stored.
    #[test]
    fn recurrent_masks_hold_for_a_sequence_and_candidate_masks_for_a_step() {
        let config = NetworkConfig {
            inputs: 2,
            conv: None,
            directions: Vec::new(),
            hidden: vec![20],
            cell: Cell::Lstm { peepholes: false },
            dense: vec![],
            outputs: 1,
            head: Head::Linear,
            mode: Mode::SequenceToOne,
        };
        let network = PackedNetwork::rounding(
            &Network::new(&config, 1).unwrap(),
            &ActivationFormats::default(),
        );
        let sequences = [6, 4].map(|steps| Array2::from_elem((steps, 2), 0.5f32));
        let views = sequences.each_ref().map(|sequence| sequence.view());
        let mut pass = Pass::default();
        pass.load(&views, 2);
        let seeds = || [8, 9].into_iter();
        pass.dropout
            .recurrent
            .begin(0.5, seeds(), stream::RECURRENT);
        pass.dropout
            .candidate
            .begin(0.5, seeds(), stream::CANDIDATE);
        pass.recurrent(&network);
        let layer = &pass.layers[0];
        let gate = |row: usize, gate: usize, u: usize| {
            layer.gates.get(row, layer.blocks.of_gate(gate * 20 + u))
        };
        let mut changes = 0;
        for (step, next) in pass.steps.steps.iter().zip(&pass.steps.steps[1..]) {
            for (b, u) in (0..step.count).flat_map(|b| (0..20).map(move |u| (b, u))) {
                let h = layer.hidden.get(step.state + b, u);
                let m = layer.recurrent_mask.get(b, u);
                assert!(m == 0.0 || m == 2.0);
                assert_eq!(layer.recurrent.get(step.state + b, u), m * h);
                let row = step.row + b;
                let m = layer.candidate_mask.get(row, u);
                let c_old = layer.cell.get(step.before + b, u);
                let expected = gate(row, 1, u) * c_old + gate(row, 0, u) * m * gate(row, 2, u);
                let c = layer.cell.get(step.state + b, u);
                assert!((c - expected).abs() < 1e-6, "{c} {expected}");
                if b < next.count {
                    changes += usize::from(layer.candidate_mask.get(next.row + b, u) != m);
                }
            }
        }
        assert!(changes > 50, "{changes}");
    }
}
