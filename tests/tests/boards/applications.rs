//! The firmware's other applications, and requests on the line that the host would never send.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::Output;

use lstm_link::{Ask, Packet, Reply, decode, encode};
use lstm_nostd::recognise::{Event, Settings, States};
use lstm_nostd::{Model, decide};
use lstm_tests::boards::{Running, board, image, printed};
use lstm_tests::on_every_board;
use lstm_tests::reference::Reference;
use lstm_tests::tiny_model::tiny_model;
use trainer_host::recogniser::host_recogniser;
use xtask::boards::Board;
use xtask::firmware::{self, Application, Image};
use xtask::qemu;

on_every_board! {
    the_example_prints_the_classes_of_the_host
    a_damaged_frame_is_answered_and_the_line_goes_on
}

fn the_example_prints_the_classes_of_the_host(board: &'static Board) {
    let printed = printed(board, Application::Classify);

    let file = tiny_model();
    let model = Model::parse(&file).unwrap();
    let mut host = Reference::new(&file);
    let mut expected: String = model
        .golden_steps()
        .zip(0..)
        .map(|((raw, _), sample)| {
            let outputs = host.run(raw);
            let outputs: Vec<_> = outputs
                .iter()
                .map(|y| lstm_nostd::I16F16::from_bits(*y))
                .collect();
            let name = model.output_names().nth(decide(&outputs)).unwrap();
            format!("sample {sample}: {name}\n")
        })
        .collect();
    // The recogniser of the host, with the settings of `classify`.
    let settings = Settings {
        states: States::Windows { steps: 6, hop: 1 },
        on: 8_600,
        off: 8_600,
        votes: 2,
        answers: 3,
        refractory: 4,
        background: 0,
    };
    let mut recogniser = host_recogniser(&model, settings).unwrap();
    let samples = std::iter::repeat_n((), 5).flat_map(|()| model.golden_steps());
    let events: Vec<Event> = samples
        .filter_map(|(raw, _)| recogniser.step(raw))
        .collect();
    let classes: BTreeSet<_> = events.iter().map(|event| event.class).collect();
    assert!(classes.len() > 1, "{events:?}");
    for event in events {
        let name = model.output_names().nth(event.class).unwrap();
        let (step, confidence) = (event.step, event.confidence);
        expected += &format!("event at step {step}: {name} ({confidence} of 32768)\n");
    }
    assert_eq!(printed, expected);
}

#[test]
fn the_example_says_why_it_refuses_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = tiny_model().to_vec();
    let last = file.len() - 5;
    file[last] ^= 1;
    let path = folder.path().join("damaged.lstm");
    std::fs::write(&path, file).unwrap();
    let board = board("mps2-an386");
    let image = Image {
        model: Some(&path),
        ..Image::of(board, Application::Classify)
    };
    let output = qemu::command(board)
        .arg(image.build().unwrap())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("the model is refused: checksum: stored"),
        "{said}"
    );
}

fn a_damaged_frame_is_answered_and_the_line_goes_on(board: &'static Board) {
    let image = image(board, Application::Runner);
    let mut qemu = Running::start(qemu::command(board).arg(image));
    let mut buffer = [0; 64];
    let open = encode(&Packet::new(7, 1, Ask::Open), &mut buffer).unwrap();
    // Bytes may be lost until the port is on. The first answer shows that it is on.
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(ask(&mut qemu, open), Answer::Opened);

    let mut damaged = open.to_vec();
    damaged[2] ^= 0x55;
    assert_eq!(ask(&mut qemu, &damaged), Answer::Damaged);
    assert_eq!(ask(&mut qemu, b"no frame at all\0"), Answer::Damaged);
    // Longer than any board's buffer.
    let mut long = vec![9; 20_000];
    long.push(0);
    assert_eq!(ask(&mut qemu, &long), Answer::Damaged);
    // A frame whose last zero was lost ends with the next zero, whatever that belongs to.
    let [frame @ .., _] = open else {
        panic!("a frame has zeros");
    };
    assert_eq!(ask(&mut qemu, &[frame, &[0]].concat()), Answer::Opened);
    let fetch = Ask::Fetch {
        id: 1,
        offset: 0,
        most: 0,
    };
    let fetch = encode(&Packet::new(7, 2, fetch), &mut buffer).unwrap();
    assert_eq!(ask(&mut qemu, fetch), Answer::Nothing);
}

/// The parts of an answer that the test checks.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Opened,
    Damaged,
    /// The board has nothing of the request.
    Nothing,
    Other,
}

/// Sends bytes; the next answer.
fn ask(qemu: &mut Running, bytes: &[u8]) -> Answer {
    qemu.0.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    let mut frame = Vec::new();
    loop {
        let mut byte = [0];
        qemu.0
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut byte)
            .unwrap();
        match byte {
            [0] if frame.is_empty() => {}
            [0] => break,
            [byte] => frame.push(byte),
        }
    }
    let answer: Packet<Reply<'_>> = decode(&mut frame).unwrap();
    match answer.body {
        Reply::Opened { .. } => Answer::Opened,
        Reply::Damaged => Answer::Damaged,
        Reply::Taken { id: 1, have: 0 } => Answer::Nothing,
        _ => Answer::Other,
    }
}

/// Links the image that links only if no panic can be reached.
fn no_panic(board_name: &str, feature: Option<&'static str>) -> Image<'static> {
    Image {
        feature,
        ..Image::of(board(board_name), Application::NoPanic)
    }
}

#[test]
fn the_engine_cannot_panic() {
    for name in [
        "microbit",
        "mps2-an385",
        "mps2-an386",
        "mps2-an505",
        "mps3-an547",
    ] {
        let built = no_panic(name, None).build();
        built.unwrap_or_else(|error| panic!("{name}: {error:#}"));
    }
}

/// Builds `image` with cargo's further `arguments`, and keeps no copy of it.
fn built_with(image: &Image<'_>, arguments: &[String]) -> Output {
    let mut cargo = image.cargo("build").unwrap();
    let cargo = cargo.args(["--bin", image.application.binary()]);
    let _others_wait = firmware::building().unwrap();
    cargo.args(arguments).output().unwrap()
}

/// Overflow checks and debug assertions may be on in the engine, and in the generic code that the image makes of it.
/// The packages below have none: `core` is installed without them, and so are others' crates.
#[test]
fn the_engine_cannot_panic_with_overflow_checks_either() {
    let checks = ["lstm-nostd", "lstm-firmware"].map(|package| {
        let on = |check| format!("profile.release.package.{package}.{check}=true");
        ["overflow-checks", "debug-assertions"].map(|check| ["--config".to_owned(), on(check)])
    });
    let checks = checks.as_flattened().as_flattened();
    for name in ["microbit", "mps2-an386", "mps3-an547"] {
        let output = built_with(&no_panic(name, None), checks);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {errors}");
    }
}

#[test]
fn the_check_finds_a_panic() {
    let output = built_with(&no_panic("mps2-an386", Some("reachable-panic")), &[]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(errors.contains("__panic_is_reachable"), "{errors}");
}
