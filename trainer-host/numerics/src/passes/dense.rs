//! A dense layer over all rows of a pass, forward and backward: (7) of [`crate::network`].

use crate::compute::lanes::{Backend, LANES, Line, add_lines};
use crate::compute::panels::{Panels, broadcast, row_slices};
use crate::compute::product::{Correlate, Multiply};
use crate::network::DenseLayer;

/// A dense layer's parameters in panels.
#[derive(Clone, Debug)]
pub(crate) struct PackedDense {
    /// Wᵀ, `[I, O]`.
    pub(crate) weight: Panels,
    /// One line for each panel of the outputs.
    pub(crate) bias: Vec<Line>,
}

impl PackedDense {
    pub(crate) fn of(layer: &DenseLayer) -> Self {
        let (outputs, inputs) = layer.weight.dim();
        let mut weight = Panels::zeros(inputs, outputs);
        for (r, row) in row_slices(&layer.weight).enumerate() {
            weight.write_column(r, row);
        }
        let mut bias = vec![Line::default(); outputs.div_ceil(LANES)];
        for (r, value) in layer.bias.iter().enumerate() {
            bias[r / LANES].0[r % LANES] = *value;
        }
        Self { weight, bias }
    }

    /// W x + b for the rows of `x` from `first` on, into `outputs`, `[rows, O]`.
    pub(crate) fn run(&self, backend: Backend, (x, first): (&Panels, usize), outputs: &mut Panels) {
        outputs.reshape(x.rows() - first, self.weight.columns());
        broadcast(&self.bias, outputs);
        backend.run(Multiply {
            c: outputs,
            c_row: 0,
            c_panel: 0,
            a: x,
            a_rows: first..x.rows(),
            a_panel: 0,
            w: &self.weight,
        });
    }
}

/// Negative values become zero.
pub(crate) fn relu(outputs: &mut Panels) {
    for line in outputs.lines_mut() {
        line.0.iter_mut().for_each(|y| *y = y.max(0.0));
    }
}

/// W of a dense layer, `[O, I]`.
pub(crate) fn transposed(layer: &DenseLayer) -> Panels {
    let mut packed = Panels::zeros(layer.weight.nrows(), layer.weight.ncols());
    for (r, row) in row_slices(&layer.weight).enumerate() {
        packed.write_row(r, row);
    }
    packed
}

/// Buffers and gradients of one dense layer.
#[derive(Debug, Default)]
pub(crate) struct DenseBack {
    /// Gradient of the outputs, `[rows, O]`.
    pub(crate) d_outputs: Panels,
    /// d_Wᵀ, `[I, O]`.
    pub(crate) d_weight: Panels,
    pub(crate) d_bias: Vec<Line>,
}

impl DenseBack {
    /// The gradients of weights and biases, for inputs in the rows of `x` from `first` on.
    pub(crate) fn correlate(&mut self, backend: Backend, (x, first): (&Panels, usize)) {
        self.d_weight.reset(x.columns(), self.d_outputs.columns());
        backend.run(Correlate {
            c: &mut self.d_weight,
            a: x,
            a_row: first,
            d: &self.d_outputs,
            d_rows: 0..self.d_outputs.rows(),
            d_panel: 0,
        });
        self.d_bias.clear();
        self.d_bias.resize(self.d_outputs.panels(), Line::default());
        self.d_outputs.sum_rows(&mut self.d_bias);
    }

    /// The gradient of the inputs; `weight` is that of [`transposed`].
    pub(crate) fn d_inputs(&self, backend: Backend, weight: &Panels, d_inputs: &mut Panels) {
        let rows = self.d_outputs.rows();
        d_inputs.reset(rows, weight.columns());
        backend.run(Multiply {
            c: d_inputs,
            c_row: 0,
            c_panel: 0,
            a: &self.d_outputs,
            a_rows: 0..rows,
            a_panel: 0,
            w: weight,
        });
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.d_weight.add(&other.d_weight);
        add_lines(&mut self.d_bias, &other.d_bias);
    }

    pub(crate) fn unpack(&self, layer: &mut DenseLayer) {
        for (r, mut row) in layer.weight.rows_mut().into_iter().enumerate() {
            let row = row
                .as_slice_mut()
                .expect("gradients are stored in row-major order");
            self.d_weight.read_column(r, row);
        }
        for (r, value) in layer.bias.iter_mut().enumerate() {
            *value = self.d_bias[r / LANES].0[r % LANES];
        }
    }
}

/// Where a ReLU gave zero, its input's gradient is zero.
pub(crate) fn through_relu(outputs: &Panels, gradient: &mut Panels) {
    for (y, d) in outputs.lines().iter().zip(gradient.lines_mut()) {
        for (y, d) in y.0.iter().zip(&mut d.0) {
            *d = if *y > 0.0 { *d } else { 0.0 };
        }
    }
}
