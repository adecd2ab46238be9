//! The parser: every length, range, shape and accumulator bound is checked once, so that a step
//! needs no check at all.

use core::cmp::Ordering;

use bytemuck::{AnyBitPattern, NoUninit};
use heapless::Vec;

use super::{
    ArtifactError, CRC, FLAG_PEEPHOLES, FLAG_RELU, HEADER_BYTES, KIND_DENSE, KIND_LSTM,
    LAYER_HEADER_BYTES, LayerError, MAGIC, MAX_CELL_INT_BITS, MAX_INPUT_SHIFT, MAX_OUTPUT_SHIFT,
    MAX_WIDTH_SHIFT, MAX_X_SHIFT, VERSION,
};
use crate::kernels::{
    Active, DenseParameters, DenseWeights, Kernels, LstmParameters, Order, RowBlock, Scheme,
    Weights, Width, blocks,
};
use crate::layers::input::ChannelWords;
use crate::model::{BufferSizes, MAX_DENSE_LAYERS, MAX_LSTM_LAYERS, Mode, Model, Task, names};

/// The largest magnitude of the narrow cell, 2¹⁵.
const NARROW_CELL_MAX: u64 = 1 << 15;

impl<'m> Model<'m> {
    /// Parses a model file in place.
    ///
    /// `file` is the whole file and begins on a 4-byte boundary
    /// ([`include_model!`](crate::include_model) sees to that). The model that is returned cannot
    /// fail or panic later.
    ///
    /// # Errors
    /// What is wrong with the file, see [`ArtifactError`].
    pub fn parse(file: &'m [u8]) -> Result<Self, ArtifactError> {
        let content = verified(file)?;
        let mut reader = Reader {
            rest: content,
            total: file.len(),
        };
        let header = Header::read(&mut reader)?;
        let channels: &[ChannelWords] = reader.slice(header.inputs)?;
        for channel in channels {
            // The third word holds shift, fraction bits and two zero bytes; a mult is not negative.
            in_range("input channel", (channel[2] as u32) >> 16, 0, 0)?;
            in_range(
                "input shift",
                channel[2] as u32 & 0xff,
                0,
                MAX_INPUT_SHIFT.into(),
            )?;
            in_range("input mult", channel[1] as u32, 0, i32::MAX as u32)?;
        }
        let mut below = Below {
            units: header.inputs,
            width: None,
        };
        let mut lstm = Vec::new();
        for index in 0..header.lstm_layers {
            let layer = reader.lstm(below).map_err(|error| error.at(false, index))?;
            below = Below {
                units: layer.hidden,
                width: Some(layer.width),
            };
            // The header allows no more layers than the vector holds.
            let _ = lstm.push(layer);
        }
        let mut dense: Vec<_, MAX_DENSE_LAYERS> = Vec::new();
        for index in 0..header.dense_layers - 1 {
            let layer = reader
                .dense(below, FLAG_RELU)
                .map_err(|error| error.at(true, index))?;
            below = Below {
                units: layer.outputs,
                width: Some(layer.width),
            };
            let _ = dense.push(layer);
        }
        let output = reader
            .dense(below, 0)
            .map_err(|error| error.at(true, header.dense_layers - 1))?;
        let dense_sizes = dense.iter().chain([&output]);
        let buffers = BufferSizes::of_layers(
            header.inputs,
            lstm.iter()
                .map(|layer: &LstmParameters<'_>| (layer.width, layer.hidden)),
            dense_sizes.map(|layer| (layer.width, layer.outputs)),
        );
        exactly("outputs", header.outputs, output.outputs)?;
        exactly("cell blocks", header.cell_blocks, buffers.cell)?;
        exactly("hidden blocks", header.hidden_blocks, buffers.hidden)?;
        exactly("scratch blocks", header.scratch_blocks, buffers.scratch)?;
        let golden_step = header.inputs + header.outputs;
        let golden = reader.slice(header.golden_steps.saturating_mul(golden_step))?;
        let names = reader.bytes(header.names_bytes)?;
        exactly("bytes after the names", reader.rest.len(), 0)?;
        check_names(
            names,
            header.inputs + header.task.name_count(header.outputs),
        )?;
        Ok(Self {
            task: header.task,
            mode: header.mode,
            output_exponent: header.output_exponent,
            outputs: header.outputs,
            buffers,
            channels,
            lstm,
            dense,
            output,
            golden,
            names,
        })
    }
}

/// The content of `file` without its checksum, once alignment, identity, length and checksum hold.
fn verified(file: &[u8]) -> Result<&[u8], ArtifactError> {
    let offset = file.as_ptr().align_offset(4);
    if offset != 0 {
        return Err(ArtifactError::Misaligned {
            offset: (4 - offset) % 4,
        });
    }
    let have_bytes = file.len();
    let short = ArtifactError::Truncated {
        need_bytes: HEADER_BYTES + 4,
        have_bytes,
    };
    let (magic, rest) = file.split_first_chunk::<4>().ok_or(short)?;
    if *magic != MAGIC {
        return Err(ArtifactError::BadMagic { found: *magic });
    }
    let (version, rest) = rest.split_first_chunk::<2>().ok_or(short)?;
    let version = u16::from_le_bytes(*version);
    if version != VERSION {
        return Err(ArtifactError::Version {
            found: version,
            supported: VERSION,
        });
    }
    let (length, _) = rest
        .get(2..)
        .and_then(|rest| rest.split_first_chunk::<4>())
        .ok_or(short)?;
    let file_bytes = u32::from_le_bytes(*length) as usize;
    if have_bytes < file_bytes || have_bytes < HEADER_BYTES + 4 {
        return Err(ArtifactError::Truncated {
            need_bytes: file_bytes.max(HEADER_BYTES + 4),
            have_bytes,
        });
    }
    if have_bytes > file_bytes {
        return Err(ArtifactError::TrailingBytes {
            file_bytes,
            have_bytes,
        });
    }
    let (content, stored) = file.split_last_chunk::<4>().ok_or(short)?;
    let (stored, computed) = (u32::from_le_bytes(*stored), CRC.checksum(content));
    if stored != computed {
        return Err(ArtifactError::Checksum { stored, computed });
    }
    Ok(content)
}

/// The header's fields after magic, version and length.
struct Header {
    task: Task,
    mode: Mode,
    inputs: usize,
    outputs: usize,
    lstm_layers: usize,
    dense_layers: usize,
    golden_steps: usize,
    cell_blocks: usize,
    hidden_blocks: usize,
    scratch_blocks: usize,
    names_bytes: usize,
    output_exponent: i8,
}

impl Header {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ArtifactError> {
        let bytes = reader.array::<HEADER_BYTES>()?;
        let u16_at = |at: usize| u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        let task = match bytes[6] {
            0 => Task::Linear,
            1 => Task::Sigmoid,
            found => in_range("task", found.into(), 0, 2).map(|()| Task::Softmax)?,
        };
        let mode = match bytes[7] {
            0 => Mode::SequenceToOne,
            found => in_range("mode", found.into(), 0, 1).map(|()| Mode::SequenceToSequence)?,
        };
        in_range("inputs", u16_at(12), 1, u16::MAX.into())?;
        in_range("outputs", u16_at(14), 1, u16::MAX.into())?;
        in_range("LSTM layers", bytes[16].into(), 1, MAX_LSTM_LAYERS as u32)?;
        in_range("dense layers", bytes[17].into(), 1, MAX_DENSE_LAYERS as u32)?;
        in_range("reserved header byte", bytes[29].into(), 0, 0)?;
        Ok(Self {
            task,
            mode,
            inputs: u16_at(12) as usize,
            outputs: u16_at(14) as usize,
            lstm_layers: bytes[16].into(),
            dense_layers: bytes[17].into(),
            golden_steps: u16_at(18) as usize,
            cell_blocks: u16_at(20) as usize,
            hidden_blocks: u16_at(30) as usize,
            scratch_blocks: u16_at(22) as usize,
            names_bytes: u32::from_le_bytes([bytes[24], bytes[25], bytes[26], bytes[27]]) as usize,
            output_exponent: bytes[28] as i8,
        })
    }
}

/// What a layer stands on: the raw inputs, which take the first layer's width, or another layer.
#[derive(Clone, Copy)]
struct Below {
    units: usize,
    width: Option<Width>,
}

/// The common header of layers.
struct LayerHeader {
    scheme: Scheme,
    flags: u16,
    outputs: usize,
    /// What the kinds have of their own, from byte 8.
    own: [u8; 8],
}

impl LayerHeader {
    /// Bytes from `first` on are not in use.
    fn nothing_from(&self, first: usize) -> Result<(), LayerError> {
        for reserved in self.own.iter().skip(first) {
            layer_range("reserved byte", (*reserved).into(), 0, 0)?;
        }
        Ok(())
    }

