//! The content of a model file, owned: what the integers of a quantised network are written from.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem::offset_of;

use super::cursor::{Writer, fitted};
use super::header::{CHECKSUM_BYTES, MEAN_VERSION, OLDEST_VERSION, WINDOW_VERSION};
use super::layer::Content;
use super::{
    AlignedBytes, ArtifactError, CRC, Dense, Header, MAGIC, Recurrent, RecurrentRecord, WriteError,
};
use crate::kernels::{Order, Scheme};
use crate::layers::Direction;
use crate::layers::input::InputChannel;
use crate::layers::output::OutputScale;
use crate::model::{BufferSizes, Model, Parsed};
use crate::task::{Mode, Task};

/// The most bytes of a name.
pub const MAX_NAME_BYTES: usize = u8::MAX as usize;

/// The content of a model file, owned.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    /// What the outputs mean.
    pub task: Task,
    /// When the outputs are read.
    pub mode: Mode,
    /// What makes the raw inputs of samples, if the model has it.
    #[cfg(feature = "front-end")]
    pub front_end: Option<crate::front_end::Tables>,
    /// Normalisation of each channel, `[I]`.
    pub channels: Vec<InputChannel>,
    /// Between raw inputs and the recurrent layers, if the model has one.
    #[cfg(feature = "conv")]
    pub conv: Option<super::Conv>,
    /// In linear tasks, how each output becomes real units, `[O]`; else empty.
    pub scales: Vec<OutputScale>,
    /// Recurrent layers, first to last.
    pub recurrent: Vec<Recurrent>,
    /// Of each recurrent layer; those behind the end run forwards.
    pub directions: Vec<Direction>,
    /// Dense layers, first to last; the last one is the output layer.
    pub dense: Vec<Dense>,
    /// Names of the channels, `[I]`.
    pub input_names: Vec<String>,
    /// Names of the classes (two for a single sigmoid output) or of the values.
    pub output_names: Vec<String>,
    /// Steps for the self-test: raw inputs `[I]` and outputs `[O]` as bits of Q15.16.
    pub golden: Vec<(Vec<i32>, Vec<i32>)>,
}

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
        let names = self.names()?;
        self.check_scales()?;
        let mut header = self.header(names.len())?;
        let mut body = Writer::default();
        #[cfg(feature = "front-end")]
        if let Some(tables) = &self.front_end {
            super::front_end::append(tables, &mut body);
        }
        header.front_end_words = fitted("words of a front end", body.0.len() / 4)?;
        body.i32s(self.channels.iter().flat_map(|channel| channel.to_words()));
        let scales = self.scales.iter().flat_map(|scale| scale.to_words());
        body.i32s(scales.map(|word| word as i32));
        self.write_layers(order, &mut body)?;
        for (raw, outputs) in &self.golden {
            body.i32s(raw.iter().chain(outputs).copied());
        }
        body.0.extend(names);
        let length = size_of::<Header>() + body.0.len() + CHECKSUM_BYTES;
        // Cores of 32 bits have no slices of more bytes.
        let file_bytes = i32::try_from(length).map_err(|_| WriteError::TooLarge {
            field: "bytes",
            found: length,
            most: i32::MAX.unsigned_abs() as usize,
        })?;
        header.file_bytes = file_bytes.unsigned_abs();
        let mut out = Writer(Vec::with_capacity(length));
        out.record(&header);
        out.0.append(&mut body.0);
        let checksum = CRC.checksum(&out.0);
        out.record(&checksum);
        let bytes = AlignedBytes::from(out.0.as_slice());
        Parsed::parse(&bytes).map_err(WriteError::Refused)?;
        Ok(bytes)
    }

    /// Refuses scales of another number than the task has.
    fn check_scales(&self) -> Result<(), WriteError> {
        let scales = match self.task {
            Task::Linear => self.outputs(),
            Task::Sigmoid | Task::Softmax => 0,
        };
        if self.scales.len() != scales {
            return Err(WriteError::Refused(ArtifactError::Field {
                field: "output scales",
                found: self.scales.len() as u32,
                allowed: (scales as u32, scales as u32),
            }));
        }
        Ok(())
    }

    /// Writes the layers, first to last, with weights in this order and each recurrent one's direction.
    fn write_layers(&self, order: Order, body: &mut Writer) -> Result<(), WriteError> {
        let forwards = core::iter::repeat(Direction::Forward);
        let directions = self.directions.iter().copied().chain(forwards).map(Some);
        let conv = self.conv_content().map(|conv| ((0, conv), None));
        let dense = self.dense_content().map(|layer| (layer, None));
        let layers = conv
            .into_iter()
            .chain(self.recurrent_content().zip(directions));
        let mut layers = layers.chain(dense).peekable();
        while let Some(((index, layer), direction)) = layers.next() {
            layer.check_weights().map_err(|error| {
                let kind = layer.kind();
                WriteError::Refused(ArtifactError::Layer { kind, index, error })
            })?;
            let start = body.0.len();
            layer.write(order, layers.peek().is_none(), body)?;
            if let Some(direction) = direction {
                body.0[start + offset_of!(RecurrentRecord, direction)] = direction.code();
            }
        }
        Ok(())
    }

    /// Schemes of the convolution, if there is one, then of the recurrent layers, then of the dense layers.
    pub fn schemes(&self) -> impl Iterator<Item = Scheme> {
        #[cfg(feature = "conv")]
        let conv = self.conv.iter().map(|conv| conv.filters.scheme);
        #[cfg(not(feature = "conv"))]
        let conv = core::iter::empty();
        let recurrent = self.recurrent.iter().map(Recurrent::scheme);
        conv.chain(recurrent)
            .chain(self.dense.iter().map(|layer| layer.scheme))
    }

    /// The convolution, if there is one.
    fn conv_content(&self) -> Option<&dyn Content> {
        #[cfg(feature = "conv")]
        return self.conv.as_ref().map(|conv| conv as &dyn Content);
        #[cfg(not(feature = "conv"))]
        None
    }

    /// The recurrent layers, first to last, counted.
    fn recurrent_content(&self) -> impl Iterator<Item = (usize, &dyn Content)> {
        self.recurrent.iter().map(Recurrent::content).enumerate()
    }

    /// The dense layers, first to last, counted.
    fn dense_content(&self) -> impl Iterator<Item = (usize, &dyn Content)> {
        let layers = self.dense.iter().map(|layer| layer as &dyn Content);
        layers.enumerate()
    }

    /// The oldest version that has the file's front end, if there is one.
    fn front_end_version(&self) -> u16 {
        #[cfg(feature = "front-end")]
        if let Some(tables) = &self.front_end {
            return super::front_end::since(tables);
        }
        OLDEST_VERSION
    }

    /// The oldest version that has the file's mode.
    fn mode_version(&self) -> u16 {
        match self.mode {
            Mode::SequenceToMean => MEAN_VERSION,
            Mode::SequenceToOne | Mode::SequenceToSequence => OLDEST_VERSION,
        }
    }

    /// Whether the model takes a whole window at once, because a layer runs backwards.
    pub fn is_of_windows(&self) -> bool {
        let layers = self.directions.len().min(self.recurrent.len());
        Direction::need_window(&self.directions[..layers])
    }

    /// The oldest version that has the layers' directions.
    fn direction_version(&self) -> u16 {
        match self.is_of_windows() {
            true => WINDOW_VERSION,
            false => OLDEST_VERSION,
        }
    }

    fn outputs(&self) -> usize {
        self.dense.last().map_or(0, |layer| layer.weight.len())
    }

    /// The header; the length of the file is not known yet.
    fn header(&self, names_bytes: usize) -> Result<Header, WriteError> {
        #[cfg(feature = "conv")]
        let conv = self.conv.as_ref().map(super::Conv::buffers);
        #[cfg(not(feature = "conv"))]
        let conv = None;
        let io = (self.channels.len(), self.mode);
        let recurrent = self.recurrent_content().map(|(_, layer)| layer.size());
        let dense = self.dense_content().map(|(_, layer)| layer.size());
        let buffers = match self.is_of_windows() {
            false => BufferSizes::of_layers(io, conv, recurrent, dense),
            #[cfg(feature = "window")]
            true => {
                let directions = self.directions.iter().copied();
                let directions = directions.chain(core::iter::repeat(Direction::Forward));
                BufferSizes::of_window(io, conv, directions.zip(recurrent), dense)
            }
            #[cfg(not(feature = "window"))]
            true => return Err(WriteError::Refused(ArtifactError::WindowLeftOut)),
        };
        Ok(Header {
            magic: MAGIC,
            version: (self.recurrent_content().map(|(_, layer)| layer))
                .chain(self.conv_content())
                .map(|layer| layer.kind().since())
                .fold(self.front_end_version(), u16::max)
                .max(self.mode_version())
                .max(self.direction_version()),
            task: self.task.code(),
            mode: self.mode.code(),
            file_bytes: 0,
            inputs: fitted("inputs", self.channels.len())?,
            outputs: fitted("outputs", self.outputs())?,
            recurrent_layers: fitted("recurrent layers", self.recurrent.len())?,
            dense_layers: fitted("dense layers", self.dense.len())?,
            golden_steps: fitted("golden steps", self.golden.len())?,
            cell_blocks: fitted("cell blocks", buffers.cell)?,
            scratch_blocks: fitted("scratch blocks", buffers.scratch)?,
            // Names beyond this make the file too long.
            names_bytes: names_bytes as u32,
            front_end_words: 0,
            hidden_blocks: fitted("hidden blocks", buffers.hidden)?,
        })
    }

    fn names(&self) -> Result<Vec<u8>, WriteError> {
        let expected = self.channels.len() + self.task.name_count(self.outputs());
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

impl From<&Parsed<'_>> for ModelFile {
    /// The content of a parsed model: `parse(write(m)) == m`.
    fn from(model: &Parsed<'_>) -> Self {
        let directions = (0..model.recurrent_layers().len()).map(|l| model.direction(l));
        Self {
            task: model.task(),
            mode: model.mode(),
            #[cfg(feature = "front-end")]
            front_end: model.front_end().map(Into::into),
            channels: (0..model.inputs())
                .filter_map(|j| model.input_channel(j))
                .collect(),
            #[cfg(feature = "conv")]
            conv: model.convolution().map(Into::into),
            scales: (0..model.scales.len())
                .map(|r| model.output_scale(r))
                .collect(),
            recurrent: (model.recurrent_layers().iter())
                .map(Recurrent::from)
                .collect(),
            directions: match model.is_of_windows() {
                true => directions.collect(),
                false => Vec::new(),
            },
            dense: model.dense_layers().map(Dense::from).collect(),
            input_names: model.input_names().map(String::from).collect(),
            output_names: model.output_names().map(String::from).collect(),
            golden: model
                .golden_steps()
                .map(|(raw, out)| (raw.into(), out.into()))
                .collect(),
        }
    }
}

impl From<&Model<'_>> for ModelFile {
    /// The content of a parsed model.
    fn from(model: &Model<'_>) -> Self {
        (&**model).into()
    }
}
