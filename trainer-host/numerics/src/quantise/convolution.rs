//! The convolution: its filters are rows of a dense layer, and its inputs have a range for each channel.
//!
//! ```text
//! w = round(W S_c / s_r)    for the weights of channel c                                       (QC)
//! ```
//!
//! `S_c` starts as the calibrated reach. With int16 activations it is widened as far as no row scale grows, as the
//! first recurrent layer's is without a convolution.

use lstm_nostd::artifact::Conv;
use lstm_nostd::kernels::{Scheme, Width};

use super::dequantise::matrix;
use super::moments::Moments;
use super::recurrent::input_ranges;
use super::{Plan, QuantiseError, dense};
use crate::network::{ConvActivation, Convolution, DenseLayer};
use crate::passes::activation_format::ActivationFormat;
use crate::quantise::calibrate::ConvRanges;

/// The integers of a convolution.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvIntegers {
    /// As the model file has them.
    pub content: Conv,
    /// Range `S_c` of each input channel, `[C]`.
    pub input_range: Vec<f64>,
    /// Range of the outputs: `y_real = y · range / 2^(b−1)`.
    pub output_range: f64,
}

/// The layer and what decides its formats.
pub(super) struct Job<'a> {
    pub(super) name: String,
    pub(super) conv: &'a Convolution,
    pub(super) layer: &'a DenseLayer,
    pub(super) ranges: &'a ConvRanges,
    pub(super) scheme: Scheme,
    /// Of the windows, for a rounding by output error.
    pub(super) moments: Option<Moments>,
}

impl Job<'_> {
    pub(super) fn quantise(&self, plan: &Plan<'_>) -> Result<ConvIntegers, QuantiseError> {
        let width = self.scheme.width();
        let (_, narrowest, widest) = input_ranges(&self.ranges.input, plan, width);
        let input_range = self.widened(&narrowest, &widest);
        // In units of their range, inputs are below one.
        let of_column = |j: usize| input_range[j % input_range.len()];
        let mut layer = self.layer.clone();
        for ((_, j), w) in layer.weight.indexed_iter_mut() {
            *w = (f64::from(*w) * of_column(j)) as f32;
        }
        let in_range: Vec<f64> = (0..layer.weight.ncols())
            .map(|j| 1.0 / of_column(j))
            .collect();
        let job = dense::Job {
            name: self.name.clone(),
            layer: &layer,
            scheme: self.scheme,
            clipping: plan.clipping,
            input_range: 1.0,
            relu_reach: Some(self.reach(plan)),
            moments: self.moments.as_ref().map(|all| all.scaled(&in_range)),
        };
        let (filters, output_range) = job.quantise()?;
        // The structure bounds all three.
        let content = Conv {
            filters,
            kernel: self.conv.kernel as u16,
            stride: self.conv.stride as u16,
            first: self.conv.first() as u16,
            is_rectified: self.conv.activation == ConvActivation::Relu,
        };
        Ok(ConvIntegers {
            content,
            input_range,
            output_range,
        })
    }

    /// What the outputs reach.
    pub(super) fn reach(&self, plan: &Plan<'_>) -> f64 {
        (self.ranges.outputs).reach(plan.clipping, self.scheme.width())
    }

    /// Each `S_c` as wide as every row keeps its scale.
    fn widened(&self, narrowest: &[f64], widest: &[f64]) -> Vec<f64> {
        let weight = &self.layer.weight;
        let channels = narrowest.len();
        let row_max = |r: usize| {
            let row = weight.row(r).into_iter().enumerate();
            row.map(|(j, w)| f64::from(w.abs()) * narrowest[j % channels])
                .fold(0.0, f64::max)
        };
        let largest: Vec<f64> = (0..weight.nrows()).map(row_max).collect();
        let mut wide = widest.to_vec();
        for ((r, j), w) in weight.indexed_iter() {
            let room = largest[r] / f64::from(w.abs()).max(1e-30);
            let c = j % channels;
            wide[c] = wide[c].min(room).max(narrowest[c]);
        }
        wide
    }
}

/// A convolution of this shape whose integers answer nothing, as large as any of its shape in a model file.
pub fn empty(conv: &Convolution, channels: usize, scheme: Scheme) -> Conv {
    Conv {
        filters: lstm_nostd::artifact::Dense {
            scheme,
            weight: vec![vec![0; conv.kernel * channels]; conv.filters],
            bias: vec![0; conv.filters],
            mult: vec![0; conv.filters],
            ..lstm_nostd::artifact::Dense::default()
        },
        kernel: conv.kernel as u16,
        stride: conv.stride as u16,
        first: conv.first() as u16,
        is_rectified: conv.activation == ConvActivation::Relu,
    }
}

impl ConvIntegers {
    /// What the integers stand for.
    pub(super) fn layer(&self) -> DenseLayer {
        let filters = &self.content.filters;
        let full_scale = 2f64.powi(filters.scheme.width().bits() as i32 - 1);
        let shift = 2f64.powi(32 - i32::from(filters.output_shift));
        let scale = |r: usize| f64::from(filters.mult[r]) * self.output_range / shift;
        let channels = self.input_range.len();
        DenseLayer {
            weight: matrix(&filters.weight, |r, j| {
                scale(r) / self.input_range[j % channels]
            }),
            bias: (filters.bias.iter().enumerate())
                .map(|(r, bias)| (f64::from(*bias) * scale(r) / full_scale) as f32)
                .collect(),
        }
    }

    /// The step of int8 outputs.
    pub(super) fn format(&self) -> Option<ActivationFormat> {
        (self.content.filters.scheme.width() == Width::Int8).then(|| ActivationFormat {
            step: (self.output_range / 128.0) as f32,
        })
    }
}
