//! The recogniser against its equations, worked out anew from everything that was seen.

extern crate std;

use proptest::prelude::*;
use std::vec::Vec;

use super::*;

/// A network whose state is what it was fed, and whose answer is any function of that.
#[derive(Clone)]
struct Remembers {
    states: Vec<Vec<i32>>,
    answer: Vec<i16>,
}

/// An answer of three classes that depends on every sample and on their number, with long stretches of high and low
/// probabilities.
fn answer(seen: &[i32]) -> Vec<i16> {
    let sum = seen.iter().fold(seen.len() as u32, |sum, x| {
        sum.wrapping_mul(31).wrapping_add(*x as u32)
    });
    let level = |class: u32| (sum.wrapping_mul(2 * class + 3) >> 7 & 0x7fff) as i16;
    (0..3).map(level).collect()
}

impl Remembers {
    fn new(states: usize) -> Self {
        Self {
            // A state that is not reset before its first step would show.
            states: std::vec![std::vec![-1]; states],
            answer: Vec::new(),
        }
    }
}

impl Network for Remembers {
    type Raw = i32;

    fn states(&self) -> usize {
        self.states.len()
    }

    fn classes(&self) -> usize {
        3
    }

    fn reset(&mut self, state: usize) {
        self.states[state].clear();
    }

    fn advance(&mut self, state: usize, raw: &i32) {
        self.states[state].push(*raw);
    }

    fn probabilities(&mut self, state: usize) -> &[i16] {
        self.answer = answer(&self.states[state]);
        &self.answer
    }
}

fn recogniser(settings: Settings) -> Recogniser<Remembers, [Track; 3]> {
    let network = Remembers::new(settings.states());
    Recogniser::new(network, [Track::NEW; 3], settings).unwrap()
}

/// What a network has seen when it answers after step `t` of `samples`, if it does; `last_reset` is the first step
/// after the last reset that an event or a time caused.
fn seen(states: States, samples: &[i32], t: usize, last_reset: usize) -> Option<&[i32]> {
    match states {
        States::Windows { steps, hop } => {
            let begin = (t + 1).checked_sub(steps as usize)?;
            (begin % hop as usize == 0).then(|| &samples[begin..=t])
        }
        States::Running { warm_up, every, .. } => {
            let beyond = (t + 1 - last_reset).checked_sub(warm_up as usize)?;
            (beyond % every as usize == 0).then(|| &samples[last_reset..=t])
        }
    }
}

/// (RC1) to (RC5) over the whole history at each step.
fn expected(settings: Settings, samples: &[i32]) -> Vec<Event> {
    let mut answers: Vec<Vec<i16>> = Vec::new();
    // v_c(k), until an event of the class takes them away.
    let mut votes: Vec<[bool; 3]> = Vec::new();
    let mut armed = [true; 3];
    let mut events: Vec<Event> = Vec::new();
    let mut last_reset = 0;
    for t in 0..samples.len() {
        let mut found: Option<Event> = None;
        if let Some(seen) = seen(settings.states, samples, t, last_reset) {
            let p = answer(seen);
            answers.push(p.clone());
            for c in 0..3 {
                armed[c] |= p[c] < settings.off;
            }
            votes.push(
                [0, 1, 2]
                    .map(|c| armed[c] && p[c] >= settings.on && settings.background >> c & 1 == 0),
            );
            let last = answers.len().saturating_sub(settings.answers.into());
            for c in 0..3 {
                let count = votes[last..].iter().filter(|v| v[c]).count();
                let sum: i32 = answers[last..].iter().map(|p| i32::from(p[c])).sum();
                let confidence = (sum / i32::from(settings.answers)) as i16;
                let is_vote = votes[votes.len() - 1][c] && count >= usize::from(settings.votes);
                let is_ready = events
                    .last()
                    .is_none_or(|e| t as u64 - e.step >= u64::from(settings.refractory));
                if is_vote && is_ready && found.is_none_or(|e| confidence > e.confidence) {
                    found = Some(Event {
                        step: t as u64,
                        class: c,
                        confidence,
                    });
                }
            }
        }
        if let Some(event) = found {
            events.push(event);
            armed[event.class] = false;
            votes.iter_mut().for_each(|v| v[event.class] = false);
        }
        if let States::Running {
            reset_after,
            reset_on_event,
            ..
        } = settings.states
        {
            let is_due = reset_after != 0 && t + 1 - last_reset == reset_after as usize;
            if is_due || (reset_on_event && found.is_some()) {
                last_reset = t + 1;
            }
        }
    }
    events
}

