//! The way back through a recurrent layer: (B1), (B10) and (B11) of [`crate::passes::backward`], around the elementwise
//! half of the layer's kind. Through a projection, (PJ2) of [`crate::network::projected`]:
//!
//! ```text
//! d_m_t = W_rᵀ d_h_t                                                       (PB1)
//! d_W_r = Σ_t d_h_t m_tᵀ                                                   (PB2)
//! ```
//!
//! (B2) and (B3) have d_m in place of d_h then.

use ndarray::Axis;

use super::lstm_cell::CellSums;
use super::{
    Around, Blocks, PackedKind, PackedRecurrent, RecurrentPass, gru_before_cell, gru_cell,
    lstm_cell, row_slice, unpack_gru_before_sums, unpack_gru_sums, unpack_lstm_sums,
};
use crate::compute::lanes::{Backend, LANES};
use crate::compute::panels::Panels;
use crate::compute::product::{Correlate, Multiply};
use crate::network::RecurrentLayer;
use crate::passes::steps::StepRows;

/// The weights as the backward pass needs them.
pub(crate) struct RecurrentTransposed {
    /// W_h of the gates whose products are with the state itself, `[G H', H]`.
    w_h: Panels,
    /// W_hn of candidates that see a reset state, `[H', H]`; empty without.
    candidates: Panels,
    /// W_r of a projection, `[P, H]`; empty without.
    w_r: Panels,
    /// W_x, `[G H', I]`; empty for the first layer, whose inputs need no gradient.
    w_x: Panels,
}

impl RecurrentTransposed {
    /// Of a layer that reads the network's inputs, if it is the `first`.
    pub(crate) fn of(layer: &RecurrentLayer, first: bool) -> Self {
        let blocks = Blocks::of(layer);
        let (w_x, w_h) = (layer.input_weights(), layer.recurrent_weights());
        let (of_state, of_reset) = w_h.view().split_at(Axis(0), blocks.state_rows());
        Self {
            w_h: blocks.pack_transposed(of_state, |r| blocks.of_state(r)),
            candidates: match of_reset.is_empty() {
                true => Panels::default(),
                false => blocks.pack_transposed(of_reset, |u| blocks.column(0, u)),
            },
            w_r: match layer {
                RecurrentLayer::Projected(layer) => {
                    let mut w_r = Panels::zeros(layer.w_r.nrows(), layer.w_r.ncols());
                    for (p, row) in layer.w_r.rows().into_iter().enumerate() {
                        w_r.write_row(p, row_slice(&row));
                    }
                    w_r
                }
                _ => Panels::default(),
            },
            w_x: match first {
                true => Panels::default(),
                false => blocks.pack_transposed(w_x.view(), |r| blocks.of_input(r)),
            },
        }
    }
}

/// Buffers and gradients of one layer.
#[derive(Debug, Default)]
pub(crate) struct RecurrentBack {
    /// d_h, `[R, O]`.
    d_hidden: Panels,
    /// d_m of (PB1), `[R, H]`, where there is a projection.
    d_shown: Panels,
    /// What a step passes back to the state that lasts, `back` of (B7) or (GB4), `[B, H]`.
    d_cell: Panels,
    /// W_hᵀ d_z_{t+1} of (B1) before the mask of (D3), `[B, O]`.
    d_recurrent: Panels,
    /// d_v of (RB1), `[B, H]`, where the reset gate comes before the product.
    d_reset: Panels,
    /// d_W_xᵀ, `[I, G H']`.
    d_w_x: Panels,
    /// d_W_hᵀ of the gates whose products are with the state itself, `[H, G H']`.
    d_w_h: Panels,
    /// d_W_hnᵀ of candidates that see a reset state, `[H, H']`; empty without.
    d_candidates: Panels,
    /// d_W_rᵀ of (PB2), `[H, P]`; empty without a projection.
    d_w_r: Panels,
    sums: CellSums,
}

impl RecurrentBack {
    /// From the last step to the first: the gates of `forward` become d_z, the gradient of their sums.
    pub(crate) fn through_time(
        &mut self,
        around: Around<'_>,
        forward: &mut RecurrentPass,
        (weights, transposed): (&PackedRecurrent, &RecurrentTransposed),
    ) {
        let Around {
            backend,
            steps,
            dropout,
            format,
            ..
        } = around;
        let w_h = &transposed.w_h;
        let units = forward.cell.columns();
        self.d_cell.reset(steps.sequences, units);
        self.sums.reset(units.div_ceil(LANES));
        if forward.shown().is_some() {
            self.d_shown.reset(steps.rows, units);
        }
        let mut later = None;
        for &step in steps.steps.iter().rev() {
            match later {
                Some(later) if dropout.recurrent.is_active() => {
                    self.recur_masked(backend, later, step, forward, w_h);
                }
                Some(later) => recur(
                    backend,
                    later,
                    (&mut self.d_hidden, step.row),
                    &forward.gates,
                    w_h,
                ),
                None => {}
            }
            if let Some(format) = format {
                let rounded = (&forward.hidden, step.state);
                format.clip_gradient(rounded, (&mut self.d_hidden, step.row), step.count);
            }
            self.step_back(around, forward, (&weights.kind, transposed), step);
            later = Some(step);
        }
    }

