//! The writer: the same format as [`super`], from the integers of a quantised network.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::{
    AlignedBytes, ArtifactError, CRC, FLAG_PEEPHOLES, FLAG_RELU, KIND_DENSE, KIND_LSTM, LayerError,
    MAGIC, VERSION,
};
use crate::kernels::{
    I32x4, Order, RowBlock, Scheme, blocks, grouped_bias_excess, offset, pack, pair,
};
use crate::layers::input::InputChannel;
use crate::model::{BufferSizes, Mode, Model, Task};

/// The most bytes of a name.
pub const MAX_NAME_BYTES: usize = u8::MAX as usize;

/// The content of a model file, owned.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    /// What the outputs mean.
    pub task: Task,
    /// When the outputs are read.
    pub mode: Mode,
    /// `real = y · 2^output_exponent` in linear tasks, 0 in others.
    pub output_exponent: i8,
    /// Normalisation of each channel, `[I]`.
    pub channels: Vec<InputChannel>,
    /// LSTM layers, first to last.
    pub lstm: Vec<Lstm>,
    /// Dense layers, first to last; the last one is the output layer.
    pub dense: Vec<Dense>,
    /// Names of the channels, `[I]`.
    pub input_names: Vec<String>,
    /// Names of the classes (two for a single sigmoid output) or of the values.
    pub output_names: Vec<String>,
    /// Steps for the self-test: raw inputs `[I]` and outputs `[O]` as bits of Q15.16.
    pub golden: Vec<(Vec<i32>, Vec<i32>)>,
}

/// The integers of one LSTM layer; rows in gate order i, f, g, o, `[4H]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lstm {
    /// How it is quantised.
    pub scheme: Scheme,
    /// Left shift of the input products, `k`.
    pub x_shift: u8,
    /// int8 activations: the hidden state is Q0.(15−n), 0..=8; else 0.
    pub h_shift: u8,
    /// Above a layer with activations of the other width: the shift between them, 0..=8; else 0.
    pub input_shift: u8,
    /// Integer bits of the cell, `m`.
    pub cell_int_bits: u8,
    /// Input weights, `[4H][I]`.
    pub w_x: Vec<Vec<i8>>,
    /// Recurrent weights, `[4H][H]`.
    pub w_h: Vec<Vec<i8>>,
    /// Biases in accumulator units, `[4H]`.
    pub bias: Vec<i32>,
    /// Multipliers from accumulator units to Q3.12, `[4H]`.
    pub mult: Vec<i32>,
    /// Peepholes in the order i, f, o, `[3][H]`; empty without.
    pub peephole: Vec<Vec<i16>>,
}

/// The integers of one dense layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dense {
    /// How it is quantised.
    pub scheme: Scheme,
    /// Above a layer with activations of the other width: the shift between them, 0..=8; else 0.
    pub input_shift: u8,
    /// Left shift after the multiplication, so that large gains fit.
    pub output_shift: u8,
    /// Weights, `[O][I]`.
    pub weight: Vec<Vec<i8>>,
    /// Biases in accumulator units, `[O]`.
    pub bias: Vec<i32>,
    /// Multipliers from accumulator units to the output's format, `[O]`.
    pub mult: Vec<i32>,
}

/// Why a model cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// A size does not fit its field.
    TooLarge {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        found: usize,
        /// The largest value.
        most: usize,
    },
    /// Parts of the model contradict each other or would be refused when read.
    Refused(ArtifactError),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { field, found, most } => {
                write!(
                    f,
                    "the model file holds at most {most} {field}, found {found}"
                )
            }
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for WriteError {}

impl ModelFile {
    /// The bytes of the file in the generic order, which every core runs.
    ///
    /// # Errors
    /// As [`ModelFile::to_bytes_in`].
    ///
    /// # Panics
    /// As [`ModelFile::to_bytes_in`].
    pub fn to_bytes(&self) -> Result<AlignedBytes, WriteError> {
        self.to_bytes_in(Order::Generic)
    }

