//! The elementwise half of an LSTM step, forward and backward, for all rows of one time step.
//!
//! With coupled gates, f = 1 − i of (CF) stands for (2), and what (B5) would pass to f goes to i:
//!
//! ```text
//! d_z_i = d_c ⊙ (g − c_{t−1}) ⊙ i ⊙ (1 − i)                                (CB)
//! ```
//!
//! Sums then lie in the blocks i, g, o, and f has the last one to itself. (CF) is that of [`crate::network::coupled`].
//!
//! Equations (1) to (6) are those of [`crate::network`], (B1) to (B9) those of [`crate::passes::backward`], (D4)
//! that of [`crate::passes::dropout`].
//! Everything between two matrix products happens here, in registers, in one pass.

use crate::compute::activation::{sigmoid, tanh};
use crate::compute::lanes::{Kernel, Lanes, Line, add_lines};
use crate::compute::panels::Panels;
use crate::passes::steps::StepRows;

/// Peephole weights, one line for each panel of units, in the order i, f, o; zero without.
pub(crate) type Peepholes = [Vec<Line>; 3];

/// (1) to (6) after the products: pre-activations become gates, and the state advances.
pub(crate) struct Forward<'a> {
    pub(crate) step: StepRows,
    /// Pre-activations in, gates out, `[R, 4H']` with H' = H rounded up to whole panels.
    pub(crate) gates: &'a mut Panels,
    /// c, `[B + R, H]`.
    pub(crate) cell: &'a mut Panels,
    /// tanh(c), `[R, H]`.
    pub(crate) cell_tanh: &'a mut Panels,
    /// h, `[B + R, H]`.
    pub(crate) hidden: &'a mut Panels,
    pub(crate) peepholes: &'a Peepholes,
    /// m of (D4), `[R, H]`.
    pub(crate) candidate_mask: Option<&'a Panels>,
    pub(crate) is_coupled: bool,
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let none = Panels::default();
        match (self.candidate_mask, self.is_coupled) {
            (Some(mask), false) => self.steps::<V, true, false>(mask),
            (None, false) => self.steps::<V, false, false>(&none),
            (Some(mask), true) => self.steps::<V, true, true>(mask),
            (None, true) => self.steps::<V, false, true>(&none),
        }
    }
}

impl Forward<'_> {
    /// Looks at `mask` only if `MASKED`.
    #[inline(always)]
    fn steps<V: Lanes, const MASKED: bool, const COUPLED: bool>(self, mask: &Panels) {
        let StepRows {
            count,
            row,
            state,
            before,
        } = self.step;
        let units = self.hidden.panels();
        let one = V::splat(1.0);
        for u in 0..units {
            let [p_i, p_f, p_o] = [0, 1, 2].map(|p| V::load(&self.peepholes[p][u]));
            let lines = gate_lines(self.gates, units, u, row, count);
            let [i_lines, f_lines, g_lines, o_lines] = by_gate::<COUPLED, _>(lines);
            let (old, new) = self.cell.panel_mut(u).split_at_mut(state);
            let (old, new) = (&old[before..before + count], &mut new[..count]);
            let c_tanh = &mut self.cell_tanh.panel_mut(u)[row..row + count];
            let hidden = &mut self.hidden.panel_mut(u)[state..state + count];
            let mask = mask_lines::<MASKED>(mask, u, row, count);
            for b in 0..count {
                let c_old = V::load(&old[b]);
                let i = sigmoid(p_i.mul_add(c_old, V::load(&i_lines[b]))); // (1)
                let f = if COUPLED {
                    one.sub(i) // (CF)
                } else {
                    sigmoid(p_f.mul_add(c_old, V::load(&f_lines[b]))) // (2)
                };
                let g = tanh(V::load(&g_lines[b])); // (3)
                let kept = if MASKED { V::load(&mask[b]).mul(g) } else { g }; // (D4)
                let c = f.mul_add(c_old, i.mul(kept)); // (4)
                let o = sigmoid(p_o.mul_add(c, V::load(&o_lines[b]))); // (5)
                let t = tanh(c);
                i.store(&mut i_lines[b]);
                f.store(&mut f_lines[b]);
                g.store(&mut g_lines[b]);
                o.store(&mut o_lines[b]);
                c.store(&mut new[b]);
                t.store(&mut c_tanh[b]);
                o.mul(t).store(&mut hidden[b]); // (6)
            }
        }
    }
}

