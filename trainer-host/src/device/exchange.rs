//! One request and its answer, over a port and in time.
//!
//! What is asked and what a reply means is decided by `lstm_link`, which describes the protocol; this decides when.

use std::time::{Duration, Instant};

use lstm_link::{
    Dialogue, Fault, LEAST_PIECE, OLD_PROTOCOL, Opening, PROTOCOL, Packet, PieceSize, Receiver,
    Refusal, Reply, Request, Response, Step, Transfer, Unread, encode, piece_bytes, read_message,
    read_reply, write_message,
};

use super::error::DeviceError;
use super::port::Port;

/// Longest frame that is sent or taken, whatever the device says of itself.
const FRAME_BYTES: usize = 4096;
/// No device has a shorter message.
const LEAST_MESSAGE_BYTES: u16 = 64;
/// How long the line must be quiet after damage: longer than a board's complaint is on its way.
const QUIET: Duration = Duration::from_millis(20);
/// How long quiet is waited for on a line that never is.
const LONGEST_NOISE: Duration = Duration::from_millis(500);
/// How long silence lasts before the device is asked how far it is; doubled each time, since the device may
/// be busy with the request.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A session with a device.
pub(super) struct Exchange {
    line: Line,
    /// The number of the last request.
    id: u32,
    piece: PieceSize,
    /// Buffers with the length of the device's longest message.
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// The port, and what belongs to frames on it.
struct Line {
    /// The device's address, for messages.
    device: String,
    port: Box<dyn Port>,
    /// Number of the session.
    session: u32,
    /// Number of the last ask.
    turn: u8,
    receiver: Receiver<Vec<u8>>,
    sent: Vec<u8>,
    /// Bytes that have arrived; those before `used` were looked at.
    arrived: [u8; 256],
    used: usize,
    filled: usize,
}

/// A request that is under way.
struct Pending {
    request: &'static str,
    /// How long to wait for progress.
    wait: Duration,
    /// When that time is over.
    deadline: Instant,
    /// Frames that arrived damaged, here and at the device.
    damaged: u64,
}

/// What arrived.
enum Heard<'l> {
    Frame(&'l mut [u8]),
    TooLong,
    Nothing,
}

impl Exchange {
    /// Begins session number `session` over `port`; asks for `wait` long.
    ///
    /// # Errors
    /// [`DeviceError`] when the device does not answer, or has another protocol.
    pub(super) fn open(
        device: String,
        port: Box<dyn Port>,
        session: u32,
        wait: Duration,
    ) -> Result<Self, DeviceError> {
        let mut line = Line {
            device,
            port,
            session,
            turn: 0,
            receiver: Receiver::new(vec![0; FRAME_BYTES]),
            sent: vec![0; FRAME_BYTES],
            arrived: [0; 256],
            used: 0,
            filled: 0,
        };
        let (piece, message_bytes) = line.open(session, wait)?;
        Ok(Self {
            line,
            id: 0,
            piece,
            request: vec![0; message_bytes],
            answer: vec![0; message_bytes],
        })
    }

    /// Begins another session over the same port.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub(super) fn reopen(&mut self, session: u32, wait: Duration) -> Result<(), DeviceError> {
        let (piece, message_bytes) = self.line.open(session, wait)?;
        (self.id, self.piece) = (0, piece);
        self.request.resize(message_bytes, 0);
        self.answer.resize(message_bytes, 0);
        Ok(())
    }

    /// The device's address.
    pub(super) fn device(&self) -> &str {
        &self.line.device
    }

    /// Bytes of the longest request and of the longest answer.
    pub(super) fn message_bytes(&self) -> usize {
        self.request.len()
    }

