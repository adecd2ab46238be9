//! The elementwise half of a GRU step, forward and backward, for all rows of one time step.
//!
//! With (GR1) to (GR4) of [`crate::network::gru`], q_t = W_hn h_{t−1} + b_hn, and back_t what a step passes to the state
//! before it besides (B1):
//!
//! ```text
//! d_n_t = d_h_t ⊙ (1 − z_t) ⊙ (1 − n_t²)                                    (GB1)
//! d_z_t = d_h_t ⊙ (h_{t−1} − n_t) ⊙ z_t ⊙ (1 − z_t)                         (GB2)
//! d_q_t = d_n_t ⊙ r_t,   d_r_t = d_n_t ⊙ q_t ⊙ r_t ⊙ (1 − r_t)              (GB3)
//! back_t = d_h_t ⊙ z_t                                                      (GB4)
//! ```
//!
//! where d_h_t has back_{t+1} in it. The sums of a unit lie in the blocks q, r, z, n: products of the inputs enter the
//! last three, those of the state the first three. The state has a buffer of its own, because products may see it
//! rounded. (D4) is that of [`crate::passes::dropout`], (B1) and (B8) those of [`crate::passes::backward`].

use super::lstm_cell::{gate_lines, mask_lines};
use crate::compute::activation::{sigmoid, tanh};
use crate::compute::lanes::{Kernel, Lanes, Line};
use crate::compute::panels::Panels;
use crate::passes::steps::StepRows;

/// Line `b` of a mask, if there is one.
#[inline(always)]
pub(super) fn masked<V: Lanes, const MASKED: bool>(mask: &[Line], b: usize) -> Option<V> {
    // No closure: one that works on lanes may not be inlined.
    if MASKED {
        Some(V::load(&mask[b]))
    } else {
        None
    }
}

/// (GR4): the state after the gates z and n, from the state before. `mask` is m of (D4).
#[inline(always)]
pub(super) fn state_after<V: Lanes>(z: V, n: V, before: V, mask: Option<V>) -> V {
    let kept = match mask {
        Some(mask) => mask.mul(n), // (D4)
        None => n,
    };
    z.mul_add(before.sub(kept), kept)
}

/// (GB2) and (GB1): gradients of the sums of z and n, from d_h with back in it. `mask` is m of (D4).
#[inline(always)]
pub(super) fn update_back<V: Lanes>(z: V, n: V, before: V, d_h: V, mask: Option<V>) -> [V; 2] {
    let one = V::splat(1.0);
    let d_kept = d_h.mul(one.sub(z));
    // With (D4), the n of (GR4) and its slope carry the mask.
    let (kept, d_out) = match mask {
        Some(mask) => (mask.mul(n), d_kept.mul(mask)),
        None => (n, d_kept),
    };
    let d_n = d_out.mul(one.sub(n.mul(n))); // (GB1)
    let d_z = d_h.mul(before.sub(kept)).mul(z.mul(one.sub(z))); // (GB2)
    [d_z, d_n]
}

/// (GR1) to (GR4) after the products: sums become gates, and the state advances.
pub(crate) struct Forward<'a> {
    pub(crate) step: StepRows,
    /// q, and the sums of r, z and n, which become gates, `[R, 4H']`.
    pub(crate) gates: &'a mut Panels,
    /// h, `[B + R, H]`.
    pub(crate) state: &'a mut Panels,
    /// h as products will see it, not rounded yet, `[B + R, H]`.
    pub(crate) hidden: &'a mut Panels,
    /// m of (D4), `[R, H]`.
    pub(crate) candidate_mask: Option<&'a Panels>,
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        match self.candidate_mask {
            Some(mask) => self.steps::<V, true>(mask),
            None => self.steps::<V, false>(&Panels::default()),
        }
    }
}

