//! Axes of charts: places, ticks and numbers.

/// A range of values on a line, perhaps by their logarithms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    /// Ends, as places: logarithms on a logarithmic axis.
    low: f64,
    high: f64,
    log: bool,
    /// Whether all values are whole, so that ticks are too.
    whole: bool,
}

/// Positive values whose range is at least this wide lie on a logarithmic axis.
const WIDE: f64 = 20.0;

/// Whether an axis of `values` shows their logarithms best.
pub(super) fn is_wide(values: impl Iterator<Item = f64>) -> bool {
    let (low, high) = ends(values);
    low > 0.0 && high / low >= WIDE
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        })
}

impl Range {
    /// The range of `values` with a little room, never an empty one. Those that are not finite are left out.
    pub(super) fn of(values: impl Iterator<Item = f64>, log: bool) -> Self {
        let place = |value: f64| if log { value.log10() } else { value };
        let mut whole = !log;
        let (low, high) = ends(
            values
                .inspect(|value| whole &= value.fract() == 0.0)
                .map(place),
        );
        if low > high {
            return Self::between(0.0, 1.0);
        }
        let room = match high - low {
            width if width > 0.0 => 0.04 * width,
            // A single value: about half of it on both sides.
            _ if log || whole || low == 0.0 => 0.5,
            _ => 0.5 * low.abs(),
        };
        Self {
            low: low - room,
            high: high + room,
            log,
            whole,
        }
    }

    /// The range from `low` to `high`, without room.
    pub(super) fn between(low: f64, high: f64) -> Self {
        Self {
            low,
            high,
            log: false,
            whole: false,
        }
    }

    /// Its ends, which are values where the axis is linear.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Where a value lies, from 0 to 1; `None` for one that has no place.
    pub(super) fn share(&self, value: f64) -> Option<f64> {
        let place = if self.log { value.log10() } else { value };
        place
            .is_finite()
            .then(|| (place - self.low) / (self.high - self.low))
    }

    /// Some `count` round values with their shares.
    pub(super) fn ticks(&self, count: f64) -> Vec<(f64, String)> {
        let share = |place: f64| (place - self.low) / (self.high - self.low);
        if self.log {
            let decades = self.decades(count);
            if decades.len() > 1 {
                return (decades.into_iter())
                    .map(|value| (share(value.log10()), number(value)))
                    .collect();
            }
        }
        let raw = (self.high - self.low) / count.max(1.0);
        let power = 10f64.powf(raw.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = (steps.into_iter().find(|step| *step >= 0.6 * raw)).unwrap_or(raw);
        let step = if self.whole { step.max(1.0) } else { step };
        let first = (self.low / step - 1e-9).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        (first..=last)
            .map(|k| {
                let place = k as f64 * step;
                let value = if self.log { 10f64.powf(place) } else { place };
                (share(place), told_apart(value, step, self.log))
            })
            .collect()
    }

    /// Powers of ten in the range, and twice and five times those where it is short.
    fn decades(&self, count: f64) -> Vec<f64> {
        let width = self.high - self.low;
        let step = (width / count).ceil().max(1.0) as i32;
        let factors: &[f64] = if width < 2.0 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let exponents = (self.low.floor() as i32..=self.high as i32).filter(|d| d % step == 0);
        let values = exponents.flat_map(|d| factors.iter().map(move |f| f * 10f64.powi(d)));
        values
            .filter(|value| (self.low..=self.high).contains(&value.log10()))
            .collect()
    }
}

/// A tick's value: in five digits, or in as many as tell it from its neighbours.
fn told_apart(value: f64, step: f64, log: bool) -> String {
    let text = number(value);
    let is_near = |text: &str| {
        text.parse()
            .is_ok_and(|said: f64| (said - value).abs() <= 0.01 * step)
    };
    if log || is_near(&text) {
        return text;
    }
    let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    format!("{value:.decimals$}")
}

/// A number in five digits at most.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.abs().to_string();
    }
    let size = value.abs();
    if !(1e-4..1e6).contains(&size) {
        let text = format!("{value:.2e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trimmed(digits));
    }
    let decimals = (4 - size.log10().floor() as i32).max(0) as usize;
    trimmed(&format!("{value:.decimals$}")).to_owned()
}

fn trimmed(text: &str) -> &str {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Ticks lie in the range, are as many as asked for or about so, and say their own values.
        #[test]
        fn ticks_are_round_values_in_the_range(low in -1e4f64..1e4, width in 1e-3f64..1e5, log: bool, count in 3.0f64..10.0) {
            let low = if log { low.abs() + 1e-3 } else { low };
            let range = Range::of([low, low + width].into_iter(), log);
            let ticks = range.ticks(count);
            prop_assert!((2..=18).contains(&ticks.len()), "{ticks:?}");
            for (share, text) in &ticks {
                prop_assert!((-1e-6..=1.0 + 1e-6).contains(share), "{ticks:?}");
                let value: f64 = text.parse().unwrap();
                let there = range.share(value).unwrap();
                prop_assert!((there - share).abs() < 0.02, "{text}: {there} {share}");
            }
        }
    }

    #[test]
    fn whole_values_have_whole_ticks() {
        let texts = |values: &[f64]| -> Vec<String> {
            let ticks = Range::of(values.iter().copied(), false).ticks(8.0);
            ticks.into_iter().map(|(_, text)| text).collect()
        };
        assert_eq!(texts(&[1.0, 2.0]), ["1", "2"]);
        assert_eq!(texts(&[1.0]), ["1"]);
        assert!(
            texts(&[6e-6]).contains(&"6e-6".to_owned()),
            "{:?}",
            texts(&[6e-6])
        );
        assert!(texts(&[1.0, 2.5]).contains(&"1.2".to_owned()));
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.1 + 0.2, 1234.567, 0.00001234, -2.5e7, 100.0].map(number);
        assert_eq!(shown, ["0", "0.3", "1234.6", "1.23e-5", "-2.5e7", "100"]);
    }

    #[test]
    fn wide_ranges_are_logarithmic_and_empty_ones_have_a_place() {
        assert!(is_wide([0.005, 0.3].into_iter()) && !is_wide([0.0, 3.0].into_iter()));
        let log = Range::of([1.0, 100.0].into_iter(), true);
        assert_eq!(log.share(10.0), Some(0.5));
        assert_eq!(log.share(0.0), None);
        assert_eq!(
            Range::of([f64::NAN].into_iter(), false).share(0.5),
            Some(0.5)
        );
        assert_eq!(Range::of([3.0].into_iter(), false).share(3.0), Some(0.5));
    }
}