fn states() -> impl Strategy<Value = States> {
    let windows = (1..12u32, 1..15u32).prop_map(|(steps, hop)| States::Windows { steps, hop });
    let running = (1..6u32, 1..5u32, 0..9u32, any::<bool>()).prop_map(
        |(warm_up, every, longer, reset_on_event)| States::Running {
            warm_up,
            every,
            reset_after: if longer == 0 { 0 } else { warm_up + longer - 1 },
            reset_on_event,
        },
    );
    prop_oneof![windows, running]
}

fn settings() -> impl Strategy<Value = Settings> {
    let thresholds = (1..=i16::MAX, 1..=i16::MAX).prop_map(|(a, b)| [a.min(b), a.max(b)]);
    let votes = (1..=16u8).prop_flat_map(|answers| (1..=answers.min(4), Just(answers)));
    (states(), thresholds, votes, 0..20u32, 0..7u64).prop_map(
        |(states, [off, on], (votes, answers), refractory, background)| Settings {
            states,
            on,
            off,
            votes,
            answers,
            refractory,
            background,
        },
    )
}

fn samples() -> impl Strategy<Value = Vec<i32>> {
    // Few kinds of samples, so that answers repeat; `answer` mixes them.
    prop::collection::vec(0..3i32, 0..200)
}

proptest! {
    /// Windows are those of fresh states, and events follow from the whole history.
    #[test]
    fn events_follow_from_the_equations(settings in settings(), samples in samples()) {
        let mut recogniser = recogniser(settings);
        let found: Vec<Event> = samples.iter().filter_map(|x| recogniser.step(x)).collect();
        prop_assert_eq!(found, expected(settings, &samples));
    }

    /// Nothing but the samples counts: two recognisers that part in the middle agree.
    #[test]
    fn a_copy_goes_on_to_the_same_events(settings in settings(), samples in samples(), part in 0..200usize) {
        let (first, second) = samples.split_at(part.min(samples.len()));
        let mut whole = recogniser(settings);
        first.iter().for_each(|x| { whole.step(x); });
        let mut copy = whole.clone();
        for x in second {
            prop_assert_eq!(whole.step(x), copy.step(x));
        }
    }

    #[test]
    fn two_events_are_never_within_the_refractory_time(settings in settings(), samples in samples()) {
        let mut recogniser = recogniser(Settings { on: 1, off: 1, ..settings });
        let events: Vec<Event> = samples.iter().filter_map(|x| recogniser.step(x)).collect();
        for pair in events.windows(2) {
            prop_assert!(pair[1].step - pair[0].step >= u64::from(settings.refractory));
        }
    }

    /// A class that stays at one probability gives one event if that is a vote, and none if it is below.
    #[test]
    fn constants_give_one_event_or_none(settings in settings(), p in 0..=i16::MAX) {
        let settings = Settings { background: 0, ..settings };
        let mut decision = Decision::new(settings, [Track::NEW; 1]);
        let mut events = (0..100).filter_map(|_| decision.step(Some(&[p])));
        if p >= settings.on {
            prop_assert_eq!(events.next().unwrap().step, u64::from(settings.votes - 1));
        }
        prop_assert_eq!(events.next(), None);
    }

    /// After an event, a class that never falls below `off` gives no other.
    #[test]
    fn a_class_must_fall_below_off_between_two_events(
        settings in settings(), answers in prop::collection::vec(0..=i16::MAX, 0..200),
    ) {
        let settings = Settings { background: 0, ..settings };
        let mut decision = Decision::new(settings, [Track::NEW; 1]);
        let mut has_fallen = true;
        for p in answers {
            has_fallen |= p < settings.off;
            if decision.step(Some(&[p])).is_some() {
                prop_assert!(has_fallen);
                has_fallen = false;
            }
        }
    }
}

