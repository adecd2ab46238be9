//! Ten minutes of spoken digits and noise: an M4 that takes the samples hears the same events as `eval --stream`.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use lstm_nostd::artifact::AlignedBytes;
use lstm_nostd::recognise::{Event, Network, Recogniser, Settings, Track};
use lstm_nostd::{I16F16, Model, Task, probability};
use lstm_tests::boards::{board, device};
use serde_json::Value;
use trainer_host::recogniser::RecogniserFile;
use xtask::data_sets::spoken_stream::{self, Arguments, Stream};

/// How events follow from the answers of a network that hears on and on.
const RECOGNISER: &str = "\
rate_hz = 62.5
[running]
warm_up = 20
[decision]
on = 0.9
off = 0.5
votes = 5
answers = 6
refractory = 20
background = [\"background\"]
[judge]
tolerance = 15
";

/// A GRU: its state has limits, however long a pause is.
const TRAINING: &str = "--out run --front-end mfcc --noise stream/noise --set data.signal_variants.background=true \
                        --for-streams --layer gru --hidden 48 --epochs 12";

/// A network whose answers a board has given already, frame by frame.
struct Answered<'a> {
    task: Task,
    outputs: &'a [Vec<i32>],
    frames: usize,
    probabilities: Vec<i16>,
}

impl Network for Answered<'_> {
    type Raw = ();

    fn states(&self) -> usize {
        1
    }

    fn classes(&self) -> usize {
        self.probabilities.len()
    }

    fn reset(&mut self, _: usize) {
        assert_eq!(self.frames, 0, "the board's stream has no other reset");
    }

    fn advance(&mut self, _: usize, (): &()) {
        self.frames += 1;
    }

    fn probabilities(&mut self, _: usize) -> &[i16] {
        let bits = self.outputs[self.frames - 1].iter();
        let outputs: Vec<I16F16> = bits.map(|bits| I16F16::from_bits(*bits)).collect();
        probability::of_classes(self.task, &outputs, &mut self.probabilities);
        &self.probabilities
    }
}

/// The events of `outputs`, `[T][O]`.
fn events(model: &Model<'_>, outputs: &[Vec<i32>], settings: Settings) -> Vec<Event> {
    let classes = model.outputs();
    let network = Answered {
        task: model.task(),
        outputs,
        frames: 0,
        probabilities: vec![0; classes],
    };
    let tracks = vec![Track::NEW; classes];
    let mut recogniser = Recogniser::new(network, tracks, settings).unwrap();
    outputs
        .iter()
        .filter_map(|_| recogniser.step(&()))
        .collect()
}

/// The folder of recordings, if it is here.
fn recordings() -> Option<PathBuf> {
    let folder = match std::env::var_os("LSTM_NOSTD_DATA") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
    };
    let wav = folder.join("fsdd/wav");
    if !wav.is_dir() {
        eprintln!("skipped: the recordings are not here; set LSTM_NOSTD_DATA to their folder");
        return None;
    }
    Some(wav.canonicalize().unwrap())
}

/// Runs the trainer in `folder`, and returns what it prints.
fn trainer(folder: &Path, line: &str) -> Value {
    let mut command = Command::new(super::TRAINER);
    let words = line.split_whitespace().chain(["--json"]);
    let output = command.current_dir(folder).args(words).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The stream in `folder`, with features of the model there.
fn made(folder: &Path, wav: &Path, model: Option<PathBuf>) -> Stream {
    let arguments = Arguments {
        recordings: wav.join("test"),
        out: folder.join("stream"),
        minutes: 10,
        seed: 0,
        model,
    };
    spoken_stream::write(&arguments).unwrap()
}

#[test]
#[ignore = "long: ten minutes of samples on an emulated M4"]
fn ten_minutes_of_digits_and_noise_have_the_events_of_the_host() {
    let Some(wav) = recordings() else { return };
    let desk = tempfile::tempdir().unwrap();
    let folder = desk.path();
    let stream = made(folder, &wav, None);
    trainer(folder, &format!("train {} {TRAINING}", wav.display()));
    trainer(folder, "quantise run");
    trainer(folder, "export run");
    let file = folder.join("run/model.lstm");
    made(folder, &wav, Some(file.clone()));
    std::fs::write(folder.join("digits.toml"), RECOGNISER).unwrap();
    let heard = trainer(
        folder,
        "eval run --stream --recogniser digits.toml --data stream/stream.csv",
    );
    let of_host = &heard["stream"]["recogniser"];
    let mut report = String::new();
    for class in of_host["classes"]
        .as_array()
        .unwrap()
        .iter()
        .chain([&of_host["total"]])
    {
        writeln!(
            report,
            "{}: {} of {} detected, {:.1} false alarms an hour",
            class["name"],
            class["detected"],
            class["occurrences"],
            class["false_alarms_per_hour"].as_f64().unwrap()
        )
        .unwrap();
    }
    println!("{report}");
    assert_eq!(of_host["total"]["occurrences"], stream.marks.len());

    let bytes = AlignedBytes::from(&std::fs::read(file).unwrap()[..]);
    let model = Model::parse(&bytes).unwrap();
    let front_end = model.front_end().unwrap();
    let mut device = device(board("mps2-an386"));
    device.load(&bytes).unwrap();
    assert!(device.self_test().unwrap().passed);
    let frames = device
        .hear(&stream.samples, front_end.hop_samples(), true)
        .unwrap()
        .frames;
    let (features, outputs): (Vec<Vec<i32>>, Vec<Vec<i32>>) = frames.into_iter().unzip();
    assert_eq!(features.concat(), front_end.recording(&stream.samples));
    let settings = RecogniserFile::read(&folder.join("digits.toml")).unwrap();
    let settings = settings.settings(&model).unwrap();
    let names: Vec<&str> = model.output_names().collect();
    let found = events(&model, &outputs, settings);
    let found = found.iter().map(|event| {
        let confidence = f64::from(event.confidence) / 32_768.0;
        (event.step, names[event.class].to_owned(), confidence)
    });
    let expected = of_host["events"].as_array().unwrap().iter().map(|event| {
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        let step = event["step"].as_u64().unwrap();
        (step, text("class"), event["confidence"].as_f64().unwrap())
    });
    let expected: Vec<_> = expected.collect();
    // Chance finds one in ten, and this network, which was trained for some seconds, most of them.
    let detected = of_host["total"]["detected"].as_u64().unwrap();
    assert!(2 * detected > stream.marks.len() as u64, "{detected}");
    assert_eq!(found.collect::<Vec<_>>(), expected);
}
