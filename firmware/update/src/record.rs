//! What stands before the model in a slot.

use crc::{CRC_32_ISCSI, Crc};

/// Where the mark of a trial begins.
pub(crate) const TRIAL: u32 = 32;
/// Where the mark of a confirmation begins.
pub(crate) const CONFIRMED: u32 = 64;
/// Where the model begins.
pub(crate) const MODEL: u32 = 128;
/// Bytes of the record and of each mark; a multiple of the write unit.
pub(crate) const PART_BYTES: usize = 32;

const MAGIC: [u8; 8] = *b"lstmslot";
/// A mark that was written whole.
pub(crate) const MARK: [u8; PART_BYTES] = *b"lstm-nostd: this mark is set 100";

/// Its table lies in flash once.
pub(crate) static CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// CRC-32C (ISCSI) of bytes: of a model file in a [`Manifest`](crate::Manifest). A model file ends with its own CRC-32 of
/// another polynomial. By that one, all files would have the same value as a whole.
pub fn crc32c(bytes: &[u8]) -> u32 {
    CRC32C.checksum(bytes)
}

/// The record of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The slot with the higher one was written later.
    pub(crate) sequence: u32,
    /// As the manifest said.
    pub(crate) version: u32,
    /// Of the model file.
    pub(crate) bytes: u32,
    /// Of the model file.
    pub(crate) crc: u32,
}

impl Record {
    pub(crate) fn to_bytes(self) -> [u8; PART_BYTES] {
        let mut bytes = [0; PART_BYTES];
        let fields = [self.sequence, self.version, self.bytes, self.crc];
        bytes[..8].copy_from_slice(&MAGIC);
        for (place, field) in bytes[8..24].chunks_exact_mut(4).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        let crc = crc32c(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` of an erased, torn or foreign record.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; PART_BYTES] = bytes.first_chunk()?;
        let (fields, rest) = bytes.get(8..)?.as_chunks::<4>();
        debug_assert!(rest.is_empty());
        let [sequence, version, length, crc, _, own] = *fields else {
            return None;
        };
        let is_whole =
            bytes.starts_with(&MAGIC) && u32::from_le_bytes(own) == crc32c(bytes.get(..28)?);
        is_whole.then(|| Self {
            sequence: u32::from_le_bytes(sequence),
            version: u32::from_le_bytes(version),
            bytes: u32::from_le_bytes(length),
            crc: u32::from_le_bytes(crc),
        })
    }
}
