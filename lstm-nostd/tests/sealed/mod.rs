//! Model files that were changed by hand.

use lstm_nostd::artifact::AlignedBytes;

/// The file of this content, with a checksum that fits it.
pub(crate) fn sealed(mut content: Vec<u8>) -> AlignedBytes {
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&content);
    content.extend(checksum.to_le_bytes());
    AlignedBytes::from(content.as_slice())
}
