//! Continuous recognition: from an endless stream of samples to events, in integers and without a heap.
//!
//! ```text
//! sample ──▶ schedule ──▶ network ──▶ decision ──▶ event
//!            which state   probabilities   thresholds, votes,
//!            answers when  in Q0.15        refractory time
//! ```
//!
//! [`States`] says when states are reset and when their answers are read: windows that overlap, by several states in
//! rotation, or one state with resets on a rule. An answer is the probability of each class. [`Settings`] say which
//! answers make an event; `decision.rs` has the equations (RC1) to (RC5). All times are in steps of the network.
//!
//! A host and a chip that have the same settings, model file and samples find the same events, bit for bit.
//!
//! ```
//! use lstm_nostd::recognise::{Settings, States};
//!
//! lstm_nostd::include_model!(mod wake_word = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tiny.lstm"));
//!
//! const SETTINGS: Settings = Settings {
//!     states: States::Windows { steps: 10, hop: 5 },
//!     on: 26_214,    // 0.8 in Q0.15
//!     off: 16_384,   // 0.5
//!     votes: 2,      // two of the last three answers
//!     answers: 3,
//!     refractory: 20,
//!     background: 0b0001, // class 0 is noise
//! };
//!
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let model = wake_word::load()?;
//! let mut recogniser = wake_word::Recogniser::<{ SETTINGS.states() }>::of_model(&model, SETTINGS)?;
//! # let samples = [[120, -980, 44]; 30];
//! for raw in &samples {
//!     if let Some(event) = recogniser.step(raw) {
//!         println!("step {}: class {}", event.step, event.class);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The host reads the same settings from a file: `trainer-host eval RUN --stream --recogniser FILE` counts what they
//! detect, miss and invent, and `trainer-host new-firmware --recogniser FILE` writes them as a constant.

mod decision;
mod schedule;
mod settings;
mod streams;
#[cfg(test)]
mod tests;

pub use decision::{Event, MAX_ANSWERS, Track};
pub use settings::{MAX_STEPS, MAX_WINDOWS, Settings, SettingsError, States};
pub use streams::Streams;

use decision::Decision;
use schedule::Schedule;

/// A network with several states, which a [`Recogniser`] drives.
pub trait Network {
    /// One sample.
    type Raw: ?Sized;

    /// States that it has. They are numbered from 0.
    fn states(&self) -> usize;

    /// Classes of an answer; 0 if its outputs are not probabilities.
    fn classes(&self) -> usize;

    /// Brings a state back to before the first step.
    fn reset(&mut self, state: usize);

    /// Advances a state by one step.
    fn advance(&mut self, state: usize, raw: &Self::Raw);

    /// The answer that a state stands for: the probability of each class, `[C]`, Q0.15.
    fn probabilities(&mut self, state: usize) -> &[i16];
}

/// From samples to events.
///
/// It is plain data if its network is: copied in the middle of a stream, both copies go on to the same events.
/// `T` holds a [`Track`] for each class: an array on a chip, a vector on a host.
#[derive(Clone, Copy, Debug)]
pub struct Recogniser<N, T> {
    network: N,
    schedule: Schedule,
    decision: Decision<T>,
    states: usize,
}

impl<N: Network, T: AsMut<[Track]>> Recogniser<N, T> {
    /// At the beginning of a stream.
    ///
    /// # Errors
    /// When the settings contradict themselves or the network, or `tracks` are fewer than the classes.
    pub fn new(network: N, mut tracks: T, settings: Settings) -> Result<Self, SettingsError> {
        settings.check()?;
        settings.check_classes(network.classes())?;
        if network.states() < settings.states() || tracks.as_mut().len() < network.classes() {
            return Err(SettingsError::TOO_SMALL);
        }
        Ok(Self {
            network,
            schedule: Schedule::new(settings.states),
            decision: Decision::new(settings, tracks),
            states: settings.states(),
        })
    }

    /// Takes one sample; the event that it completes. Cannot fail.
    pub fn step(&mut self, raw: &N::Raw) -> Option<Event> {
        let mut answer = None;
        for state in 0..self.states {
            let Some(age) = self.schedule.age(state) else {
                continue;
            };
            if age == 0 {
                self.network.reset(state);
            }
            self.network.advance(state, raw);
            if self.schedule.answers_at(age) {
                answer = Some(state);
            }
        }
        let probabilities = answer.map(|state| self.network.probabilities(state));
        let event = self.decision.step(probabilities);
        self.schedule.advance(answer.is_some(), event.is_some());
        event
    }

    /// The network.
    pub fn network(&self) -> &N {
        &self.network
    }
}
