//! What a field of text says, the same in every format: a word, a number, or that a value is missing.

use std::borrow::Cow;
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
            Err(_) => Err(here.refuse(not_utf8(format))),
        }
    })
}

/// Bytes that are no UTF-8 text.
pub(super) fn not_utf8(format: &'static str) -> Problem {
    Problem::Syntax {
        format,
        detail: "the line is not UTF-8 text; save the file as UTF-8".into(),
    }
}

/// A field without the spaces around it. A byte order mark belongs to no field, wherever it stands: files
/// that were joined have one in their middle.
pub(super) fn clean(field: &str) -> &str {
    let is_plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    if is_plain(field.as_bytes().first()) && is_plain(field.as_bytes().last()) {
        return field;
    }
    let field = field.trim();
    match field.starts_with('\u{feff}') {
        true => field.trim_start_matches('\u{feff}').trim(),
        false => field,
    }
}

/// The one list of ways to write that there is no value, for labels, series, groups, targets and inputs: the
/// words of pandas, and what C prints for NaN.
pub(super) fn is_missing(field: &str) -> bool {
    let words = [
        "?",
        "nan",
        "-nan",
        "+nan",
        "nan(ind)",
        "-nan(ind)",
        "1.#qnan",
        "-1.#qnan",
        "1.#ind",
        "-1.#ind",
        "na",
        "#na",
        "n/a",
        "#n/a",
        "#n/a n/a",
        "<na>",
        "null",
        "none",
        "nil",
        "nat",
    ];
    field.is_empty() || words.iter().any(|word| field.eq_ignore_ascii_case(word))
}

/// The name of a class, a series or a group.
pub(super) fn word(field: &str) -> Result<&str, Problem> {
    match clean(field) {
        "" => Err(Problem::Missing {
            what: "label or name",
        }),
        word if is_missing(word) => Err(Problem::MissingWord {
            found: word.to_owned(),
        }),
        word => Ok(word),
    }
}

/// The name of a class. A whole number that is written as a fraction (`1.0`, `1.0000000e+00`) names the
/// class of that number.
pub(super) fn class_name(field: &str) -> Result<Cow<'_, str>, Problem> {
    let word = word(field)?;
    if !word.contains(['.', 'e', 'E']) {
        return Ok(word.into());
    }
    Ok(match word.parse::<f64>() {
        Ok(value) if value.fract() == 0.0 && value.abs() < 1e15 => {
            format!("{}", value as i64).into()
        }
        _ => word.into(),
    })
}

/// What stands between the whole part and the fraction of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Decimal {
    #[default]
    Point,
    Comma,
}

/// A number within the range of f32, as f64.
///
/// A missing one is [`Problem::MissingValue`] or [`Problem::NotFinite`]: [`Problem::is_gap`] tells.
pub(super) fn number(field: &str, decimal: Decimal) -> Result<f64, Problem> {
    let field = clean(field);
    let point = match decimal {
        Decimal::Point => b'.',
        Decimal::Comma => b',',
    };
    if let Some(value) = short(field.as_bytes(), point) {
        return Ok(rounded_once(value, field));
    }
    let value = match decimal {
        Decimal::Point => field.parse::<f64>().ok(),
        Decimal::Comma if field.contains('.') => None,
        Decimal::Comma => field.replacen(',', ".", 1).parse::<f64>().ok(),
    };
    let found = || field.to_owned();
    match value {
        Some(value) if (value as f32).is_finite() => Ok(rounded_once(value, field)),
        Some(_) => Err(Problem::NotFinite { found: found() }),
        None if is_missing(field) => Err(Problem::MissingValue),
        None if time_stamp::is_date(field) => Err(Problem::TimeStamp { found: found() }),
        None => Err(Problem::NotANumber { found: found() }),
    }
}

/// The value of up to 16 digits with a point among them, as `str::parse` gives it: digits below 2⁵³ and powers of ten up to
/// 10²² are exact in f64, so their quotient is rounded once.
fn short(field: &[u8], point: u8) -> Option<f64> {
    const MOST: usize = 17;
    const POWERS: [f64; MOST] = [
        1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    ];
    let (is_negative, digits) = match field {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > MOST {
        return None;
    }
    let (mut whole, mut count, mut point_after) = (0u64, 0, None);
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            whole = 10 * whole + u64::from(digit);
            count += 1;
        } else if *byte == point && point_after.is_none() {
            point_after = Some(count);
        } else {
            return None;
        }
    }
    let places = point_after.map_or(0, |before| count - before);
    if count == 0 || whole > 1 << 53 {
        return None;
    }
    let value = whole as f64 / POWERS.get(places)?;
    Some(if is_negative { -value } else { value })
}

/// Moves `value` by a step of f64 where f32 would be rounded to twice: text that lies beside the middle of two
/// f32 may have become that middle, and would then go to the even one.
fn rounded_once(value: f64, field: &str) -> f64 {
    const BELOW_F32: u64 = (1 << 29) - 1;
    let is_middle = value.to_bits() & BELOW_F32 == 1 << 28;
    let is_subnormal = value != 0.0 && value.abs() < f64::from(f32::MIN_POSITIVE);
    if !(is_middle || is_subnormal) {
        return value;
    }
    let direct = match field.replacen(',', ".", 1).parse::<f32>() {
        Ok(direct) if direct != value as f32 => direct,
        _ => return value,
    };
    match f64::from(direct) > value {
        true => value.next_up(),
        false => value.next_down(),
    }
}

