//! Quantisation: an f32 network, its calibration and a plan in, integers out.
//!
//! ```text
//! magnitudes, calibrate, error, gptq, dequantise → moments, row, output → recurrent (rows → lstm, gru, gru_before →
//!   projected), dense → convolution → layer_inputs → mod → fake
//! ```
//!
//! The arithmetic that these integers enter is `docs/numerics.md`; here are the choices. `W` is the largest
//! weight of the layer's scheme (127 or 7), b the bits of its activations.
//!
//! ```text
//! s_r  = max(max_j |W_h[r,j]|, max_j |W_x[r,j]| S_j 2^−κ) / W        row scale          (Q1)
//! w_h  = round(W_h / s_r),   w_x = round(W_x S_j 2^−κ / s_r)         weights            (Q2)
//! bias = round(b 2¹⁵ / s_r), p = round(P 2^m / s_r)                  accumulator units  (Q3)
//! E_κ  = Σ_r s_r² (4^κ Σ_j E[x_j²]/S_j² + Σ_j E[h_j²])               rounding noise     (Q4)
//! ```
//!
//! * `S_j`, the range of input channel j, starts as the calibrated reach. With int16 activations it is then
//!   widened as far as no row scale grows: the inputs have bits to spare, the weights have not, and a wider
//!   `S_j` gives column j larger weights, hence less rounding noise (Q4).
//! * `κ`, which the layer's `x_shift` is 16 − b more than, is the one with the least noise `E_κ`. With int8
//!   activations, `x_shift = n` is taken if its noise is but a tenth more or if it is asked for: M55 then
//!   needs fewer instructions. If a row's scale were then too large for a multiplier, another κ is taken.
//! * `n`, the shift of an int8 hidden state, is the least that covers the calibrated reach.
//! * `m`, the cell's integer bits, covers twice the reach of the calibrated cells.
//! * A row that could overflow its 32-bit accumulator gets a larger scale until it cannot.
//!
//! A reach is the largest magnitude or clips, see [`Clipping`]; so does a row's scale, (R1). "round" is to
//! the nearest integer or to the integers of least output error, see [`Rounding`]. A layer is then rounded
//! for the inputs that the integers below it give.

pub mod calibrate;
pub mod convolution;
mod dense;
mod dequantise;
mod error;
mod fake;
mod gptq;
mod layer_inputs;
pub mod magnitudes;
mod moments;
pub mod output;
pub mod recurrent;
mod row;

use lstm_nostd::artifact::{Dense, Recurrent};
use lstm_nostd::kernels::{Scheme, Width};
use ndarray::ArrayView2;

pub use convolution::ConvIntegers;
pub use error::QuantiseError;
pub use fake::FakeQuantised;
pub use recurrent::RecurrentIntegers;

use crate::network::{DenseLayer, Direction, Head, LayerShape, Mode, Network};
use crate::passes::activation_format::ActivationFormat;
use crate::quantise::calibrate::Calibration;
use crate::quantise::layer_inputs::LayerInputs;
use crate::quantise::magnitudes::{Clipping, largest_integer};
use crate::quantise::output::OutputFormat;

/// Units of Q0.15 in one.
const Q15: f64 = 32_768.0;
/// The range over the calibrated reach. int16 has bits to spare for values that have not come yet; int8 has
/// none, and 127 of its 128 steps hold the reach.
const fn range_margin(width: Width) -> f64 {
    match width {
        Width::Int16 => 1.25,
        Width::Int8 => 128.0 / 127.0,
    }
}
/// Between int8 and int16 of the same range.
const WIDTH_SHIFT: u8 = 8;
/// Smaller row scales would leave the 32-bit multiplier fewer than 13 significant bits.
const SMALLEST_SCALE: f64 = 1.0 / 65_536.0;
/// The bound on a row's accumulator, `docs/numerics.md`.
const ACCUMULATOR_BOUND: f64 = 2_147_483_648.0;

