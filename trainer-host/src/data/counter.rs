//! Columns that tell a row's number or its time, and so nothing that a sensor measured.
//!
//! ```text
//! v_t = v_0 + s t, whole or multiples of s, with the same s in every series                 (CT1)
//! v_t > v_{t−1}                         of a column that is called like a time              (CT2)
//! v_t > v_{t−1}, whole                  of a column that is called like a row's number      (CT3)
//! ```
//!
//! A counter of 8, 10, 12, 16, 24 or 32 bits may go round in (CT1). A ramp that a sensor measured is no such column unless
//! every recording has the same one to the last digit; then it tells no two recordings apart.

use ndarray::ArrayView2;

/// Fewer steps may count by chance.
const ENOUGH_STEPS: usize = 32;
/// So near to a whole number of steps is one, whose step is a difference of decimal digits.
const NEAR_WHOLE: f64 = 1e-6;
/// Sizes of counters that go round.
const SIZES: [f64; 6] = [
    256.0,
    1024.0,
    4096.0,
    65_536.0,
    16_777_216.0,
    4_294_967_296.0,
];

/// Names of a time column that are taken without a word, with a unit behind them or without.
const TIMES: [&str; 4] = ["time", "timestamp", "millis", "micros"];
const UNITS: [&str; 10] = [
    "", "s", "ms", "us", "µs", "ns", "sec", "seconds", "unix", "utc",
];
/// Names that a time may have, if it increases.
const LIKELY_TIMES: [&str; 16] = [
    "t", "ms", "us", "µs", "ns", "sec", "secs", "seconds", "epoch", "elapsed", "uptime", "unix",
    "utc", "tick", "ticks", "millis",
];
/// Names that a row's number may have, if it is whole and increases.
const NUMBERS: [&str; 14] = [
    "index", "idx", "row", "rows", "line", "no", "nr", "num", "number", "seq", "sequence", "frame",
    "packet", "sample",
];

/// Whether a column of this name (`timestamp`, `Time (s)`, `time_ms`) is the time.
pub(super) fn is_time(name: &str) -> bool {
    let (word, unit) = word_and_unit(name);
    TIMES.contains(&word.as_str()) && UNITS.contains(&unit.as_str())
}

/// Whether a column of this name is the time where no other one is: beside a time, it may be the day alone.
pub(super) fn is_date(name: &str) -> bool {
    ["date", "datetime", "date_time"].contains(&name.to_lowercase().as_str())
}

/// The part of a name before its unit, and the unit.
fn word_and_unit(name: &str) -> (String, String) {
    let name = name.to_lowercase();
    let end = name.find(['_', ' ', '(', '[']).unwrap_or(name.len());
    let unit = name[end..].trim_matches(['_', ' ', '(', '[', ')', ']']);
    (name[..end].to_owned(), unit.to_owned())
}

/// What a column is, if it is no channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Count {
    /// (CT1), with its s.
    Steps(f64),
    /// (CT2)
    Time,
    /// (CT3)
    Number,
}

impl Count {
    /// What `names` are, and what was done.
    pub(super) fn note(self, names: &str) -> String {
        let what = match self {
            Self::Steps(1.0) | Self::Number => "counts rows, so it".to_owned(),
            Self::Steps(step) => {
                format!("goes on by {step} from row to row, so it counts rows and")
            }
            Self::Time => "increases from row to row as a time does, so it".to_owned(),
        };
        format!("{names} {what} is no channel and was left out (--channels takes it)")
    }
}

/// Finds out, value by value, whether a column counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counter {
    last: f64,
    /// The first step of all.
    step: Option<f64>,
    largest: f64,
    /// What a value may be off by, in parts of the largest one.
    slack: f64,
    steps: usize,
    is_even: bool,
    increases: bool,
    is_whole: bool,
    /// Whether values are multiples of the step.
    is_multiple: bool,
    may_be: Option<Count>,
}

impl Counter {
    /// Of a column with this name.
    pub(super) fn new(name: &str) -> Self {
        let word = word_and_unit(name).0;
        let is_likely_time = LIKELY_TIMES.contains(&name.to_lowercase().as_str());
        Self {
            last: 0.0,
            step: None,
            largest: 0.0,
            // Decimal digits that become f64 are off by half a step of f64 each.
            slack: 8.0 * f64::EPSILON,
            steps: 0,
            is_even: true,
            increases: true,
            is_whole: true,
            is_multiple: true,
            may_be: match () {
                () if is_time(name) || is_likely_time => Some(Count::Time),
                () if NUMBERS.contains(&word.as_str()) => Some(Count::Number),
                () => None,
            },
        }
    }

    /// Takes the next value; with a series, a count begins anywhere.
    pub(super) fn take(&mut self, value: f64, is_first: bool) {
        if !self.is_even && (self.may_be.is_none() || !self.increases) {
            return;
        }
        self.largest = self.largest.max(value.abs());
        self.is_whole = self.is_whole && value.fract() == 0.0;
        if !is_first {
            self.steps += 1;
            self.is_even = self.is_even && self.goes_on(value);
            self.increases = self.increases && value > self.last;
        }
        self.is_multiple = self.is_multiple && self.is_multiple_of_step(value);
        if !value.is_finite() {
            (self.is_even, self.increases) = (false, false);
        }
        self.last = value;
    }

    /// Whether a value is a multiple of the step, which is a difference of rounded values. Before there is a step, it is.
    fn is_multiple_of_step(&self, value: f64) -> bool {
        let Some(step) = self.step.filter(|step| *step != 0.0) else {
            return true;
        };
        let parts = value / step;
        let rounding = parts.abs() * self.slack * self.largest / step.abs();
        (parts - parts.round()).abs() <= (NEAR_WHOLE + rounding).min(0.25)
    }

