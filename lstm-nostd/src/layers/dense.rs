//! Dense layers: hidden ones with ReLU, and the output layer.
//!
//! ```text
//! hidden:  y = max(0, sat(W x + b))    int16 or int8, in the calibrated range of the layer
//! output:  y = W x + b                 int32, Q15.16
//! ```

use fixed::types::I16F16;

use crate::kernels::{Activation, Block, DenseParameters, Kernels, Width, lanes_mut};

/// A hidden layer: `x: [I]` to `y: [O]` in blocks of the layer's width; lanes past `O` stay as they are.
#[inline(always)]
pub fn relu<K: Kernels>(layer: &DenseParameters<'_>, x: &[Block], y: &mut [Block]) {
    match layer.width.in_build() {
        Width::Int16 => relu_lanes::<K, i16>(layer, x, lanes_mut(y)),
        Width::Int8 => relu_lanes::<K, i8>(layer, x, lanes_mut(y)),
    }
}

#[inline(always)]
fn relu_lanes<K: Kernels, A: Activation>(layer: &DenseParameters<'_>, x: &[Block], y: &mut [A]) {
    for (row, y) in y.iter_mut().enumerate().take(layer.outputs) {
        *y = A::saturate(K::dense_row(layer, row, x).max(0));
    }
}

/// The output layer: `x: [I]` in blocks of the layer's width to `y: [O]`.
#[inline(always)]
pub fn output<K: Kernels>(layer: &DenseParameters<'_>, x: &[Block], y: &mut [I16F16]) {
    for (row, y) in y.iter_mut().enumerate().take(layer.outputs) {
        *y = I16F16::from_bits(K::dense_row(layer, row, x));
    }
}
