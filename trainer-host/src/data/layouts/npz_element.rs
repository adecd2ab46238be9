//! Elements of NumPy arrays, whatever their type: numbers of any width and byte order, and text.
//!
//! Elements are decoded as their bytes arrive, so a damaged header that claims more elements than
//! there are costs no memory. A small archive can hold very many zeros: one that claims more than the
//! archive's size makes likely is refused.

use std::fmt;
use std::io::{BufReader, Read};

use ndarray::ArrayD;

use super::npy::{Header, NpyError, read_exact};

/// An element of an array of numbers; whole ones of 53 bits are exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Real(pub(super) f64);

/// An element of an array of numbers or of text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// Of an integer or truth value.
    Whole(i64),
    /// Of a float.
    Real(f64),
    /// Of text.
    Text(String),
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(value) => write!(f, "{value}"),
            Self::Real(value) => write!(f, "{value}"),
            Self::Text(text) => write!(f, "{text}"),
        }
    }
}

/// An element that an array is read into.
pub(super) trait Kept: Sized {
    /// From an element of any type; none of a type that it cannot be.
    fn keep(cell: Cell) -> Option<Self>;
}

impl Kept for Cell {
    fn keep(cell: Cell) -> Option<Self> {
        Some(cell)
    }
}

impl Kept for Real {
    fn keep(cell: Cell) -> Option<Self> {
        match cell {
            Cell::Whole(value) => Some(Self(value as f64)),
            Cell::Real(value) => Some(Self(value)),
            Cell::Text(_) => None,
        }
    }
}

/// Reads an array and nothing more; one that would take more than `most` bytes of memory is refused before
/// any of its elements is read.
pub(super) fn read<T: Kept>(reader: impl Read, most: usize) -> Result<ArrayD<T>, NpyError> {
    let mut reader = BufReader::new(reader);
    let header = Header::read(&mut reader)?;
    let wrong = || NpyError::Type(header.descriptor.clone());
    let element = Element::parse(&header.descriptor).ok_or_else(wrong)?;
    let each = size_of::<T>().max(element.bytes);
    let fits = |len: &usize| len.checked_mul(each).is_some_and(|bytes| bytes <= most);
    let Some(len) = header.len().filter(fits) else {
        let count = header
            .len()
            .map_or("too many".into(), |len| len.to_string());
        return Err(NpyError::Damaged(format!(
            "the header declares {count} elements, which take more than the {} MiB of memory that an archive \
             of this size is given (numpy.savez compresses nothing)",
            most >> 20
        )));
    };
    let mut bytes = vec![0; element.bytes];
    let mut elements = Vec::with_capacity(len.min(1 << 16));
    for _ in 0..len {
        read_exact(&mut reader, &mut bytes)?;
        let cell = element.decode(&mut bytes).ok_or_else(wrong)?;
        elements.push(T::keep(cell).ok_or_else(wrong)?);
    }
    // The archive's checksum is compared when its end is read.
    match reader.read(&mut [0]) {
        Ok(0) => header.array(elements),
        Ok(_) => Err(NpyError::Damaged(
            "more bytes follow the array's last element".into(),
        )),
        Err(error) => Err(NpyError::Unreadable(error)),
    }
}

/// A NumPy element type such as `<f4`: byte order, kind, bytes.
struct Element {
    big_endian: bool,
    kind: u8,
    bytes: usize,
}

/// Text longer than this is not a label.
const MAX_TEXT: usize = 1 << 16;

impl Element {
    fn parse(descriptor: &str) -> Option<Self> {
        let (order, rest) = (descriptor.get(..1)?, descriptor.get(1..)?);
        let (kind, size) = (rest.bytes().next()?, rest.get(1..)?.parse::<usize>().ok()?);
        let bytes = match (kind, size) {
            (b'f', 2 | 4 | 8) | (b'i' | b'u', 1 | 2 | 4 | 8) | (b'b', 1) => size,
            (b'S', 1..=MAX_TEXT) => size,
            // UTF-32.
            (b'U', 1..=MAX_TEXT) => 4 * size,
            _ => return None,
        };
        Some(Self {
            big_endian: order == ">",
            kind,
            bytes,
        })
    }