    /// The conversion of the layer below, which must be 0 when there is none.
    fn input_shift(&self, found: u8, below: Below) -> Result<u32, LayerError> {
        let converts = below
            .width
            .is_some_and(|width| width != self.scheme.width());
        let most = if converts { MAX_WIDTH_SHIFT } else { 0 };
        layer_range("input shift", found.into(), 0, most.into())?;
        Ok(found.into())
    }
}

/// What stops a layer's parser; it does not know its index.
enum Stop {
    File(ArtifactError),
    Layer(LayerError),
}

impl Stop {
    fn at(self, dense: bool, index: usize) -> ArtifactError {
        match self {
            Self::File(error) => error,
            Self::Layer(error) => ArtifactError::Layer {
                dense,
                index,
                error,
            },
        }
    }
}

impl From<ArtifactError> for Stop {
    fn from(error: ArtifactError) -> Self {
        Self::File(error)
    }
}

impl From<LayerError> for Stop {
    fn from(error: LayerError) -> Self {
        Self::Layer(error)
    }
}

/// Walks over the content of a file.
struct Reader<'m> {
    rest: &'m [u8],
    total: usize,
}

impl<'m> Reader<'m> {
    fn bytes(&mut self, count: usize) -> Result<&'m [u8], ArtifactError> {
        let read = self.total - self.rest.len();
        let (bytes, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(ArtifactError::Truncated {
                need_bytes: read.saturating_add(count),
                have_bytes: self.total,
            })?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<&'m [u8; N], ArtifactError> {
        let have_bytes = self.total;
        // `bytes` returns N bytes.
        self.bytes(N)?
            .first_chunk()
            .ok_or(ArtifactError::Truncated {
                need_bytes: N,
                have_bytes,
            })
    }

