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
//! (Gers, Schraudolph and Schmidhuber 2002). Rows are stored in the order of [`GATES`].

use ndarray::{Array1, Array2, s};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::network::ParameterKind;
use crate::network::initialisation::{Initialisation, input_weights};
use crate::network::prune::{columns, rows};
use crate::network::recurrent::{
    Activation, Cell, Gate, GateRole, LayerParameter, Recurrent, gate_rows, values_of,
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

/// Parameters of one LSTM layer of `H` units; rows in the order of [`GATES`].
#[derive(Clone, Debug, PartialEq)]
pub struct LstmLayer {
    /// Input weights, `[4H, I]`.
    pub w_x: Array2<f32>,
    /// Recurrent weights, `[4H, H]`.
    pub w_h: Array2<f32>,
    /// Biases, `[4H]`.
    pub bias: Array1<f32>,
    /// Peephole weights in the order i, f, o, `[3, H]`; absent in a network without peepholes.
    pub peephole: Option<Array2<f32>>,
}

/// The number of the gate of this role.
pub(crate) fn gate(role: GateRole) -> usize {
    (GATES.iter().position(|gate| gate.role == role)).expect("an LSTM has a gate of every role")
}

/// The gate to which row `p` of the peepholes belongs.
pub(crate) fn gate_of_peephole(p: usize) -> usize {
    (GATES.iter().position(|gate| gate.peephole == Some(p)))
        .expect("every row of the peepholes belongs to a gate")
}

impl LstmLayer {
    /// A layer whose parameters are all zero.
    pub fn zeros(inputs: usize, units: usize, peepholes: bool) -> Self {
        let rows = GATES.len() * units;
        Self {
            w_x: Array2::zeros((rows, inputs)),
            w_h: Array2::zeros((rows, units)),
            bias: Array1::zeros(rows),
            peephole: peepholes.then(|| Array2::zeros((PEEPHOLES, units))),
        }
    }
}

impl Recurrent for LstmLayer {
    fn cell(&self) -> Cell {
        Cell::Lstm {
            peepholes: self.peephole.is_some(),
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

    fn initialise(&mut self, initialisation: Initialisation, rng: &mut ChaCha8Rng) {
        let units = self.units();
        input_weights(&mut self.w_x, units, initialisation.input, rng);
        for gate in 0..GATES.len() {
            let block = initialisation.recurrent_block(units, rng);
            let rows = gate_rows(gate, units);
            self.w_h.slice_mut(s![rows, ..]).assign(&block);
        }
    }

    /// A larger bias remembers for longer to begin with, about `exp(bias)` steps (Gers, Schmidhuber and Cummins
    /// 2000).
    fn set_forget_bias(&mut self, value: f32) {
        let rows = gate_rows(gate(GateRole::Forget), self.units());
        self.bias.slice_mut(s![rows]).fill(value);
    }

    fn set_chrono_biases(&mut self, steps: u32, rng: &mut ChaCha8Rng) {
        let units = self.units();
        let [input, forget] = [GateRole::Input, GateRole::Forget].map(|role| gate(role) * units);
        for unit in 0..units {
            let bias = rng.random_range(1.0..(steps - 1) as f32).ln();
            self.bias[input + unit] = -bias;
            self.bias[forget + unit] = bias;
        }
    }

    fn keep_units(&mut self, units: &[usize]) {
        let all = self.units();
        let kept: Vec<usize> = (0..GATES.len())
            .flat_map(|gate| units.iter().map(move |u| gate * all + u))
            .collect();
        self.w_x = rows(&self.w_x, &kept);
        self.w_h = columns(&rows(&self.w_h, &kept), units);
        self.bias = kept.iter().map(|r| self.bias[*r]).collect();
        self.peephole = self.peephole.as_ref().map(|p| columns(p, units));
    }

    fn keep_inputs(&mut self, inputs: &[usize]) {
        self.w_x = columns(&self.w_x, inputs);
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
            .map(|p| GATES[gate_of_peephole(p)].letter)
            .collect();
        assert_eq!(with, "ifo");
        for (number, of) in GATES.iter().enumerate() {
            assert_eq!(gate(of.role), number);
        }
    }
}
