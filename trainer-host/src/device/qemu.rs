//! An emulated board: QEMU as a child process, its first serial port on our pipes.
//!
//! The child is ended when this is dropped, and by the kernel when this program ends in another way. A thread each
//! collects what arrives on the line and what QEMU says on its standard error, so that neither pipe
//! can fill up unread. The first thread also starts the child, because the kernel ends it with the thread that
//! started it.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lstm_link::emulator;

use super::error::DeviceError;
use super::port::Port;

/// More of the emulator's remarks than this is not kept.
const MOST_REMARKS_BYTES: usize = 4096;
/// Bytes that are taken from the line at a time.
const CHUNK_BYTES: usize = 4096;
/// Chunks that wait for the exchange; then the emulator waits.
const MOST_CHUNKS: usize = 16;
/// How long an emulator that has closed its line may take to end.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// A running emulator.
pub(super) struct Qemu {
    child: Child,
    line: ChildStdin,
    chunks: Receiver<Vec<u8>>,
    /// Bytes of a chunk that were not asked for yet.
    rest: Vec<u8>,
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
        let mut command = emulator::command(machine);
        command.arg(image);
        Self::run(command).map_err(|error| {
            failed(format!(
                "`{}` cannot be started: {error}; `cargo xtask set-up` installs it",
                emulator::PROGRAM
            ))
        })
    }

    /// Starts `command`, whose standard input and output are the line.
    pub(super) fn run(mut command: Command) -> io::Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let (started, start) = mpsc::channel();
        let (sender, chunks) = mpsc::sync_channel(MOST_CHUNKS);
        std::thread::spawn(move || match command.spawn() {
            Ok(mut child) => {
                let output = child.stdout.take();
                let sent = started.send(Ok(child));
                if let (Ok(()), Some(output)) = (sent, output) {
                    collect_output(output, &sender);
                }
            }
            // Whoever waits for it may be gone.
            Err(error) => drop(started.send(Err(error))),
        });
        let ended = |_| io::Error::other("the thread that starts it has ended");
        let mut child: Child = start.recv().map_err(ended)??;
        let (Some(line), Some(errors)) = (child.stdin.take(), child.stderr.take()) else {
            unreachable!("both were asked for as pipes");
        };
        Ok(Self {
            child,
            line,
            chunks,
            rest: Vec::new(),
            remarks: collect_remarks(errors),
        })
    }

    /// Why the line is closed.
    fn closed(&mut self) -> io::Error {
        let begin = Instant::now();
        while begin.elapsed() < END_TIMEOUT {
            match self.child.try_wait() {
                Ok(Some(status)) => return io::Error::other(format!("QEMU ended with {status}")),
                Ok(None) => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => return error,
            }
        }
        io::Error::other("QEMU closed the line")
    }
}

/// Passes on what arrives, until the emulator ends or nobody takes it.
fn collect_output(mut output: ChildStdout, sender: &SyncSender<Vec<u8>>) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(count @ 1..) = output.read(&mut chunk) {
        if sender.send(chunk[..count].to_vec()).is_err() {
            break;
        }
    }
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
    /// A pipe holds more than the exchange sends without an answer, so that this does not wait for an emulator
    /// that takes nothing.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.line.write_all(bytes)?;
        self.line.flush()
    }

    fn receive(&mut self, bytes: &mut [u8], wait: Duration) -> io::Result<usize> {
        if self.rest.is_empty() {
            self.rest = match self.chunks.recv_timeout(wait) {
                Ok(chunk) => chunk,
                Err(RecvTimeoutError::Timeout) => return Ok(0),
                Err(RecvTimeoutError::Disconnected) => return Err(self.closed()),
            };
        }
        let count = self.rest.len().min(bytes.len());
        for (place, byte) in bytes.iter_mut().zip(self.rest.drain(..count)) {
            *place = byte;
        }
        Ok(count)
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
