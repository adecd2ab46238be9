//! Dense layers: hidden ones with ReLU, and the output layer.
//!
//! ```text
//! hidden:  y = max(0, sat(W x + b))    int16 or int8, in the calibrated range of the layer
//! output:  y = W x + b                 int32, Q15.16
//! ```

use fixed::types::I16F16;

use crate::kernels::{Block, DenseOutputs, DenseParameters, Kernels, Width, lanes_mut};

/// A hidden layer: `x: [I]` to `y: [O]` in blocks of the layer's width; lanes past `O` stay as they are.
#[inline(always)]
pub fn relu<K: Kernels>(layer: &DenseParameters<'_>, x: &[Block], y: &mut [Block]) {
    let mut y = match layer.width.in_build() {
        Width::Int16 => DenseOutputs::Int16(lanes_mut(y)),
        Width::Int8 => DenseOutputs::Int8(lanes_mut(y)),
    };
    K::dense(layer, x, &mut y);
}

/// The output layer: `x: [I]` in blocks of the layer's width to `y: [O]`.
#[inline(always)]
pub fn output<K: Kernels>(layer: &DenseParameters<'_>, x: &[Block], y: &mut [I16F16]) {
    K::dense(layer, x, &mut DenseOutputs::Values(y));
}