const GOOD: Settings = Settings {
    states: States::Windows { steps: 4, hop: 2 },
    on: 20,
    off: 10,
    votes: 2,
    answers: 3,
    refractory: 5,
    background: 0b001,
};

/// The field of [`GOOD`] that is refused after a change.
fn refused(change: impl Fn(&mut Settings)) -> Option<&'static str> {
    let mut settings = GOOD;
    change(&mut settings);
    let recogniser = Recogniser::new(Remembers::new(4), [Track::NEW; 3], settings);
    recogniser.err().map(|error| error.field)
}

#[test]
fn thresholds_and_votes_that_contradict_are_refused_by_their_field() {
    assert_eq!(refused(|_| ()), None);
    assert_eq!(refused(|s| s.on = 0), Some("on"));
    for off in [0, 21] {
        assert_eq!(refused(|s| s.off = off), Some("off"));
    }
    for votes in [0, 4] {
        assert_eq!(refused(|s| s.votes = votes), Some("votes"));
    }
    for answers in [0, 17] {
        assert_eq!(refused(|s| s.answers = answers), Some("answers"));
    }
    assert_eq!(refused(|s| s.background = 0b111), Some("background"));
    let too_few = Recogniser::new(Remembers::new(1), [Track::NEW; 3], GOOD);
    assert_eq!(too_few.err(), Some(SettingsError::TOO_SMALL));
}

#[test]
fn states_without_answers_are_refused_by_their_field() {
    let windows = |steps, hop| refused(|s| s.states = States::Windows { steps, hop });
    assert_eq!(windows(0, 1), Some("steps"));
    assert_eq!(windows(MAX_STEPS + 1, 1), Some("steps"));
    // There are too few states for it here, but there may be as many.
    assert_eq!(windows(2 * MAX_WINDOWS, 2), Some("states"));
    assert_eq!(windows(2 * MAX_WINDOWS + 1, 2), Some("hop"));
    assert_eq!(windows(1, 0), Some("hop"));
    let running = |warm_up, every, reset_after| {
        let reset_on_event = false;
        refused(|s| {
            s.states = States::Running {
                warm_up,
                every,
                reset_after,
                reset_on_event,
            };
        })
    };
    assert_eq!(running(0, 1, 0), Some("warm_up"));
    assert_eq!(running(1, 0, 0), Some("every"));
    assert_eq!(running(5, 1, 4), Some("reset_after"));
}

/// The model's own probabilities lead to events, in a state for each of three windows.
#[test]
fn a_model_that_was_compiled_in_is_recognised_with() {
    crate::include_model! {
        #[allow(unreachable_pub)]
        mod tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tiny.lstm")
    }
    const SETTINGS: Settings = Settings {
        states: States::Windows { steps: 6, hop: 2 },
        on: 9_000,
        off: 9_000,
        votes: 1,
        answers: 1,
        refractory: 0,
        background: 0,
    };
    let model = tiny::load().unwrap();
    let mut recogniser =
        tiny::Recogniser::<{ SETTINGS.states() }>::of_model(&model, SETTINGS).unwrap();
    let samples: Vec<[i32; 3]> = (model.model().golden_steps())
        .map(|(raw, _)| raw.try_into().unwrap())
        .collect();
    let mut events = 0;
    for t in 0..samples.len() {
        let Some(event) = recogniser.step(&samples[t]) else {
            continue;
        };
        let mut state = tiny::State::new();
        samples[t - 5..=t].iter().for_each(|raw| {
            model.advance(&mut state, raw);
        });
        let mut probabilities = [0; tiny::CLASSES];
        crate::probability::softmax(&model.outputs(&state), &mut probabilities);
        assert_eq!(event.confidence, probabilities[event.class]);
        events += 1;
    }
    assert!(events > 0);
}