/// A target of a regression, which is never made up.
pub(super) fn target(field: &str, decimal: Decimal) -> Result<f64, Problem> {
    number(field, decimal).map_err(|problem| match problem.is_gap() {
        true => Problem::Missing { what: "target" },
        false => problem,
    })
}

/// What divides the fields of a line that has no quotes.
#[derive(Clone, Copy)]
pub(super) enum Separator {
    Sign(char),
    Spaces,
}

impl Separator {
    /// The first of `signs` that a line has; spaces where it has none.
    pub(super) fn of(line: &str, signs: &[char]) -> Self {
        let sign = signs.iter().find(|sign| line.contains(**sign));
        sign.map_or(Self::Spaces, |sign| Self::Sign(*sign))
    }

    /// The fields of a line, with the spaces around them.
    pub(super) fn fields(self, line: &str) -> impl Iterator<Item = &str> {
        let divides = move |c: char| match self {
            Self::Sign(sign) => c == sign,
            Self::Spaces => c.is_whitespace(),
        };
        let is_field = move |field: &&str| matches!(self, Self::Sign(_)) || !field.is_empty();
        line.split(divides).filter(is_field)
    }
}

/// What a comma in a number may be.
pub(super) fn decimal_sign(found: &str) -> &'static str {
    let is_like_one = |c: char| c.is_ascii_digit() || matches!(c, ',' | '.' | '-' | '+');
    match found.contains(',') && found.chars().all(is_like_one) {
        true => " (commas may divide thousands or stand for the decimal point: write 1234.5)",
        false => "",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_list_says_what_is_missing() {
        for field in ["", " ? ", "NaN", "n/a", "NULL", "None", "\u{feff}<NA>"] {
            assert!(word(field).is_err(), "{field:?}");
            assert!(
                number(field, Decimal::Point).unwrap_err().is_gap(),
                "{field:?}"
            );
            assert!(matches!(
                target(field, Decimal::Point),
                Err(Problem::Missing { .. })
            ));
        }
        assert!(!number("inf", Decimal::Point).unwrap_err().is_gap());
    }

    #[test]
    fn a_byte_order_mark_belongs_to_no_field() {
        assert_eq!(word("\u{feff}1").unwrap(), "1");
        assert_eq!(number(" \u{feff}2.5", Decimal::Point).unwrap(), 2.5);
    }

    #[test]
    fn whole_fractions_name_whole_classes() {
        for (field, name) in [
            ("1.0", "1"),
            ("-2.0000000e+00", "-2"),
            ("007", "007"),
            ("1.5", "1.5"),
            ("walk.fast", "walk.fast"),
        ] {
            assert_eq!(class_name(field).unwrap(), name);
        }
    }

    #[test]
    fn numbers_are_rounded_to_f32_once() {
        // The middle of 1 and the next f32 is 1 + 2^-24; this is above it by less than f64 can tell.
        let above = "1.0000000596046447753906250000001";
        let value = number(above, Decimal::Point).unwrap();
        assert_eq!(value as f32, above.parse::<f32>().unwrap());
        assert_ne!(value as f32, above.parse::<f64>().unwrap() as f32);
    }

    proptest! {
        #[test]
        fn short_numbers_are_those_that_the_library_reads(field in "-?[0-9]{0,12}\\.?[0-9]{0,9}", other in "[-+.,e0-9]{0,6}") {
            for field in [field, other] {
                if let Some(value) = short(field.as_bytes(), b'.') {
                    prop_assert_eq!(Ok(value.to_bits()), field.parse::<f64>().map(f64::to_bits), "{}", field);
                    let comma = field.replace('.', ",");
                    prop_assert_eq!(short(comma.as_bytes(), b','), Some(value));
                }
            }
        }

        #[test]
        fn any_number_is_rounded_as_its_text_is(bits in any::<u32>(), beside in -3i32..4, digits in 9..25usize) {
            let near = f32::from_bits(bits);
            let middle = (f64::from(near) + f64::from(near.next_up())) / 2.0;
            prop_assume!((middle as f32).is_finite());
            let moved = f64::from_bits(middle.to_bits().wrapping_add_signed(i64::from(beside)));
            for field in [moved.to_string(), format!("{moved:.digits$e}"), near.to_string()] {
                let expected = field.parse::<f32>().unwrap();
                if let Ok(value) = number(&field, Decimal::Point) {
                    prop_assert_eq!((value as f32).to_bits(), expected.to_bits(), "{}", field);
                }
            }
        }
    }

    #[test]
    fn a_decimal_comma_is_one_where_commas_separate_nothing() {
        assert_eq!(number("-1,25", Decimal::Comma).unwrap(), -1.25);
        assert_eq!(number("7", Decimal::Comma).unwrap(), 7.0);
        for (field, decimal) in [
            ("1,25", Decimal::Point),
            ("1.234,5", Decimal::Comma),
            ("1,234,567", Decimal::Comma),
        ] {
            let refused = number(field, decimal);
            assert!(
                matches!(refused, Err(Problem::NotANumber { .. })),
                "{field}"
            );
        }
    }
}
