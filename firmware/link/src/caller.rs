//! The host's half of the exchange: what to ask next, and what a reply means.
//!
//! A [`Dialogue`] knows neither time nor port. Its owner sends [`Dialogue::ask`], and hands over what comes: a
//! reply ([`Dialogue::hear`]), damage ([`Dialogue::damaged`]), or nothing for a while
//! ([`Dialogue::silent`]). Then it asks again, unless the dialogue is complete.

use crate::packet::{Ask, LEAST_PIECE, Reply};

/// Frames that must arrive whole before pieces grow again.
const FRAMES_TO_GROW: u8 = 16;

/// What a reply means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is late or meant for another ask: wait on.
    Pass,
    /// The board read a damaged frame: ask again once the line is quiet.
    Damaged,
    /// Ask.
    Ask {
        /// Whether the dialogue is nearer to its end now.
        progress: bool,
    },
    /// The dialogue is at its end.
    Complete,
}

/// Why a dialogue cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The board is not in this session any more.
    NoSession,
    /// The request is too long for the board.
    TooLong,
    /// The board contradicts itself.
    Senseless,
}

/// One exchange with the board, from the first ask to the whole answer.
pub trait Dialogue {
    /// What to send now.
    fn ask(&mut self) -> Ask<'_>;

    /// Takes a reply of this session. `latest` says whether it is the one to the latest ask.
    ///
    /// # Errors
    /// [`Fault`] when the dialogue cannot go on.
    fn hear(&mut self, reply: &Reply<'_>, latest: bool) -> Result<Step, Fault>;

    /// A frame arrived damaged, here or at the board.
    fn damaged(&mut self);

    /// Nothing came for a while.
    fn silent(&mut self);
}

/// How many bytes of a message go into one frame: halved by damage, doubled after `FRAMES_TO_GROW` frames
/// that arrived whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PieceSize {
    now: u16,
    most: u16,
    whole_frames: u8,
}

impl PieceSize {
    /// Begins with the longest pieces, of `most` bytes.
    pub fn new(most: u16) -> Self {
        Self {
            now: most,
            most,
            whole_frames: 0,
        }
    }

    /// Bytes of a piece now.
    pub fn bytes(&self) -> u16 {
        self.now
    }

    fn halve(&mut self) {
        self.now = (self.now / 2).max(LEAST_PIECE as u16).min(self.most);
        self.whole_frames = 0;
    }

    fn arrived_whole(&mut self) {
        self.whole_frames += 1;
        if self.whole_frames == FRAMES_TO_GROW {
            self.whole_frames = 0;
            self.now = self.now.saturating_mul(2).min(self.most);
        }
    }
}

/// The beginning of a session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opening {
    sizes: Option<(u16, u16)>,
}

impl Opening {
    /// Longest frame and longest message of the board, in bytes, once the session is open.
    pub fn sizes(&self) -> Option<(u16, u16)> {
        self.sizes
    }
}

impl Dialogue for Opening {
    fn ask(&mut self) -> Ask<'_> {
        Ask::Open
    }

    fn hear(&mut self, reply: &Reply<'_>, _: bool) -> Result<Step, Fault> {
        Ok(match *reply {
            Reply::Opened {
                frame_bytes,
                message_bytes,
            } => {
                self.sizes = Some((frame_bytes, message_bytes));
                Step::Complete
            }
            Reply::Damaged => Step::Damaged,
            _ => Step::Pass,
        })
    }

    fn damaged(&mut self) {}

    fn silent(&mut self) {}
}

/// One request and its answer.
#[derive(Debug)]
pub struct Transfer<'t> {
    id: u32,
    request: &'t [u8],
    answer: &'t mut [u8],
    piece: &'t mut PieceSize,
    next: Next,
    /// What was asked last.
    asked: Next,
    /// Bytes of the request that the board has for certain.
    taken: usize,
    /// Bytes of the answer that have arrived.
    got: usize,
    /// Bytes of the whole answer, once known.
    length: Option<usize>,
}

/// What to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The next piece of the request goes out.
    Send,
    /// The next piece of the answer is wanted.
    Fetch,
    /// How far is the board?
    Probe,
}

