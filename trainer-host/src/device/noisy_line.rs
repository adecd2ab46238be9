//! The exchange over a noisy line: slow, and never wrong.

use std::time::Duration;

use lstm_link::payload_bytes;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::client::{Device, Keep};
use super::error::DeviceError;
use super::simulated::{
    Board, CLEAN, INPUTS, MESSAGE_BYTES, Noise, OUTPUTS, Simulated, Toy, World,
};

/// What a journey came to.
#[derive(Debug, Default)]
struct Totals {
    frames: u64,
    /// Requests of [`Device`]'s user that ended with a result, which was the right one.
    right: u64,
    /// Those that ended with an error.
    errors: u64,
    simulated_seconds: u64,
}

/// Loads, runs, reads and writes over a noisy line until `frames` frames were on it. Each result must be the
/// stand-in's; after an error a new session begins.
fn travel(noise: Noise, frames: u64, seed: u64) -> Totals {
    let line = Simulated(World::new(noise, seed));
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
    let mut totals = Totals::default();
    let mut session = None;
    while line.world().frames < frames {
        let outcome = match &mut session {
            None => begin(&line, &mut random).map(|begun| session = Some(begun)),
            Some((device, toy)) => request(device, toy, &mut random),
        };
        match outcome {
            Ok(()) => totals.right += 1,
            Err(_) => {
                totals.errors += 1;
                session = None;
            }
        }
    }
    let world = line.world();
    totals.frames = world.frames;
    totals.simulated_seconds = world.now.as_secs();
    println!(
        "{noise:?}: {totals:?}, {} requests carried out for {} asks\nattacks: {}",
        world.board.carried_out, world.asks, totals.frames
    );
    totals
}

/// A session with a model in use.
fn begin(line: &Simulated, random: &mut ChaCha8Rng) -> Result<(Device, Toy), DeviceError> {
    let mut device = line.connect(random.random())?;
    let mut file = vec![0; random.random_range(0..6000)];
    random.fill_bytes(&mut file);
    // The client compares the checksum of what arrived.
    device.load(&file)?;
    Ok((device, Toy::default()))
}

/// One request, on the board and on the stand-in beside it.
fn request(device: &mut Device, toy: &mut Toy, random: &mut ChaCha8Rng) -> Result<(), DeviceError> {
    let bits = random.random_range(1..31);
    let steps = random.random_range(1..80);
    let inputs: Vec<i32> = (0..steps * INPUTS)
        .map(|_| random.random::<i32>() >> bits)
        .collect();
    let keep = if random.random() {
        Keep::EveryStep
    } else {
        Keep::LastStep
    };
    match random.random_range(0..10) {
        0 => {
            device.reset()?;
            *toy = Toy::default();
        }
        1 => assert_eq!(device.read_state()?, toy.bytes()),
        2 => {
            let state = [(); 4].map(|()| random.random());
            device.write_state(&Toy { state }.bytes())?;
            toy.state = state;
        }
        3 => {
            let run = device.run_sequence(&inputs, keep)?;
            *toy = Toy::default();
            assert_eq!(run.outputs, toy.run(&inputs, keep));
        }
        _ => {
            let run = device.run(&inputs, keep)?;
            assert_eq!(run.outputs, toy.run(&inputs, keep));
            assert_eq!(run.cost, Some(inputs.len() as u64));
        }
    }
    Ok(())
}

fn noise(bytes_per_hurt: f64) -> [Noise; 2] {
    [false, true].map(|unbuffered| Noise {
        bytes_per_hurt,
        unbuffered,
    })
}

/// With one byte in 10,000 or 1,000 hurt every request is answered, and rightly.
fn every_request_is_answered(frames: u64) {
    for (bytes_per_hurt, part) in [(1e4, 1), (1e3, 5)] {
        for noise in noise(bytes_per_hurt) {
            let totals = travel(noise, frames / part / 2, 1);
            assert_eq!(totals.errors, 0, "{noise:?}: {totals:?}");
            assert!(totals.right > 0);
        }
    }
}

/// On worse lines a request may end with an error, never with a wrong result.
fn no_result_is_wrong(frames: u64) {
    for bytes_per_hurt in [100.0, 30.0, 10.0, 2.0] {
        for noise in noise(bytes_per_hurt) {
            travel(noise, frames / 8, 2);
        }
    }
}

#[test]
fn a_noisy_line_is_slow_and_right() {
    every_request_is_answered(40_000);
}

#[test]
fn a_hopeless_line_gives_errors_and_no_wrong_results() {
    no_result_is_wrong(16_000);
}

#[test]
#[ignore = "long: a million frames"]
fn a_noisy_line_is_slow_and_right_for_a_million_frames() {
    every_request_is_answered(2_000_000);
    no_result_is_wrong(800_000);
}

/// The simulated time that `work` takes.
fn time(line: &Simulated, work: impl FnOnce()) -> Duration {
    let begin = line.world().now;
    work();
    line.world().now - begin
}

#[test]
fn a_lost_end_of_a_frame_costs_milliseconds() {
    let line = Simulated(World::new(CLEAN, 3));
    let mut device = line.connect(1).unwrap();
    device.load(&[7; 100]).unwrap();
    let mut toy = Toy::default();
    for lost in 1..=4 {
        for to_board in [true, false] {
            let world = &mut *line.world();
            let channel = if to_board {
                &mut world.to_board
            } else {
                &mut world.to_host
            };
            channel.lost_zeros = lost;
            let _ = world;
        }
        let took = time(&line, || {
            let outputs = device.run(&[1, 2, 3], Keep::LastStep).unwrap().outputs;
            assert_eq!(outputs, toy.run(&[1, 2, 3], Keep::LastStep));
        });
        // Requests of this test may take 700 ms to compute.
        assert!(took < Duration::from_millis(1200), "{lost}: {took:?}");
    }
}

#[test]
fn a_board_that_starts_anew_is_noticed() {
    let line = Simulated(World::new(CLEAN, 4));
    let mut device = line.connect(1).unwrap();
    device.load(&[7; 100]).unwrap();
    line.world().board = Board::new();
    let error = device.run(&[1, 2, 3], Keep::LastStep).unwrap_err();
    assert!(matches!(error, DeviceError::Restarted { .. }), "{error}");
    // So is another program that takes the board over.
    let mut device = line.connect(2).unwrap();
    device.load(&[7; 100]).unwrap();
    let mut other = line.connect(3).unwrap();
    let error = device.run(&[1, 2, 3], Keep::LastStep).unwrap_err();
    assert!(matches!(error, DeviceError::Restarted { .. }), "{error}");
    // And it begins without the model of the session before.
    let error = other.run(&[1, 2, 3], Keep::LastStep).unwrap_err();
    assert!(error.to_string().contains("no model"), "{error}");
}

#[test]
fn a_message_of_the_promised_length_travels() {
    let line = Simulated(World::new(CLEAN, 5));
    let mut device = line.connect(1).unwrap();
    assert_eq!(device.info().message_bytes, MESSAGE_BYTES);
    let most = payload_bytes(MESSAGE_BYTES) / OUTPUTS / 4;
    device.load(&[7; 5000]).unwrap();
    for steps in [most - 1, most, most + 1, 3 * most] {
        let inputs: Vec<i32> = (0..(steps * INPUTS) as i32).map(|k| k << 20).collect();
        let run = device.run_sequence(&inputs, Keep::EveryStep).unwrap();
        assert_eq!(run.outputs, Toy::default().run(&inputs, Keep::EveryStep));
    }
}