    /// Has the device carry out `request` once, and hands its answer to `read`, which returns `None`
    /// for an answer of the wrong kind. Gives up when nothing has moved for `wait`.
    ///
    /// # Errors
    /// [`DeviceError`]; a refusal is one.
    pub(super) fn ask<R>(
        &mut self,
        request: &Request<'_>,
        wait: Duration,
        read: impl FnOnce(&Response<'_>) -> Option<R>,
    ) -> Result<R, DeviceError> {
        let name = name(request);
        let have = self.message_bytes();
        let Some(message) = write_message(request, &mut self.request) else {
            let reason = format!("the request is longer than the device's {have} bytes");
            return Err(self.line.refused(name, reason));
        };
        // In one session there are not as many.
        self.id = self.id.wrapping_add(1);
        let mut transfer = Transfer::new(self.id, message, &mut self.answer, &mut self.piece);
        self.line.hold(&mut transfer, name, wait)?;
        let bytes = transfer.answer_bytes();
        match read_message(&self.answer[..bytes]) {
            Some(Response::Refused(Refusal::Model(reason))) => Err(DeviceError::Model {
                device: self.line.device.clone(),
                reason: printable(reason),
            }),
            Some(Response::Refused(refusal)) => {
                Err((self.line).refused(name, printable(&refusal.to_string())))
            }
            Some(response) => read(&response)
                .ok_or_else(|| self.line.unexpected(name, &short(&format!("{response:?}")))),
            None => Err(self.line.unexpected(name, "no message")),
        }
    }

    /// An answer that does not fit the request.
    pub(super) fn unexpected(&self, request: &'static str, answer: &str) -> DeviceError {
        self.line.unexpected(request, answer)
    }
}

impl Line {
    /// Begins session number `session`: how the pieces of messages begin, and the bytes of the longest message.
    fn open(&mut self, session: u32, wait: Duration) -> Result<(PieceSize, usize), DeviceError> {
        self.session = session;
        let request = "hello";
        let mut opening = Opening::default();
        self.hold(&mut opening, request, wait)?;
        let (frame_bytes, message_bytes) = opening.sizes().unwrap_or_default();
        let piece = piece_bytes(FRAME_BYTES.min(frame_bytes.into()));
        if piece < LEAST_PIECE || message_bytes < LEAST_MESSAGE_BYTES {
            let sizes = format!("frames of {frame_bytes} and messages of {message_bytes} bytes");
            return Err(self.unexpected(request, &sizes));
        }
        Ok((PieceSize::new(piece as u16), message_bytes.into()))
    }

