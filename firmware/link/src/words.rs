//! Integers as little-endian bytes, in as few as hold all of them.

/// Bytes of one integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Width {
    /// One byte: −2⁷..2⁷.
    I8,
    /// Two bytes: −2¹⁵..2¹⁵.
    I16,
    /// Four bytes.
    I32,
}

impl Width {
    /// The smallest width that holds all `values`.
    pub fn of(values: &[i32]) -> Self {
        if values.iter().all(|value| i8::try_from(*value).is_ok()) {
            Self::I8
        } else if values.iter().all(|value| i16::try_from(*value).is_ok()) {
            Self::I16
        } else {
            Self::I32
        }
    }

    /// Bytes of one integer.
    pub const fn bytes(self) -> usize {
        match self {
            Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 => 4,
        }
    }

    /// The lower bytes of `values`, written to the front of `bytes`; `None` when they do not fit.
    pub fn put<'a>(self, values: &[i32], bytes: &'a mut [u8]) -> Option<&'a [u8]> {
        let used = bytes.get_mut(..values.len() * self.bytes())?;
        for (chunk, value) in used.chunks_exact_mut(self.bytes()).zip(values) {
            for (byte, lower) in chunk.iter_mut().zip(value.to_le_bytes()) {
                *byte = lower;
            }
        }
        Some(used)
    }

    /// The integers in `bytes`; an incomplete last one is left out.
    pub fn get(self, bytes: &[u8]) -> impl ExactSizeIterator<Item = i32> + '_ {
        bytes.chunks_exact(self.bytes()).map(|chunk| match *chunk {
            [a] => i32::from(a as i8),
            [a, b] => i32::from(i16::from_le_bytes([a, b])),
            [a, b, c, d] => i32::from_le_bytes([a, b, c, d]),
            _ => 0,
        })
    }
}
