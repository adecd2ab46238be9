//! The way back through an LSTM layer: (B1) to (B11) of [`crate::passes::backward`], around the elementwise half in
//! [`crate::passes::recurrent::lstm_cell`].

use super::{gate_column, pack_transposed};
use crate::compute::lanes::{Backend, LANES};
use crate::compute::panels::Panels;
use crate::compute::product::{Correlate, Multiply};
use crate::network::LstmLayer;
use crate::passes::recurrent::Around;
use crate::passes::recurrent::lstm::{LstmPass, PackedLstm};
use crate::passes::recurrent::lstm_cell::{self, CellSums};
use crate::passes::steps::StepRows;

/// The weights as the backward pass needs them.
pub(crate) struct LstmTransposed {
    /// W_h, `[4H', H]`.
    w_h: Panels,
    /// W_x, `[4H', I]`; empty for the first layer, whose inputs need no gradient.
    w_x: Panels,
}

impl LstmTransposed {
    /// Of a layer that reads the network's inputs, if it is the `first`.
    pub(crate) fn of(layer: &LstmLayer, first: bool) -> Self {
        let hidden = layer.w_h.ncols();
        Self {
            w_h: pack_transposed(&layer.w_h, hidden),
            w_x: match first {
                true => Panels::default(),
                false => pack_transposed(&layer.w_x, hidden),
            },
        }
    }
}

/// Buffers and gradients of one layer.
#[derive(Debug, Default)]
pub(crate) struct LstmBack {
    /// d_h, `[R, H]`.
    d_hidden: Panels,
    /// `back` of (B7), `[B, H]`.
    d_cell: Panels,
    /// W_hᵀ d_z_{t+1} of (B1) before the mask of (D3), `[B, H]`.
    d_recurrent: Panels,
    /// d_W_xᵀ, `[I, 4H']`.
    d_w_x: Panels,
    /// d_W_hᵀ, `[H, 4H']`.
    d_w_h: Panels,
    sums: CellSums,
}

impl LstmBack {
    /// (B1) to (B9): the gates of the forward pass become d_z.
    pub(crate) fn through_time(
        &mut self,
        around: Around<'_>,
        forward: &mut LstmPass,
        (weights, transposed): (&PackedLstm, &LstmTransposed),
    ) {
        let Around {
            backend,
            steps,
            dropout,
            format,
        } = around;
        let w_h = &transposed.w_h;
        let hidden = forward.hidden.columns();
        self.d_cell.reset(steps.sequences, hidden);
        self.sums.reset(hidden.div_ceil(LANES));
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
            backend.run(lstm_cell::Backward {
                step,
                gates: &mut forward.gates,
                cell: &forward.cell,
                cell_tanh: &forward.cell_tanh,
                d_hidden: &self.d_hidden,
                d_cell: &mut self.d_cell,
                peepholes: &weights.peepholes,
                candidate_mask: (dropout.candidate.is_active()).then_some(&forward.candidate_mask),
                sums: &mut self.sums,
            });
            later = Some(step);
        }
    }

    /// (B1) through the mask of (D3).
    fn recur_masked(
        &mut self,
        backend: Backend,
        later: StepRows,
        step: StepRows,
        forward: &LstmPass,
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
        forward: &LstmPass,
        (x, first): (&Panels, usize),
    ) {
        let d_z = &forward.gates;
        self.d_w_x.reset(x.columns(), d_z.columns());
        around.backend.run(Correlate {
            c: &mut self.d_w_x,
            a: x,
            a_row: first,
            d: d_z,
            d_rows: 0..d_z.rows(),
        });
        self.correlate_states(around, forward);
    }

    /// (B10) for W_h: runs of steps whose states lie equally far from their rows are one product.
    fn correlate_states(&mut self, around: Around<'_>, forward: &LstmPass) {
        self.d_w_h
            .reset(forward.hidden.columns(), forward.gates.columns());
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
            });
        }
    }

    /// (B11): the gradient of the layer's inputs.
    pub(crate) fn d_inputs(
        backend: Backend,
        forward: &LstmPass,
        transposed: &LstmTransposed,
        d_inputs: &mut Panels,
    ) {
        let d_z = &forward.gates;
        d_inputs.reset(d_z.rows(), transposed.w_x.columns());
        backend.run(Multiply {
            c: d_inputs,
            c_row: 0,
            a: d_z,
            a_rows: 0..d_z.rows(),
            w: &transposed.w_x,
        });
    }

    /// d_h, `[R, H]`.
    pub(crate) fn d_outputs(&mut self) -> &mut Panels {
        &mut self.d_hidden
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.d_w_x.add(&other.d_w_x);
        self.d_w_h.add(&other.d_w_h);
        self.sums.add(&other.sums);
    }

    pub(crate) fn unpack(&self, layer: &mut LstmLayer) {
        let hidden = layer.w_h.ncols();
        for (packed, values) in [(&self.d_w_x, &mut layer.w_x), (&self.d_w_h, &mut layer.w_h)] {
            for (r, mut row) in values.rows_mut().into_iter().enumerate() {
                let row = row
                    .as_slice_mut()
                    .expect("gradients are stored in row-major order");
                packed.read_column(gate_column(r, hidden), row);
            }
        }
        for (r, value) in layer.bias.iter_mut().enumerate() {
            let column = gate_column(r, hidden);
            *value = self.sums.bias[column / LANES].0[column % LANES];
        }
        for ((p, u), value) in layer.peephole.iter_mut().flat_map(|p| p.indexed_iter_mut()) {
            *value = self.sums.peepholes[p][u / LANES].0[u % LANES];
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
        a: d_z,
        a_rows: later.row..later.row + later.count,
        w: w_h,
    });
}
