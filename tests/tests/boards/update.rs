//! A new model for the flash of a board: tried, kept, refused, and cut off at any moment.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, UNIX_EPOCH};

use lstm_link::emulator;
use lstm_nostd::artifact::{AlignedBytes, LayerKind};
use lstm_nostd::kernels::Scheme;
use lstm_tests::boards::{board, device, device_with_less_ram, image};
use lstm_tests::models::{Sizes, random_models};
use lstm_tests::on_every_board;
use lstm_tests::reference::Reference;
use lstm_tests::tiny_model::{tiny_model, tiny_model_of, tiny_model_with};
use serde_json::Value;
use trainer_host::device::{Device, DeviceError, Keep, NewModel};
use xtask::boards::Board;
use xtask::firmware::Application;

use crate::TRAINER;

on_every_board! {
    a_new_model_is_tried_before_it_is_kept
}

/// Inputs of every model here.
const RAW: [i32; 9] = [300, -20, 7, -4000, 90, 12, 5, 6, 7];

fn model(seed: u64) -> AlignedBytes {
    tiny_model_of(seed, 4, |_| ())
}

fn new(file: &[u8], version: u32) -> NewModel<'_> {
    NewModel {
        file,
        version,
        force: false,
    }
}

/// Version of the model that the board started with, whether it is on trial, and whether it answers as `file` does.
fn started_with(device: &mut Device, file: &[u8]) -> Result<(Option<u32>, bool), DeviceError> {
    let slots = device.slots()?;
    assert!(device.has_started_with(file));
    device.use_embedded()?;
    assert!(device.self_test()?.passed);
    let run = device.run(&RAW, Keep::EveryStep)?;
    assert_eq!(run.outputs, Reference::new(file).run(&RAW));
    Ok((slots.version, slots.is_on_trial))
}

fn a_new_model_is_tried_before_it_is_kept(board: &'static Board) {
    let mut device = device(board);
    let (tiny, first) = (tiny_model(), model(5));
    assert_eq!(started_with(&mut device, &tiny).unwrap(), (None, false));

    let written = device.write_model(new(&first, 5), |_| true);
    if board.machine == "netduinoplus2" {
        // QEMU has no flash controller there. The program notices, and goes on with what it has.
        let error = written.unwrap_err().to_string();
        assert!(
            error.contains(
                "the flash failed: what was erased or written reads back otherwise at 0x"
            ),
            "{error}"
        );
        device.restart().unwrap();
        assert_eq!(started_with(&mut device, &tiny).unwrap(), (None, false));
        return;
    }
    assert!(written.unwrap());
    device.restart().unwrap();
    assert_eq!(started_with(&mut device, &first).unwrap(), (Some(5), true));
    // Without a word it is gone at the next start.
    device.restart().unwrap();
    assert_eq!(started_with(&mut device, &tiny).unwrap(), (None, false));

    device.write_model(new(&first, 5), |_| true).unwrap();
    device.restart().unwrap();
    device.keep_model().unwrap();
    assert_eq!(started_with(&mut device, &first).unwrap(), (Some(5), false));
    device.restart().unwrap();
    assert_eq!(started_with(&mut device, &first).unwrap(), (Some(5), false));

    refusals(&mut device, &first);
    let other = tiny_model_of(7, 3, |_| ());
    let forced = NewModel {
        force: true,
        ..new(&other, 1)
    };
    device.write_model(forced, |_| true).unwrap();
    device.restart().unwrap();
    assert_eq!(started_with(&mut device, &other).unwrap(), (Some(1), true));
    device.keep_model().unwrap();
    device.restart().unwrap();
    assert_eq!(started_with(&mut device, &other).unwrap(), (Some(1), false));
}