    /// What one step of this kind passes back through its gates.
    fn step_back(
        &mut self,
        around: Around<'_>,
        forward: &mut RecurrentPass,
        (kind, transposed): (&PackedKind, &RecurrentTransposed),
        step: StepRows,
    ) {
        if let PackedKind::Projected(..) = kind {
            self.project_back(around, forward, &transposed.w_r, step);
        }
        let is_masked = around.dropout.candidate.is_active();
        let candidate_mask = is_masked.then_some(&forward.candidate_mask);
        match kind {
            PackedKind::Lstm(peepholes)
            | PackedKind::Coupled(peepholes)
            | PackedKind::Projected(peepholes, _) => {
                around.backend.run(lstm_cell::Backward {
                    step,
                    gates: &mut forward.gates,
                    cell: &forward.cell,
                    cell_tanh: &forward.cell_tanh,
                    d_hidden: match kind {
                        PackedKind::Projected(..) => &self.d_shown,
                        _ => &self.d_hidden,
                    },
                    d_cell: &mut self.d_cell,
                    peepholes,
                    candidate_mask,
                    is_coupled: matches!(kind, PackedKind::Coupled(_)),
                    sums: &mut self.sums,
                });
            }
            PackedKind::Gru => around.backend.run(gru_cell::Backward {
                step,
                gates: &mut forward.gates,
                state: &forward.cell,
                d_hidden: &self.d_hidden,
                d_state: &mut self.d_cell,
                candidate_mask,
                d_bias: &mut self.sums.bias,
            }),
            PackedKind::GruBefore(_) => {
                around.backend.run(gru_before_cell::Backward {
                    step,
                    gates: &mut forward.gates,
                    state: &forward.cell,
                    d_hidden: &self.d_hidden,
                    d_state: &mut self.d_cell,
                    candidate_mask,
                    d_bias: &mut self.sums.bias,
                });
                self.reset_back(around, forward, &transposed.candidates, step);
            }
        }
    }

    /// (PB1), before what the units pass back.
    fn project_back(
        &mut self,
        around: Around<'_>,
        forward: &RecurrentPass,
        w_r: &Panels,
        step: StepRows,
    ) {
        around.backend.run(Multiply {
            c: &mut self.d_shown,
            c_row: step.row,
            c_panel: 0,
            a: &self.d_hidden,
            a_rows: step.row..step.row + step.count,
            a_panel: 0,
            w: w_r,
        });
        if let Some(format) = around.shown {
            let rounded = (&forward.shown, step.state);
            format.clip_gradient(rounded, (&mut self.d_shown, step.row), step.count);
        }
    }

    /// (RB1) to (RB3) after what the candidates pass back.
    fn reset_back(
        &mut self,
        around: Around<'_>,
        forward: &mut RecurrentPass,
        candidates: &Panels,
        step: StepRows,
    ) {
        self.d_reset.reset(step.count, forward.hidden.columns());
        around.backend.run(Multiply {
            c: &mut self.d_reset,
            c_row: 0,
            c_panel: 0,
            a: &forward.gates,
            a_rows: step.row..step.row + step.count,
            a_panel: forward.blocks.reset_panel(),
            w: candidates,
        });
        if let Some(format) = around.format {
            let rounded = (&forward.reset, step.row);
            format.clip_gradient(rounded, (&mut self.d_reset, 0), step.count);
        }
        let is_masked = around.dropout.recurrent.is_active();
        around.backend.run(gru_before_cell::ResetBack {
            step,
            gates: &mut forward.gates,
            state: &forward.cell,
            recurrent_mask: is_masked.then_some(&forward.recurrent_mask),
            d_reset: &self.d_reset,
            d_state: &mut self.d_cell,
            d_bias: &mut self.sums.bias,
        });
    }

    /// (B1) through the mask of (D3).
    fn recur_masked(
        &mut self,
        backend: Backend,
        later: StepRows,
        step: StepRows,
        forward: &RecurrentPass,
        w_h: &Panels,
    ) {
        self.d_recurrent
            .reset(later.count, forward.hidden.columns());
        recur(
            backend,
            later,
            (&mut self.d_recurrent, 0),
            &forward.gates,
            w_h,
        );
        for panel in 0..self.d_recurrent.panels() {
            let mask = &forward.recurrent_mask.panel(panel)[..later.count];
            let d_hidden = &mut self.d_hidden.panel_mut(panel)[step.row..step.row + later.count];
            let passed = self.d_recurrent.panel(panel);
            for ((d, p), m) in d_hidden.iter_mut().zip(passed).zip(mask) {
                for ((d, p), m) in d.0.iter_mut().zip(p.0).zip(m.0) {
                    *d += p * m;
                }
            }
        }
    }