    /// The bytes of the file with weights in the order of certain kernels. What is returned parses on a
    /// host, and on cores whose kernels read this order.
    ///
    /// # Errors
    /// [`WriteError`] when a size does not fit the format or the parser would refuse the file.
    ///
    /// # Panics
    /// When the lengths of a layer's own vectors contradict each other.
    pub fn to_bytes_in(&self, order: Order) -> Result<AlignedBytes, WriteError> {
        let mut out = Writer::default();
        let outputs = self.dense.last().map_or(0, |layer| layer.weight.len());
        let buffers = BufferSizes::of_layers(
            self.channels.len(),
            self.lstm
                .iter()
                .map(|layer| (layer.scheme.width(), layer.hidden())),
            self.dense
                .iter()
                .map(|layer| (layer.scheme.width(), layer.weight.len())),
        );
        let names = self.names(outputs)?;

        out.0.extend(MAGIC);
        out.u16("version", VERSION.into())?;
        out.0.push(match self.task {
            Task::Linear => 0,
            Task::Sigmoid => 1,
            Task::Softmax => 2,
        });
        out.0.push(match self.mode {
            Mode::SequenceToOne => 0,
            Mode::SequenceToSequence => 1,
        });
        out.0.extend([0; 4]); // the length, below
        out.u16("inputs", self.channels.len())?;
        out.u16("outputs", outputs)?;
        out.u8("LSTM layers", self.lstm.len())?;
        out.u8("dense layers", self.dense.len())?;
        out.u16("golden steps", self.golden.len())?;
        out.u16("cell blocks", buffers.cell)?;
        out.u16("scratch blocks", buffers.scratch)?;
        out.i32s([names.len() as i32]);
        out.0.extend([self.output_exponent as u8, 0]);
        out.u16("hidden blocks", buffers.hidden)?;

        out.i32s(self.channels.iter().flat_map(|channel| channel.to_words()));
        for (index, layer) in self.lstm.iter().enumerate() {
            layer.check_weights(index)?;
            layer.write(order.of(layer.scheme), &mut out)?;
        }
        for (index, layer) in self.dense.iter().enumerate() {
            check_row_weights(layer.scheme, layer.weight.iter().enumerate(), (true, index))?;
            layer.write(index + 1 < self.dense.len(), &mut out)?;
        }
        for (raw, outputs) in &self.golden {
            out.i32s(raw.iter().chain(outputs).copied());
        }
        out.0.extend(names);
        let length = out.0.len() + 4;
        let most = i32::MAX as usize;
        if length > most {
            return Err(WriteError::TooLarge {
                field: "bytes",
                found: length,
                most,
            });
        }
        out.0[8..12].copy_from_slice(&(length as u32).to_le_bytes());
        let checksum = CRC.checksum(&out.0);
        out.i32s([checksum as i32]);
        let bytes = AlignedBytes::from(out.0.as_slice());
        Model::parse(&bytes).map_err(WriteError::Refused)?;
        Ok(bytes)
    }

    /// Schemes of the LSTM layers, then of the dense layers.
    pub fn schemes(&self) -> impl Iterator<Item = Scheme> {
        let lstm = self.lstm.iter().map(|layer| layer.scheme);
        lstm.chain(self.dense.iter().map(|layer| layer.scheme))
    }

    fn names(&self, outputs: usize) -> Result<Vec<u8>, WriteError> {
        let expected = self.channels.len() + self.task.name_count(outputs);
        let found = self.input_names.len() + self.output_names.len();
        if found != expected || self.input_names.len() != self.channels.len() {
            let index = found.min(expected);
            return Err(WriteError::Refused(ArtifactError::Name { index }));
        }
        let mut bytes = Vec::new();
        for name in self.input_names.iter().chain(&self.output_names) {
            // A name that were cut could become another one's.
            let length = u8::try_from(name.len()).map_err(|_| WriteError::TooLarge {
                field: "bytes of a name",
                found: name.len(),
                most: MAX_NAME_BYTES,
            })?;
            bytes.push(length);
            bytes.extend(name.as_bytes());
        }
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        Ok(bytes)
    }
}

impl Lstm {
    fn hidden(&self) -> usize {
        self.w_h.len() / 4
    }

    fn check_weights(&self, index: usize) -> Result<(), WriteError> {
        let hidden = self.hidden();
        let in_file = |row: usize| row % hidden * 4 + row / hidden;
        for part in [&self.w_x, &self.w_h] {
            let rows = part.iter().enumerate().map(|(row, w)| (in_file(row), w));
            check_row_weights(self.scheme, rows, (false, index))?;
        }
        Ok(())
    }

    /// The four rows of a unit as they are laid out, with their padding.
    fn unit_rows(&self, order: Order, unit: usize) -> [Vec<i8>; 4] {
        let hidden = self.hidden();
        [0, 1, 2, 3].map(|gate| {
            let [w_x, w_h] = [&self.w_x, &self.w_h].map(|w| &w[gate * hidden + unit]);
            let layout = order.rows(w_x.len(), w_h.len(), self.x_shift.cmp(&self.h_shift));
            let mut row = vec![0; layout.lanes()];
            row[layout.x.start..][..w_x.len()].copy_from_slice(w_x);
            row[layout.h.start..][..w_h.len()].copy_from_slice(w_h);
            row
        })
    }