    /// `count` values in place. Every section is a multiple of 4 bytes long and the file begins on
    /// such a boundary, so that the cast fits; `T` has an alignment of 4 at most.
    fn slice<T: AnyBitPattern + NoUninit>(
        &mut self,
        count: usize,
    ) -> Result<&'m [T], ArtifactError> {
        let bytes = self.bytes(count.saturating_mul(size_of::<T>()))?;
        bytemuck::try_cast_slice(bytes).map_err(|_| ArtifactError::Misaligned {
            offset: self.rest.len() % 4,
        })
    }

    fn layer_header(
        &mut self,
        kind: u8,
        below: Below,
        flags: (u16, u16),
    ) -> Result<LayerHeader, Stop> {
        let bytes = self.array::<LAYER_HEADER_BYTES>()?;
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        layer_range("kind", bytes[0].into(), kind.into(), kind.into())?;
        let scheme = Scheme::from_code(bytes[1]).filter(|scheme| scheme.is_built_in());
        let scheme = scheme.ok_or(LayerError::Field {
            field: "scheme",
            found: bytes[1].into(),
            allowed: (1, Scheme::ALL.len() as u32),
        })?;
        layer_range("flags", u16_at(2).into(), flags.0.into(), flags.1.into())?;
        let units = below.units as u32;
        layer_range("inputs", u16_at(4).into(), units, units)?;
        layer_range("units", u16_at(6).into(), 1, u16::MAX.into())?;
        let [.., a, b, c, d, e, f, g, h] = *bytes;
        Ok(LayerHeader {
            scheme,
            flags: u16_at(2),
            outputs: u16_at(6).into(),
            own: [a, b, c, d, e, f, g, h],
        })
    }

    fn lstm(&mut self, below: Below) -> Result<LstmParameters<'m>, Stop> {
        let header = self.layer_header(KIND_LSTM, below, (0, FLAG_PEEPHOLES))?;
        let [x_shift, cell_int_bits, order, h_shift, input_shift, ..] = header.own;
        header.nothing_from(5)?;
        layer_range("x shift", x_shift.into(), 0, MAX_X_SHIFT.into())?;
        let m = cell_int_bits.into();
        layer_range("cell integer bits", m, 1, MAX_CELL_INT_BITS.into())?;
        let most = match header.scheme.width() {
            Width::Int16 => 0,
            Width::Int8 => MAX_WIDTH_SHIFT,
        };
        layer_range("hidden shift", h_shift.into(), 0, most.into())?;
        let hidden = header.outputs;
        let rows = (below.units, hidden, x_shift.cmp(&h_shift));
        let layer = LstmParameters {
            hidden,
            inputs: below.units,
            weights: self.weights(header.scheme, order, rows)?,
            width: header.scheme.width(),
            gates: self.slice(hidden)?,
            peepholes: if header.flags & FLAG_PEEPHOLES != 0 {
                self.slice(hidden)?
            } else {
                &[]
            },
            x_shift: x_shift.into(),
            h_shift: h_shift.into(),
            input_shift: header.input_shift(input_shift, below)?,
            cell_int_bits: m,
        };
        check_units(&layer)?;
        Ok(layer)
    }

    fn weights(
        &mut self,
        scheme: Scheme,
        order: u8,
        (inputs, hidden, shifts): (usize, usize, Ordering),
    ) -> Result<Weights<'m>, Stop> {
        let refused = LayerError::Order { found: order };
        let order = Order::from_code(order).ok_or(refused)?;
        if order.of(scheme) != order {
            return Err(LayerError::SchemeOrder { scheme, order }.into());
        }
        let count = hidden.saturating_mul(order.rows(inputs, hidden, shifts).lanes() / 4);
        if scheme == Scheme::W4a16 {
            return Ok(Weights::Nibbles(self.slice(count)?));
        }
        if !Active::ORDERS.contains(&order) {
            return Err(refused.into());
        }
        Ok(match order {
            Order::Generic => Weights::Generic(self.slice(count)?),
            Order::Offset => Weights::Offset(self.slice(count)?),
            Order::Paired => Weights::Paired(self.slice(count)?),
            Order::Grouped => Weights::Grouped(self.slice(count / 4)?),
            Order::GroupedBytes => Weights::GroupedBytes(self.slice(count / 4)?),
        })
    }

    fn dense(&mut self, below: Below, flags: u16) -> Result<DenseParameters<'m>, Stop> {
        let header = self.layer_header(KIND_DENSE, below, (flags, flags))?;
        let [output_shift, input_shift, ..] = header.own;
        header.nothing_from(2)?;
        layer_range(
            "output shift",
            output_shift.into(),
            0,
            MAX_OUTPUT_SHIFT.into(),
        )?;
        let (inputs, outputs) = (below.units, header.outputs);
        let weights = match header.scheme {
            Scheme::W8a16 | Scheme::W8a8 => {
                DenseWeights::Int8(self.slice(outputs.saturating_mul(blocks(inputs)))?)
            }
            Scheme::W4a16 => {
                DenseWeights::Nibbles(self.slice(outputs.saturating_mul(inputs.div_ceil(8)))?)
            }
        };
        let layer = DenseParameters {
            inputs,
            outputs,
            weights,
            width: header.scheme.width(),
            rows: self.slice(outputs)?,
            output_shift: output_shift.into(),
            input_shift: header.input_shift(input_shift, below)?,
        };
        for (row, [bias, mult]) in layer.rows.iter().enumerate() {
            let most = header.scheme.weight_max();
            let sum = magnitude(layer.weights.row(row, inputs), inputs, most, row)?;
            let reach = sum << (layer.width.bits() - 1);
            check_row(reach, i64::from(*bias), *mult, row)?;
        }
        Ok(layer)
    }
}