    /// (B10); row `first` of `x` is the input of row 0.
    pub(crate) fn correlate(
        &mut self,
        around: Around<'_>,
        forward: &RecurrentPass,
        (x, first): (&Panels, usize),
    ) {
        let d_z = &forward.gates;
        let blocks = forward.blocks;
        let columns = blocks.gates * blocks.padded();
        self.d_w_x.reset(x.columns(), columns);
        around.backend.run(Correlate {
            c: &mut self.d_w_x,
            a: x,
            a_row: first,
            d: d_z,
            d_rows: 0..d_z.rows(),
            d_panel: blocks.input_panel(),
        });
        self.correlate_states(around, forward);
        if let Some(shown) = forward.shown() {
            // (PB2)
            let rows = self.d_hidden.rows();
            self.d_w_r.reset(shown.columns(), self.d_hidden.columns());
            around.backend.run(Correlate {
                c: &mut self.d_w_r,
                a: shown,
                a_row: around.steps.sequences,
                d: &self.d_hidden,
                d_rows: 0..rows,
                d_panel: 0,
            });
        }
        if blocks.of_state < blocks.gates {
            self.d_candidates
                .reset(forward.hidden.columns(), blocks.padded());
            around.backend.run(Correlate {
                c: &mut self.d_candidates,
                a: &forward.reset,
                a_row: 0,
                d: d_z,
                d_rows: 0..d_z.rows(),
                d_panel: blocks.reset_panel(),
            });
        }
    }

    /// (B10) for W_h: runs of steps whose states lie equally far from their rows are one product.
    fn correlate_states(&mut self, around: Around<'_>, forward: &RecurrentPass) {
        let blocks = forward.blocks;
        let columns = blocks.of_state * blocks.padded();
        self.d_w_h.reset(forward.hidden.columns(), columns);
        let distance = |step: &StepRows| step.before - step.row;
        for run in around
            .steps
            .steps
            .chunk_by(|a, b| distance(a) == distance(b))
        {
            let rows: usize = run.iter().map(|step| step.count).sum();
            around.backend.run(Correlate {
                c: &mut self.d_w_h,
                a: if around.dropout.recurrent.is_active() {
                    &forward.recurrent
                } else {
                    &forward.hidden
                },
                a_row: run[0].before,
                d: &forward.gates,
                d_rows: run[0].row..run[0].row + rows,
                d_panel: 0,
            });
        }
    }

    /// (B11): the gradient of the layer's inputs.
    pub(crate) fn d_inputs(
        &self,
        backend: Backend,
        forward: &RecurrentPass,
        transposed: &RecurrentTransposed,
        d_inputs: &mut Panels,
    ) {
        let d_z = &forward.gates;
        d_inputs.reset(d_z.rows(), transposed.w_x.columns());
        backend.run(Multiply {
            c: d_inputs,
            c_row: 0,
            c_panel: 0,
            a: d_z,
            a_rows: 0..d_z.rows(),
            a_panel: forward.blocks.input_panel(),
            w: &transposed.w_x,
        });
    }

    /// d_h, `[R, O]`.
    pub(crate) fn d_outputs(&mut self) -> &mut Panels {
        &mut self.d_hidden
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.d_w_x.add(&other.d_w_x);
        self.d_w_h.add(&other.d_w_h);
        self.d_candidates.add(&other.d_candidates);
        self.d_w_r.add(&other.d_w_r);
        self.sums.add(&other.sums);
    }

    /// Writes the gradients into a layer's shape.
    pub(crate) fn unpack(&self, layer: &mut RecurrentLayer) {
        let blocks = Blocks::of(layer);
        let [w_x, w_h] = layer.weights_mut();
        blocks.unpack(&self.d_w_x, w_x.view_mut(), |r| blocks.of_input(r));
        let (of_state, of_reset) = (w_h.view_mut()).split_at(Axis(0), blocks.state_rows());
        blocks.unpack(&self.d_w_h, of_state, |r| blocks.of_state(r));
        blocks.unpack(&self.d_candidates, of_reset, |u| blocks.column(0, u));
        match layer {
            RecurrentLayer::Lstm(layer) | RecurrentLayer::Coupled(layer) => {
                unpack_lstm_sums(&self.sums, blocks, layer);
            }
            RecurrentLayer::Projected(layer) => {
                unpack_lstm_sums(&self.sums, blocks, &mut layer.lstm);
                for (p, mut row) in layer.w_r.rows_mut().into_iter().enumerate() {
                    let row = row
                        .as_slice_mut()
                        .expect("gradients are stored in row-major order");
                    self.d_w_r.read_column(p, row);
                }
            }
            RecurrentLayer::Gru(layer) => unpack_gru_sums(&self.sums, blocks, layer),
            RecurrentLayer::GruBefore(layer) => {
                unpack_gru_before_sums(&self.sums, blocks, layer);
            }
        }
    }
}

/// (B1) into the rows of `d_hidden` from the given one.
fn recur(
    backend: Backend,
    later: StepRows,
    (d_hidden, row): (&mut Panels, usize),
    d_z: &Panels,
    w_h: &Panels,
) {
    backend.run(Multiply {
        c: d_hidden,
        c_row: row,
        c_panel: 0,
        a: d_z,
        a_rows: later.row..later.row + later.count,
        a_panel: 0,
        w: w_h,
    });
}
