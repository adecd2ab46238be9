//! A parsed model, and its time step.
//!
//! [`Parsed`] is a view of a model file whose sizes are known at run time. [`Model`] is one with a time step; [`FixedModel`]
//! knows its sizes at compile time, so that its step takes and returns arrays and cannot fail. A file with layers that run
//! backwards has no step: it is a `WindowModel`, of [`crate::window`].

use core::fmt;
use core::ops::Deref;

use fixed::types::I16F16;
use heapless::Vec;

#[cfg(feature = "front-end")]
use crate::front_end::FrontEnd;
#[cfg(feature = "conv")]
use crate::kernels::ConvParameters;
use crate::kernels::{
    Active, Block, DenseParameters, I32x4, Kernels, Scheme, Width, convert, scalar::Scalar,
};
#[cfg(feature = "conv")]
use crate::layers::conv;
use crate::layers::input::{ChannelWords, InputChannel};
#[cfg(feature = "mean")]
use crate::layers::mean;
use crate::layers::output::{OutputScale, ScaleWords};
use crate::layers::{ConvSize, Direction, LayerSize, RecurrentLayer, UnitStep, dense, input};
use crate::size_error::SizeError;
use crate::state::State;
use crate::task::{Mode, Task};

/// The most recurrent layers of a model.
pub const MAX_RECURRENT_LAYERS: usize = 4;
/// The most dense layers of a model, the output layer included.
pub const MAX_DENSE_LAYERS: usize = 4;

/// What a model's layers need of the caller's buffers, in blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BufferSizes {
    /// Cells, four to a block: Σ ⌈H/4⌉, and one more than ⌈H/4⌉ of the last layer for a mean over time.
    pub cell: usize,
    /// Hidden state, each layer in blocks of its width, then what a convolution keeps.
    pub hidden: usize,
    /// The part of the hidden state, at its end, that a convolution keeps; 0 without one.
    pub window: usize,
    /// The part of scratch, at its beginning, that holds a convolution's outputs; 0 without one.
    pub filtered: usize,
    /// The part of scratch that holds a layer's input: raw inputs normalised, or converted.
    pub input: usize,
    /// Scratch memory. A recurrent layer keeps its input and its next hidden state there, with a
    /// projection what its units show too; a dense layer its
    /// outputs, and its inputs if they are converted; a mean over time lies before them.
    pub scratch: usize,
}

impl BufferSizes {
    /// For a model of `inputs` channels in this mode; the last dense layer is the output layer.
    pub(crate) fn of_layers(
        (inputs, mode): (usize, Mode),
        conv: Option<ConvSize>,
        recurrent: impl Iterator<Item = LayerSize>,
        dense: impl Iterator<Item = LayerSize>,
    ) -> Self {
        let mut sizes = Self::default();
        let mut below = None;
        let mut outputs_below = inputs;
        let mut widest = 0;
        let mut values = 0;
        if let Some(conv) = conv {
            sizes.window = conv.state;
            sizes.filtered = conv.width.blocks(conv.outputs);
            values = conv.values;
            (below, outputs_below) = (Some(conv.width), conv.outputs);
        }
        for LayerSize {
            width,
            outputs,
            cells,
            scratch,
        } in recurrent
        {
            if below != Some(width) {
                sizes.input = sizes.input.max(width.blocks(outputs_below));
            }
            sizes.cell = sizes.cell.saturating_add(cells);
            sizes.hidden = sizes.hidden.saturating_add(width.blocks(outputs));
            widest = widest.max(scratch);
            (below, outputs_below) = (Some(width), outputs);
        }
        #[cfg(feature = "mean")]
        let mean_blocks = match mode {
            Mode::SequenceToMean => {
                sizes.cell = sizes.cell.saturating_add(mean::blocks(outputs_below));
                below = Some(Width::Int16);
                Width::Int16.blocks(outputs_below)
            }
            Mode::SequenceToOne | Mode::SequenceToSequence => 0,
        };
        #[cfg(not(feature = "mean"))]
        let (mean_blocks, _) = (0usize, mode);
        let (dense_blocks, _) = dense_blocks((below, outputs_below), dense);
        let dense_blocks = mean_blocks.saturating_add(dense_blocks);
        sizes.hidden = sizes.hidden.saturating_add(sizes.window);
        let recurrent = sizes.input.saturating_add(widest).max(values);
        sizes.scratch = dense_blocks.max(sizes.filtered.saturating_add(recurrent));
        sizes
    }
}

