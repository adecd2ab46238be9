//! One recurrent layer of any kind with all that decides its integers, at random, and what its integers are.

use lstm_nostd::artifact::{Lstm, Recurrent};
use lstm_nostd::kernels::Scheme;
use ndarray::{Array1, Array2, ArrayView2};
use proptest::prelude::*;
use proptest::sample::select;

use super::super::{Noise, cells, one, widths};
use super::plain::Plain;
use crate::network::{Cell, RecurrentLayer};
use crate::quantise::calibrate::RecurrentRanges;
use crate::quantise::magnitudes::{Clipping, Magnitudes};
use crate::quantise::moments::Moments;
use crate::quantise::recurrent::Job;
use crate::quantise::{QuantiseError, RecurrentIntegers};

pub(super) const NAME: &str = "layer.3";

/// A layer and what decides its integers.
#[derive(Clone, Debug)]
pub(super) struct LayerCase {
    pub(super) layer: RecurrentLayer,
    pub(super) ranges: RecurrentRanges,
    pub(super) scheme: Scheme,
    pub(super) clipping: Clipping,
    pub(super) equal_shifts: bool,
    pub(super) least_range: f64,
    pub(super) input_shift: u8,
    /// `[I]`
    pub(super) narrowest: Vec<f64>,
    pub(super) widest: Vec<f64>,
    /// Of a rounding by output error: of all rows, of those that see a reset state, of a projection's.
    pub(super) moments: [Option<Moments>; 3],
}

impl LayerCase {
    /// The integers, and the ranges of the inputs.
    pub(super) fn quantised(&self) -> Result<(RecurrentIntegers, Vec<f64>), QuantiseError> {
        let [moments, reset_moments, shown_moments] = self.moments.clone();
        let job = Job {
            name: NAME.to_owned(),
            ranges: &self.ranges,
            scheme: self.scheme,
            clipping: self.clipping,
            moments,
            reset_moments,
            shown_moments,
            equal_shifts: self.equal_shifts,
            least_range: self.least_range,
        };
        let inputs = (
            self.input_shift,
            self.narrowest.clone(),
            self.widest.clone(),
        );
        job.quantise(&self.layer, inputs)
    }

    pub(super) fn plain(mut self) -> Self {
        self.clipping = Clipping::MinMax;
        self
    }

    /// With moments for a rounding by output error. Means are so much larger than any input's that what a bias makes up
    /// for often overflows the accumulator.
    pub(super) fn with_moments(mut self, seed: u64) -> Self {
        let mut noise = Noise(seed);
        let inputs = self.layer.inputs() + self.layer.outputs();
        let resets = matches!(self.layer, RecurrentLayer::GruBefore(_));
        let shows = matches!(self.layer, RecurrentLayer::Projected(_));
        self.moments = [
            Some(moments(inputs, &mut noise)),
            resets.then(|| moments(inputs, &mut noise)),
            shows.then(|| moments(self.layer.units(), &mut noise)),
        ];
        self
    }

    fn random(
        (cell, inputs, units): (Cell, usize, usize),
        (scheme, clipping, equal_shifts): (Scheme, Clipping, bool),
        noise: &mut Noise,
    ) -> Self {
        let layer = layer(cell, (inputs, units), noise);
        let narrowest: Vec<f64> = (0..inputs).map(|_| noise.power(-1.5, 2.0)).collect();
        let wider = noise.one_of(&[1.0, 4.0, 32.0]);
        let square = |range: &f64, noise: &mut Noise| (range * noise.power(-1.5, 0.0)).powi(2);
        let outputs = vec![1.0; layer.outputs()];
        let reach = match cell.projection() {
            Some(_) => noise.power(-1.0, 0.5),
            None => noise.power(-2.7, 0.0),
        };
        let ranges = RecurrentRanges {
            input: vec![Magnitudes::default(); inputs],
            input_square: narrowest.iter().map(|s| square(s, noise)).collect(),
            hidden_square: outputs.iter().map(|s| square(s, noise)).collect(),
            hidden: up_to(reach, noise),
            cell: up_to(noise.power(-0.5, 4.1), noise),
            shown: up_to(noise.power(-2.7, 0.0), noise),
        };
        let mut case = Self {
            layer,
            ranges,
            scheme,
            clipping,
            equal_shifts,
            least_range: noise.one_of(&[0.0, 0.5, 3.0, 20.0]),
            input_shift: noise.one_of(&[0.0, 3.0, 8.0]) as u8,
            widest: narrowest.iter().map(|s| s * wider).collect(),
            narrowest,
            moments: [const { None }; 3],
        };
        // Recurrent weights whose products with the outputs of a projection are as large as an LSTM's.
        let unit = Plain::of(&case).unit;
        let [_, w_h] = case.layer.weights_mut();
        *w_h *= (noise.power(-0.5, 0.3) / unit) as f32;
        case
    }
}

