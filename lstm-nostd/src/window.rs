//! Models of whole windows: those with layers that run backwards in time, or both ways.
//!
//! Such a layer needs the last step before it can answer for the first. So a [`WindowModel`] has no time step and no state of a
//! stream: it takes all steps of a window at once, with a buffer of the caller's.
//!
//! ```
//! # fn main() -> Result<(), lstm_nostd::ArtifactError> {
//! use lstm_nostd::{Block, I16F16, WindowModel};
//!
//! # lstm_nostd::include_model!(mod gestures = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tiny.lstm"));
//! # let file = gestures::FILE;
//! let model = WindowModel::parse(file)?;
//! # let window = [[120, -980, 44], [131, -962, 40]];
//! let mut buffer = vec![Block::ZERO; model.buffer_blocks(window.len())];
//! let mut outputs = vec![I16F16::ZERO; model.output_count(window.len())];
//! model.run(window.as_flattened(), &mut buffer, &mut outputs)?;
//! # Ok(())
//! # }
//! ```
//!
//! Layers run one after the other, each over all steps, with the kernels of [`crate::kernels`] for every step. The outputs of
//! a layer's steps stand in the buffer for the layer above:
//!
//! ```text
//! y_t = [h_t of the layer | h_t of the layer beside it]                                         (WD1)
//! one answer a window: after each half's own last step, [h_{T−1} | h_0], or of the mean of y_t    (WD2)
//! ```
//!
//! The half that runs backwards has its last step at the first step of the window. Steps of (WD1) are those of the recurrent
//! layers: above a convolution there is one in a stride.
//!
//! A model whose layers all run forwards gives the same outputs here as it does step by step.
//!
//! # The buffer
//!
//! | part | blocks |
//! | --- | --- |
//! | outputs of a convolution, then of each layer that another one or the dense layers read step by step | [`Parsed::hidden_blocks`] for each step of the recurrent layers |
//! | what the dense layers read once a window, and all that a step needs | [`Parsed::scratch_blocks`] |

use core::ops::Deref;

use bytemuck::try_cast_slice_mut;
use fixed::types::I16F16;

#[cfg(feature = "conv")]
use crate::kernels::ConvParameters;
use crate::kernels::{
    Activation, Active, Block, I32x4, Kernels, RecurrentRows, Width, convert, lanes, lanes_mut,
};
#[cfg(feature = "conv")]
use crate::layers::conv;
#[cfg(feature = "mean")]
use crate::layers::mean;
use crate::layers::{ConvSize, Direction, LayerSize, RecurrentLayer, input};
use crate::model::{BufferSizes, Parsed, SelfTestError, check_sizes, dense_blocks};
use crate::size_error::SizeError;
use crate::task::Mode;

/// Blocks of eight bytes that hold a block of four cells.
const CELL_BLOCKS: usize = size_of::<I32x4>() / size_of::<Block>();

impl BufferSizes {
    /// For a model of whole windows: `hidden` blocks for each step, and `scratch` blocks once. There are no cells beside them.
    pub(crate) fn of_window(
        (inputs, mode): (usize, Mode),
        conv: Option<ConvSize>,
        recurrent: impl Iterator<Item = (Direction, LayerSize)>,
        dense: impl Iterator<Item = LayerSize>,
    ) -> Self {
        let mut steps = 0usize;
        // Of the layer below, and of the one that is read now with those beside it.
        let mut below: (Option<Width>, usize) = (None, inputs);
        let mut most = 0;
        if let Some(conv) = conv {
            steps = conv.width.blocks(conv.outputs);
            most = conv.state.saturating_add(conv.values);
            below = (Some(conv.width), conv.outputs);
        }
        let (mut top, mut is_first) = (below, true);
        for (direction, size) in recurrent {
            if direction == Direction::Beside {
                top.1 = top.1.saturating_add(size.outputs);
            } else {
                if !is_first {
                    steps = steps.saturating_add(blocks_of(top));
                }
                (below, is_first) = (top, false);
                top = (Some(size.width), size.outputs);
            }
            most = most.max(record_blocks(size, below, mode));
        }
        let mut scratch = match mode {
            Mode::SequenceToSequence => {
                steps = steps.saturating_add(blocks_of(top));
                0
            }
            Mode::SequenceToOne => blocks_of(top),
            Mode::SequenceToMean => {
                top.0 = Some(Width::Int16);
                blocks_of(top)
            }
        };
        most = most.max(answer_blocks(top, dense));
        scratch = scratch.saturating_add(most);
        Self {
            hidden: steps,
            scratch,
            ..Self::default()
        }
    }
}

