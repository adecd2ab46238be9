//! The parser: every length, range, shape and accumulator bound is checked once, so that a step
//! needs no check at all.

use heapless::Vec;

use super::ArtifactError;
use super::cursor::{Reader, exactly, in_range};
use super::header::{Header, WINDOW_VERSION, verified};
use super::kinds::LayerKind;
use super::layer::{Place, Stop, layer_range};
use super::rows::RecurrentRecord;
#[cfg(feature = "front-end")]
use crate::front_end::FrontEnd;
#[cfg(feature = "conv")]
use crate::kernels::ConvParameters;
use crate::kernels::{DenseParameters, Width};
#[cfg(feature = "window")]
use crate::layers::LayerSize;
use crate::layers::input::ChannelWords;
use crate::layers::output::{OutputScale, ScaleWords};
use crate::layers::{Direction, RecurrentLayer};
use crate::model::{BufferSizes, MAX_DENSE_LAYERS, MAX_RECURRENT_LAYERS, Model, Parsed, names};
use crate::task::{Mode, Task};
#[cfg(feature = "window")]
use crate::window::WindowModel;

const MAX_INPUT_SHIFT: u8 = 31;

impl<'m> Model<'m> {
    /// Parses a model file in place.
    ///
    /// `file` is the whole file and begins on a 4-byte boundary
    /// ([`include_model!`](crate::include_model) sees to that). The model that is returned cannot
    /// fail or panic later.
    ///
    /// # Errors
    /// What is wrong with the file, see [`ArtifactError`]. A file with layers that run backwards has no step: it is a
    /// `WindowModel`.
    pub fn parse(file: &'m [u8]) -> Result<Self, ArtifactError> {
        parse(file, true).map(Self)
    }
}

impl<'m> TryFrom<Parsed<'m>> for Model<'m> {
    type Error = ArtifactError;

    /// The model, if it has a step.
    fn try_from(parsed: Parsed<'m>) -> Result<Self, ArtifactError> {
        match parsed.is_of_windows() {
            true => Err(ArtifactError::WholeWindows),
            false => Ok(Self(parsed)),
        }
    }
}

#[cfg(feature = "window")]
impl<'m> WindowModel<'m> {
    /// Parses a model file in place, with or without layers that run backwards.
    ///
    /// `file` is the whole file and begins on a 4-byte boundary
    /// ([`include_window_model!`](crate::include_window_model) sees to that). The model that is returned cannot fail or panic
    /// later.
    ///
    /// # Errors
    /// What is wrong with the file, see [`ArtifactError`].
    pub fn parse(file: &'m [u8]) -> Result<Self, ArtifactError> {
        parse(file, false).map(Self)
    }
}

impl<'m> Parsed<'m> {
    /// Parses a model file in place, with or without layers that run backwards: for those who only look at it, or find out
    /// which type it is.
    ///
    /// # Errors
    /// What is wrong with the file, see [`ArtifactError`].
    pub fn parse(file: &'m [u8]) -> Result<Self, ArtifactError> {
        parse(file, false)
    }
}

/// The model in a file, which must have a time step if that is needed.
fn parse(file: &[u8], needs_step: bool) -> Result<Parsed<'_>, ArtifactError> {
    let content = verified(file)?;
    let mut reader = Reader::new(content, file.len());
    let header = Header::read(&mut reader)?;
    let (task, mode) = (header.task()?, header.mode()?);
    if mode == Mode::SequenceToMean && !cfg!(feature = "mean") {
        return Err(ArtifactError::MeanLeftOut);
    }
    let (inputs, outputs) = (header.inputs.into(), header.outputs.into());
    if header.front_end_words > 0 && !cfg!(feature = "front-end") {
        return Err(ArtifactError::FrontEndLeftOut);
    }
    #[cfg(feature = "front-end")]
    let front_end = front_end(&mut reader, header)?;
    let channels = channels(&mut reader, inputs)?;
    let scales = match task {
        Task::Linear => scales(&mut reader, outputs)?,
        Task::Sigmoid | Task::Softmax => &[],
    };
    let layers = Layers::read(&mut reader, header, mode)?;
    #[cfg(feature = "window")]
    if needs_step && Direction::need_window(&layers.directions) {
        return Err(ArtifactError::WholeWindows);
    }
    #[cfg(not(feature = "window"))]
    let _ = needs_step;
    let buffers = layers.buffers(inputs, mode);
    exactly("outputs", outputs, layers.output.outputs)?;
    check_blocks(header, &buffers)?;
    let golden_steps = usize::from(header.golden_steps);
    let golden = reader.slice(golden_steps.saturating_mul(inputs.saturating_add(outputs)))?;
    let names = reader.bytes(header.names_bytes as usize)?;
    exactly("bytes after the names", reader.left(), 0)?;
    check_names(names, inputs.saturating_add(task.name_count(outputs)))?;
    Ok(Parsed {
        task,
        mode,
        outputs,
        buffers,
        #[cfg(feature = "front-end")]
        front_end,
        channels,
        #[cfg(feature = "conv")]
        conv: layers.conv,
        scales,
        recurrent: layers.recurrent,
        #[cfg(feature = "window")]
        directions: layers.directions,
        dense: layers.dense,
        output: layers.output,
        golden,
        names,
    })
}

