//! A real board on a serial port.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use serialport::SerialPort;

use super::error::DeviceError;
use super::port::Port;

/// Baud rate of the firmware.
const BAUD: u32 = 115_200;
/// Bytes taken at a time.
const CHUNK: usize = 4096;

/// An open serial port.
pub(super) struct Serial(Box<dyn SerialPort>);

impl Serial {
    /// Opens the port at `path`.
    pub(super) fn open(path: &str) -> Result<Self, DeviceError> {
        let port = serialport::new(path, BAUD).timeout(Duration::from_secs(5));
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
        self.0.write_all(bytes)?;
        self.0.flush()
    }

    fn receive(&mut self, bytes: &mut Vec<u8>, wait: Duration) -> io::Result<()> {
        self.0.set_timeout(wait).map_err(io::Error::from)?;
        let mut chunk = [0; CHUNK];
        match self.0.read(&mut chunk) {
            Ok(count) => bytes.extend(&chunk[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