impl Noise {
    /// Between powers of ten, small ones as often as large ones.
    pub(super) fn power(&mut self, least: f64, most: f64) -> f64 {
        10f64.powf(least + (most - least) * (self.next() + 1.0) / 2.0)
    }

    pub(super) fn one_of(&mut self, values: &[f64]) -> f64 {
        let place = (self.next() + 1.0) / 2.0 * values.len() as f64;
        values[(place as usize).min(values.len() - 1)]
    }
}

/// Two layers, so that a few pairs have every kind.
pub(super) fn pairs() -> impl Strategy<Value = [LayerCase; 2]> {
    [layer_cases(), layer_cases()]
}

/// Layers of every kind, scheme and clipping, to be rounded to the nearest integers.
fn layer_cases() -> impl Strategy<Value = LayerCase> {
    let shape = (cells(), 1usize..5, 2usize..5);
    let plan = (
        // The two shifts of int8 layers depend on one another.
        select([&Scheme::ALL[..], &[Scheme::W8a8]].concat()),
        select(Clipping::ALL.to_vec()),
        any::<bool>(),
    );
    let cases = (shape, plan, any::<u64>().no_shrink())
        .prop_map(|(shape, plan, seed)| LayerCase::random(shape, plan, &mut Noise(seed)));
    cases.prop_filter("weights that the formats hold", |case| {
        let scales = Plain::of(case).least_noise().scales;
        scales.iter().all(|scale| *scale < 3.9)
    })
}

/// Arrays, rows and columns differ in size, some are zero, and some biases and peepholes fill an accumulator.
fn layer(cell: Cell, (inputs, units): (usize, usize), noise: &mut Noise) -> RecurrentLayer {
    let mut layer = cell.zeros(inputs, units);
    let parts: Vec<&str> = (layer.parameters().iter()).map(|p| p.part).collect();
    for (values, part) in layer.values_mut().into_iter().zip(parts) {
        let largest = match part {
            "w_x" | "w_h" | "w_r" => noise.power(-2.0, 0.5),
            "peephole" => noise.power(-2.0, 0.3),
            _ => noise.power(-1.0, 3.5),
        };
        for value in values {
            *value = (largest * noise.next()) as f32;
        }
    }
    let [w_x, w_h] = layer.weights_mut();
    for mut column in w_x.columns_mut() {
        column *= noise.one_of(&[1.0, 1.0, 0.1, 0.0]) as f32;
    }
    for r in 0..w_x.nrows() {
        let factor = noise.one_of(&[1.0, 1.0, 1.0, 0.05, 0.0]) as f32;
        let mut row = w_x.row_mut(r);
        row *= factor;
        let mut row = w_h.row_mut(r);
        row *= factor;
    }
    layer
}

/// Magnitudes of values up to `largest`, which is one of them.
pub(super) fn up_to(largest: f64, noise: &mut Noise) -> Magnitudes {
    let values: Vec<f32> = (0..40).map(|_| (largest * noise.next()) as f32).collect();
    let values: Vec<f32> = values.into_iter().chain([largest as f32]).collect();
    let mut all = Magnitudes::expecting(values.len(), 0);
    all.add(ArrayView2::from_shape((1, values.len()), &values).unwrap());
    all.finish();
    all
}

