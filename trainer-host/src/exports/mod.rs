//! A run's f32 network as files of other programs: ONNX, a PyTorch `state_dict`, and plain arrays. Its integers as C.
//!
//! Gate orders and biases come from the table that imports use, [`crate::import::Convention`]. So what is written here
//! is read back by [`crate::import`] with the same weights. Inputs are real values, and so are outputs: normalisation
//! is part of an ONNX graph, and lies beside the weights in the other files.

mod c_source;
mod npz;
mod onnx;
mod state_dict;
#[cfg(test)]
mod tests;

pub use c_source::CSource;
pub use npz::to_npz;
pub use onnx::to_onnx;
pub use state_dict::{ExportError, to_state_dict};

use ndarray::{Array1, Array3};

use crate::data::Normalisation;
use crate::network::{Convolution, DenseLayer, Network};
use crate::run::Fitted;

/// A normalisation that changes something, as real means and deviations, each `[I]`.
fn stage(normalisation: &Normalisation) -> Option<(Vec<f64>, Vec<f64>)> {
    let means = normalisation.real_means();
    let deviations: Vec<f64> = normalisation
        .deviation
        .iter()
        .copied()
        .map(f64::from)
        .collect();
    let changes = means.iter().any(|mean| *mean != 0.0) || deviations.iter().any(|d| *d != 1.0);
    changes.then_some((means, deviations))
}

/// The output layer with a regression's outputs in real units: `(W x + b) · deviation + mean`, rounded once.
fn output_in_real_units(network: &Network, fitted: &Fitted) -> DenseLayer {
    let mut last = (network.dense.last())
        .expect("a network has an output layer")
        .clone();
    let Some((means, deviations)) = fitted.targets.as_ref().and_then(stage) else {
        return last;
    };
    for (o, (mean, deviation)) in means.into_iter().zip(deviations).enumerate() {
        (last.weight.row_mut(o)).mapv_inplace(|w| (f64::from(w) * deviation) as f32);
        last.bias[o] = (f64::from(last.bias[o]) * deviation + mean) as f32;
    }
    last
}

/// All dense layers, the last one in real units.
fn dense_layers(network: &Network, fitted: &Fitted) -> Vec<DenseLayer> {
    let below = &network.dense[..network.dense.len() - 1];
    let mut layers = below.to_vec();
    layers.push(output_in_real_units(network, fitted));
    layers
}

/// The weights of a convolution as `[F, C, K]`, in the order of PyTorch and ONNX.
fn channels_first(conv: &Convolution, layer: &DenseLayer) -> Array3<f32> {
    let channels = layer.weight.ncols() / conv.kernel;
    Array3::from_shape_fn((conv.filters, channels, conv.kernel), |(f, c, k)| {
        layer.weight[[f, k * channels + c]]
    })
}

fn singles(values: &[f64]) -> Array1<f32> {
    values.iter().map(|value| *value as f32).collect()
}