/// (B2) to (B8) before the products: gates become the gradients of their pre-activations.
pub(crate) struct Backward<'a> {
    pub(crate) step: StepRows,
    /// Gates in, d_z out, `[R, 4H']`.
    pub(crate) gates: &'a mut Panels,
    /// c, `[B + R, H]`.
    pub(crate) cell: &'a Panels,
    /// tanh(c), `[R, H]`.
    pub(crate) cell_tanh: &'a Panels,
    /// d_h, complete for this step, `[R, H]`.
    pub(crate) d_hidden: &'a Panels,
    /// What the later step passes back to c; becomes what this step passes back, `[B, H]`.
    pub(crate) d_cell: &'a mut Panels,
    pub(crate) peepholes: &'a Peepholes,
    /// m of (D4), `[R, H]`.
    pub(crate) candidate_mask: Option<&'a Panels>,
    pub(crate) is_coupled: bool,
    /// Gradients of biases and peepholes are added here.
    pub(crate) sums: &'a mut CellSums,
}

/// Gradients that are sums over rows alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct CellSums {
    /// One line for each panel of the gates, `[4H']`.
    pub(crate) bias: Vec<Line>,
    /// As [`Peepholes`].
    pub(crate) peepholes: Peepholes,
}

impl CellSums {
    /// Zeros for `units` panels of hidden units.
    pub(crate) fn reset(&mut self, units: usize) {
        self.bias.clear();
        self.bias.resize(4 * units, Line::default());
        for peephole in &mut self.peepholes {
            peephole.clear();
            peephole.resize(units, Line::default());
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        add_lines(&mut self.bias, &other.bias);
        for (mine, theirs) in self.peepholes.iter_mut().zip(&other.peepholes) {
            add_lines(mine, theirs);
        }
    }
}

impl Kernel for Backward<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let none = Panels::default();
        match (self.candidate_mask, self.is_coupled) {
            (Some(mask), false) => self.steps::<V, true, false>(mask),
            (None, false) => self.steps::<V, false, false>(&none),
            (Some(mask), true) => self.steps::<V, true, true>(mask),
            (None, true) => self.steps::<V, false, true>(&none),
        }
    }
}

