//! Ten minutes of spoken digits and noise: an M4 that takes the samples hears the same events as `eval --stream`, by its
//! own recogniser.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use lstm_nostd::Model;
use lstm_nostd::artifact::AlignedBytes;
use lstm_tests::boards::{Running, board, device};
use lstm_tests::models::run_in;
use serde_json::Value;
use xtask::data_sets::spoken_stream::{self, Arguments, Stream};
use xtask::firmware::{Application, Image};
use xtask::qemu;

use crate::TRAINER;

/// How events follow from the answers of a network that hears on and on: the settings of the application `listen`.
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

/// What a board prints that hears `samples`, by the application `listen` with the model file `model`.
fn heard_on_board(name: &str, model: &Path, samples: &[i16]) -> String {
    let board = board(name);
    let image = Image {
        model: Some(model),
        ..Image::of(board, Application::Listen)
    };
    let mut qemu = Running::start(qemu::command(board).arg(image.build().unwrap()));
    let mut printed = BufReader::new(qemu.0.stdout.take().unwrap());
    let mut line = String::new();
    // Bytes before that may be lost. The micro:bit's port begins with a stray zero byte.
    printed.read_line(&mut line).unwrap();
    assert_eq!(line.trim_start_matches('\0'), "listening\n");
    let mut microphone = qemu.0.stdin.take().unwrap();
    let count = u32::try_from(samples.len()).unwrap();
    let bytes = samples.iter().flat_map(|sample| sample.to_le_bytes());
    let sent: Vec<u8> = count.to_le_bytes().into_iter().chain(bytes).collect();
    let sender = std::thread::spawn(move || microphone.write_all(&sent).map(|()| microphone));
    let mut events = String::new();
    printed.read_to_string(&mut events).unwrap();
    sender.join().unwrap().unwrap();
    assert!(qemu.0.wait().unwrap().success());
    events
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
    serde_json::from_str(&run_in(folder, TRAINER, &format!("{line} --json"))).unwrap()
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

    let bytes = AlignedBytes::from(&std::fs::read(&file).unwrap()[..]);
    let model = Model::parse(&bytes).unwrap();
    let front_end = model.front_end().unwrap();
    let mut device = device(board("mps2-an386"));
    device.load(&bytes).unwrap();
    assert!(device.self_test().unwrap().passed);
    // What the board makes of a part of the samples; its events show the rest.
    let part = &stream.samples[..60 * 8000];
    let frames = device.hear(part, front_end.hop_samples(), true).unwrap();
    let features = frames.frames.iter().flat_map(|(features, _)| features);
    assert!(features.copied().eq(front_end.recording(part)));
    // Of so many frames, all for the whole stream.
    let expected = |frames: u64| -> String {
        let events = of_host["events"].as_array().unwrap().iter();
        let heard = events.filter(|event| event["step"].as_u64().unwrap() < frames);
        let line = |event: &Value| {
            let confidence = event["confidence"].as_f64().unwrap() * 32_768.0;
            let (step, class) = (&event["step"], event["class"].as_str().unwrap());
            format!("event at step {step}: {class} ({confidence} of 32768)\n")
        };
        heard.map(line).collect()
    };
    // Chance finds one in ten, and this network, which was trained for some seconds, most of them.
    let detected = of_host["total"]["detected"].as_u64().unwrap();
    assert!(2 * detected > stream.marks.len() as u64, "{detected}");
    let heard = heard_on_board("mps2-an386", &file, &stream.samples);
    assert_eq!(heard, expected(u64::MAX));
    // Other cores hear twenty words.
    let part = &stream.samples[..stream.marks[20].samples.start];
    let frames = front_end.recording(part).len() / front_end.features();
    let expected = expected(frames as u64);
    assert!(expected.lines().count() >= 10, "{expected}");
    for name in ["microbit", "mps3-an547"] {
        assert_eq!(heard_on_board(name, &file, part), expected, "{name}");
    }
}
