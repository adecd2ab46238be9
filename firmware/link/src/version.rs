//! The protocol's version, and how two sides of different versions find out.
//!
//! Version 2 had other frames: one zero at the end, and in the frame a request's number (`u16`) and its body,
//! both as postcard writes them. Its CRC is the same, so that each side can read the other's frames as a whole.
//!
//! - A board of version 2 answers everything from here as damaged: number 0 and the body `[7, 0]`.
//! - A host of version 2 first sends its number and the body `[0]`, "hello", and expects an introduction that
//!   begins with the board's version. It is answered with one, so that its own message names both versions.

use serde::Serialize;

use crate::frame::read_all;

/// Version of the protocol; both sides must have the same one.
pub const PROTOCOL: u8 = 3;

/// The last version whose packets do not begin with it.
pub const OLD_PROTOCOL: u8 = 2;

/// What a board of the old version answers to frames of a later one.
const OLD_DAMAGED: [u8; 3] = [0, 7, 0];

/// The version of the board that sent `content`, the content of a whole frame, if it is another one.
pub(crate) fn foreign_version(content: &[u8]) -> Option<u8> {
    match content {
        [PROTOCOL, ..] => None,
        _ if content == OLD_DAMAGED => Some(OLD_PROTOCOL),
        [version, ..] => (*version > PROTOCOL).then_some(*version),
        [] => None,
    }
}

/// The first number of an old host that says hello with `content`.
pub(crate) fn old_hello(content: &[u8]) -> Option<u16> {
    match read_all(content) {
        Some((id, 0u8)) => Some(id),
        _ => None,
    }
}

/// An introduction for an old host; all its fields after the version are zero or empty.
#[derive(Serialize)]
pub(crate) struct OldHello {
    id: u16,
    /// The response "hello".
    response: u8,
    protocol: u16,
    /// Version and board as empty texts, five sizes, three parts of the tick rate, no model.
    rest: [u8; 11],
}

impl OldHello {
    pub(crate) fn new(id: u16) -> Self {
        Self {
            id,
            response: 0,
            protocol: PROTOCOL.into(),
            rest: [0; 11],
        }
    }
}