    fn write(&self, order: Order, out: &mut Writer) -> Result<(), WriteError> {
        let hidden = self.hidden();
        let flags = if self.peephole.is_empty() {
            0
        } else {
            FLAG_PEEPHOLES
        };
        out.0.extend([KIND_LSTM, self.scheme.code()]);
        out.u16("flags", flags.into())?;
        out.u16("inputs", self.w_x.first().map_or(0, Vec::len))?;
        out.u16("hidden units", hidden)?;
        out.0.extend([
            self.x_shift,
            self.cell_int_bits,
            order.code(),
            self.h_shift,
            self.input_shift,
            0,
            0,
            0,
        ]);
        for unit in 0..hidden {
            out.rows(self.scheme, order, self.unit_rows(order, unit));
        }
        for unit in 0..hidden {
            let rows = [0, 1, 2, 3].map(|gate| gate * hidden + unit);
            let sums = |weights: &[Vec<i8>]| -> I32x4 {
                rows.map(|row| weights[row].iter().copied().map(i32::from).sum())
            };
            let excess = match order {
                Order::Generic | Order::Offset | Order::Paired | Order::GroupedBytes => [0; 4],
                Order::Grouped => {
                    grouped_bias_excess(sums(&self.w_x), sums(&self.w_h), self.x_shift.into())
                }
            };
            // Past the accumulator's bound the sum may wrap; the parser refuses the row.
            out.i32s([0, 1, 2, 3].map(|gate| self.bias[rows[gate]].wrapping_add(excess[gate])));
            out.i32s(rows.map(|row| self.mult[row]));
        }
        if let [i, f, o] = self.peephole.as_slice() {
            for ((i, f), o) in i.iter().zip(f).zip(o) {
                [*i, *f, 0, *o]
                    .iter()
                    .for_each(|p| out.0.extend(p.to_le_bytes()));
            }
        }
        Ok(())
    }
}

impl Dense {
    fn write(&self, relu: bool, out: &mut Writer) -> Result<(), WriteError> {
        out.0.extend([KIND_DENSE, self.scheme.code()]);
        out.u16("flags", if relu { FLAG_RELU.into() } else { 0 })?;
        out.u16("inputs", self.weight.first().map_or(0, Vec::len))?;
        out.u16("outputs", self.weight.len())?;
        out.0.extend([self.output_shift, self.input_shift]);
        out.0.extend([0; 6]);
        for row in &self.weight {
            match self.scheme {
                Scheme::W8a16 | Scheme::W8a8 => {
                    (0..blocks(row.len())).for_each(|block| out.weights(row, block));
                }
                Scheme::W4a16 => {
                    for block in 0..row.len().div_ceil(8) {
                        let [a, b] = [quarter(row, 2 * block), quarter(row, 2 * block + 1)];
                        let nibbles = [[a[0], a[1]], [a[2], a[3]], [b[0], b[1]], [b[2], b[3]]];
                        out.0.extend(
                            nibbles.map(|[even, odd]| (even + 8) as u8 | ((odd + 8) as u8) << 4),
                        );
                    }
                }
            }
        }
        out.i32s(
            self.bias
                .iter()
                .zip(&self.mult)
                .flat_map(|(bias, mult)| [*bias, *mult]),
        );
        Ok(())
    }
}

/// Every weight is within the range of the scheme; rows come with their number in the file.
fn check_row_weights<'a>(
    scheme: Scheme,
    rows: impl Iterator<Item = (usize, &'a Vec<i8>)>,
    (dense, index): (bool, usize),
) -> Result<(), WriteError> {
    let most = scheme.weight_max();
    for (row, weights) in rows {
        if weights.iter().any(|w| !(-most..=most).contains(w)) {
            return Err(WriteError::Refused(ArtifactError::Layer {
                dense,
                index,
                error: LayerError::Weight { row },
            }));
        }
    }
    Ok(())
}