/// What a board that runs `present`, of version 5, does not take.
fn refusals(device: &mut Device, present: &[u8]) {
    let (other_classes, wrong) = (
        tiny_model_of(7, 3, |_| ()),
        tiny_model_of(8, 4, |output| *output ^= 1),
    );
    let long = vec![0; device.slots().unwrap().room_bytes as usize + 1];
    let mut damaged = model(6).to_vec();
    damaged[100] ^= 4;
    for (file, version, reason) in [
        (&*model(6), 4, "version 4 is older than version 5 in use"),
        (&*other_classes, 6, "other inputs, outputs or names"),
        (&*wrong, 6, "the outputs of step 0 differ"),
        (&damaged, 6, "checksum"),
        (&long, 6, "a slot has room for"),
    ] {
        let error = device.write_model(new(file, version), |_| true);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(reason), "{reason}: {error}");
    }
    // Nor does force make room for inputs.
    let wide = tiny_model_with(device.info().channels + 1, 9, 4, |_| ());
    let forced = NewModel {
        force: true,
        ..new(&wide, 6)
    };
    let error = device.write_model(forced, |_| true).unwrap_err();
    let reason = "inputs that the program has room for: found";
    assert!(error.to_string().contains(reason), "{error}");
    // Stopped on the way.
    assert!(!device.write_model(new(&model(6), 6), |_| false).unwrap());
    device.restart().unwrap();
    assert_eq!(started_with(device, present).unwrap(), (Some(5), false));
}

/// An emulated board whose reset button is at hand. Its slots lie in memory that a reset leaves alone.
struct WithReset {
    device: Device,
    monitor: UnixStream,
}

impl WithReset {
    fn start(board: &'static Board, folder: &Path) -> Self {
        let socket = folder.join("monitor");
        let mut command = emulator::command(board.machine);
        command
            .arg(image(board, Application::Runner))
            .arg("-monitor")
            .arg(format!("unix:{},server,nowait", socket.display()));
        Self {
            device: Device::start(board.machine, command).unwrap(),
            monitor: UnixStream::connect(&socket).unwrap(),
        }
    }
}

/// Writes, tries and keeps a model. Whether the board started with it: it does not if the button is pressed during the
/// trial.
fn update(device: &mut Device, file: &[u8], version: u32) -> Result<bool, DeviceError> {
    device.write_model(new(file, version), |_| true)?;
    try_and_keep(device, file)
}

/// Tries and keeps a model that was written.
fn try_and_keep(device: &mut Device, file: &[u8]) -> Result<bool, DeviceError> {
    device.restart()?;
    if !device.has_started_with(file) {
        return Ok(false);
    }
    device.use_embedded()?;
    assert!(device.self_test()?.passed);
    device.keep_model()?;
    Ok(true)
}

/// Presses the reset button at random moments of updates. The board starts with the model before or the new one each
/// time, and answers as it should.
fn resets_at_random_moments(board: &'static Board, count: u64) {
    let folder = tempfile::tempdir().unwrap();
    let WithReset {
        mut device,
        mut monitor,
    } = WithReset::start(board, folder.path());
    let mut kept = (model(100), 1);
    let begin = Instant::now();
    assert!(device.write_model(new(&kept.0, kept.1), |_| true).unwrap());
    let written = begin.elapsed();
    assert!(try_and_keep(&mut device, &kept.0).unwrap());
    let whole = begin.elapsed();

    let (mut cut, mut old, mut on_trial) = (0, 0, 0);
    for number in 0..count {
        // The golden ratio spreads the moments evenly, whatever their number.
        let moment = (0.618_034 * (number + 1) as f64).fract();
        // Every second one is about the switch or after it.
        let from = match number % 2 {
            0 => Duration::ZERO,
            _ => written.mul_f64(0.95),
        };
        let moment = from + (whole - from).mul_f64(moment);
        let file = model(101 + number);
        let version = kept.1 + 1;
        let presser = std::thread::spawn({
            let mut monitor = monitor.try_clone().unwrap();
            move || {
                std::thread::sleep(moment);
                monitor.write_all(b"system_reset\n").unwrap();
            }
        });
        cut += u64::from(!matches!(update(&mut device, &file, version), Ok(true)));
        presser.join().unwrap();

        let now = settled(&mut device, &[(&file, version), (&kept.0, kept.1)]);
        old += u64::from(now.0 == kept.1);
        on_trial += u64::from(now.1);
        // Of four models on trial two are kept.
        let keeps = number % 4 < 2;
        if now.1 && keeps {
            device.keep_model().unwrap();
        }
        device.restart().unwrap();
        if now.0 == version && (!now.1 || keeps) {
            kept = (file, version);
        }
        let after = started_with(&mut device, &kept.0).unwrap();
        assert_eq!(after, (Some(kept.1), false), "reset {number}");
    }
    println!(
        "{}: {count} resets, {cut} of them in an update; {old} left the model before, {on_trial} one on trial",
        board.name
    );
    assert!(cut > 0 && (count < 20 || (old > 0 && old < count)));
    // The monitor's answers are of no interest, and there were some.
    assert!(monitor.read(&mut [0; 64]).unwrap() > 0);
}

