//! A data set evaluated in integers: the same engine, the same bits as on the device.

use lstm_nostd::kernels::{RecurrentRows, Width, lanes};
use lstm_nostd::layers::{UnitStep, mean};
use lstm_nostd::{Block, I16F16, Mode, Model, OutputScale, Parsed, RecurrentLayer};
use ndarray::Array2;
use rayon::prelude::*;

use crate::data::Recording;
use crate::evaluate::Outputs;
use crate::integers::engine::Engine;
use crate::integers::input_format::InputFormat;

/// The state of one stream and what a step needs beside it, of any model's sizes.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Hidden state of all layers, in blocks of each layer's width.
    pub hidden: Vec<Block>,
    /// Cells of all layers.
    pub cell: Vec<[i32; 4]>,
    scratch: Vec<Block>,
    outputs: Vec<I16F16>,
    has_moved: bool,
}

impl Stream {
    /// A fresh state for `model`.
    pub fn new(model: &Model<'_>) -> Self {
        Self {
            hidden: vec![Block::default(); model.hidden_blocks()],
            cell: vec![[0; 4]; model.cell_blocks()],
            scratch: vec![Block::default(); model.scratch_blocks()],
            outputs: vec![I16F16::ZERO; model.outputs()],
            has_moved: false,
        }
    }

    /// Advances by one step of raw inputs, `[I]`; returns the outputs that stand then, `[O]`.
    ///
    /// # Panics
    /// When the stream is another model's or `raw` has fewer channels than the model.
    pub fn step(&mut self, model: &Model<'_>, raw: &[i32]) -> &[I16F16] {
        self.has_moved = model
            .step(
                (&mut self.hidden, &mut self.cell),
                &mut self.scratch,
                raw,
                &mut self.outputs,
            )
            .expect("the stream was made for this model");
        &self.outputs
    }

    /// Whether the last step moved the outputs and the recurrent layers, as each does without a convolution.
    pub fn has_moved(&self) -> bool {
        self.has_moved
    }

    /// Outputs of the last step, `[O]`; zeros before the first.
    pub fn outputs(&self) -> &[I16F16] {
        &self.outputs
    }

    /// Outputs over the steps of `raw`, `[T][I]`, as bits of Q15.16: `[1][O]` of a model that answers once, or after every
    /// step, `[T][O]`.
    ///
    /// # Panics
    /// As [`Stream::step`].
    pub fn answers(&mut self, model: &Model<'_>, raw: &[Vec<i32>]) -> Vec<Vec<i32>> {
        let mut rows = Vec::with_capacity(raw.len());
        for step in raw {
            let outputs = self.step(model, step);
            if !model.mode().is_per_step() {
                rows.clear();
            }
            rows.push(outputs.iter().map(|y| y.to_bits()).collect());
        }
        rows
    }

    /// Back to the state before the first step.
    pub fn reset(&mut self) {
        self.hidden.fill(Block::default());
        self.cell.fill([0; 4]);
        self.outputs.fill(I16F16::ZERO);
    }

    /// [`Stream::step`] while `observer` looks on at each unit of the recurrent layers: layer, unit, and what it
    /// computed.
    ///
    /// # Panics
    /// As [`Stream::step`].
    pub fn observed_step(
        &mut self,
        model: &Model<'_>,
        raw: &[i32],
        observer: &mut impl FnMut(usize, usize, &UnitStep),
    ) -> &[I16F16] {
        let state = (&mut self.hidden[..], &mut self.cell[..]);
        self.has_moved = model
            .observed_step(state, &mut self.scratch, raw, &mut self.outputs, observer)
            .expect("the stream was made for this model");
        &self.outputs
    }

    /// Cell of a unit of recurrent layer `layer`, in the layer's format.
    pub fn cell(&self, model: &Model<'_>, layer: usize, unit: usize) -> i32 {
        let below = &model.recurrent_layers()[..layer];
        let first: usize = below.iter().map(RecurrentLayer::cell_blocks).sum();
        self.cell[first + unit / 4][unit % 4]
    }

    /// What the dense layers read after the last step, in blocks: the uppermost layer's hidden state, or its mean in int16.
    pub fn head_input(&self, model: &Model<'_>) -> Vec<Block> {
        let blocks = |rows: &RecurrentRows<'_>| rows.width.blocks(rows.outputs);
        let mut rows = model.recurrent_layers().iter().map(RecurrentLayer::rows);
        let end: usize = rows.clone().map(blocks).sum();
        let Some(top) = rows.next_back() else {
            return Vec::new();
        };
        if model.mode() == Mode::SequenceToMean {
            let sums = &self.cell[self.cell.len() - mean::blocks(top.outputs)..];
            let mut means = vec![Block::default(); Width::Int16.blocks(top.outputs)];
            mean::read(top, sums, &mut means);
            return means;
        }
        self.hidden[end - blocks(top)..end].to_vec()
    }

