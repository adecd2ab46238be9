//! One request and its answer.
//!
//! A frame that the device found damaged was not carried out, so the request is sent again. An answer with
//! another number belongs to an earlier request that was given up, and is passed over.

use std::time::{Duration, Instant};

use lstm_link::{Envelope, FrameError, Refusal, Request, Response, decode, encode};

use super::error::DeviceError;
use super::port::Port;

/// Longest frame that is sent or taken.
const FRAME_BYTES: usize = 64 * 1024;
/// How often a request is sent when it arrives damaged.
const ATTEMPTS: usize = 3;

/// A line that requests go out on.
pub(super) struct Exchange {
    /// The device's address, for messages.
    pub(super) device: String,
    port: Box<dyn Port>,
    last_id: u16,
    /// Bytes that have arrived after the last whole frame.
    arrived: Vec<u8>,
    sent: Vec<u8>,
}

/// A request that is under way: its name and until when its answer is waited for.
#[derive(Clone, Copy)]
struct Pending {
    request: &'static str,
    wait: Duration,
    deadline: Instant,
}

impl Exchange {
    /// A line over `port`.
    pub(super) fn new(device: String, port: Box<dyn Port>) -> Self {
        Self {
            device,
            port,
            last_id: 0,
            arrived: Vec::new(),
            sent: vec![0; FRAME_BYTES],
        }
    }

    /// Ends whatever a former user of the line may have begun to send.
    pub(super) fn clear(&mut self) -> Result<(), DeviceError> {
        let sent = self.port.send(&[0]);
        sent.map_err(|error| self.broken("clear", &error))
    }

    /// Sends `request`, waits for the answer at most `wait`, and hands it to `read`, which returns `None`
    /// for an answer of the wrong kind. A refusal is an error.
    pub(super) fn ask<R>(
        &mut self,
        request: Request<'_>,
        wait: Duration,
        read: impl FnOnce(&Response<'_>) -> Option<R>,
    ) -> Result<R, DeviceError> {
        let pending = Pending {
            request: name(&request),
            wait,
            deadline: Instant::now() + wait,
        };
        // 0 is the number of answers to frames that the device could not read.
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        let id = self.last_id;
        let frame = encode(&Envelope { id, body: request }, &mut self.sent).map(<[u8]>::len);
        let length = frame.map_err(|error| self.unexpected(pending.request, &error.to_string()))?;
        for _ in 0..ATTEMPTS {
            let sent = self.port.send(&self.sent[..length]);
            sent.map_err(|error| self.broken(pending.request, &error))?;
            loop {
                let mut frame = self.next_frame(pending)?;
                match decode::<Envelope<Response<'_>>>(&mut frame) {
                    Ok(answer) if answer.id == id => {
                        return self.accept(pending.request, &answer.body, read);
                    }
                    // The request was damaged on its way.
                    Ok(answer) if answer.id == 0 => break,
                    // To an earlier request.
                    Ok(_) => {}
                    Err(FrameError::Damaged | FrameError::TooLong { .. }) => {
                        return Err(self.unexpected(pending.request, "damaged"));
                    }
                }
            }
        }
        Err(self.refused(pending.request, &Refusal::Damaged))
    }

    /// Reads an answer.
    fn accept<R>(
        &self,
        request: &'static str,
        answer: &Response<'_>,
        read: impl FnOnce(&Response<'_>) -> Option<R>,
    ) -> Result<R, DeviceError> {
        if let Response::Refused(refusal) = answer {
            return Err(self.refused(request, refusal));
        }
        read(answer).ok_or_else(|| self.unexpected(request, &format!("{answer:?}")))
    }

    /// The next frame that is not empty, without its final zero.
    fn next_frame(&mut self, pending: Pending) -> Result<Vec<u8>, DeviceError> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.arrived[searched..].iter().position(|byte| *byte == 0) {
                let rest = self.arrived.split_off(searched + end + 1);
                let mut frame = std::mem::replace(&mut self.arrived, rest);
                frame.pop();
                searched = 0;
                if frame.is_empty() {
                    continue;
                }
                return Ok(frame);
            }
            searched = self.arrived.len();
            let left = pending.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(DeviceError::Timeout {
                    device: self.device.clone(),
                    request: pending.request,
                    waited: pending.wait,
                    remarks: self.port.remarks(),
                });
            }
            if let Err(error) = self.port.receive(&mut self.arrived, left) {
                return Err(self.broken(pending.request, &error));
            }
        }
    }

    fn broken(&self, request: &'static str, error: &std::io::Error) -> DeviceError {
        let remarks = self.port.remarks();
        DeviceError::Broken {
            device: self.device.clone(),
            request,
            reason: match remarks.as_str() {
                "" => error.to_string(),
                remarks => format!("{error}; it said: {remarks}"),
            },
        }
    }

    fn unexpected(&self, request: &'static str, answer: &str) -> DeviceError {
        DeviceError::Unexpected {
            device: self.device.clone(),
            request,
            answer: answer.to_owned(),
        }
    }

    fn refused(&self, request: &'static str, refusal: &Refusal<'_>) -> DeviceError {
        let device = self.device.clone();
        match refusal {
            Refusal::Model(reason) => DeviceError::Model {
                device,
                reason: (*reason).to_owned(),
            },
            other => DeviceError::Refused {
                device,
                request,
                reason: other.to_string(),
            },
        }
    }
}

/// A request's name for messages.
fn name(request: &Request<'_>) -> &'static str {
    match request {
        Request::Hello => "hello",
        Request::UseEmbedded => "use the embedded model",
        Request::BeginLoad { .. } | Request::Load { .. } | Request::FinishLoad => "load a model",
        Request::Reset => "reset",
        Request::Run { .. } => "run",
        Request::ReadState => "read the state",
        Request::WriteState { .. } => "write the state",
        Request::SelfTest => "self-test",
        Request::Stack => "stack",
    }
}
