//! The date and time at which a page is written.

use std::time::{SystemTime, UNIX_EPOCH};

/// This moment in UTC, to the minute.
pub(super) fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    in_words(since.map_or(0, |since| since.as_secs()))
}

/// Seconds since 1970-01-01 as a date and a time.
fn in_words(seconds: u64) -> String {
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let is_leap = |year: u64| {
        let by = |years| year.is_multiple_of(years);
        by(4) && (!by(100) || by(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    format!(
        "{year}-{:02}-{:02} {:02}:{:02} UTC",
        month + 1,
        days + 1,
        second / 3600,
        second / 60 % 60
    )
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn days_of_leap_years_are_counted() {
        // date -u -d @SECONDS "+%F %R"
        for (seconds, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59 UTC"),
            (4_102_444_800, "2100-01-01 00:00 UTC"),
        ] {
            assert_eq!(in_words(seconds), text);
        }
    }
}