/// What makes the raw inputs of samples, if the file has it.
#[cfg(feature = "front-end")]
fn front_end<'m>(
    reader: &mut Reader<'m>,
    header: &Header,
) -> Result<Option<FrontEnd<'m>>, ArtifactError> {
    match header.front_end_words {
        0 => Ok(None),
        words => {
            let size = (words, header.version);
            super::front_end::read(reader, size, header.inputs.into()).map(Some)
        }
    }
}

/// The header counts as many blocks as the layers need.
fn check_blocks(header: &Header, buffers: &BufferSizes) -> Result<(), ArtifactError> {
    exactly("cell blocks", header.cell_blocks.into(), buffers.cell)?;
    exactly("hidden blocks", header.hidden_blocks.into(), buffers.hidden)?;
    let scratch_blocks = header.scratch_blocks.into();
    exactly("scratch blocks", scratch_blocks, buffers.scratch)
}

/// The layers of a file, first to last.
struct Layers<'m> {
    #[cfg(feature = "conv")]
    conv: Option<ConvParameters<'m>>,
    recurrent: Vec<RecurrentLayer<'m>, MAX_RECURRENT_LAYERS>,
    #[cfg(feature = "window")]
    directions: Vec<Direction, MAX_RECURRENT_LAYERS>,
    /// All but the output layer.
    dense: Vec<DenseParameters<'m>, MAX_DENSE_LAYERS>,
    output: DenseParameters<'m>,
}

impl<'m> Layers<'m> {
    /// Reads as many layers of each kind as the header counts.
    fn read(reader: &mut Reader<'m>, header: &Header, mode: Mode) -> Result<Self, ArtifactError> {
        let mut place = Place {
            inputs: header.inputs.into(),
            width: None,
            is_last: false,
        };
        #[cfg(feature = "conv")]
        let conv = reader.convolution(&mut place)?;
        // The header has at least one.
        let hidden_dense = header.dense_layers.saturating_sub(1);
        #[cfg(feature = "window")]
        let (mut directions, mut below) = (Vec::new(), place);
        let recurrent = several(header.recurrent_layers, |index| {
            let direction = reader.direction(header.version, index)?;
            #[cfg(feature = "window")]
            {
                let before = directions.last().copied();
                let _ = directions.push(direction);
                if direction == Direction::Beside {
                    return reader.layer_beside((&below, &mut place), before, index);
                }
                below = place;
            }
            #[cfg(not(feature = "window"))]
            let Direction::Forward = direction else {
                return Err(ArtifactError::WindowLeftOut);
            };
            reader.recurrent_layer(&mut place, index)
        })?;
        if mode == Mode::SequenceToMean {
            place.width = Some(Width::Int16);
        }
        let dense = several(hidden_dense, |index| reader.layer(&mut place, index))?;
        place.is_last = true;
        let output = reader.layer(&mut place, hidden_dense.into())?;
        Ok(Self {
            #[cfg(feature = "conv")]
            conv,
            recurrent,
            #[cfg(feature = "window")]
            directions,
            dense,
            output,
        })
    }

    fn buffers(&self, inputs: usize, mode: Mode) -> BufferSizes {
        let dense = self.dense.iter().chain([&self.output]);
        #[cfg(feature = "conv")]
        let conv = self.conv.map(|conv| conv.size());
        #[cfg(not(feature = "conv"))]
        let conv = None;
        let recurrent = self.recurrent.iter().map(RecurrentLayer::size);
        let dense = dense.map(DenseParameters::size);
        #[cfg(feature = "window")]
        if Direction::need_window(&self.directions) {
            let recurrent = directed(&self.recurrent, &self.directions);
            return BufferSizes::of_window((inputs, mode), conv, recurrent, dense);
        }
        BufferSizes::of_layers((inputs, mode), conv, recurrent, dense)
    }
}

