//! What each stage of the integers adds to the error of the outputs.
//!
//! ```text
//! E_s = mean over outputs of Σ (y_s − y)² / Σ (y − mean y)²                                  (OE1)
//! ```
//!
//! y are the f32 network's outputs, and y_s those where everything up to stage s is integers and everything
//! above it f32: the inputs, a convolution, each recurrent layer, each dense layer. Stage s adds `E_s − E_{s−1}`. Each output
//! counts by its own deviation.
//!
//! A model file does not say what one in the outputs of a convolution or a hidden dense layer is worth: that is the factor
//! that brings them nearest to f32. Outputs count at the steps at which they move.

use lstm_nostd::kernels::scalar::Scalar;
use lstm_nostd::kernels::{DenseParameters, Width, convert, lanes};
use lstm_nostd::layers::dense::relu;
use lstm_nostd::{Block, Mode as EngineMode, Model};
use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;
use serde::Serialize;

use crate::data::{Normalisation, Recording};
use crate::integers::convolution;
use crate::integers::stream::{Stream, distances, input_formats, raw_sequence};
use crate::network::{Mode, Network};

/// What one stage adds to the error.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageError {
    /// `inputs`, or the layer, as in `lstm.0` or `dense.1`.
    pub stage: String,
    /// `E_s − E_{s−1}` of (OE1), a share of the outputs' variance; below 0 where it makes up for others.
    pub added: f64,
}

/// How normalised values and real ones belong together.
#[derive(Clone, Copy, Debug)]
pub struct Units<'a> {
    /// Of the inputs.
    pub inputs: &'a Normalisation,
    /// Of a regression's targets.
    pub targets: Option<&'a Normalisation>,
}

/// The stages of `model` against `network`, whose outputs are normalised, over the same sequences `[T, I]` in
/// normalised and in real units.
pub fn measure(
    network: &Network,
    model: &Model<'_>,
    (normalised, real): (&[ArrayView2<'_, f32>], &[Recording<'_>]),
    units: Units<'_>,
) -> Vec<StageError> {
    let walk = Walk {
        network,
        model,
        units,
    };
    let found: Vec<Vec<Array2<f64>>> = (normalised.par_iter().zip(real))
        .map(|(normalised, real)| walk.outputs(*normalised, *real))
        .collect();
    let stages = found.first().map_or(0, Vec::len);
    let error = |stage: usize| relative_error(&found, stage);
    let layers = network.config.layers();
    let names = ["inputs".to_owned()].into_iter();
    let names = names.chain(layers.iter().map(|layer| layer.name()));
    (names.zip(1..stages))
        .map(|(name, stage)| StageError {
            stage: name,
            added: error(stage) - error(stage - 1),
        })
        .collect()
}

/// (OE1) of stage `stage` against stage 0, which is f32.
fn relative_error(found: &[Vec<Array2<f64>>], stage: usize) -> f64 {
    let outputs = found.first().map_or(0, |stages| stages[0].ncols());
    let of_output = |o: usize| {
        let pairs = || {
            let sequences = found.iter();
            sequences.flat_map(move |stages| {
                let (exact, found) = (stages[0].column(o), stages[stage].column(o));
                exact.to_vec().into_iter().zip(found.to_vec())
            })
        };
        let mean = pairs().map(|(y, _)| y).sum::<f64>() / pairs().count().max(1) as f64;
        let variance: f64 = pairs().map(|(y, _)| (y - mean).powi(2)).sum();
        let square: f64 = pairs().map(|(y, found)| (found - y).powi(2)).sum();
        if variance > 0.0 {
            square / variance
        } else {
            0.0
        }
    };
    (0..outputs).map(of_output).sum::<f64>() / outputs.max(1) as f64
}

struct Walk<'a> {
    network: &'a Network,
    model: &'a Model<'a>,
    units: Units<'a>,
}

/// What the integers of one sequence computed.
struct Traced {
    /// `[T, I]`, normalised.
    inputs: Array2<f32>,
    /// A row of blocks for each output of the convolution, if there is one.
    filtered: Option<(Width, Vec<Vec<Block>>)>,
    /// Of each recurrent layer, `[N, O]`, with a row for each of its steps.
    hidden: Vec<Array2<f32>>,
    /// The top layer's blocks after each judged step.
    top: Vec<Vec<Block>>,
    /// The steps at which the outputs moved.
    moved: Vec<usize>,
}

