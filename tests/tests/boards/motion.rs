//! The example with an accelerometer: the same events on the host over a mocked bus, and on boards.

use std::io::Write as _;
use std::num::NonZeroU32;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use embedded_hal_mock::eh1::spi::{Mock, Transaction};
use heapless::spsc::Queue;
use lstm_nostd::Model;
use lstm_nostd::artifact::AlignedBytes;
use lstm_nostd::recognise::{Event, Settings, States};
use lstm_sensors::adxl345::{Adxl345, Range, Rate};
use lstm_sensors::magnitude::with_quick_magnitude;
use lstm_sensors::moved::{Motion, Moved};
use lstm_sensors::{Polled, Sampler};
use lstm_tests::boards::{board, image, printed};
use trainer_host::recogniser::host_recogniser;
use xtask::boards::Board;
use xtask::firmware::Application;
use xtask::qemu;

/// As in `firmware/src/bin/motion.rs`.
const SETTINGS: Settings = Settings {
    states: States::Windows { steps: 32, hop: 8 },
    on: 24_000,
    off: 16_000,
    votes: 3,
    answers: 3,
    refractory: 32,
    background: 1 << 1,
};
/// As there.
const PLAY: [(Motion, u32); 5] = [
    (Motion::Still, 100),
    (Motion::Shake, 100),
    (Motion::Still, 100),
    (Motion::Swing, 150),
    (Motion::Still, 100),
];

fn model() -> AlignedBytes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware/motion/motion.lstm");
    AlignedBytes::from(&std::fs::read(path).unwrap()[..])
}

/// What the accelerometer of `seed` measures during the play.
fn samples(seed: u32) -> Vec<[i16; 3]> {
    let mut moved = Moved::new(Motion::Still, seed);
    let mut samples = Vec::new();
    for (motion, count) in PLAY {
        moved.to(motion);
        samples.extend((0..count).map(|_| moved.sample()));
    }
    samples
}

/// The events of these samples, with their classes' names.
fn events(model: &Model<'_>, samples: &[[i16; 3]]) -> Vec<(String, Event)> {
    let mut recogniser = host_recogniser(model, SETTINGS).unwrap();
    let events = (samples.iter()).filter_map(|axes| recogniser.step(&with_quick_magnitude(*axes)));
    events
        .map(|event| {
            let name = model.output_names().nth(event.class).unwrap();
            (name.to_owned(), event)
        })
        .collect()
}

/// Each motion makes events while it lasts and soon after, and rest makes none; however the device is held.
#[test]
fn motions_are_recognised_in_every_orientation() {
    let file = model();
    let model = Model::parse(&file).unwrap();
    // The last answer may look back 32 samples, and wait for a second vote.
    let (shaken, swung) = (100..=248, 300..=498);
    let mut wrong = 0;
    for seed in 0..200 {
        let found = events(&model, &samples(seed));
        let first = |name| found.iter().find(|(found, _)| found == name);
        let in_time = |name, time: &std::ops::RangeInclusive<u64>| {
            first(name).is_some_and(|(_, event)| time.contains(&event.step))
        };
        let is_right = in_time("shake", &shaken)
            && in_time("swing", &swung)
            && found.iter().all(|(_, event)| {
                let step = event.step;
                shaken.contains(&step) || swung.contains(&step)
            });
        if !is_right && wrong < 5 {
            println!("{seed}: {found:?}");
        }
        wrong += u32::from(!is_right);
    }
    assert_eq!(wrong, 0, "plays that are not recognised as they were");
}

