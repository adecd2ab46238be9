//! Events held against the labels of recorded streams.
//!
//! An occurrence is a stretch of a stream whose label is no background class. An event is a *detection* if it has the
//! class of an occurrence that nothing has detected yet, and comes between the occurrence's first step and `tolerance`
//! steps after its last. It is a *repeat* if the occurrence was detected before, and else a *false alarm*. An
//! occurrence without a detection is a *miss*.

use std::ops::Range;

use lstm_nostd::recognise::{Event, Settings};
use serde::Serialize;

use super::file::{JudgeSettings, Occurrences};
use crate::data::{Dataset, Targets};
use crate::evaluate::Streams;

/// What the events of streams are worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Detections {
    /// Number of streams.
    pub streams: usize,
    /// Their length together.
    pub hours: f64,
    /// Over all classes that can be events.
    pub total: ClassEvents,
    /// Each of these classes.
    pub classes: Vec<ClassEvents>,
    /// Every event, stream by stream.
    pub events: Vec<JudgedEvent>,
}

/// The events of one class, or of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ClassEvents {
    /// The class.
    pub name: String,
    /// Occurrences in the labels.
    pub occurrences: usize,
    /// Occurrences that an event detected.
    pub detected: usize,
    /// Occurrences that none detected.
    pub missed: usize,
    /// Further events of a detected occurrence.
    pub repeats: usize,
    /// Events without an occurrence.
    pub false_alarms: usize,
    /// The same, an hour of the streams.
    pub false_alarms_per_hour: f64,
    /// From the first step of an occurrence to its detection, in seconds, on average.
    pub delay_s: Option<f64>,
}

/// An event, and what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JudgedEvent {
    /// The stream, from 0.
    pub stream: usize,
    /// The step within the stream, from 0.
    pub step: u64,
    /// The class.
    pub class: String,
    /// Mean probability in the last answers.
    pub confidence: f64,
    /// What it is.
    pub verdict: Verdict,
}

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The first of an occurrence.
    Detection,
    /// A further one of the same occurrence.
    Repeat,
    /// One without an occurrence.
    FalseAlarm,
}

/// A stretch of a stream with the label of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Occurrence {
    class: usize,
    steps: Range<u64>,
    is_detected: bool,
}

/// Holds `events`, a list for each of `streams`, against the labels of `data`; `None` if those are values.
pub fn judge(
    (data, streams): (&Dataset, &Streams),
    events: &[Vec<Event>],
    settings: &Settings,
    judge: JudgeSettings,
    rate_hz: f64,
) -> Option<Detections> {
    let mut tally = Tally::new(&data.outputs);
    let mut steps = 0;
    for (stream, (sequences, events)) in streams.sequences().iter().zip(events).enumerate() {
        let (length, mut occurrences) = occurrences(data, sequences, judge.occurrences)?;
        steps += length;
        occurrences.retain(|occurrence| !settings.is_background(occurrence.class));
        for event in events {
            let (verdict, delay) = verdict(event, &mut occurrences, judge.tolerance.into());
            tally.count(stream, event, verdict, delay);
        }
        for occurrence in &occurrences {
            let class = &mut tally.classes[occurrence.class];
            class.occurrences += 1;
            class.missed += usize::from(!occurrence.is_detected);
        }
    }
    let hours = steps as f64 / rate_hz / 3600.0;
    let (total, classes) = tally.rated(hours, rate_hz);
    let classes = classes.into_iter().enumerate();
    let classes = classes.filter(|(class, _)| !settings.is_background(*class));
    Some(Detections {
        streams: streams.count(),
        hours,
        total,
        classes: classes.map(|(_, class)| class).collect(),
        events: tally.events,
    })
}

/// Events while they are counted.
struct Tally {
    classes: Vec<ClassEvents>,
    /// Steps until the detections, summed for each class.
    delays: Vec<u64>,
    events: Vec<JudgedEvent>,
}