impl Walk<'_> {
    /// Normalised outputs, `[1, O]` or `[T, O]`: of f32, and after each stage.
    fn outputs(&self, normalised: ArrayView2<'_, f32>, real: Recording<'_>) -> Vec<Array2<f64>> {
        let trace = self.network.trace(normalised);
        let exact_top = self.judged(&trace[trace.len() - 1].hidden);
        let traced = self.traced(real);
        let mut found = vec![self.dense_above(0, exact_top.clone())];
        found.push(self.above_inputs(&traced.inputs));
        if let (Some(filtered), Some(exact)) = (&traced.filtered, self.network.filtered(normalised))
        {
            let values = nearest_units(&exact.mapv(f64::from), filtered);
            found.push(self.above(0, &values.mapv(|y| y as f32)));
        }
        for (l, hidden) in traced.hidden.iter().enumerate() {
            found.push(self.above(l + 1, hidden));
        }
        let (mut exact, mut below) = (exact_top, (self.top_width(), traced.top));
        let layers: Vec<&DenseParameters<'_>> = self.model.dense_layers().collect();
        for (d, layer) in layers.iter().enumerate().take(layers.len() - 1) {
            below = (layer.width, rectified(layer, &below));
            exact = self.network.dense[d].rectified(&exact);
            let values = nearest_units(&exact, &below);
            found.push(self.dense_above(d + 1, values));
        }
        found.push(self.integer_outputs(real, &traced.moved));
        found
    }

    fn top_width(&self) -> Width {
        let top = self.model.recurrent_layers().last();
        match self.model.mode() {
            // (MT2)
            EngineMode::SequenceToMean => Width::Int16,
            _ => top.map_or(Width::Int16, |layer| layer.rows().width),
        }
    }

    /// The steps whose outputs are read, in f64. Where only the last one is, and there is none, it is the state before the
    /// first step.
    fn judged(&self, hidden: &Array2<f32>) -> Array2<f64> {
        let hidden = hidden.mapv(f64::from);
        let none = || Array2::zeros((1, hidden.ncols()));
        match self.network.config.mode {
            Mode::SequenceToSequence => hidden,
            Mode::SequenceToOne => match hidden.nrows() {
                0 => none(),
                steps => hidden.slice(s![steps - 1.., ..]).to_owned(),
            },
            Mode::SequenceToMean => {
                let mean = hidden.mean_axis(Axis(0));
                mean.map_or_else(none, |mean| mean.insert_axis(Axis(0)))
            }
        }
    }

    /// f32 from the convolution upwards, or from the first recurrent layer, on `x`, `[T, I]`.
    fn above_inputs(&self, x: &Array2<f32>) -> Array2<f64> {
        let trace = self.network.trace(x.view());
        self.dense_above(0, self.judged(&trace[trace.len() - 1].hidden))
    }

    /// f32 from recurrent layer `l` upwards, on `x`, `[T, I]`.
    fn above(&self, l: usize, x: &Array2<f32>) -> Array2<f64> {
        if l == self.network.recurrent.len() {
            return self.dense_above(0, self.judged(x));
        }
        let mut upper = self.network.clone();
        (upper.conv, upper.config.conv) = (None, None);
        if x.is_empty() {
            let top = &self.network.recurrent[self.network.recurrent.len() - 1];
            return self.dense_above(0, self.judged(&Array2::zeros((0, top.outputs()))));
        }
        upper.recurrent.drain(..l);
        upper.config.hidden.drain(..l);
        upper.config.inputs = x.ncols();
        let trace = upper.trace(x.view());
        self.dense_above(0, self.judged(&trace[trace.len() - 1].hidden))
    }

    /// f32 from dense layer `d` upwards.
    fn dense_above(&self, d: usize, mut values: Array2<f64>) -> Array2<f64> {
        let (last, hidden) = self.network.dense.split_last().expect("an output layer");
        for layer in &hidden[d.min(hidden.len())..] {
            values = layer.rectified(&values);
        }
        last.values(&values)
    }

    fn traced(&self, real: Recording<'_>) -> Traced {
        let model = self.model;
        let raw = raw_sequence(&input_formats(model), real);
        let outputs: Vec<usize> = (model.recurrent_layers().iter())
            .map(|layer| layer.rows().outputs)
            .collect();
        let mut stream = Stream::new(model);
        let mut hidden: Vec<Vec<f32>> = vec![Vec::new(); outputs.len()];
        let (mut top, mut moved) = (Vec::new(), Vec::new());
        for (t, step) in raw.iter().enumerate() {
            stream.step(model, step);
            if !stream.has_moved() {
                continue;
            }
            for (l, hidden) in hidden.iter_mut().enumerate() {
                hidden.extend((0..outputs[l]).map(|o| stream.hidden(model, l, o) as f32));
            }
            if self.network.config.mode.is_per_step() {
                top.push(stream.head_input(model));
            }
            moved.push(t);
        }
        if !self.network.config.mode.is_per_step() {
            // Of a sequence without a step, the state before it.
            top = vec![stream.head_input(model)];
        }
        let hidden = (hidden.into_iter().zip(outputs))
            .map(|(values, outputs)| {
                let shape = (moved.len(), outputs);
                Array2::from_shape_vec(shape, values).expect("a row has a value for each output")
            })
            .collect();
        let convolution = model.convolution();
        let filtered =
            convolution.map(|layer| (layer.width(), convolution::filtered(layer, model, &raw)));
        let inputs = Array2::from_shape_fn((raw.len(), model.inputs()), |(t, j)| {
            self.normalised_input(j, raw[t][j])
        });
        Traced {
            inputs,
            filtered,
            hidden,
            top,
            moved,
        }
    }

    /// What the first layer's integer input stands for.
    fn normalised_input(&self, j: usize, raw: i32) -> f32 {
        let channel = self.model.input_channel(j).unwrap_or_default();
        let x: i32 = match self.model.input_width() {
            Width::Int8 => channel.normalise::<i8>(raw).into(),
            Width::Int16 => channel.normalise::<i16>(raw).into(),
        };
        if channel.mult == 0 {
            return 0.0;
        }
        let distance = f64::from(x) * 2f64.powi(32) / f64::from(channel.mult);
        let units = 2f64.powi(i32::from(channel.frac_bits) + i32::from(channel.shift));
        (distance / units / f64::from(self.units.inputs.deviation[j])) as f32
    }

    /// All of the integers, normalised, at the steps at which they `moved`.
    fn integer_outputs(&self, real: Recording<'_>, moved: &[usize]) -> Array2<f64> {
        let outputs = self.model.outputs();
        let means = match self.units.targets {
            Some(targets) => targets.real_means(),
            None => vec![0.0; outputs],
        };
        let mut found = distances(self.model, &[real], &means)
            .remove(0)
            .mapv(f64::from);
        if let Some(targets) = self.units.targets {
            for (mut column, deviation) in found.columns_mut().into_iter().zip(&targets.deviation) {
                column /= f64::from(*deviation);
            }
        }
        match self.network.config.mode {
            Mode::SequenceToOne | Mode::SequenceToMean => found,
            Mode::SequenceToSequence => found.select(Axis(0), moved),
        }
    }
}