/// How weights become integers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// Each to the nearest.
    #[default]
    Nearest,
    /// Those of a row together, so that the row's output changes least: GPTQ and a descent after it.
    Gptq,
}

impl Rounding {
    /// Every way.
    pub const ALL: [Self; 2] = [Self::Nearest, Self::Gptq];

    /// As on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Gptq => "gptq",
        }
    }
}

/// What is to be decided before a network is quantised.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan<'a> {
    /// Of the convolution, if there is one, then of the recurrent layers, then of the dense layers.
    pub schemes: &'a [Scheme],
    /// A lower bound on the first layer's `S_j` (`[I]`, normalised units), which the input stage's
    /// multiplier may need. A channel that never moved needs none: it is zero under any multiplier, and a
    /// wide range would cost the other channels their weights.
    pub smallest_input_range: &'a [f64],
    /// What is to be added to each output of a linear network for real units, `[O]`: it is no part of the
    /// network, and must be none of an accumulator.
    pub output_mean: &'a [f64],
    /// How ranges and scales follow from what was observed.
    pub clipping: Clipping,
    /// How weights become integers.
    pub rounding: Rounding,
    /// Whether layers of int8 activations get `x_shift = n` whatever noise it adds. Where no multiplier holds the scales
    /// that this needs, they do not.
    pub equal_shifts: bool,
}

/// The integers of a whole network.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantisedNetwork {
    /// Range `S_j` of each input channel in normalised units: `x_real = x · S_j / 2^(b−1)`, `[I]`.
    pub input_range: Vec<f64>,
    /// The convolution, if there is one.
    pub conv: Option<ConvIntegers>,
    /// Recurrent layers, first to last.
    pub recurrent: Vec<RecurrentIntegers>,
    /// Dense layers, first to last.
    pub dense: Vec<Dense>,
    /// Range of each dense layer's inputs.
    pub dense_range: Vec<f64>,
    /// Range of each hidden dense layer's outputs.
    pub relu_range: Vec<f64>,
    /// Of each output, `[O]`.
    pub outputs: Vec<OutputFormat>,
}

impl QuantisedNetwork {
    /// The recurrent layers as a model file has them.
    pub fn recurrent_content(&self) -> Vec<Recurrent> {
        let layers = self.recurrent.iter();
        layers.map(|layer| layer.content.clone()).collect()
    }
}

/// Picks every format of `network` as `plan` says from its `calibration`, and rounds its parameters;
/// `sequences`, each `[T, I]` and normalised, are what roundings other than the nearest minimise their
/// error on.
///
/// # Errors
/// When a weight or a cell leaves the integer formats.
///
/// # Panics
/// When there is not one scheme for each layer and one mean for each output, or no sequence for a rounding that
/// needs them.
pub fn quantise(
    network: &Network,
    calibration: &Calibration,
    plan: &Plan<'_>,
    sequences: &[ArrayView2<'_, f32>],
) -> Result<QuantisedNetwork, QuantiseError> {
    assert_eq!(plan.schemes.len(), network.config.layer_count());
    assert_eq!(plan.output_mean.len(), network.config.outputs);
    let (conv_schemes, schemes) = (plan.schemes).split_at(network.config.first_recurrent());
    let (recurrent_schemes, dense_schemes) = schemes.split_at(network.recurrent.len());
    let asks = plan.rounding == Rounding::Gptq;
    let mut walk = Walk {
        network,
        calibration,
        plan,
        inputs: LayerInputs::new(asks.then_some(network), sequences),
        below: None,
        beneath: None,
        quantised: QuantisedNetwork {
            input_range: Vec::new(),
            conv: None,
            recurrent: Vec::new(),
            dense: Vec::new(),
            dense_range: Vec::new(),
            relu_range: Vec::new(),
            outputs: vec![OutputFormat::LOGIT; network.config.outputs],
        },
    };
    let layers = network.config.layers();
    let mut names = layers.iter().map(LayerShape::name);
    for (&scheme, name) in conv_schemes.iter().zip(names.by_ref()) {
        walk.convolution(name, scheme)?;
    }
    let (recurrent, dense) = (recurrent_schemes.iter(), dense_schemes.iter());
    for ((l, &scheme), name) in recurrent.enumerate().zip(names.by_ref()) {
        walk.recurrent(l, name, scheme)?;
    }
    for ((l, &scheme), name) in dense.enumerate().zip(names) {
        walk.dense(l, name, scheme)?;
    }
    Ok(walk.quantised)
}

/// The walk from the first layer to the last, each rounded for what the integers below it give.
struct Walk<'a> {
    network: &'a Network,
    calibration: &'a Calibration,
    plan: &'a Plan<'a>,
    inputs: LayerInputs<'a>,
    /// What the layer below hands upwards; `None` below the first.
    below: Option<Signal>,
    /// What the last recurrent layer read.
    beneath: Option<Signal>,
    quantised: QuantisedNetwork,
}

