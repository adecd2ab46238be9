//! Prints what a magnetometer on the board's I²C bus measures, sampled at a fixed rate: the shortest program with a sensor.
//!
//! In QEMU the sensor is `-device lsm303dlhc_mag,address=0x1e`, on the boards whose bus has a driver here (MPS2 with
//! Cortex-M3, M4 and M7).
#![no_std]
#![no_main]

use core::num::NonZeroU32;
use core::panic::PanicInfo;

use embedded_io::Write;
use heapless::spsc::Queue;
use lstm_firmware::board;
use lstm_firmware::counter::Counter;
use lstm_sensors::lsm303dlhc::{Lsm303dlhc, Rate};
use lstm_sensors::magnitude::with_magnitude;
use lstm_sensors::{Polled, Sampler};

/// Samples to print.
const SAMPLES: u32 = 5;
/// Samples a second.
const RATE: u32 = 50;

#[cortex_m_rt::entry]
fn main() -> ! {
    let board::Parts {
        mut serial,
        systick,
        i2c,
        ..
    } = board::start();
    let Some(i2c) = i2c else {
        board::fail_because("there is no driver for the I²C bus of this board here")
    };
    let mut sensor = match Lsm303dlhc::start(i2c, Rate::Hz75) {
        Ok(sensor) => sensor,
        Err(error) => board::fail_because(format_args!("no LSM303DLHC on the bus: {error:?}")),
    };
    let mut clock = Counter::start(systick).into_clock();
    let mut queue = Queue::<[i16; 3], 4>::new();
    let (mut producer, mut consumer) = queue.split();
    let period = NonZeroU32::new(board::CORE_HZ / RATE).unwrap_or(NonZeroU32::MIN);
    let mut sampler = Sampler::new(clock.now(), period);
    let mut sampled = 0;
    while sampled < SAMPLES {
        match sampler.poll(clock.now(), &mut sensor, &mut producer) {
            Ok(Polled::Sampled) => sampled += 1,
            Ok(Polled::NotDue { .. } | Polled::Dropped) => {}
            Err(error) => board::fail_because(format_args!("the sensor is silent: {error:?}")),
        }
        while let Some(axes) = consumer.dequeue() {
            let [x, y, z, magnitude] = with_magnitude(axes);
            let _ = writeln!(serial, "x {x}, y {y}, z {z}, magnitude {magnitude}");
        }
    }
    let missed = sampler.missed();
    let _ = writeln!(serial, "samples missed: {missed}");
    board::succeed()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    board::fail_because(info)
}
