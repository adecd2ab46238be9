//! ST LSM303DLHC, its magnetometer, over I²C at most at 400 kHz. QEMU has it as the device `lsm303dlhc_mag`.
//!
//! The sensor takes four registers, of the data sheet's tables 72 to 82.

use embedded_hal::i2c::I2c;

use super::Sensor;

/// Its address on the bus.
const ADDRESS: u8 = 0x1e;
const RATE: u8 = 0x00;
const GAIN: u8 = 0x01;
const MODE: u8 = 0x02;
const FIRST_DATA: u8 = 0x03;
const IDENTITY: u8 = 0x0a;

/// Content of `IDENTITY` and of the two registers after it.
const LSM303: [u8; 3] = *b"H43";
/// Measures again and again.
const CONTINUOUS: u8 = 0;
/// ±1.3 gauss: 1100 counts a gauss in x and y, 980 in z.
const GAUSS_1_3: u8 = 1 << 5;

/// Measurements a second. Read at this rate or a lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// 15 Hz.
    Hz15 = 4 << 2,
    /// 75 Hz.
    Hz75 = 6 << 2,
    /// 220 Hz.
    Hz220 = 7 << 2,
}

/// Why the sensor cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError<E> {
    /// The bus failed, or nobody answered there.
    Bus(E),
    /// Another device answers.
    OtherDevice {
        /// Its identity; the right one is `H43`.
        found: [u8; 3],
    },
}

/// An LSM303DLHC that measures.
#[derive(Debug)]
pub struct Lsm303dlhc<I> {
    i2c: I,
}

impl<I: I2c> Lsm303dlhc<I> {
    /// Finds the sensor and starts it.
    ///
    /// # Errors
    /// When the bus fails or another device answers.
    pub fn start(mut i2c: I, rate: Rate) -> Result<Self, StartError<I::Error>> {
        let mut found = [0; 3];
        i2c.write_read(ADDRESS, &[IDENTITY], &mut found)
            .map_err(StartError::Bus)?;
        if found != LSM303 {
            return Err(StartError::OtherDevice { found });
        }
        for setting in [[RATE, rate as u8], [GAIN, GAUSS_1_3], [MODE, CONTINUOUS]] {
            i2c.write(ADDRESS, &setting).map_err(StartError::Bus)?;
        }
        Ok(Self { i2c })
    }

    /// The bus.
    pub fn release(self) -> I {
        self.i2c
    }
}

impl<I: I2c> Sensor<3> for Lsm303dlhc<I> {
    type Error = I::Error;

    /// x, y and z. All six bytes in one transfer, so that they are of one measurement; the chip has them in the order x,
    /// z, y.
    fn read(&mut self) -> Result<[i16; 3], I::Error> {
        let mut bytes = [0; 6];
        self.i2c.write_read(ADDRESS, &[FIRST_DATA], &mut bytes)?;
        let [x1, x0, z1, z0, y1, y0] = bytes;
        Ok([[x1, x0], [y1, y0], [z1, z0]].map(i16::from_be_bytes))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use embedded_hal_mock::eh1::i2c::{Mock, Transaction};
    use std::vec;

    use super::*;

    #[test]
    fn it_starts_and_gives_signed_counts() {
        let i2c = Mock::new(&[
            Transaction::write_read(0x1e, vec![0x0a], b"H43".to_vec()),
            Transaction::write(0x1e, vec![0x00, 0x18]),
            Transaction::write(0x1e, vec![0x01, 0x20]),
            Transaction::write(0x1e, vec![0x02, 0x00]),
            Transaction::write_read(0x1e, vec![0x03], vec![0, 1, 0xff, 0xff, 1, 0]),
        ]);
        let mut sensor = Lsm303dlhc::start(i2c, Rate::Hz75).unwrap();
        assert_eq!(sensor.read(), Ok([1, 256, -1]));
        sensor.release().done();
    }

    #[test]
    fn another_device_is_refused() {
        let identity = Transaction::write_read(0x1e, vec![0x0a], vec![0, 0, 0]);
        let mut i2c = Mock::new(&[identity]);
        let refused = Lsm303dlhc::start(i2c.clone(), Rate::Hz15).map(|_| ());
        assert_eq!(refused, Err(StartError::OtherDevice { found: [0; 3] }));
        i2c.done();
    }
}
