//! A line to a device that bytes go out on and come in from.

use std::io;
use std::time::{Duration, Instant};

/// A line to a device.
pub(super) trait Port: Send {
    /// Sends all bytes, or hands them to the system to send.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Waits at most `wait` for bytes and copies what has arrived to the front of `bytes`; returns their
    /// number, 0 when nothing came.
    fn receive(&mut self, bytes: &mut [u8], wait: Duration) -> io::Result<usize>;

    /// How long this many bytes are on their way.
    fn travel_time(&self, _bytes: usize) -> Duration {
        Duration::ZERO
    }

    /// The time, which is simulated in tests.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// What the other end has said beside the line; an emulator's error messages.
    fn remarks(&self) -> String {
        String::new()
    }
}