/// Blocks of values of a layer.
const fn blocks_of((width, count): (Option<Width>, usize)) -> usize {
    match width {
        Some(width) => width.blocks(count),
        None => 0,
    }
}

/// Scratch of one layer: its state, the scratch of its step, its inputs, and the sums of a mean.
fn record_blocks(size: LayerSize, below: (Option<Width>, usize), mode: Mode) -> usize {
    let state = size.width.blocks(size.outputs).saturating_add(size.scratch);
    let cells = size.cells.saturating_mul(CELL_BLOCKS);
    let input = match below.0 == Some(size.width) {
        true => 0,
        false => size.width.blocks(below.1),
    };
    state
        .saturating_add(cells)
        .saturating_add(input)
        .saturating_add(mean_blocks(size.outputs, mode))
}

/// Scratch of a mean over time of so many outputs.
const fn mean_blocks(outputs: usize, mode: Mode) -> usize {
    #[cfg(feature = "mean")]
    if matches!(mode, Mode::SequenceToMean) {
        let sums = mean::blocks(outputs).saturating_mul(CELL_BLOCKS);
        return sums.saturating_add(Width::Int16.blocks(outputs));
    }
    let _ = (outputs, mode);
    0
}

/// Scratch of the dense layers on `top`: the outputs, zeros in place of outputs that are not there yet, values between layers.
fn answer_blocks(top: (Option<Width>, usize), dense: impl Iterator<Item = LayerSize>) -> usize {
    let (values, outputs) = dense_blocks(top, dense);
    blocks_of(top)
        .saturating_add(values)
        .saturating_add(value_blocks(outputs))
}

/// Blocks that hold so many outputs of a model.
const fn value_blocks(outputs: usize) -> usize {
    outputs.div_ceil(size_of::<Block>() / size_of::<I16F16>())
}

/// A model that takes whole windows; made by [`WindowModel::parse`].
///
/// What it takes and gives, and its layers, is [`Parsed`]'s.
#[derive(Clone, Debug)]
pub struct WindowModel<'m>(pub(crate) Parsed<'m>);

impl<'m> Deref for WindowModel<'m> {
    type Target = Parsed<'m>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'m> From<Parsed<'m>> for WindowModel<'m> {
    fn from(parsed: Parsed<'m>) -> Self {
        Self(parsed)
    }
}

/// The raw inputs of a window.
#[derive(Clone, Copy)]
struct Window<'a> {
    words: &'a [i32],
    /// Words from one step to the next; the first ones are its inputs.
    every: usize,
    inputs: usize,
    steps: usize,
}

impl<'a> Window<'a> {
    /// The inputs of a step, `[I]`.
    fn raw(self, step: usize) -> &'a [i32] {
        let words = self.words.get(step.wrapping_mul(self.every)..);
        let words = words.and_then(|words| words.get(..self.inputs));
        words.unwrap_or_default()
    }
}

/// The outputs of a layer's steps, or none where the raw inputs are read.
#[derive(Clone, Copy)]
struct Outputs<'a> {
    width: Width,
    /// Of one step.
    blocks: usize,
    values: &'a [Block],
}

impl<'a> Outputs<'a> {
    /// Those of a step of the recurrent layers.
    fn at(&self, step: usize) -> &'a [Block] {
        let values = self.values.get(step.wrapping_mul(self.blocks)..);
        let values = values.and_then(|values| values.get(..self.blocks));
        values.unwrap_or_default()
    }
}

