//! Walks over the bytes of a model file: [`Reader`] takes sections in place, `Writer` appends them.

use bytemuck::{AnyBitPattern, NoUninit};

use super::ArtifactError;

/// Walks over the content of a file.
#[derive(Clone)]
pub(super) struct Reader<'m> {
    rest: &'m [u8],
    total: usize,
}

impl<'m> Reader<'m> {
    /// From the first byte of `content`, which is what a file of `total` bytes holds before its checksum.
    pub(super) fn new(content: &'m [u8], total: usize) -> Self {
        Self {
            rest: content,
            total,
        }
    }

    /// Bytes that are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next `count` bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'m [u8], ArtifactError> {
        let read = self.total.saturating_sub(self.rest.len());
        let (bytes, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(ArtifactError::Truncated {
                need_bytes: read.saturating_add(count),
                have_bytes: self.total,
            })?;
        self.rest = rest;
        Ok(bytes)
    }

    /// `count` values in place. Every section is a multiple of 4 bytes long and the file begins on
    /// such a boundary, so that the cast fits; `T` has an alignment of 4 at most.
    pub(super) fn slice<T: AnyBitPattern + NoUninit>(
        &mut self,
        count: usize,
    ) -> Result<&'m [T], ArtifactError> {
        let bytes = self.bytes(count.saturating_mul(size_of::<T>()))?;
        bytemuck::try_cast_slice(bytes).map_err(|_| ArtifactError::Misaligned {
            offset: self.rest.len() % 4,
        })
    }

    /// One value in place.
    pub(super) fn record<T: AnyBitPattern + NoUninit>(&mut self) -> Result<&'m T, ArtifactError> {
        let have_bytes = self.total;
        // A slice of one value has a first one.
        self.slice(1)?.first().ok_or(ArtifactError::Truncated {
            need_bytes: size_of::<T>(),
            have_bytes,
        })
    }
}

/// A field of the file is within its range.
pub(super) fn in_range(
    field: &'static str,
    found: u32,
    low: u32,
    high: u32,
) -> Result<(), ArtifactError> {
    if (low..=high).contains(&found) {
        return Ok(());
    }
    Err(ArtifactError::Field {
        field,
        found,
        allowed: (low, high),
    })
}

/// A field of the file has the one value that fits the rest of it.
pub(super) fn exactly(
    field: &'static str,
    found: usize,
    needed: usize,
) -> Result<(), ArtifactError> {
    in_range(field, found as u32, needed as u32, needed as u32)
}

#[cfg(feature = "write")]
pub(super) use write::{Writer, fitted};

#[cfg(feature = "write")]
mod write {
    use alloc::vec::Vec;

    use bytemuck::NoUninit;

    use crate::artifact::WriteError;

    /// Appends the sections of a file.
    #[derive(Default)]
    pub(in crate::artifact) struct Writer(pub(in crate::artifact) Vec<u8>);

    impl Writer {
        /// A value as it lies in memory.
        pub(in crate::artifact) fn record<T: NoUninit>(&mut self, record: &T) {
            self.0.extend(bytemuck::bytes_of(record));
        }

        pub(in crate::artifact) fn i32s(&mut self, values: impl IntoIterator<Item = i32>) {
            values
                .into_iter()
                .for_each(|value| self.0.extend(value.to_le_bytes()));
        }

        pub(in crate::artifact) fn i8s(&mut self, values: impl IntoIterator<Item = i8>) {
            self.0.extend(values.into_iter().map(|value| value as u8));
        }
    }

    /// `found` in the type of its field, u8 or u16.
    pub(in crate::artifact) fn fitted<T: TryFrom<usize>>(
        field: &'static str,
        found: usize,
    ) -> Result<T, WriteError> {
        found.try_into().map_err(|_| WriteError::TooLarge {
            field,
            found,
            most: (1 << (8 * size_of::<T>())) - 1,
        })
    }
}