impl Tally {
    fn new(names: &[String]) -> Self {
        let class = |name: &String| ClassEvents {
            name: name.clone(),
            ..ClassEvents::default()
        };
        Self {
            classes: names.iter().map(class).collect(),
            delays: vec![0; names.len()],
            events: Vec::new(),
        }
    }

    fn count(&mut self, stream: usize, event: &Event, verdict: Verdict, delay_steps: u64) {
        let class = &mut self.classes[event.class];
        match verdict {
            Verdict::Detection => class.detected += 1,
            Verdict::Repeat => class.repeats += 1,
            Verdict::FalseAlarm => class.false_alarms += 1,
        }
        self.delays[event.class] += delay_steps;
        self.events.push(JudgedEvent {
            stream,
            step: event.step,
            class: class.name.clone(),
            confidence: f64::from(event.confidence) / 32_768.0,
            verdict,
        });
    }

    /// All classes together, and each of them, with their rates.
    fn rated(&self, hours: f64, rate_hz: f64) -> (ClassEvents, Vec<ClassEvents>) {
        let mut total = ClassEvents {
            name: "all".into(),
            ..ClassEvents::default()
        };
        let mut classes = self.classes.clone();
        for (class, delay) in classes.iter_mut().zip(&self.delays) {
            total.add(class);
            class.rates(*delay, hours, rate_hz);
        }
        total.rates(self.delays.iter().sum(), hours, rate_hz);
        (total, classes)
    }
}

/// The length of a stream of these sequences, and its occurrences of all classes; `None` if labels are values.
fn occurrences(
    data: &Dataset,
    sequences: &[usize],
    kind: Occurrences,
) -> Option<(u64, Vec<Occurrence>)> {
    let mut at = 0;
    let mut found: Vec<Occurrence> = Vec::new();
    for s in sequences {
        let steps = data.sequences[*s].nrows() as u64;
        let mut add = |class: usize, steps: Range<u64>, continues: bool| match found.last_mut() {
            Some(last) if continues && last.class == class => last.steps.end = steps.end,
            _ => found.push(Occurrence {
                class,
                steps,
                is_detected: false,
            }),
        };
        match &data.targets {
            Targets::Class(classes) => {
                add(classes[*s], at..at + steps, kind == Occurrences::Runs);
            }
            Targets::ClassPerStep(classes) => {
                for (step, class) in (at..).zip(&classes[*s]) {
                    add(*class, step..step + 1, true);
                }
            }
            Targets::Value(_) | Targets::ValuePerStep(_) => return None,
        }
        at += steps;
    }
    Some((at, found))
}

/// What an event is, and the steps from the beginning of an occurrence that it detects.
fn verdict(event: &Event, occurrences: &mut [Occurrence], tolerance: u64) -> (Verdict, u64) {
    let mut is_repeat = false;
    for occurrence in occurrences {
        let Range { start, end } = occurrence.steps;
        let is_within = (start..end + tolerance).contains(&event.step);
        if occurrence.class != event.class || !is_within {
            continue;
        }
        if !occurrence.is_detected {
            occurrence.is_detected = true;
            return (Verdict::Detection, event.step - start);
        }
        is_repeat = true;
    }
    match is_repeat {
        true => (Verdict::Repeat, 0),
        false => (Verdict::FalseAlarm, 0),
    }
}

impl ClassEvents {
    fn add(&mut self, other: &Self) {
        self.occurrences += other.occurrences;
        self.detected += other.detected;
        self.missed += other.missed;
        self.repeats += other.repeats;
        self.false_alarms += other.false_alarms;
    }

    fn rates(&mut self, delay_steps: u64, hours: f64, rate_hz: f64) {
        self.false_alarms_per_hour = match hours > 0.0 {
            true => self.false_alarms as f64 / hours,
            false => 0.0,
        };
        let mean = delay_steps as f64 / self.detected as f64 / rate_hz;
        self.delay_s = (self.detected > 0).then_some(mean);
    }
}

#[cfg(test)]
mod tests {
    use lstm_nostd::recognise::States;
    use ndarray::Array2;

    use super::*;

