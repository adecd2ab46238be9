//! From samples to outputs: the front end and the network of a model, with one state.

use fixed::types::I16F16;

use crate::front_end::{Signal, Word2};
use crate::model::{FixedModel, SelfTestError};
use crate::state::State;

/// What a [front end](crate::front_end) remembers of a stream of samples.
///
/// `HISTORY` is [`FrontEnd::history`](crate::front_end::FrontEnd::history) and `WORK` is
/// [`FrontEnd::work`](crate::front_end::FrontEnd::work). [`include_model!`](crate::include_model) names the type `Frames`.
#[derive(Clone, Copy, Debug)]
pub struct Frames<const HISTORY: usize, const WORK: usize> {
    /// Samples of the frame that is being filled.
    pub signal: Signal<[i16; HISTORY]>,
    /// Used while a frame is computed; nothing else reads it.
    work: [Word2; WORK],
}

impl<const HISTORY: usize, const WORK: usize> Frames<HISTORY, WORK> {
    /// Before the first sample.
    pub const fn new() -> Self {
        Self {
            signal: Signal::EMPTY,
            work: [[0; 2]; WORK],
        }
    }

    /// Back to before the first sample.
    pub fn reset(&mut self) {
        self.signal.reset();
    }
}

impl<const HISTORY: usize, const WORK: usize> Default for Frames<HISTORY, WORK> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a model with a [front end](crate::front_end) remembers of a stream of samples.
///
/// `CELLS` and `HIDDEN` are those of its [`State`], `HISTORY` and `WORK` those of its [`Frames`].
/// [`include_model!`](crate::include_model) names the type `SampleStream`.
#[derive(Clone, Copy, Debug)]
pub struct SampleStream<
    const CELLS: usize,
    const HIDDEN: usize,
    const HISTORY: usize,
    const WORK: usize,
> {
    /// Of the network.
    pub state: State<CELLS, HIDDEN>,
    /// Of the front end.
    pub frames: Frames<HISTORY, WORK>,
}

impl<const CELLS: usize, const HIDDEN: usize, const HISTORY: usize, const WORK: usize>
    SampleStream<CELLS, HIDDEN, HISTORY, WORK>
{
    /// Before the first sample.
    pub const fn new() -> Self {
        Self {
            state: State::new(),
            frames: Frames::new(),
        }
    }

    /// Back to before the first sample. To go on listening and forget only what was said, reset [`SampleStream::state`].
    pub fn reset(&mut self) {
        self.state.reset();
        self.frames.reset();
    }
}

impl<const CELLS: usize, const HIDDEN: usize, const HISTORY: usize, const WORK: usize> Default
    for SampleStream<CELLS, HIDDEN, HISTORY, WORK>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<
    const INPUTS: usize,
    const OUTPUTS: usize,
    const CELLS: usize,
    const HIDDEN: usize,
    const SCRATCH: usize,
> FixedModel<'_, INPUTS, OUTPUTS, CELLS, HIDDEN, SCRATCH>
{
    /// Takes `samples`, any number of them, and advances the network by a step at the end of each frame. The outputs after
    /// the last frame that ended; `None` if none did, or the outputs did not move as a convolution waits for its stride. A model without a front end takes nothing.
    pub fn push_samples<const HISTORY: usize, const WORK: usize>(
        &self,
        stream: &mut SampleStream<CELLS, HIDDEN, HISTORY, WORK>,
        samples: &[i16],
    ) -> Option<[I16F16; OUTPUTS]> {
        let mut samples = samples;
        let mut is_advanced = false;
        while let Some(features) = self.next_frame(&mut stream.frames, &mut samples) {
            is_advanced |= self.advance(&mut stream.state, &features);
        }
        is_advanced.then(|| self.outputs(&stream.state))
    }

    /// Takes samples from the front of `samples` until a frame ends, and returns its features: a step's raw inputs.
    /// `None` once all samples are taken. So a [recogniser](crate::recognise), which has states of its own, takes samples:
    ///
    /// ```
    /// # use lstm_nostd::{FixedModel, recognise::{Event, Network, Recogniser, Track}, sample_stream::Frames};
    /// # fn listen<
    /// #     R: Network<Raw = [i32; I]>, const I: usize, const O: usize, const C: usize, const H: usize, const S: usize,
    /// #     const N: usize, const W: usize,
    /// # >(
    /// #     model: &FixedModel<'_, I, O, C, H, S>,
    /// #     frames: &mut Frames<N, W>,
    /// #     recogniser: &mut Recogniser<R, [Track; 2]>,
    /// #     microphone: &[i16],
    /// #     show: impl Fn(Event),
    /// # ) {
    /// let mut samples = microphone;
    /// while let Some(features) = model.next_frame(frames, &mut samples) {
    ///     if let Some(event) = recogniser.step(&features) {
    ///         show(event);
    ///     }
    /// }
    /// # }
    /// ```
    pub fn next_frame<const HISTORY: usize, const WORK: usize>(
        &self,
        frames: &mut Frames<HISTORY, WORK>,
        samples: &mut &[i16],
    ) -> Option<[i32; INPUTS]> {
        let front_end = self.model().front_end()?;
        let Frames { signal, work } = frames;
        let mut features = [0; INPUTS];
        (front_end.push_checked(signal, work, samples, &mut features)).then_some(features)
    }

    /// [`FixedModel::self_test`] of the front end and the network; returns the steps of the network. Afterwards `frames` is as new.
    ///
    /// # Errors
    /// What differs from what is stored in the file.
    pub fn self_test_of_samples<const HISTORY: usize, const WORK: usize>(
        &self,
        frames: &mut Frames<HISTORY, WORK>,
    ) -> Result<usize, SelfTestError> {
        let mut features = [0; INPUTS];
        if let Some(front_end) = self.model().front_end() {
            let Frames { signal, work } = frames;
            let found = front_end.self_test(signal, work, &mut features);
            frames.reset();
            match found {
                Ok(true) => {}
                Ok(false) => return Err(SelfTestError::Features),
                Err(error) => return Err(SelfTestError::Size(error)),
            }
        }
        self.self_test()
    }
}
