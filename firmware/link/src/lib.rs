//! The serial protocol between `trainer-host` and a board that runs `lstm-nostd`.
//!
//! The host sends one [`Request`], the board carries it out and answers with one [`Response`]. The line
//! between them may flip, lose, double, insert and delay bytes. Four layers make of it a line on which every
//! request is carried out once, and every answer is the one to its request:
//!
//! ```text
//! message   Request, Response             what is wanted           message.rs
//! packet    Ask, Reply                    a piece of a message     packet.rs
//! frame     0 ‖ cobs(packet ‖ crc) ‖ 0    whole or not at all      frame.rs
//! bytes     the serial line
//! ```
//!
//! # Frames
//!
//! A zero byte ends a frame and occurs nowhere else. Each frame also begins with one: if the line loses
//! a zero, the next one ends the frame, and noise between two frames never touches the second one. The
//! CRC-32C covers the whole packet. Empty frames mean nothing.
//!
//! # Sessions
//!
//! The host begins a session with [`Ask::Open`] and a random number of 32 bits. Every later packet carries
//! this number, and a reply repeats the number of its ask. The host passes over replies of other sessions.
//! A board that knows another session, or none after a restart, says [`Reply::NoSession`]; the host then
//! gives up, because the state on the board is no longer what it was.
//!
//! # Messages in pieces
//!
//! Requests of a session have the numbers 1, 2, 3 and so on. A request travels in pieces of any length
//! ([`Ask::Send`]); the board collects them by their offset and says how many bytes it has
//! ([`Reply::Taken`]). The piece that completes the request has it carried out, and the reply is the first
//! piece of the answer ([`Reply::Answer`]). The host asks for the others ([`Ask::Fetch`]). A short
//! request with a short answer is one frame out and one back.
//!
//! Every ask but one may be repeated as often as one likes: the same bytes are taken again, and the answer
//! is kept until the next request is complete. The exception is the ask that completes a request, and the
//! number guards it: the board carries out request *n + 1* once, after request *n*; to any ask about
//! request *n* it repeats the answer that it keeps; older numbers are late copies, which it passes over.
//!
//! # A new model
//!
//! [`Request::Load`] brings a model into RAM, for this session. [`Request::BeginUpdate`], [`Request::WriteUpdate`] and
//! [`Request::FinishUpdate`] bring one into flash, into a slot that is not in use. [`Request::Restart`] ends the session,
//! and the board starts with the new model on trial. In the next session the host tests it, and sends
//! [`Request::Confirm`]. If the host does not, the start after goes back.
//!
//! A host that lost the answer to its request to start anew learns from [`Reply::NoSession`] that the board did so.
//!
//! # Damage
//!
//! - A board answers a frame that it cannot read with [`Reply::Damaged`]. The host waits until the line is
//!   quiet and sends the piece again.
//! - When a reply is damaged, the host asks for it again.
//! - When nothing comes for a while, the host asks with [`Ask::Fetch`] of no bytes how far the board is. If
//!   the board lost the end of a frame, this ask ends it.
//! - After each damage the host halves its pieces and those it asks for, down to [`LEAST_PIECE`] bytes, and
//!   doubles them after a number of frames that arrived whole ([`PieceSize`]). A bad line is slow and does
//!   not fail.
//! - Only progress, damage and silence make the host send. A reply that comes twice makes it send nothing.
//!
//! What remains is a damaged packet whose CRC is right by chance: one damaged frame in 2³².
//!
//! # Versions
//!
//! The first byte of a packet is [`PROTOCOL`]. A side that reads a whole frame of another version refuses the
//! other side by name; for version 2 see `version.rs`.
//!
//! # Code
//!
//! [`Opening`] and [`Transfer`] decide for the host, [`Responder`] for the board. None of them knows of time
//! or of a port, so that tests drive them as they are, over a simulated line. Nothing allocates or
//! blocks. Numbers in messages are little-endian bytes ([`Width`]), so that the length of a message follows from
//! the shape of the model alone.
//!
//! With the feature `emulator` this crate also knows how QEMU is started (`emulator.rs`); that part needs
//! the standard library.
#![cfg_attr(not(feature = "emulator"), no_std)]
#![deny(unsafe_code)]

mod caller;
#[cfg(feature = "emulator")]
pub mod emulator;
mod frame;
mod message;
mod packet;
mod responder;
mod version;
mod words;

pub use caller::{Dialogue, Fault, Opening, PieceSize, Step, Transfer};
pub use frame::{FrameError, Receiver, checksum, decode, encode};
pub use message::{
    Hello, Manifest, ModelInfo, Refusal, Request, Resource, Response, Slots, StackUse, TickRate,
    payload_bytes, read_message, write_message,
};
pub use packet::{Ask, LEAST_PIECE, Packet, Reply, Unread, piece_bytes, read_reply};
pub use responder::{Event, Responder};
pub use version::{OLD_PROTOCOL, PROTOCOL};
pub use words::Width;
