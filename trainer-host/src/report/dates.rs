//! Dates: seconds since 1970 in words, and the ticks of an axis of them.

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
/// Steps between ticks of less than a second, in milliseconds.
const FINE: [i64; 9] = [1, 2, 5, 10, 20, 50, 100, 200, 500];
/// Steps between ticks of less than a month, in seconds.
const STEPS: [i64; 21] = [
    1,
    2,
    5,
    10,
    15,
    30,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    4 * DAY,
    7 * DAY,
    14 * DAY,
];
/// The same in months.
const MONTHS: [i64; 10] = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600];

/// `2016-07-01 12:30`
pub(super) fn to_the_minute(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    format!(
        "{year}-{month:02}-{day:02} {:02}:{:02}",
        second / HOUR,
        second / MINUTE % 60
    )
}

/// The name of a moment, in milliseconds since 1970, beside those that are `step` milliseconds away: the day, day and minute,
/// or the time of the day, as finely as they differ.
fn beside(at: i64, step: i64) -> String {
    let (seconds, milliseconds) = (at.div_euclid(1000), at.rem_euclid(1000));
    let minute = to_the_minute(seconds);
    let (day, time) = minute.split_at(minute.len() - 6);
    let second = seconds.rem_euclid(MINUTE);
    match step {
        step if step >= 1000 * DAY => day.to_owned(),
        step if step >= 1000 * MINUTE => minute[5..].to_owned(),
        1000.. => format!("{}:{second:02}", time.trim_start()),
        _ => format!("{}:{second:02}.{milliseconds:03}", time.trim_start()),
    }
}

/// Some `count` round moments from `low` to `high`, in seconds since 1970, with their names.
pub(super) fn ticks(low: f64, high: f64, count: f64) -> Vec<(f64, String)> {
    let raw = (high - low) / count.max(1.0);
    let steps = STEPS.into_iter().map(|seconds| 1000 * seconds);
    let mut steps = FINE.into_iter().chain(steps);
    if let Some(step) = steps.find(|step| *step as f64 >= 800.0 * raw) {
        let first = (1e3 * low / step as f64).ceil() as i64;
        let last = (1e3 * high / step as f64).floor() as i64;
        return (first..=last)
            .map(|k| ((k * step) as f64 / 1e3, beside(k * step, step)))
            .filter(|(at, _)| (low..=high).contains(at))
            .collect();
    }
    let month = 30.44 * DAY as f64;
    let fits = |months: &i64| *months as f64 * month >= 0.8 * raw;
    let months = MONTHS.into_iter().find(fits).unwrap_or(1200);
    let (year, first, _) = civil((low / DAY as f64).floor() as i64);
    let from = (12 * year + first - 1).div_euclid(months) * months;
    (0..)
        .map(|k| from + k * months)
        .map(|month| (month.div_euclid(12), month.rem_euclid(12) + 1))
        .map(|(year, month)| {
            (
                (days(year, month) * DAY) as f64,
                format!("{year}-{month:02}"),
            )
        })
        .skip_while(|(at, _)| *at < low)
        .take_while(|(at, _)| *at <= high)
        .collect()
}

/// Year, month and day of a day since 1970-01-01. The year begins in March here, so that a leap day is its last; 400 years
/// have 146,097 days.
fn civil(day: i64) -> (i64, i64, i64) {
    let from_march = day + 719_468;
    let (era, of_era) = (
        from_march.div_euclid(146_097),
        from_march.rem_euclid(146_097),
    );
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (400 * era + year + later, month, day)
}

/// The first day of a month, in days since 1970-01-01: the inverse of [`civil`].
fn days(year: i64, month: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5;
    146_097 * era + 365 * of_era + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_of_leap_years_are_counted() {
        // date -u -d @SECONDS "+%F %R"
        for (seconds, text) in [
            (0, "1970-01-01 00:00"),
            (951_782_400, "2000-02-29 00:00"),
            (1_709_251_199, "2024-02-29 23:59"),
            (4_102_444_800, "2100-01-01 00:00"),
            (-1, "1969-12-31 23:59"),
            (-6_941_548_800, "1750-01-12 00:00"),
        ] {
            assert_eq!(to_the_minute(seconds), text);
        }
    }

    #[test]
    fn ticks_have_names_as_fine_as_their_steps() {
        // 1.5e9 is 2017-07-14 02:40:00.
        let second = |width: f64| ticks(1.5e9, 1.5e9 + width, 6.0)[1].clone();
        assert_eq!(second(0.6), (1_500_000_000.1, "02:40:00.100".to_owned()));
        assert_eq!(second(90.0), (1_500_000_015.0, "02:40:15".to_owned()));
        assert_eq!(second(600.0), (1_500_000_120.0, "07-14 02:42".to_owned()));
        assert_eq!(second(6e5), (1_500_163_200.0, "2017-07-16".to_owned()));
    }

    proptest! {
        /// Days follow each other, and months begin where they should.
        #[test]
        fn each_day_follows_the_one_before(day in -1_000_000i64..1_000_000) {
            let (year, month, of_month) = civil(day);
            prop_assert_eq!(days(year, month) + of_month - 1, day);
            let (next_year, next_month, next) = civil(day + 1);
            match next {
                1 => prop_assert_eq!(days(next_year, next_month), day + 1),
                next => prop_assert_eq!((next_year, next_month, next), (year, month, of_month + 1)),
            }
        }

        /// Ticks ascend within the range, and there are about as many as asked for.
        #[test]
        fn ticks_are_round_moments_in_the_range(low in -6e9f64..4e9, width in -1.5f64..9.5, count in 3.0f64..10.0) {
            let high = low + 10f64.powf(width);
            let ticks = ticks(low, high, count);
            prop_assert!((1..=16).contains(&ticks.len()), "{:?}", ticks);
            for pair in ticks.windows(2) {
                prop_assert!(pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1);
            }
            prop_assert!(ticks.iter().all(|tick| (low..=high).contains(&tick.0)));
        }
    }
}