/// Block `block` of four weights of a row, padded with zeros.
fn quarter(row: &[i8], block: usize) -> [i8; 4] {
    [0, 1, 2, 3].map(|j| row.get(4 * block + j).copied().unwrap_or(0))
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn u8(&mut self, field: &'static str, value: usize) -> Result<(), WriteError> {
        let most = u8::MAX.into();
        self.0
            .push(value.try_into().map_err(|_| WriteError::TooLarge {
                field,
                found: value,
                most,
            })?);
        Ok(())
    }

    fn u16(&mut self, field: &'static str, value: usize) -> Result<(), WriteError> {
        let most = u16::MAX.into();
        let value: u16 = value.try_into().map_err(|_| WriteError::TooLarge {
            field,
            found: value,
            most,
        })?;
        self.0.extend(value.to_le_bytes());
        Ok(())
    }

    fn i32s(&mut self, values: impl IntoIterator<Item = i32>) {
        values
            .into_iter()
            .for_each(|value| self.0.extend(value.to_le_bytes()));
    }

    /// Block `block` of four weights of a row, padded with zeros.
    fn weights(&mut self, row: &[i8], block: usize) {
        self.i8s(quarter(row, block));
    }

    /// A unit's four rows, which are as long as `order` lays them out.
    fn rows(&mut self, scheme: Scheme, order: Order, rows: [Vec<i8>; 4]) {
        if matches!(order, Order::Grouped | Order::GroupedBytes) {
            for first in (0..rows[0].len()).step_by(16) {
                let groups = rows.iter().map(|row| &row[first..first + 16]);
                groups.for_each(|group| self.i8s(group.iter().copied()));
            }
            return;
        }
        for index in 0..rows[0].len() / 4 {
            let block: RowBlock = [0, 1, 2, 3].map(|gate| quarter(&rows[gate], index));
            match order {
                Order::Offset => self.i8s(offset(&block).into_iter().flatten()),
                Order::Paired => self.i8s(pair(&block).into_iter().flatten()),
                _ if scheme == Scheme::W4a16 => self.0.extend(pack(&block).as_flattened()),
                _ => self.i8s(block.into_iter().flatten()),
            }
        }
    }

    fn i8s(&mut self, values: impl IntoIterator<Item = i8>) {
        self.0.extend(values.into_iter().map(|value| value as u8));
    }
}

impl From<&Model<'_>> for ModelFile {
    /// The content of a parsed model: `parse(write(m)) == m`.
    fn from(model: &Model<'_>) -> Self {
        let mut inputs = model.inputs();
        let mut lstm = Vec::new();
        for layer in model.lstm_layers() {
            let hidden = layer.hidden;
            let part = |recurrent: bool, count: usize| -> Vec<Vec<i8>> {
                let mut rows = vec![Vec::with_capacity(count); 4 * hidden];
                for unit in 0..hidden {
                    let blocks: Vec<RowBlock> = if recurrent {
                        layer.recurrent_part(unit).collect()
                    } else {
                        layer.input_part(unit).collect()
                    };
                    for gate in 0..4 {
                        let row = blocks.iter().flat_map(|block| block[gate]).take(count);
                        rows[gate * hidden + unit].extend(row);
                    }
                }
                rows
            };
            let excess: Vec<I32x4> = (0..hidden).map(|unit| layer.bias_excess(unit)).collect();
            let gates = |which: usize| -> Vec<i32> {
                (0..4 * hidden)
                    .map(|row| layer.gates[row % hidden][which][row / hidden])
                    .collect()
            };
            let bias = gates(0).into_iter().enumerate();
            let bias = bias.map(|(row, bias)| bias - excess[row % hidden][row / hidden]);
            let peephole = |gate: usize| layer.peepholes.iter().map(|p| p[gate]).collect();
            lstm.push(Lstm {
                scheme: layer.scheme(),
                x_shift: layer.x_shift as u8,
                h_shift: layer.h_shift as u8,
                input_shift: layer.input_shift as u8,
                cell_int_bits: layer.cell_int_bits as u8,
                w_x: part(false, inputs),
                w_h: part(true, hidden),
                bias: bias.collect(),
                mult: gates(1),
                peephole: if layer.peepholes.is_empty() {
                    Vec::new()
                } else {
                    [0, 1, 3].map(peephole).into()
                },
            });
            inputs = hidden;
        }
        let mut dense = Vec::new();
        for layer in model.dense_layers() {
            let row = |r: usize| {
                layer
                    .weights
                    .row(r, inputs)
                    .flatten()
                    .take(inputs)
                    .collect()
            };
            dense.push(Dense {
                scheme: layer.scheme(),
                input_shift: layer.input_shift as u8,
                output_shift: layer.output_shift as u8,
                weight: (0..layer.outputs).map(row).collect(),
                bias: layer.rows.iter().map(|row| row[0]).collect(),
                mult: layer.rows.iter().map(|row| row[1]).collect(),
            });
            inputs = layer.outputs;
        }
        Self {
            task: model.task(),
            mode: model.mode(),
            output_exponent: model.output_exponent(),
            channels: (0..model.inputs())
                .filter_map(|j| model.input_channel(j))
                .collect(),
            lstm,
            dense,
            input_names: model.input_names().map(String::from).collect(),
            output_names: model.output_names().map(String::from).collect(),
            golden: model
                .golden_steps()
                .map(|(raw, out)| (raw.into(), out.into()))
                .collect(),
        }
    }
}
