//! A network that answers: in f32, in integers on this machine, or in integers on a device.

use lstm_nostd::{Mode, Parsed};
use ndarray::{Array2, ArrayViewMut1, Axis};
use rayon::prelude::*;

use super::answer::{Answer, Answers, Meaning};
use super::arithmetic::Arithmetic;
use crate::data::{Dataset, Recording, offset_of};
use crate::device::{Device, DeviceError, Keep};
use crate::integers::engine::AnyModel;
use crate::integers::input_format::InputFormat;
use crate::integers::stream::{self, Stream, input_formats, raw_sequence};
use crate::passes::carried::NetworkStream;
use crate::run::Run;

/// A network that answers whole data sets, or step after step of a stream.
pub enum Predictor<'a> {
    /// In f32.
    Float {
        /// Its run.
        run: &'a Run,
        /// Where the stream stands.
        stream: Box<NetworkStream>,
    },
    /// In integers.
    Integers {
        /// The model.
        model: &'a AnyModel<'a>,
        /// Of its inputs.
        formats: Vec<InputFormat>,
        /// Of the training data, for values that f32 would lose.
        offsets: Vec<f64>,
        /// Where the stream stands; none of a model of whole windows.
        stream: Option<Stream>,
    },
    /// On a device that has the model loaded.
    Device {
        /// The model.
        model: &'a AnyModel<'a>,
        /// Of its inputs.
        formats: Vec<InputFormat>,
        /// Of the training data.
        offsets: Vec<f64>,
        /// The device.
        device: Box<Device>,
    },
}

impl<'a> Predictor<'a> {
    /// The network of `run`.
    pub fn float(run: &'a Run) -> Self {
        let stream = Box::new(NetworkStream::new(&run.network));
        Self::Float { run, stream }
    }

    /// The integers of `model`; `run` is theirs, if there is one.
    pub fn integers(model: &'a AnyModel<'a>, run: Option<&Run>) -> Self {
        Self::Integers {
            model,
            formats: input_formats(model),
            offsets: offsets(run),
            stream: model.steps().map(Stream::new),
        }
    }

    /// The integers of `model` on `device`, which has it loaded, in whatever order of weights.
    pub fn device(model: &'a AnyModel<'a>, run: Option<&Run>, device: Device) -> Self {
        Self::Device {
            model,
            formats: input_formats(model),
            offsets: offsets(run),
            device: Box::new(device),
        }
    }

    /// Whether it answers for whole windows alone, and has no stream.
    pub fn is_of_windows(&self) -> bool {
        match self {
            Self::Float { run, .. } => run.network.config.is_of_windows(),
            Self::Integers { model, .. } | Self::Device { model, .. } => model.is_of_windows(),
        }
    }

    /// What its numbers are computed in.
    pub fn arithmetic(&self) -> Arithmetic {
        match self {
            Self::Float { .. } => Arithmetic::Float,
            Self::Integers { .. } => Arithmetic::Integers,
            Self::Device { .. } => Arithmetic::Device,
        }
    }

    /// What its answers mean.
    pub fn meaning(&self) -> Meaning {
        match self {
            Self::Float { run, .. } => {
                let fitted = &run.fitted;
                Meaning::of_network(&run.network.config, &fitted.schema, self.arithmetic())
            }
            Self::Integers { model, .. } | Self::Device { model, .. } => {
                Meaning::of_model(model, self.arithmetic())
            }
        }
    }

    /// An answer for each sequence of `data`, or for each step of it.
    ///
    /// # Errors
    /// When the device fails.
    pub fn answers(&mut self, data: &Dataset) -> Result<Answers, DeviceError> {
        let meaning = self.meaning();
        let forecast = data.origin.as_ref().filter(|origin| origin.change);
        let mut rows = Vec::new();
        for (s, outputs) in self.outputs(data)?.iter().enumerate() {
            for (t, row) in outputs.axis_iter(Axis(0)).enumerate() {
                let forecasts = forecast.iter().flat_map(|origin| {
                    let value = |(o, change): (usize, &f64)| origin.last_value(data, s, o) + change;
                    row.iter().enumerate().map(value).collect::<Vec<f64>>()
                });
                rows.push(Answer {
                    sequence: s,
                    name: data.names.get(s).cloned(),
                    step: meaning.mode.is_per_step().then_some(t),
                    forecasts: forecasts.collect(),
                    ..meaning.answer(row.to_vec())
                });
            }
        }
        let named = |origin: &crate::data::Origin| {
            let names = 0..meaning.outputs;
            names
                .map(|o| origin.value_name(data, o).to_owned())
                .collect()
        };
        Ok(Answers {
            forecast_names: forecast.map(named).unwrap_or_default(),
            meaning,
            rows,
        })
    }