    const SETTINGS: Settings = Settings {
        states: States::Windows { steps: 4, hop: 4 },
        on: 1,
        off: 1,
        votes: 1,
        answers: 1,
        refractory: 0,
        background: 0b001,
    };

    /// Two streams, x and y, of sequences of ten steps.
    fn data(classes: &[usize], groups: &[&str]) -> Dataset {
        Dataset {
            sequences: vec![Array2::zeros((10, 1)); classes.len()],
            targets: Targets::Class(classes.to_vec()),
            outputs: ["noise", "yes", "no"].map(str::to_owned).to_vec(),
            groups: Some(groups.iter().map(|group| (*group).to_owned()).collect()),
            ..Dataset::default()
        }
    }

    fn event(step: u64, class: usize) -> Event {
        Event {
            step,
            class,
            confidence: 16_384,
        }
    }

    #[test]
    fn each_event_is_a_detection_a_repeat_or_a_false_alarm() {
        // x: noise, yes, yes, noise; y: no.
        let data = data(&[0, 1, 2, 1, 0], &["x", "x", "y", "x", "x"]);
        let streams = Streams::of(&data);
        let events = [
            // Too early; the first yes; again, for the second one has not begun; the second one, two steps late; no
            // such thing.
            vec![
                event(9, 1),
                event(10, 1),
                event(19, 1),
                event(31, 1),
                event(33, 2),
            ],
            vec![],
        ];
        let settings = |occurrences| JudgeSettings {
            tolerance: 2,
            occurrences,
        };
        let judged = |occurrences| {
            judge(
                (&data, &streams),
                &events,
                &SETTINGS,
                settings(occurrences),
                10.0,
            )
            .unwrap()
        };
        let found = judged(Occurrences::Sequences);
        let verdicts: Vec<_> = found.events.iter().map(|event| event.verdict).collect();
        use Verdict::{Detection, FalseAlarm, Repeat};
        assert_eq!(
            verdicts,
            [FalseAlarm, Detection, Repeat, Detection, FalseAlarm]
        );
        let total = &found.total;
        let counts = [
            total.occurrences,
            total.detected,
            total.missed,
            total.repeats,
        ];
        assert_eq!(counts, [3, 2, 1, 1]);
        // Five sequences of a second each: 2 false alarms in 5 s.
        assert!((total.false_alarms_per_hour - 1440.0).abs() < 1e-9);
        // 0 and 11 steps late, at 10 Hz.
        assert!((total.delay_s.unwrap() - 0.55).abs() < 1e-9);
        let names: Vec<_> = found
            .classes
            .iter()
            .map(|class| class.name.as_str())
            .collect();
        assert_eq!(names, ["yes", "no"]);
        assert_eq!(
            (found.classes[1].missed, found.classes[1].false_alarms),
            (1, 1)
        );

        // The two sequences of yes are one occurrence.
        let found = judged(Occurrences::Runs);
        let verdicts: Vec<_> = found.events.iter().map(|event| event.verdict).collect();
        assert_eq!(
            verdicts,
            [FalseAlarm, Detection, Repeat, Repeat, FalseAlarm]
        );
        assert_eq!(found.total.occurrences, 2);
    }

    #[test]
    fn labels_of_steps_make_runs_and_values_none() {
        let mut data = data(&[0, 0], &["x", "x"]);
        let labels = vec![vec![0, 0, 1, 1, 1, 0, 2, 2, 2, 2], vec![2; 10]];
        data.targets = Targets::ClassPerStep(labels);
        let (steps, found) = occurrences(&data, &[0, 1], Occurrences::Sequences).unwrap();
        let found: Vec<_> = found.into_iter().map(|o| (o.class, o.steps)).collect();
        assert_eq!(steps, 20);
        assert_eq!(found, [(0, 0..2), (1, 2..5), (0, 5..6), (2, 6..20)]);
        data.targets = Targets::Value(vec![vec![0.0]; 2]);
        assert_eq!(occurrences(&data, &[0, 1], Occurrences::Runs), None);
    }
}
