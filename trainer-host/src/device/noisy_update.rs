//! Updates over a noisy line: whole or not at all, and tried before they are kept.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::client::Device;
use super::error::DeviceError;
use super::simulated::{CLEAN, Noise, Simulated, Stored, World};
use super::update::NewModel;

/// Writes `new`, starts with it, and keeps it if `keeps`.
fn update(
    device: &mut Device,
    new: &Stored,
    keeps: bool,
    random: &mut ChaCha8Rng,
) -> Result<(), DeviceError> {
    let before = device.slots()?;
    assert!(!before.is_on_trial);
    let mut told = Vec::new();
    let model = NewModel {
        file: &new.file,
        version: new.version.unwrap(),
        force: false,
    };
    let written = device.write_model(model, |bytes| {
        told.push(bytes);
        true
    })?;
    assert!(written && told.is_sorted() && told.last() == Some(&new.file.len()));
    device.restart_as(random.random())?;
    let slots = device.slots()?;
    assert_eq!((slots.version, slots.is_on_trial), (new.version, true));
    assert!(device.has_started_with(&new.file));
    device.use_embedded()?;
    assert!(device.self_test()?.passed);
    if keeps {
        device.keep_model()?;
    }
    device.restart_as(random.random())?;
    let slots = device.slots()?;
    let expected = if keeps { new.version } else { before.version };
    assert_eq!((slots.version, slots.is_on_trial), (expected, false));
    Ok(())
}

/// `count` updates. After an error, a new session finds the model before or the new one, and a start settles which one is
/// kept. Returns the number of errors.
fn updates(noise: Noise, count: u32, seed: u64) -> u32 {
    let line = Simulated(World::new(noise, seed));
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
    let (mut session, mut errors) = (None, 0);
    let mut kept = Stored::default();
    for number in 1..=count {
        let mut new = Stored {
            file: vec![0; random.random_range(1..9000)],
            version: Some(number),
        };
        random.fill_bytes(&mut new.file);
        let keeps = random.random();
        let (starts, device) = (line.world().board.flash.starts, session.take());
        let device = device.map_or_else(|| line.connect(random.random()), Ok);
        let outcome = device.and_then(|mut device| {
            update(&mut device, &new, keeps, &mut random)?;
            Ok(device)
        });
        let found = line.world().board.flash.kept.clone();
        match outcome {
            Ok(device) => {
                session = Some(device);
                assert_eq!(found, if keeps { new } else { kept });
                let starts = line.world().board.flash.starts - starts;
                assert_eq!(starts, 2, "each start was carried out once");
            }
            Err(_) => {
                errors += 1;
                assert!(found == kept || (keeps && found == new));
                let board = &mut line.world().board;
                // As when its power goes: it tries a model that it switched to, and the start after settles.
                board.start_anew();
                assert!([&found, &new].contains(&board.flash.started()));
                board.start_anew();
                assert_eq!(board.flash.started(), &found);
            }
        }
        kept = found;
    }
    errors
}

/// A board that was updated to a model of version 7.
fn board_with_first(seed: u64) -> (Simulated, Device, Stored) {
    let line = Simulated(World::new(CLEAN, seed));
    let mut device = line.connect(1).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let first = Stored {
        file: vec![1; 5000],
        version: Some(7),
    };
    update(&mut device, &first, true, &mut random).unwrap();
    (line, device, first)
}

fn every_update_arrives(count: u32) {
    for (bytes_per_hurt, unbuffered) in [(1e4, false), (1e4, true), (1e3, false), (1e3, true)] {
        let noise = Noise {
            bytes_per_hurt,
            unbuffered,
        };
        assert_eq!(updates(noise, count, 5), 0, "{noise:?}");
    }
}

#[test]
fn updates_over_a_noisy_line_are_carried_out_once() {
    every_update_arrives(15);
    let worse = Noise {
        bytes_per_hurt: 30.0,
        unbuffered: true,
    };
    // They may fail there, and leave no half a model.
    updates(worse, 15, 6);
}

#[test]
#[ignore = "long: thousands of updates"]
fn thousands_of_updates_over_a_noisy_line_are_carried_out_once() {
    every_update_arrives(1_000);
    for bytes_per_hurt in [100.0, 30.0, 10.0] {
        for unbuffered in [false, true] {
            let noise = Noise {
                bytes_per_hurt,
                unbuffered,
            };
            updates(noise, 300, 7);
        }
    }
}

#[test]
fn after_a_lost_answer_to_the_last_request_a_power_cut_tries_the_model_and_a_second_one_goes_back()
{
    let (line, mut device, first) = board_with_first(9);
    let new = NewModel {
        file: &[2; 5000],
        version: 8,
        force: false,
    };
    let lost = device.write_model(new, |bytes| {
        line.world().to_host.is_cut = bytes == new.file.len();
        true
    });
    assert!(matches!(lost, Err(DeviceError::Timeout { .. })), "{lost:?}");
    for (session, is_on_trial, file) in [(2, true, new.file), (3, false, &first.file)] {
        line.world().to_host.is_cut = false;
        line.world().board.start_anew();
        device.reconnect_as(session).unwrap();
        assert_eq!(device.slots().unwrap().is_on_trial, is_on_trial);
        assert!(device.has_started_with(file));
    }
}

#[test]
fn a_stopped_update_and_a_refused_one_leave_the_model() {
    let (_, mut device, first) = board_with_first(8);
    let new = |version, force| NewModel {
        file: &[2; 5000],
        version,
        force,
    };
    let stopped = device.write_model(new(8, false), |bytes| bytes < 2000);
    assert!(!stopped.unwrap());
    device.restart_as(2).unwrap();
    assert!(device.has_started_with(&first.file));
    let older = device.write_model(new(6, false), |_| true).unwrap_err();
    assert!(
        older.to_string().contains("was not taken: older"),
        "{older}"
    );
    assert!(device.write_model(new(6, true), |_| true).unwrap());
    device.restart_as(3).unwrap();
    assert!(device.has_started_with(&[2; 5000]));
    // Nothing is written over the model before, while this one is on trial.
    assert!(device.write_model(new(9, true), |_| true).is_err());
}
