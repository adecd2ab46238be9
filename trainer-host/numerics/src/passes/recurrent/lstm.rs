//! An LSTM layer over all rows of a pass, around the elementwise half in
//! [`crate::passes::recurrent::lstm_cell`].
//!
//! Gates are padded to whole panels: column `gate · H' + u` with H' the units rounded up to a multiple of 16. The
//! input products of all steps are one matrix product, each step's recurrent products of all four gates another.
//! The way back is [`crate::passes::recurrent::lstm_back`]. Equations (D3) and (D4) are those of [`crate::passes::dropout`].

use ndarray::Array2;

use super::{carry, gate_column, pack_biases, pack_gates, padded, reset, round_upward};
use crate::compute::lanes::{LANES, Line};
use crate::compute::panels::{Panels, broadcast};
use crate::compute::product::Multiply;
use crate::network::LstmLayer;
use crate::network::lstm::{GATES, PEEPHOLES};
use crate::passes::activation_format::ActivationFormat;
use crate::passes::dropout::Dropout;
use crate::passes::recurrent::lstm_cell::{self, Peepholes};
use crate::passes::recurrent::{Around, ForwardLayer};
use crate::passes::steps::{StepRows, Steps};

/// The parameters of a layer in panels.
#[derive(Clone, Debug)]
pub(crate) struct PackedLstm {
    /// W_xᵀ, `[I, 4H']`.
    w_x: Panels,
    /// W_hᵀ, `[H, 4H']`.
    w_h: Panels,
    /// One line for each panel of the gates.
    bias: Vec<Line>,
    pub(super) peepholes: Peepholes,
}

impl PackedLstm {
    pub(crate) fn of(layer: &LstmLayer) -> Self {
        let hidden = layer.w_h.ncols();
        let mut peepholes = [(); PEEPHOLES].map(|()| vec![Line::default(); hidden.div_ceil(LANES)]);
        for ((p, u), value) in layer
            .peephole
            .iter()
            .flat_map(|peephole| peephole.indexed_iter())
        {
            peepholes[p][u / LANES].0[u % LANES] = *value;
        }
        Self {
            w_x: pack_gates(&layer.w_x, hidden),
            w_h: pack_gates(&layer.w_h, hidden),
            bias: pack_biases(&layer.bias, hidden),
            peepholes,
        }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.w_x.rows()
    }

    pub(crate) fn hidden(&self) -> usize {
        self.w_h.rows()
    }
}

/// What one layer computes.
#[derive(Clone, Debug, Default)]
pub(crate) struct LstmPass {
    /// Pre-activations, then gates, `[R, 4H']`.
    pub(super) gates: Panels,
    /// c, `[B + R, H]`.
    pub(super) cell: Panels,
    /// tanh(c), `[R, H]`.
    pub(super) cell_tanh: Panels,
    /// h, `[B + R, H]`.
    pub(super) hidden: Panels,
    /// h of all steps as it is rounded on its way up alone, `[R, H]`; empty where it is not.
    upward: Panels,
    /// m of (D3), `[B, H]`, if that is active.
    pub(super) recurrent_mask: Panels,
    /// h ⊙ m of (D3), `[B + R, H]`, if that is active.
    pub(super) recurrent: Panels,
    /// m of (D4), `[R, H]`, if that is active.
    pub(super) candidate_mask: Panels,
}

impl LstmPass {
    /// Runs over all steps; row `first` of `x` is the input of row 0. Masks of dropout have been filled.
    pub(crate) fn run(
        &mut self,
        around: Around<'_>,
        weights: &PackedLstm,
        (x, first): (&Panels, usize),
    ) {
        let Around {
            backend,
            steps,
            dropout,
            format,
        } = around;
        let masked = dropout.recurrent.is_active();
        let hidden = weights.hidden();
        self.gates.reshape(steps.rows, GATES.len() * padded(hidden));
        self.cell_tanh.reshape(steps.rows, hidden);
        broadcast(&weights.bias, &mut self.gates);
        backend.run(Multiply {
            c: &mut self.gates,
            c_row: 0,
            a: x,
            a_rows: first..first + steps.rows,
            w: &weights.w_x,
        });
        if masked {
            self.recurrent.reshape(steps.sequences + steps.rows, hidden);
            self.mask_states(0, steps.sequences);
        }
        for &step in &steps.steps {
            backend.run(Multiply {
                c: &mut self.gates,
                c_row: step.row,
                a: if masked {
                    &self.recurrent
                } else {
                    &self.hidden
                },
                a_rows: step.before..step.before + step.count,
                w: &weights.w_h,
            });
            backend.run(lstm_cell::Forward {
                step,
                gates: &mut self.gates,
                cell: &mut self.cell,
                cell_tanh: &mut self.cell_tanh,
                hidden: &mut self.hidden,
                peepholes: &weights.peepholes,
                candidate_mask: (dropout.candidate.is_active()).then_some(&self.candidate_mask),
            });
            if let Some(format) = format {
                format.round_rows(&mut self.hidden, step.state, step.count);
            }
            if masked {
                self.mask_states(step.state, step.count);
            }
        }
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
}

impl ForwardLayer for LstmPass {
    fn reset_state(&mut self, steps: &Steps, hidden: usize) {
        reset([&mut self.cell, &mut self.hidden], steps, hidden);
    }

    fn carry_state(&mut self, last: StepRows, steps: &Steps) {
        carry([&mut self.cell, &mut self.hidden], last, steps);
    }

    fn begin_with(&mut self, b: usize, hidden: &[f32], cell: &[f32]) {
        self.hidden.write_row(b, hidden);
        self.cell.write_row(b, cell);
    }

    fn fill_masks(&mut self, dropout: &mut Dropout, steps: &Steps) {
        let hidden = self.hidden.columns();
        let (recurrent, candidate) = (&mut dropout.recurrent, &mut dropout.candidate);
        let sequences = steps.sequences;
        if recurrent.is_active() {
            recurrent.fill(&mut self.recurrent_mask, sequences, hidden, 0..sequences);
        }
        if candidate.is_active() {
            let (rows, owners) = (steps.rows, steps.owners());
            candidate.fill(&mut self.candidate_mask, rows, hidden, owners);
        }
    }

    fn round_upward(&mut self, format: Option<ActivationFormat>, sequences: usize) {
        round_upward(&self.hidden, &mut self.upward, format, sequences);
    }

    fn upward(&self, sequences: usize) -> (&Panels, usize) {
        match self.upward.rows() {
            0 => (&self.hidden, sequences),
            _ => (&self.upward, 0),
        }
    }

    fn outputs(&self) -> &Panels {
        &self.hidden
    }

    fn cell(&self) -> Option<&Panels> {
        Some(&self.cell)
    }

    fn gates(&self, steps: usize) -> Array2<f32> {
        let hidden = self.hidden.columns();
        Array2::from_shape_fn((steps, GATES.len() * hidden), |(t, r)| {
            self.gates.get(t, gate_column(r, hidden))
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
        let layer = pass.layers[0].as_lstm().unwrap();
        let gate = |row: usize, gate: usize, u: usize| {
            layer.gates.get(row, gate_column(gate * 20 + u, 20))
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
