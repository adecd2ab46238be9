//! What the text formats share: lines that know their number, and fields that are finite numbers.

use std::io::BufRead;

use super::error::{DataError, Place, Problem};
use super::time_stamp;

/// The lines of a file with their places, without line ends; bytes that are no UTF-8 are refused.
pub(super) fn lines<'a>(
    input: impl BufRead + 'a,
    place: &'a Place,
    format: &'static str,
) -> impl Iterator<Item = Result<(Place, String), DataError>> + 'a {
    (1..).zip(input.split(b'\n')).map(move |(number, line)| {
        let here = place.clone().line(number);
        let bytes = match line {
            Ok(bytes) => bytes,
            Err(error) => return Err(here.refuse(Problem::Unreadable(error))),
        };
        match String::from_utf8(bytes) {
            Ok(mut line) => {
                line.truncate(line.trim_end_matches('\r').len());
                Ok((here, line))
            }
            Err(_) => Err(here.refuse(Problem::Syntax {
                format,
                detail: "the line is not UTF-8 text; save the file as UTF-8".into(),
            })),
        }
    })
}

/// A finite number in `f32`, rounded to the nearest.
pub(super) fn number(field: &str) -> Result<f32, Problem> {
    finite(field, field.trim().parse::<f32>().ok(), f32::is_finite)
}

/// What becomes of a missing value among the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gaps {
    /// It is refused.
    Refused,
    /// It is read as NaN, to be filled.
    Kept,
}

impl Gaps {
    /// A finite number, or NaN for a missing one that may be kept.
    pub(super) fn number(self, field: &str) -> Result<f32, Problem> {
        match self {
            Self::Kept if is_missing(field.trim()) => Ok(f32::NAN),
            Self::Kept | Self::Refused => number(field),
        }
    }
}

/// The usual ways to write that there is no value.
fn is_missing(field: &str) -> bool {
    let words = ["nan", "na", "n/a", "null", "none"];
    field.is_empty() || field == "?" || words.iter().any(|word| field.eq_ignore_ascii_case(word))
}

/// A finite number in `f64`, rounded to the nearest.
pub(super) fn wide_number(field: &str) -> Result<f64, Problem> {
    finite(field, field.trim().parse::<f64>().ok(), f64::is_finite)
}

fn finite<T: Copy>(field: &str, value: Option<T>, is_finite: fn(T) -> bool) -> Result<T, Problem> {
    let found = field.trim().to_owned();
    match value {
        Some(value) if is_finite(value) => Ok(value),
        Some(_) => Err(Problem::NotFinite { found }),
        None if is_missing(&found) => Err(Problem::MissingValue),
        None if time_stamp::seconds(&found).is_some() => Err(Problem::TimeStamp { found }),
        None => Err(Problem::NotANumber { found }),
    }
}
