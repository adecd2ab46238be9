//! Arrays of numbers in NumPy's `.npy`: any numeric type and byte order, of any rank.
//!
//! The length of the data is held against the shape before anything is allocated.

use std::path::Path;

use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use py_literal::Value;

use super::error::{ImportError, Problem};

/// Reads an array.
///
/// # Errors
/// When the file cannot be read, is no `.npy`, or holds something else than numbers.
pub(super) fn read(path: &Path) -> Result<ArrayD<f64>, ImportError> {
    let bytes = super::open::bytes(path)?;
    parse(&bytes).map_err(|problem| Problem::Damaged(problem).within(path))
}

/// The array in `bytes`.
fn parse(bytes: &[u8]) -> Result<ArrayD<f64>, String> {
    let no_npy = || "not a .npy file; write it with numpy.save".to_owned();
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(no_npy)?;
    let (length, rest) = match rest {
        [1, _, a, b, rest @ ..] => (usize::from(u16::from_le_bytes([*a, *b])), rest),
        [2 | 3, _, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        _ => return Err(no_npy()),
    };
    let header = rest.get(..length).ok_or("its header is cut off")?;
    let data = &rest[length..];
    let (kind, columns_first, shape) = header_of(header)?;
    let (order, kind) = kind.split_at(1);
    let size: usize = kind
        .get(1..)
        .and_then(|size| size.parse().ok())
        .unwrap_or(0);
    let values = shape
        .iter()
        .try_fold(1usize, |product, n| product.checked_mul(*n));
    let needed = values.and_then(|values| values.checked_mul(size));
    if needed != Some(data.len()) {
        return Err(format!(
            "its header says {kind} {shape:?}, and {} bytes follow; it is cut off or holds no numbers",
            data.len()
        ));
    }
    let element = element(kind)?;
    let values = data.chunks_exact(size).map(|bytes| {
        let mut little = [0; 8];
        little[..size].copy_from_slice(bytes);
        if order == ">" {
            little[..size].reverse();
        }
        element(little)
    });
    let shape = IxDyn(&shape).set_f(columns_first);
    ArrayD::from_shape_vec(shape, values.collect()).map_err(|error| error.to_string())
}

/// Type, order of the axes, and shape.
fn header_of(header: &[u8]) -> Result<(String, bool, Vec<usize>), String> {
    let text = std::str::from_utf8(header).map_err(|_| "its header is no text")?;
    let Ok(Value::Dict(entries)) = text.trim().parse::<Value>() else {
        return Err("its header is no dictionary".into());
    };
    let entry = |name: &str| {
        let named = |key: &Value| matches!(key, Value::String(key) if key == name);
        let found = entries.iter().find(|(key, _)| named(key));
        found
            .map(|(_, value)| value)
            .ok_or(format!("its header has no {name}"))
    };
    let kind = match entry("descr")? {
        Value::String(kind) if kind.is_ascii() && kind.len() > 1 => kind.clone(),
        other => return Err(format!("it holds {other}, not numbers")),
    };
    let columns_first = matches!(entry("fortran_order")?, Value::Boolean(true));
    let Value::Tuple(shape) = entry("shape")? else {
        return Err("its shape is no tuple".into());
    };
    let shape = shape.iter().map(|n| match n {
        Value::Integer(n) => usize::try_from(n).ok(),
        _ => None,
    });
    let shape = shape.collect::<Option<Vec<usize>>>();
    Ok((kind, columns_first, shape.ok_or("its shape has no sizes")?))
}

/// From the eight bytes that begin with an element, in little-endian order.
fn element(kind: &str) -> Result<fn([u8; 8]) -> f64, String> {
    fn four(b: [u8; 8]) -> [u8; 4] {
        [b[0], b[1], b[2], b[3]]
    }
    Ok(match kind {
        "f4" => |b| f64::from(f32::from_le_bytes(four(b))),
        "f8" => f64::from_le_bytes,
        "f2" => |b| f64::from(super::half::from_f16(u16::from_le_bytes([b[0], b[1]]))),
        "i1" => |b| f64::from(b[0] as i8),
        "u1" | "b1" => |b| f64::from(b[0]),
        "i2" => |b| f64::from(i16::from_le_bytes([b[0], b[1]])),
        "u2" => |b| f64::from(u16::from_le_bytes([b[0], b[1]])),
        "i4" => |b| f64::from(i32::from_le_bytes(four(b))),
        "u4" => |b| f64::from(u32::from_le_bytes(four(b))),
        "i8" => |b| i64::from_le_bytes(b) as f64,
        "u8" => |b| u64::from_le_bytes(b) as f64,
        other => return Err(format!("it holds {other}, not numbers")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = (header.len() as u16).to_le_bytes();
        [
            b"\x93NUMPY\x01\x00",
            length.as_slice(),
            header.as_bytes(),
            data,
        ]
        .concat()
    }

    #[test]
    fn reads_numbers_of_either_byte_order() {
        let little = file("<i2", "(2, 1)", &[1, 0, 255, 255]);
        let big = file(">i2", "(2, 1)", &[0, 1, 255, 255]);
        for bytes in [little, big] {
            let array = parse(&bytes).unwrap();
            assert_eq!((array.shape(), array[[1, 0]]), ([2, 1].as_slice(), -1.0));
        }
    }

    #[test]
    fn refuses_more_than_there_is_and_other_things() {
        for bytes in [
            file("<f4", "(1000000000, 1000000000)", &[0; 8]),
            file("<f4", "(3000000000, 8000000000)", &[0; 8]),
            file("<U4", "(1,)", &[0; 16]),
            file("|O", "(1,)", &[0; 8]),
            b"\x93NUMPY\x01\x00\xff".to_vec(),
            b"PK".to_vec(),
        ] {
            assert!(parse(&bytes).is_err());
        }
    }
}
