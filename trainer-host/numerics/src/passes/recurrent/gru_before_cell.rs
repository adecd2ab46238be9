//! The elementwise parts of a step of a GRU whose reset gate comes before the product, forward and backward, for all rows of
//! one time step. Between both parts of either way lies a product with the candidates' recurrent weights.
//!
//! With (GR1), (GR2), (GR3b) and (GR4) of [`crate::network::gru_before`], v_t = r_t ⊙ h_{t−1}, and back_t what a step passes
//! to the state before it besides (B1):
//!
//! ```text
//! d_v_t = W_hnᵀ d_n_t                                                       (RB1)
//! d_r_t = d_v_t ⊙ h_{t−1} ⊙ r_t ⊙ (1 − r_t)                                 (RB2)
//! back_t = d_h_t ⊙ z_t + d_v_t ⊙ r_t                                        (RB3)
//! ```
//!
//! d_n_t and d_z_t are (GB1) and (GB2) of [`super::gru_cell`]. The sums of a unit lie in the blocks r, z and n, and the
//! last block has nothing. With (D3), v_t is masked as the state is that the other gates see.

use super::gru_cell::{masked, state_after, update_back};
use super::lstm_cell::{gate_lines, mask_lines};
use crate::compute::activation::{sigmoid, tanh};
use crate::compute::lanes::{Kernel, Lanes, Line};
use crate::compute::panels::Panels;
use crate::passes::steps::StepRows;

/// (GR1) after the products, and v: the sums of r become the gate.
pub(crate) struct Reset<'a> {
    pub(crate) step: StepRows,
    /// Sums of r, z and n, `[R, 4H']`.
    pub(crate) gates: &'a mut Panels,
    /// h, `[B + R, H]`.
    pub(crate) state: &'a Panels,
    /// m of (D3), `[B, H]`.
    pub(crate) recurrent_mask: Option<&'a Panels>,
    /// v, not rounded yet, `[R, H]`.
    pub(crate) reset: &'a mut Panels,
}

impl Kernel for Reset<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        match self.recurrent_mask {
            Some(mask) => self.steps::<V, true>(mask),
            None => self.steps::<V, false>(&Panels::default()),
        }
    }
}

impl Reset<'_> {
    /// Looks at `mask` only if `MASKED`.
    #[inline(always)]
    fn steps<V: Lanes, const MASKED: bool>(self, mask: &Panels) {
        let StepRows {
            count, row, before, ..
        } = self.step;
        let units = self.state.panels();
        for u in 0..units {
            let [r_lines, ..] = gate_lines(self.gates, units, u, row, count);
            let old = &self.state.panel(u)[before..before + count];
            let reset = &mut self.reset.panel_mut(u)[row..row + count];
            let mask = mask_lines::<MASKED>(mask, u, 0, count);
            for b in 0..count {
                let r = sigmoid(V::load(&r_lines[b])); // (GR1)
                let mut v = r.mul(V::load(&old[b]));
                if MASKED {
                    v = v.mul(V::load(&mask[b])); // (D3)
                }
                r.store(&mut r_lines[b]);
                v.store(&mut reset[b]);
            }
        }
    }
}

/// (GR2), (GR3b) and (GR4) after the products: sums become gates, and the state advances.
pub(crate) struct Forward<'a> {
    pub(crate) step: StepRows,
    /// r, and the sums of z and n, which become gates, `[R, 4H']`.
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
            let [_, z_lines, n_lines, _] = gate_lines(self.gates, units, u, row, count);
            let (old, new) = self.state.panel_mut(u).split_at_mut(state);
            let (old, new) = (&old[before..before + count], &mut new[..count]);
            let hidden = &mut self.hidden.panel_mut(u)[state..state + count];
            let mask = mask_lines::<MASKED>(mask, u, row, count);
            for b in 0..count {
                let z = sigmoid(V::load(&z_lines[b])); // (GR2)
                let n = tanh(V::load(&n_lines[b])); // (GR3b)
                let mask = masked::<V, MASKED>(mask, b);
                let h = state_after(z, n, V::load(&old[b]), mask);
                z.store(&mut z_lines[b]);
                n.store(&mut n_lines[b]);
                h.store(&mut new[b]);
                h.store(&mut hidden[b]);
            }
        }
    }
}

