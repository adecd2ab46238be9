//! FlatBuffers, as far as a reader of tables needs them. Every offset is held against the file.
//!
//! ```text
//! table   i32: distance back to its vtable; then its fields
//! vtable  u16: own bytes, u16: the table's bytes, then for each field u16: its place in the table, 0 if absent
//! vector  u32: length; then the elements.   Offsets (u32) count from where they stand.
//! ```
//!
//! Source: "FlatBuffers internals", flatbuffers.dev. The code that `flatc` makes of TensorFlow Lite's schema is 20 000
//! lines; six tables of it are read here.

/// A place that is not in the file.
pub(super) type Read<T> = Result<T, String>;

/// A table in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// `N` bytes at a place.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Read<[u8; N]> {
    let end = at.checked_add(N);
    end.and_then(|end| bytes.get(at..end)?.try_into().ok())
        .ok_or_else(|| format!("an offset leads to byte {at} of {}", bytes.len()))
}

/// Where the offset at a place leads.
fn follow(bytes: &[u8], at: usize) -> Read<usize> {
    let offset = u32::from_le_bytes(array(bytes, at)?) as usize;
    at.checked_add(offset)
        .ok_or_else(|| format!("offset {offset} at byte {at}"))
}

impl<'a> Table<'a> {
    /// The table that a file begins with.
    pub(super) fn root(bytes: &'a [u8]) -> Read<Self> {
        let at = follow(bytes, 0)?;
        Ok(Self { bytes, at })
    }

    /// Where field `n` is, if it is there.
    fn field(&self, n: usize) -> Read<Option<usize>> {
        let back = i64::from(i32::from_le_bytes(array(self.bytes, self.at)?));
        let vtable = usize::try_from(self.at as i64 - back).map_err(|_| {
            format!(
                "the table at byte {} has its vtable before the file",
                self.at
            )
        })?;
        let length = usize::from(u16::from_le_bytes(array(self.bytes, vtable)?));
        let entry = 4 + 2 * n;
        if entry + 2 > length {
            return Ok(None);
        }
        match u16::from_le_bytes(array(self.bytes, vtable + entry)?) {
            0 => Ok(None),
            place => Ok(Some(self.at + usize::from(place))),
        }
    }

    /// A scalar, or what it is by default.
    pub(super) fn scalar<const N: usize, T>(
        &self,
        n: usize,
        of: fn([u8; N]) -> T,
        default: T,
    ) -> Read<T> {
        match self.field(n)? {
            Some(at) => Ok(of(array(self.bytes, at)?)),
            None => Ok(default),
        }
    }

    /// A table within.
    pub(super) fn table(&self, n: usize) -> Read<Option<Self>> {
        let Some(at) = self.field(n)? else {
            return Ok(None);
        };
        let at = follow(self.bytes, at)?;
        Ok(Some(Self {
            bytes: self.bytes,
            at,
        }))
    }

    /// Where a vector's elements of `size` bytes are, and how many.
    fn elements(&self, n: usize, size: usize) -> Read<(usize, usize)> {
        let Some(at) = self.field(n)? else {
            return Ok((0, 0));
        };
        let at = follow(self.bytes, at)?;
        let count = u32::from_le_bytes(array(self.bytes, at)?) as usize;
        let first = at + 4;
        match count
            .checked_mul(size)
            .and_then(|bytes| first.checked_add(bytes))
        {
            Some(end) if end <= self.bytes.len() => Ok((first, count)),
            _ => Err(format!("a vector of {count} elements at byte {at}")),
        }
    }

    /// A vector of scalars.
    pub(super) fn scalars<const N: usize, T>(
        &self,
        n: usize,
        of: fn([u8; N]) -> T,
    ) -> Read<Vec<T>> {
        let (first, count) = self.elements(n, N)?;
        (0..count)
            .map(|k| Ok(of(array(self.bytes, first + k * N)?)))
            .collect()
    }

    /// A vector of bytes.
    pub(super) fn bytes(&self, n: usize) -> Read<&'a [u8]> {
        let (first, count) = self.elements(n, 1)?;
        Ok(&self.bytes[first..first + count])
    }

    /// Text; empty if it is absent.
    pub(super) fn text(&self, n: usize) -> Read<String> {
        Ok(String::from_utf8_lossy(self.bytes(n)?).into_owned())
    }

    /// A vector of tables.
    pub(super) fn tables(&self, n: usize) -> Read<Vec<Self>> {
        let (first, count) = self.elements(n, 4)?;
        let table = |k| {
            let at = follow(self.bytes, first + 4 * k)?;
            Ok(Self {
                bytes: self.bytes,
                at,
            })
        };
        (0..count).map(table).collect()
    }
}
