//! The board's half of the exchange: bytes in, frames out, each request handed over once.

use crate::frame::{FrameError, Receiver, encode, open, read_all};
use crate::message::{Refusal, Resource, Response, write_message};
use crate::packet::{Ask, Packet, Reply, piece_bytes};
use crate::version::{OldHello, PROTOCOL, old_hello};

/// What a byte brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'e> {
    /// Nothing to do.
    Nothing,
    /// This frame is to be sent.
    Reply(&'e [u8]),
    /// The host began a new session: nothing of the last one may show. This frame is to be sent.
    Opened(&'e [u8]),
    /// A [request](Responder::request) is complete. Carry it out and give its [answer](Responder::answer).
    Request,
}

/// Takes the bytes that arrive at a board.
///
/// A request and its answer are kept, so that the host can ask for them again.
#[derive(Debug)]
pub struct Responder<'b> {
    receiver: Receiver<&'b mut [u8]>,
    /// The frame that leaves.
    sent: &'b mut [u8],
    request: &'b mut [u8],
    answer: &'b mut [u8],
    session: Option<u32>,
    /// The request that was carried out last.
    id: u32,
    /// Bytes of its answer.
    answer_bytes: usize,
    /// Bytes of the request that is complete or arriving.
    request_bytes: usize,
    /// The ask that completed the request: its turn, and how many bytes of the answer it wants.
    asked: (u8, u16),
}

/// What an ask means.
enum Outcome {
    Say(Say),
    Opened,
    Complete,
    /// A late copy.
    Pass,
}

/// A reply before its bytes are looked up.
#[derive(Clone, Copy)]
enum Say {
    Opened,
    Damaged,
    NoSession,
    TooLong,
    Taken { id: u32 },
    Answer { offset: u16, most: u16 },
    OldHello { id: u16 },
}

impl<'b> Responder<'b> {
    /// A board in no session yet. Frames of at most `received` and `sent` bytes arrive and leave, requests
    /// and answers have at most the bytes of `request` and `answer`, and at most 65,535.
    pub fn new(
        received: &'b mut [u8],
        sent: &'b mut [u8],
        request: &'b mut [u8],
        answer: &'b mut [u8],
    ) -> Self {
        Self {
            receiver: Receiver::new(received),
            sent,
            request,
            answer,
            session: None,
            id: 0,
            answer_bytes: 0,
            request_bytes: 0,
            asked: (0, 0),
        }
    }