/// Scratch of dense layers on so many values of this width: their inputs where they are converted, and their outputs but
/// those of the last layer. Also how many outputs that one has.
#[inline(always)]
pub(crate) fn dense_blocks(
    (mut below, mut outputs_below): (Option<Width>, usize),
    dense: impl Iterator<Item = LayerSize>,
) -> (usize, usize) {
    let (mut blocks, mut output_blocks) = (0usize, 0);
    for LayerSize { width, outputs, .. } in dense {
        blocks = blocks.saturating_add(output_blocks);
        if below != Some(width) {
            blocks = blocks.saturating_add(width.blocks(outputs_below));
        }
        output_blocks = width.blocks(outputs);
        (below, outputs_below) = (Some(width), outputs);
    }
    (blocks, outputs_below)
}

/// A model file that was checked as a whole: what it takes and gives, and its layers.
///
/// It borrows its parameters from the file, in place. [`Model`] or `WindowModel` runs it.
#[derive(Clone, Debug)]
pub struct Parsed<'m> {
    pub(crate) task: Task,
    pub(crate) mode: Mode,
    pub(crate) outputs: usize,
    pub(crate) buffers: BufferSizes,
    /// Between samples and raw inputs, if the model has one.
    #[cfg(feature = "front-end")]
    pub(crate) front_end: Option<FrontEnd<'m>>,
    pub(crate) channels: &'m [ChannelWords],
    /// Between raw inputs and the recurrent layers, if the model has one.
    #[cfg(feature = "conv")]
    pub(crate) conv: Option<ConvParameters<'m>>,
    /// Of a linear model, `[O]`; empty for logits.
    pub(crate) scales: &'m [ScaleWords],
    pub(crate) recurrent: Vec<RecurrentLayer<'m>, MAX_RECURRENT_LAYERS>,
    /// Of each recurrent layer.
    #[cfg(feature = "window")]
    pub(crate) directions: Vec<Direction, MAX_RECURRENT_LAYERS>,
    /// All but the output layer.
    pub(crate) dense: Vec<DenseParameters<'m>, MAX_DENSE_LAYERS>,
    pub(crate) output: DenseParameters<'m>,
    pub(crate) golden: &'m [i32],
    pub(crate) names: &'m [u8],
}

impl<'m> Parsed<'m> {
    /// Whether it takes a whole window at once, because a layer runs backwards. It has no step then.
    pub fn is_of_windows(&self) -> bool {
        #[cfg(feature = "window")]
        return Direction::need_window(&self.directions);
        #[cfg(not(feature = "window"))]
        false
    }

    /// The direction of recurrent layer `l`.
    pub fn direction(&self, l: usize) -> Direction {
        #[cfg(feature = "window")]
        return self.directions.get(l).copied().unwrap_or_default();
        #[cfg(not(feature = "window"))]
        {
            let _ = l;
            Direction::Forward
        }
    }

    /// Raw input channels, `I`.
    pub fn inputs(&self) -> usize {
        self.channels.len()
    }

    /// Outputs, `O`.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Length of a [`State`]'s cells in blocks of four units.
    pub fn cell_blocks(&self) -> usize {
        self.buffers.cell
    }

    /// Length of a [`State`]'s hidden state in blocks of eight bytes.
    pub fn hidden_blocks(&self) -> usize {
        self.buffers.hidden
    }

    /// Length of the scratch buffer in blocks of eight bytes.
    pub fn scratch_blocks(&self) -> usize {
        self.buffers.scratch
    }

    /// What the outputs mean.
    pub fn task(&self) -> Task {
        self.task
    }

    /// When the outputs are meant to be read.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// How output `output` becomes real units. A logit is its own value.
    pub fn output_scale(&self, output: usize) -> OutputScale {
        self.scales
            .get(output)
            .map_or(OutputScale::LOGIT, |words| OutputScale::from_words(*words))
    }

