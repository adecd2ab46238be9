//! One LSTM layer with a recurrent projection.
//!
//! ```text
//! m_t = o_t ⊙ tanh(c_t)                                    (PJ1)
//! h_t = W_r m_t                                            (PJ2)
//! ```
//!
//! (Sak, Senior and Beaufays 2014, "LSTMP"; PyTorch's `proj_size`.) c_t and o_t are those of (1) to (5) of [`super::lstm`]
//! with h_{t−1} of (PJ2), so `H` units read and hand on `P` values, which are fewer.

use ndarray::{Array1, Array2, s};
use rand_chacha::ChaCha8Rng;

use super::lstm::{GATES, LstmLayer};
use crate::network::ParameterKind;
use crate::network::initialisation::{Initialisation, input_weights};
use crate::network::prune::{columns, rows};
use crate::network::recurrent::{Cell, LayerParameter, Recurrent, gate_rows, values_of};

/// Parameters of one such layer of `H` units and `P` outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectedLayer {
    /// The units; recurrent weights are `[4H, P]`.
    pub lstm: LstmLayer,
    /// W_r, `[P, H]`.
    pub w_r: Array2<f32>,
}

impl ProjectedLayer {
    /// A layer whose parameters are all zero.
    pub(crate) fn zeros(inputs: usize, units: usize, outputs: usize, peepholes: bool) -> Self {
        let mut lstm = LstmLayer::zeros(&GATES, inputs, units, peepholes);
        lstm.w_h = Array2::zeros((lstm.w_h.nrows(), outputs));
        Self {
            lstm,
            w_r: Array2::zeros((outputs, units)),
        }
    }
}

impl Recurrent for ProjectedLayer {
    fn cell(&self) -> Cell {
        Cell::Projected {
            peepholes: self.lstm.peephole.is_some(),
            outputs: self.w_r.nrows(),
        }
    }

    fn input_weights(&self) -> &Array2<f32> {
        &self.lstm.w_x
    }

    fn recurrent_weights(&self) -> &Array2<f32> {
        &self.lstm.w_h
    }

    fn weights_mut(&mut self) -> [&mut Array2<f32>; 2] {
        self.lstm.weights_mut()
    }

    fn parameters(&self) -> Vec<LayerParameter<'_>> {
        let projection = LayerParameter::of("w_r", ParameterKind::Weight, &self.w_r);
        let mut all = self.lstm.parameters();
        all.push(projection);
        all
    }

    fn values_mut(&mut self) -> Vec<&mut [f32]> {
        let mut all = self.lstm.values_mut();
        all.push(values_of(&mut self.w_r));
        all
    }

    fn bias_mut(&mut self) -> &mut Array1<f32> {
        &mut self.lstm.bias
    }

    /// As of other kinds; recurrent weights are the first columns of a square block, and the projection the first rows of
    /// one.
    fn initialise(&mut self, initialisation: Initialisation, rng: &mut ChaCha8Rng) {
        let (units, outputs) = (self.units(), self.outputs());
        input_weights(&mut self.lstm.w_x, units, initialisation.input, rng);
        for gate in 0..GATES.len() {
            let block = initialisation.recurrent_block(units, rng);
            let mut rows = self.lstm.w_h.slice_mut(s![gate_rows(gate, units), ..]);
            rows.assign(&block.slice(s![.., ..outputs]));
        }
        let block = initialisation.recurrent_block(units, rng);
        self.w_r.assign(&block.slice(s![..outputs, ..]));
    }

    /// What the units read of outputs stays.
    fn keep_units(&mut self, units: &[usize]) {
        self.lstm.keep_rows_of(units);
        self.w_r = columns(&self.w_r, units);
    }

    fn keep_other_units(&mut self, units: &[usize]) {
        self.lstm.keep_other_units(units);
    }
}

impl ProjectedLayer {
    /// Keeps these outputs alone, in ascending order.
    pub(crate) fn keep_outputs(&mut self, outputs: &[usize]) {
        self.lstm.w_h = columns(&self.lstm.w_h, outputs);
        self.w_r = rows(&self.w_r, outputs);
    }
}
