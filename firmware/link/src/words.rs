//! Integers as little-endian bytes.

/// Writes `values` to the front of `bytes`; the bytes written, or `None` when they do not fit.
pub fn put_i32<'a>(values: &[i32], bytes: &'a mut [u8]) -> Option<&'a [u8]> {
    let used = bytes.get_mut(..values.len() * 4)?;
    for (chunk, value) in used.chunks_exact_mut(4).zip(values) {
        chunk.copy_from_slice(&value.to_le_bytes());
    }
    Some(used)
}

/// The values in `bytes`; an incomplete last one is left out.
pub fn get_i32(bytes: &[u8]) -> impl ExactSizeIterator<Item = i32> + '_ {
    bytes
        .chunks_exact(4)
        .map(|chunk| i32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]))
}