    /// Outputs of each sequence in real units, `[1, O]` or `[T, O]`.
    fn outputs(&mut self, data: &Dataset) -> Result<Vec<Array2<f64>>, DeviceError> {
        let recordings = data.recordings();
        match self {
            Self::Float { run, .. } => {
                let outputs = run.outputs(data);
                Ok(outputs.iter().map(|rows| rows.mapv(f64::from)).collect())
            }
            Self::Integers { model, formats, .. } => {
                let model: &AnyModel<'_> = model;
                let one = |recording: &Recording<'_>| {
                    let bits = stream::run(model, &raw_sequence(formats, *recording));
                    stream::exact_outputs(model, &bits)
                };
                Ok(recordings.par_iter().map(one).collect())
            }
            Self::Device {
                model,
                formats,
                device,
                ..
            } => {
                let keep = match model.mode() {
                    Mode::SequenceToOne | Mode::SequenceToMean => Keep::LastStep,
                    Mode::SequenceToSequence => Keep::EveryStep,
                };
                let one = |recording: &Recording<'_>| {
                    let raw = raw_sequence(formats, *recording).concat();
                    let found = device.run_sequence(&raw, keep)?;
                    let rows = found.outputs.chunks(model.outputs()).map(<[i32]>::to_vec);
                    Ok(stream::exact_outputs(model, &rows.collect::<Vec<_>>()))
                };
                recordings.iter().map(one).collect()
            }
        }
    }

    /// The answer after one more step of real values, `[I]`, of a stream; `meaning` is the predictor's own.
    ///
    /// # Errors
    /// When the device fails.
    ///
    /// # Panics
    /// When there are fewer values than channels, or the network is one [of whole windows](Self::is_of_windows).
    pub fn step(&mut self, meaning: &Meaning, values: &[f64]) -> Result<Answer, DeviceError> {
        let outputs = match self {
            Self::Float { run, stream } => {
                let inputs = &run.fitted.inputs;
                let mut row: Vec<f32> = (values.iter().enumerate())
                    .map(|(j, value)| (value - offset_of(&inputs.offset, j)) as f32)
                    .collect();
                inputs.apply_row(ArrayViewMut1::from(&mut row[..]));
                let outputs = stream.step(&row);
                let mut outputs = Array2::from_shape_fn((1, outputs.len()), |(_, o)| outputs[o]);
                run.fitted.invert_targets(&mut outputs);
                outputs.iter().map(|value| f64::from(*value)).collect()
            }
            Self::Integers {
                model,
                formats,
                offsets,
                stream,
            } => {
                let raw = raw_step(formats, values, offsets);
                let (Some(steps), Some(stream)) = (model.steps(), stream) else {
                    panic!("a model of whole windows has no stream");
                };
                let bits = stream.step(steps, &raw).iter().map(|y| y.to_bits());
                exact_row(model, bits.collect())
            }
            Self::Device {
                model,
                formats,
                offsets,
                device,
            } => {
                let raw = raw_step(formats, values, offsets);
                exact_row(model, device.run(&raw, Keep::LastStep)?.outputs)
            }
        };
        Ok(meaning.answer(outputs))
    }

    /// Begins the stream anew.
    ///
    /// # Errors
    /// When the device fails.
    pub fn reset(&mut self) -> Result<(), DeviceError> {
        match self {
            Self::Float { stream, .. } => stream.reset(),
            Self::Integers { model, stream, .. } => *stream = model.steps().map(Stream::new),
            Self::Device { device, .. } => device.reset()?,
        }
        Ok(())
    }
}

fn offsets(run: Option<&Run>) -> Vec<f64> {
    run.map(|run| run.fitted.inputs.offset.clone())
        .unwrap_or_default()
}

/// The raw integers of real values. Fractions go through f32 first, as those of files do.
fn raw_step(formats: &[InputFormat], values: &[f64], offsets: &[f64]) -> Vec<i32> {
    let raw = |(j, format): (usize, &InputFormat)| {
        let (value, offset) = (values[j], offset_of(offsets, j));
        format.raw(match value.fract() == 0.0 {
            true => value,
            false => f64::from((value - offset) as f32) + offset,
        })
    };
    formats.iter().enumerate().map(raw).collect()
}

fn exact_row(model: &Parsed<'_>, bits: Vec<i32>) -> Vec<f64> {
    let row = stream::exact_outputs(model, &[bits]);
    row.into_raw_vec_and_offset().0
}