    /// Whether the step from the last value to this one is the first step of all.
    fn goes_on(&mut self, value: f64) -> bool {
        let found = value - self.last;
        let step = *self.step.get_or_insert(found);
        let slack = self.slack * self.largest;
        let is_step = |found: f64| (found - step).abs() <= slack;
        let goes_round = |from: f64, to: f64| {
            let over = |size: &f64| (from - size.copysign(from) - to).abs() <= slack;
            self.is_whole && SIZES.iter().any(over)
        };
        if self.steps == 2 && found.abs() < step.abs() && goes_round(step, found) {
            // The first step of all went round.
            self.step = Some(found);
            return true;
        }
        step != 0.0 && (is_step(found) || goes_round(step, found))
    }

    /// What it counts, if it does.
    pub(super) fn count(&self) -> Option<Count> {
        if self.steps < ENOUGH_STEPS {
            return None;
        }
        match (self.is_even, self.step, self.may_be) {
            (true, Some(step), _) if self.is_whole || self.is_multiple => Some(Count::Steps(step)),
            (_, _, Some(Count::Number)) if !self.is_whole => None,
            (_, _, may_be) => may_be.filter(|_| self.increases),
        }
    }
}

/// A note on the channels of arrays, which are kept as they are, that count steps.
pub(super) fn note_on_arrays<'a>(
    channels: &[String],
    sequences: impl Iterator<Item = ArrayView2<'a, f32>> + Clone,
) -> Option<String> {
    let counts = |j: &usize| {
        let mut counter = Counter {
            slack: 4.0 * f64::from(f32::EPSILON),
            ..Counter::new("")
        };
        for sequence in sequences.clone() {
            for (t, value) in sequence.column(*j).iter().enumerate() {
                counter.take(f64::from(*value), t == 0);
            }
            if !counter.is_even {
                return false;
            }
        }
        counter.count().is_some()
    };
    let counting: Vec<&str> = (0..channels.len())
        .filter(counts)
        .map(|j| channels[j].as_str())
        .collect();
    (!counting.is_empty() && counting.len() < channels.len()).then(|| {
        format!(
            "{} goes on by the same amount in every step of every sequence: if it is the time or counts steps, leave it out \
             of the data",
            counting.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a column with these series is.
    fn count(name: &str, series: &[Vec<f64>]) -> Option<Count> {
        let mut counter = Counter::new(name);
        for values in series {
            for (t, value) in values.iter().enumerate() {
                counter.take(*value, t == 0);
            }
        }
        counter.count()
    }

    fn parsed(start: i64, step: i64, places: usize, rows: usize) -> Vec<f64> {
        // Parts of one begin at a multiple of the step.
        let start = if places > 0 {
            start / 1000 * step
        } else {
            start
        };
        let number = |t: usize| (start + step * t as i64) as f64 / 10f64.powi(places as i32);
        (0..rows)
            .map(|t| format!("{:.places$}", number(t)).parse().unwrap())
            .collect()
    }

    proptest! {
        #[test]
        fn even_steps_of_decimal_digits_count_rows(
            starts in prop::collection::vec(-1_000_000_000i64..1_000_000_000, 1..4),
            step in (-5000i64..5000).prop_filter("a step", |step| *step != 0), places in 0usize..7,
        ) {
            let series: Vec<_> = starts.iter().map(|start| parsed(*start, step, places, 40)).collect();
            prop_assert!(matches!(count("x", &series), Some(Count::Steps(_))));
            // One row that is a digit off, and it is a measurement.
            let mut off = series;
            off[0][20] += 10f64.powi(-(places as i32));
            prop_assert_eq!(count("x", &off), None);
        }

        #[test]
        fn counters_go_round(bits in prop::sample::select(vec![8u32, 10, 12, 16]), step in 1i64..9, from in 0i64..256) {
            let values = (0..600).map(|t| ((from + step * t) % (1 << bits)) as f64).collect();
            prop_assert_eq!(count("x", &[values]), Some(Count::Steps(step as f64)));
        }
    }

    #[test]
    fn ramps_that_differ_between_recordings_are_signals() {
        let ramp = |step: f64| (0..40).map(|t| step * f64::from(t)).collect::<Vec<_>>();
        assert_eq!(count("x", &[ramp(0.5), ramp(-0.5)]), None);
        assert_eq!(count("x", &[ramp(0.5), ramp(0.25)]), None);
        assert_eq!(count("x", &[ramp(0.0)]), None);
        let beside: Vec<f64> = (0..40).map(|t| f64::from(t) + 0.827).collect();
        assert_eq!(count("x", std::slice::from_ref(&beside)), None);
        assert_eq!(count("time_s", &[beside]), Some(Count::Time));
    }

    #[test]
    fn names_tell_a_time_that_is_uneven() {
        let uneven: Vec<f64> = (0..40).map(|t| f64::from(20 * t + t % 3)).collect();
        for name in ["ms", "time_ms", "Timestamp", "Time (s)", "micros"] {
            assert_eq!(
                count(name, std::slice::from_ref(&uneven)),
                Some(Count::Time),
                "{name}"
            );
        }
        assert_eq!(
            count("packet_no", std::slice::from_ref(&uneven)),
            Some(Count::Number)
        );
        let parts: Vec<f64> = uneven.iter().map(|v| v + 0.5).collect();
        assert_eq!(count("packet_no", &[parts]), None);
        assert_eq!(count("energy", std::slice::from_ref(&uneven)), None);
        let falls: Vec<f64> = uneven.iter().map(|v| v % 100.0).collect();
        assert_eq!(count("time_ms", &[falls]), None);
    }
}
