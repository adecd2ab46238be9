//! The engine's recogniser over recorded streams.

use lstm_nostd::recognise::{Event, Network, Recogniser, Settings, SettingsError, Track};
use lstm_nostd::{Model, Task, probability};
use rayon::prelude::*;

use crate::data::Recording;
use crate::evaluate::Streams;
use crate::integers::stream::{Stream, input_formats, raw_sequence};

/// A model of any sizes with several states, for a recogniser.
#[derive(Clone, Debug)]
pub struct HostStreams<'m> {
    model: &'m Model<'m>,
    states: Vec<Stream>,
    probabilities: Vec<i16>,
}

/// A recogniser with a model of any sizes.
pub type HostRecogniser<'m> = Recogniser<HostStreams<'m>, Vec<Track>>;

impl Network for HostStreams<'_> {
    type Raw = [i32];

    fn states(&self) -> usize {
        self.states.len()
    }

    fn classes(&self) -> usize {
        match self.model.task() {
            Task::Linear => 0,
            Task::Sigmoid | Task::Softmax => self.probabilities.len(),
        }
    }

    fn reset(&mut self, state: usize) {
        self.states[state].reset();
    }

    fn advance(&mut self, state: usize, raw: &[i32]) {
        self.states[state].step(self.model, raw);
    }

    fn probabilities(&mut self, state: usize) -> &[i16] {
        let outputs = self.states[state].outputs();
        probability::of_classes(self.model.task(), outputs, &mut self.probabilities);
        &self.probabilities
    }
}

/// A recogniser at the beginning of a stream; it finds what the chip's finds, bit for bit.
///
/// # Errors
/// When the settings contradict themselves, or the model has no classes.
pub fn host_recogniser<'m>(
    model: &'m Model<'m>,
    settings: Settings,
) -> Result<HostRecogniser<'m>, SettingsError> {
    settings.check()?;
    let classes = model.task().name_count(model.outputs());
    let network = HostStreams {
        model,
        states: vec![Stream::new(model); settings.states()],
        probabilities: vec![0; classes],
    };
    Recogniser::new(network, vec![Track::NEW; classes], settings)
}

/// The events of each of `streams`, whose sequences of real values `[T, I]` follow each other without a break. Uses all
/// threads; the result does not depend on their number.
///
/// # Errors
/// As [`host_recogniser`].
pub fn recorded_events(
    model: &Model<'_>,
    settings: Settings,
    streams: &Streams,
    sequences: &[Recording<'_>],
) -> Result<Vec<Vec<Event>>, SettingsError> {
    let formats = input_formats(model);
    let fresh = host_recogniser(model, settings)?;
    let events = |stream: &Vec<usize>| {
        let mut recogniser = fresh.clone();
        let steps = (stream.iter()).flat_map(|s| raw_sequence(&formats, sequences[*s]));
        steps.filter_map(|raw| recogniser.step(&raw)).collect()
    };
    Ok(streams.sequences().par_iter().map(events).collect())
}