    /// Hidden value `output` of recurrent layer `layer`: that of a unit, but with a projection.
    pub fn hidden(&self, model: &Model<'_>, layer: usize, output: usize) -> f64 {
        let blocks = |rows: &RecurrentRows<'_>| rows.width.blocks(rows.outputs);
        let layers = model.recurrent_layers();
        let below = layers[..layer].iter().map(RecurrentLayer::rows);
        let below: usize = below.map(blocks).sum();
        let this = layers[layer].rows();
        let own = &self.hidden[below..];
        let value = match this.width {
            Width::Int16 => i32::from(lanes::<i16>(own)[output]),
            Width::Int8 => i32::from(lanes::<i8>(own)[output]),
        };
        let unit = f64::from(layers[layer].hidden_unit());
        f64::from(value) * 2f64.powi(this.h_shift as i32 - 15) * unit
    }
}

/// The raw formats that `model`'s input channels take.
pub fn input_formats(model: &Parsed<'_>) -> Vec<InputFormat> {
    (0..model.inputs())
        .filter_map(|j| model.input_channel(j))
        .map(|channel| InputFormat {
            frac_bits: channel.frac_bits,
            shift: channel.shift,
        })
        .collect()
}

/// The raw integers of a sequence `[T, I]`, step by step.
pub fn raw_sequence(formats: &[InputFormat], sequence: Recording<'_>) -> Vec<Vec<i32>> {
    let raw = |(value, format): (f64, &InputFormat)| format.raw(value);
    let step = |row: Vec<f64>| row.into_iter().zip(formats).map(raw).collect();
    sequence.steps().map(step).collect()
}

/// Outputs of `model` over the steps of `raw`, from a fresh state, as bits of Q15.16: those after
/// the last step for sequence to one, `[1][O]`, or after every step, `[T][O]`.
pub fn run(model: &impl Engine, raw: &[Vec<i32>]) -> Vec<Vec<i32>> {
    model.answers(raw)
}

/// Outputs of `model` for sequences of real values, each `[T, I]`, in real units: `[1, O]` after the last step
/// for sequence to one, `[T, O]` otherwise.
pub fn outputs(model: &impl Engine, sequences: &[Recording<'_>]) -> Outputs {
    distances(model, sequences, &vec![0.0; model.parsed().outputs()])
}

/// [`outputs`] less `means`, `[O]`, which are taken off before f32 could lose what is left.
pub fn distances(model: &impl Engine, sequences: &[Recording<'_>], means: &[f64]) -> Outputs {
    let formats = input_formats(model.parsed());
    sequences
        .par_iter()
        .map(|sequence| {
            let bits = run(model, &raw_sequence(&formats, *sequence));
            in_real_units(model.parsed(), &bits, means)
        })
        .collect()
}

/// Bits of Q15.16, `[T][O]`, to real values with every digit.
pub fn exact_outputs(model: &Parsed<'_>, bits: &[Vec<i32>]) -> Array2<f64> {
    let scales: Vec<OutputScale> = (0..model.outputs())
        .map(|o| model.output_scale(o))
        .collect();
    Array2::from_shape_fn((bits.len(), scales.len()), |(t, o)| {
        let whole = scales[o].whole(I16F16::from_bits(bits[t][o]));
        whole as f64 * 2f64.powi(scales[o].exponent.into())
    })
}

/// Bits of Q15.16, `[T][O]`, to real values.
pub fn real_outputs(model: &Parsed<'_>, bits: &[Vec<i32>]) -> Array2<f32> {
    in_real_units(model, bits, &vec![0.0; model.outputs()])
}

/// (V) of the engine's outputs, less `means`; without them what `Model::value` gives on a device.
fn in_real_units(model: &Parsed<'_>, bits: &[Vec<i32>], means: &[f64]) -> Array2<f32> {
    let scales: Vec<(OutputScale, f64)> = (0..model.outputs())
        .map(|o| model.output_scale(o))
        .map(|scale| (scale, 2f64.powi(scale.exponent.into())))
        .collect();
    Array2::from_shape_fn((bits.len(), scales.len()), |(t, o)| {
        let (scale, unit) = scales[o];
        let whole = scale.whole(I16F16::from_bits(bits[t][o]));
        (whole as f64 * unit - means[o]) as f32
    })
}

#[cfg(test)]
mod tests {
    use lstm_nostd::artifact::RandomModel;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The host's real units are the device's.
        #[test]
        fn real_outputs_are_the_engine_s_values(seed in any::<u64>(), bits in prop::array::uniform3(any::<i32>())) {
            let shape = RandomModel { inputs: 1, hidden: vec![1], outputs: 3, seed, ..RandomModel::default() };
            let file = shape.build().to_bytes().unwrap();
            let model = Model::parse(&file).unwrap();
            let found = real_outputs(&model, &[bits.to_vec()]);
            let exact = exact_outputs(&model, &[bits.to_vec()]);
            for (o, bits) in bits.into_iter().enumerate() {
                prop_assert_eq!(exact[[0, o]] as f32, found[[0, o]]);
                let value = model.value(o, I16F16::from_bits(bits));
                prop_assert!((found[[0, o]] - value).abs() <= value.abs() * f32::EPSILON, "{found} {value}");
            }
        }
    }
}
