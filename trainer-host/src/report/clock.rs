//! The date and time at which a page is written.

use std::time::{SystemTime, UNIX_EPOCH};

use super::dates;

/// This moment in UTC, to the minute.
pub(super) fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    format!(
        "{} UTC",
        dates::to_the_minute(i64::try_from(seconds).unwrap_or(0))
    )
}
