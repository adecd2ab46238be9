//! The way back through layers that run backwards in time or both ways.
//!
//! ```text
//! d_h of a half  = its columns of d_y, in the order of its steps                                 (WB1)
//! d_x            = W_xᵀ d_z of the half forwards + W_xᵀ d_z of the half in reverse, in the order of time (WB2)
//! ```
//!
//! d_y is the gradient of what a whole layer hands on, (WD1) of `lstm_nostd::window`.

use crate::compute::panels::{Panels, copy_from_columns};
use crate::passes::recurrent::RecurrentBack;
use crate::passes::steps::Steps;
use crate::passes::window::{Stack, turn, turned_rows};

/// Gradients of what layers hand on; empty in networks whose layers all run forwards.
#[derive(Debug, Default)]
pub(crate) struct JoinedBack {
    /// d_y in the order of time, `[R, O]`, under the number of the layer's last half.
    d_outputs: Vec<Panels>,
    /// d_x of a half in the order of its steps, `[R, I]`.
    pub(crate) turned: Panels,
}

impl JoinedBack {
    /// For the layers of this network.
    pub(crate) fn reset(&mut self, stack: &Stack) {
        let layers = stack.of_windows();
        self.d_outputs.resize_with(layers, Panels::default);
    }

    /// Where d_y of the layer whose last half is `l` of `layers` belongs, and room for a d_x.
    pub(crate) fn of_layer<'a>(
        &'a mut self,
        layers: &'a mut [RecurrentBack],
        l: usize,
    ) -> (&'a mut Panels, &'a mut Panels) {
        let d_outputs = match self.d_outputs.get_mut(l) {
            Some(joined) => joined,
            None => layers[l].d_outputs(),
        };
        (d_outputs, &mut self.turned)
    }

    /// (WB1) for the halves of the layer whose last one is `l` of `layers`.
    pub(crate) fn to_halves(
        &self,
        (stack, l): (&Stack, usize),
        steps: &Steps,
        layers: &mut [RecurrentBack],
    ) {
        let Some(d_outputs) = self.d_outputs.get(l) else {
            return;
        };
        let rows = turned_rows(steps);
        for half in stack.halves(l) {
            let d_half = layers[half.layer].d_outputs();
            d_half.reshape(steps.rows, stack.columns(half).len());
            for (row, turned) in rows.iter().enumerate() {
                let from = if half.is_reverse { *turned } else { row };
                copy_from_columns((d_outputs, from), (d_half, row), half.column);
            }
        }
    }
}

/// d_y of the uppermost layer from the gradient of what the dense layers read once a sequence, `[B, O]`: of each half after its
/// own last step, (WD2). Sequences without a step have none.
pub(crate) fn from_ends(stack: &Stack, d_features: &Panels, steps: &Steps, d_outputs: &mut Panels) {
    d_outputs.reset(steps.rows, d_features.columns());
    for half in stack.top() {
        for b in 0..steps.sequences {
            let Some(last) = steps.length(b).checked_sub(1) else {
                continue;
            };
            let end = if half.is_reverse { 0 } else { last };
            let to = steps.steps[end].row + b;
            for column in stack.columns(half) {
                d_outputs.set(to, column, d_features.get(b, column));
            }
        }
    }
}

/// (WB2) for recurrent layer `l`, into `d_inputs` in the order of time. `own` writes what the layer gives in the order of its
/// steps, `[R, I]`; where another one stands beside it, that one's has been written before.
pub(crate) fn inputs_in_time(
    (stack, l): (&Stack, usize),
    steps: &Steps,
    turned: &mut Panels,
    own: impl Fn(&mut Panels),
    d_inputs: &mut Panels,
) {
    match (stack.is_reverse(l), stack.has_beside(l)) {
        (true, _) => {
            own(turned);
            turn((turned, 0), steps, d_inputs);
        }
        (false, true) => {
            own(turned);
            d_inputs.add(turned);
        }
        (false, false) => own(d_inputs),
    }
}
