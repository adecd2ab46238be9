//! Frames: `0x00 ‖ cobs( packet ‖ crc32 ) ‖ 0x00`.
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
    /// The bytes are no COBS frame, or the CRC differs.
    Damaged,
    /// The frame is whole, but its content is no such packet.
    Content,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { have_bytes } => {
                write!(f, "the frame does not fit in {have_bytes} bytes")
            }
            Self::Damaged => f.write_str("the frame arrived damaged"),
            Self::Content => f.write_str("the frame holds no packet of this protocol"),
        }
    }
}

impl core::error::Error for FrameError {}

/// Writes `packet` as a frame, both its zeros included, to the front of `buffer`.
///
/// # Errors
/// [`FrameError::TooLong`].
pub fn encode<'a, P: Serialize>(packet: &P, buffer: &'a mut [u8]) -> Result<&'a [u8], FrameError> {
    let too_long = FrameError::TooLong {
        have_bytes: buffer.len(),
    };
    let (begin, rest) = buffer.split_first_mut().ok_or(too_long)?;
    *begin = 0;
    let cobs = Cobs::try_new(Slice::new(rest)).map_err(|_| too_long)?;
    let frame = postcard::serialize_with_flavor(packet, CrcModifier::new(cobs, CRC32.digest()));
    let length = frame.map_err(|_| too_long)?.len();
    buffer.get(..length + 1).ok_or(too_long)
}

/// The content of `frame`, a frame without its zeros, which is decoded in place.
///
/// # Errors
/// [`FrameError::Damaged`].
pub(crate) fn open(frame: &mut [u8]) -> Result<&[u8], FrameError> {
    let length = cobs::decode_in_place(frame).map_err(|_| FrameError::Damaged)?;
    let decoded = frame.get(..length).ok_or(FrameError::Damaged)?;
    let (content, crc) = decoded.split_last_chunk().ok_or(FrameError::Damaged)?;
    if CRC32.checksum(content) == u32::from_le_bytes(*crc) {
        Ok(content)
    } else {
        Err(FrameError::Damaged)
    }
}

/// The value that `bytes` hold from the first to the last.
pub(crate) fn read_all<'a, V: Deserialize<'a>>(bytes: &'a [u8]) -> Option<V> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        _ => None,
    }
}

/// Reads the packet in `frame`, a frame without its zeros, which is decoded in place.
///
/// # Errors
/// [`FrameError::Damaged`], and [`FrameError::Content`] for a whole frame with something else in it.
pub fn decode<'a, P: Deserialize<'a>>(frame: &'a mut [u8]) -> Result<P, FrameError> {
    read_all(open(frame)?).ok_or(FrameError::Content)
}

/// Collects bytes into frames, in a buffer that never grows.
#[derive(Debug)]
pub struct Receiver<B> {
    buffer: B,
    /// Bytes of the frame that is arriving.
    length: usize,
    /// Bytes of the frame that has arrived.
    complete: usize,
    overflowed: bool,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Receiver<B> {
    /// A receiver of frames that fit in `buffer`.
    pub fn new(buffer: B) -> Self {
        Self {
            buffer,
            length: 0,
            complete: 0,
            overflowed: false,
        }
    }

    /// Takes one byte; says when it completed a [`frame`](Self::frame), or one that was too long. Empty
    /// frames are skipped: frames begin with a zero as well.
    pub fn push(&mut self, byte: u8) -> Option<Result<(), FrameError>> {
        self.complete = 0;
        if byte != 0 {
            match self.buffer.as_mut().get_mut(self.length) {
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
                have_bytes: self.room(),
            }));
        }
        self.complete = length;
        (length > 0).then_some(Ok(()))
    }

    /// The frame that the last byte completed, without its zeros, ready to be [decoded](decode);
    /// empty when it completed none.
    pub fn frame(&mut self) -> &mut [u8] {
        let complete = self.complete;
        self.buffer.as_mut().get_mut(..complete).unwrap_or_default()
    }

    /// Whether a frame has begun and not ended.
    pub fn is_within_frame(&self) -> bool {
        self.length > 0
    }

    /// Bytes of the longest frame, its zeros left out.
    pub fn room(&self) -> usize {
        self.buffer.as_ref().len()
    }
}
