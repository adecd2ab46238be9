//! The header of a NumPy array.
//!
//! ```text
//! "\x93NUMPY" major minor length  {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }  elements
//! ```
//!
//! The length has two bytes in version 1 and four later, the least one first:
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::io::{Error, Read};

use ndarray::{ArrayD, IxDyn, ShapeBuilder};

/// Why an array cannot be read.
#[derive(Debug)]
pub(super) enum NpyError {
    /// The bytes are not what NumPy writes, in words.
    Damaged(String),
    /// Elements of another type, as NumPy describes it.
    Type(String),
    /// It cannot be read.
    Unreadable(Error),
}

/// What the elements are.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) descriptor: String,
    is_fortran: bool,
    shape: Vec<usize>,
}

/// By default, NumPy itself reads no longer header.
const MAX_HEADER: usize = 10_000;

impl Header {
    /// Reads it, up to the first element.
    pub(super) fn read(reader: &mut impl Read) -> Result<Self, NpyError> {
        let mut start = [0; 10];
        read_exact(reader, &mut start)?;
        if start[..6] != *b"\x93NUMPY" {
            return Err(no_header());
        }
        let mut length = usize::from(u16::from_le_bytes([start[8], start[9]]));
        if start[6] > 1 {
            let mut high = [0; 2];
            read_exact(reader, &mut high)?;
            length += usize::from(u16::from_le_bytes(high)) << 16;
        }
        if length > MAX_HEADER {
            return Err(no_header());
        }
        let mut header = vec![0; length];
        read_exact(reader, &mut header)?;
        let header = String::from_utf8(header).map_err(|_| no_header())?;
        Self::parse(&header).ok_or_else(no_header)
    }

    fn parse(header: &str) -> Option<Self> {
        let descriptor = value(header, "descr")?;
        let quote = descriptor.chars().next()?;
        let descriptor = match quote {
            '\'' | '"' => descriptor[1..].split(quote).next()?.to_owned(),
            // Elements of several fields.
            _ => descriptor.chars().take(60).collect(),
        };
        let shape = value(header, "shape")?
            .strip_prefix('(')?
            .split(')')
            .next()?;
        let sizes = shape
            .split(',')
            .map(str::trim)
            .filter(|size| !size.is_empty());
        Some(Self {
            descriptor,
            is_fortran: value(header, "fortran_order")?.starts_with("True"),
            shape: sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?,
        })
    }

    /// Elements of the array, if that is a number.
    pub(super) fn len(&self) -> Option<usize> {
        let product = |all: usize, size: &usize| all.checked_mul(*size);
        // NumPy's own limit: zeros in the shape hide no other size.
        self.shape
            .iter()
            .filter(|size| **size > 0)
            .try_fold(1, product)?;
        self.shape.iter().try_fold(1, product)
    }

    /// The array of these elements, as many as [`len`](Self::len) says.
    pub(super) fn array<T>(&self, elements: Vec<T>) -> Result<ArrayD<T>, NpyError> {
        let shape = IxDyn(&self.shape).set_f(self.is_fortran);
        ArrayD::from_shape_vec(shape, elements).map_err(|_| no_header())
    }
}

/// What follows the key of a dictionary as Python writes it.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let behind = |quote: char| header.split_once(&format!("{quote}{key}{quote}"));
    let (_, rest) = behind('\'').or_else(|| behind('"'))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn no_header() -> NpyError {
    NpyError::Damaged("the array has no NumPy header".into())
}

/// Reads all of `bytes`; an end before that is damage.
pub(super) fn read_exact(reader: &mut impl Read, bytes: &mut [u8]) -> Result<(), NpyError> {
    reader
        .read_exact(bytes)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                NpyError::Damaged("the array ends before its last element".into())
            }
            _ => NpyError::Unreadable(error),
        })
}