/// Every unit's rows are inside of the accumulator's bound, and nothing but zeros pads them.
fn check_units(layer: &LstmParameters<'_>) -> Result<(), LayerError> {
    let most = layer.scheme().weight_max();
    let activation = layer.width.bits() - 1;
    let mut peepholes = layer.peepholes.iter();
    for (unit, [bias, mult]) in layer.gates.iter().enumerate() {
        let peephole = peepholes.next().copied().unwrap_or_default();
        let excess = layer.bias_excess(unit);
        for gate in 0..4 {
            let row = unit * 4 + gate;
            // The mask changes nothing, and shows the optimiser that every index is in range.
            let gate = gate & 3;
            let of_gate = move |block: RowBlock| block[gate & 3];
            let x = layer.input_part(unit).map(of_gate);
            let x = magnitude(x, layer.inputs, most, row)? << (activation + layer.x_shift);
            let h = layer.recurrent_part(unit).map(of_gate);
            let h = magnitude(h, layer.hidden, most, row)? << (activation + layer.h_shift);
            let p = NARROW_CELL_MAX * u64::from(peephole[gate].unsigned_abs());
            let bias = i64::from(bias[gate]) - i64::from(excess[gate]);
            check_row(x + h + p, bias, mult[gate], row)?;
        }
        // g has no peephole; its place in the file is padding.
        if peephole[2] != 0 {
            return Err(LayerError::Weight { row: unit * 4 + 2 });
        }
    }
    Ok(())
}