/// Sizes of recurrent layers with their directions.
// `zip` is a call on Cortex-M0, and with debug assertions one that may panic.
#[cfg(feature = "window")]
fn directed(
    layers: &[RecurrentLayer<'_>],
    directions: &[Direction],
) -> impl Iterator<Item = (Direction, LayerSize)> {
    let (mut layers, mut directions) = (layers.iter(), directions.iter());
    core::iter::from_fn(move || Some((*directions.next()?, layers.next()?.size())))
}

#[cfg(feature = "window")]
impl Parsed<'_> {
    /// What the layers need to run over a whole window.
    pub(crate) fn window_sizes(&self) -> BufferSizes {
        #[cfg(feature = "conv")]
        let conv = self.conv.map(|conv| conv.size());
        #[cfg(not(feature = "conv"))]
        let conv = None;
        BufferSizes::of_window(
            (self.inputs(), self.mode),
            conv,
            directed(&self.recurrent, &self.directions),
            self.dense_layers().map(DenseParameters::size),
        )
    }
}

impl<'m> Reader<'m> {
    /// The direction in the record of the next recurrent layer, in a file of this version.
    fn direction(&mut self, version: u16, index: usize) -> Result<Direction, ArtifactError> {
        let record: &RecurrentRecord = self.clone().record()?;
        let known = match version < WINDOW_VERSION {
            true => 1,
            false => Direction::ALL.len(),
        };
        let found = record.direction.into();
        // A number that is none says nothing of the kind.
        layer_range("direction", found, 0, known as u32 - 1)
            .map_err(|error| Stop::from(error).at(LayerKind::Lstm, index))?;
        Ok(Direction::from_code(record.direction).unwrap_or_default())
    }

    /// Recurrent layer `index`, on the inputs of the layer before it, whose direction is `before`.
    #[cfg(feature = "window")]
    fn layer_beside(
        &mut self,
        (below, place): (&Place, &mut Place),
        before: Option<Direction>,
        index: usize,
    ) -> Result<RecurrentLayer<'m>, ArtifactError> {
        let mut own = *below;
        let layer = self.recurrent_layer(&mut own, index)?;
        // It stands beside a layer that runs forwards, whose values are as wide.
        let bits = |place: &Place| place.width.map_or(0, Width::bits);
        let needed = match before {
            Some(Direction::Forward) => bits(place),
            _ => 0,
        };
        in_range("bits of a layer beside another", bits(&own), needed, needed)?;
        place.inputs = place.inputs.saturating_add(own.inputs);
        Ok(layer)
    }
}

/// Reads `count` layers, each on the one before. The header allows no more than `N`.
fn several<L, const N: usize>(
    count: u8,
    mut read: impl FnMut(usize) -> Result<L, ArtifactError>,
) -> Result<Vec<L, N>, ArtifactError> {
    let mut layers = Vec::new();
    for index in 0..usize::from(count) {
        let _ = layers.push(read(index)?);
    }
    Ok(layers)
}

/// The normalisation of the input channels.
fn channels<'m>(
    reader: &mut Reader<'m>,
    inputs: usize,
) -> Result<&'m [ChannelWords], ArtifactError> {
    let channels: &[ChannelWords] = reader.slice(inputs)?;
    for [_, _, mult, word] in channels {
        // The last word holds shift, fraction bits and two zero bytes; a mult is not negative.
        let (mult, word) = (*mult as u32, *word as u32);
        in_range("input channel", word >> 16, 0, 0)?;
        in_range("input shift", word & 0xff, 0, MAX_INPUT_SHIFT.into())?;
        in_range("input mult", mult, 0, i32::MAX as u32)?;
    }
    Ok(channels)
}

/// What the outputs of a linear model mean.
fn scales<'m>(reader: &mut Reader<'m>, outputs: usize) -> Result<&'m [ScaleWords], ArtifactError> {
    let scales: &[ScaleWords] = reader.slice(outputs)?;
    for words in scales {
        let [_, high, word] = *words;
        let OutputScale { offset, exponent } = OutputScale::from_words(*words);
        in_range("output scale", word >> 16, 0, 0)?;
        let most = u32::from(OutputScale::MAX_EXPONENT.unsigned_abs());
        in_range(
            "output exponent's magnitude",
            exponent.unsigned_abs().into(),
            0,
            most,
        )?;
        if offset.unsigned_abs() > OutputScale::MAX_OFFSET {
            // The upper half says by how much.
            let allowed = (0, (OutputScale::MAX_OFFSET >> 32) as u32);
            return Err(ArtifactError::Field {
                field: "upper half of an output offset",
                found: high,
                allowed,
            });
        }
    }
    Ok(scales)
}

fn check_names(bytes: &[u8], count: usize) -> Result<(), ArtifactError> {
    exactly("names length modulo 4", bytes.len() % 4, 0)?;
    let (mut used, mut found) = (0usize, 0usize);
    for name in names(bytes).take(count) {
        used = used.saturating_add(name.len()).saturating_add(1);
        found = found.saturating_add(1);
    }
    let padding = bytes.get(used..).unwrap_or_default();
    if found < count || padding.len() >= 4 || padding.iter().any(|byte| *byte != 0) {
        return Err(ArtifactError::Name { index: found });
    }
    Ok(())
}