/// Of inputs that depend on one another.
fn moments(inputs: usize, noise: &mut Noise) -> Moments {
    let causes = Array2::from_shape_fn((inputs, 2), |_| noise.next());
    let largest = noise.power(2.5, 5.5);
    Moments {
        mean: Array1::from_shape_fn(inputs, |_| largest * noise.next()),
        covariance: causes.dot(&causes.t()),
    }
}

/// What the integers of a layer are, by rows.
pub(super) struct Integers {
    /// `x_shift − (16 − b)`
    pub(super) kappa: i32,
    pub(super) x_shift: i32,
    pub(super) h_shift: i32,
    /// 2^(b − 1)
    pub(super) full_scale: f64,
    pub(super) w_x: Vec<Vec<i8>>,
    pub(super) w_h: Vec<Vec<i8>>,
    pub(super) bias: Vec<i32>,
    pub(super) mult: Vec<i32>,
    /// 0 where there is none.
    pub(super) recurrent_bias: Vec<i32>,
    pub(super) peephole: Vec<i16>,
}

impl Integers {
    pub(super) fn of(layer: &RecurrentIntegers) -> Self {
        let content = &layer.content;
        let (_, bits) = widths(content.scheme());
        let [w_x, w_h] = content.weights();
        let rows = w_x.len();
        let (bias, mult, recurrent_bias, peephole) = match content {
            Recurrent::Lstm(layer) => of_lstm(layer, &[0, 1, 3]),
            Recurrent::Projected(layer) => of_lstm(layer, &[0, 1, 3]),
            Recurrent::Coupled(layer) => of_lstm(layer, &[0, 2]),
            Recurrent::Gru(layer) => {
                let none = vec![0; rows - layer.recurrent_bias.len()];
                let recurrent_bias = [none, layer.recurrent_bias.clone()].concat();
                (
                    layer.bias.clone(),
                    layer.mult.clone(),
                    recurrent_bias,
                    vec![0; rows],
                )
            }
            Recurrent::GruBefore(layer) => {
                let (bias, mult) = (layer.bias.clone(), layer.mult.clone());
                (bias, mult, vec![0; rows], vec![0; rows])
            }
        };
        let x_shift = i32::from(content.x_shift());
        Self {
            kappa: x_shift - (16 - bits),
            x_shift,
            h_shift: content.h_shift().into(),
            full_scale: one(content.scheme()),
            w_x: w_x.to_vec(),
            w_h: w_h.to_vec(),
            bias,
            mult,
            recurrent_bias,
            peephole,
        }
    }

    /// s of row `r`.
    pub(super) fn scale(&self, r: usize) -> f64 {
        f64::from(self.mult[r]) / 2f64.powi(29)
    }

    /// Whether no inputs, states and cells make the accumulator of row `r` leave 32 bits, by docs/numerics.md.
    pub(super) fn fits(&self, r: usize) -> bool {
        let sum = |row: &[i8]| -> f64 { row.iter().map(|w| f64::from(*w).abs()).sum() };
        let products = 2f64.powi(self.x_shift) * sum(&self.w_x[r])
            + 2f64.powi(self.h_shift) * sum(&self.w_h[r]);
        let biases = f64::from(self.bias[r]).abs() + f64::from(self.recurrent_bias[r]).abs();
        let peephole = f64::from(self.peephole[r]).abs() * 32_768.0;
        self.full_scale * products + peephole + biases + 1.0 < 2f64.powi(31)
    }
}

/// Biases, multipliers, no recurrent biases, and peepholes by rows, where these gates have some.
fn of_lstm(layer: &Lstm, gates: &[usize]) -> (Vec<i32>, Vec<i32>, Vec<i32>, Vec<i16>) {
    let rows = layer.bias.len();
    let mut peephole = vec![0; rows];
    for (gate, values) in gates.iter().zip(&layer.peephole) {
        peephole[gate * values.len()..][..values.len()].copy_from_slice(values);
    }
    let (bias, mult) = (layer.bias.clone(), layer.mult.clone());
    (bias, mult, vec![0; rows], peephole)
}