impl Walk<'_> {
    /// The convolution.
    fn convolution(&mut self, name: String, scheme: Scheme) -> Result<(), QuantiseError> {
        let network = self.network;
        let parts = (&network.config.conv, &network.conv, &self.calibration.conv);
        let (Some(conv), Some(layer), Some(ranges)) = parts else {
            panic!("a network with a convolution has its parameters and its calibration");
        };
        let job = convolution::Job {
            name,
            conv,
            layer,
            ranges,
            scheme,
            moments: self.inputs.of_convolution(conv),
        };
        let integers = job.quantise(self.plan)?;
        self.below = Some(Signal {
            width: scheme.width(),
            range: integers.output_range,
            reach: job.reach(self.plan),
        });
        self.quantised.input_range.clone_from(&integers.input_range);
        self.inputs.replace_convolution(&integers);
        self.quantised.conv = Some(integers);
        Ok(())
    }

    /// Recurrent layer `l`.
    fn recurrent(&mut self, l: usize, name: String, scheme: Scheme) -> Result<(), QuantiseError> {
        let width = scheme.width();
        let (layer, ranges) = (&self.network.recurrent[l], &self.calibration.recurrent[l]);
        let is_beside = self.network.config.is_beside(l);
        if !is_beside {
            self.beneath = self.below;
        }
        let of_inputs = match self.beneath {
            // Both halves read the same integers.
            None if is_beside => {
                let range = self.quantised.input_range.clone();
                (0, range.clone(), range)
            }
            None => recurrent::input_ranges(&ranges.input, self.plan, width),
            Some(below) => {
                let (shift, range) = below.arriving(width);
                let range = vec![range; layer.inputs()];
                (shift, range.clone(), range)
            }
        };
        let [moments, reset_moments, shown_moments] = self.inputs.of_recurrent(l);
        let job = recurrent::Job {
            name,
            ranges,
            scheme,
            clipping: self.plan.clipping,
            moments,
            reset_moments,
            shown_moments,
            equal_shifts: self.plan.equal_shifts,
            least_range: self.range_beside(l),
        };
        let (integers, range) = job.quantise(layer, of_inputs)?;
        if l == 0 && self.quantised.conv.is_none() {
            self.quantised.input_range = range;
        }
        self.below = Some(Signal {
            width,
            range: integers.output_range(),
            reach: ranges.hidden.reach(self.plan.clipping, width),
        });
        let is_last = l + 1 == self.network.recurrent.len();
        if is_last && self.network.config.mode == Mode::SequenceToMean {
            // (MT2) gives int16 whatever the layer has.
            self.below = Some(Signal {
                width: Width::Int16,
                range: integers.hidden_unit(),
                reach: self
                    .calibration
                    .mean
                    .reach(self.plan.clipping, Width::Int16),
            });
        }
        self.inputs.replace(l, &integers);
        self.quantised.recurrent.push(integers);
        Ok(())
    }

    /// The range that the outputs of the half beside recurrent layer `l` need; 0 if there is none.
    fn range_beside(&self, l: usize) -> f64 {
        let config = &self.network.config;
        let other = match (config.direction(l), config.direction(l + 1)) {
            (Direction::Beside, _) => l - 1,
            (_, Direction::Beside) => l + 1,
            _ => return 0.0,
        };
        let scheme = self.plan.schemes[config.first_recurrent() + other];
        let layer = &self.network.recurrent[other];
        let ranges = &self.calibration.recurrent[other];
        recurrent::least_range(layer, ranges, scheme, self.plan.clipping)
    }

    /// Dense layer `l`.
    fn dense(&mut self, l: usize, name: String, scheme: Scheme) -> Result<(), QuantiseError> {
        let width = scheme.width();
        let layer = &self.network.dense[l];
        let relu_reach = (self.calibration.dense.get(l))
            .map(|magnitudes| magnitudes.reach(self.plan.clipping, width));
        let below = self.below.expect("a network has a recurrent layer");
        let (input_shift, range) = below.arriving(width);
        let is_linear = self.network.config.head == Head::Linear;
        let in_units =
            (is_linear && relu_reach.is_none()).then(|| self.in_units(layer, (width, range)));
        let job = dense::Job {
            name,
            layer: in_units.as_ref().unwrap_or(layer),
            scheme,
            clipping: self.plan.clipping,
            input_range: range,
            relu_reach,
            moments: self.inputs.of_dense(l),
        };
        let (mut integers, output_range) = job.quantise()?;
        integers.input_shift = input_shift;
        if relu_reach.is_some() {
            self.quantised.relu_range.push(output_range);
        }
        self.quantised.dense.push(integers);
        self.quantised.dense_range.push(range);
        self.below = Some(Signal {
            width,
            range: output_range,
            reach: relu_reach.unwrap_or(0.0),
        });
        Ok(())
    }

    /// The output layer with each row in the unit of its output and without its centre.
    fn in_units(&mut self, layer: &DenseLayer, inputs: (Width, f64)) -> DenseLayer {
        let mut layer = layer.clone();
        let seen = &self.calibration.outputs;
        for (r, (seen, mean)) in seen.iter().zip(self.plan.output_mean).enumerate() {
            let format = OutputFormat::of(&layer, r, inputs, *seen, *mean);
            let scaled = |value: f64| (value / format.unit()) as f32;
            layer.bias[r] = scaled(f64::from(layer.bias[r]) - format.centre);
            let mut row = layer.weight.row_mut(r);
            row.mapv_inplace(|w| scaled(w.into()));
            self.quantised.outputs[r] = format;
        }
        layer
    }
}

