//! One peephole LSTM layer and its gates.
//!
//! ```text
//! i_t = σ(W_xi x_t + W_hi h_{t−1} + p_i ⊙ c_{t−1} + b_i)   (1)
//! f_t = σ(W_xf x_t + W_hf h_{t−1} + p_f ⊙ c_{t−1} + b_f)   (2)
//! g_t = tanh(W_xg x_t + W_hg h_{t−1} + b_g)                (3)
//! c_t = f_t ⊙ c_{t−1} + i_t ⊙ g_t                          (4)
//! o_t = σ(W_xo x_t + W_ho h_{t−1} + p_o ⊙ c_t + b_o)       (5)
//! h_t = o_t ⊙ tanh(c_t)                                    (6)
//! ```
//!
//! (Gers, Schraudolph and Schmidhuber 2002). Rows are stored in the order of [`GATES`], or of [`coupled::GATES`] in a
//! layer whose gates are coupled.

use ndarray::{Array1, Array2};

use crate::network::ParameterKind;
use crate::network::prune::columns;
use crate::network::recurrent::{
    Activation, Cell, Gate, GateRole, LayerParameter, Recurrent, coupled, values_of,
};

/// The gates of an LSTM, in the order in which all weights are stored.
pub const GATES: [Gate; 4] = [
    Gate {
        role: GateRole::Input,
        letter: "i",
        name: "input gate",
        activation: Activation::Sigmoid,
        peephole: Some(0),
    },
    Gate {
        role: GateRole::Forget,
        letter: "f",
        name: "forget gate",
        activation: Activation::Sigmoid,
        peephole: Some(1),
    },
    Gate {
        role: GateRole::Candidate,
        letter: "g",
        name: "candidate",
        activation: Activation::Tanh,
        peephole: None,
    },
    Gate {
        role: GateRole::Output,
        letter: "o",
        name: "output gate",
        activation: Activation::Sigmoid,
        peephole: Some(2),
    },
];

/// Number of the gates that have peepholes.
pub const PEEPHOLES: usize = 3;

/// Parameters of one LSTM layer of `H` units with G gates; rows in the order of [`GATES`], or of [`coupled::GATES`].
#[derive(Clone, Debug, PartialEq)]
pub struct LstmLayer {
    /// In the order of the rows: [`GATES`] or [`coupled::GATES`].
    pub gates: &'static [Gate],
    /// Input weights, `[G H, I]`.
    pub w_x: Array2<f32>,
    /// Recurrent weights, `[G H, H]`; below a projection `[G H, P]`.
    pub w_h: Array2<f32>,
    /// Biases, `[G H]`.
    pub bias: Array1<f32>,
    /// Peephole weights in the order i, f, o, `[3, H]`, or i, o, `[2, H]`; absent in a network without peepholes.
    pub peephole: Option<Array2<f32>>,
}

/// The gate to which row `p` of the peepholes belongs.
pub(crate) fn gate_of_peephole(gates: &[Gate], p: usize) -> usize {
    (gates.iter().position(|gate| gate.peephole == Some(p)))
        .expect("every row of the peepholes belongs to a gate")
}

/// Number of the gates that may have peepholes.
pub fn peepholes_of(gates: &[Gate]) -> usize {
    gates.iter().filter(|gate| gate.peephole.is_some()).count()
}

impl LstmLayer {
    /// A layer of these gates whose parameters are all zero.
    pub(crate) fn zeros(
        gates: &'static [Gate],
        inputs: usize,
        units: usize,
        peepholes: bool,
    ) -> Self {
        let rows = gates.len() * units;
        Self {
            gates,
            w_x: Array2::zeros((rows, inputs)),
            w_h: Array2::zeros((rows, units)),
            bias: Array1::zeros(rows),
            peephole: peepholes.then(|| Array2::zeros((peepholes_of(gates), units))),
        }
    }
}

impl Recurrent for LstmLayer {
    fn cell(&self) -> Cell {
        let peepholes = self.peephole.is_some();
        match self.gates.len() == coupled::GATES.len() {
            true => Cell::Coupled { peepholes },
            false => Cell::Lstm { peepholes },
        }
    }

    fn input_weights(&self) -> &Array2<f32> {
        &self.w_x
    }

    fn recurrent_weights(&self) -> &Array2<f32> {
        &self.w_h
    }

    fn weights_mut(&mut self) -> [&mut Array2<f32>; 2] {
        [&mut self.w_x, &mut self.w_h]
    }

    fn parameters(&self) -> Vec<LayerParameter<'_>> {
        let mut all = vec![
            LayerParameter::of("w_x", ParameterKind::Weight, &self.w_x),
            LayerParameter::of("w_h", ParameterKind::Weight, &self.w_h),
            LayerParameter::of("bias", ParameterKind::Bias, &self.bias),
        ];
        if let Some(peephole) = &self.peephole {
            all.push(LayerParameter::of(
                "peephole",
                ParameterKind::Peephole,
                peephole,
            ));
        }
        all
    }

    fn values_mut(&mut self) -> Vec<&mut [f32]> {
        let mut all = vec![
            values_of(&mut self.w_x),
            values_of(&mut self.w_h),
            values_of(&mut self.bias),
        ];
        all.extend(self.peephole.as_mut().map(values_of));
        all
    }

    fn bias_mut(&mut self) -> &mut Array1<f32> {
        &mut self.bias
    }

    fn keep_other_units(&mut self, units: &[usize]) {
        self.peephole = self.peephole.as_ref().map(|p| columns(p, units));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (1) to (6): each role once, in the engine's order, and peepholes i, f, o.
    #[test]
    fn gates_are_those_of_the_equations() {
        let letters: String = GATES.iter().map(|gate| gate.letter).collect();
        assert_eq!(letters, "ifgo");
        let with: String = (0..PEEPHOLES)
            .map(|p| GATES[gate_of_peephole(&GATES, p)].letter)
            .collect();
        assert_eq!(with, "ifo");
        assert_eq!(PEEPHOLES, peepholes_of(&GATES));
    }
}
