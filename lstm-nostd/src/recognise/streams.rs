//! The states of a model whose sizes are known at compile time, for a recogniser.

use super::{Network, Recogniser, Settings, SettingsError, Track};
use crate::model::FixedModel;
use crate::probability;
use crate::state::State;
use crate::task::Task;

/// A model with `STATES` states and an answer of `CLASSES` classes; [`include_model!`](crate::include_model) names the
/// sizes.
#[derive(Clone, Copy, Debug)]
pub struct Streams<
    'm,
    const INPUTS: usize,
    const OUTPUTS: usize,
    const CELLS: usize,
    const HIDDEN: usize,
    const SCRATCH: usize,
    const STATES: usize,
    const CLASSES: usize,
> {
    model: &'m FixedModel<'m, INPUTS, OUTPUTS, CELLS, HIDDEN, SCRATCH>,
    states: [State<CELLS, HIDDEN>; STATES],
    probabilities: [i16; CLASSES],
}

impl<
    const INPUTS: usize,
    const OUTPUTS: usize,
    const CELLS: usize,
    const HIDDEN: usize,
    const SCRATCH: usize,
    const STATES: usize,
    const CLASSES: usize,
> Network for Streams<'_, INPUTS, OUTPUTS, CELLS, HIDDEN, SCRATCH, STATES, CLASSES>
{
    type Raw = [i32; INPUTS];

    fn states(&self) -> usize {
        STATES
    }

    fn classes(&self) -> usize {
        match self.model.model().task() {
            Task::Linear => 0,
            Task::Sigmoid | Task::Softmax => CLASSES,
        }
    }

    fn reset(&mut self, state: usize) {
        if let Some(state) = self.states.get_mut(state) {
            state.reset();
        }
    }

    fn advance(&mut self, state: usize, raw: &[i32; INPUTS]) {
        if let Some(state) = self.states.get_mut(state) {
            self.model.advance(state, raw);
        }
    }

    fn probabilities(&mut self, state: usize) -> &[i16] {
        if let Some(state) = self.states.get(state) {
            let outputs = self.model.outputs(state);
            probability::of_classes(self.model.model().task(), &outputs, &mut self.probabilities);
        }
        &self.probabilities
    }
}

impl<
    'm,
    const INPUTS: usize,
    const OUTPUTS: usize,
    const CELLS: usize,
    const HIDDEN: usize,
    const SCRATCH: usize,
    const STATES: usize,
    const CLASSES: usize,
>
    Recogniser<
        Streams<'m, INPUTS, OUTPUTS, CELLS, HIDDEN, SCRATCH, STATES, CLASSES>,
        [Track; CLASSES],
    >
{
    /// A recogniser of a model that was compiled in, at the beginning of a stream; `STATES` is
    /// [`Settings::states`].
    ///
    /// # Errors
    /// When the settings contradict themselves or need more states, or the model's outputs are values.
    pub fn of_model(
        model: &'m FixedModel<'m, INPUTS, OUTPUTS, CELLS, HIDDEN, SCRATCH>,
        settings: Settings,
    ) -> Result<Self, SettingsError> {
        let streams = Streams {
            model,
            states: [State::new(); STATES],
            probabilities: [0; CLASSES],
        };
        Self::new(streams, [Track::NEW; CLASSES], settings)
    }
}
