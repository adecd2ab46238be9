//! Packets: what a frame carries.

use serde::{Deserialize, Serialize};

use crate::frame::{open, read_all};
use crate::version::{PROTOCOL, foreign_version};

/// The host cuts messages into no smaller pieces, however bad the line is.
pub const LEAST_PIECE: usize = 16;

/// What a packet and its frame add to a piece, at most, besides COBS's one byte in 254.
const OVERHEAD: usize = 32;

/// Bytes of a message that always fit in a frame of `frame_bytes` bytes.
pub const fn piece_bytes(frame_bytes: usize) -> usize {
    frame_bytes.saturating_sub(OVERHEAD + frame_bytes / 254)
}

/// What a frame carries: an [`Ask`] or a [`Reply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet<B> {
    /// Version of the protocol, [`PROTOCOL`] on both sides.
    pub version: u8,
    /// Number of the session, chosen by the host; a reply repeats it.
    pub session: u32,
    /// Number of the ask, which goes round after 255; the reply repeats it.
    pub turn: u8,
    /// The ask or the reply.
    pub body: B,
}

impl<B> Packet<B> {
    /// A packet of this version.
    pub fn new(session: u32, turn: u8, body: B) -> Self {
        Self {
            version: PROTOCOL,
            session,
            turn,
            body,
        }
    }
}

/// What the host sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask<'a> {
    /// Begin the session of this number. Answered by [`Reply::Opened`].
    Open,
    /// A piece of request `id`. Answered by [`Reply::Taken`], or by [`Reply::Answer`] after the last piece.
    Send {
        /// Number of the request in its session, from 1.
        id: u32,
        /// Bytes of the whole request.
        length: u16,
        /// Place of the piece in the request.
        offset: u16,
        /// Most bytes of the answer that the host wants in one frame.
        most: u16,
        /// The piece.
        bytes: &'a [u8],
    },
    /// How far is request `id`? Answered by [`Reply::Answer`], or by [`Reply::Taken`] if bytes of the request
    /// are missing.
    Fetch {
        /// Number of the request.
        id: u32,
        /// Place in the answer from where on the host wants it.
        offset: u16,
        /// Most bytes of the answer that the host wants in one frame; 0 asks for its length only.
        most: u16,
    },
}

/// What the board sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply<'a> {
    /// To [`Ask::Open`].
    Opened {
        /// Bytes of the longest frame that the board takes or sends.
        frame_bytes: u16,
        /// Bytes of the longest request or answer.
        message_bytes: u16,
    },
    /// Request `id` is not complete.
    Taken {
        /// Number of the request.
        id: u32,
        /// Bytes of it that the board has.
        have: u16,
    },
    /// Request `id` was carried out.
    Answer {
        /// Number of the request.
        id: u32,
        /// Bytes of the whole answer.
        length: u16,
        /// Place of this piece in the answer.
        offset: u16,
        /// The piece.
        bytes: &'a [u8],
    },
    /// The board read a frame that was damaged.
    Damaged,
    /// The board is in no session of this number.
    NoSession,
    /// The request has more bytes than [`Reply::Opened`] allows.
    TooLong,
}

/// Why a frame gave no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is damaged, or holds something else.
    Damaged,
    /// The board has this version of the protocol.
    Version(u8),
}

/// Reads the board's reply in `frame`, a frame without its zeros, which is decoded in place.
///
/// # Errors
/// [`Unread`].
pub fn read_reply(frame: &mut [u8]) -> Result<Packet<Reply<'_>>, Unread> {
    let content = open(frame).map_err(|_| Unread::Damaged)?;
    match foreign_version(content) {
        Some(version) => Err(Unread::Version(version)),
        None => match read_all::<Packet<Reply<'_>>>(content) {
            Some(packet) if packet.version == PROTOCOL => Ok(packet),
            _ => Err(Unread::Damaged),
        },
    }
}
