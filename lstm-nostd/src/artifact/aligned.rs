//! Buffers on the boundary that a model file needs.

/// Bytes on an 8-byte boundary, for files that are compiled in.
#[doc(hidden)]
#[derive(Debug)]
#[repr(C, align(8))]
pub struct Aligned<T: ?Sized>(pub T);

/// Bytes on an 8-byte boundary, for files that are read at run time on a host.
#[cfg(feature = "write")]
#[derive(Clone, Debug)]
pub struct AlignedBytes {
    words: alloc::vec::Vec<u64>,
    length: usize,
}

#[cfg(feature = "write")]
impl From<&[u8]> for AlignedBytes {
    fn from(bytes: &[u8]) -> Self {
        let mut words = alloc::vec![0u64; bytes.len().div_ceil(8)];
        bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
        Self {
            words,
            length: bytes.len(),
        }
    }
}

#[cfg(feature = "write")]
impl core::ops::Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.length]
    }
}