impl WindowModel<'_> {
    /// Blocks of eight bytes of the buffer for a window of `steps` steps: [`Parsed::hidden_blocks`] for each step and
    /// [`Parsed::scratch_blocks`] in a model that has no time step.
    pub fn buffer_blocks(&self, steps: usize) -> usize {
        let sizes = self.window_sizes();
        let kept = sizes.hidden.saturating_mul(self.positions(steps));
        kept.saturating_add(sizes.scratch)
    }

    /// Outputs for a window of `steps` steps: `O`, or `T · O` of a model that answers for each step.
    pub fn output_count(&self, steps: usize) -> usize {
        match self.mode.is_per_step() {
            true => steps.saturating_mul(self.outputs),
            false => self.outputs,
        }
    }

    /// The outputs for a whole window.
    ///
    /// `raw` is `[T, I]` in each channel's raw format, T at least 1; `buffer` has [`WindowModel::buffer_blocks`] of T, and
    /// whatever is in it does not matter. `outputs` is `[T, O]` of a model that answers for each step, else `[O]`:
    /// [`WindowModel::output_count`]. What a buffer has beyond that is not touched.
    ///
    /// # Errors
    /// [`SizeError`] when a buffer is too short or the last step has not all inputs; nothing was changed then.
    pub fn run(
        &self,
        raw: &[i32],
        buffer: &mut [Block],
        outputs: &mut [I16F16],
    ) -> Result<(), SizeError> {
        self.run_with::<Active>(raw, buffer, outputs)
    }

    /// [`WindowModel::run`] on chosen kernels, to hold one backend against another.
    ///
    /// # Errors
    /// As [`WindowModel::run`].
    pub fn run_with<K: Kernels>(
        &self,
        raw: &[i32],
        buffer: &mut [Block],
        outputs: &mut [I16F16],
    ) -> Result<(), SizeError> {
        let inputs = self.inputs();
        let steps = raw.len().checked_div(inputs).unwrap_or_default();
        // At least one step, and no part of one.
        let needed = match steps.wrapping_mul(inputs) == raw.len() {
            true => inputs.max(raw.len()),
            false => steps.wrapping_add(1).wrapping_mul(inputs),
        };
        check_sizes([
            ("inputs", raw.len(), needed),
            ("buffer", buffer.len(), self.buffer_blocks(steps)),
            ("outputs", outputs.len(), self.output_count(steps)),
        ])?;
        let window = Window {
            words: raw,
            every: inputs,
            inputs,
            steps,
        };
        let per_step = self.mode.is_per_step();
        self.run_by::<K>(window, buffer, |step, values| {
            let start = if per_step {
                step.wrapping_mul(values.len())
            } else {
                0
            };
            assign(outputs.get_mut(start..).unwrap_or_default(), values);
        });
        Ok(())
    }

    /// Runs the stored steps as one window on the kernels of this build; returns how many. Of a model that answers once, the
    /// outputs of the last step are compared.
    ///
    /// # Errors
    /// The first step whose outputs differ from the stored ones, or a [`SizeError`] when `buffer` is shorter than
    /// [`WindowModel::buffer_blocks`] of the stored steps.
    pub fn self_test(&self, buffer: &mut [Block]) -> Result<usize, SelfTestError> {
        let inputs = self.inputs();
        let every = inputs.wrapping_add(self.outputs);
        let steps = self.golden.len().checked_div(every).unwrap_or_default();
        check_sizes([("buffer", buffer.len(), self.buffer_blocks(steps))])
            .map_err(SelfTestError::Size)?;
        if steps == 0 {
            return Ok(0);
        }
        let window = Window {
            words: self.golden,
            every,
            inputs,
            steps,
        };
        let mut differs = None;
        self.run_by::<Active>(window, buffer, |step, values| {
            let start = step.wrapping_mul(every).wrapping_add(inputs);
            let mut expected = self.golden.get(start..).unwrap_or_default().iter();
            for found in values {
                if expected.next() != Some(&found.to_bits()) && differs.is_none() {
                    differs = Some(step);
                }
            }
        });
        match differs {
            Some(step) => Err(SelfTestError::Differs { step }),
            None => Ok(steps),
        }
    }

    /// Steps of the recurrent layers in a window.
    fn positions(&self, steps: usize) -> usize {
        match steps.checked_sub(1).and_then(|last| self.position(last)) {
            Some(last) => last.saturating_add(1),
            None => 0,
        }
    }

    /// The step of the recurrent layers whose outputs stand after a step of the input.
    fn position(&self, step: usize) -> Option<usize> {
        #[cfg(feature = "conv")]
        if let Some(conv) = &self.conv {
            return step.checked_sub(conv.first)?.checked_div(conv.stride);
        }
        Some(step)
    }

    /// Runs the window, and hands on the outputs of each step, or those of the whole with the last step. Buffers are long
    /// enough.
    fn run_by<K: Kernels>(
        &self,
        window: Window<'_>,
        buffer: &mut [Block],
        answer: impl FnMut(usize, &[I16F16]),
    ) -> Option<()> {
        let positions = self.positions(window.steps);
        let kept = self.window_sizes().hidden.wrapping_mul(positions);
        let (mut kept, free) = buffer.split_at_mut_checked(kept)?;
        let mut below = None;
        #[cfg(feature = "conv")]
        if let Some(layer) = &self.conv {
            let blocks = layer.output_blocks();
            let own;
            (own, kept) = kept.split_at_mut_checked(blocks.wrapping_mul(positions))?;
            self.filter::<K>(layer, window, own, free)?;
            below = Some(Outputs {
                width: layer.width(),
                blocks,
                values: own,
            });
        }
        let mut l = 0;
        while let Some(layer) = self.layer(l) {
            l = layer.next;
            if l >= self.recurrent.len() && !self.mode.is_per_step() {
                return self.once::<K>(window, (below, &layer), free, answer);
            }
            let blocks = layer.width.blocks(layer.outputs);
            let own;
            (own, kept) = kept.split_at_mut_checked(blocks.wrapping_mul(positions))?;
            for half in layer.halves.iter().flatten() {
                let target = Target::Steps(&mut *own, blocks);
                self.half::<K>(window, (below, half), free, target)?;
            }
            below = Some(Outputs {
                width: layer.width,
                blocks,
                values: own,
            });
        }
        self.each_step::<K>(window, below?, free, answer)
    }

    /// The layer whose first half is recurrent layer `l`.
    fn layer(&self, l: usize) -> Option<Layer<'_>> {
        let first = self.recurrent.get(l)?;
        let second = l.wrapping_add(1);
        let beside = match self.direction(second) {
            Direction::Beside => self.recurrent.get(second),
            Direction::Forward | Direction::Reverse => None,
        };
        let (width, lane) = (first.rows().width, first.rows().outputs);
        let first = Half {
            layer: first,
            is_reverse: self.direction(l) != Direction::Forward,
            lane: 0,
        };
        let beside = beside.map(|layer| Half {
            layer,
            is_reverse: true,
            lane,
        });
        Some(Layer {
            width,
            outputs: lane.saturating_add(beside.as_ref().map_or(0, Half::outputs)),
            next: second.wrapping_add(beside.is_some().into()),
            halves: [Some(first), beside],
        })
    }

    /// The outputs of the convolution for all steps of the recurrent layers, into `own`.
    #[cfg(feature = "conv")]
    fn filter<K: Kernels>(
        &self,
        layer: &ConvParameters<'_>,
        window: Window<'_>,
        own: &mut [Block],
        free: &mut [Block],
    ) -> Option<()> {
        let (state, free) = free.split_at_mut_checked(layer.state_blocks())?;
        state.fill(Block::ZERO);
        let mut places = own;
        for step in 0..window.steps {
            let progress = conv::take(layer, self.channels, window.raw(step), state);
            if progress == conv::Progress::Moved {
                let place;
                (place, places) = places.split_at_mut_checked(layer.output_blocks())?;
                conv::outputs::<K>(layer, state, place, free);
            }
        }
        Some(())
    }

    /// Runs one half of a layer over all steps, from the first or from the last.
    // One copy of it is enough, in flash and on the stack.
    #[inline(never)]
    fn half<K: Kernels>(
        &self,
        window: Window<'_>,
        (below, half): (Option<Outputs<'_>>, &Half<'_>),
        free: &mut [Block],
        mut target: Target<'_>,
    ) -> Option<()> {
        let layer = half.layer;
        let rows = layer.rows();
        let (hidden, free) = free.split_at_mut_checked(rows.width.blocks(rows.outputs))?;
        let (next, free) = free.split_at_mut_checked(layer.scratch_blocks())?;
        let (cells, free) = split_cells(free, layer.cell_blocks())?;
        let input = match below {
            Some(below) if below.width.in_build() == rows.width.in_build() => 0,
            _ => rows.width.blocks(rows.inputs),
        };
        let (input, free) = free.split_at_mut_checked(input)?;
        hidden.fill(Block::ZERO);
        cells.fill([0; 4]);
        target.begin(rows, free);
        let positions = self.positions(window.steps);
        for n in 0..positions {
            let at = match half.is_reverse {
                true => positions.wrapping_sub(1).wrapping_sub(n),
                false => n,
            };
            let x = match below {
                Some(below) if input.is_empty() => below.at(at),
                Some(below) => {
                    let from = (below.width, below.at(at));
                    convert(from, (rows.width, input), rows.input_shift, rows.inputs);
                    &*input
                }
                None => {
                    input::normalise(self.channels, window.raw(at), rows.width, input);
                    &*input
                }
            };
            layer.step::<K>(x, hidden, cells, next);
            target.take(rows, (at, half.lane), hidden, free);
        }
        target.end(rows, half.lane, free)
    }

    /// The uppermost layer of a model that answers once a window, and the answer.
    fn once<K: Kernels>(
        &self,
        window: Window<'_>,
        (below, layer): (Option<Outputs<'_>>, &Layer<'_>),
        free: &mut [Block],
        mut answer: impl FnMut(usize, &[I16F16]),
    ) -> Option<()> {
        let is_mean = self.mode == Mode::SequenceToMean;
        let width = if is_mean { Width::Int16 } else { layer.width };
        let (top, free) = free.split_at_mut_checked(width.blocks(layer.outputs))?;
        // Of a window without a step of the recurrent layers.
        top.fill(Block::ZERO);
        for half in layer.halves.iter().flatten() {
            let target = match is_mean {
                #[cfg(feature = "mean")]
                true => Target::Mean(&mut *top),
                _ => Target::End(&mut *top),
            };
            self.half::<K>(window, (below, half), free, target)?;
        }
        let (values, free) = split_values(free, self.outputs)?;
        self.dense_with::<K>((width, top), free, values)?;
        answer(window.steps.wrapping_sub(1), values);
        Some(())
    }

    /// An answer for each step of the input. Between those of the recurrent layers outputs stand; before the first, they are
    /// those of zeros.
    fn each_step<K: Kernels>(
        &self,
        window: Window<'_>,
        top: Outputs<'_>,
        free: &mut [Block],
        mut answer: impl FnMut(usize, &[I16F16]),
    ) -> Option<()> {
        let (zeros, free) = free.split_at_mut_checked(top.blocks)?;
        zeros.fill(Block::ZERO);
        let (values, free) = split_values(free, self.outputs)?;
        let mut read = None;
        for step in 0..window.steps {
            let position = self.position(step);
            if read != Some(position) {
                let x = position.map_or(&*zeros, |position| top.at(position));
                self.dense_with::<K>((top.width, x), &mut *free, values)?;
                read = Some(position);
            }
            answer(step, values);
        }
        Some(())
    }
}