/// Σ|w| of one row; its first `count` weights are within ±`most` and its padding is zero.
fn magnitude(
    blocks: impl Iterator<Item = [i8; 4]>,
    count: usize,
    most: i8,
    row: usize,
) -> Result<u64, LayerError> {
    let mut sum = 0;
    for (j, w) in blocks.flatten().enumerate() {
        if w < -most || (j >= count && w != 0) {
            return Err(LayerError::Weight { row });
        }
        sum += u64::from(w.unsigned_abs());
    }
    Ok(sum)
}

/// The accumulator bound: what products and peephole may reach, and the bias, stay below 2³¹ together.
fn check_row(reach: u64, bias: i64, mult: i32, row: usize) -> Result<(), LayerError> {
    if mult < 0 {
        return Err(LayerError::Multiplier { row });
    }
    if reach + bias.unsigned_abs() >= 1 << 31 {
        return Err(LayerError::Overflow { row });
    }
    Ok(())
}

fn check_names(bytes: &[u8], count: usize) -> Result<(), ArtifactError> {
    exactly("names length modulo 4", bytes.len() % 4, 0)?;
    let mut used = 0;
    let mut found = 0;
    for name in names(bytes).take(count) {
        used += 1 + name.len();
        found += 1;
    }
    let padding = bytes.get(used..).unwrap_or_default();
    if found < count || padding.len() >= 4 || padding.iter().any(|byte| *byte != 0) {
        return Err(ArtifactError::Name { index: found });
    }
    Ok(())
}

fn in_range(field: &'static str, found: u32, low: u32, high: u32) -> Result<(), ArtifactError> {
    if (low..=high).contains(&found) {
        return Ok(());
    }
    Err(ArtifactError::Field {
        field,
        found,
        allowed: (low, high),
    })
}

fn exactly(field: &'static str, found: usize, needed: usize) -> Result<(), ArtifactError> {
    in_range(field, found as u32, needed as u32, needed as u32)
}

fn layer_range(field: &'static str, found: u32, low: u32, high: u32) -> Result<(), LayerError> {
    if (low..=high).contains(&found) {
        return Ok(());
    }
    Err(LayerError::Field {
        field,
        found,
        allowed: (low, high),
    })
}
