//! The parser: every length, range, shape and accumulator bound is checked once, so that a step
//! needs no check at all.

use bytemuck::{AnyBitPattern, NoUninit};
use heapless::Vec;

use super::{
    ArtifactError, CRC, FLAG_PEEPHOLES, FLAG_RELU, HEADER_BYTES, KIND_DENSE, KIND_LSTM,
    LAYER_HEADER_BYTES, LayerError, MAGIC, MAX_CELL_INT_BITS, MAX_INPUT_SHIFT, MAX_OUTPUT_SHIFT,
    MAX_X_SHIFT, SCHEME_W8A16, VERSION,
};
use crate::kernels::{
    Active, DenseParameters, Kernels, LstmParameters, Order, RowBlock, Weights, blocks,
};
use crate::layers::input::ChannelWords;
use crate::model::{MAX_DENSE_LAYERS, MAX_LSTM_LAYERS, Mode, Model, Task, names};

/// The largest magnitude of an activation, 2¹⁵.
const ACTIVATION_MAX: u64 = 1 << 15;

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
        let mut width = header.inputs;
        let mut lstm = Vec::new();
        let mut state_blocks = 0;
        let mut widest = 0;
        for index in 0..header.lstm_layers {
            let layer = reader.lstm(width).map_err(|error| error.at(false, index))?;
            width = layer.hidden;
            state_blocks += blocks(width);
            widest = widest.max(blocks(width));
            // The header allows no more layers than the vector holds.
            let _ = lstm.push(layer);
        }
        let mut dense = Vec::new();
        let mut dense_blocks = 0;
        for index in 0..header.dense_layers - 1 {
            let layer = reader
                .dense(width, FLAG_RELU)
                .map_err(|error| error.at(true, index))?;
            width = layer.outputs;
            dense_blocks += blocks(width);
            let _ = dense.push(layer);
        }
        let output = reader
            .dense(width, 0)
            .map_err(|error| error.at(true, header.dense_layers - 1))?;
        let scratch_blocks = dense_blocks.max(blocks(header.inputs) + widest);
        exactly("outputs", header.outputs, output.outputs)?;
        exactly("state blocks", header.state_blocks, state_blocks)?;
        exactly("scratch blocks", header.scratch_blocks, scratch_blocks)?;
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
            state_blocks,
            scratch_blocks,
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
    state_blocks: usize,
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
        for reserved in &bytes[29..32] {
            in_range("reserved header byte", (*reserved).into(), 0, 0)?;
        }
        Ok(Self {
            task,
            mode,
            inputs: u16_at(12) as usize,
            outputs: u16_at(14) as usize,
            lstm_layers: bytes[16].into(),
            dense_layers: bytes[17].into(),
            golden_steps: u16_at(18) as usize,
            state_blocks: u16_at(20) as usize,
            scratch_blocks: u16_at(22) as usize,
            names_bytes: u32::from_le_bytes([bytes[24], bytes[25], bytes[26], bytes[27]]) as usize,
            output_exponent: bytes[28] as i8,
        })
    }
}