impl Forward<'_> {
    /// Looks at `mask` only if `MASKED`.
    #[inline(always)]
    fn steps<V: Lanes, const MASKED: bool>(self, mask: &Panels) {
        let StepRows {
            count,
            row,
            state,
            before,
        } = self.step;
        let units = self.hidden.panels();
        for u in 0..units {
            let [q_lines, r_lines, z_lines, n_lines] = gate_lines(self.gates, units, u, row, count);
            let (old, new) = self.state.panel_mut(u).split_at_mut(state);
            let (old, new) = (&old[before..before + count], &mut new[..count]);
            let hidden = &mut self.hidden.panel_mut(u)[state..state + count];
            let mask = mask_lines::<MASKED>(mask, u, row, count);
            for b in 0..count {
                let r = sigmoid(V::load(&r_lines[b])); // (GR1)
                let z = sigmoid(V::load(&z_lines[b])); // (GR2)
                let n = tanh(r.mul_add(V::load(&q_lines[b]), V::load(&n_lines[b]))); // (GR3)
                let mask = masked::<V, MASKED>(mask, b);
                let h = state_after(z, n, V::load(&old[b]), mask);
                r.store(&mut r_lines[b]);
                z.store(&mut z_lines[b]);
                n.store(&mut n_lines[b]);
                h.store(&mut new[b]);
                h.store(&mut hidden[b]);
            }
        }
    }
}

/// (GB1) to (GB4) and (B8) before the products: q and the gates become the gradients of the sums.
pub(crate) struct Backward<'a> {
    pub(crate) step: StepRows,
    /// q and gates in, gradients out, `[R, 4H']`.
    pub(crate) gates: &'a mut Panels,
    /// h, `[B + R, H]`.
    pub(crate) state: &'a Panels,
    /// d_h without what the later step passes back, `[R, H]`.
    pub(crate) d_hidden: &'a Panels,
    /// What the later step passes back; becomes what this step passes back, `[B, H]`.
    pub(crate) d_state: &'a mut Panels,
    /// m of (D4), `[R, H]`.
    pub(crate) candidate_mask: Option<&'a Panels>,
    /// Gradients of the biases are added here, one line for each panel of the gates.
    pub(crate) d_bias: &'a mut [Line],
}

impl Kernel for Backward<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        match self.candidate_mask {
            Some(mask) => self.steps::<V, true>(mask),
            None => self.steps::<V, false>(&Panels::default()),
        }
    }
}

impl Backward<'_> {
    /// Looks at `mask` only if `MASKED`.
    #[inline(always)]
    fn steps<V: Lanes, const MASKED: bool>(self, mask: &Panels) {
        let StepRows {
            count, row, before, ..
        } = self.step;
        let units = self.state.panels();
        let one = V::splat(1.0);
        for u in 0..units {
            let mut bias = [0, 1, 2, 3].map(|block| V::load(&self.d_bias[block * units + u]));
            let [q_lines, r_lines, z_lines, n_lines] = gate_lines(self.gates, units, u, row, count);
            let old = &self.state.panel(u)[before..before + count];
            let d_hidden = &self.d_hidden.panel(u)[row..row + count];
            let d_state = &mut self.d_state.panel_mut(u)[..count];
            let mask = mask_lines::<MASKED>(mask, u, row, count);
            for b in 0..count {
                let (q, r) = (V::load(&q_lines[b]), V::load(&r_lines[b]));
                let (z, n) = (V::load(&z_lines[b]), V::load(&n_lines[b]));
                let d_h = V::load(&d_hidden[b]).add(V::load(&d_state[b]));
                let mask = masked::<V, MASKED>(mask, b);
                let [d_z, d_n] = update_back(z, n, V::load(&old[b]), d_h, mask);
                let d_q = d_n.mul(r); // (GB3)
                let d_r = d_q.mul(q).mul(one.sub(r)); // (GB3)
                d_h.mul(z).store(&mut d_state[b]); // (GB4)
                d_q.store(&mut q_lines[b]);
                d_r.store(&mut r_lines[b]);
                d_z.store(&mut z_lines[b]);
                d_n.store(&mut n_lines[b]);
                for (sum, d) in bias.iter_mut().zip([d_q, d_r, d_z, d_n]) {
                    *sum = sum.add(d); // (B8)
                }
            }
            for (block, sum) in bias.into_iter().enumerate() {
                sum.store(&mut self.d_bias[block * units + u]);
            }
        }
    }
}