/// A layer of one or two halves.
struct Layer<'a> {
    /// Of its outputs.
    width: Width,
    /// Values that it hands on.
    outputs: usize,
    /// The recurrent layer above it.
    next: usize,
    halves: [Option<Half<'a>>; 2],
}

/// A recurrent layer, and where its outputs stand.
struct Half<'a> {
    layer: &'a RecurrentLayer<'a>,
    is_reverse: bool,
    /// The first lane of its outputs.
    lane: usize,
}

impl Half<'_> {
    fn outputs(&self) -> usize {
        self.layer.rows().outputs
    }
}

/// Where the outputs of a half go.
enum Target<'a> {
    /// Each step's to its place, in so many blocks.
    Steps(&'a mut [Block], usize),
    /// Those of the half's last step alone.
    End(&'a mut [Block]),
    /// Their mean over the steps.
    #[cfg(feature = "mean")]
    Mean(&'a mut [Block]),
}

// What is only read for a mean is there in builds without it, too.
#[cfg_attr(not(feature = "mean"), allow(unused_variables))]
impl Target<'_> {
    /// Before the first step.
    fn begin(&self, rows: &RecurrentRows<'_>, free: &mut [Block]) {
        #[cfg(feature = "mean")]
        if let (Self::Mean(_), Some((sums, _))) =
            (self, split_cells(free, mean::blocks(rows.outputs)))
        {
            sums.fill([0; 4]);
        }
    }

    /// The hidden state after step `at` of the recurrent layers, for the lanes from `lane`.
    fn take(
        &mut self,
        rows: &RecurrentRows<'_>,
        (at, lane): (usize, usize),
        hidden: &[Block],
        free: &mut [Block],
    ) {
        let (width, count) = (rows.width, rows.outputs);
        match self {
            Self::Steps(values, blocks) => {
                let place = values
                    .get_mut(at.wrapping_mul(*blocks)..)
                    .unwrap_or_default();
                copy_lanes(width, hidden, (place, lane), count);
            }
            Self::End(place) => copy_lanes(width, hidden, (place, lane), count),
            #[cfg(feature = "mean")]
            Self::Mean(_) => {
                if let Some((sums, _)) = split_cells(free, mean::blocks(count)) {
                    mean::add(rows, hidden, sums);
                }
            }
        }
    }

    /// After the last step.
    fn end(self, rows: &RecurrentRows<'_>, lane: usize, free: &mut [Block]) -> Option<()> {
        #[cfg(feature = "mean")]
        if let Self::Mean(place) = self {
            let (sums, free) = split_cells(free, mean::blocks(rows.outputs))?;
            let own = free.get_mut(..Width::Int16.blocks(rows.outputs))?;
            mean::read(rows, sums, own);
            copy_lanes(Width::Int16, own, (place, lane), rows.outputs);
        }
        Some(())
    }
}

/// Copies the first `count` lanes of `from` to those from `lane`.
fn copy_lanes(width: Width, from: &[Block], (to, lane): (&mut [Block], usize), count: usize) {
    match width.in_build() {
        Width::Int16 => copy::<i16>(from, (to, lane), count),
        Width::Int8 => copy::<i8>(from, (to, lane), count),
    }
}

fn copy<A: Activation>(from: &[Block], (to, lane): (&mut [Block], usize), count: usize) {
    let places = lanes_mut::<A>(to).get_mut(lane..).unwrap_or_default();
    assign(places.get_mut(..count).unwrap_or_default(), lanes(from));
}

/// Copies as many values as both have.
// `zip` is a call on Cortex-M0, and with debug assertions one that may panic.
fn assign<T: Copy>(places: &mut [T], values: &[T]) {
    let mut values = values.iter();
    for place in places {
        let Some(value) = values.next() else { break };
        *place = *value;
    }
}

/// So many blocks of cells at the front of `free`, and the rest.
fn split_cells(free: &mut [Block], count: usize) -> Option<(&mut [I32x4], &mut [Block])> {
    let (cells, free) = free.split_at_mut_checked(count.wrapping_mul(CELL_BLOCKS))?;
    // Blocks are eight bytes on an 8-byte boundary, so that the cast never fails.
    Some((try_cast_slice_mut(cells).ok()?, free))
}

/// So many outputs of a model at the front of `free`, and the rest.
fn split_values(free: &mut [Block], count: usize) -> Option<(&mut [I16F16], &mut [Block])> {
    let (values, free) = free.split_at_mut_checked(value_blocks(count))?;
    let values: &mut [I16F16] = try_cast_slice_mut(values).ok()?;
    Some((values.get_mut(..count)?, free))
}