/// (GB1), (GB2) and the first term of (RB3) before the product of (RB1): z and n become the gradients of their sums.
pub(crate) struct Backward<'a> {
    pub(crate) step: StepRows,
    /// Gates in, gradients of z and n out, `[R, 4H']`.
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
        for u in 0..units {
            let mut bias = [1, 2].map(|block| V::load(&self.d_bias[block * units + u]));
            let [_, z_lines, n_lines, _] = gate_lines(self.gates, units, u, row, count);
            let old = &self.state.panel(u)[before..before + count];
            let d_hidden = &self.d_hidden.panel(u)[row..row + count];
            let d_state = &mut self.d_state.panel_mut(u)[..count];
            let mask = mask_lines::<MASKED>(mask, u, row, count);
            for b in 0..count {
                let (z, n) = (V::load(&z_lines[b]), V::load(&n_lines[b]));
                let d_h = V::load(&d_hidden[b]).add(V::load(&d_state[b]));
                let mask = masked::<V, MASKED>(mask, b);
                let [d_z, d_n] = update_back(z, n, V::load(&old[b]), d_h, mask);
                d_h.mul(z).store(&mut d_state[b]); // (RB3)
                d_z.store(&mut z_lines[b]);
                d_n.store(&mut n_lines[b]);
                for (sum, d) in bias.iter_mut().zip([d_z, d_n]) {
                    *sum = sum.add(d); // (B8)
                }
            }
            for (block, sum) in [1, 2].into_iter().zip(bias) {
                sum.store(&mut self.d_bias[block * units + u]);
            }
        }
    }
}

/// (RB2) and the second term of (RB3) after the product of (RB1): r becomes the gradient of its sum.
pub(crate) struct ResetBack<'a> {
    pub(crate) step: StepRows,
    /// r in, its gradient out, `[R, 4H']`.
    pub(crate) gates: &'a mut Panels,
    /// h, `[B + R, H]`.
    pub(crate) state: &'a Panels,
    /// m of (D3), `[B, H]`.
    pub(crate) recurrent_mask: Option<&'a Panels>,
    /// d_v of (RB1), `[B, H]`.
    pub(crate) d_reset: &'a Panels,
    /// What this step passes back, `[B, H]`.
    pub(crate) d_state: &'a mut Panels,
    /// As in [`Backward`].
    pub(crate) d_bias: &'a mut [Line],
}

impl Kernel for ResetBack<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        match self.recurrent_mask {
            Some(mask) => self.steps::<V, true>(mask),
            None => self.steps::<V, false>(&Panels::default()),
        }
    }
}

impl ResetBack<'_> {
    /// Looks at `mask` only if `MASKED`.
    #[inline(always)]
    fn steps<V: Lanes, const MASKED: bool>(self, mask: &Panels) {
        let StepRows {
            count, row, before, ..
        } = self.step;
        let units = self.state.panels();
        let one = V::splat(1.0);
        for u in 0..units {
            let mut bias = V::load(&self.d_bias[u]);
            let [r_lines, ..] = gate_lines(self.gates, units, u, row, count);
            let old = &self.state.panel(u)[before..before + count];
            let d_reset = &self.d_reset.panel(u)[..count];
            let d_state = &mut self.d_state.panel_mut(u)[..count];
            let mask = mask_lines::<MASKED>(mask, u, 0, count);
            for b in 0..count {
                let r = V::load(&r_lines[b]);
                let mut d_v = V::load(&d_reset[b]);
                if MASKED {
                    d_v = d_v.mul(V::load(&mask[b])); // (D3)
                }
                let through_r = d_v.mul(r);
                let d_r = through_r.mul(V::load(&old[b])).mul(one.sub(r)); // (RB2)
                through_r.add(V::load(&d_state[b])).store(&mut d_state[b]); // (RB3)
                d_r.store(&mut r_lines[b]);
                bias = bias.add(d_r); // (B8)
            }
            bias.store(&mut self.d_bias[u]);
        }
    }
}
