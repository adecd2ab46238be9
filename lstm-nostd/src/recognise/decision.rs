//! From answers to events: thresholds with hysteresis, votes, a refractory time, and a confidence.
//!
//! Answer k comes after step t(k) and has a probability p_c(k) for each class c, Q0.15. With N = `votes` and
//! M = `answers`:
//!
//! ```text
//! v_c(k) = 1 if p_c(k) ≥ on and c is armed and no background, else 0               (RC1)
//! votes:        v_c(k) = 1 and Σ_j v_c(k − j) ≥ N, j = 0 … M − 1                   (RC2)
//! refractory:   t(k) − t(last event of any class) ≥ refractory                    (RC3)
//! hysteresis:   c is armed until an event of c, and again once p_c(k) < off        (RC4)
//! confidence:   P_c(k) = ⌊Σ_j p_c(k − j) / M⌋, j = 0 … M − 1, Q0.15               (RC5)
//! ```
//!
//! Answer k is an event of class c if (RC2) and (RC3) hold. If they do for several classes, it is one of the class with
//! the largest P_c, the first among equals; the others wait as they are. An event forgets the votes of its class.
//! Answers before the first one count as 0. (RC5) is the smoothed posterior of Chen, Parada and Heigold, "Small-footprint
//! keyword spotting using deep neural networks", 2014, equation 2.

use super::Settings;

/// The most answers that votes are counted among.
pub const MAX_ANSWERS: usize = 16;

/// Something was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The step that completed it, from 0 at the beginning of the stream.
    pub step: u64,
    /// Its class; with a single sigmoid output, class 0 is the first name and class 1 the second.
    pub class: usize,
    /// Mean probability of the class in the last answers, Q0.15 (RC5).
    pub confidence: i16,
}

/// What is remembered of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Track {
    /// Its probabilities in the last answers, Q0.15, as a ring.
    recent: [i16; MAX_ANSWERS],
    /// v_c, the last answer in bit 0.
    votes: u16,
    is_armed: bool,
}

impl Track {
    /// Before the first answer.
    pub const NEW: Self = Self {
        recent: [0; MAX_ANSWERS],
        votes: 0,
        is_armed: true,
    };
}

impl Default for Track {
    fn default() -> Self {
        Self::NEW
    }
}

/// The answers so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decision<T> {
    settings: Settings,
    tracks: T,
    /// Where the next answer goes in each ring.
    next: usize,
    /// Steps so far.
    steps: u64,
    last_event: Option<u64>,
}

impl<T: AsMut<[Track]>> Decision<T> {
    /// Before the first step. The settings were checked, and `tracks` are as many as the classes.
    pub(super) fn new(settings: Settings, mut tracks: T) -> Self {
        tracks.as_mut().fill(Track::NEW);
        Self {
            settings,
            tracks,
            next: 0,
            steps: 0,
            last_event: None,
        }
    }

    /// Takes the answer after a step, `[C]` in Q0.15, if there is one.
    pub(super) fn step(&mut self, answer: Option<&[i16]>) -> Option<Event> {
        let step = self.steps;
        self.steps = step.wrapping_add(1);
        let settings = &self.settings;
        let is_ready = self.last_event.is_none_or(|last| {
            step.wrapping_sub(last) >= u64::from(settings.refractory) // (RC3)
        });
        let mut event: Option<Event> = None;
        let mut next_class = 0usize;
        for (track, p) in self.tracks.as_mut().iter_mut().zip(answer?) {
            let class = next_class;
            next_class = next_class.wrapping_add(1);
            let is_vote = track.take(*p, settings, self.next) && !settings.is_background(class);
            if !is_vote || !is_ready || track.votes.count_ones() < u32::from(settings.votes) {
                continue;
            }
            let confidence = track.mean(settings.answers);
            if event.is_none_or(|event| event.confidence < confidence) {
                event = Some(Event {
                    step,
                    class,
                    confidence,
                });
            }
        }
        self.next = self.next.wrapping_add(1);
        if self.next >= usize::from(settings.answers) {
            self.next = 0;
        }
        let event = event?;
        if let Some(track) = self.tracks.as_mut().get_mut(event.class) {
            (track.is_armed, track.votes) = (false, 0);
        }
        self.last_event = Some(step);
        Some(event)
    }
}

impl Track {
    /// Takes the probability of an answer; whether it is a vote (RC1).
    fn take(&mut self, p: i16, settings: &Settings, place: usize) -> bool {
        if let Some(recent) = self.recent.get_mut(place) {
            *recent = p;
        }
        self.is_armed |= p < settings.off; // (RC4)
        let is_vote = self.is_armed && p >= settings.on;
        let counted = u16::MAX
            .checked_shr(u16::BITS.wrapping_sub(settings.answers.into()))
            .unwrap_or(0);
        self.votes = (self.votes << 1 | u16::from(is_vote)) & counted;
        is_vote
    }

    /// (RC5)
    fn mean(&self, answers: u8) -> i16 {
        let recent = self.recent.iter().take(answers.into());
        // At most 16 · 2¹⁵.
        let sum = recent.fold(0u32, |sum, p| sum.wrapping_add(p.unsigned_abs().into()));
        (sum / u32::from(answers.max(1))) as i16
    }
}
