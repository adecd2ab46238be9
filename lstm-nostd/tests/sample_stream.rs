//! A model with a front end takes samples in pieces of any length: outputs and events are those of its features.

use lstm_nostd::artifact::{AlignedBytes, RandomModel};
use lstm_nostd::front_end::{Kind, Settings, Tables};
use lstm_nostd::recognise::{self, Event, Recogniser, States, Streams, Track};
use lstm_nostd::sample_stream::{Frames, SampleStream};
use lstm_nostd::{FixedModel, Model, State, Task};
use proptest::prelude::*;

/// Sizes of the model below.
const INPUTS: usize = 2;
const CLASSES: usize = 3;
const CELLS: usize = 2;
const HIDDEN: usize = 2;
const SCRATCH: usize = 3;
const FRAME: usize = 32;
/// Two windows in rotation.
const STATES: usize = 2;

type Fixed<'m> = FixedModel<'m, INPUTS, CLASSES, CELLS, HIDDEN, SCRATCH>;
type States2<'m> = Streams<'m, INPUTS, CLASSES, CELLS, HIDDEN, SCRATCH, STATES, CLASSES>;
type Events<'m> = Recogniser<States2<'m>, [Track; CLASSES]>;

fn file() -> AlignedBytes {
    let settings = Settings {
        frame: FRAME,
        hop: 20,
        bands: 3,
        coefficients: INPUTS,
        ..Settings::new(Kind::Mfcc, 8000)
    };
    let shape = RandomModel {
        inputs: INPUTS,
        hidden: vec![6],
        outputs: CLASSES,
        seed: 5,
        ..RandomModel::default()
    };
    let mut file = shape.build();
    file.task = Task::Softmax;
    file.scales.clear();
    file.front_end = Some(Tables::new(&settings).unwrap());
    file.to_bytes().unwrap()
}

/// Answers of a window of two frames make an event as soon as a class leads clearly.
fn recogniser<'m>(model: &'m Fixed<'m>) -> Events<'m> {
    let settings = recognise::Settings {
        states: States::Windows { steps: 2, hop: 1 },
        on: 12_000,
        off: 11_000,
        votes: 1,
        answers: 1,
        refractory: 1,
        background: 0,
    };
    Events::of_model(model, settings).unwrap()
}

proptest! {
    #[test]
    fn pieces_of_any_length_give_the_outputs_and_events_of_all_features(
        samples in prop::collection::vec(any::<i16>(), FRAME..600),
        cuts in prop::collection::vec(1usize..70, 1..20),
    ) {
        let file = file();
        let model = Fixed::new(Model::parse(&file).unwrap()).unwrap();
        let features = model.model().front_end().unwrap().recording(&samples);
        let steps = features.as_chunks::<INPUTS>().0;
        let (mut state, mut whole) = (State::new(), recogniser(&model));
        let outputs: Vec<_> = steps.iter().map(|raw| model.step(&mut state, raw)).collect();
        let events: Vec<Event> = steps.iter().filter_map(|raw| whole.step(raw)).collect();

        let mut stream = SampleStream::<CELLS, HIDDEN, FRAME, { FRAME / 2 }>::new();
        let (mut frames, mut heard) = (Frames::<FRAME, { FRAME / 2 }>::new(), recogniser(&model));
        prop_assert!(model.self_test_of_samples(&mut frames).is_ok());
        let (mut found, mut heard_events) = (0, Vec::new());
        let (mut rest, mut cuts) = (&samples[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (mut piece, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            rest = later;
            let moved = model.push_samples(&mut stream, piece);
            let before = found;
            while let Some(raw) = model.next_frame(&mut frames, &mut piece) {
                prop_assert_eq!(raw, steps[found]);
                found += 1;
                heard_events.extend(heard.step(&raw));
            }
            prop_assert!(piece.is_empty());
            prop_assert_eq!(moved, (found > before).then(|| outputs[found - 1]));
        }
        prop_assert_eq!(found, steps.len());
        prop_assert_eq!(heard_events, events);
    }
}
