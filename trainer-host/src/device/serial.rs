//! A real board on a serial port.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use serialport::SerialPort;

use super::error::DeviceError;
use super::port::Port;

/// Baud rate of the firmware.
const BAUD: u32 = 115_200;
/// Bits that a byte takes on the line, start and stop bit included.
const BITS_OF_BYTE: u32 = 10;
/// How long the system may take to accept a frame.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// An open serial port.
pub(super) struct Serial(Box<dyn SerialPort>);

impl Serial {
    /// Opens the port at `path`.
    pub(super) fn open(path: &str) -> Result<Self, DeviceError> {
        let port = serialport::new(path, BAUD).timeout(SEND_TIMEOUT);
        match port.open() {
            Ok(port) => Ok(Self(port)),
            Err(error) => Err(DeviceError::Open {
                device: path.to_owned(),
                reason: format!(
                    "{error}; is the board plugged in, and may this user open the port (group `dialout`)?"
                ),
            }),
        }
    }
}

impl Port for Serial {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        // `receive` leaves a shorter one. The port is not flushed: that may wait for ever.
        self.0.set_timeout(SEND_TIMEOUT).map_err(io::Error::from)?;
        self.0.write_all(bytes)
    }

    fn receive(&mut self, bytes: &mut [u8], wait: Duration) -> io::Result<usize> {
        self.0.set_timeout(wait).map_err(io::Error::from)?;
        match self.0.read(bytes) {
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                Ok(0)
            }
            read => read,
        }
    }

    fn travel_time(&self, bytes: usize) -> Duration {
        Duration::from_secs(1) * BITS_OF_BYTE * bytes as u32 / BAUD
    }
}
