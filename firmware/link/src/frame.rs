//! Frames: `cobs( postcard(message) ‖ crc32 ) ‖ 0x00`.
//!
//! COBS removes the zero bytes, so a zero ends a frame. The CRC is CRC-32C, little-endian:
//! another polynomial than that of model files, which have the same CRC-32 as a whole because they contain it.

use core::fmt;

use crc::{CRC_32_ISCSI, Crc};
use postcard::ser_flavors::{Cobs, Slice, crc::CrcModifier};
use serde::{Deserialize, Serialize};

static CRC32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// CRC-32C of a whole file, as [`ModelInfo::checksum`](crate::ModelInfo::checksum) has it.
pub fn checksum(file: &[u8]) -> u32 {
    CRC32.checksum(file)
}

/// Why a frame could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The frame does not fit in a buffer of this length.
    TooLong {
        /// Length of the buffer.
        have_bytes: usize,
    },
    /// The bytes are no COBS frame, the CRC differs, or the content is no message.
    Damaged,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { have_bytes } => {
                write!(f, "the frame does not fit in {have_bytes} bytes")
            }
            Self::Damaged => f.write_str("the frame arrived damaged"),
        }
    }
}

impl core::error::Error for FrameError {}

/// Writes `message` as a frame, its final zero included, to the front of `buffer`.
pub fn encode<'a, M: Serialize>(message: &M, buffer: &'a mut [u8]) -> Result<&'a [u8], FrameError> {
    let too_long = FrameError::TooLong {
        have_bytes: buffer.len(),
    };
    let cobs = Cobs::try_new(Slice::new(buffer)).map_err(|_| too_long)?;
    let frame = postcard::serialize_with_flavor(message, CrcModifier::new(cobs, CRC32.digest()));
    frame.map(|frame| &*frame).map_err(|_| too_long)
}

/// Reads the message in `frame`, a frame without its final zero, which is decoded in place.
pub fn decode<'a, M: Deserialize<'a>>(frame: &'a mut [u8]) -> Result<M, FrameError> {
    let length = cobs::decode_in_place(frame).map_err(|_| FrameError::Damaged)?;
    let decoded = frame.get(..length).ok_or(FrameError::Damaged)?;
    postcard::from_bytes_crc32(decoded, CRC32.digest()).map_err(|_| FrameError::Damaged)
}

/// Collects bytes into frames.
#[derive(Debug)]
pub struct Receiver<'a> {
    buffer: &'a mut [u8],
    /// Bytes of the frame that is arriving.
    length: usize,
    /// Bytes of the frame that has arrived.
    complete: usize,
    overflowed: bool,
}

impl<'a> Receiver<'a> {
    /// A receiver of frames that fit in `buffer`.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self {
            buffer,
            length: 0,
            complete: 0,
            overflowed: false,
        }
    }

    /// Takes one byte; says when it completed a [`frame`](Self::frame), or one that was too long. Empty
    /// frames are skipped: a board's serial port may begin with a stray zero.
    pub fn push(&mut self, byte: u8) -> Option<Result<(), FrameError>> {
        self.complete = 0;
        if byte != 0 {
            match self.buffer.get_mut(self.length) {
                Some(place) => {
                    *place = byte;
                    self.length += 1;
                }
                None => self.overflowed = true,
            }
            return None;
        }
        let length = core::mem::take(&mut self.length);
        if core::mem::take(&mut self.overflowed) {
            return Some(Err(FrameError::TooLong {
                have_bytes: self.buffer.len(),
            }));
        }
        self.complete = length;
        (length > 0).then_some(Ok(()))
    }

    /// The frame that the last byte completed, without its final zero, ready to be [decoded](decode);
    /// empty when it completed none.
    pub fn frame(&mut self) -> &mut [u8] {
        self.buffer.get_mut(..self.complete).unwrap_or_default()
    }
}
