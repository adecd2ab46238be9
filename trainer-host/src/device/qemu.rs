//! An emulated board: QEMU as a child process, its first serial port on our pipes.
//!
//! The child is ended when this is dropped. A thread each collects what arrives on the line and what QEMU
//! says on its standard error, so that neither pipe can fill up.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::error::DeviceError;
use super::port::Port;

/// The emulator.
const PROGRAM: &str = "qemu-system-arm";
/// More of the emulator's remarks than this is not kept.
const MOST_REMARKS_BYTES: usize = 4096;

/// A running emulator.
pub(super) struct Qemu {
    child: Child,
    line: ChildStdin,
    arrived: Receiver<Vec<u8>>,
    remarks: Arc<Mutex<Vec<u8>>>,
}

impl Qemu {
    /// Starts `image` on `machine`. `device` is the address for messages.
    pub(super) fn start(device: &str, machine: &str, image: &Path) -> Result<Self, DeviceError> {
        let failed = |reason: String| DeviceError::Open {
            device: device.to_owned(),
            reason,
        };
        if !image.is_file() {
            return Err(failed(format!(
                "the firmware image {} is no file",
                image.display()
            )));
        }
        let mut command = Command::new(PROGRAM);
        command
            // An instruction takes 128 ns of emulated time: the firmware's counter then counts instructions.
            .args(["-M", machine, "-icount", "shift=7"])
            .args(["-display", "none", "-monitor", "none", "-serial", "stdio"])
            .args(["-semihosting", "-kernel"])
            .arg(image)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            failed(format!(
                "`{PROGRAM}` cannot be started: {error}; `cargo xtask set-up` installs it"
            ))
        })?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(line), Some(output), Some(errors)) = pipes else {
            unreachable!("all three were asked for as pipes");
        };
        Ok(Self {
            child,
            line,
            arrived: collect_output(output),
            remarks: collect_remarks(errors),
        })
    }
}

/// Passes on what arrives, until the emulator ends.
fn collect_output(mut output: ChildStdout) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = output.read(&mut chunk) {
            if sender.send(chunk[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Keeps the beginning of what the emulator says.
fn collect_remarks(mut errors: ChildStderr) -> Arc<Mutex<Vec<u8>>> {
    let remarks = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&remarks);
    std::thread::spawn(move || {
        let mut chunk = [0; 1024];
        while let Ok(count @ 1..) = errors.read(&mut chunk) {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let room = MOST_REMARKS_BYTES.saturating_sub(kept.len());
            kept.extend(&chunk[..count.min(room)]);
        }
    });
    remarks
}

impl Port for Qemu {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.line.write_all(bytes)?;
        self.line.flush()
    }

    fn receive(&mut self, bytes: &mut Vec<u8>, wait: Duration) -> io::Result<()> {
        match self.arrived.recv_timeout(wait) {
            Ok(chunk) => bytes.extend(chunk),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait()?;
                return Err(io::Error::other(format!("QEMU ended with {status}")));
            }
        }
        Ok(())
    }

    fn remarks(&self) -> String {
        let remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&remarks).trim().to_owned()
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