    /// Takes one byte from the line.
    pub fn push(&mut self, byte: u8) -> Event<'_> {
        let (session, turn, outcome) = match self.receiver.push(byte) {
            None => return Event::Nothing,
            Some(arrived) => self.arrived(arrived),
        };
        match outcome {
            Outcome::Pass => Event::Nothing,
            Outcome::Say(say) => Event::Reply(self.reply(session, turn, say)),
            Outcome::Opened => Event::Opened(self.reply(session, turn, Say::Opened)),
            Outcome::Complete => Event::Request,
        }
    }

    /// The request that is complete.
    pub fn request(&self) -> &[u8] {
        self.request.get(..self.request_bytes).unwrap_or_default()
    }

    /// Keeps the answer to the [request](Self::request); returns the frame that is to be sent.
    pub fn answer(&mut self, response: &Response<'_>) -> &[u8] {
        let room = self.answer.len() as u32;
        let too_small = Response::Refused(Refusal::TooSmall {
            resource: Resource::MessageBytes,
            need: room + 1,
            have: room,
        });
        self.answer_bytes = match write_message(response, self.answer) {
            Some(bytes) => bytes.len(),
            None => write_message(&too_small, self.answer).map_or(0, <[u8]>::len),
        };
        self.request_bytes = 0;
        let (turn, most) = self.asked;
        let session = self.session.unwrap_or_default();
        self.reply(session, turn, Say::Answer { offset: 0, most })
    }

    /// Reads the frame that has arrived: session and turn of the reply, and what to do.
    fn arrived(&mut self, arrived: Result<(), FrameError>) -> (u32, u8, Outcome) {
        let unread = (self.session.unwrap_or_default(), 0);
        let damaged = (unread.0, unread.1, Outcome::Say(Say::Damaged));
        if arrived.is_err() {
            return damaged;
        }
        // Only the fields besides the receiver are used while its frame is borrowed.
        let Ok(content) = open(self.receiver.frame()) else {
            return damaged;
        };
        let packet = match read_all::<Packet<Ask<'_>>>(content) {
            Some(packet) if packet.version == PROTOCOL => packet,
            _ => match old_hello(content) {
                Some(id) => return (unread.0, unread.1, Outcome::Say(Say::OldHello { id })),
                None => return damaged,
            },
        };
        let outcome = match packet.body {
            Ask::Open if self.session == Some(packet.session) => Outcome::Say(Say::Opened),
            Ask::Open => {
                self.session = Some(packet.session);
                (self.id, self.answer_bytes, self.request_bytes) = (0, 0, 0);
                Outcome::Opened
            }
            _ if self.session != Some(packet.session) => Outcome::Say(Say::NoSession),
            Ask::Fetch { id, offset, most } => match id.checked_sub(self.id) {
                Some(0) => Outcome::Say(Say::Answer { offset, most }),
                Some(1) => Outcome::Say(Say::Taken { id }),
                Some(_) => Outcome::Say(Say::NoSession),
                None => Outcome::Pass,
            },
            Ask::Send {
                id,
                length,
                offset,
                most,
                bytes,
            } => match id.checked_sub(self.id) {
                Some(0) => Outcome::Say(Say::Answer { offset: 0, most }),
                Some(1) if usize::from(length) > self.request.len() => Outcome::Say(Say::TooLong),
                Some(1) => {
                    let have = &mut self.request_bytes;
                    if collect(self.request, have, (length, offset), bytes) {
                        self.id = id;
                        self.answer_bytes = 0;
                        self.asked = (packet.turn, most);
                        Outcome::Complete
                    } else {
                        Outcome::Say(Say::Taken { id })
                    }
                }
                Some(_) => Outcome::Say(Say::NoSession),
                None => Outcome::Pass,
            },
        };
        (packet.session, packet.turn, outcome)
    }

    /// The frame of a reply.
    fn reply(&mut self, session: u32, turn: u8, say: Say) -> &[u8] {
        let frame_bytes = self.sent.len().min(self.receiver.room());
        let body = match say {
            Say::Opened => Reply::Opened {
                frame_bytes: saturated(frame_bytes),
                message_bytes: saturated(self.request.len().min(self.answer.len())),
            },
            Say::Damaged => Reply::Damaged,
            Say::NoSession => Reply::NoSession,
            Say::TooLong => Reply::TooLong,
            Say::Taken { id } => Reply::Taken {
                id,
                have: saturated(self.request_bytes),
            },
            Say::Answer { offset, most } => {
                let answer = self.answer.get(..self.answer_bytes).unwrap_or_default();
                let rest = answer.get(offset.into()..).unwrap_or_default();
                let most = usize::from(most).min(piece_bytes(frame_bytes));
                Reply::Answer {
                    id: self.id,
                    length: saturated(self.answer_bytes),
                    offset,
                    bytes: rest.get(..most).unwrap_or(rest),
                }
            }
            Say::OldHello { id } => {
                return encode(&OldHello::new(id), self.sent).unwrap_or_default();
            }
        };
        // `piece_bytes` leaves room for everything else.
        encode(&Packet::new(session, turn, body), self.sent).unwrap_or_default()
    }
}

/// Puts `piece` at `offset` of a request of `length` bytes, of which `have` bytes are here; whether all of them
/// are here then. A piece after a gap, or one that is here already, is left out.
fn collect(
    request: &mut [u8],
    have: &mut usize,
    (length, offset): (u16, u16),
    piece: &[u8],
) -> bool {
    let (begin, length) = (usize::from(offset), usize::from(length));
    let end = begin + piece.len();
    if begin <= *have
        && end > *have
        && end <= length
        && let Some(place) = request.get_mut(begin..end)
    {
        place.copy_from_slice(piece);
        *have = end;
    }
    *have == length
}

/// Lengths have at most 65,535 bytes.
fn saturated(bytes: usize) -> u16 {
    u16::try_from(bytes).unwrap_or(u16::MAX)
}
