//! The command's decisions, on a simulated board: what it says is what the board has then.

use std::fs::File;
use std::time::{Duration, SystemTime};

use lstm_nostd::Direction;
use lstm_nostd::artifact::RandomModel;

use super::*;
use crate::device::simulated::{CLEAN, Flash, Simulated, Stored, World};

const FIRST: [u8; 3000] = [1; 3000];
const SECOND: [u8; 3000] = [2; 3000];

/// A board that keeps `FIRST` as version 7.
fn board() -> (Simulated, Device) {
    let line = Simulated(World::new(CLEAN, 3));
    line.world().board.flash.kept = Stored {
        file: FIRST.to_vec(),
        version: Some(7),
    };
    let device = line.connect(1).unwrap();
    (line, device)
}

fn new(file: &[u8], version: u32) -> NewModel<'_> {
    NewModel {
        file,
        version,
        force: false,
    }
}

/// [`replace`] until `stopped` says so of the board's flash.
fn replace_until(
    line: &Simulated,
    device: &mut Device,
    new: NewModel<'_>,
    stopped: impl Fn(&Flash) -> bool,
) -> anyhow::Result<Replaced> {
    replace(device, new, &|| stopped(&line.world().board.flash))
}

fn never(_: &Flash) -> bool {
    false
}

/// Whether the device runs version 7, not on trial.
fn has_first(device: &mut Device) -> bool {
    let slots = device.slots().unwrap();
    device.has_started_with(&FIRST) && (slots.version, slots.is_on_trial) == (Some(7), false)
}

/// Puts `SECOND` on trial, as version 8.
fn put_on_trial(device: &mut Device) {
    assert!(device.write_model(new(&SECOND, 8), |_| true).unwrap());
    device.restart().unwrap();
    assert!(device.slots().unwrap().is_on_trial);
}

#[test]
fn a_model_is_written_tried_and_kept_and_is_there_the_next_time() {
    let (line, mut device) = board();
    for outcome in [Outcome::Updated, Outcome::Present] {
        let replaced = replace_until(&line, &mut device, new(&SECOND, 8), never).unwrap();
        assert_eq!((replaced.outcome, replaced.version), (outcome, Some(8)));
        assert_eq!(line.world().board.flash.kept.file, SECOND);
    }
    assert_eq!(line.world().board.flash.starts, 1);
}

#[test]
fn ctrl_c_after_the_switch_goes_back() {
    let (line, mut device) = board();
    let stopped = replace_until(&line, &mut device, new(&SECOND, 8), Flash::is_on_trial);
    let stopped = stopped.unwrap_err();
    assert!(stopped.is::<Stopped>());
    assert!(
        stopped.to_string().ends_with("; it went back to version 7"),
        "{stopped}"
    );
    assert!(has_first(&mut device));
}

#[test]
fn ctrl_c_leaves_a_model_that_was_on_trial_before_on_trial() {
    let (line, mut device) = board();
    put_on_trial(&mut device);
    let stopped = replace_until(&line, &mut device, new(&SECOND, 8), |_| true).unwrap_err();
    assert!(stopped.is::<Stopped>());
    assert!(
        stopped
            .to_string()
            .ends_with("; its model is on trial as before"),
        "{stopped}"
    );
    assert!(line.world().board.flash.is_on_trial());
}

#[test]
fn a_model_on_trial_is_confirmed() {
    let (line, mut device) = board();
    put_on_trial(&mut device);
    let replaced = replace_until(&line, &mut device, new(&SECOND, 8), never).unwrap();
    assert_eq!(
        (replaced.outcome, replaced.version),
        (Outcome::Confirmed, Some(8))
    );
    assert_eq!(line.world().board.flash.kept.file, SECOND);
}

/// Its version is lower, and nothing is written.
#[test]
fn a_model_that_the_device_goes_back_to_is_there() {
    let (line, mut device) = board();
    put_on_trial(&mut device);
    let replaced = replace_until(&line, &mut device, new(&FIRST, 1), never).unwrap();
    assert_eq!(
        (replaced.outcome, replaced.version),
        (Outcome::Present, Some(7))
    );
    assert!(has_first(&mut device));
}

