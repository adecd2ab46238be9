//! Analog Devices ADXL345, an accelerometer, over SPI in mode 3 (clock idle high, second edge), at most 5 MHz.
//!
//! The drivers that exist need the whole bus, or a heavy build. The sensor takes three registers, of the data sheet's
//! revision G, table 19.

use embedded_hal::spi::{MODE_3, Mode, SpiDevice};

use super::Sensor;

/// What the bus must be set to.
pub const SPI_MODE: Mode = MODE_3;

/// Reads; without this bit, an address is written to.
const READ: u8 = 0x80;
/// Goes on to the next register after each byte.
const MULTIPLE: u8 = 0x40;
const DEVICE_ID: u8 = 0x00;
const BANDWIDTH_RATE: u8 = 0x2c;
const POWER_CONTROL: u8 = 0x2d;
const DATA_FORMAT: u8 = 0x31;
const FIRST_DATA: u8 = 0x32;

/// Content of `DEVICE_ID`.
const ADXL345: u8 = 0xe5;
const MEASURE: u8 = 0x08;
/// 3.9 mg a count in every range.
const FULL_RESOLUTION: u8 = 0x08;

/// The largest acceleration that it measures. A count is 3.9 mg in each range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// ±2 g.
    G2 = 0,
    /// ±4 g.
    G4 = 1,
    /// ±8 g.
    G8 = 2,
    /// ±16 g.
    G16 = 3,
}

/// Measurements a second. Read at this rate or a lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// 25 Hz.
    Hz25 = 0x8,
    /// 50 Hz.
    Hz50 = 0x9,
    /// 100 Hz.
    Hz100 = 0xa,
    /// 200 Hz.
    Hz200 = 0xb,
    /// 400 Hz.
    Hz400 = 0xc,
}

/// Why the sensor cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError<E> {
    /// The bus failed.
    Bus(E),
    /// Another device answers, or none (0 or 255).
    OtherDevice {
        /// Its identity; an ADXL345 has 229.
        found: u8,
    },
}

/// An ADXL345 that measures.
#[derive(Debug)]
pub struct Adxl345<S> {
    spi: S,
}

impl<S: SpiDevice> Adxl345<S> {
    /// Finds the sensor and starts it.
    ///
    /// # Errors
    /// When the bus fails or another device answers.
    pub fn start(mut spi: S, range: Range, rate: Rate) -> Result<Self, StartError<S::Error>> {
        let mut identity = [READ | DEVICE_ID, 0];
        spi.transfer_in_place(&mut identity)
            .map_err(StartError::Bus)?;
        let [_, found] = identity;
        if found != ADXL345 {
            return Err(StartError::OtherDevice { found });
        }
        for setting in [
            [DATA_FORMAT, FULL_RESOLUTION | range as u8],
            [BANDWIDTH_RATE, rate as u8],
            [POWER_CONTROL, MEASURE],
        ] {
            spi.write(&setting).map_err(StartError::Bus)?;
        }
        Ok(Self { spi })
    }

    /// The bus.
    pub fn release(self) -> S {
        self.spi
    }
}

impl<S: SpiDevice> Sensor<3> for Adxl345<S> {
    type Error = S::Error;

    /// x, y and z, 3.9 mg a count. All six bytes in one transfer, so that they are of one measurement.
    fn read(&mut self) -> Result<[i16; 3], S::Error> {
        let mut bytes = [0; 7];
        bytes[0] = READ | MULTIPLE | FIRST_DATA;
        self.spi.transfer_in_place(&mut bytes)?;
        let [_, x0, x1, y0, y1, z0, z1] = bytes;
        Ok([[x0, x1], [y0, y1], [z0, z1]].map(i16::from_le_bytes))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use embedded_hal_mock::eh1::spi::{Mock, Transaction};
    use std::vec;
    use std::vec::Vec;

    use super::*;

    /// Transactions of a device that asserts its own chip select.
    fn device(transfers: Vec<Transaction<u8>>) -> Vec<Transaction<u8>> {
        let framed = |transfer| {
            [
                Transaction::transaction_start(),
                transfer,
                Transaction::transaction_end(),
            ]
        };
        transfers.into_iter().flat_map(framed).collect()
    }

    fn identity(found: u8) -> Transaction<u8> {
        Transaction::transfer_in_place(vec![0x80, 0], vec![0, found])
    }

    #[test]
    fn it_starts_and_gives_signed_counts() {
        let read = |answer: [u8; 7]| {
            Transaction::transfer_in_place(vec![0xf2, 0, 0, 0, 0, 0, 0], answer.to_vec())
        };
        let spi = Mock::new(&device(vec![
            identity(0xe5),
            Transaction::write_vec(vec![0x31, 0x0a]),
            Transaction::write_vec(vec![0x2c, 0x0a]),
            Transaction::write_vec(vec![0x2d, 0x08]),
            read([0, 1, 0, 0xff, 0xff, 0x00, 0x01]),
            read([0, 0xff, 0x0f, 0x00, 0xf0, 0, 0]),
        ]));
        let mut sensor = Adxl345::start(spi, Range::G8, Rate::Hz100).unwrap();
        assert_eq!(sensor.read(), Ok([1, -1, 256]));
        assert_eq!(sensor.read(), Ok([4095, -4096, 0]));
        sensor.release().done();
    }

    #[test]
    fn another_device_is_refused() {
        let mut spi = Mock::new(&device(vec![identity(0x33)]));
        let refused = Adxl345::start(spi.clone(), Range::G2, Rate::Hz50).map(|_| ());
        assert_eq!(refused, Err(StartError::OtherDevice { found: 0x33 }));
        spi.done();
    }
}