    fn decode(&self, bytes: &mut [u8]) -> Option<Cell> {
        if self.big_endian {
            let unit = if self.kind == b'U' { 4 } else { self.bytes };
            if self.kind != b'S' {
                bytes.chunks_exact_mut(unit).for_each(<[u8]>::reverse);
            }
        }
        match self.kind {
            b'S' => {
                let text = String::from_utf8(bytes.to_vec()).ok()?;
                return Some(Cell::Text(text.trim_end_matches('\0').to_owned()));
            }
            b'U' => {
                let text: Option<String> = (bytes.chunks_exact(4))
                    .map(|c| char::from_u32(u32::from_le_bytes([c[0], c[1], c[2], c[3]])))
                    .collect();
                return Some(Cell::Text(text?.trim_end_matches('\0').to_owned()));
            }
            _ => {}
        }
        // Widened to eight bytes with the sign where there is one.
        let negative = self.kind == b'i' && bytes.last().is_some_and(|high| *high >= 128);
        let mut wide = [if negative { 255 } else { 0 }; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        Some(match (self.kind, self.bytes) {
            (b'f', 2) => Cell::Real(half(u16::from_le_bytes([wide[0], wide[1]]))),
            (b'f', 4) => {
                Cell::Real(f32::from_le_bytes([wide[0], wide[1], wide[2], wide[3]]).into())
            }
            (b'f', _) => Cell::Real(f64::from_le_bytes(wide)),
            _ => match i64::from_le_bytes(wide) {
                large if large < 0 && self.kind == b'u' => Cell::Real(large as u64 as f64),
                value => Cell::Whole(value),
            },
        })
    }
}

/// The value of a float of 16 bits (IEEE 754 binary16), whose every value f64 has.
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match i32::from(bits >> 10 & 0x1f) {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    match bits >> 15 {
        0 => magnitude,
        _ => -magnitude,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn npy(descriptor: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
    }

    fn cells(descriptor: &str, data: &[u8], count: usize) -> Vec<Cell> {
        let array = read::<Cell>(&npy(descriptor, &format!("({count},)"), data)[..], 1 << 20);
        array.unwrap().into_iter().collect()
    }

    #[test]
    fn decodes_every_type() {
        use Cell::{Real, Text, Whole};
        assert_eq!(cells("|b1", &[0, 1], 2), [Whole(0), Whole(1)]);
        assert_eq!(cells("|u1", &[255], 1), [Whole(255)]);
        assert_eq!(cells("|i1", &[255], 1), [Whole(-1)]);
        assert_eq!(cells("<i2", &(-2i16).to_le_bytes(), 1), [Whole(-2)]);
        assert_eq!(
            cells(">i4", &(-70_000i32).to_be_bytes(), 1),
            [Whole(-70_000)]
        );
        assert_eq!(
            cells("<u4", &u32::MAX.to_le_bytes(), 1),
            [Whole(4_294_967_295)]
        );
        assert_eq!(cells("<i8", &i64::MIN.to_le_bytes(), 1), [Whole(i64::MIN)]);
        assert_eq!(
            cells("<u8", &u64::MAX.to_le_bytes(), 1),
            [Real(u64::MAX as f64)]
        );
        assert_eq!(
            cells("<f4", &0.1f32.to_le_bytes(), 1),
            [Real(f64::from(0.1f32))]
        );
        // 1.5, the smallest subnormal, the largest finite value and minus infinity.
        let halves = [0x3e00u16, 0x0001, 0x7bff, 0xfc00].map(u16::to_be_bytes);
        assert_eq!(
            cells(">f2", &halves.concat(), 4),
            [1.5, 2f64.powi(-24), 65_504.0, f64::NEG_INFINITY].map(Real)
        );
        assert_eq!(cells(">f8", &0.1f64.to_be_bytes(), 1), [Real(0.1)]);
        assert_eq!(
            cells("|S3", b"up\0low", 2),
            [Text("up".into()), Text("low".into())]
        );
        let utf32: Vec<u8> = "hö"
            .chars()
            .flat_map(|c| (c as u32).to_le_bytes())
            .collect();
        assert_eq!(cells("<U2", &utf32, 1), [Text("hö".into())]);
        let utf32: Vec<u8> = "hö"
            .chars()
            .flat_map(|c| (c as u32).to_be_bytes())
            .collect();
        assert_eq!(cells(">U2", &utf32, 1), [Text("hö".into())]);
    }

    #[test]
    fn more_elements_than_there_may_be_are_refused_before_one_is_read() {
        for shape in [
            "(1000000000, 10)",
            "(9223372036854775807, 4)",
            "(0, 9223372036854775807, 4)",
        ] {
            let refused = read::<Real>(&npy("|u1", shape, &[])[..], 1 << 30);
            assert!(
                matches!(&refused, Err(NpyError::Damaged(why)) if why.contains("1024 MiB")),
                "{refused:?}"
            );
        }
        let refused = read::<Real>(&npy("<c16", "(1,)", &[0; 16])[..], 1 << 30);
        assert!(matches!(refused, Err(NpyError::Type(found)) if found == "<c16"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            descriptor in "[<>|=]?[a-zA-Z]?[0-9]{0,20}",
            shape in prop::sample::select(vec!["()", "(2,)", "(0, 3)", "(2, 2)", "(9223372036854775807, 4)"]),
            data in vec(any::<u8>(), 0..64),
            damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        ) {
            let mut bytes = npy(&descriptor, shape, &data);
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = read::<Cell>(&bytes[..], 1 << 20);
            let _ = read::<Real>(&bytes[..], 1 << 20);
        }
    }
}
