//! Dense layers: hidden ones with ReLU, and the output layer.
//!
//! ```text
//! hidden:  y = max(0, sat16(W x + b))    int16, in the calibrated range of the layer
//! output:  y = W x + b                   int32, Q15.16
//! ```

use fixed::types::I16F16;

use crate::kernels::{DenseParameters, I16x4, Kernels};
use crate::requant::saturate16;

/// A hidden layer: `x: [⌈I/4⌉]` to `y: [⌈O/4⌉]`; lanes past `O` stay as they are.
#[inline(always)]
pub fn relu<K: Kernels>(layer: &DenseParameters<'_>, x: &[I16x4], y: &mut [I16x4]) {
    K::dense(layer, x, |row, value| {
        if let Some(block) = y.get_mut(row / 4) {
            block.0[row % 4] = saturate16(value).max(0);
        }
    });
}

/// The output layer: `x: [⌈I/4⌉]` to `y: [O]`.
#[inline(always)]
pub fn output<K: Kernels>(layer: &DenseParameters<'_>, x: &[I16x4], y: &mut [I16F16]) {
    K::dense(layer, x, |row, value| {
        if let Some(y) = y.get_mut(row) {
            *y = I16F16::from_bits(value);
        }
    });
}
