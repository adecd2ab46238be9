//! One GRU layer and its gates.
//!
//! ```text
//! r_t = σ(W_xr x_t + W_hr h_{t−1} + b_r)                   (GR1)
//! z_t = σ(W_xz x_t + W_hz h_{t−1} + b_z)                   (GR2)
//! n_t = tanh(W_xn x_t + b_n + r_t ⊙ (W_hn h_{t−1} + b_hn)) (GR3)
//! h_t = (1 − z_t) ⊙ n_t + z_t ⊙ h_{t−1}                    (GR4)
//! ```
//!
//! (Cho et al. 2014, with the reset gate after the product, as in cuDNN and PyTorch.) Rows are stored in the order of
//! [`GATES`].

use ndarray::{Array1, Array2};

use crate::network::ParameterKind;
use crate::network::recurrent::{
    Activation, Cell, Gate, GateRole, LayerParameter, Recurrent, values_of,
};

/// The gates of a GRU, in the order in which all weights are stored.
pub const GATES: [Gate; 3] = [
    Gate {
        role: GateRole::Reset,
        letter: "r",
        name: "reset gate",
        activation: Activation::Sigmoid,
        peephole: None,
    },
    // It keeps the state, as an LSTM's forget gate does.
    Gate {
        role: GateRole::Forget,
        letter: "z",
        name: "update gate",
        activation: Activation::Sigmoid,
        peephole: None,
    },
    Gate {
        role: GateRole::Candidate,
        letter: "n",
        name: "candidate",
        activation: Activation::Tanh,
        peephole: None,
    },
];

/// Parameters of one GRU layer of `H` units; rows in the order of [`GATES`].
#[derive(Clone, Debug, PartialEq)]
pub struct GruLayer {
    /// Input weights, `[3H, I]`.
    pub w_x: Array2<f32>,
    /// Recurrent weights, `[3H, H]`.
    pub w_h: Array2<f32>,
    /// Biases, `[3H]`.
    pub bias: Array1<f32>,
    /// b_hn of (GR3), which the reset gate scales, `[H]`.
    pub recurrent_bias: Array1<f32>,
}

impl GruLayer {
    /// A layer whose parameters are all zero.
    pub(crate) fn zeros(inputs: usize, units: usize) -> Self {
        let rows = GATES.len() * units;
        Self {
            w_x: Array2::zeros((rows, inputs)),
            w_h: Array2::zeros((rows, units)),
            bias: Array1::zeros(rows),
            recurrent_bias: Array1::zeros(units),
        }
    }
}

impl Recurrent for GruLayer {
    fn cell(&self) -> Cell {
        Cell::Gru
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
        let recurrent = &self.recurrent_bias;
        vec![
            LayerParameter::of("w_x", ParameterKind::Weight, &self.w_x),
            LayerParameter::of("w_h", ParameterKind::Weight, &self.w_h),
            LayerParameter::of("bias", ParameterKind::Bias, &self.bias),
            LayerParameter::of("recurrent_bias", ParameterKind::Bias, recurrent),
        ]
    }

    fn values_mut(&mut self) -> Vec<&mut [f32]> {
        vec![
            values_of(&mut self.w_x),
            values_of(&mut self.w_h),
            values_of(&mut self.bias),
            values_of(&mut self.recurrent_bias),
        ]
    }

    fn bias_mut(&mut self) -> &mut Array1<f32> {
        &mut self.bias
    }

    fn keep_other_units(&mut self, units: &[usize]) {
        let all = &self.recurrent_bias;
        self.recurrent_bias = units.iter().map(|u| all[*u]).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of (GR1) to (GR4), and of the engine.
    #[test]
    fn gates_are_those_of_the_equations() {
        let letters: String = GATES.iter().map(|gate| gate.letter).collect();
        assert_eq!(letters, "rzn");
        assert_eq!(GATES.len(), lstm_nostd::kernels::GRU_ROWS);
    }
}