impl Backward<'_> {
    /// Looks at `mask` only if `MASKED`.
    #[inline(always)]
    fn steps<V: Lanes, const MASKED: bool, const COUPLED: bool>(self, mask: &Panels) {
        let StepRows {
            count,
            row,
            state,
            before,
        } = self.step;
        let units = self.cell.panels();
        let one = V::splat(1.0);
        for u in 0..units {
            let [p_i, p_f, p_o] = [0, 1, 2].map(|p| V::load(&self.peepholes[p][u]));
            let blocks = by_gate::<COUPLED, _>([0, 1, 2, 3]);
            let mut bias = blocks.map(|block| V::load(&self.sums.bias[block * units + u]));
            let mut peepholes = [0, 1, 2].map(|p| V::load(&self.sums.peepholes[p][u]));
            let lines = gate_lines(self.gates, units, u, row, count);
            let [i_lines, f_lines, g_lines, o_lines] = by_gate::<COUPLED, _>(lines);
            let cells = self.cell.panel(u);
            let (old, new) = (&cells[before..before + count], &cells[state..state + count]);
            let c_tanh = &self.cell_tanh.panel(u)[row..row + count];
            let d_hidden = &self.d_hidden.panel(u)[row..row + count];
            let d_cell = &mut self.d_cell.panel_mut(u)[..count];
            let mask = mask_lines::<MASKED>(mask, u, row, count);
            for b in 0..count {
                let (i, f) = (V::load(&i_lines[b]), V::load(&f_lines[b]));
                let (g, o) = (V::load(&g_lines[b]), V::load(&o_lines[b]));
                let (c_old, c, t) = (V::load(&old[b]), V::load(&new[b]), V::load(&c_tanh[b]));
                let d_h = V::load(&d_hidden[b]);
                let d_o = d_h.mul(t).mul(o.mul(one.sub(o))); // (B2)
                let through_h = d_h.mul(o).mul(one.sub(t.mul(t)));
                let d_c = p_o.mul_add(d_o, through_h.add(V::load(&d_cell[b]))); // (B3)
                let (kept, d_kept) = masked::<V, MASKED>(mask, b, [g, d_c]);
                let entered = if COUPLED { kept.sub(c_old) } else { kept };
                let d_i = d_c.mul(entered).mul(i.mul(one.sub(i))); // (B4), (CB)
                let d_f = if COUPLED {
                    V::splat(0.0)
                } else {
                    d_c.mul(c_old).mul(f.mul(one.sub(f))) // (B5)
                };
                let d_g = d_kept.mul(i).mul(one.sub(g.mul(g))); // (B6)
                let back = p_i.mul_add(d_i, p_f.mul_add(d_f, d_c.mul(f))); // (B7)
                back.store(&mut d_cell[b]);
                d_i.store(&mut i_lines[b]);
                d_f.store(&mut f_lines[b]);
                d_g.store(&mut g_lines[b]);
                d_o.store(&mut o_lines[b]);
                for (sum, d) in bias.iter_mut().zip([d_i, d_f, d_g, d_o]) {
                    *sum = sum.add(d); // (B8)
                }
                peepholes[0] = d_i.mul_add(c_old, peepholes[0]); // (B9)
                peepholes[1] = d_f.mul_add(c_old, peepholes[1]);
                peepholes[2] = d_o.mul_add(c, peepholes[2]);
            }
            for (sum, block) in bias.into_iter().zip(blocks) {
                sum.store(&mut self.sums.bias[block * units + u]);
            }
            for (p, sum) in peepholes.into_iter().enumerate() {
                sum.store(&mut self.sums.peepholes[p][u]);
            }
        }
    }
}

/// The lines of i, f, g and o from those of the blocks.
#[inline(always)]
fn by_gate<const COUPLED: bool, T>([a, b, c, d]: [T; 4]) -> [T; 4] {
    if COUPLED { [a, d, b, c] } else { [a, b, c, d] }
}

/// The g of (4), and what comes back to it: with (D4), both carry the mask.
#[inline(always)]
fn masked<V: Lanes, const MASKED: bool>(mask: &[Line], b: usize, [g, d_c]: [V; 2]) -> (V, V) {
    if !MASKED {
        return (g, d_c);
    }
    let m = V::load(&mask[b]);
    (m.mul(g), d_c.mul(m))
}

/// The mask's lines for unit panel `u` and rows `row..row + count`; none without a mask.
#[inline(always)]
pub(super) fn mask_lines<const MASKED: bool>(
    mask: &Panels,
    u: usize,
    row: usize,
    count: usize,
) -> &[Line] {
    if MASKED {
        &mask.panel(u)[row..row + count]
    } else {
        &[]
    }
}

/// The lines of the four blocks of the gates, i, f, g and o here, for unit panel `u` and rows `row..row + count`.
#[inline(always)]
pub(super) fn gate_lines(
    gates: &mut Panels,
    units: usize,
    u: usize,
    row: usize,
    count: usize,
) -> [&mut [Line]; 4] {
    let rows = gates.rows();
    let (i, rest) = gates.lines_mut().split_at_mut(units * rows);
    let (f, rest) = rest.split_at_mut(units * rows);
    let (g, o) = rest.split_at_mut(units * rows);
    let lines = u * rows + row..u * rows + row + count;
    [
        &mut i[lines.clone()],
        &mut f[lines.clone()],
        &mut g[lines.clone()],
        &mut o[lines],
    ]
}
