//! Integers as the f32 values that they stand for: the fake-quantised network.
//!
//! ```text
//! Ŵ_h = s_r w_h,  Ŵ_x = s_r w_x 2^κ / S_j,  b̂ = s_r bias 2⁻¹⁵,  P̂ = s_r p 2^−m     (FQ1)
//! ```
//!
//! With [`ActivationFormats`] beside it, its f32 arithmetic differs from the integers' by the rounding of
//! gates, cell and int16 activations alone.

use lstm_nostd::artifact::Dense;
use lstm_nostd::kernels::Width;
use ndarray::Array1;

use super::dequantise::matrix;
use super::{ConvIntegers, Q15, QuantisedNetwork, RecurrentIntegers};
use crate::network::{DenseLayer, Mode, Network, NetworkConfig};
use crate::passes::activation_format::{ActivationFormat, ActivationFormats};
use crate::quantise::output::OutputFormat;

/// A network whose weights are those of integers.
#[derive(Clone, Debug, PartialEq)]
pub struct FakeQuantised {
    /// (FQ1)
    pub network: Network,
    /// What its activations are rounded to.
    pub formats: ActivationFormats,
}

impl QuantisedNetwork {
    /// What the integers of a network of this structure stand for.
    pub fn fake(&self, config: &NetworkConfig) -> FakeQuantised {
        FakeQuantised {
            network: Network {
                config: config.clone(),
                conv: self.conv.as_ref().map(ConvIntegers::layer),
                recurrent: (self.recurrent.iter())
                    .map(RecurrentIntegers::layer)
                    .collect(),
                dense: self.dense(),
            },
            formats: self.formats(config),
        }
    }

    fn formats(&self, config: &NetworkConfig) -> ActivationFormats {
        let step = |step: f64| ActivationFormat { step: step as f32 };
        let conv = self.conv.as_ref();
        let first = config.first_recurrent();
        let inputs: Vec<(Width, u8)> = (conv.iter())
            .map(|conv| (conv.content.filters.scheme.width(), 0))
            .chain((self.recurrent.iter()).map(|l| (l.scheme().width(), l.input_shift())))
            .chain((self.dense.iter()).map(|layer| (layer.scheme.width(), layer.input_shift)))
            .collect();
        // (N) of docs/numerics.md: int16 values of this range on their way to layer `above`.
        let narrowed = |width: Width, above: usize, range: f64| match (width, inputs[above]) {
            (Width::Int16, (Width::Int8, shift)) => {
                Some(step(range * 2f64.powi(i32::from(shift)) / Q15))
            }
            _ => None,
        };
        let is_mean = config.mode == Mode::SequenceToMean;
        let head = first + self.recurrent.len();
        let upward = |l: usize| match first + config.layer_above(l) {
            // The mean goes up in their place.
            above if is_mean && above == head => None,
            above => narrowed(inputs[first + l].0, above, self.recurrent[l].hidden_unit()),
        };
        let of_layers = |format: fn(&RecurrentIntegers) -> Option<ActivationFormat>| {
            self.recurrent.iter().map(format).collect()
        };
        ActivationFormats {
            input: match inputs[0].0 {
                Width::Int8 => self
                    .input_range
                    .iter()
                    .map(|range| step(range / 128.0))
                    .collect(),
                Width::Int16 => Vec::new(),
            },
            conv: conv.and_then(|conv| match conv.format() {
                Some(format) => Some(format),
                None => narrowed(inputs[0].0, 1, conv.output_range),
            }),
            hidden: of_layers(RecurrentIntegers::format),
            shown: of_layers(RecurrentIntegers::shown_format),
            upward: (0..self.recurrent.len()).map(upward).collect(),
            // (MT2)
            mean: (self.recurrent.last().filter(|_| is_mean))
                .and_then(|top| narrowed(Width::Int16, head, top.hidden_unit())),
            dense: (self.relu_range.iter().zip(head..))
                .map(|(range, l)| match inputs[l].0 {
                    Width::Int8 => Some(step(range / 128.0)),
                    width => narrowed(width, l + 1, *range),
                })
                .collect(),
        }
    }

    fn dense(&self) -> Vec<DenseLayer> {
        (self.dense.iter().zip(&self.dense_range).enumerate())
            .map(|(l, (layer, input_range))| {
                let full_scale = 2f64.powi(layer.scheme.width().bits() as i32 - 1);
                let is_hidden = self.relu_range.get(l);
                let units = is_hidden.map_or(65_536.0, |range| full_scale / range);
                let format = |r: usize| match is_hidden {
                    Some(_) => OutputFormat::LOGIT,
                    None => self.outputs[r],
                };
                let gain = 2f64.powi(32 - i32::from(layer.output_shift)) / full_scale * units;
                let scale = |r: usize| f64::from(layer.mult[r]) / gain * format(r).unit();
                DenseLayer {
                    weight: matrix(&layer.weight, |r, _| scale(r) / input_range),
                    bias: bias(layer, |r| scale(r) / full_scale, |r| format(r).centre),
                }
            })
            .collect()
    }
}

fn bias(layer: &Dense, unit: impl Fn(usize) -> f64, centre: impl Fn(usize) -> f64) -> Array1<f32> {
    let values = layer.bias.iter().enumerate();
    values
        .map(|(r, bias)| (f64::from(*bias) * unit(r) + centre(r)) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use lstm_nostd::kernels::Scheme;
    use ndarray::Array2;

    use super::*;
    use crate::network::{Cell, Direction, Head};
    use crate::quantise::calibrate::Calibration;
    use crate::quantise::magnitudes::Clipping;
    use crate::quantise::{Plan, Rounding, quantise};

    #[test]
    fn a_mean_over_time_is_rounded_in_place_of_its_outputs() {
        let schemes = [Scheme::W8a16, Scheme::W8a16, Scheme::W8a8];
        for second in [Direction::Forward, Direction::Beside] {
            let config = NetworkConfig {
                inputs: 2,
                conv: None,
                directions: vec![Direction::Forward, second],
                hidden: vec![3, 3],
                cell: Cell::Gru,
                dense: vec![],
                outputs: 2,
                head: Head::Softmax,
                mode: Mode::SequenceToMean,
            };
            let network = Network::new(&config, 1).unwrap();
            let sequence = Array2::from_shape_fn((9, 2), |(t, j)| ((t * 3 + j) as f32).sin());
            let sequences = [sequence.view()];
            let plan = Plan {
                schemes: &schemes,
                smallest_input_range: &[0.0; 2],
                output_mean: &[0.0; 2],
                clipping: Clipping::MinMax,
                rounding: Rounding::Nearest,
                equal_shifts: false,
            };
            let calibration = Calibration::observe(&network, &sequences);
            let quantised = quantise(&network, &calibration, &plan, &sequences).unwrap();
            let formats = quantised.fake(&config).formats;
            assert_eq!(formats.upward, [None, None], "{second:?}");
            assert!(formats.mean.is_some(), "{second:?}");
        }
    }
}
