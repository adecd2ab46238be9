//! Flash that the core reads in place, by the traits of `embedded-storage`: what the boards' controllers share.

use core::fmt;
use core::ops::Range;
use core::slice;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_write,
};
use lstm_update::Flash;

/// Bytes of a write.
const WORD: usize = 4;

/// How a chip changes its flash.
pub trait Controller {
    /// Bytes that are erased together.
    const SECTOR_BYTES: usize;

    /// Erases the sector that begins at `address`.
    ///
    /// # Safety
    /// Nothing else uses the sector.
    unsafe fn erase(&mut self, address: usize);

    /// Programs the word at `address`, which is a multiple of four.
    ///
    /// # Safety
    /// Nothing else uses the word.
    unsafe fn program(&mut self, address: usize, word: u32);
}

/// Why a region of flash was not read or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlashError {
    /// The request is not one for this flash.
    Request(NorFlashErrorKind),
    /// What was erased or written reads back otherwise.
    ReadBack {
        /// The first byte that does.
        address: usize,
    },
}

impl fmt::Display for FlashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(kind) => kind.fmt(f),
            Self::ReadBack { address } => write!(
                f,
                "what was erased or written reads back otherwise at {address:#x}; was the firmware built for this board?"
            ),
        }
    }
}

impl core::error::Error for FlashError {}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Request(kind) => *kind,
            Self::ReadBack { .. } => NorFlashErrorKind::Other,
        }
    }
}

impl From<NorFlashErrorKind> for FlashError {
    fn from(kind: NorFlashErrorKind) -> Self {
        Self::Request(kind)
    }
}

/// A region of flash. What is erased or programmed is read back.
pub struct MappedFlash<C> {
    controller: C,
    address: usize,
    bytes: usize,
}

impl<C: Controller> MappedFlash<C> {
    /// The region of `bytes` bytes at `address`, a multiple of eight.
    ///
    /// # Safety
    /// The region is flash of this controller, whole sectors of it, and nothing else uses it.
    pub unsafe fn new(controller: C, address: usize, bytes: usize) -> Self {
        Self {
            controller,
            address,
            bytes,
        }
    }

    /// The bytes in `range`, if it is within the region.
    fn get(&self, range: Range<u32>) -> Option<&[u8]> {
        let (start, end) = (range.start as usize, range.end as usize);
        if start > end || end > self.bytes {
            return None;
        }
        // The content may have changed behind the compiler's back.
        cortex_m::asm::dsb();
        let first = (self.address + start) as *const u8;
        // SAFETY: `new`'s caller vouched for the region, and only `&mut self` changes it.
        Some(unsafe { slice::from_raw_parts(first, end - start) })
    }

    /// Whether the bytes from `from` to `to` are the `expected` ones.
    fn reads_back<'e>(
        &self,
        from: u32,
        to: u32,
        expected: impl Iterator<Item = &'e u8>,
    ) -> Result<(), FlashError> {
        let found = self.get(from..to).ok_or(NorFlashErrorKind::OutOfBounds)?;
        match found
            .iter()
            .zip(expected)
            .position(|(found, expected)| found != expected)
        {
            None => Ok(()),
            Some(place) => Err(FlashError::ReadBack {
                address: self.address + from as usize + place,
            }),
        }
    }
}

impl<C> ErrorType for MappedFlash<C> {
    type Error = FlashError;
}

impl<C: Controller> ReadNorFlash for MappedFlash<C> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let end = offset.saturating_add(bytes.len() as u32);
        let content = self.get(offset..end);
        let content = content.filter(|content| content.len() == bytes.len());
        bytes.copy_from_slice(content.ok_or(NorFlashErrorKind::OutOfBounds)?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes
    }
}

impl<C: Controller> NorFlash for MappedFlash<C> {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = C::SECTOR_BYTES;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        check_erase(self, from, to)?;
        for offset in (from as usize..to as usize).step_by(C::SECTOR_BYTES) {
            // SAFETY: a whole sector of the region.
            unsafe { self.controller.erase(self.address + offset) };
        }
        self.reads_back(from, to, core::iter::repeat(&0xff))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        check_write(self, offset, bytes.len())?;
        let (words, _) = bytes.as_chunks::<WORD>();
        let first = self.address + offset as usize;
        for (address, word) in (first..).step_by(WORD).zip(words) {
            // SAFETY: a word of the region.
            unsafe { (self.controller).program(address, u32::from_le_bytes(*word)) };
        }
        let end = offset.saturating_add(bytes.len() as u32);
        self.reads_back(offset, end, bytes.iter())
    }
}

impl<C: Controller> Flash for MappedFlash<C> {
    fn content(&self, range: Range<u32>) -> &[u8] {
        self.get(range).unwrap_or_default()
    }
}