/// The common header of layers.
struct LayerHeader {
    flags: u16,
    inputs: usize,
    outputs: usize,
    parameters: [u8; 3],
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
        inputs: usize,
        flags: (u16, u16),
        most: [u8; 3],
    ) -> Result<LayerHeader, Stop> {
        let bytes = self.array::<LAYER_HEADER_BYTES>()?;
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        layer_range("kind", bytes[0].into(), kind.into(), kind.into())?;
        layer_range(
            "scheme",
            bytes[1].into(),
            SCHEME_W8A16.into(),
            SCHEME_W8A16.into(),
        )?;
        layer_range("flags", u16_at(2).into(), flags.0.into(), flags.1.into())?;
        layer_range("inputs", u16_at(4).into(), inputs as u32, inputs as u32)?;
        layer_range("units", u16_at(6).into(), 1, u16::MAX.into())?;
        for ((field, most), found) in ["shift", "cell integer bits", "order"]
            .iter()
            .zip(most)
            .zip(&bytes[8..11])
        {
            layer_range(field, (*found).into(), 0, most.into())?;
        }
        for reserved in &bytes[11..] {
            layer_range("reserved byte", (*reserved).into(), 0, 0)?;
        }
        Ok(LayerHeader {
            flags: u16_at(2),
            inputs: u16_at(4).into(),
            outputs: u16_at(6).into(),
            parameters: [bytes[8], bytes[9], bytes[10]],
        })
    }

    fn lstm(&mut self, inputs: usize) -> Result<LstmParameters<'m>, Stop> {
        let most = [MAX_X_SHIFT, MAX_CELL_INT_BITS, u8::MAX];
        let header = self.layer_header(KIND_LSTM, inputs, (0, FLAG_PEEPHOLES), most)?;
        let [x_shift, cell_int_bits, order] = header.parameters;
        layer_range(
            "cell integer bits",
            cell_int_bits.into(),
            1,
            MAX_CELL_INT_BITS.into(),
        )?;
        let hidden = header.outputs;
        let layer = LstmParameters {
            hidden,
            inputs: header.inputs,
            weights: self.weights(order, header.inputs, hidden)?,
            gates: self.slice(hidden)?,
            peepholes: if header.flags & FLAG_PEEPHOLES != 0 {
                self.slice(hidden)?
            } else {
                &[]
            },
            x_shift: x_shift.into(),
            cell_int_bits: cell_int_bits.into(),
        };
        check_units(&layer, header.inputs)?;
        Ok(layer)
    }

    fn weights(&mut self, order: u8, inputs: usize, hidden: usize) -> Result<Weights<'m>, Stop> {
        let refused = LayerError::Order { found: order };
        let order = Order::from_code(order)
            .filter(|order| Active::ORDERS.contains(order))
            .ok_or(refused)?;
        let padded = |n: usize| order.padded_blocks(blocks(n));
        let count = hidden.saturating_mul(padded(inputs) + padded(hidden));
        Ok(match order {
            Order::Generic => Weights::Generic(self.slice(count)?),
            Order::Paired => Weights::Paired(self.slice(count)?),
            Order::Grouped => Weights::Grouped(self.slice(count / 4)?),
        })
    }

    fn dense(&mut self, inputs: usize, flags: u16) -> Result<DenseParameters<'m>, Stop> {
        let header =
            self.layer_header(KIND_DENSE, inputs, (flags, flags), [MAX_OUTPUT_SHIFT, 0, 0])?;
        let outputs = header.outputs;
        let row_blocks = blocks(header.inputs);
        let weights: &[[i8; 4]] = self.slice(outputs.saturating_mul(row_blocks))?;
        let rows: &[[i32; 2]] = self.slice(outputs)?;
        for ((row, weights), [bias, mult]) in weights
            .chunks_exact(row_blocks.max(1))
            .enumerate()
            .zip(rows)
        {
            check_row(
                magnitude(weights.iter().copied(), header.inputs, row)?,
                i64::from(*bias),
                *mult,
                row,
            )?;
        }
        Ok(DenseParameters {
            outputs,
            weights,
            rows,
            output_shift: header.parameters[0].into(),
        })
    }
}

/// Every unit's rows are inside of the accumulator's bound, and nothing but zeros pads them.
fn check_units(layer: &LstmParameters<'_>, inputs: usize) -> Result<(), LayerError> {
    let mut peepholes = layer.peepholes.iter();
    for (unit, [bias, mult]) in layer.gates.iter().enumerate() {
        let peephole = peepholes.next().copied().unwrap_or_default();
        let excess = layer.bias_excess(unit);
        for gate in 0..4 {
            let row = unit * 4 + gate;
            // The mask changes nothing, and shows the optimiser that every index is in range.
            let gate = gate & 3;
            let of_gate = move |block: RowBlock| block[gate & 3];
            let x = magnitude(layer.input_part(unit).map(of_gate), inputs, row)?;
            let h = magnitude(layer.recurrent_part(unit).map(of_gate), layer.hidden, row)?;
            let p = u64::from(peephole[gate].unsigned_abs());
            let bias = i64::from(bias[gate]) - i64::from(excess[gate]);
            check_row((x << layer.x_shift) + h + p, bias, mult[gate], row)?;
        }
        // g has no peephole; its place in the file is padding.
        if peephole[2] != 0 {
            return Err(LayerError::Weight { row: unit * 4 + 2 });
        }
    }
    Ok(())
}

/// Σ|w| of one row; its first `count` weights are above −128 and its padding is zero.
fn magnitude(
    blocks: impl Iterator<Item = [i8; 4]>,
    count: usize,
    row: usize,
) -> Result<u64, LayerError> {
    let mut sum = 0;
    for (j, w) in blocks.flatten().enumerate() {
        if w == i8::MIN || (j >= count && w != 0) {
            return Err(LayerError::Weight { row });
        }
        sum += u64::from(w.unsigned_abs());
    }
    Ok(sum)
}

/// The accumulator bound: 2¹⁵ · Σ|w| + |bias| < 2³¹, with the shift and the peephole in the sum.
fn check_row(weights: u64, bias: i64, mult: i32, row: usize) -> Result<(), LayerError> {
    if mult < 0 {
        return Err(LayerError::Multiplier { row });
    }
    if ACTIVATION_MAX * weights + bias.unsigned_abs() >= 1 << 31 {
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
