//! The time of a row: a number as it stands, or a moment of ISO 8601 in seconds.
//!
//! ```text
//! 1467331200000000123      12.5      10:00:00.250
//! 2016-07-01 00:00:00      2016-07-01T00:00      2016-07-01      2016/07/01 00:00
//! 2016-07-01T00:00:00.250Z      2016-07-01T02:00:00+02:00
//! ```
//!
//! Whole parts are kept apart from fractions, so that nanoseconds since 1970 lose nothing. An offset is
//! taken off; a time without one is compared as it stands, within one series only. Dates that may mean
//! two days (`01/07/2016`) are not read.

/// A day and a week, in seconds, milliseconds and microseconds.
const DAYS: [i64; 6] = [
    86_400,
    604_800,
    86_400_000,
    604_800_000,
    86_400_000_000,
    604_800_000_000,
];

/// A moment: whole units, and a fraction in 0..1.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub(super) struct Time {
    whole: i64,
    fraction: f64,
}

impl Time {
    /// The row's number, in a file without times.
    pub(super) fn of_row(row: usize) -> Self {
        Self {
            whole: row as i64,
            fraction: 0.0,
        }
    }

    /// A number or a moment.
    pub(super) fn parse(field: &str) -> Option<Self> {
        number(field).or_else(|| moment(field))
    }

    /// The time as a number, whose last digits f64 may lose.
    pub(super) fn value(self) -> f64 {
        self.whole as f64 + self.fraction
    }

    /// Units from `earlier` to this time.
    pub(super) fn since(self, earlier: Self) -> f64 {
        self.whole.wrapping_sub(earlier.whole) as f64 + (self.fraction - earlier.fraction)
    }

    /// This time, `units` later.
    pub(super) fn later(self, units: i64) -> Self {
        Self {
            whole: self.whole.saturating_add(units),
            ..self
        }
    }

    /// The size of the counter that went round between `before` and this time, if it is certain that one
    /// did: the step over the end is like the one before it, `step`.
    pub(super) fn wrapped_from(self, before: Self, step: f64) -> Option<i64> {
        if !(step > 0.0 && self.whole >= 0) {
            return None;
        }
        let sizes = [8, 10, 12, 16, 24, 32]
            .map(|bits| 1 << bits)
            .into_iter()
            .chain(DAYS);
        sizes.into_iter().find(|size: &i64| {
            let over = self.later(*size).since(before);
            before.whole < *size && over > 0.0 && (0.5 * step..=2.0 * step).contains(&over)
        })
    }
}

/// Whether a field is a date, with or without a time of day.
pub(super) fn is_date(field: &str) -> bool {
    moment(field).is_some() && field.contains(['-', '/'])
}

fn number(field: &str) -> Option<Time> {
    let digits = field.strip_prefix('-').unwrap_or(field);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if is_plain(whole) && is_plain(fraction) {
        let whole: i64 = whole.parse().ok()?;
        let fraction = fraction_of(fraction)?;
        return Some(match field.starts_with('-') {
            false => Time { whole, fraction },
            true if fraction == 0.0 => Time {
                whole: -whole,
                fraction,
            },
            true => Time {
                whole: -whole - 1,
                fraction: 1.0 - fraction,
            },
        });
    }
    let value: f64 = field.parse().ok()?;
    (value.abs() < 9e18).then(|| Time {
        whole: value.floor() as i64,
        fraction: value - value.floor(),
    })
}

/// The value of the digits behind a point.
fn fraction_of(digits: &str) -> Option<f64> {
    // Whole numbers and powers of ten of so many digits are exact in f64, and their quotient is rounded once.
    if digits.len() <= 15 {
        return Some(digits.parse::<u64>().ok()? as f64 / 10f64.powi(digits.len() as i32));
    }
    format!("0.{digits}").parse().ok()
}

/// Seconds since 1970-01-01 of a date and time, or since midnight of a time of day.
fn moment(field: &str) -> Option<Time> {
    let Some(day_number) = field.get(..10).and_then(day) else {
        let (whole, fraction) = time_of_day(field)?;
        return field.contains(':').then_some(Time { whole, fraction });
    };
    let (clock, offset) = without_offset(&field[10..])?;
    let (seconds, fraction) = match clock.strip_prefix([' ', 'T']) {
        None if clock.is_empty() => (0, 0.0),
        None => return None,
        Some(clock) => time_of_day(clock)?,
    };
    Some(Time {
        whole: day_number * 86_400 + seconds - offset,
        fraction,
    })
}

