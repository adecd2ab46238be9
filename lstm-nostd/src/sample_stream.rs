//! From samples to outputs: the front end and the network of a model, with one state.

use fixed::types::I16F16;

use crate::front_end::{Signal, Word2};
use crate::model::{FixedModel, SelfTestError};
use crate::state::State;

/// What a model with a [front end](crate::front_end) remembers of a stream of samples.
///
/// `CELLS` and `HIDDEN` are those of its [`State`], `HISTORY` is [`FrontEnd::history`](crate::front_end::FrontEnd::history)
/// and `WORK` is [`FrontEnd::work`](crate::front_end::FrontEnd::work). [`include_model!`](crate::include_model) names the type `SampleStream`.
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
    pub signal: Signal<[i16; HISTORY]>,
    /// Of the front end, while a frame is computed; nothing else reads it.
    work: [Word2; WORK],
}

impl<const CELLS: usize, const HIDDEN: usize, const HISTORY: usize, const WORK: usize>
    SampleStream<CELLS, HIDDEN, HISTORY, WORK>
{
    /// Before the first sample.
    pub const fn new() -> Self {
        Self {
            state: State::new(),
            signal: Signal::EMPTY,
            work: [[0; 2]; WORK],
        }
    }

    /// Back to before the first sample. To go on listening and forget only what was said, reset [`SampleStream::state`].
    pub fn reset(&mut self) {
        self.state.reset();
        self.signal.reset();
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
        let front_end = self.model().front_end()?;
        let mut samples = samples;
        let mut is_advanced = false;
        let mut features = [0; INPUTS];
        while front_end.push_checked(
            &mut stream.signal,
            &mut stream.work,
            &mut samples,
            &mut features,
        ) {
            is_advanced |= self.advance(&mut stream.state, &features);
        }
        is_advanced.then(|| self.outputs(&stream.state))
    }

    /// [`FixedModel::self_test`] of the front end and the network; returns the steps of the network. It leaves a stream that begins.
    ///
    /// # Errors
    /// What differs from what is stored in the file.
    pub fn self_test_of_samples<const HISTORY: usize, const WORK: usize>(
        &self,
        stream: &mut SampleStream<CELLS, HIDDEN, HISTORY, WORK>,
    ) -> Result<usize, SelfTestError> {
        let mut features = [0; INPUTS];
        if let Some(front_end) = self.model().front_end() {
            match front_end.self_test(&mut stream.signal, &mut stream.work, &mut features) {
                Ok(true) => {}
                Ok(false) => return Err(SelfTestError::Features),
                Err(error) => return Err(SelfTestError::Size(error)),
            }
        }
        stream.reset();
        self.self_test()
    }
}