impl<'t> Transfer<'t> {
    /// Request number `id` of a session, to be answered into `answer`, which has the length of the board's
    /// longest message.
    pub fn new(id: u32, request: &'t [u8], answer: &'t mut [u8], piece: &'t mut PieceSize) -> Self {
        Self {
            id,
            request,
            answer,
            piece,
            next: Next::Send,
            asked: Next::Send,
            taken: 0,
            got: 0,
            length: None,
        }
    }

    /// Bytes of the answer that have arrived; after [`Step::Complete`] all of them.
    pub fn answer_bytes(&self) -> usize {
        self.got
    }

    /// The piece of the request that goes out next, and whether it is the last one.
    fn piece(&self) -> (&'t [u8], bool) {
        let rest = self.request.get(self.taken..).unwrap_or_default();
        match rest.get(..self.piece.bytes().into()) {
            Some(piece) => (piece, piece.len() == rest.len()),
            None => (rest, true),
        }
    }

    /// The board has `have` bytes of the request, and not all of them.
    fn taken(&mut self, have: usize, latest: bool) -> Result<Step, Fault> {
        if have >= self.request.len() || self.length.is_some() {
            return late(latest);
        }
        if have < self.taken {
            return late(latest);
        }
        let progress = have > self.taken;
        if progress {
            self.taken = have;
            self.piece.arrived_whole();
        } else if !latest {
            return Ok(Step::Pass);
        } else if self.asked == Next::Probe {
            // The last piece was lost without a trace.
            self.piece.halve();
        }
        self.next = Next::Send;
        Ok(Step::Ask { progress })
    }

    /// The request was carried out; a piece of the answer is here.
    fn answered(
        &mut self,
        length: usize,
        offset: usize,
        bytes: &[u8],
        latest: bool,
    ) -> Result<Step, Fault> {
        let known = *self.length.get_or_insert(length);
        if known != length || length == 0 {
            return Err(Fault::Senseless);
        }
        if offset != self.got {
            return late(latest);
        }
        let rest = self.answer.get_mut(..length).ok_or(Fault::Senseless)?;
        let rest = rest.get_mut(offset..).ok_or(Fault::Senseless)?;
        let place = rest.get_mut(..bytes.len()).ok_or(Fault::Senseless)?;
        place.copy_from_slice(bytes);
        self.next = Next::Fetch;
        if bytes.is_empty() {
            return Ok(if latest {
                Step::Ask { progress: false }
            } else {
                Step::Pass
            });
        }
        self.got += bytes.len();
        self.piece.arrived_whole();
        if self.got == length {
            Ok(Step::Complete)
        } else {
            Ok(Step::Ask { progress: true })
        }
    }
}

/// A reply that makes no sense now: it may come late, but not to the latest ask.
fn late(latest: bool) -> Result<Step, Fault> {
    if latest {
        Err(Fault::Senseless)
    } else {
        Ok(Step::Pass)
    }
}

impl Dialogue for Transfer<'_> {
    fn ask(&mut self) -> Ask<'_> {
        self.asked = self.next;
        // Messages have at most 65,535 bytes.
        match self.next {
            Next::Send => Ask::Send {
                id: self.id,
                length: self.request.len() as u16,
                offset: self.taken as u16,
                most: self.piece.bytes(),
                bytes: self.piece().0,
            },
            Next::Fetch | Next::Probe => Ask::Fetch {
                id: self.id,
                offset: self.got as u16,
                most: if self.next == Next::Fetch {
                    self.piece.bytes()
                } else {
                    0
                },
            },
        }
    }

    fn hear(&mut self, reply: &Reply<'_>, latest: bool) -> Result<Step, Fault> {
        match *reply {
            Reply::Taken { id, have } if id == self.id => self.taken(have.into(), latest),
            Reply::Answer {
                id,
                length,
                offset,
                bytes,
            } if id == self.id => self.answered(length.into(), offset.into(), bytes, latest),
            Reply::Damaged => Ok(Step::Damaged),
            Reply::NoSession => Err(Fault::NoSession),
            Reply::TooLong => Err(Fault::TooLong),
            Reply::Opened { .. } | Reply::Taken { .. } | Reply::Answer { .. } => Ok(Step::Pass),
        }
    }

    fn damaged(&mut self) {
        // After the last piece the damaged frame may have been the answer, which is asked for with fewer
        // bytes than the piece has.
        if self.asked != Next::Send || self.piece().1 {
            self.next = Next::Fetch;
        }
        self.piece.halve();
    }

    fn silent(&mut self) {
        self.next = Next::Probe;
    }
}