/// `2016-07-01` or `2016/07/01`, in days since 1970-01-01.
fn day(date: &str) -> Option<i64> {
    let separator = date
        .as_bytes()
        .get(4)
        .filter(|b| matches!(b, b'-' | b'/'))?;
    let mut parts = date.split(char::from(*separator));
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if year.len() != 4 || month.len() != 2 || parts.next().is_some() {
        return None;
    }
    day_number(digits(year)?, digits(month)?, digits(day)?)
}

/// A clock without its offset, and the offset in seconds: `Z`, `+02:00`, `+0200` or `+02`.
fn without_offset(clock: &str) -> Option<(&str, i64)> {
    let clock = clock.trim_end();
    if let Some(clock) = clock.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = clock.rfind(['+', '-']) else {
        return Some((clock, 0));
    };
    let (clock, offset) = clock.split_at(at);
    let (hours, minutes) = match offset[1..].split_once(':') {
        Some(parts) => parts,
        None if offset.len() == 5 => offset.get(1..3).zip(offset.get(3..5))?,
        None => (offset.get(1..)?, "00"),
    };
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    (hours <= 14 && minutes < 60 && clock.contains(':'))
        .then(|| (clock.trim_end(), sign * (hours * 3600 + minutes * 60)))
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.fff`.
fn time_of_day(clock: &str) -> Option<(i64, f64)> {
    let mut parts = clock.split(':');
    let (hours, minutes) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let seconds = match parts.next() {
        None => Time::default(),
        Some(text) => number(text).filter(|_| text.starts_with(|c: char| c.is_ascii_digit()))?,
    };
    let fits = hours <= 24 && minutes < 60 && (0..61).contains(&seconds.whole);
    (fits && parts.next().is_none()).then_some((
        hours * 3600 + minutes * 60 + seconds.whole,
        seconds.fraction,
    ))
}

fn digits(text: &str) -> Option<i64> {
    let all = !text.is_empty() && text.len() < 10 && text.bytes().all(|b| b.is_ascii_digit());
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
            ("2016/07/01 00:00", 1_467_331_200.0),
            ("2016-07-01T02:00:00+02:00", 1_467_331_200.0),
            ("2016-06-30 19:30:00-0430", 1_467_331_200.0),
            ("2016-07-01T01:00+01", 1_467_331_200.0),
            ("2000-02-29T23:59", 951_868_740.0),
            ("2018-02-20T23:00:00.5Z", 1_519_167_600.5),
            ("1969-12-31 23:59:59", -1.0),
            ("10:00:01.25", 36_001.25),
            ("12.5", 12.5),
            ("-12.25", -12.25),
            ("1.5e3", 1500.0),
        ] {
            let time = Time::parse(field).unwrap_or_else(|| panic!("{field}"));
            assert_eq!(time.since(Time::default()), expected, "{field}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for field in [
            "2017-02-29",
            "2016-13-01",
            "2016-7-01 0",
            "2016-07-01 25:00",
            "2016-07-01 10",
            "2016-07-01 10:00:00+99:00",
            "2016-07-01+02:00",
            "01/07/2016",
            "noon",
            "2016-07-01 1é",
            "nan",
            "",
        ] {
            assert!(Time::parse(field).is_none(), "{field}");
        }
    }

    #[test]
    fn nanoseconds_since_1970_are_told_apart() {
        let time = |field| Time::parse(field).unwrap();
        let step = time("1467331200000000124").since(time("1467331200000000123"));
        assert_eq!(step, 1.0);
    }

    #[test]
    fn a_counter_goes_round_only_where_its_step_says_so() {
        let time = |value| Time::of_row(value);
        assert_eq!(time(40).wrapped_from(time(65_534), 2.0), None);
        assert_eq!(time(0).wrapped_from(time(65_534), 2.0), Some(1 << 16));
        assert_eq!(time(4).wrapped_from(time(250), 10.0), Some(1 << 8));
        assert_eq!(time(0).wrapped_from(time(19), 1.0), None);
        let clock = |text| Time::parse(text).unwrap();
        let midnight = clock("00:00:00.5").wrapped_from(clock("23:59:59.5"), 1.0);
        assert_eq!(midnight, Some(86_400));
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
