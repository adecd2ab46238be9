//! Recognises motions by an accelerometer: sampling at a fixed rate into a queue, the magnitude as a fourth channel, a
//! network, and events.
//!
//! ```text
//! sensor ─▶ Sampler, 50 a second ─▶ queue ─▶ x, y, z, magnitude ─▶ recogniser ─▶ event
//! ```
//!
//! Here a program moves the accelerometer. On a device, put a sensor of `lstm-sensors` in its place, an `Adxl345` for
//! example: the network was made for its counts. At the end the program prints what a magnitude takes, by the integer root
//! of `core`, by `micromath` and by `libm`. In QEMU that is counted in instructions.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::num::NonZeroU32;
use core::panic::PanicInfo;

use embedded_io::Write;
use heapless::spsc::Queue;
use lstm_firmware::board;
use lstm_firmware::counter::{Counter, instructions};
use lstm_firmware::event::print_event;
use lstm_nostd::recognise::{Settings, States};
use lstm_sensors::magnitude::{magnitude, quick_magnitude, sum_of_squares, with_quick_magnitude};
use lstm_sensors::moved::{Motion, Moved};
use lstm_sensors::{Polled, Sampler};

lstm_nostd::include_model! {
    /// `cargo run -p lstm-tests --example write_motion_data` says how it was made.
    mod motions = "../../motion/motion.lstm"
}

/// Each answer is about the last 32 samples, and comes every 8.
const SETTINGS: Settings = Settings {
    states: States::Windows { steps: 32, hop: 8 },
    on: 24_000, // 73 %
    off: 16_000,
    votes: 3,
    answers: 3,
    refractory: 32,
    background: 1 << 1, // class 1, "still", is no event
};
/// Samples a second.
const RATE: u32 = 50;
/// What the device does, and for how many samples.
const PLAY: [(Motion, u32); 5] = [
    (Motion::Still, 100),
    (Motion::Shake, 100),
    (Motion::Still, 100),
    (Motion::Swing, 150),
    (Motion::Still, 100),
];
/// Magnitudes that are counted.
const COUNTED: u32 = 32;

#[cortex_m_rt::entry]
fn main() -> ! {
    let board::Parts {
        mut serial,
        systick,
        ..
    } = board::start();
    let model = match motions::load() {
        Ok(model) => model,
        Err(error) => board::fail_because(format_args!("the model is refused: {error}")),
    };
    let recogniser = motions::Recogniser::<{ SETTINGS.states() }>::of_model(&model, SETTINGS);
    let mut recogniser = match recogniser {
        Ok(recogniser) => recogniser,
        Err(error) => board::fail_because(error),
    };
    let mut counter = Counter::start(systick);
    count_magnitudes(&mut counter, &mut serial);

    let mut clock = counter.into_clock();
    let mut queue = Queue::<[i16; 3], 8>::new();
    let (mut producer, mut consumer) = queue.split();
    let period = NonZeroU32::new(board::CORE_HZ / RATE).unwrap_or(NonZeroU32::MIN);
    let mut sampler = Sampler::new(clock.now(), period);
    let mut sensor = Moved::new(Motion::Still, 1);
    for (motion, samples) in PLAY {
        sensor.to(motion);
        let mut sampled = 0;
        while sampled < samples {
            // In an interrupt of a timer, where there is one.
            match sampler.poll(clock.now(), &mut sensor, &mut producer) {
                Ok(Polled::Sampled) => sampled += 1,
                Ok(Polled::NotDue { .. } | Polled::Dropped) => {}
                Err(never) => match never {},
            }
            while let Some(sample) = consumer.dequeue() {
                if let Some(event) = recogniser.step(&with_quick_magnitude(sample)) {
                    print_event(&mut serial, event, model.model());
                }
            }
        }
    }
    let (missed, dropped) = (sampler.missed(), sampler.dropped());
    let _ = writeln!(serial, "samples missed: {missed}, dropped: {dropped}");
    board::succeed()
}

/// Prints what a magnitude takes.
fn count_magnitudes(counter: &mut Counter, serial: &mut impl Write) {
    let by_libm = |axes| libm::sqrtf(sum_of_squares(axes) as f32) as u16;
    let taken = [
        count(counter, "the integer root of core", magnitude),
        count(counter, "micromath", quick_magnitude),
        count(counter, "libm", by_libm),
    ];
    for (name, taken) in taken {
        let _ = match taken {
            Some(taken) => writeln!(serial, "a magnitude by {name}: {taken} instructions"),
            None => writeln!(serial, "a magnitude by {name}: not counted"),
        };
    }
}

/// The mean count of `root` over samples of a device that is shaken, without that of an empty function.
fn count(
    counter: &mut Counter,
    name: &'static str,
    root: impl Fn([i16; 3]) -> u16,
) -> (&'static str, Option<u32>) {
    let rate = counter.rate();
    let mut moved = Moved::new(Motion::Shake, 2);
    let mut sum = Some(0u32);
    for _ in 0..COUNTED {
        let axes = moved.sample();
        // What goes in is unknown before, so nothing is computed before.
        let (_, ticks) = counter.measure(|| black_box(root(black_box(axes))));
        let taken = ticks.map(|ticks| instructions(&rate, ticks));
        sum = sum.zip(taken).map(|(sum, taken)| sum.saturating_add(taken));
    }
    (name, sum.map(|sum| sum / COUNTED))
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    board::fail_because(info)
}