    /// What `raw`, output `output` of a step, means in the units of the training data:
    /// [`OutputScale::value`], or [`OutputScale::whole`] on cores that had better not compute in f32.
    pub fn value(&self, output: usize, raw: I16F16) -> f32 {
        self.output_scale(output).value(raw)
    }

    /// What makes raw inputs of samples, if the file has it.
    #[cfg(feature = "front-end")]
    pub fn front_end(&self) -> Option<&FrontEnd<'m>> {
        self.front_end.as_ref()
    }

    /// The type that raw inputs are normalised to: that of the first layer's inputs.
    pub fn input_width(&self) -> Width {
        #[cfg(feature = "conv")]
        if let Some(conv) = &self.conv {
            return conv.width();
        }
        let first = self.recurrent.first();
        first.map_or(Width::Int16, |layer| layer.rows().width)
    }

    /// The normalisation of input channel `channel`.
    pub fn input_channel(&self, channel: usize) -> Option<InputChannel> {
        self.channels
            .get(channel)
            .map(|words| InputChannel::from_words(*words))
    }

    /// What a step takes for `value` of channel `channel`, in the units of the training data: see
    /// [`InputChannel::raw`]. A sensor's counts need no conversion where the model was trained on counts: they go in
    /// as they are. A channel that the model does not have takes whole counts.
    pub fn raw(&self, channel: usize, value: f32) -> i32 {
        self.input_channel(channel).unwrap_or_default().raw(value)
    }

    /// The convolution below the recurrent layers, if the model has one.
    #[cfg(feature = "conv")]
    pub fn convolution(&self) -> Option<&ConvParameters<'m>> {
        self.conv.as_ref()
    }

    /// Input steps from one step of the recurrent layers to the next: 1 without a convolution. Between them the outputs
    /// stand.
    pub fn stride(&self) -> usize {
        #[cfg(feature = "conv")]
        if let Some(conv) = &self.conv {
            return conv.stride;
        }
        1
    }

    /// The recurrent layers, first to last.
    pub fn recurrent_layers(&self) -> &[RecurrentLayer<'m>] {
        &self.recurrent
    }

    /// The dense layers, first to last; the last one is the output layer.
    pub fn dense_layers(&self) -> impl Iterator<Item = &DenseParameters<'m>> {
        self.dense.iter().chain(core::iter::once(&self.output))
    }

    /// Schemes of the convolution, if there is one, then of the recurrent layers, then of the dense ones.
    pub fn schemes(&self) -> impl Iterator<Item = Scheme> {
        #[cfg(feature = "conv")]
        let conv = self.conv.map(|conv| conv.scheme());
        #[cfg(not(feature = "conv"))]
        let conv = None;
        let recurrent = self.recurrent.iter().map(|layer| layer.rows().scheme());
        (conv.into_iter())
            .chain(recurrent)
            .chain(self.dense_layers().map(DenseParameters::scheme))
    }

    /// Names of this crate's cargo features that the model needs, one for each layer that needs one, the front end's, the
    /// convolution's and the mean's.
    ///
    /// A firmware that runs this model alone can leave out all others.
    pub fn cargo_features(&self) -> impl Iterator<Item = &'static str> {
        let mean = (self.mode == Mode::SequenceToMean).then_some("mean");
        let schemes = self.schemes().filter(|scheme| *scheme != Scheme::W8a16);
        let kinds = self.recurrent.iter().filter_map(|l| l.cargo_feature());
        #[cfg(feature = "front-end")]
        let front_end = self.front_end.map(|front_end| front_end.cargo_feature());
        #[cfg(not(feature = "front-end"))]
        let front_end = None;
        #[cfg(feature = "conv")]
        let conv = self.conv.map(|_| "conv");
        #[cfg(not(feature = "conv"))]
        let conv = None;
        let window = self.is_of_windows().then_some("window");
        let features = schemes.map(Scheme::name).chain(kinds);
        features
            .chain(front_end)
            .chain(conv)
            .chain(mean)
            .chain(window)
    }

    /// Names of the input channels.
    pub fn input_names(&self) -> impl Iterator<Item = &'m str> {
        names(self.names).take(self.channels.len())
    }

    /// Names of the classes (two for a single sigmoid output), or of the values of a linear model.
    pub fn output_names(&self) -> impl Iterator<Item = &'m str> {
        names(self.names)
            .skip(self.channels.len())
            .take(self.task.name_count(self.outputs))
    }

    /// The class that `outputs` decide on: the first largest of several, or the sign of one.
    pub fn class(&self, outputs: &[I16F16]) -> usize {
        decide(outputs)
    }

    /// The steps that are stored in the file for a self-test: raw inputs `[I]` and the outputs
    /// `[O]` that must follow from them, beginning with a fresh state.
    pub fn golden_steps(&self) -> impl Iterator<Item = (&'m [i32], &'m [i32])> {
        let inputs = self.channels.len();
        self.golden
            .chunks_exact((inputs + self.outputs).max(1))
            .filter_map(move |s| s.split_at_checked(inputs))
    }

    /// The dense layers on what is `below` them. `free` is scratch.
    #[inline(always)]
    pub(crate) fn dense_with<'a, K: Kernels>(
        &self,
        mut below: (Width, &'a [Block]),
        mut free: &'a mut [Block],
        outputs: &mut [I16F16],
    ) -> Option<()> {
        for layer in &self.dense {
            let (x, rest) = converted(layer, below, free)?;
            let (y, rest) = rest.split_at_mut_checked(layer.width.blocks(layer.outputs))?;
            dense::relu::<K>(layer, x, y);
            (below, free) = ((layer.width, &*y), rest);
        }
        let (x, _) = converted(&self.output, below, free)?;
        dense::output::<K>(&self.output, x, outputs);
        Some(())
    }
}