/// Version of the model that the board has started with after a reset, which may still be under way, and whether it is on
/// trial.
fn settled(device: &mut Device, models: &[(&AlignedBytes, u32); 2]) -> (u32, bool) {
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(20));
        let found = device.reconnect().and_then(|()| {
            let model = models
                .iter()
                .find(|(file, _)| device.has_started_with(file));
            let (file, version) = model.expect("one of both models is there");
            let (found, is_on_trial) = started_with(device, file)?;
            assert_eq!(found, Some(*version));
            Ok((*version, is_on_trial))
        });
        match found {
            Ok(found) => return found,
            Err(DeviceError::Restarted { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the board starts anew over and over");
}

#[test]
fn a_reset_during_an_update_leaves_a_valid_model() {
    resets_at_random_moments(board("mps2-an386"), 6);
}

#[test]
#[ignore = "long: hundreds of updates"]
fn two_hundred_resets_during_updates_leave_valid_models() {
    for name in ["mps2-an386", "microbit"] {
        resets_at_random_moments(board(name), 200);
    }
}

/// With two kilobytes less, some models need more stack than there is when the board checks them.
#[test]
#[ignore = "long: builds an image of its own"]
fn a_model_whose_check_overflows_the_stack_is_not_tried() {
    let (board, mut device) = device_with_less_ram();
    let room = (device.info().model_bytes, device.info().channels);
    let mut overflows = 0;
    for random in random_models(&[LayerKind::Lstm], &[Scheme::W8a16], Sizes::Large, room) {
        let mut file = random.build();
        let bytes = file.to_bytes().unwrap();
        let mut reference = Reference::new(&bytes);
        for raw in random.raw_inputs(2) {
            let outputs = reference.run(&raw);
            file.golden.push((raw, outputs));
        }
        let file = file.to_bytes_in(board.order()).unwrap();
        let forced = NewModel {
            force: true,
            ..new(&file, 1)
        };
        let written = device.write_model(forced, |_| true);
        device.restart().unwrap();
        let is_on_trial = device.slots().unwrap().is_on_trial;
        if let Err(error) = &written {
            let error = error.to_string();
            overflows += u32::from(error.contains("its stack ran into"));
        }
        assert_eq!(is_on_trial, written.is_ok(), "{random:?}: {written:?}");
        // What was on trial is gone.
        device.restart().unwrap();
    }
    assert!(overflows > 0, "no model needs more than the smaller stack");
}

/// The command's own words; the emulator's flash ends with it.
#[test]
fn the_command_updates_a_device() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.lstm");
    let image = image(board("mps2-an386"), Application::Runner);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(TRAINER);
        command.arg("update").arg("qemu:mps2-an386");
        command.arg("--model").arg(&path).arg("--image").arg(&image);
        command.args(arguments).output().unwrap()
    };
    std::fs::write(&path, &*model(5)).unwrap();
    let output = run(&["--json", "--model-version", "3"]);
    assert!(output.status.success(), "{output:?}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["outcome"], "updated");
    assert_eq!(found["version"], 3);
    assert_eq!(found["previous_version"], Value::Null);
    assert_eq!(found["self_test_steps"], 12);
    assert_eq!(found["board"], "mps2-an386");

    // The version is the time of the file's last change.
    let changed = UNIX_EPOCH + Duration::from_secs(1_234_567_890);
    let file = File::options().write(true).open(&path).unwrap();
    file.set_modified(changed).unwrap();
    let output = run(&[]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("before      compiled into the firmware"),
        "{said}"
    );
    assert!(said.contains("now         version 1234567890\n"), "{said}");

    std::fs::write(&path, &*tiny_model_of(5, 3, |_| ())).unwrap();
    let output = run(&[]);
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("other inputs, outputs or names"), "{said}");
    let output = run(&["--force"]);
    assert!(output.status.success(), "{output:?}");
}