#[test]
fn a_failed_self_test_goes_back_where_there_is_a_model_to_go_back_to() {
    let (line, mut device) = board();
    line.world().board.flash.fails = SECOND.to_vec();
    for is_on_trial_before in [false, true] {
        if is_on_trial_before {
            put_on_trial(&mut device);
        }
        let error = replace_until(&line, &mut device, new(&SECOND, 8), never).unwrap_err();
        let then = match is_on_trial_before {
            true => "; it has version 7 now",
            false => "; it went back to version 7",
        };
        assert!(error.to_string().ends_with(then), "{error}");
        assert!(has_first(&mut device));
    }

    line.world().board.flash.fails = FIRST.to_vec();
    let starts = line.world().board.flash.starts;
    let error = replace_until(&line, &mut device, new(&FIRST, 7), never).unwrap_err();
    assert!(
        error.to_string().contains("it has no model to go back to"),
        "{error}"
    );
    assert_eq!(line.world().board.flash.starts, starts);
}

/// As firmware did that did not look at the number of inputs.
#[test]
fn a_device_that_cannot_run_what_it_took_goes_back() {
    let (line, mut device) = board();
    line.world().board.flash.has_no_room = SECOND.to_vec();
    let error = replace_until(&line, &mut device, new(&SECOND, 8), never).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the device took the model and has no room to run it; it went back to version 7"
    );
    assert!(has_first(&mut device));
}

#[test]
fn a_lost_answer_to_the_last_request_is_said_to_leave_a_model_on_trial() {
    let (line, mut device) = board();
    // The bar's end is asked for just before the last request.
    let asked = std::cell::Cell::new(0);
    let parts = FIRST.len().div_ceil(device.payload_bytes());
    let error = replace(&mut device, new(&SECOND, 8), &|| {
        asked.set(asked.get() + 1);
        line.world().to_host.is_cut = asked.get() == parts + 1;
        false
    });
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), PERHAPS_WRITTEN);
    assert!(error.is::<DeviceError>());
    line.world().to_host.is_cut = false;
    device.reconnect().unwrap();
    device.restart().unwrap();
    assert!(device.slots().unwrap().is_on_trial && device.has_started_with(&SECOND));
}

#[test]
fn a_network_of_whole_windows_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("windows.lstm");
    let random = RandomModel {
        inputs: 2,
        hidden: vec![4],
        directions: vec![Direction::Reverse],
        outputs: 2,
        ..RandomModel::default()
    };
    let bytes = random.build().to_bytes().unwrap();
    std::fs::write(&model, &bytes[..]).unwrap();
    let args = Args {
        device: "none".into(),
        model,
        quantised: QuantisedArgs::default(),
        image: None,
        model_version: None,
        force: false,
    };
    let error = run(args, Printer { json: false }).unwrap_err().to_string();
    assert!(error.contains("slots for updates"), "{error}");
}

#[test]
fn the_version_is_the_time_of_the_files_last_change_however_long_ago() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.lstm");
    let file = File::create(&path).unwrap();
    let args = Args {
        device: String::new(),
        model: path,
        quantised: QuantisedArgs::default(),
        image: None,
        model_version: None,
        force: false,
    };
    for seconds in [0, 1, 1_000_000_000, 1_750_000_000] {
        let changed = UNIX_EPOCH + Duration::from_secs(seconds);
        file.set_modified(changed).unwrap();
        assert_eq!(args.version(&args.model).unwrap(), seconds as u32);
    }
    let before_1970: SystemTime = UNIX_EPOCH - Duration::from_secs(1);
    file.set_modified(before_1970).unwrap();
    let error = args.version(&args.model).unwrap_err().to_string();
    assert!(error.contains("--model-version"), "{error}");
}