/// The outputs of a hidden dense layer for each row of blocks below it.
fn rectified(
    layer: &DenseParameters<'_>,
    (width, below): &(Width, Vec<Vec<Block>>),
) -> Vec<Vec<Block>> {
    let row = |x: &Vec<Block>| {
        let mut input = vec![Block::ZERO; layer.width.blocks(layer.inputs)];
        convert(
            (*width, x),
            (layer.width, &mut input),
            layer.input_shift,
            layer.inputs,
        );
        let mut y = vec![Block::ZERO; layer.width.blocks(layer.outputs)];
        relu::<Scalar>(layer, &input, &mut y);
        y
    };
    below.iter().map(row).collect()
}

/// Integers in the unit that brings them nearest to `exact`, `[R, O]`.
fn nearest_units(exact: &Array2<f64>, (width, rows): &(Width, Vec<Vec<Block>>)) -> Array2<f64> {
    let integers = Array2::from_shape_fn(exact.dim(), |(r, o)| match width {
        Width::Int16 => f64::from(lanes::<i16>(&rows[r])[o]),
        Width::Int8 => f64::from(lanes::<i8>(&rows[r])[o]),
    });
    let square: f64 = integers.iter().map(|y| y * y).sum();
    let product: f64 = integers.iter().zip(exact).map(|(y, exact)| y * exact).sum();
    let unit = if square > 0.0 { product / square } else { 0.0 };
    integers * unit
}