/// What a layer hands upwards: `real = value · range / 2^(b − 1)`.
#[derive(Clone, Copy)]
struct Signal {
    width: Width,
    range: f64,
    /// The calibrated reach.
    reach: f64,
}

impl Signal {
    /// The shift that brings it to another width, and its range there.
    fn arriving(self, width: Width) -> (u8, f64) {
        match (self.width, width) {
            (Width::Int8, Width::Int16) => (WIDTH_SHIFT, self.range),
            (Width::Int16, Width::Int8) => {
                let shift = narrowing_shift(self.reach / self.range);
                let smaller = 0.5f64.powi(i32::from(WIDTH_SHIFT - shift));
                (shift, self.range * smaller)
            }
            (Width::Int16, Width::Int16) | (Width::Int8, Width::Int8) => (0, self.range),
        }
    }
}

/// The least shift at which int8 covers `reach`, a fraction of the int16 range.
fn narrowing_shift(reach: f64) -> u8 {
    (0..WIDTH_SHIFT)
        .find(|&n| reach * Q15 <= largest_integer(Width::Int8) * 2f64.powi(n.into()))
        .unwrap_or(WIDTH_SHIFT)
}

/// The step of an int8 hidden state of this shift.
fn hidden_format(shift: u8) -> ActivationFormat {
    ActivationFormat {
        step: 2f32.powi(i32::from(shift) - 15),
    }
}

#[cfg(test)]
mod tests;
