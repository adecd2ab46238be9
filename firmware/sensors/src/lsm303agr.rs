//! ST LSM303AGR, the accelerometer of the micro:bit, over I²C, by the crate of that name.

use ::lsm303agr::interface::I2cInterface;
use ::lsm303agr::mode::MagOneShot;
use ::lsm303agr::{AccelMode, AccelOutputDataRate};
use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::I2c;

use super::Sensor;

/// What the driver says.
pub type Error<E> = ::lsm303agr::Error<E>;
/// Measurements a second. Read at this rate or a lower one.
pub type Rate = AccelOutputDataRate;

/// An LSM303AGR that measures ±2 g with 12 bits, 1 mg a count.
#[derive(Debug)]
pub struct Lsm303agr<I> {
    driver: ::lsm303agr::Lsm303agr<I2cInterface<I>, MagOneShot>,
}

impl<I: I2c> Lsm303agr<I> {
    /// Starts the sensor, and waits until its first measurement.
    ///
    /// # Errors
    /// When the bus fails.
    pub fn start(i2c: I, delay: &mut impl DelayNs, rate: Rate) -> Result<Self, Error<I::Error>> {
        let mut driver = ::lsm303agr::Lsm303agr::new_with_i2c(i2c);
        driver.init()?;
        driver.set_accel_mode_and_odr(delay, AccelMode::HighResolution, rate)?;
        Ok(Self { driver })
    }

    /// The bus.
    pub fn release(self) -> I {
        self.driver.destroy()
    }
}

impl<I: I2c> Sensor<3> for Lsm303agr<I> {
    type Error = Error<I::Error>;

    /// x, y and z, 1 mg a count.
    fn read(&mut self) -> Result<[i16; 3], Self::Error> {
        let found = self.driver.acceleration()?;
        Ok([found.x_unscaled(), found.y_unscaled(), found.z_unscaled()])
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use embedded_hal_mock::eh1::delay::NoopDelay;
    use embedded_hal_mock::eh1::i2c::{Mock, Transaction};
    use std::vec;

    use super::*;

    const ACCELEROMETER: u8 = 0x19;
    const MAGNETOMETER: u8 = 0x1e;

    #[test]
    fn it_starts_and_gives_signed_counts() {
        // Block data update and temperature, which `init` switches on, then 50 Hz and high resolution; twelve bits at
        // the upper end of two bytes.
        let i2c = Mock::new(&[
            Transaction::write(ACCELEROMETER, vec![0x23, 0x80]),
            Transaction::write(ACCELEROMETER, vec![0x1f, 0xc0]),
            Transaction::write(MAGNETOMETER, vec![0x62, 0x10]),
            Transaction::write(ACCELEROMETER, vec![0x20, 0x47]),
            Transaction::write(ACCELEROMETER, vec![0x23, 0x88]),
            Transaction::write_read(
                ACCELEROMETER,
                vec![0xa8],
                vec![0x10, 0x00, 0xf0, 0xff, 0xf0, 0x7f],
            ),
        ]);
        let mut sensor = Lsm303agr::start(i2c, &mut NoopDelay, Rate::Hz50).unwrap();
        assert_eq!(sensor.read().unwrap(), [1, -1, 2047]);
        sensor.release().done();
    }
}