/// The same samples over a bus, as the sensor's driver reads them, at a fixed rate and through the queue.
#[test]
fn a_sensor_on_a_bus_gives_the_same_events() {
    let file = model();
    let model = Model::parse(&file).unwrap();
    let samples = samples(1);
    let start = [
        Transaction::transfer_in_place(vec![0x80, 0], vec![0, 0xe5]),
        Transaction::write_vec(vec![0x31, 0x0a]),
        Transaction::write_vec(vec![0x2c, 0x09]),
        Transaction::write_vec(vec![0x2d, 0x08]),
    ];
    let reads = samples.iter().map(|axes| {
        let data = axes.iter().flat_map(|axis| axis.to_le_bytes());
        let answer = [0].into_iter().chain(data).collect();
        Transaction::transfer_in_place(vec![0xf2, 0, 0, 0, 0, 0, 0], answer)
    });
    let transactions: Vec<_> = start
        .into_iter()
        .chain(reads)
        .flat_map(|transfer| {
            [
                Transaction::transaction_start(),
                transfer,
                Transaction::transaction_end(),
            ]
        })
        .collect();
    let spi = Mock::new(&transactions);
    let mut sensor = Adxl345::start(spi, Range::G8, Rate::Hz50).unwrap();
    let mut queue = Queue::<[i16; 3], 8>::new();
    let (mut producer, mut consumer) = queue.split();
    let mut sampler = Sampler::new(0, NonZeroU32::new(20).unwrap());
    let (mut arrived, mut now) = (Vec::new(), 0);
    while arrived.len() < samples.len() {
        let polled = sampler.poll(now, &mut sensor, &mut producer).unwrap();
        assert!(polled != Polled::Dropped);
        while let Some(sample) = consumer.dequeue() {
            arrived.push(sample);
        }
        now += 7;
    }
    sensor.release().done();
    assert_eq!((sampler.missed(), sampler.dropped()), (0, 0));
    let found = events(&model, &arrived);
    assert!(!found.is_empty());
    assert_eq!(found, events(&model, &samples));
}

/// The events are the host's, and the magnitude by `micromath` takes fewer instructions than by `libm`.
fn the_example_recognises_motions(board: &'static Board) {
    let printed = printed(board, Application::Motion);
    let file = model();
    let model = Model::parse(&file).unwrap();
    let mut expected = String::new();
    for (name, event) in events(&model, &samples(1)) {
        let (step, confidence) = (event.step, event.confidence);
        expected += &format!("event at step {step}: {name} ({confidence} of 32768)\n");
    }
    expected += "samples missed: 0, dropped: 0\n";
    let (counts, events) = printed.split_at(printed.find("event").unwrap());
    assert_eq!(events, expected);

    println!("{}:\n{counts}", board.name);
    let counts: Vec<u32> = counts
        .lines()
        .map(|line| {
            let count = line.split(": ").nth(1).unwrap();
            count.trim_end_matches(" instructions").parse().unwrap()
        })
        .collect();
    let [_, micromath, libm] = counts[..] else {
        panic!("{counts:?}");
    };
    assert!(micromath < libm, "{counts:?}");
}

#[test]
fn the_example_recognises_motions_on_the_smallest_core() {
    the_example_recognises_motions(board("microbit"));
}

#[test]
#[ignore = "long: builds images for cores of each kind"]
fn the_example_recognises_motions_on_other_cores() {
    for name in ["mps2-an385", "mps2-an386", "mps2-an505", "mps3-an547"] {
        the_example_recognises_motions(board(name));
    }
}

/// A magnetometer that QEMU emulates, on an emulated I²C bus. The field is set before the core starts.
#[test]
fn a_sensor_on_the_emulated_bus_is_sampled() {
    let board = board("mps2-an386");
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("monitor");
    let mut command = qemu::command(board);
    command
        .arg(image(board, Application::Compass))
        .args(["-device", "lsm303dlhc_mag,address=0x1e,id=mag", "-S"])
        .arg("-monitor")
        .arg(format!("unix:{},server,nowait", socket.display()));
    let running = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let running = running.expect("`cargo xtask set-up` installs QEMU");
    let mut monitor = (0..500)
        .find_map(|_| {
            std::thread::sleep(Duration::from_millis(20));
            UnixStream::connect(&socket).ok()
        })
        .expect("QEMU opens its monitor");
    // In nT, of which 100,000 are a gauss. QEMU 7 takes no negative ones.
    for (axis, field) in [("x", 30_000), ("y", 40_000), ("z", 10_000)] {
        writeln!(
            monitor,
            "qom-set /machine/peripheral/mag mag-{axis} {field}"
        )
        .unwrap();
    }
    writeln!(monitor, "cont").unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    println!("{printed}");
    let lines: Vec<&str> = printed.lines().collect();
    let [samples @ .., missed] = &lines[..] else {
        panic!("{printed}");
    };
    // 1100 counts a gauss in x and y, and 980 in z.
    let expected = "x 330, y 440, z 98, magnitude 558";
    assert_eq!(samples, [expected; 5]);
    assert_eq!(*missed, "samples missed: 0");
}