    /// Asks and listens until the dialogue is at its end.
    fn hold(
        &mut self,
        dialogue: &mut impl Dialogue,
        request: &'static str,
        wait: Duration,
    ) -> Result<(), DeviceError> {
        let mut pending = Pending {
            request,
            wait,
            deadline: self.port.now() + wait,
            damaged: 0,
        };
        let mut pause = FIRST_PAUSE;
        loop {
            let sent = self.send(dialogue, &pending)?;
            match self.listen(dialogue, &mut pending, pause + sent)? {
                Some(Step::Complete) => return Ok(()),
                Some(Step::Ask { progress: true }) => {
                    pause = FIRST_PAUSE;
                    pending.deadline = self.port.now() + wait;
                }
                Some(Step::Damaged) => dialogue.damaged(),
                Some(Step::Ask { progress: false } | Step::Pass) => {}
                None => {
                    dialogue.silent();
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Sends what the dialogue asks; returns how long it is on its way.
    fn send(
        &mut self,
        dialogue: &mut impl Dialogue,
        pending: &Pending,
    ) -> Result<Duration, DeviceError> {
        self.turn = self.turn.wrapping_add(1);
        let packet = Packet::new(self.session, self.turn, dialogue.ask());
        let frame = encode(&packet, &mut self.sent);
        let frame = frame.expect("pieces fit in a frame");
        let sent = self.port.send(frame);
        let time = self.port.travel_time(frame.len());
        sent.map_err(|error| self.broken(pending.request, &error))?;
        Ok(time)
    }

    /// Listens until something is to be done: a step of the dialogue, or `None` after a silence of `pause`.
    fn listen(
        &mut self,
        dialogue: &mut impl Dialogue,
        pending: &mut Pending,
        pause: Duration,
    ) -> Result<Option<Step>, DeviceError> {
        let (session, turn) = (self.session, self.turn);
        // Until when a damaged line may become quiet.
        let mut noise_ends = None;
        loop {
            let wait = if noise_ends.is_some() { QUIET } else { pause };
            let until = noise_ends.unwrap_or(pending.deadline);
            if self.port.now() >= pending.deadline {
                return Err(self.timeout(pending));
            }
            let step = match self.next_frame(wait, until, pending)? {
                Heard::Nothing if noise_ends.is_some() => return Ok(Some(Step::Damaged)),
                Heard::Nothing => return Ok(None),
                Heard::TooLong => Step::Damaged,
                Heard::Frame(frame) => match read_reply(frame) {
                    Err(Unread::Damaged) => Step::Damaged,
                    Err(Unread::Version(found)) => return Err(self.other_version(found)),
                    Ok(Packet {
                        body: Reply::Damaged,
                        ..
                    }) => Step::Damaged,
                    Ok(reply) if reply.session != session => Step::Pass,
                    Ok(reply) => dialogue
                        .hear(&reply.body, reply.turn == turn)
                        .map_err(|fault| self.fault(pending.request, fault))?,
                },
            };
            match step {
                Step::Pass => {}
                Step::Damaged => {
                    pending.damaged += 1;
                    noise_ends.get_or_insert(self.port.now() + LONGEST_NOISE);
                }
                step => return Ok(Some(step)),
            }
        }
    }

    /// The next frame that is not empty; nothing after a silence of `wait`, or at `until`.
    fn next_frame(
        &mut self,
        wait: Duration,
        until: Instant,
        pending: &Pending,
    ) -> Result<Heard<'_>, DeviceError> {
        loop {
            while self.used < self.filled {
                let byte = self.arrived[self.used];
                self.used += 1;
                match self.receiver.push(byte) {
                    None => {}
                    Some(Err(_)) => return Ok(Heard::TooLong),
                    Some(Ok(())) => return Ok(Heard::Frame(self.receiver.frame())),
                }
            }
            let left = until.saturating_duration_since(self.port.now());
            if left.is_zero() {
                return Ok(Heard::Nothing);
            }
            let received = self.port.receive(&mut self.arrived, wait.min(left));
            let count = received.map_err(|error| self.broken(pending.request, &error))?;
            (self.used, self.filled) = (0, count);
            if count == 0 {
                return Ok(Heard::Nothing);
            }
        }
    }

    fn timeout(&self, pending: &Pending) -> DeviceError {
        DeviceError::Timeout {
            device: self.device.clone(),
            request: pending.request,
            waited: pending.wait,
            damaged: pending.damaged,
            remarks: printable(&self.port.remarks()),
        }
    }

    fn other_version(&self, found: u8) -> DeviceError {
        DeviceError::Protocol {
            device: self.device.clone(),
            found: found.into(),
            older: if found == OLD_PROTOCOL {
                " or older"
            } else {
                ""
            },
            needed: PROTOCOL.into(),
        }
    }

    fn fault(&self, request: &'static str, fault: Fault) -> DeviceError {
        match fault {
            Fault::NoSession => DeviceError::Restarted {
                device: self.device.clone(),
                request,
            },
            Fault::TooLong => self.refused(request, "the request is too long".to_owned()),
            Fault::Senseless => self.unexpected(request, "not the next one of this session"),
        }
    }

    fn broken(&self, request: &'static str, error: &std::io::Error) -> DeviceError {
        let remarks = printable(&self.port.remarks());
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

    fn refused(&self, request: &'static str, reason: String) -> DeviceError {
        DeviceError::Refused {
            device: self.device.clone(),
            request,
            reason,
        }
    }
}

/// A device's text without characters that would act on a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// The beginning of a text that may be long.
fn short(text: &str) -> String {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
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
        Request::Hear { .. } => "take samples",
        Request::Slots => "slots",
        Request::BeginUpdate(_) | Request::WriteUpdate { .. } | Request::FinishUpdate => {
            "write a model into flash"
        }
        Request::Confirm => "keep the model",
        Request::Restart => "start anew",
        Request::WeightOrder => "order of weights",
    }
}
