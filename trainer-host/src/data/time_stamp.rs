//! The time of a row as a number: a number as it stands, or seconds from an ISO 8601 date and time.
//!
//! ```text
//! 2016-07-01 00:00:00      2016-07-01T00:00      2016-07-01      2016-07-01T00:00:00.250Z
//! ```
//!
//! Times are compared within one series only, so that its zone does not matter; one that changes
//! (an offset such as `+02:00`) is not read.

use super::error::Problem;
use super::text;

/// A number, or the seconds since 1970-01-01 of a date.
pub(super) fn time(field: &str) -> Result<f64, Problem> {
    match seconds(field.trim()) {
        Some(seconds) => Ok(seconds),
        None => text::wide_number(field),
    }
}

/// Seconds since 1970-01-01 of a date and time of ISO 8601.
pub(super) fn seconds(field: &str) -> Option<f64> {
    let date = field.get(..10)?;
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if year.len() != 4 || month.len() != 2 || parts.next().is_some() {
        return None;
    }
    let day_number = day_number(digits(year)?, digits(month)?, digits(day)?)?;
    let clock = field[10..].trim_end_matches('Z');
    let of_day = match clock.strip_prefix([' ', 'T']) {
        None if clock.is_empty() => 0.0,
        None => return None,
        Some(clock) => seconds_of_day(clock)?,
    };
    Some(day_number as f64 * 86_400.0 + of_day)
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.fff`.
fn seconds_of_day(clock: &str) -> Option<f64> {
    let mut parts = clock.split(':');
    let (hours, minutes) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let seconds: f64 = match parts.next() {
        None => 0.0,
        Some(text) if text.starts_with(|c: char| c.is_ascii_digit()) => text.parse().ok()?,
        Some(_) => return None,
    };
    let fits = hours <= 24 && minutes < 60 && (0.0..61.0).contains(&seconds);
    (fits && parts.next().is_none()).then(|| (hours * 3600 + minutes * 60) as f64 + seconds)
}

fn digits(text: &str) -> Option<i64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

/// Days since 1970-01-01 in the Gregorian calendar; the year begins in March here, so that the leap
/// day is its last.
fn day_number(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) {
        return None;
    }
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let before = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(before + (153 * month + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_have_their_seconds() {
        // From `date -u -d ... +%s`.
        for (field, expected) in [
            ("1970-01-01", 0.0),
            ("2016-07-01 00:00:00", 1_467_331_200.0),
            ("2000-02-29T23:59", 951_868_740.0),
            ("2018-02-20T23:00:00.5Z", 1_519_167_600.5),
            ("1969-12-31 23:59:59", -1.0),
        ] {
            assert_eq!(time(field).unwrap(), expected, "{field}");
        }
        assert_eq!(time(" 12.5 ").unwrap(), 12.5);
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for field in [
            "2017-02-29",
            "2016-13-01",
            "2016-7-01 0",
            "2016-07-01 25:00",
            "2016-07-01 10",
            "2016-07-01 10:00:00+02:00",
            "01/07/2016",
            "noon",
            "2016-07-01 1é",
            "",
        ] {
            assert!(time(field).is_err(), "{field}");
        }
    }

    #[test]
    fn days_follow_each_other() {
        let mut expected = day_number(1896, 1, 1).unwrap();
        for year in 1896..2105 {
            for month in 1..=12 {
                for day in 1..=31 {
                    if let Some(number) = day_number(year, month, day) {
                        assert_eq!(number, expected, "{year}-{month}-{day}");
                        expected += 1;
                    }
                }
            }
        }
    }
}