/// A model that runs step by step; made by [`Model::parse`].
///
/// What it takes and gives, and its layers, is [`Parsed`]'s.
#[derive(Clone, Debug)]
pub struct Model<'m>(pub(crate) Parsed<'m>);

impl<'m> Deref for Model<'m> {
    type Target = Parsed<'m>;

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'m> Model<'m> {
    /// One time step for a model whose sizes became known at run time; whether the outputs moved.
    ///
    /// They always do, unless the model has a convolution: then they move once in a [`Parsed::stride`]. Between these steps
    /// the function returns early, and leaves `outputs` as they are; in the first step after a reset it writes those that a
    /// fresh state stands for. So whoever keeps a buffer of outputs for each stream always has the outputs that stand.
    ///
    /// `state` is hidden state and cells, of at least [`Parsed::hidden_blocks`] and
    /// [`Parsed::cell_blocks`], `scratch` has [`Parsed::scratch_blocks`], `raw` is `[I]` in each channel's raw format, `outputs` is
    /// `[O]`. What a buffer has beyond that is not touched.
    ///
    /// # Errors
    /// [`SizeError`] when a buffer is too short; nothing was changed then.
    pub fn step(
        &self,
        state: (&mut [Block], &mut [I32x4]),
        scratch: &mut [Block],
        raw: &[i32],
        outputs: &mut [I16F16],
    ) -> Result<bool, SizeError> {
        self.check_buffers(&state, scratch, raw, outputs)?;
        let (hidden, cell) = state;
        let outcome = self.advance_with::<Active>((&mut *hidden, &mut *cell), scratch, raw);
        if outcome.is_read() {
            self.read_with::<Active>((hidden, cell), scratch, outputs);
        }
        Ok(outcome == Outcome::Moved)
    }

    /// The outputs that a state stands for, `[O]`: those after its last step. `state` is hidden state and cells; they and
    /// `scratch` are as in [`Model::step`].
    ///
    /// # Errors
    /// [`SizeError`] when a buffer is too short; nothing was changed then.
    pub fn read_outputs(
        &self,
        (hidden, cell): (&[Block], &[I32x4]),
        scratch: &mut [Block],
        outputs: &mut [I16F16],
    ) -> Result<(), SizeError> {
        check_sizes([
            ("hidden state", hidden.len(), self.buffers.hidden),
            ("cell state", cell.len(), self.buffers.cell),
            ("scratch", scratch.len(), self.buffers.scratch),
            ("outputs", outputs.len(), self.outputs),
        ])?;
        self.read_with::<Active>((hidden, cell), scratch, outputs);
        Ok(())
    }

    /// [`Model::step`] by the specification, while `observer` sees the recurrent layers: the layer's index,
    /// the unit, and what that computed.
    ///
    /// # Errors
    /// As [`Model::step`].
    pub fn observed_step(
        &self,
        state: (&mut [Block], &mut [I32x4]),
        scratch: &mut [Block],
        raw: &[i32],
        outputs: &mut [I16F16],
        observer: &mut impl FnMut(usize, usize, &UnitStep),
    ) -> Result<bool, SizeError> {
        self.check_buffers(&state, scratch, raw, outputs)?;
        let (hidden, cell) = state;
        let mut index = 0;
        let outcome = self.advance_by::<Scalar>(
            (&mut *hidden, &mut *cell),
            scratch,
            raw,
            |layer, x, h, c, next| {
                let of_layer = |unit: usize, step: &UnitStep| observer(index, unit, step);
                layer.observed_step::<Scalar>(x, h, c, next, of_layer);
                index += 1;
            },
        );
        if outcome.is_read() {
            self.read_with::<Scalar>((hidden, cell), scratch, outputs);
        }
        Ok(outcome == Outcome::Moved)
    }

    fn check_buffers(
        &self,
        (hidden, cell): &(&mut [Block], &mut [I32x4]),
        scratch: &[Block],
        raw: &[i32],
        outputs: &[I16F16],
    ) -> Result<(), SizeError> {
        check_sizes([
            ("hidden state", hidden.len(), self.buffers.hidden),
            ("cell state", cell.len(), self.buffers.cell),
            ("scratch", scratch.len(), self.buffers.scratch),
            ("inputs", raw.len(), self.inputs()),
            ("outputs", outputs.len(), self.outputs),
        ])
    }

    /// The recurrent layers' part of a step on the kernels `K`, and the convolution's. Buffers are long enough.
    #[inline(always)]
    fn advance_with<K: Kernels>(
        &self,
        state: (&mut [Block], &mut [I32x4]),
        scratch: &mut [Block],
        raw: &[i32],
    ) -> Outcome {
        self.advance_by::<K>(state, scratch, raw, |layer, x, h, c, next| {
            layer.step::<K>(x, h, c, next);
        })
    }

    /// Runs the convolution, if there is one, on the kernels `K`. If it has outputs, hands every recurrent layer its input,
    /// hidden state, cells and scratch, first to last. Buffers are long enough.
    #[inline(always)]
    // Only the convolution runs on K here.
    #[cfg_attr(not(feature = "conv"), allow(clippy::extra_unused_type_parameters))]
    fn advance_by<'a, K: Kernels>(
        &self,
        (hidden, cell): (&'a mut [Block], &'a mut [I32x4]),
        scratch: &'a mut [Block],
        raw: &[i32],
        step: impl FnMut(&RecurrentLayer<'m>, &[Block], &mut [Block], &mut [I32x4], &mut [Block]),
    ) -> Outcome {
        #[cfg_attr(not(feature = "conv"), allow(unused_mut))]
        let (mut hidden, mut scratch, mut below) = (hidden, scratch, None);
        #[cfg(feature = "conv")]
        if let Some(layer) = &self.conv {
            let hidden_blocks = self.buffers.hidden.wrapping_sub(self.buffers.window);
            let parts = (
                hidden.split_at_mut_checked(hidden_blocks),
                scratch.split_at_mut_checked(self.buffers.filtered),
            );
            let (Some((own, window)), Some((y, free))) = parts else {
                return Outcome::Waits;
            };
            match conv::take(layer, self.channels, raw, window) {
                conv::Progress::Moved => {}
                conv::Progress::Waits { is_first: true } => return Outcome::Begins,
                conv::Progress::Waits { is_first: false } => return Outcome::Waits,
            }
            conv::outputs::<K>(layer, window, y, free);
            below = Some((layer.width(), &*y));
            (hidden, scratch) = (own, free);
        }
        self.recurrent_by((hidden, cell), scratch, raw, below, step);
        Outcome::Moved
    }

    /// Hands every recurrent layer what [`Model::advance_by`] says; the first one reads what is `below` it, or raw inputs.
    #[inline(always)]
    fn recurrent_by<'a>(
        &self,
        (hidden, cell): (&'a mut [Block], &'a mut [I32x4]),
        scratch: &mut [Block],
        raw: &[i32],
        mut below: Option<(Width, &'a [Block])>,
        mut step: impl FnMut(&RecurrentLayer<'m>, &[Block], &mut [Block], &mut [I32x4], &mut [Block]),
    ) -> Option<()> {
        let (input, next) = scratch.split_at_mut_checked(self.buffers.input)?;
        if below.is_none() {
            let first = self.recurrent.first()?.rows();
            input::normalise(self.channels, raw, first.width, input);
        }
        let (mut hidden, mut cell) = (hidden, cell);
        for layer in &self.recurrent {
            let rows = layer.rows();
            let size = layer.size();
            let n = rows.width.blocks(rows.outputs);
            let (h, upper_hidden) = hidden.split_at_mut_checked(n)?;
            let (c, upper_cell) = cell.split_at_mut_checked(size.cells)?;
            let x = match below {
                Some((width, x)) if width.in_build() == rows.width.in_build() => x,
                Some(x) => {
                    convert(x, (rows.width, input), rows.input_shift, rows.inputs);
                    &*input
                }
                None => &*input,
            };
            step(layer, x, h, c, next.get_mut(..size.scratch)?);
            (hidden, cell) = (upper_hidden, upper_cell);
            below = Some((rows.width, h));
        }
        #[cfg(feature = "mean")]
        if self.mode == Mode::SequenceToMean {
            let (rows, (_, top)) = (self.recurrent.last()?.rows(), below?);
            mean::add(rows, top, cell.get_mut(..mean::blocks(rows.outputs))?);
        }
        Some(())
    }

    /// The dense layers on the last recurrent layer's hidden state, or on its mean. Buffers are long enough.
    #[inline(always)]
    fn read_with<K: Kernels>(
        &self,
        (hidden, cell): (&[Block], &[I32x4]),
        scratch: &mut [Block],
        outputs: &mut [I16F16],
    ) -> Option<()> {
        let top = self.recurrent.last()?.rows();
        let end = self.buffers.hidden.wrapping_sub(self.buffers.window);
        let start = end.checked_sub(top.width.blocks(top.outputs))?;
        let (below, free) = ((top.width, hidden.get(start..end)?), scratch);
        #[cfg(feature = "mean")]
        let (below, free) = match self.mode {
            Mode::SequenceToMean => {
                let end = self.buffers.cell;
                let start = end.checked_sub(mean::blocks(top.outputs))?;
                let blocks = Width::Int16.blocks(top.outputs);
                let (of_steps, rest) = free.split_at_mut_checked(blocks)?;
                mean::read(top, cell.get(start..end)?, of_steps);
                ((Width::Int16, &*of_steps), rest)
            }
            Mode::SequenceToOne | Mode::SequenceToSequence => (below, free),
        };
        #[cfg(not(feature = "mean"))]
        let _ = cell;
        self.dense_with::<K>(below, free, outputs)
    }

    /// Runs the stored steps on the kernels of this build. State and scratch memory lie on its stack, and so not on that
    /// of a caller that also parses.
    ///
    /// # Errors
    /// The first step whose outputs differ from the stored ones, or a [`SizeError`] when `CELLS`, `HIDDEN`,
    /// `SCRATCH` or `OUTPUTS` is too small.
    #[inline(never)]
    pub fn self_test<
        const CELLS: usize,
        const HIDDEN: usize,
        const SCRATCH: usize,
        const OUTPUTS: usize,
    >(
        &self,
    ) -> Result<usize, SelfTestError> {
        let mut state = State::<CELLS, HIDDEN>::new();
        let mut scratch = [Block::default(); SCRATCH];
        let mut outputs = [I16F16::ZERO; OUTPUTS];
        let mut steps = 0;
        for (raw, expected) in self.golden_steps() {
            self.step(
                (&mut state.hidden, &mut state.cell),
                &mut scratch,
                raw,
                &mut outputs,
            )
            .map_err(SelfTestError::Size)?;
            if outputs
                .iter()
                .zip(expected)
                .any(|(found, expected)| found.to_bits() != *expected)
            {
                return Err(SelfTestError::Differs { step: steps });
            }
            steps += 1;
        }
        Ok(steps)
    }
}

/// What a step did to the outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// They moved.
    Moved,
    /// They are those of a fresh state, which nobody has read yet.
    #[cfg(feature = "conv")]
    Begins,
    /// They stand.
    #[cfg(feature = "conv")]
    Waits,
}

impl Outcome {
    /// Whether a caller that keeps its outputs must read them.
    const fn is_read(self) -> bool {
        match self {
            Self::Moved => true,
            #[cfg(feature = "conv")]
            Self::Begins => true,
            #[cfg(feature = "conv")]
            Self::Waits => false,
        }
    }
}

/// Refuses the first buffer that is too short: what it is, its length, the length that it needs.
pub(crate) fn check_sizes<const N: usize>(
    buffers: [(&'static str, usize, usize); N],
) -> Result<(), SizeError> {
    for (what, found, needed) in buffers {
        if found < needed {
            return Err(SizeError {
                what,
                found,
                needed,
            });
        }
    }
    Ok(())
}

/// The input of a dense layer in its own width: `below` as it is, or converted at the front of `free`. Also
/// what is left of `free`.
#[inline(always)]
fn converted<'a>(
    layer: &DenseParameters<'_>,
    below: (Width, &'a [Block]),
    free: &'a mut [Block],
) -> Option<(&'a [Block], &'a mut [Block])> {
    if below.0.in_build() == layer.width.in_build() {
        return Some((below.1, free));
    }
    let (x, rest) = free.split_at_mut_checked(layer.width.blocks(layer.inputs))?;
    convert(below, (layer.width, x), layer.input_shift, layer.inputs);
    Some((x, rest))
}

/// Why a self-test failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfTestError {
    /// The outputs of this step, counted from 0, are not the stored ones.
    Differs {
        /// The step.
        step: usize,
    },
    /// The features of the stored samples are not the stored ones.
    Features,
    /// A buffer is too short.
    Size(SizeError),
}

impl fmt::Display for SelfTestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs { step } => {
                write!(
                    f,
                    "self-test: the outputs of step {step} differ from the stored ones"
                )
            }
            Self::Features => f.write_str("self-test: the features differ from the stored ones"),
            Self::Size(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SelfTestError {}

/// The class that `outputs` decide on: the first largest of several, or the sign of one.
pub fn decide(outputs: &[I16F16]) -> usize {
    if let [single] = outputs {
        return usize::from(*single > I16F16::ZERO);
    }
    let mut best = (0, I16F16::MIN);
    for (class, value) in outputs.iter().enumerate() {
        if *value > best.1 {
            best = (class, *value);
        }
    }
    best.0
}

/// Walks over length-prefixed names; ends at the first that does not fit or is not UTF-8.
pub(crate) fn names(mut bytes: &[u8]) -> impl Iterator<Item = &str> {
    core::iter::from_fn(move || {
        let (length, rest) = bytes.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        bytes = rest;
        core::str::from_utf8(name).ok()
    })
}

/// A model whose sizes are known at compile time; [`include_model!`](crate::include_model) names
/// them.
#[derive(Clone, Debug)]
pub struct FixedModel<
    'm,
    const INPUTS: usize,
    const OUTPUTS: usize,
    const CELLS: usize,
    const HIDDEN: usize,
    const SCRATCH: usize,
> {
    model: Model<'m>,
}

impl<
    'm,
    const INPUTS: usize,
    const OUTPUTS: usize,
    const CELLS: usize,
    const HIDDEN: usize,
    const SCRATCH: usize,
> FixedModel<'m, INPUTS, OUTPUTS, CELLS, HIDDEN, SCRATCH>
{
    /// Takes a model of just these sizes.
    ///
    /// # Errors
    /// [`SizeError`] with the first size that differs.
    pub fn new(model: Model<'m>) -> Result<Self, SizeError> {
        for (what, found, needed) in [
            ("inputs", INPUTS, model.inputs()),
            ("outputs", OUTPUTS, model.outputs()),
            ("cell blocks", CELLS, model.cell_blocks()),
            ("hidden blocks", HIDDEN, model.hidden_blocks()),
            ("scratch blocks", SCRATCH, model.scratch_blocks()),
        ] {
            if found != needed {
                return Err(SizeError {
                    what,
                    found,
                    needed,
                });
            }
        }
        Ok(Self { model })
    }

    /// Advances `state` by one time step of raw inputs, each in its channel's raw format, and
    /// returns the outputs after it, before sigmoid or softmax. Of a model with a convolution these stand between its
    /// strides: [`FixedModel::moved`] computes them only where they move.
    pub fn step(&self, state: &mut State<CELLS, HIDDEN>, raw: &[i32; INPUTS]) -> [I16F16; OUTPUTS] {
        self.advance(state, raw);
        self.outputs(state)
    }

    /// [`FixedModel::step`] that returns early, with nothing, where the outputs do not move. They always do, unless the
    /// model has a convolution: then once in a [`Parsed::stride`].
    pub fn moved(
        &self,
        state: &mut State<CELLS, HIDDEN>,
        raw: &[i32; INPUTS],
    ) -> Option<[I16F16; OUTPUTS]> {
        self.advance(state, raw).then(|| self.outputs(state))
    }

    /// Advances `state` without reading the outputs: all that a step of a sequence-to-one model
    /// needs before the last one. Whether the outputs moved, as they always do without a convolution.
    pub fn advance(&self, state: &mut State<CELLS, HIDDEN>, raw: &[i32; INPUTS]) -> bool {
        self.advance_with::<Active>(state, raw)
    }

    /// The outputs that `state` stands for.
    pub fn outputs(&self, state: &State<CELLS, HIDDEN>) -> [I16F16; OUTPUTS] {
        self.outputs_with::<Active>(state)
    }

    /// [`FixedModel::advance`] on chosen kernels, to hold one backend against another.
    pub fn advance_with<K: Kernels>(
        &self,
        state: &mut State<CELLS, HIDDEN>,
        raw: &[i32; INPUTS],
    ) -> bool {
        let mut scratch = [Block::default(); SCRATCH];
        // `new` compared every size, so that no buffer is too short.
        let state = (&mut state.hidden[..], &mut state.cell[..]);
        self.model.advance_with::<K>(state, &mut scratch, raw) == Outcome::Moved
    }

    /// [`FixedModel::outputs`] on chosen kernels.
    pub fn outputs_with<K: Kernels>(&self, state: &State<CELLS, HIDDEN>) -> [I16F16; OUTPUTS] {
        let mut scratch = [Block::default(); SCRATCH];
        let mut outputs = [I16F16::ZERO; OUTPUTS];
        let _ = self
            .model
            .read_with::<K>((&state.hidden, &state.cell), &mut scratch, &mut outputs);
        outputs
    }

    /// `outputs` in the units of the training data, see [`Parsed::value`].
    pub fn values(&self, outputs: &[I16F16; OUTPUTS]) -> [f32; OUTPUTS] {
        let mut values = [0.0; OUTPUTS];
        for (r, (value, raw)) in values.iter_mut().zip(outputs).enumerate() {
            *value = self.model.value(r, *raw);
        }
        values
    }

    /// What a step takes for `value` of channel `channel`, in the units of the training data: see [`Parsed::raw`].
    pub fn raw(&self, channel: usize, value: f32) -> i32 {
        self.model.raw(channel, value)
    }

    /// Names, formats and layers.
    pub fn model(&self) -> &Model<'m> {
        &self.model
    }

    /// Runs the stored steps; returns how many.
    ///
    /// # Errors
    /// The first step whose outputs differ from the stored ones.
    pub fn self_test(&self) -> Result<usize, SelfTestError> {
        self.model.self_test::<CELLS, HIDDEN, SCRATCH, OUTPUTS>()
    }
}

/// Bytes of RAM that a stream of these cell and hidden blocks keeps.
pub const fn state_bytes(cell_blocks: usize, hidden_blocks: usize) -> usize {
    cell_blocks * size_of::<I32x4>() + hidden_blocks * size_of::<Block>()
}

/// Bytes of RAM that a step of `scratch_blocks` uses while it runs.
pub const fn scratch_bytes(scratch_blocks: usize) -> usize {
    scratch_blocks * size_of::<Block>()
}
