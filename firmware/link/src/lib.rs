//! The serial protocol between `trainer-host` and a board that runs `lstm-nostd`.
//!
//! The host sends one [`Request`], the board answers it with one [`Response`], each in a frame:
//!
//! ```text
//! cobs( postcard(Envelope { id, body }) ‖ crc32 ) ‖ 0x00
//! ```
//!
//! `id` is chosen by the host and repeated in the answer, so that a late answer is never taken for the
//! next one; a board answers a frame that it could not read with `id` 0. A zero byte ends every frame
//! and occurs nowhere else, so that after any noise both sides agree again at the next frame.
//!
//! Nothing here allocates or blocks. Arrays travel as little-endian bytes ([`Width`]), so that the length
//! of a message follows from the shape of the model alone.
#![no_std]
#![deny(unsafe_code)]

mod frame;
mod message;
mod words;

pub use frame::{FrameError, Receiver, checksum, decode, encode};
pub use message::{
    Envelope, Hello, ModelInfo, PROTOCOL, Refusal, Request, Resource, Response, StackUse, TickRate,
    payload_bytes,
};
pub use words::Width;
