//! A line to a device that bytes go out on and come in from.

use std::io;
use std::time::Duration;

/// A line to a device.
pub(super) trait Port: Send {
    /// Sends all bytes.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Appends what has arrived to `bytes`, waiting for it at most `wait`; nothing when nothing came.
    fn receive(&mut self, bytes: &mut Vec<u8>, wait: Duration) -> io::Result<()>;

    /// What the other end has said beside the line; an emulator's error messages.
    fn remarks(&self) -> String {
        String::new()
    }
}
